"""What the engine asks of the world: a store, a sealer, a clock, a source of randomness.

Rows are plain tuples. Every ``bytes`` cell with personal content has been sealed before it gets here; a store never
sees a key. All instants are text in one form, ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` (UTC), which sorts as time does.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Answers the present instant, aware, in UTC."""

Entropy: TypeAlias = Callable[[int], bytes]
"""Answers that many bytes nobody can guess."""


class RecordRow(NamedTuple):
    """One sealed entry of an organisation's log: its exact bytes, their RFC 6962 leaf hash, and its payload cell."""

    id: str
    case: str | None
    cseq: int | None
    """Place in the case chain, from 1; None in the access stream."""
    body: bytes
    leaf: bytes
    unit: str | None
    """Retention unit whose key seals the payload."""
    payload: bytes | None


class CaseRow(NamedTuple):
    case: str
    version: int
    head: bytes
    """Leaf hash of the case's latest record."""
    at: str
    actor: str
    shared: bytes
    """Sealed: what the runs of the case share."""


class RunRow(NamedTuple):
    run: str
    routine: str
    rules: str
    """Digest of the rules that the run is pinned to."""
    state: str
    person: str | None
    opened: str
    ended: str | None
    snapshot: bytes
    """Sealed: the run's facts and what is pending."""


class DeadlineRow(NamedTuple):
    """An index over what the records say; ``rebuild`` makes it anew, equal."""

    case: str
    run: str
    deadline: str
    due: str
    """The earliest of internal date, legal date and critical time."""
    legal: str | None
    next: str
    """When the clock next has something to do here: a reminder, the due instant, a lapse."""
    stage: str
    """What happens then: remind, pass or lapse; 'done' when the clock has nothing left to do."""


class OutboxRow(NamedTuple):
    id: str
    """The hand-off's id, the same however often it is delivered."""
    case: str
    run: str
    to: str
    """Receiving organisation."""
    at: str
    cell: bytes
    """Sealed under the sender's key."""


class AnswerRow(NamedTuple):
    """What an accepted command answered, kept so that the same key gets the same answer."""

    actor: str
    key: str
    digest: str
    """Digest of the command; the same key with another digest is refused."""
    case: str
    version: int
    record: str


class DraftRow(NamedTuple):
    """What somebody has begun to answer: no part of the case, one for each actor and step."""

    case: str
    run: str
    trigger: str
    actor: str
    version: int
    """Of the case when the draft was saved."""
    at: str
    expires: str
    """When it is swept away."""
    cell: bytes
    """Sealed: the answers as they were."""


class Parcel(NamedTuple):
    """A hand-off or a reply on its way to another organisation."""

    name: str
    """Opaque, 32 hexadecimal digits: the same however often it is sent, and telling nothing of what is in it."""
    sender: str
    receiver: str
    body: bytes
    """The message, readable. A transport that leaves the process seals it for the receiver."""


class Arrival(NamedTuple):
    """Something that lies in an inbox."""

    name: str
    """What the inbox knows it by; a parcel's own name where there is one."""
    parcel: Parcel | None
    """Authentic: the inbox has made sure of the sender. None when it cannot be read."""
    fault: str | None = None
    """Code of why it cannot be read."""
    lasting: bool = False
    """Whether waiting cannot help."""


class Loaded(NamedTuple):
    case: CaseRow
    runs: tuple[RunRow, ...]


class Commit(NamedTuple):
    """One accepted command, whole: all of it is stored in one transaction, or none."""

    organisation: str
    expected: int
    """The version that the case must still have; 0 for a new case."""
    case: CaseRow
    records: tuple[RecordRow, ...]
    runs: tuple[RunRow, ...] = ()
    deadlines: tuple[DeadlineRow, ...] = ()
    closed: tuple[tuple[str, str], ...] = ()
    """(run, deadline) whose clock has stopped."""
    outbox: tuple[OutboxRow, ...] = ()
    answer: AnswerRow | None = None
    spent: tuple[tuple[str, str, str], ...] = ()
    """(run, trigger, actor) of the drafts that the command has used up, where there are such."""


class Store(Protocol):
    """Where an organisation's log and its indexes live. Every call names one organisation; none spans two.

    Raises:
        StoreError: the store cannot be used (``locked``, ``read_only``, ``full``, ``newer_schema``, ``older_schema``,
            ``io``).
        Stale: ``commit`` found another version than expected; details: version, at, actor.
        KeyReused: ``commit`` found the idempotency key taken by somebody faster.
    """

    def head(self, organisation: str, case: str) -> CaseRow | None:
        """The case's own row: where its chain ends."""
        ...

    def load(self, organisation: str, case: str) -> Loaded | None: ...
    def answer(self, organisation: str, actor: str, key: str) -> AnswerRow | None: ...
    def commit(self, commit: Commit) -> None: ...
    def note(self, organisation: str, rows: Sequence[RecordRow]) -> None:
        """Append to the access stream, all rows or none, under no case lock."""
        ...

    def case_records(self, organisation: str, case: str, *, after: int = 0) -> Iterator[RecordRow]:
        """A case's records in order, from version ``after`` + 1."""
        ...

    def looks(self, organisation: str, case: str) -> list[RecordRow]:
        """The records of the access stream that name a case, whether or not there is one, in order."""
        ...

    def size(self, organisation: str) -> int:
        """Index of the log's last record; 0 where there is none."""
        ...

    def log(
        self, organisation: str, *, after: int = 0, until: int | None = None, payloads: bool = True
    ) -> Iterator[tuple[int, RecordRow]]:
        """The organisation's log, both sequences, by index from ``after`` + 1 (the first is 1) until there or its end.

        Without ``payloads`` the rows have no unit and no payload: who needs no key need not wait for the cells.
        """
        ...

    def cases(self, organisation: str) -> Iterator[str]: ...
    def case_heads(self, organisation: str) -> tuple[int, list[tuple[str, int, bytes]]]:
        """Where the log ends, and key, version and last leaf of every case then; all of one moment."""
        ...

    def ends(self, organisation: str) -> Iterator[tuple[str, int, bytes]]:
        """Key, version and last leaf of every case by key, each as it is when its turn comes; never all in memory."""
        ...

    def deadlines(self, organisation: str, *, until: str | None = None, case: str | None = None) -> list[DeadlineRow]:
        """Open deadlines by ``next``, at most ``until`` itself; those of ``stage`` 'done' only without it."""
        ...

    def replace_deadlines(self, organisation: str, case: str, rows: Sequence[DeadlineRow], *, expected: int) -> None:
        """Throw a case's part of the deadline index away and put this in its place, if the case has that version.

        Version 0 is that of a case that is not there.

        Raises:
            Stale: it has another; details as in ``commit``.
        """
        ...

    def earlier(
        self, organisation: str, *, person: str, routine: str, states: Sequence[str], since: str, but: str
    ) -> int:
        """How many runs of that routine about that person have ended so since then, run ``but`` left out."""
        ...

    def outbox(self, organisation: str) -> list[OutboxRow]:
        """What has not been delivered yet, in the order in which it was sent."""
        ...

    def sent(self, organisation: str, id: str) -> OutboxRow | None:
        """A hand-off that this organisation has sent, delivered or not."""
        ...

    def delivered(self, organisation: str, id: str, at: str) -> None: ...
    def keep_draft(self, organisation: str, row: DraftRow) -> None:
        """Keep a draft in place of the one that the actor had for that step."""
        ...

    def drafts(self, organisation: str, *, case: str | None = None, actor: str | None = None) -> list[DraftRow]:
        """Drafts, all or those of a case or an actor, the oldest first."""
        ...

    def drop_draft(self, organisation: str, case: str, run: str, trigger: str, actor: str) -> bool:
        """Throw a draft away; whether there was one."""
        ...

    def sweep_drafts(self, organisation: str, until: str) -> int:
        """Throw away every draft that expires at that instant or before; how many there were."""
        ...

    def publish(self, digest: str, kind: str, body: bytes) -> None:
        """Keep the canonical bytes of a definition for ever; the same digest twice is no error."""
        ...

    def definition(self, digest: str) -> tuple[str, bytes] | None: ...
    def mark(self, organisation: str, name: str) -> str | None:
        """A small note the engine keeps about itself, such as when the clock last ran."""
        ...

    def set_mark(self, organisation: str, name: str, value: str) -> None: ...
    def close(self) -> None: ...
    @property
    def keys(self) -> "Sealer":
        """The sealer whose keys lie beside this store, for hosts that give the engine no other."""
        ...


class Sealer(Protocol):
    """Keeps what people wrote unreadable without its key, one key for each retention unit.

    Raises:
        SealError: the key is missing (``no_key``), or the cell was changed, moved or swapped (``bad_cell``).
    """

    def ensure(self, origin: str, unit: str) -> None:
        """Make the unit's key if there is none, durable before this returns."""
        ...

    def mac(self, origin: str, unit: str, text: bytes) -> bytes:
        """A keyed digest (HMAC-SHA-256) under a key of its own derived from the unit's."""
        ...

    def seal(self, origin: str, unit: str, text: bytes, bound: bytes) -> bytes: ...
    def open(self, origin: str, unit: str, cell: bytes, bound: bytes) -> bytes:
        """``bound`` must be the very bytes given to ``seal``; it names where the cell belongs."""
        ...


class Transport(Protocol):
    """Carries hand-offs to organisations whose logs lie in other stores.

    Raises:
        TransportError: it was not sent, or nobody knows whether it was; the outbox keeps it.
    """

    def send(self, parcel: Parcel) -> None:
        """Returns when the parcel can no longer be lost. The same parcel may be sent again; it is received once."""
        ...


class Inbox(Protocol):
    """Where hand-offs from other stores lie until they have been received.

    Raises:
        TransportError: the inbox cannot be used now; nothing in it was lost.
    """

    def arrived(self, receiver: str) -> Iterator[Arrival]:
        """What lies there, in no order: all that has been neither taken nor refused."""
        ...

    def taken(self, receiver: str, name: str) -> None:
        """It has been received, durably. Nobody else may have moved it first; that is no error."""
        ...

    def refused(self, receiver: str, name: str, code: str) -> None:
        """It will never be received. It is put aside under the code, and never deleted."""
        ...
