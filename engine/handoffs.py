"""Hand-offs (överlämningar): what a step sends to another organisation, and what comes back."""

from collections.abc import Mapping

from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.form import Questions, Value
from stegvis.routines.library import Library
from stegvis.routines.model import HandOff, Reply
from stegvis.routines.rules import Move, Rules

from .asking import Ask
from .identity import HANDED, identity_of, tells
from .values import Case, Facts, HandOffHead, Head, Message, Origin, Run, Sent


def message_of_step(ask: Ask, case: Case, run: Run, move: Move, facts: Facts) -> Message | None:
    """What the step sends, under the fresh id that the shell gave; None when it sends nothing.

    Raises:
        BadInput: ``nothing_sent``, when it concerns a hand-off that was never made. NotFound: ``unknown_receiver``.
    """
    step = move.step
    if move.kind not in {"step", "approve"}:
        return None
    if step.handoff is not None:
        return _hand_off(ask, case, run, step.handoff, facts)
    if step.reply is not None:
        reply, other = step.reply, _other_end(run, step.reply)
        if other is None:
            return None
        to, about, status = other
        carried = {f"handed.{name}": value for name, value in _carried(reply.carries, facts).items()}
        return _back(ask, case, _known(ask, case, run, facts), to, about, reply.basis, status, carried)
    if step.revokes is not None:
        about = _earlier(run, step.revokes)
        sent = run.sent[about]
        return _back(ask, case, _known(ask, case, run, facts), sent.to, about, sent.basis, "revoked", {})
    return None


def received(ask: Ask, head: Head) -> Message | None:
    """The receipt (kvittens) that goes back when a hand-off has opened a run: received, and nothing else."""
    message = ask.command.message
    if message is None:
        return None
    return Message(
        id=ask.command.fresh or "",
        kind="reply",
        sender=message.receiver,
        receiver=message.sender,
        basis=message.basis,
        at=head["at"],
        protected_identity=message.protected_identity,
        routine=None,
        about=message.id,
        status="received",
        facts={},
    )


def _hand_off(ask: Ask, case: Case, run: Run, hand: HandOff, facts: Facts) -> Message:
    rules = ask.library.pinned(run.rules)
    asked = rules.routine.protected_identity if rules is not None else None
    flag, said = _known(ask, case, run, facts), _flag(facts.get(hand.protected_identity or ""))
    # About somebody else, only what was answered about them says something.
    if hand.protected_identity not in {None, asked} and (asked is not None or flag != "yes"):
        flag = said
    return Message(
        id=ask.command.fresh or "",
        kind=hand.kind,
        sender=case.organisation,
        receiver=_receiver(ask.library, hand.to),
        basis=hand.basis,
        at=ask.at,
        protected_identity=flag,
        routine=hand.routine,
        about=_earlier(run, hand.about) if hand.about is not None else None,
        status=None,
        facts=_carried(hand.carries, facts),
    )


def _known(ask: Ask, case: Case, run: Run, facts: Facts) -> str:
    """The flag for the person whom the case is about, once the step's own answers are known."""
    told = [name for name in tells(ask.library, run) if name in facts and facts[name] != run.facts.get(name)]
    said = dict.fromkeys(told, case.version + 1)
    after = run._replace(facts=facts, said={**run.said, **said})
    return identity_of(ask.library, case._replace(runs={**case.runs, run.id: after})).flag


def _flag(said: Value) -> str:
    if isinstance(said, bool):
        return "yes" if said else "no"
    return said if isinstance(said, str) else "unknown"


def _carried(carries: Mapping[str, str], facts: Facts) -> dict[str, Value]:
    return {target: facts[source] for target, source in carries.items() if facts.get(source) is not None}


_CLOSED = frozenset({"rejected", "revoked"})
"""A hand-off that came to nothing: whoever turned it down, or had it taken back, hears no more about the person."""


def _other_end(run: Run, reply: Reply) -> tuple[str, str, str | None] | None:
    """To whom a reply goes, about which hand-off, and with which status; None when nobody is to hear it."""
    if run.origin is not None:
        return run.origin.organisation, run.origin.id, reply.status
    for id, sent in reversed(list(run.sent.items())):
        if sent.trigger.partition(".")[0] in reply.about and sent.status not in _CLOSED:
            return sent.to, id, None
    return None


def _earlier(run: Run, trigger: str) -> str:
    """The latest hand-off that this step sent."""
    for id, sent in reversed(list(run.sent.items())):
        if sent.trigger.partition(".")[0] == trigger:
            return id
    raise BadInput("nothing_sent", step=trigger)


def _back(  # noqa: PLR0917 - the parts of one message
    ask: Ask, case: Case, flag: str, to: str, about: str, basis: str, status: str | None, facts: Mapping[str, Value]
) -> Message:
    fresh = ask.command.fresh or ""
    return Message(fresh, "reply", case.organisation, to, basis, ask.at, flag, None, about, status, facts)


def _receiver(library: Library, kind: str) -> str:
    """The organisation of that kind which hand-offs go to."""
    for name, one in library.organisations.organisations.items():
        if one.kind == kind:
            return name
    raise NotFound("unknown_receiver", kind=kind)


def heard(ask: Ask, run: Run, rules: Rules, message: Message) -> tuple[dict[str, Value], list[str]]:
    """What a reply, or a question about an earlier hand-off, makes known; and what of it could not be read.

    What was sent earlier and comes later adds to what has been said since, and changes nothing of it.

    Raises:
        BadInput: ``not_a_party``: it is not from whom the hand-off went to, nor from whom it came.
    """
    about = message.about or ""
    sent, origin = run.sent.get(about), run.origin if run.origin is not None and run.origin.id == about else None
    if message.sender not in {*([sent.to] if sent else ()), *([origin.organisation] if origin else ())}:
        raise BadInput("not_a_party")
    late = message.at < (sent.heard if sent is not None else origin.heard if origin is not None else "")
    plain = {name.partition(".")[2]: value for name, value in message.facts.items() if name.startswith("handed.")}
    answers, problems = Questions(rules.routine.handed).read(plain, now=ask.at, today=ask.today)
    named = {f"handed.{name}": value for name, value in answers.items()}
    given: dict[str, Value] = {name: value for name, value in named.items() if not late or name not in run.facts}
    wrong = [f"{problem.code}:{problem.field}" for problem in problems]
    if message.status is not None and message.status not in _allowed(sent, origin):
        wrong.append("not_a_choice:status")
    elif message.status is not None and not late and (sent is None or sent.status != "revoked"):
        given[f"status.{sent.trigger.partition('.')[0] if sent is not None else 'open'}"] = message.status
    if message.protected_identity == "yes":
        flag = protected_fact(rules)
        if flag is not None and run.facts.get(flag) != "yes":
            given[flag] = "yes"
        given[HANDED] = "yes"
    return given, sorted(set(wrong))


def _allowed(sent: Sent | None, origin: Origin | None) -> set[str]:
    """What the other party may say of a hand-off: the receiver answers, the sender takes back; of a report, neither."""
    if sent is not None:
        return {"received", "done"} if sent.kind == "report" else {"received", "accepted", "rejected", "done"}
    return {"revoked"} if origin is not None and origin.kind != "report" else set()


def protected_fact(rules: Rules) -> str | None:
    """The answer in which a routine keeps the flag for protected identity that came with a hand-off."""
    name = rules.routine.receives.protected_identity if rules.routine.receives is not None else None
    field = rules.opening.fields.get(name) if name is not None else None
    return f"{rules.opening.form}.{name}" if field is not None and "yes" in (field.of or {}) else None


def sent_head(message: Message) -> HandOffHead:
    """What a record says of a message that was sent."""
    hof: HandOffHead = {"id": message.id, "kind": message.kind, "dir": "sent", "org": message.receiver}
    if message.about is not None:
        hof["about"] = message.about
    if message.status is not None:
        hof["status"] = message.status
    return hof


def answered_head(message: Message) -> HandOffHead:
    """What a record says of a message that came about an earlier hand-off."""
    hof: HandOffHead = {"id": message.id, "kind": message.kind, "dir": "answered", "org": message.sender}
    hof["at"] = message.at
    if message.about is not None:
        hof["about"] = message.about
    if message.status is not None:
        hof["status"] = message.status
    return hof
