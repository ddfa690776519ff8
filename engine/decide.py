"""decide: what somebody asks, judged by the rules, answered with what happened or with every reason why not.

No clock, no randomness, no input or output: the instant, the new ids and what was looked up come with the command.
"""

from collections.abc import Mapping
from datetime import datetime

from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.form import Value, read_answers
from stegvis.routines.library import Library
from stegvis.routines.model import OPEN
from stegvis.routines.rules import Move, Rules

from .clocks import changes, moot, ticked
from .evolve import evolve
from .instants import local_day, text_of
from .judge import Judgement, judge
from .machine import motor
from .reasons import reason, roles_text
from .values import Accepted, Actor, Case, Command, Decision, Denied, Effect, Event, Facts, HandOffHead, Head, Message, Reason, Run

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
        Accepted with the events (at least one) and the case after them, or Denied with all the reasons.

    Raises:
        BadInput: ``naive_instant``, ``clock_going_back``, ``future_instant``; NotFound: ``unknown_routine``, ``unknown_run``.
    """
    at = text_of(now)
    if case is not None and at < case.at:
        raise BadInput("clock_going_back", last=case.at)
    happened = command.happened or at
    if happened > at:
        raise BadInput("future_instant")
    match command.kind:
        case "open" | "receive":
            return _open(library, case, command, actor, now, at, happened)
        case "take":
            return _take(library, _known(case), command, actor, now, at, happened)
        case "correct":
            return _correct(library, _known(case), command, actor, now, at, happened)
        case "answered":
            return _answered(library, _known(case), command, actor, now, at)
        case "tick":
            return _tick(library, _known(case), actor, now, at)


def _known(case: Case | None) -> Case:
    if case is None:
        raise NotFound("unknown_case")
    return case


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
    found = case.runs.get(run)
    if found is None:
        raise NotFound("unknown_run")
    return found


def _head(kind: str, library: Library, rules: Rules, command: Command, actor: Actor, at: str, happened: str, run: str) -> Head:  # noqa: PLR0913
    head: Head = {
        "type": kind,
        "run": run,
        "rtn": rules.id,
        "def": rules.digest,
        "gui": rules.guidance,
        "law": library.law_digest,
        "actor": actor.id,
        "unit": actor.unit,
        "org": actor.organisation,
        "at": at,
        "hap": happened,
    }
    if command.seen is not None:
        head["seen"] = command.seen
    if command.digest is not None:
        head["cmd"] = command.digest
    return head


def _open(library: Library, case: Case | None, command: Command, actor: Actor, now: datetime, at: str, happened: str) -> Decision:  # noqa: PLR0913
    rules = library.routine(command.trigger, local_day(now))
    kinds = rules.routine.organisation
    organisation = library.organisations.organisations.get(actor.organisation)
    if organisation is None or organisation.kind not in kinds:
        return Denied((reason(library, "organisation", "forbidden"),))
    found = judge(library, rules, rules.opening, None, command, actor, now, at)
    reasons = found.reasons
    if command.kind == "receive":
        found.role = "clock"
        reasons = [one for one in reasons if one.code not in {"role", "delegation", "qualified"}]
    if case is not None and command.person is not None and any(run.person not in {None, command.person} for run in case.runs.values()):
        reasons.append(reason(library, "one_person_a_case", "forbidden"))
    if reasons:
        return Denied(tuple(reasons))
    event, effects = _opening(library, rules, case, command, actor, now, at, happened, found)
    after = evolve(case, event)
    return Accepted((event,), effects, after)


def _opening(  # noqa: PLR0913
    library: Library, rules: Rules, case: Case | None, command: Command, actor: Actor, now: datetime, at: str, happened: str, found: Judgement
) -> tuple[Event, tuple[Effect, ...]]:
    head = _head("run.open" if case is not None else "case.open", library, rules, command, actor, at, happened, command.run)
    head["case"] = command.case
    head["trg"] = OPEN
    head["from"] = ""
    _settle(head, rules, rules.opening, found)
    if command.person is not None:
        head["person"] = command.person
    due = changes(rules, library.law, rules.opening, None, found.facts, found.given, happened, now)
    if due:
        head["due"] = due
    if command.message is not None:
        message = command.message
        head["hof"] = {"id": message.id, "kind": message.kind, "dir": "received", "org": message.sender}
        head["basis"] = [message.basis]
    body = _body(found, command)
    return Event(head, body, tuple(found.reads)), ()


def _settle(head: Head, rules: Rules, move: Move, found: Judgement) -> None:
    head["role"] = found.role
    head["to"] = found.target
    if rules.spots[found.target].ends:
        head["end"] = True
    if found.guards:
        head["guards"] = found.guards
    if move.step.delegation is not None and move.kind in {"step", "propose", "approve"}:
        head["dlg"] = move.step.delegation
    if move.step.law:
        head["basis"] = list(move.step.law)


def _body(found: Judgement, command: Command) -> dict[str, object]:
    body: dict[str, object] = {"facts": found.given} if found.given else {}
    if command.overrides:
        body["overrides"] = dict(command.overrides)
    if command.outside:
        body["outside"] = dict(command.outside)
    return body


def _take(library: Library, case: Case, command: Command, actor: Actor, now: datetime, at: str, happened: str) -> Decision:  # noqa: PLR0913
    run = run_of(case, command.run)
    rules = rules_of(library, run)
    move = rules.move(run.state, command.trigger)
    if move is None:
        return Denied((_not_here(library, rules, run, command.trigger),))
    if move.kind == "acute":
        return _acute(library, case, run, rules, move, command, actor, now, at, happened)
    found = judge(library, rules, move, run, command, actor, now, at)
    if found.reasons:
        return Denied(tuple(found.reasons))
    head = _head("transition", library, rules, command, actor, at, happened, run.id)
    head["trg"] = move.trigger
    head["from"] = run.state
    head["to"] = motor(rules).fire(run.state, move.trigger, found.branch)
    _settle(head, rules, move, found)
    if move.kind != "step":
        head["step"] = move.kind
    body = _body(found, command)
    if move.kind == "propose":
        head["owed"] = []
        return _accept(case, Event(head, body, tuple(found.reads)))
    _duties(head, move, found)
    _clockwork(head, library, rules, move, run, found, happened, now)
    if move.step.assigns is not None:
        holder = found.facts.get(move.step.assigns)
        if isinstance(holder, str):
            head["hold"] = holder
    if move.step.identifies is not None:
        person = found.facts.get(move.step.identifies)
        if isinstance(person, str):
            head["person"] = person
    message = _message(library, case, run, move, found.facts, command.fresh or "", at)
    if message is not None:
        head["hof"] = _sent_head(message)
        head["basis"] = list(dict.fromkeys([*head.get("basis", ()), message.basis]))
    return _accept(case, Event(head, body, tuple(found.reads)), message)


def _accept(case: Case, event: Event, message: Message | None = None) -> Accepted:
    return Accepted((event,), (Effect(message),) if message is not None else (), evolve(case, event))


def _duties(head: Head, move: Move, found: Judgement) -> None:
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


def _clockwork(head: Head, library: Library, rules: Rules, move: Move, run: Run, found: Judgement, happened: str, now: datetime) -> None:  # noqa: PLR0913
    due = changes(rules, library.law, move, run, found.facts, found.given, happened, now)
    if rules.spots[head["to"]].ends:
        closed = {change["id"] for change in due if "closed" in change}
        left = {name: one for name, one in run.due.items() if name not in closed}
        due.extend(moot(rules, head["to"], left))
    if due:
        head["due"] = due


def _not_here(library: Library, rules: Rules, run: Run, trigger: str) -> Reason:
    places = [rules.spots[state] for state, moves in rules.moves.items() if trigger in moves]
    if not places:
        return reason(library, "unknown_step", "unknown", trigger if trigger.isascii() and len(trigger) <= 80 else None)  # noqa: PLR2004
    if rules.spots[run.state].ends:
        return reason(library, "ended", "not_yet", trigger)
    return reason(library, "not_here", "not_yet", trigger, state=rules.routine.states[places[0].origin].now)


def _acute(  # noqa: PLR0913
    library: Library, case: Case, run: Run, rules: Rules, move: Move, command: Command, actor: Actor, now: datetime, at: str, happened: str
) -> Decision:
    """Danger to life: the run stays where it is, the case is flagged, an acute run opens beside it."""
    declared = rules.routine.acute
    if declared is None or command.fresh is None:
        raise BadInput("no_acute_routine")
    others = library.routine(declared.routine, local_day(now))
    found = judge(library, others, others.opening, None, command, actor, now, at)
    if not actor.roles:
        found.reasons.append(reason(library, "role", "not_you", None, roles=roles_text(library, move.by)))
    if found.reasons:
        return Denied(tuple(found.reasons))
    head = _head("transition", library, rules, command, actor, at, happened, run.id)
    head.update({"trg": "acute", "from": run.state, "to": run.state, "role": min(actor.roles), "acute": True, "step": "acute"})
    first = Event(head, {})
    between = evolve(case, first)
    fresh = Command(kind="open", run=command.fresh, trigger=others.id, form=command.form, person=run.person, seen=command.seen, digest=command.digest)
    second, _ = _opening(library, others, between, fresh, actor, now, at, happened, found)
    second.head["acute"] = True
    return Accepted((first, second), (), evolve(between, second))


def _message(library: Library, case: Case, run: Run, move: Move, facts: Facts, fresh: str, at: str) -> Message | None:  # noqa: PLR0913
    """What the step sends to another organisation, under the fresh id that the shell gave."""
    step = move.step
    if move.kind not in {"step", "approve"}:
        return None
    if step.handoff is not None:
        hand = step.handoff
        about = next((id for id, sent in run.sent.items() if sent.trigger == hand.about), None) if hand.about is not None else None
        if hand.about is not None and about is None:
            raise BadInput("nothing_sent", step=hand.about)
        flag = facts.get(hand.protected_identity) if hand.protected_identity is not None else None
        return Message(
            id=fresh,
            kind=hand.kind,
            sender=case.organisation,
            receiver=_receiver(library, hand.to),
            basis=hand.basis,
            at=at,
            protected_identity=flag if isinstance(flag, str) else "yes" if flag is True else "no" if flag is False else "unknown",
            routine=hand.routine,
            about=about,
            status=None,
            facts={target: facts[source] for target, source in hand.carries.items() if facts.get(source) is not None},
        )
    if step.reply is not None and run.origin is not None:
        reply = step.reply
        carried = {f"handed.{target}": facts[source] for target, source in reply.carries.items() if facts.get(source) is not None}
        return _reply(fresh, case, run.origin.id, run.origin.organisation, reply.basis, at, reply.status, carried)
    if step.revokes is not None:
        id_, sent = next((id, sent) for id, sent in run.sent.items() if sent.trigger == step.revokes)
        return _reply(fresh, case, id_, sent.to, step.law[0] if step.law else "none", at, "revoked", {})
    return None


def _reply(fresh: str, case: Case, about: str, to: str, basis: str, at: str, status: str | None, facts: Mapping[str, Value]) -> Message:  # noqa: PLR0913
    return Message(fresh, "reply", case.organisation, to, basis, at, "unknown", None, about, status, facts)


def _receiver(library: Library, kind: str) -> str:
    """The organisation of that kind which hand-offs go to."""
    found = [name for name, one in library.organisations.organisations.items() if one.kind == kind]
    if not found:
        raise NotFound("unknown_receiver", kind=kind)
    return found[0]


def _sent_head(message: Message) -> HandOffHead:
    hof: HandOffHead = {"id": message.id, "kind": message.kind, "dir": "sent", "org": message.receiver}
    if message.status is not None:
        hof["status"] = message.status
    return hof


def _answered(library: Library, case: Case, command: Command, actor: Actor, now: datetime, at: str) -> Decision:
    """A reply, or a consultation about an earlier hand-off, arrives in the run it belongs to."""
    message = command.message
    if message is None or message.about is None:
        raise BadInput("no_message")
    run = run_of(case, command.run)
    rules = rules_of(library, run)
    plain = {name.partition(".")[2]: value for name, value in message.facts.items() if name.startswith("handed.")}
    answers, problems = read_answers(rules.routine.handed, plain, now=at, today=local_day(now).isoformat())
    given = {f"handed.{name}": value for name, value in answers.items()}
    head = _head("handoff.answered", library, rules, command, actor, at, at, run.id)
    head["role"] = "clock"
    head["hof"] = {"id": message.about, "kind": message.kind, "dir": "answered", "org": message.sender}
    sent = run.sent.get(message.about)
    if sent is not None and message.status is not None:
        head["hof"]["status"] = message.status
        given[f"status.{sent.trigger}"] = message.status
    if problems:
        head["why"] = sorted({f"{problem.code}:{problem.field}" for problem in problems})
    return _accept(case, Event(head, {"facts": given}))


def _correct(library: Library, case: Case, command: Command, actor: Actor, now: datetime, at: str, happened: str) -> Decision:  # noqa: PLR0913
    """An answer was wrong: the new one points at the old record, which stays."""
    run = run_of(case, command.run)
    rules = rules_of(library, run)
    reasons: list[Reason] = []
    by = frozenset(rules.routine.correct.by) & actor.roles
    if not by:
        reasons.append(reason(library, "role", "not_you", None, roles=roles_text(library, rules.routine.correct.by)))
    if command.reason is None or not command.reason.strip():
        reasons.append(reason(library, "correction_reason", "missing"))
    given: dict[str, Value] = {}
    for fact, value in command.form.items():
        form, _, name = fact.partition(".")
        asked = rules.routine.forms.get(form)
        if asked is None or name not in asked.fields or fact not in run.facts:
            reasons.append(reason(library, "nothing_to_correct", "unknown"))
            continue
        answers, problems = read_answers(asked.fields, {name: value}, now=at, today=local_day(now).isoformat())
        title = asked.fields[name].title
        reasons.extend(reason(library, problem.code, "invalid", fact, field=title) for problem in problems)
        if name in answers:
            given[fact] = answers[name]
    if not command.form:
        reasons.append(reason(library, "nothing_to_correct", "unknown"))
    if reasons:
        return Denied(tuple(reasons))
    head = _head("correction", library, rules, command, actor, at, happened, run.id)
    head["role"] = min(by)
    head["corr"] = command.corrects or ""
    after: Facts = {**run.facts, **given}
    still = rules.move(run.state, "") or rules.opening
    due = [one for one in changes(rules, library.law, _idle(still), run, after, given, happened, now)]
    if due:
        head["due"] = due
    return _accept(case, Event(head, {"facts": given, "reason": command.reason}))


def _idle(move: Move) -> Move:
    """A step that starts and meets nothing, so that only what changed is counted anew."""
    from dataclasses import replace

    return replace(move, starts=(), meets=(), kind="complete")


def _tick(library: Library, case: Case, actor: Actor, now: datetime, at: str) -> Decision:
    """Let time pass: reminders, deadlines that have passed, declared lapses. The same instant twice changes nothing."""
    events: list[Event] = []
    after = case
    for run in case.runs.values():
        rules = rules_of(library, run)
        noted = ticked(rules, run, at)
        if not noted:
            continue
        head = _head("deadline", library, rules, Command(kind="tick", run=run.id, trigger="tick"), actor, at, at, run.id)
        head["role"] = "clock"
        head["due"] = noted
        event = Event(head, {})
        events.append(event)
        after = evolve(after, event)
        for change in noted:
            lapse = rules.routine.deadlines[change["id"]].lapse
            if change.get("passed") and lapse is not None and rules.move(after.runs[run.id].state, lapse) is not None:
                decision = _take(library, after, Command(kind="take", run=run.id, trigger=lapse), actor, now, at, at)
                if isinstance(decision, Accepted) and decision.case is not None:
                    events.extend(decision.events)
                    after = decision.case
    return Accepted(tuple(events), (), after)


