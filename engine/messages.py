"""What crosses the border between two organisations, and what a command comes down to: bytes and back."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, cast

import orjson
from pydantic import StringConstraints, ValidationError

from stegvis.routines.digests import canonical
from stegvis.routines.errors import BadInput, Stale
from stegvis.routines.rules import Rules
from stegvis.routines.text import Model, Name

from .ports import Parcel, RecordRow
from .values import Case, Command, Message

Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class _Said(Model):
    """A message as it may come from another system. Much of it will stand open in a record: codes only."""

    id: Id
    kind: Literal["report", "consultation", "referral", "transfer", "reply"]
    sender: Name
    receiver: Name
    basis: Name
    at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
    protected_identity: Name
    routine: Name | None
    about: Id | None
    status: Name | None
    facts: Mapping[str, Any]


def message_bytes(message: Message) -> bytes:
    """A message as canonical bytes."""
    return canonical(_said(message))


def _said(message: Message) -> Mapping[str, object]:
    return {**message._asdict(), "facts": dict(message.facts)}


def message_of(body: bytes) -> Message:
    """The message that ``message_bytes`` wrote here."""
    return Message(**cast("dict[str, Any]", orjson.loads(body)))


def message_from(parcel: Parcel) -> Message:
    """The message that another organisation's system wrote, if it says itself what the parcel says.

    Raises:
        BadInput: ``not_a_message``, such as one of a newer version; ``misaddressed``.
    """
    try:
        said = _Said.model_validate_json(parcel.body)
    except ValidationError:
        raise BadInput("not_a_message") from None
    message = Message(*(getattr(said, name) for name in Message._fields))
    if parcel_of(message)[:3] != parcel[:3]:
        raise BadInput("misaddressed")
    return message


def parcel_of(message: Message) -> Parcel:
    """The message, addressed. Its name is made from its id, which only the two organisations know."""
    named = canonical([message.sender, message.receiver, message.id])
    name = sha256(b"stegvis/parcel/1\x00" + named).hexdigest()[:32]
    return Parcel(name, message.sender, message.receiver, message_bytes(message))


def bound_message(log: str, id: str) -> bytes:
    """What an outbox cell is bound to."""
    return canonical(["outbox", log, id])


def opening_form(rules: Rules, message: Message, now: str) -> dict[str, object]:
    """The answers with which a hand-off opens its routine: what was carried, and what the receiver itself knows."""
    form = rules.opening.form
    prefix = f"{form}."
    known = rules.opening.fields
    carried: dict[str, object] = {
        name.removeprefix(prefix): value
        for name, value in message.facts.items()
        if name.startswith(prefix) and name.removeprefix(prefix) in known
    }
    receives = rules.routine.receives
    if receives is None or receives.kind != message.kind:
        raise BadInput("not_receivable", routine=rules.id, kind=message.kind)
    carried.update(receives.sets)
    if receives.arrived is not None:
        carried[receives.arrived] = now
    if receives.protected_identity is not None:
        carried[receives.protected_identity] = message.protected_identity
    return carried


def command_bytes(command: Command, case: str | None) -> bytes:
    """What a command asks, for its digest: everything the caller said, nothing that the shell added.

    A hand-off is what its sender wrote, however often and whenever it is delivered.

    Raises:
        BadInput: ``not_plain``, when the form holds something that is no JSON value, date or instant.
    """
    said: Mapping[str, object] = {
        "kind": command.kind,
        "case": case,
        "run": command.run,
        "trigger": command.trigger,
        "form": command.form if command.message is None else None,
        "happened": command.happened,
        "overrides": command.overrides,
        "person": command.person,
        "reason": command.reason,
        "message": _said(command.message) if command.message is not None else None,
    }
    try:
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        raise BadInput("not_plain") from None


def stale(case: Case) -> NoReturn:
    """Somebody has moved the case: who and when."""
    raise Stale(version=case.version, at=case.at, actor=case.actor)


def head_of(row: RecordRow) -> Mapping[str, Any]:
    """A record's open part."""
    return cast("Mapping[str, Any]", orjson.loads(row.body))


def answered(row: RecordRow) -> tuple[str, str]:
    """The run and the state that an accepted command led to, from its record."""
    head = head_of(row)
    return str(head["run"]), str(head.get("to", ""))
