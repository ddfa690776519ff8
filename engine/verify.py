"""verify: does what is stored hang together? Every hash, every link, every payload, every index against the log.

This finds what changed by accident or by a careless hand. Against somebody who may rewrite the whole file it takes a
checkpoint held elsewhere: that is the audit log's, in stegvis.adapters.audit.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias, cast

import orjson

from stegvis.routines.errors import SealError, StegvisError
from stegvis.routines.library import Library

from .evolve import evolve
from .ports import RecordRow, Sealer, Store
from .sealing import leaf_hash, opened, said_by
from .snapshot import case_deadlines, case_of
from .values import Case, Event

_MALFORMED = (LookupError, TypeError, ValueError, AttributeError)
"""What comes of a record that a hand has changed into anything."""


class Place(NamedTuple):
    """One organisation's log in a store, with what opens and explains it."""

    store: Store
    library: Library
    keys: Sealer
    organisation: str
    log: str
    """The log's origin."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hang together. ``place`` is the log index, or a case's version."""

    code: str
    case: str | None
    place: int


class Span(NamedTuple):
    """A stretch of an organisation's log: the records after one index, until another."""

    organisation: str
    log: str
    """The log's origin."""
    after: int
    until: int


class Link(NamedTuple):
    """The first record of a case in a span: only who knows the spans before can tell whether it belongs there."""

    place: int
    cseq: int
    numbered: bool
    """Whether the record itself says that number."""
    prev: str | None
    """The leaf that it follows; None for what can be none."""

    def faults(self, head: tuple[int, bytes]) -> Iterator[str]:
        """What is wrong when a case's records before it end there."""
        cseq, leaf = head
        if self.cseq != cseq + 1 or not self.numbered:
            yield "gap"
        if self.prev != leaf.hex():
            yield "broken_link"


@dataclass(slots=True)
class Part:
    """What was found in one span, and what has to be held against the spans before it. It can be pickled."""

    ends: int
    """Index of its last record; where it has none, of the last before it."""
    begins: tuple[int, str | None] | None = None
    """And of its first, with its case."""
    faults: list[Fault] = field(default_factory=list[Fault])
    firsts: dict[str, Link] = field(default_factory=dict[str, Link])
    """The first record of each case."""
    heads: dict[str, tuple[int, bytes]] = field(default_factory=dict[str, tuple[int, bytes]])
    """And number and leaf of the last."""
    named: dict[str, tuple[int, str | None]] = field(default_factory=dict[str, tuple[int, str | None]])
    """Every definition that is rested on, and the first record that does so."""


Parts: TypeAlias = Callable[[Iterable[Span]], Iterable[Part]]
"""Checks spans, each with :func:`check_span`, and answers in their order; where and how many at a time is its own."""

SPAN: Final = 20_000
"""Records in a span: what is kept of it at a time."""


def verify_log(store: Store, organisation: str, log: str, *, parts: Parts | None = None) -> Iterator[Fault]:
    """Check an organisation's whole log without any key: bytes, leaves, case chains, and that what it names is kept.

    People may go on working: a case that has moved since its records were read is followed to where it stands. What is
    kept in memory grows with the cases, never with the records.

    Args:
        parts: who checks the spans that the log is read in, when not this process one after the other.
    """
    end = store.size(organisation)
    spans = (Span(organisation, log, after, min(after + SPAN, end)) for after in range(0, end, SPAN))
    heads: dict[str, tuple[int, bytes]] = {}
    kept: set[str] = set()
    last = 0
    for part in parts(spans) if parts is not None else map(partial(check_span, store), spans):
        yield from _joined(store, part, last, heads, kept)
        heads.update(part.heads)
        kept.update(part.named)
        last = part.ends
    for case, version, head in store.ends(organisation):
        known = heads.pop(case, _NOWHERE)
        if known[0] < version:
            moved = Part(0)
            for row in _since(store, organisation, case, known[0], version):
                said = _take_in(store, organisation, log, moved, (row.cseq or 0, row))
                for code in _link(row, said, 0).faults(known):
                    moved.faults.append(Fault(code, case, row.cseq or 0))
                known = (row.cseq or 0, row.leaf)
            yield from moved.faults
            yield from _definition_faults(store, moved.named, kept)
            kept.update(moved.named)
        if known != (version, head):
            yield Fault("head_differs", case, version)
    for case, (cseq, _) in heads.items():
        yield Fault("case_missing", case, cseq)


_NOWHERE = (0, b"")


def check_span(store: Store, span: Span) -> Part:
    """Check a stretch of a log as far as it can be checked by itself."""
    organisation, log, after, until = span
    part = Part(after)
    for index, row in store.log(organisation, after=after, until=until, payloads=False):
        said = _take_in(store, organisation, log, part, (index, row))
        case, cseq = row.case, row.cseq
        if part.begins is None:
            part.begins = (index, case)
        elif index != part.ends + 1:
            part.faults.append(Fault("log_gap", case, index))
        part.ends = index
        if cseq is not None and case is not None:
            head = part.heads.get(case)
            link = _link(row, said, index)
            if head is None:
                part.firsts[case] = link
            else:
                part.faults += [Fault(code, case, index) for code in link.faults(head)]
            part.heads[case] = (cseq, row.leaf)
    return part


def _joined(
    store: Store, part: Part, last: int, heads: Mapping[str, tuple[int, bytes]], kept: Container[str]
) -> list[Fault]:
    """A part's faults, and those that show when it is held against all before it, in the order of the log."""
    found = part.faults
    if part.begins is not None and part.begins[0] != last + 1:
        index, case = part.begins
        found.append(Fault("log_gap", case, index))
    for case, link in part.firsts.items():
        found += [Fault(code, case, link.place) for code in link.faults(heads.get(case, _NOWHERE))]
    found += _definition_faults(store, part.named, kept)
    return sorted(found, key=attrgetter("place"))


def _take_in(store: Store, organisation: str, log: str, part: Part, at: tuple[int, RecordRow]) -> Mapping[str, Any]:
    """Check a record by itself, and note what it rests on; what it says."""
    index, (id_, case, _, body, leaf, _, _) = at
    said = said_by(body)
    if leaf_hash(body) != leaf:
        part.faults.append(Fault("leaf_differs", case, index))
    if orjson.dumps(said, option=orjson.OPT_SORT_KEYS) != body:
        part.faults.append(Fault("not_canonical", case, index))
    if said.get("id") != id_ or said.get("log") != log or said.get("case") != case:
        part.faults.append(Fault("misplaced", case, index))
    for digest in _named(said):
        if digest not in part.named:
            part.named[digest] = (index, case)
    if "hof" in said and _sent_missing(store, organisation, said["hof"]):
        part.faults.append(Fault("handoff_missing", case, index))
    return said


def _link(row: RecordRow, said: Mapping[str, Any], index: int) -> Link:
    prev = said.get("prev", "")
    return Link(index, row.cseq or 0, said.get("cseq") == row.cseq, prev if isinstance(prev, str) else None)


def _since(store: Store, organisation: str, case: str, after: int, until: int) -> Iterator[RecordRow]:
    """A case's records after one version, until another."""
    for row in store.case_records(organisation, case, after=after):
        if (row.cseq or 0) > until:
            return
        yield row


def _named(said: Mapping[str, Any]) -> list[str]:
    """Digests of the definitions that a record rests on."""
    found = [str(said[name]) for name in ("def", "gui", "law") if name in said]
    for name in ("acc", "ord"):
        rested = said.get(name)
        if isinstance(rested, dict):
            found.append(str(cast("dict[str, Any]", rested).get("def")))
    return found


def _definition_faults(
    store: Store, named: Mapping[str, tuple[int, str | None]], kept: Container[str]
) -> Iterator[Fault]:
    for digest, (index, case) in named.items():
        if digest not in kept:
            found = store.definition(digest)
            if found is None:
                yield Fault("definition_missing", case, index)
            elif sha256(found[1]).hexdigest() != digest:
                yield Fault("definition_differs", case, index)


def _sent_missing(store: Store, organisation: str, hof: object) -> bool:
    if not isinstance(hof, dict):
        return False
    sent = cast("dict[str, Any]", hof)
    return sent.get("dir") == "sent" and store.sent(organisation, str(sent.get("id"))) is None


def verify_case(place: Place, case: str) -> Sequence[Fault]:
    """Check one case with its keys: payloads against their commitments, snapshots and deadlines against the fold.

    A case that somebody moves between two of the reads is looked at again: what differs then is not at fault.
    """
    faults: Sequence[Fault] = ()
    for _ in range(_TRIES):
        before = place.store.head(place.organisation, case)
        faults = list(_case_faults(place, case))
        if not faults or place.store.head(place.organisation, case) == before:
            break
    return faults


_TRIES = 10


def _case_faults(place: Place, case: str) -> Iterator[Fault]:
    folded: Case | None = None
    for row in place.store.case_records(place.organisation, case):
        try:
            event = opened(row, place.keys, place.log, case)
            if event.body is None and "pc" in event.head:
                yield Fault("payload_missing", case, row.cseq or 0)
        except StegvisError as error:
            yield Fault(error.reason, case, row.cseq or 0)
            event = Event(cast("Any", said_by(row.body)), None)
        try:
            folded = evolve(folded, event)
        except (StegvisError, *_MALFORMED):
            yield Fault("cannot_fold", case, row.cseq or 0)
            return
    if folded is None or place.store.load(place.organisation, case) is None:
        yield Fault("case_missing", case, 0)
        return
    yield from _against_fold(place, case, folded)


def _against_fold(place: Place, case: str, folded: Case) -> Iterator[Fault]:
    store = place.store
    loaded = store.load(place.organisation, case)
    assert loaded is not None  # noqa: S101 - asked by the caller
    try:
        stands = case_of(loaded, place.keys, place.log, place.organisation)
    except SealError as error:
        yield Fault(f"snapshot_{error.reason}", case, folded.version)
        return
    if stands is not None and stands != folded:
        yield Fault("snapshot_differs", case, folded.version)
    try:
        should = set(case_deadlines(place.library, folded))
    except StegvisError as error:
        yield Fault(error.reason, case, folded.version)
        return
    except _MALFORMED:
        yield Fault("cannot_fold", case, folded.version)
        return
    if should != set(store.deadlines(place.organisation, case=case)):
        yield Fault("deadlines_differ", case, folded.version)
