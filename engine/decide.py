"""decide: what somebody asks, judged by the rules, answered with what happened or with every reason why not.

No clock, no randomness, no input or output: the instant, the new ids and what was looked up come with the command.
"""

from datetime import datetime
from functools import partial

from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.library import Library
from stegvis.routines.model import OPEN
from stegvis.routines.rules import Move, Rules, allowed

from .access import Ground, access_head, enter, kept_out, purpose_of
from .asking import Ask, asking
from .beginning import along, follow, opening_of
from .casewide import changed
from .clocks import Counting, changes, moot, ticked
from .correcting import correct
from .evolve import evolve
from .handoffs import answered_head, heard, message_of_step, received, sent_head
from .instants import local_day
from .judge import Judgement, judge
from .machine import motor
from .reasons import reason, roles_text
from .values import Accepted, Actor, Case, Command, Decision, Denied, Effect, Event, Facts, Head, Message, Reason, Run

CLOCK = Actor("clock", roles={"clock"}, unit="clock", organisation="")
"""The actor that lets time pass; it belongs to whichever organisation it acts in."""


def decide(library: Library, case: Case | None, command: Command, actor: Actor, now: datetime) -> Decision:
    """Judge one command.

    Args:
        library: rules, law and texts; the run's own rules are found in it by digest.
        case: where the case stands; None when it is to be opened.
        command: what is asked, with everything that had to be looked up.
        actor: who asks, as the host vouches for it.
        now: the present instant, aware.

    Returns:
        Accepted with the events and the case after them, or Denied with all the reasons. Only the clock may be
        accepted with no event, when there is nothing to note.

    Raises:
        BadInput: ``naive_instant``, ``clock_going_back``, ``future_instant``.
        NotFound: ``unknown_routine``, ``unknown_case``, ``unknown_run``, ``rules_missing``.
    """
    ask = asking(library, command, actor, now, case)
    if case is not None and ask.at < case.at:
        raise BadInput("clock_going_back", last=case.at)
    purpose = purpose_of(command, actor)
    if case is not None and purpose is not None:
        ground = enter(library, case, actor, ask.at, purpose)
        if not isinstance(ground, Ground):
            return Denied((kept_out(library, ground),))
        ask = ask._replace(ground=ground)
    if command.kind in {"open", "receive"}:
        return _open(ask, case)
    if case is None:
        raise NotFound("unknown_case")
    if command.kind == "tick":
        return _tick(ask, case)
    if command.kind == "case":
        event = changed(ask, case)
        return event if isinstance(event, Denied) else Accepted((event,), (), evolve(case, event))
    run = run_of(case, command.run)
    rules = rules_of(library, run)
    if command.kind == "take":
        return _take(ask, case, run, rules)
    if command.kind == "correct":
        return correct(ask, case, run, rules, partial(_head, "correction", ask, rules))
    return _answered(ask, case, run, rules)


def rules_of(library: Library, run: Run) -> Rules:
    """The rules that the run is pinned to.

    Raises:
        NotFound: ``rules_missing``: this library does not have them; the shell restores them from the store first.
    """
    rules = library.pinned(run.rules)
    if rules is None:
        raise NotFound("rules_missing", digest=run.rules)
    return rules


def run_of(case: Case, run: str) -> Run:
    """The run of that id.

    Raises:
        NotFound: ``unknown_run``.
    """
    found = case.runs.get(run)
    if found is None:
        raise NotFound("unknown_run")
    return found


# ---- opening ------------------------------------------------------------------------------------------------------


def _open(ask: Ask, case: Case | None) -> Decision:
    library, command, actor = ask.library, ask.command, ask.actor
    rules = library.routine(command.trigger, local_day(ask.now))
    organisation = library.organisations.organisations.get(actor.organisation)
    if organisation is None or organisation.kind not in rules.routine.organisation:
        return Denied((reason(library, "organisation", "forbidden"),))
    found = judge(ask, rules, rules.opening, None)
    reasons = found.reasons
    if command.kind == "receive":
        # A hand-off is received when it arrives: nobody has to have the right to receive it.
        found.role = "clock"
        reasons = [one for one in reasons if one.code not in {"role", "delegation", "qualified"}]
    persons = {run.person for run in case.runs.values()} if case is not None else set[str | None]()
    if command.person is not None and persons - {None, command.person}:
        reasons.append(reason(library, "one_person_a_case", "forbidden"))
    if case is not None and _apart(library, case, rules):
        reasons.append(reason(library, "own_case", "forbidden"))
    if reasons:
        return Denied(tuple(reasons))
    event = _opening(ask, rules, case, found)
    return _accept(case, event, received(ask, event.head) if command.message is not None else None)


def _apart(library: Library, case: Case, rules: Rules) -> bool:
    """Whether the case has a run that this routine is never to share a case with, or that is never to share with it."""
    others = [rules_of(library, run).routine for run in case.runs.values()]
    return any(one.routine in rules.routine.apart or rules.id in one.apart for one in others)


def _opening(ask: Ask, rules: Rules, case: Case | None, found: Judgement) -> Event:
    command = ask.command
    head = _head("run.open" if case is not None else "case.open", ask, rules)
    head["case"] = command.case
    head["trg"] = OPEN
    head["from"] = ""
    head["to"] = found.target
    _settle(head, rules, rules.opening, found)
    if command.person is not None:
        head["person"] = command.person
    due = changes(Counting(ask, rules, found.facts, found.given), rules.opening, {})
    if due:
        head["due"] = due
    _duties(head, rules.opening, found)
    _hand(head, rules.opening, found.facts)
    if command.begun is not None and case is not None:
        follow(head, run_of(case, command.begun))
    if found.lost:
        head["why"] = found.lost
    message = command.message
    if message is not None:
        head["hof"] = {"id": message.id, "kind": message.kind, "dir": "received", "org": message.sender}
        head["basis"] = [message.basis]
    return Event(head, _body(rules.opening, found, command), tuple(found.reads))


# ---- taking a step ------------------------------------------------------------------------------------------------


def _take(ask: Ask, case: Case, run: Run, rules: Rules) -> Decision:
    move = rules.move(run.state, ask.command.trigger)
    if move is None:
        return Denied((_not_here(ask.library, rules, run, ask.command.trigger),))
    if move.kind == "acute":
        return _acute(ask, case, run, rules)
    found = judge(ask, rules, move, run)
    if _another(case, move, found):
        found.reasons.append(reason(ask.library, "one_person_a_case", "forbidden"))
    if found.reasons:
        return Denied(tuple(found.reasons))
    before: tuple[Event, ...] = ()
    if move.step.begins is not None and move.kind in {"step", "approve"}:
        command = opening_of(ask, case, run, move.step.begins)
        begun = _open(ask._replace(command=command), case)
        if isinstance(begun, Denied):
            return begun
        before, case = begun.events, begun.case or case
    head = _head("transition", ask, rules)
    head["trg"] = move.trigger
    head["from"] = run.state
    head["to"] = motor(rules).fire(run.state, move.trigger, found.branch)
    _settle(head, rules, move, found)
    _clockwork(head, ask, rules, run, (move, found))
    message = None
    if move.kind != "propose":
        _duties(head, move, found)
        _hand(head, move, found.facts)
        along(head, rules, case, run)
        message = message_of_step(ask, case, run, move, found.facts)
        if message is not None:
            found.given[f"status.{move.step.revokes or move.base}"] = message.status or "sent"
            head["hof"] = sent_head(message)
            head["basis"] = list(dict.fromkeys([*head.get("basis", ()), message.basis]))
    accepted = _accept(case, Event(head, _body(move, found, ask.command), tuple(found.reads)), message)
    return accepted._replace(events=(*before, *accepted.events)) if before else accepted


def _another(case: Case, move: Move, found: Judgement) -> bool:
    """Whether the step names another person than the one this run, or another run of the case, is about."""
    person = found.facts.get(move.step.identifies) if move.step.identifies is not None else None
    return person is not None and any(one.person not in {None, str(person)} for one in case.runs.values())


def _accept(case: Case | None, event: Event, message: Message | None = None) -> Accepted:
    return Accepted((event,), (Effect(message),) if message is not None else (), evolve(case, event))


def _head(kind: str, ask: Ask, rules: Rules) -> Head:
    command, actor = ask.command, ask.actor
    head: Head = {
        "type": kind,
        "run": command.run,
        "rtn": rules.id,
        "def": rules.digest,
        "gui": rules.guidance,
        "law": ask.library.law_digest,
        "role": "clock",
        "actor": actor.id,
        "unit": actor.unit,
        "org": actor.organisation,
        "at": ask.at,
        "hap": ask.happened,
    }
    if command.seen is not None:
        head["seen"] = command.seen
    if command.digest is not None:
        head["cmd"] = command.digest
    entered = access_head(ask.library, ask.ground)
    if entered is not None:
        head["acc"] = entered
    return head


def _settle(head: Head, rules: Rules, move: Move, found: Judgement) -> None:
    """What the step rested on: role, power, competence, law, guards."""
    head["role"] = found.role
    step = move.step
    if rules.spots[head.get("to", "")].ends:
        head["end"] = True
    if found.guards:
        head["guards"] = found.guards
    if step.law:
        head["basis"] = list(step.law)
    if move.kind != "step":
        head["step"] = move.kind
    if move.kind in {"step", "propose"}:
        if step.delegation is not None:
            head["dlg"] = step.delegation
            if found.order is not None:
                head["ord"] = found.order
        if step.qualified:
            head["qual"] = True


def _body(move: Move, found: Judgement, command: Command) -> dict[str, object]:
    """What people wrote. ``form`` names the form that was answered anew, so that earlier answers do not linger."""
    body: dict[str, object] = {}
    if found.given:
        body["facts"] = found.given
    if found.anew and move.kind in {"step", "approve"}:
        body["form"] = move.form or ""
    if command.overrides:
        body["overrides"] = dict(command.overrides)
    if command.outside:
        body["outside"] = dict(command.outside)
    return body


def _duties(head: Head, move: Move, found: Judgement) -> None:
    """Forms to complete and steps to review afterwards: owed by this step, or paid by it."""
    owed: list[str] = []
    if move.kind in {"step", "approve"}:
        if move.step.complete_later and found.missing:
            owed.append(f"{move.base}.complete")
        if move.step.four_eyes is not None and move.step.four_eyes.afterwards:
            owed.append(f"{move.base}.review")
    if owed:
        head["owed"] = owed
    if move.kind in {"complete", "review"}:
        head["paid"] = [move.trigger]


def _clockwork(head: Head, ask: Ask, rules: Rules, run: Run, judged: tuple[Move, Judgement]) -> None:
    move, found = judged
    given = found.given if move.kind != "propose" else {}
    due = changes(Counting(ask, rules, found.facts, given), move, run.due)
    target = head.get("to", "")
    if rules.spots[target].ends:
        closed = {change["id"] for change in due if "closed" in change}
        due.extend(moot(rules, target, [name for name in run.due if name not in closed]))
    if due:
        head["due"] = due


def _hand(head: Head, move: Move, facts: Facts) -> None:
    """Who has the case from now on, and whom it is about."""
    if move.kind in {"step", "approve"}:
        holder = facts.get(move.step.assigns) if move.step.assigns is not None else None
        person = facts.get(move.step.identifies) if move.step.identifies is not None else None
        if isinstance(holder, str):
            head["hold"] = holder
        if isinstance(person, str):
            head["person"] = person


def _not_here(library: Library, rules: Rules, run: Run, trigger: str) -> Reason:
    places = [rules.spots[state] for state, moves in rules.moves.items() if trigger in moves]
    if not places:
        return reason(library, "unknown_step", "unknown")
    if rules.spots[run.state].ends:
        return reason(library, "ended", "not_yet", trigger)
    return reason(library, "not_here", "not_yet", trigger, state=rules.routine.states[places[0].origin].now)


# ---- danger to life -----------------------------------------------------------------------------------------------


def _acute(ask: Ask, case: Case, run: Run, rules: Rules) -> Decision:
    """The run stays where it is, the case is flagged, and an acute run opens beside it."""
    declared, fresh = rules.routine.acute, ask.command.fresh
    if declared is None or fresh is None:
        raise BadInput("no_acute_routine")
    others = ask.library.routine(declared.routine, local_day(ask.now))
    found = judge(ask, others, others.opening, None)
    roles = allowed(frozenset(declared.by), ask.actor.roles)
    # Who may say that a life is in danger is for this routine to say, not for the one that opens.
    found.reasons = [one for one in found.reasons if one.code != "role"]
    if not roles:
        titles = roles_text(ask.library, declared.by)
        found.reasons.append(reason(ask.library, "role", "not_you", None, roles=titles))
    if found.reasons:
        return Denied(tuple(found.reasons))
    found.role = min(roles)
    head = _head("transition", ask, rules)
    head.update(
        {"trg": "acute", "from": run.state, "to": run.state, "role": found.role, "acute": True, "step": "acute"}
    )
    first = Event(head, {})
    between = evolve(case, first)
    opening = ask._replace(command=ask.command._replace(run=fresh, case=case.id, person=run.person))
    second = _opening(opening, others, between, found)
    second.head["acute"] = True
    return Accepted((first, second), (), evolve(between, second))


# ---- replies, corrections, time -----------------------------------------------------------------------------------


def _answered(ask: Ask, case: Case, run: Run, rules: Rules) -> Decision:
    """A reply, or a consultation about an earlier hand-off, arrives in the run it belongs to."""
    message = ask.command.message
    if message is None or message.about is None:
        raise BadInput("no_message")
    given, problems = heard(ask, run, rules, message)
    head = _head("handoff.answered", ask, rules)
    head["hof"] = answered_head(message)
    if not any(name.startswith("status.") for name in given):
        head["hof"].pop("status", None)
    if problems:
        head["why"] = problems
    return _accept(case, Event(head, {"facts": given}))


def _tick(ask: Ask, case: Case) -> Decision:
    """Let time pass: reminders, deadlines that have passed, declared lapses. The same instant twice changes nothing."""
    events: list[Event] = []
    effects: list[Effect] = []
    after = case
    for id, run in case.runs.items():
        rules = rules_of(ask.library, run)
        # What lapses may start a deadline whose critical time has gone by already: that is noted now too.
        for _ in range(1 + len(rules.routine.deadlines)):
            before = after.runs[id].due
            noted = ticked(rules, after.runs[id], ask.at)
            if not noted:
                break
            head = _head("deadline", ask._replace(command=Command(kind="tick", run=id, trigger="tick")), rules)
            head["due"] = noted
            events.append(Event(head, {}))
            after = evolve(after, events[-1])
            for change in noted:
                lapse = rules.routine.deadlines[change["id"]].lapse
                if lapse is None or not change.get("lapsed") or before[change["id"]].lapsed:
                    continue
                step = Command(kind="take", run=id, trigger=lapse, fresh=ask.command.fresh)
                decision = _take(ask._replace(command=step), after, after.runs[id], rules)
                if isinstance(decision, Accepted) and decision.case is not None:
                    events.extend(decision.events)
                    effects.extend(decision.effects)
                    after = decision.case
    return Accepted(tuple(events), tuple(effects), after)
