"""The plainest model of a run: read from the routine as it is written, not as it is compiled, and moved by hand.

It says what must stand in the way of a step, where the step leads, and what is so afterwards. The engine is held to it
by ``routine_machine.py``; nothing here goes through the engine's own judgement.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias, cast

from stegvis.engine.values import Actor
from stegvis.routines.delegation import DelegationOrder
from stegvis.routines.facttypes import FactType, Scope, Value
from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE, HERE, OPEN, Routine, Start, Transition
from stegvis.routines.periods import period
from stegvis.routines.rules import scope_of, steps_of

from .truth import FALSE, TRUE, Facts, Truths, last_instant, text_of, with_derived

Kind: TypeAlias = Literal["step", "propose", "approve", "reject", "withdraw", "review", "complete", "acute"]

AGAIN = frozenset({"step", "propose", "approve"})
"""The kinds of step whose guards are judged."""


class Way(NamedTuple):
    """One step out of a state, as the definition means it."""

    trigger: str
    kind: Kind
    base: str
    step: Transition


class Objection(NamedTuple):
    """Something that must stand in the way: one of the codes that a refusal may tell it by, and what it is about."""

    codes: frozenset[str]
    about: str | None = None


class Power(NamedTuple):
    """Who takes a kind of decision, where a delegation order says."""

    roles: frozenset[str]
    qualified: bool


def powers_of(library: Library) -> dict[str, Power]:
    """Who takes each kind of decision, read from the order as it is written."""
    order = cast("DelegationOrder", library.orders["delegation"].says)
    return {
        name: Power(
            frozenset(role for level in entry.by for role in order.levels[level].roles),
            library.roles.delegations[name].qualified,
        )
        for name, entry in order.decisions.items()
    }


@dataclass
class PlainRun:
    """A run as it should be after what was accepted."""

    id: str
    case: str
    organisation: str
    routine: Routine
    opened: str
    state: str = ""
    person: str | None = None
    holder: str | None = None
    facts: dict[str, Value] = field(default_factory=dict[str, Value])
    proposed: tuple[str, dict[str, Value]] | None = None
    """Who proposed the step that awaits a second person, and with which answers."""
    owed: dict[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    """What is to be completed or reviewed, and who took the steps."""
    running: set[str] = field(default_factory=set[str])
    sent: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Hand-offs in order: the step's name, the hand-off's id. Those about an earlier one are not among them."""
    revoked: set[str] = field(default_factory=set[str])
    rejected: set[str] = field(default_factory=set[str])
    origin: str | None = None
    ended: str | None = None
    trace: list[str] = field(default_factory=list[str])
    """Steps taken, in order; a step that two must agree on counts when the second has."""
    entered: list[str] = field(default_factory=list[str])
    powers: Mapping[str, Power] = field(default_factory=dict[str, Power])
    scope: Scope = field(default_factory=dict[str, FactType])

    def __post_init__(self) -> None:
        self.scope = scope_of(self.routine)


def ways(routine: Routine, state: str) -> dict[str, Way]:
    """Every step that exists in a state of the running routine, by name."""
    origin, _, awaited = state.partition(".")
    shared = {name: step for name, step in routine.shared.items() if origin in step.states}
    here: dict[str, Transition] = {**routine.states[origin].transitions, **shared}
    found: dict[str, Way] = {}
    if awaited:
        for kind in ("approve", "reject", "withdraw"):
            found[f"{awaited}.{kind}"] = Way(f"{awaited}.{kind}", kind, awaited, here[awaited])
        here = {name: step for name, step in shared.items() if name != awaited and not _before(step)}
    for name, step in here.items():
        found[name] = Way(name, "propose" if _before(step) else "step", name, step)
    for name, step in steps_of(routine):
        if step.complete_later:
            found.setdefault(f"{name}.complete", Way(f"{name}.complete", "complete", name, step))
        if step.four_eyes is not None and step.four_eyes.afterwards:
            found.setdefault(f"{name}.review", Way(f"{name}.review", "review", name, step))
    if routine.acute is not None and routine.states[origin].end is None:
        step = Transition(title=routine.acute.title, by=routine.acute.by, to=HERE)
        found["acute"] = Way("acute", "acute", "acute", step)
    return found


def opening(routine: Routine) -> Way:
    """The step that opens a run."""
    return Way(OPEN, "step", OPEN, routine.opens)


def _before(step: Transition) -> bool:
    return step.four_eyes is not None and not step.four_eyes.afterwards


def fields_of(library: Library, routine: Routine, way: Way, now: datetime) -> tuple[str, Mapping[str, Field]]:
    """The form that a step asks, by name, with its questions."""
    if way.kind in {"reject", "review"}:
        name = {"reject": "rejection", "review": "review"}[way.kind]
        return name, library.builtin.forms[name].fields
    if way.kind == "acute" and routine.acute is not None:
        other = library.routine(routine.acute.routine, now.date()).routine
        return fields_of(library, other, opening(other), now)
    if way.kind in {"approve", "withdraw"} or way.step.form is None:
        return "", {}
    return way.step.form, routine.forms[way.step.form].fields


# ---- what must stand in the way -----------------------------------------------------------------------------------


class Attempt(NamedTuple):
    """Somebody tries a step: with which answers (by fact), stepping over which guards, when."""

    way: Way
    actor: Actor
    given: Mapping[str, Value]
    overrides: Mapping[str, str]
    now: datetime
    counted: Mapping[str, int]
    limits: Mapping[str, str] = {}
    """Until when the law gives time for each running deadline."""


def given_by(run: PlainRun, attempt: Attempt) -> Mapping[str, Value]:
    """The answers that a step brings; those that a second person approves were given when the step was proposed."""
    return run.proposed[1] if attempt.way.kind == "approve" and run.proposed is not None else attempt.given


def seen(run: PlainRun, attempt: Attempt) -> Facts:
    """The facts on which an attempt is judged."""
    facts = {**kept(run, attempt.way), **given_by(run, attempt)}
    return with_derived(run.routine, run.scope, facts, attempt.now, attempt.counted)


def kept(run: PlainRun, way: Way) -> Facts:
    """The facts that a step does not ask for again: a form that is answered anew forgets its earlier answers."""
    form = {"reject": "rejection", "review": "review", "withdraw": "", "complete": "", "acute": ""}
    asked = form.get(way.kind, way.step.form or "")
    return {fact: value for fact, value in run.facts.items() if not asked or fact.partition(".")[0] != asked}


def who_objects(run: PlainRun, way: Way, actor: Actor) -> Iterator[Objection]:
    """What is wrong with who tries: role, second person, holder, delegation, competence."""
    step, eyes = way.step, way.step.four_eyes
    by = eyes.by if way.kind in {"approve", "reject", "review"} and eyes is not None else step.by
    if not (actor.roles and EVERYONE in by) and not actor.roles & set(by):
        yield Objection(frozenset({"role"}))
    if way.kind in {"review", "complete"} and way.trigger not in run.owed:
        yield Objection(frozenset({"nothing_owed"}))
    doers = run.owed.get(way.trigger, ()) if way.kind == "review" else ()
    if way.kind in {"approve", "reject"} and run.proposed is not None:
        doers = (run.proposed[0],)
    if actor.id in doers:
        yield Objection(frozenset({"same_person"}))
    if way.kind in {"step", "propose"}:
        yield from _power_objects(run, way, actor)


def _power_objects(run: PlainRun, way: Way, actor: Actor) -> Iterator[Objection]:
    if way.step.holder and way.trigger != OPEN and run.holder != actor.id:
        yield Objection(frozenset({"no_holder", "not_holder"}))
    if way.step.delegation is not None and way.step.delegation not in actor.delegations:
        yield Objection(frozenset({"delegation"}))
    power = run.powers.get(way.step.delegation or "")
    mine = actor.roles if EVERYONE in way.step.by else actor.roles & set(way.step.by)
    if power is not None and mine and not mine & power.roles:
        yield Objection(frozenset({"not_decider"}))
    if way.step.qualified and not actor.qualified:
        yield Objection(frozenset({"qualified"}))


def correction_objects(run: PlainRun, form: str, actor: Actor) -> Iterator[Objection]:
    """What is wrong with who corrects an answer; one that belongs to a decision takes the power of the decision."""
    mine = actor.roles & set(run.routine.correct.by)
    if not mine:
        yield Objection(frozenset({"role"}))
    asked = {step.delegation for _, step in steps_of(run.routine) if step.form == form}
    known = sorted(name for name in asked if name in run.powers and name is not None)
    if None in asked or not known:
        return
    name = next((one for one in known if one in actor.delegations), known[0])
    if name not in actor.delegations:
        yield Objection(frozenset({"delegation"}))
    if mine and not mine & run.powers[name].roles:
        yield Objection(frozenset({"not_decider"}))
    if run.powers[name].qualified and not actor.qualified:
        yield Objection(frozenset({"qualified"}))


def guards_object(run: PlainRun, attempt: Attempt) -> Iterator[Objection]:
    """The guards that are not true and not rightly stepped over, and a step that leads nobody knows where."""
    truths, facts = Truths(run.scope), seen(run, attempt)
    for guard in attempt.way.step.require if attempt.way.kind in AGAIN else ():
        out = truths.of(guard.when, facts)
        if out == TRUE or may_override(attempt, guard.id):
            continue
        codes = {"guard", "not_known", "not_available"}
        yield Objection(frozenset(codes), guard.id)
    if target(run, attempt) is None:
        yield Objection(frozenset({"nowhere", "not_available"}))
    yield from _links_object(run, attempt)


def _links_object(run: PlainRun, attempt: Attempt) -> Iterator[Objection]:
    """A hand-off to ask about or to revoke has to be there, and a prolonging has to give more time."""
    step = attempt.way.step
    if attempt.way.kind not in AGAIN or attempt.way.trigger == OPEN:
        return
    about = step.handoff.about if step.handoff is not None else step.revokes
    if about is not None and about not in {name for name, _ in run.sent}:
        yield Objection(frozenset({"nothing_sent"}))
    if step.prolongs is not None:
        until, limit = given_by(run, attempt).get(step.prolongs.until), attempt.limits.get(step.prolongs.deadline)
        if isinstance(until, str) and limit is not None and last_instant(until) <= limit:
            yield Objection(frozenset({"not_later"}))


def may_override(attempt: Attempt, guard_id: str) -> bool:
    """Whether the attempt steps over a guard with a reason, by somebody who may."""
    why = attempt.overrides.get(guard_id, "")
    guard = next((one for one in attempt.way.step.require if one.id == guard_id), None)
    if guard is None or guard.override is None or not why.strip():
        return False
    return bool(attempt.actor.roles & set(guard.override.by))


def target(run: PlainRun, attempt: Attempt) -> str | None:
    """Where a step leads; None when what decides it is not known."""
    way, origin = attempt.way, run.state.partition(".")[0]
    match way.kind:
        case "propose":
            return f"{run.state}.{way.trigger}"
        case "reject" | "withdraw":
            return origin
        case "review" | "complete" | "acute":
            return run.state
        case _:
            here = origin if way.kind == "approve" else run.state
    if isinstance(way.step.to, str):
        return here if way.step.to == HERE else way.step.to
    truths, facts = Truths(run.scope), seen(run, attempt)
    outs = [(one, FALSE if one.when is None else truths.of(one.when, facts)) for one in way.step.to]
    chosen = next((one for one, out in outs if out == TRUE), None)
    if chosen is None and all(out == FALSE for _, out in outs):
        chosen = next((one for one, _ in outs if one.otherwise), None)
    if chosen is None:
        return None
    return here if chosen.state == HERE else chosen.state


# ---- what is so afterwards ----------------------------------------------------------------------------------------


def move(run: PlainRun, attempt: Attempt, *, happened: str, missing: bool) -> None:
    """Move the run by an accepted step. ``missing`` tells that asked and required answers were left out."""
    way, leads = attempt.way, target(run, attempt)
    facts = seen(run, attempt)
    assert leads is not None  # noqa: S101 - the caller has looked
    clocks(run, way, facts, leads)
    if way.kind == "propose":
        run.proposed = (attempt.actor.id, dict(attempt.given))
    else:
        before = kept(run, way) if way.kind in {"step", "approve"} else run.facts
        run.facts = {**before, **given_by(run, attempt)}
        if leads != run.state:
            run.proposed = None
    if way.kind in {"step", "approve"}:
        _settle(run, way, facts, attempt.actor.id, missing=missing)
        run.trace.append(way.base)
    elif way.kind in {"review", "complete"}:
        run.owed.pop(way.trigger, None)
    if way.trigger != way.base or way.kind == "propose":
        run.trace.append(way.trigger if way.kind != "propose" else f"{way.trigger}.propose")
    if leads != run.state:
        run.entered.append(leads)
        run.ended = None
    run.state = leads
    if run.routine.states[leads.partition(".")[0]].end is not None:
        run.ended = run.ended or happened


def _settle(run: PlainRun, way: Way, facts: Facts, doer: str, *, missing: bool) -> None:
    step = way.step
    owed = [f"{way.base}.complete"] if step.complete_later and missing else []
    owed += [f"{way.base}.review"] if step.four_eyes is not None and step.four_eyes.afterwards else []
    for name in owed:
        run.owed[name] = tuple(dict.fromkeys((*run.owed.get(name, ()), doer)))
    holder = facts.get(step.assigns or "")
    person = facts.get(step.identifies or "")
    run.holder = holder if isinstance(holder, str) else run.holder
    run.person = person if isinstance(person, str) else run.person


def clocks(run: PlainRun, way: Way, facts: Facts, leads: str) -> None:
    """Start and stop the run's deadlines: what is not known starts one, and after the end only what can be met runs."""
    fired = {f"{way.trigger}.propose" if way.kind == "propose" else way.trigger}
    if way.kind == "approve":
        fired.add(way.base)
    truths = Truths(run.scope)
    for name, deadline in run.routine.deadlines.items():
        starts = [(one.on, one.when) if isinstance(one, Start) else (one, None) for one in deadline.starts]
        if fired & set(deadline.met_by):
            run.running.discard(name)
        if way.kind == "complete" and any(
            on == way.base and when is not None and truths.of(when, facts) == FALSE for on, when in starts
        ):
            run.running.discard(name)
        if any(on in fired and (when is None or truths.of(when, facts) != FALSE) for on, when in starts):
            run.running.add(name)
    if run.routine.states[leads.partition(".")[0]].end is not None:
        left = ways(run.routine, leads).keys()
        run.running = {name for name in run.running if left & set(run.routine.deadlines[name].met_by)}


def left_out(run: PlainRun, fields: Mapping[str, Field], form: str, attempt: Attempt) -> bool:
    """Whether a required question that is asked has no answer."""
    facts = seen(run, attempt)
    return any(
        one.required and facts.get(f"{form}.{name}") is None and is_asked(run, one, attempt) == TRUE
        for name, one in fields.items()
    )


def is_asked(run: PlainRun, one: Field, attempt: Attempt) -> int:
    """Whether a question is asked, given the other answers."""
    return TRUE if one.when is None else Truths(run.scope).of(one.when, seen(run, attempt))


def names_another(runs: Iterable[PlainRun], run: PlainRun, attempt: Attempt) -> bool:
    """Whether a step names another person than the one that this run, or another run of the case, is about."""
    person = seen(run, attempt).get(attempt.way.step.identifies or "")
    mine = (one for one in runs if one.case == run.case and one.organisation == run.organisation)
    return isinstance(person, str) and any(one.person not in {None, person} for one in (run, *mine))


def carried(carries: Mapping[str, str], facts: Facts) -> dict[str, Value]:
    """What a hand-off or a reply takes with it: the declared facts that are known."""
    return {name: facts[source] for name, source in carries.items() if facts.get(source) is not None}


# ---- among runs ---------------------------------------------------------------------------------------------------


def counted(runs: Iterable[PlainRun], run: PlainRun, now: datetime) -> dict[str, int]:
    """How many earlier runs about the same person each counting fact counts."""
    found: dict[str, int] = {}
    for name, one in run.routine.derived.items():
        if one.earlier is None or run.person is None:
            continue
        since = text_of(now - period(one.earlier.within))
        found[name] = sum(
            other.routine.routine == one.earlier.routine
            and other.person == run.person
            and other.organisation == run.organisation
            and other.case != run.case
            and other.ended is not None
            and other.ended >= since
            and other.state in one.earlier.ended
            for other in runs
        )
    return found


def broken_properties(run: PlainRun) -> Sequence[str]:
    """The ids of the routine's declared properties that the run's history breaks."""
    return [one.id for one in run.routine.properties if _broken(run, one.never, one.never_state, one.before)] + [
        one.id for one in run.routine.properties if one.contacts_family == "never" and _contacted(run)
    ]


def _broken(run: PlainRun, never: str | None, never_state: str | None, before: str | None) -> bool:
    if never is not None:
        where, what = run.trace, never
    elif never_state is not None and before is None:
        return never_state in run.entered
    else:
        return False
    if what not in where:
        return False
    return before is None or before not in where[: where.index(what)]


def _contacted(run: PlainRun) -> bool:
    return any(step.contacts_family for name, step in steps_of(run.routine) if name in run.trace)
