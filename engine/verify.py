"""verify: does what is stored hang together? Every hash, every link, every payload, every index against the log.

This finds what changed by accident or by a careless hand. Against somebody who may rewrite the whole file it takes a
checkpoint held elsewhere: that is the audit log's, in stegvis.adapters.audit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, cast

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


def verify_log(store: Store, organisation: str, log: str) -> Iterator[Fault]:
    """Check an organisation's whole log without any key: bytes, leaves, case chains, and that what it names is kept.

    People may go on working: a case that has moved since its records were read is followed to where it stands.
    """
    heads: dict[str, tuple[int, bytes]] = {}
    kept: set[str] = set()
    last = 0

    def faults(row: RecordRow) -> list[str]:
        said = said_by(row.body)
        found = _row_faults(row, said, log)
        named = _named(said) - kept
        kept.update(named)
        found += _definition_faults(store, named)
        found += _sent_faults(store, organisation, said)
        if row.cseq is not None and row.case is not None:
            found += _link_faults(row, said, heads.get(row.case, _NOWHERE))
            heads[row.case] = (row.cseq, row.leaf)
        return found

    for index, row in store.log(organisation, payloads=False):
        if index != last + 1:
            yield Fault("log_gap", row.case, index)
        last = index
        for code in faults(row):
            yield Fault(code, row.case, index)
    for case, version, head in store.case_heads(organisation)[1]:
        for row in _since(store, organisation, case, heads.get(case, _NOWHERE)[0], version):
            for code in faults(row):
                yield Fault(code, case, row.cseq or 0)
        if heads.pop(case, None) != (version, head):
            yield Fault("head_differs", case, version)
    for case, (cseq, _) in heads.items():
        yield Fault("case_missing", case, cseq)


_NOWHERE = (0, b"")


def _since(store: Store, organisation: str, case: str, after: int, until: int) -> Iterator[RecordRow]:
    """A case's records after one version, until another."""
    if after < until:
        for row in store.case_records(organisation, case, after=after):
            if (row.cseq or 0) > until:
                return
            yield row


def _link_faults(row: RecordRow, said: Mapping[str, Any], head: tuple[int, bytes]) -> Iterator[str]:
    cseq, leaf = head
    if row.cseq != cseq + 1 or said.get("cseq") != row.cseq:
        yield "gap"
    if said.get("prev", "") != leaf.hex():
        yield "broken_link"


def _row_faults(row: RecordRow, said: Mapping[str, Any], log: str) -> list[str]:
    found: list[str] = []
    if leaf_hash(row.body) != row.leaf:
        found.append("leaf_differs")
    if orjson.dumps(said, option=orjson.OPT_SORT_KEYS) != row.body:
        found.append("not_canonical")
    if said.get("id") != row.id or said.get("log") != log or said.get("case") != row.case:
        found.append("misplaced")
    return found


def _named(said: Mapping[str, Any]) -> set[str]:
    """Digests of the definitions that a record rests on."""
    found = {str(said[name]) for name in ("def", "gui", "law") if name in said}
    for name in ("acc", "ord"):
        rested = said.get(name)
        if isinstance(rested, dict):
            found.add(str(cast("dict[str, Any]", rested).get("def")))
    return found


def _definition_faults(store: Store, named: set[str]) -> Iterator[str]:
    for digest in sorted(named):
        found = store.definition(digest)
        if found is None:
            yield "definition_missing"
        elif sha256(found[1]).hexdigest() != digest:
            yield "definition_differs"


def _sent_faults(store: Store, organisation: str, said: Mapping[str, Any]) -> Iterator[str]:
    hof = said.get("hof")
    if isinstance(hof, dict):
        sent = cast("dict[str, Any]", hof)
        if sent.get("dir") == "sent" and store.sent(organisation, str(sent.get("id"))) is None:
            yield "handoff_missing"


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
