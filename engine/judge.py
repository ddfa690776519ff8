"""Judging one step whole: who may take it, what is answered, what holds, where it leads. Every reason, not the first.

The same judgement serves doing, asking and showing, so they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from stegvis.routines.condition import Condition
from stegvis.routines.form import Problem, Value, read_answers
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE
from stegvis.routines.rules import CompiledGuard, Move, Rules, allowed

from .facts import with_derived
from .instants import local_day
from .reasons import field_title, guard_reason, reason, roles_text
from .values import Actor, Command, Facts, GuardResult, Reason, Run

LONGEST_REASON = 2000


@dataclass(slots=True)
class Judgement:
    """What was found about one step; ``reasons`` is empty when it may be taken."""

    reasons: list[Reason] = field(default_factory=list[Reason])
    role: str = ""
    branch: int = 0
    target: str = ""
    given: dict[str, Value] = field(default_factory=dict[str, Value])
    facts: Facts = field(default_factory=dict[str, Value])
    guards: list[GuardResult] = field(default_factory=list[GuardResult])
    reads: list[tuple[str, Mapping[str, Value]]] = field(default_factory=list[tuple[str, Mapping[str, Value]]])
    missing: list[str] = field(default_factory=list[str])


def judge(  # noqa: PLR0913 - everything a step hangs on
    library: Library, rules: Rules, move: Move, run: Run | None, command: Command, actor: Actor, now: datetime, now_text: str
) -> Judgement:
    """Judge a step with its form answered."""
    found = Judgement()
    _who(library, move, run, actor, found)
    before = run.facts if run is not None else {}
    _answers(library, rules, move, run, command, before, now, now_text, found)
    facts: Facts = {**before, **found.given} if found.given else before
    found.facts = with_derived(rules, move.derived, facts, command.outside, now)
    _guards(library, rules, move, command, actor, found, frozenset())
    _lead(library, rules, move, actor, found, frozenset())
    return found


def glance(  # noqa: PLR0913
    library: Library, rules: Rules, move: Move, run: Run, outside: Mapping[str, int], actor: Actor, now: datetime
) -> Judgement:
    """Judge a step before its form is answered: what rests on the answers alone is left open, not refused."""
    found = Judgement()
    _who(library, move, run, actor, found)
    facts = run.facts
    asked = frozenset(f"{move.form}.{name}" for name in move.fields)
    if move.kind == "approve" and run.pending is not None:
        facts = {**facts, **run.pending.form}
    elif asked:
        facts = {name: value for name, value in facts.items() if name not in asked}
    found.facts = with_derived(rules, move.derived, facts, outside, now)
    _guards(library, rules, move, Command(kind="take", run=run.id, trigger=move.trigger), actor, found, _resting_on(rules, asked))
    return found


def _resting_on(rules: Rules, asked: frozenset[str]) -> frozenset[str]:
    """The facts asked for, and those derived from them."""
    resting = set(asked)
    for name, one in rules.routine.derived.items():
        condition = rules.derived[name]
        sources = {one.age_group, one.since, one.known} | (set(condition.names) if condition is not None else set())
        if sources & resting:
            resting.add(name)
    return frozenset(resting)


def _who(library: Library, move: Move, run: Run | None, actor: Actor, found: Judgement) -> None:
    step = move.step
    roles = allowed(move.by, actor.roles)
    if roles:
        found.role = min(roles)
    else:
        wanted = library.words["reasons.everyone"] if EVERYONE in move.by else roles_text(library, move.by)
        found.reasons.append(reason(library, "role", "not_you", None, roles=wanted))
    if move.kind in {"approve", "reject"} and run is not None and run.pending is not None and run.pending.actor == actor.id:
        found.reasons.append(reason(library, "same_person", "not_you", None, roles=roles_text(library, move.by)))
    if move.kind in {"review", "complete"} and run is not None:
        doer = run.owed.get(move.trigger)
        if doer is None:
            found.reasons.append(reason(library, "nothing_owed", "not_yet"))
        elif move.kind == "review" and doer == actor.id:
            found.reasons.append(reason(library, "same_person", "not_you", None, roles=roles_text(library, move.by)))
    if move.kind not in {"step", "propose"}:
        return
    if step.holder and run is not None and run.holder != actor.id:
        code = "no_holder" if run.holder is None else "not_holder"
        found.reasons.append(reason(library, code, "not_yet" if run.holder is None else "not_you"))
    if step.delegation is not None and step.delegation not in actor.delegations:
        found.reasons.append(reason(library, "delegation", "not_you", step.delegation, what=library.roles.delegations[step.delegation].title))
    if step.qualified and not actor.qualified:
        found.reasons.append(reason(library, "qualified", "not_you"))


def _answers(  # noqa: PLR0913
    library: Library, rules: Rules, move: Move, run: Run | None, command: Command, before: Facts, now: datetime, now_text: str, found: Judgement
) -> None:
    if move.kind == "approve":
        if run is not None and run.pending is not None:
            found.given = dict(run.pending.form)
        return
    if not move.fields:
        if command.form:
            found.reasons.append(reason(library, "unknown_field", "invalid"))
        return
    answers, problems = read_answers(move.fields, command.form, now=now_text, today=local_day(now).isoformat())
    prefix = f"{move.form}."
    found.given = {prefix + name: value for name, value in answers.items()}
    named = {problem.field for problem in problems}
    if move.whens:
        conditional = with_derived(rules, move.derived, {**before, **found.given}, command.outside, now)
    else:
        conditional = found.given
    received = command.kind == "receive"
    for name, one in move.fields.items():
        when = move.whens.get(name)
        asked = True if when is None else when.evaluate(conditional)
        if name in answers:
            if asked is False:
                problems.append(Problem("not_asked", name))
        elif one.required and asked and name not in named:
            found.missing.append(name)
    problems.extend(Problem("missing", name) for name in found.missing if not (move.step.complete_later and move.kind != "complete") and not received)
    for problem in problems:
        kind = "missing" if problem.code == "missing" else "invalid"
        title = field_title(rules, prefix + problem.field.partition("[")[0]) if move.form in rules.routine.forms else _own_title(move, problem.field)
        found.reasons.append(reason(library, problem.code, kind, prefix + problem.field, field=title))


def _own_title(move: Move, name: str):  # noqa: ANN202
    from stegvis.routines.text import plain

    one = move.fields.get(name)
    return one.title if one is not None else plain(name)


def _guards(  # noqa: PLR0913
    library: Library, rules: Rules, move: Move, command: Command, actor: Actor, found: Judgement, open_facts: frozenset[str]
) -> None:
    facts = found.facts
    for guard in move.guards:
        held = guard.condition.evaluate(facts)
        read = {name: facts.get(name) for name in guard.needs}
        if held is True:
            found.guards.append({"id": guard.guard.id, "ver": guard.version, "out": "true"})
            found.reads.append((guard.guard.id, read))
            continue
        if held is None and open_facts and _rests(guard.condition, facts) & open_facts:
            continue
        if _overridden(library, guard, command, actor, found):
            found.guards.append({"id": guard.guard.id, "ver": guard.version, "out": "overridden"})
            found.reads.append((guard.guard.id, read))
            continue
        found.guards.append({"id": guard.guard.id, "ver": guard.version, "out": "unknown" if held is None else "false"})
        hidden = bool(guard.guard.see) and not (actor.roles & set(guard.guard.see)) or not may_see(rules, guard.condition.names, actor)
        unknown = _rests(guard.condition, facts) if held is None else frozenset[str]()
        found.reasons.append(guard_reason(library, rules, guard, unknown=unknown, hidden=hidden))


def _rests(condition: Condition, facts: Facts) -> frozenset[str]:
    """The unknown facts that keep a condition from being decided."""
    return frozenset(name for leaf in condition.why(facts) if leaf.outcome == "unknown" for name in leaf.names) or frozenset(
        name for name in condition.names if facts.get(name) is None
    )


def _overridden(library: Library, guard: CompiledGuard, command: Command, actor: Actor, found: Judgement) -> bool:
    why = command.overrides.get(guard.guard.id)
    if why is None:
        return False
    override = guard.guard.override
    if override is None:
        found.reasons.append(reason(library, "no_override", "forbidden", guard.guard.id))
    elif not actor.roles & set(override.by):
        found.reasons.append(reason(library, "override_role", "not_you", guard.guard.id, roles=roles_text(library, override.by)))
    elif not why.strip() or len(why) > LONGEST_REASON:
        found.reasons.append(reason(library, "override_reason", "missing", guard.guard.id))
    else:
        return True
    return False


def _lead(library: Library, rules: Rules, move: Move, actor: Actor, found: Judgement, open_facts: frozenset[str]) -> None:
    """Choose the one branch that holds; an undecided one before the end is "not known yet", never "otherwise"."""
    del open_facts
    unknown: set[str] = set()
    otherwise = -1
    for number, branch in enumerate(move.branches):
        if branch.condition is None:
            if branch.otherwise:
                otherwise = number
                continue
            found.branch, found.target = number, branch.target
            return
        held = branch.condition.evaluate(found.facts)
        if held is True:
            found.branch, found.target = number, branch.target
            return
        if held is None:
            unknown |= _rests(branch.condition, found.facts) or set(branch.condition.names)
    if otherwise >= 0 and not unknown:
        found.branch, found.target = otherwise, move.branches[otherwise].target
        return
    if any(one.kind in {"missing", "invalid"} for one in found.reasons):
        return  # the form says it better
    if not may_see(rules, frozenset(unknown), actor):
        found.reasons.append(reason(library, "not_available", "not_you"))
        return
    from stegvis.routines.text import Text

    titles = sorted({field_title(rules, fact).sv: field_title(rules, fact) for fact in unknown}.values(), key=lambda title: title.sv)
    named = Text.model_construct(sv=", ".join(t("sv") for t in titles), en=", ".join(t("en") for t in titles))
    found.reasons.append(reason(library, "nowhere", "not_yet", None, facts=named))


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
        return may_see(rules, frozenset(sources | (set(condition.names) if condition is not None else set())), actor)
    fields = routine.handed if form == "handed" else routine.forms[form].fields if form in routine.forms else {}
    field_ = fields.get(name)
    return field_ is None or not field_.see or bool(actor.roles & set(field_.see))
