"""Does a log hold what a checkpoint kept elsewhere says it held? If not, which record is the first that does not.

A checkpoint is one hash over everything before it: it tells that something differs, never what. The leaves tell what,
and it does not matter where they come from: leaves that give the checkpoint's root are the right ones, whoever kept
them. Without such leaves the first bad record is only known to lie after the last checkpoint that does agree.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import orjson

from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.digests import canonical

from .note import Checkpoint
from .tree import Frontier

CASE_HEADS: Final = "case.heads"
CASE_MARK: Final = b'"type":"case.heads"'
"""What stands in the bytes of every record that says where the cases stand."""

BLOCK: Final = 1000
"""Records that are hashed at a time."""

BEHIND: Final = 100_000
"""How many records a statement of case heads may lie after the place that it speaks of."""


class Bad(NamedTuple):
    """The first record that is not as it was."""

    code: str
    """``record_differs``: it, or what stood in its place, was changed, moved, put in or taken out.
    ``log_short``: the log ends before it. ``heads_differ``: it says where the cases stand, and they do not."""
    first: int
    """Index of the earliest record that can be the first bad one."""
    last: int
    """And of the latest: the same where the record is known for certain."""


class Compared(NamedTuple):
    """What came of laying a log beside checkpoints."""

    size: int
    """How many records were read."""
    proved: int
    """Up to which index a checkpoint vouches for every record."""
    bad: Bad | None
    """Set: the log was not read further than it took to know."""


def compare(log: Iterable[RecordRow], checkpoints: Sequence[Checkpoint], kept: Iterable[bytes] = ()) -> Compared:
    """Lay a log beside checkpoints of it, whose signatures have been checked already.

    Args:
        log: every record, in order.
        checkpoints: of this log, in any order, and any number of them.
        kept: the leaves as they were kept outside the database; believed as far as a checkpoint bears them out.
    """
    reading, proved = _Reading(log, kept), 0
    for checkpoint in sorted(checkpoints, key=lambda one: one.size):
        reading.until(checkpoint.size)
        if (reading.log.size, reading.log.root()) != (checkpoint.size, checkpoint.root):
            return Compared(reading.log.size, proved, reading.first_bad(checkpoint, proved))
        proved = checkpoint.size
    reading.until(None)
    return Compared(reading.log.size, proved, reading.wrong_heads)


class _Reading:
    """A log that is being read, and the leaves that were kept of it, in step."""

    def __init__(self, log: Iterable[RecordRow], kept: Iterable[bytes]) -> None:
        self._rows, self._leaves = iter(log), iter(kept)
        self._cases = CaseHeads()
        self._differs: int | None = None
        self.log, self._kept = Frontier(), Frontier()
        self.wrong_heads: Bad | None = None

    def until(self, size: int | None) -> None:
        """Read on until the log has so many records, or ends."""
        while rows := list(islice(self._rows, BLOCK if size is None else min(BLOCK, size - self.log.size))):
            leaves = [leaf_hash(row.body) for row in rows]
            self._lay_beside(leaves)
            for index, (row, leaf) in enumerate(zip(rows, leaves, strict=True), self.log.size + 1):
                if not self._cases.add(index, row, leaf) and self.wrong_heads is None:
                    self.wrong_heads = Bad("heads_differ", index, index)
            self.log.extend(leaves)

    def _lay_beside(self, leaves: Sequence[bytes]) -> None:
        """Hold the log's next leaves against those that were kept; one that was not kept says nothing."""
        kept = list(islice(self._leaves, len(leaves)))
        kept += leaves[len(kept) :]
        if self._differs is None and kept != leaves:
            same = next(place for place, pair in enumerate(zip(leaves, kept, strict=True)) if pair[0] != pair[1])
            self._differs = self.log.size + same + 1
            self._kept = Frontier(self.log.size, self.log.peaks)
        if self._differs is not None:
            self._kept.extend(kept)

    def first_bad(self, checkpoint: Checkpoint, proved: int) -> Bad:
        """Where the log leaves what this checkpoint vouches for, when all before ``proved`` is right."""
        kept = self._kept if self._differs is not None else Frontier(self.log.size, self.log.peaks)
        kept.extend(islice(self._leaves, checkpoint.size - kept.size))
        short = self.log.size < checkpoint.size
        end = self.log.size + 1 if short else checkpoint.size
        if (kept.size, kept.root()) == (checkpoint.size, checkpoint.root):
            place = self._differs or end
            return Bad("log_short" if self._differs is None else "record_differs", place, place)
        return Bad("log_short" if short else "record_differs", proved + 1, end)


class CaseHeads:
    """Where each case stands while a log is read: what a ``case.heads`` record says is held against it."""

    def __init__(self) -> None:
        self._cases: dict[str, tuple[int, bytes]] = {}
        self._before: deque[tuple[int, str, tuple[int, bytes] | None]] = deque(maxlen=BEHIND)

    def add(self, index: int, row: RecordRow, leaf: bytes) -> bool:
        """Take in the next record; False when it says where the cases stand, and they do not."""
        if row.case is not None and row.cseq is not None:
            self._before.append((index, row.case, self._cases.get(row.case)))
            self._cases[row.case] = (row.cseq, leaf)
            return True
        return CASE_MARK not in row.body or self._holds(index, row.body)

    def _holds(self, index: int, body: bytes) -> bool:
        try:
            said: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(said, dict):
            return False
        upto, count, root = (cast("dict[str, Any]", said).get(name) for name in ("upto", "count", "root"))
        if not isinstance(upto, int) or not index - BEHIND <= upto < index:
            return False
        then: dict[str, tuple[int, bytes] | None] = dict(self._cases)
        for place, case, before in reversed(self._before):
            if place <= upto:
                break
            then[case] = before
        heads = [(case, *head) for case, head in then.items() if head is not None]
        return (count, root) == (len(heads), heads_root(heads).hex())


def head_entry(case: str, count: int, leaf: bytes) -> bytes:
    """One case in the tree of case heads: the bytes that its leaf hashes."""
    return canonical([case, count, leaf.hex()])


def heads_root(heads: Iterable[tuple[str, int, bytes]]) -> bytes:
    """The root over where all cases stand: key, number of records and last leaf of each, sorted by key.

    Whoever is shown one case whole, its inclusion here and the record that holds this root in the log knows that no
    record of that case was held back.
    """
    tree = Frontier()
    tree.extend(leaf_hash(head_entry(*head)) for head in sorted(heads))
    return tree.root()
