"""seal and unseal: an event becomes a record that may stand open and a payload that may not, and back.

A record is one canonical JSON object (ASCII keys, no floats; the same bytes as RFC 8785), stored and hashed as exact
bytes: leaf = SHA-256(0x00 || bytes), as in RFC 6962. What people wrote is in the payload, tied to it by a salted
commitment ``pc`` and sealed under the key of its retention unit; each guard's inputs are committed to under the same
salt. Erasing the key leaves every hash and proof as it was.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, TypedDict, cast

import orjson

from stegvis.routines.digests import canonical
from stegvis.routines.errors import Broken

from .instants import text_of
from .ports import Clock, Entropy, RecordRow, Sealer
from .values import Event, Head

VERSION = 1
LONGEST_RECORD = 65_535
_PAYLOAD = b"stegvis/payload/1\x00"
_GUARD = b"stegvis/guard/1\x00"
_SALT = 32


class ChainHead(NamedTuple):
    """Where a record is added: the log it belongs to, the case, and the end of the case's chain."""

    log: str
    """The organisation's origin, a scheme-less URL."""
    case: str
    cseq: int
    """Records in the case so far; the new one is the next."""
    prev: bytes | None
    """Leaf hash of the case's latest record."""


class Record(NamedTuple):
    """A sealed event: its exact bytes and their leaf hash."""

    id: str
    cseq: int | None
    body: bytes
    leaf: bytes


class Sealed(TypedDict, total=False):
    """What a record holds beside its event's head: version, log, id, place, nonce, commitment, the recording clock."""

    v: int
    log: str
    id: str
    cseq: int
    prev: str
    n: str
    pc: str
    rec: str
    nb: str


def leaf_hash(body: bytes) -> bytes:
    """The RFC 6962 leaf hash of a record's bytes."""
    return sha256(b"\x00" + body).digest()


def seal(event: Event, head: ChainHead, entropy: Entropy, clock: Clock) -> tuple[Record, bytes]:
    """Make the record and the payload's plain bytes (still to be encrypted) of an event in a case chain."""
    record, payload = _record(event, head.log, entropy, clock)
    record["case"] = head.case
    record["cseq"] = head.cseq + 1
    if head.prev is not None:
        record["prev"] = head.prev.hex()
    body = _bytes(record)
    return Record(cast("str", record["id"]), head.cseq + 1, body, leaf_hash(body)), payload


def seal_access(head: Mapping[str, object], log: str, entropy: Entropy, clock: Clock) -> Record:
    """Make a record of the access stream: nothing in it is sealed, so nothing in it may need to be."""
    chance = entropy(32)
    record: dict[str, object] = {
        **head,
        "v": VERSION,
        "log": log,
        "id": chance[:16].hex(),
        "n": chance[16:].hex(),
        "rec": text_of(clock()),
    }
    body = _bytes(record)
    return Record(chance[:16].hex(), None, body, leaf_hash(body))


def _record(event: Event, log: str, entropy: Entropy, clock: Clock) -> tuple[dict[str, object], bytes]:
    chance = entropy(_SALT + 32)
    salt = chance[:_SALT]
    payload = salt + canonical(event.body if event.body is not None else {})
    record: dict[str, object] = {
        **event.head,
        "v": VERSION,
        "log": log,
        "id": chance[_SALT : _SALT + 16].hex(),
        "n": chance[_SALT + 16 :].hex(),
        "pc": sha256(_PAYLOAD + payload).hexdigest(),
        "rec": text_of(clock()),
    }
    if event.reads:
        inputs = {name: sha256(_GUARD + salt + canonical(read)).hexdigest() for name, read in event.reads}
        record["guards"] = [
            {**guard, "in": inputs[guard["id"]]} if guard["id"] in inputs else guard
            for guard in event.head.get("guards", ())
        ]
    return record, payload


def _bytes(record: dict[str, object]) -> bytes:
    body = canonical(record)
    if len(body) > LONGEST_RECORD or not body.isascii():
        raise Broken("record_profile", size=len(body))
    return body


def unseal(record: bytes, payload: bytes | None) -> Event:
    """The event of a record; without its payload the body is None, and folding still gives states and deadlines.

    Raises:
        Broken: ``payload_differs``, when the payload is not the one the record commits to.
    """
    head = cast("Head", orjson.loads(record))
    if payload is None:
        return Event(head, None)
    if sha256(_PAYLOAD + payload).hexdigest() != cast("Sealed", head).get("pc"):
        raise Broken("payload_differs")
    return Event(head, cast("dict[str, object]", orjson.loads(payload[_SALT:])))


def guard_input(payload: bytes, read: object) -> str:
    """The commitment to what a guard rested on, for an auditor who may read the payload."""
    return sha256(_GUARD + payload[:_SALT] + canonical(read)).hexdigest()


def bound(log: str, case: str, record: str) -> bytes:
    """What a payload cell is bound to, so that a swapped cell does not open."""
    return canonical(["payload", log, case, record])


def said_by(body: bytes) -> dict[str, Any]:
    """What a record says; nothing, when it is no JSON object."""
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def opened(row: RecordRow, keys: Sealer, log: str, case: str) -> Event:
    """The event of a stored record, with its payload opened.

    Raises:
        SealError: ``no_key`` or ``bad_cell``. Broken: ``payload_differs``, or ``unreadable`` for what is no record.
    """
    if not said_by(row.body):
        raise Broken("unreadable")
    if row.payload is None or row.unit is None:
        return unseal(row.body, None)
    return unseal(row.body, keys.open(log, row.unit, row.payload, bound(log, case, row.id)))
