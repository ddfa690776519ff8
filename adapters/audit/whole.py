"""One case whole: its records, and the proof that none is missing up to a signed checkpoint, for who holds no other.

A ``case.heads`` record holds the root of a tree over where all cases stand. The case's own entry in that tree tells how
many records it had and which was the last; each record names the one before. The record's receipt ties that to what was
signed. So what is held against the file needs neither the log nor any other case.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from stegvis.engine.sealing import leaf_hash
from stegvis.routines.errors import BadInput, Broken, NotFound, NotProved
from stegvis.routines.text import Model

from .checkpoints import AuditLog
from .placing import placed
from .policy import Policy
from .proof import LONGEST, read_proof
from .tree import Tree, included
from .verify import CASE_MARK, head_entry

_Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Flaw(NamedTuple):
    """Where what was given is not the case as it was."""

    code: Literal["case_record_missing", "case_record_differs", "case_line_foreign"]
    """Of the case's records the one at that place is missing, or is another. What comes after it, up to where the log
    said that the case stood, is right; of what comes before it nothing can be told. Foreign: the line with that number
    is no record of the case, or one that is there already."""
    place: int


class Whole(NamedTuple):
    """What came of judging a case by what was signed."""

    case: str
    origin: str
    size: int
    """How many records the log had when it was signed."""
    at: str
    """When the log said where the case stood, UTC."""
    proved: int
    """How many records the case had then. All are here, as they were, when nothing is ``bad``."""
    newer: int
    """Records that came later. Nothing says that there are no more of them."""
    bad: Flaw | None


class _Heads(BaseModel):
    """What is needed of a ``case.heads`` record."""

    model_config = ConfigDict(frozen=True, strict=True)
    type: Literal["case.heads"]
    log: str
    at: str
    upto: int
    count: int
    root: _Hash


class CaseFile(Model):
    """A case, and what proves that it is whole; as JSON it is what a file holds."""

    case: _Key
    records: tuple[str, ...]
    """Its records as they were given, each the text that its leaf hashes."""
    count: Annotated[int, Field(ge=1)]
    """How many it had."""
    last: _Hash
    """Leaf of the last of them."""
    place: Annotated[int, Field(ge=0)]
    """Place of the case among the cases, sorted by key, from 0."""
    path: Annotated[tuple[_Hash, ...], Field(max_length=LONGEST)]
    """From there to the root that ``heads`` names."""
    heads: str
    """The record that says where every case stood."""
    receipt: str
    """That record's place in a signed checkpoint (C2SP tlog-proof)."""

    def text(self) -> bytes:
        """As it is written in a file."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    def check(self, policy: Policy) -> Whole:
        """Judge it by what was signed, and by nothing else.

        Raises:
            BadInput: ``not_a_proof``, ``not_a_note``.
            NotProved: ``proof_fails``: the signed log does not hold ``heads``. ``not_in_heads``: that record does not
                say that the case stood there. See also :meth:`stegvis.adapters.audit.policy.Policy.checkpoint`.
        """
        proof = read_proof(self.receipt.encode())
        proof.check(leaf_hash(self.heads.encode()), policy)
        origin, size, _ = policy.checkpoint(proof.note)
        said, head = _heads(self.heads.encode()), head_entry(self.case, self.count, bytes.fromhex(self.last))
        if said is None or said.log != origin or not self._stood(leaf_hash(head), said):
            raise NotProved("not_in_heads")
        own, foreign = self._own(origin)
        newer = sum(1 for place in own if place > self.count)
        bad = self._proved(own) or foreign or self._newer(own)
        return Whole(self.case, origin, size, said.at, self.count, newer, bad)

    def _stood(self, leaf: bytes, said: _Heads) -> bool:
        path = [bytes.fromhex(one) for one in self.path]
        return included(leaf, self.place, said.count, path, bytes.fromhex(said.root))

    def _own(self, origin: str) -> tuple[dict[int, "_Link"], Flaw | None]:
        """The case's records by their place in it, and the first line that is none of them."""
        own, foreign = dict[int, _Link](), None
        for line, text in enumerate(self.records, 1):
            link = _link(text.encode())
            if link is not None and (link.log, link.case) == (origin, self.case) and link.place not in own:
                own[link.place] = link
            elif foreign is None:
                foreign = Flaw("case_line_foreign", line)
        return own, foreign

    def _proved(self, own: Mapping[int, "_Link"]) -> Flaw | None:
        """Where the chain breaks that leads from the last record that the log vouches for back to the first."""
        leaf = self.last
        for place in range(self.count, 0, -1):
            link = own.get(place)
            if link is None:
                return Flaw("case_record_missing", place)
            if link.leaf != leaf:
                return Flaw("case_record_differs", place)
            leaf = link.prev
        # The first record names none before it.
        return Flaw("case_record_missing", 0) if leaf else None

    def _newer(self, own: Mapping[int, "_Link"]) -> Flaw | None:
        """Whether those that came later go on from the last that is vouched for. That they are all, nobody says."""
        leaf = self.last
        for place in range(self.count + 1, max(own, default=0) + 1):
            link = own.get(place)
            if link is None:
                return Flaw("case_record_missing", place)
            if link.prev != leaf:
                return Flaw("case_record_differs", place)
            leaf = link.leaf
        return None


class _Link(NamedTuple):
    """A record of a case, as a link of its chain."""

    log: object
    case: object
    place: int
    prev: object
    leaf: str


def _link(body: bytes) -> _Link | None:
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict):
        return None
    known = cast("dict[str, Any]", said)
    place = known.get("cseq")
    if type(place) is not int or place < 1:
        return None
    return _Link(known.get("log"), known.get("case"), place, known.get("prev", ""), leaf_hash(body).hex())


def _heads(body: bytes) -> _Heads | None:
    """What a record says of where the cases stand; None when it says no such thing."""
    try:
        return _Heads.model_validate_json(body)
    except ValidationError:
        return None


def read_case(data: bytes) -> CaseFile:
    """The case that a file holds.

    Raises:
        BadInput: ``not_a_case_file``.
    """
    try:
        return CaseFile.model_validate_json(data)
    except ValidationError:
        raise BadInput("not_a_case_file") from None


def case_file(log: AuditLog, case: str) -> CaseFile:
    """A case with what proves it whole, up to where the signed log last said how all cases stood.

    Raises:
        NotFound: ``no_heads_yet``: the signed log has not said where such a case stands. ``no_checkpoint``.
        Broken: ``heads_differ``: what it said is not so. ``signed_other``: what was signed is not what is there.
    """
    said = spoken = None
    for row in log.signed():
        if CASE_MARK in row.body and row.case is None and (heads := _heads(row.body)) is not None:
            said, spoken = heads, row
    if said is None or spoken is None:
        raise NotFound("no_heads_yet")
    ends = dict[str, tuple[int, bytes]]()
    for row in islice(log.signed(), said.upto):
        if row.case is not None and row.cseq is not None:
            ends[row.case] = (row.cseq, leaf_hash(row.body))
    order = sorted(ends)
    if case not in ends:
        raise NotFound("no_heads_yet")
    tree, place = Tree(leaf_hash(head_entry(one, *ends[one])) for one in order), order.index(case)
    if (said.count, said.root) != (len(order), tree.root(len(order)).hex()):
        raise Broken("heads_differ")
    count, last = ends[case]
    return CaseFile(
        case=case,
        records=tuple(row.body.decode() for row in log.store.case_records(log.organisation, case)),
        count=count,
        last=last.hex(),
        place=place,
        path=tuple(one.hex() for one in tree.inclusion(place, len(order))),
        heads=spoken.body.decode(),
        receipt=log.receipt(spoken.id).text().decode(),
    )


def write_case(
    log: AuditLog, case: str, to: Path, take_out: Callable[[Callable[[], str]], str]
) -> tuple[CaseFile, str]:
    """Put a case with its proof into a file.

    Args:
        log: what is signed, and by whom.
        case: the case's key.
        to: a file that is not there yet.
        take_out: notes it in the log before the file is there; see :meth:`stegvis.engine.engine.Engine.take_out`.

    Returns:
        What is in the file, and its SHA-256, with which it stands in the log.

    Raises:
        BadInput: ``file_exists``, ``cannot_write``. As :func:`case_file`, and whatever ``take_out`` raises.
    """
    made: list[CaseFile] = []
    with placed(to) as draft:

        def make() -> str:
            made.append(case_file(log, case))
            draft.touch(mode=0o600)
            draft.write_bytes(made[0].text())
            return sha256(made[0].text()).hexdigest()

        digest = take_out(make)
    return made[0], digest
