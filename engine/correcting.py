"""Correcting an answer (rättelse): the new one points at the record of the old, which stays."""

from collections.abc import Callable, Iterator

from stegvis.routines.form import Questions, Value
from stegvis.routines.rules import Rules

from .asking import Ask
from .clocks import Counting, recounted
from .evolve import evolve
from .powers import decider, deciders
from .reasons import reason, roles_text
from .values import Accepted, Case, Decided, Decision, Denied, Event, Facts, Head, Reason, Run


def correct(ask: Ask, case: Case, run: Run, rules: Rules, head_of: Callable[[], Head]) -> Decision:
    """Judge a correction.

    Where the delegation order says who takes the decision that an answer belongs to, correcting the answer takes the
    same power: otherwise a decision could be changed by somebody who may not make it.
    """
    library, command = ask.library, ask.command
    reasons: list[Reason] = []
    by = frozenset(rules.routine.correct.by) & ask.actor.roles
    if not by:
        titles = roles_text(library, rules.routine.correct.by)
        reasons.append(reason(library, "role", "not_you", None, roles=titles))
    if command.reason is None or not command.reason.strip():
        reasons.append(reason(library, "correction_reason", "missing"))
    given = _given(ask, run, rules, reasons)
    powers = {power: _power(ask, power, by) for power in {_decision(ask, rules, fact) for fact in given}}
    reasons.extend(one for power in powers.values() if isinstance(power, list) for one in power)
    if reasons:
        return Denied(tuple(dict.fromkeys(reasons)))
    # A record points at one other and rests on one power: answers that differ in that are corrected in several.
    apart: dict[tuple[str, str | None], dict[str, Value]] = {}
    for fact, value in given.items():
        apart.setdefault((command.corrects.get(fact, ""), _decision(ask, rules, fact)), {})[fact] = value
    events: list[Event] = []
    for (wrong, decision), together in apart.items():
        head, stands = head_of(), case.runs[run.id]
        head["role"] = min(by)
        head["corr"] = wrong
        power = powers[decision]
        if decision is not None and isinstance(power, tuple):
            head["role"], head["ord"] = power
            head["dlg"] = decision
            if library.roles.delegations[decision].qualified:
                head["qual"] = True
        facts: Facts = {**stands.facts, **together}
        due = list(recounted(Counting(ask, rules, facts, together), stands.due))
        if due:
            head["due"] = due
        events.append(Event(head, {"facts": together, "reason": command.reason}))
        case = evolve(case, events[-1])
    return Accepted(tuple(events), (), case)


def _given(ask: Ask, run: Run, rules: Rules, reasons: list[Reason]) -> dict[str, Value]:
    """The answers as they can be read."""
    given: dict[str, Value] = {}
    for fact, value in ask.command.form.items():
        form, _, name = fact.partition(".")
        asked = rules.routine.forms.get(form)
        if asked is None or name not in asked.fields or fact not in run.facts:
            reasons.append(reason(ask.library, "nothing_to_correct", "unknown"))
            continue
        answers, problems = Questions({name: asked.fields[name]}).read({name: value}, now=ask.at, today=ask.today)
        title = asked.fields[name].title
        reasons.extend(reason(ask.library, problem.code, "invalid", fact, field=title) for problem in problems)
        if name in answers:
            given[fact] = answers[name]
        elif not problems:
            reasons.append(reason(ask.library, "missing", "missing", fact, field=title))
    if not ask.command.form:
        reasons.append(reason(ask.library, "nothing_to_correct", "unknown"))
    return given


def _decision(ask: Ask, rules: Rules, fact: str) -> str | None:
    """The kind of decision that an answer belongs to: the one that every step asking for it takes a power for.

    Where several do, the one that the actor has; None where some step asks for it without any power.
    """
    powers = set(_powers(rules, fact.partition(".")[0]))
    known = sorted(power for power in powers if power is not None and deciders(ask.library, power) is not None)
    if None in powers or not known:
        return None
    return next((power for power in known if power in ask.actor.delegations), known[0])


def _powers(rules: Rules, form: str) -> Iterator[str | None]:
    for moves in (*rules.moves.values(), {"": rules.opening}):
        yield from (move.step.delegation for move in moves.values() if move.form == form and move.kind in _ANSWERING)


_ANSWERING = frozenset({"step", "propose"})


def _power(ask: Ask, decision: str | None, by: frozenset[str]) -> tuple[str, Decided] | list[Reason] | None:
    if decision is None:
        return None
    found = decider(ask.library, decision, ask.actor, by)
    lacks = ask.library.roles.delegations[decision].qualified and not ask.actor.qualified
    unqualified = [reason(ask.library, "qualified", "not_you")] if lacks else []
    return [*found, *unqualified] if isinstance(found, list) else unqualified or found
