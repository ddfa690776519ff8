"""Judging one step whole: who may take it, what is answered, what holds, where it leads. Every reason, not the first.

The same judgement serves doing, asking and showing, so they cannot disagree.
"""

from collections.abc import Mapping

from stegvis.routines.condition import Condition
from stegvis.routines.form import Problem, Value
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE
from stegvis.routines.rules import Asked, CompiledGuard, Move, Rules, allowed
from stegvis.routines.text import Text, plain

from .asking import Ask
from .beginning import already
from .facts import with_derived
from .instants import end_of, text_of
from .powers import decider
from .reasons import fact_titles, guard_reason, reason, roles_text
from .values import Actor, Decided, Facts, GuardResult, Outcome, Reason, Run

LONGEST_REASON = 2000


class Judgement:
    """What was found about one step; ``reasons`` is empty when it may be taken."""

    __slots__ = (
        "anew",
        "branch",
        "facts",
        "given",
        "guards",
        "lost",
        "missing",
        "order",
        "reads",
        "reasons",
        "role",
        "target",
    )

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self.role = ""
        self.branch = 0
        self.target = ""
        self.given: dict[str, Value] = {}
        self.facts: Facts = self.given
        self.guards: list[GuardResult] = []
        self.reads: list[tuple[str, Mapping[str, Value]]] = []
        self.missing: list[str] = []
        self.lost: list[str] = []
        self.anew = False
        self.order: Decided | None = None


def judge(ask: Ask, rules: Rules, move: Move, run: Run | None) -> Judgement:
    """Judge a step with its form answered."""
    found = Judgement()
    _who(ask, move, run, found)
    problems = _read(ask, move, run, found)
    found.anew, found.facts = _known(ask, rules, move, run, found.given)
    _answers(ask, move, problems, found)
    _links(ask, move, run, found)
    _guards(ask, rules, move, found, _NOTHING)
    _lead(ask, rules, move, found)
    return found


_NOTHING: frozenset[str] = frozenset()


def asked_now(ask: Ask, rules: Rules, move: Move, run: Run | None, form: Mapping[str, object]) -> tuple[Asked, ...]:
    """The questions of a step that are to be asked, by what has been answered so far.

    One whose condition is not known yet is not asked before it is; a form that is completed asks only what is missing.
    """
    given, _ = move.questions.read(form, now=ask.at, today=ask.today)
    _, facts = _known(ask, rules, move, run, given)
    before: Facts = run.facts if run is not None and move.kind == "complete" else {}
    return tuple(
        one
        for one in move.asked
        if (one.when is None or one.when.evaluate(facts) is True) and before.get(one.fact) is None
    )


def glance(ask: Ask, rules: Rules, move: Move, run: Run) -> Judgement:
    """Judge a step before its form is answered: what rests on the answers alone is left open, not refused."""
    found = Judgement()
    _who(ask, move, run, found)
    given: Facts = run.pending.form if move.kind == "approve" and run.pending is not None else {}
    _, found.facts = _known(ask, rules, move, run, given)
    _links(ask, move, run, found)
    _guards(ask, rules, move, found, _resting_on(rules, move.answers))
    return found


def _known(ask: Ask, rules: Rules, move: Move, run: Run | None, given: Facts) -> tuple[bool, Facts]:
    """The facts with what a step gives, and whether its form was answered before.

    A form answered again is answered anew: its earlier answers do not linger.
    """
    before: Facts = run.facts if run is not None else {}
    anew = move.kind != "complete" and not move.answers.isdisjoint(before)
    if anew:
        before = {name: value for name, value in before.items() if name not in move.answers}
    return anew, with_derived(rules, move.derived, {**before, **given}, ask.command.outside, ask.now)


def _resting_on(rules: Rules, asked: frozenset[str]) -> frozenset[str]:
    """The facts asked for, and those derived from them."""
    resting = set(asked)
    for name, one in rules.routine.derived.items():
        condition = rules.derived[name]
        sources = {one.age_group, one.since, one.known, *(condition.names if condition is not None else ())}
        if sources & resting:
            resting.add(name)
    return frozenset(resting)


def _who(ask: Ask, move: Move, run: Run | None, found: Judgement) -> None:
    actor, step = ask.actor, move.step
    library = ask.library
    roles = allowed(move.by, actor.roles)
    if roles:
        found.role = min(roles)
    else:
        found.reasons.append(reason(library, "role", "not_you", None, roles=who_may(library, move)))
    if run is not None and move.kind not in {"step", "propose"}:
        _second(ask, move, run, found)
        return
    if step.holder and run is not None and run.holder != actor.id and not _stands_in(ask, run):
        nobody = run.holder is None
        found.reasons.append(
            reason(library, "no_holder" if nobody else "not_holder", "not_yet" if nobody else "not_you")
        )
    if step.delegation is not None:
        decided = decider(library, step.delegation, actor, roles)
        if isinstance(decided, list):
            found.reasons.extend(decided)
        elif decided is not None:
            found.role, found.order = decided
    if step.qualified and not actor.qualified:
        found.reasons.append(reason(library, "qualified", "not_you"))


def _stands_in(ask: Ask, run: Run) -> bool:
    """Whether the actor is here in place of whoever has the case."""
    return run.holder is not None and ask.ground is not None and ask.ground.on == "stand_in"


def who_may(library: Library, move: Move) -> Text:
    """Who takes the step, in words."""
    return library.words["reasons.everyone"] if EVERYONE in move.by else roles_text(library, move.by)


def _second(ask: Ask, move: Move, run: Run, found: Judgement) -> None:
    """A second person is another person, on every path."""
    doers: tuple[str, ...] = ()
    if run.pending is not None and move.kind in {"approve", "reject"}:
        doers = (run.pending.actor,)
    if move.kind in {"review", "complete"}:
        owed = run.owed.get(move.trigger)
        if owed is None:
            found.reasons.append(reason(ask.library, "nothing_owed", "not_yet"))
        elif move.kind == "review":
            doers = owed
    if ask.actor.id in doers:
        found.reasons.append(reason(ask.library, "same_person", "not_you", None, roles=who_may(ask.library, move)))


def _read(ask: Ask, move: Move, run: Run | None, found: Judgement) -> list[Problem]:
    """Read what was answered; what awaits approval was read when it was proposed."""
    if move.kind == "approve":
        found.given = dict(run.pending.form) if run is not None and run.pending is not None else {}
    if move.kind == "approve" or not move.fields:
        return [Problem("unknown_field", "?")] if ask.command.form else []
    found.given, problems = move.questions.read(ask.command.form, now=ask.at, today=ask.today)
    return problems


def _answers(ask: Ask, move: Move, problems: list[Problem], found: Judgement) -> None:
    """What the form asks and nobody answered, what was answered though it is not asked, and what could not be read."""
    if ask.command.kind == "receive":
        # What arrives is received: what cannot be read is left out, and named in the record.
        found.lost = sorted({f"{problem.code}:{problem.field}" for problem in problems})
        problems.clear()
    facts, named = found.facts, {problem.field for problem in problems}
    # The step's own form may wait; what a second person answers about it may not.
    later = (move.step.complete_later and move.kind in {"step", "propose"}) or ask.command.kind == "receive"
    for one in move.demands:
        asked = True if one.when is None else one.when.evaluate(facts)
        if facts.get(one.fact) is not None:
            if asked is False and one.fact in found.given:
                problems.append(Problem("not_asked", one.name))
        elif asked and one.field.required:
            found.missing.append(one.name)
            if not later and one.name not in named:
                problems.append(Problem("missing", one.name))
    for problem in problems:
        kind = "missing" if problem.code == "missing" else "invalid"
        about = f"{move.form}.{problem.field}"
        found.reasons.append(reason(ask.library, problem.code, kind, about, field=_title(move, problem.field)))


def _links(ask: Ask, move: Move, run: Run | None, found: Judgement) -> None:
    """What a step needs of what went before: what is begun already, what was sent, the limit that is prolonged."""
    if not move.leans:
        return
    step = move.step
    found.reasons.extend(already(ask, move))
    if run is None or move.kind not in {"step", "propose", "approve"}:
        return
    about = step.handoff.about if step.handoff is not None else step.revokes
    if about is not None and not any(one.trigger.partition(".")[0] == about for one in run.sent.values()):
        found.reasons.append(reason(ask.library, "nothing_sent", "not_yet"))
    until = found.given.get(step.prolongs.until) if step.prolongs is not None else None
    due = run.due.get(step.prolongs.deadline) if step.prolongs is not None else None
    if isinstance(until, str) and due is not None and text_of(end_of(until)) <= (due.legal or due.internal):
        found.reasons.append(
            reason(ask.library, "not_later", "invalid", step.prolongs.until if step.prolongs else None)
        )


def _title(move: Move, name: str) -> Text:
    asked = move.fields.get(name.partition("[")[0])
    return asked.title if asked is not None else plain(name)


def _guards(ask: Ask, rules: Rules, move: Move, found: Judgement, open_facts: frozenset[str]) -> None:
    facts = found.facts
    for guard in move.guards:
        held = guard.condition.evaluate(facts)
        if held is None and open_facts and _rests(guard.condition, facts) & open_facts:
            continue
        out: Outcome = "true" if held else "unknown" if held is None else "false"
        role = _overridden(ask, guard, found) if held is not True else None
        result: GuardResult = {"id": guard.guard.id, "ver": guard.version, "out": out}
        if role is not None:
            result["out"] = out = "overridden"
            result["by"] = role
        found.guards.append(result)
        found.reads.append((guard.guard.id, {name: facts.get(name) for name in guard.needs}))
        if out in {"false", "unknown"}:
            found.reasons.append(_why(ask, rules, guard, facts, held))


def _why(ask: Ask, rules: Rules, guard: CompiledGuard, facts: Facts, held: bool | None) -> Reason:  # noqa: FBT001 - three values
    shown = not guard.guard.see or bool(ask.actor.roles & set(guard.guard.see))
    hidden = not shown or not may_see(rules, guard.condition.names, ask.actor)
    unknown = _rests(guard.condition, facts) if held is None else frozenset[str]()
    return guard_reason(ask.library, rules, guard, unknown=unknown, hidden=hidden)


def _rests(condition: Condition, facts: Facts) -> frozenset[str]:
    """The unknown facts that keep a condition from being decided."""
    leaves = condition.why(facts)
    return frozenset(name for leaf in leaves if leaf.outcome == "unknown" for name in leaf.names)


def _overridden(ask: Ask, guard: CompiledGuard, found: Judgement) -> str | None:
    """The role in which the actor steps over the guard; None where they do not."""
    why = ask.command.overrides.get(guard.guard.id)
    if why is None:
        return None
    override, library = guard.guard.override, ask.library
    roles = ask.actor.roles & set(override.by) if override is not None else frozenset[str]()
    if override is None:
        found.reasons.append(reason(library, "no_override", "forbidden", guard.guard.id))
    elif not roles:
        titles = roles_text(library, override.by)
        found.reasons.append(reason(library, "override_role", "not_you", guard.guard.id, roles=titles))
    elif not why.strip() or len(why) > LONGEST_REASON:
        found.reasons.append(reason(library, "override_reason", "missing", guard.guard.id))
    else:
        return min(roles)
    return None


def _lead(ask: Ask, rules: Rules, move: Move, found: Judgement) -> None:
    """Choose the one branch that holds; an undecided one is "not known yet", never "otherwise"."""
    unknown: set[str] = set()
    otherwise = -1
    for number, branch in enumerate(move.branches):
        if branch.otherwise:
            otherwise = number
            continue
        held = True if branch.condition is None else branch.condition.evaluate(found.facts)
        if held is True:
            found.branch, found.target = number, branch.target
            return
        if held is None and branch.condition is not None:
            unknown |= _rests(branch.condition, found.facts)
    if otherwise >= 0 and not unknown:
        found.branch, found.target = otherwise, move.branches[otherwise].target
    elif not any(one.kind in {"missing", "invalid"} for one in found.reasons):
        # a form that is not answered says it better
        found.reasons.append(_nowhere(ask, rules, frozenset(unknown)))


def _nowhere(ask: Ask, rules: Rules, unknown: frozenset[str]) -> Reason:
    if not may_see(rules, unknown, ask.actor):
        return reason(ask.library, "not_available", "not_you")
    return reason(ask.library, "nowhere", "not_yet", None, facts=fact_titles(rules, unknown))


def may_see(rules: Rules, facts: frozenset[str], actor: Actor) -> bool:
    """Whether the actor may read every one of these facts, through what they are derived from."""
    return all(_sees(rules, fact, actor) for fact in facts)


def _sees(rules: Rules, fact: str, actor: Actor) -> bool:
    form, _, name = fact.partition(".")
    routine = rules.routine
    if not name:
        one = routine.derived.get(form)
        if one is None:
            return True
        condition = rules.derived[form]
        sources = {source for source in (one.age_group, one.since, one.known) if source is not None}
        return may_see(rules, frozenset(sources | set(condition.names if condition is not None else ())), actor)
    fields = routine.handed if form == "handed" else routine.forms[form].fields if form in routine.forms else {}
    field_ = fields.get(name)
    return field_ is None or not field_.see or bool(actor.roles & set(field_.see))
