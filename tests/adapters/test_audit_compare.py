"""Laying a log beside checkpoints: the answer is the one that its definition gives, however it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.audit import verify
from stegvis.adapters.audit.note import Checkpoint
from stegvis.adapters.audit.tree import Frontier
from stegvis.adapters.audit.verify import Bad, Compared, compare
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash

from ..often import often

Log = list[int]


def row(number: int) -> RecordRow:
    body = b"%d" % number
    return RecordRow(str(number), None, None, body, leaf_hash(body), None, None)


def root(log: Log) -> bytes:
    tree = Frontier()
    for number in log:
        tree.add(row(number).leaf)
    return tree.root()


def expected(log: Log, was: Log, sizes: list[int], kept: Log) -> Compared:
    """The first checkpoint that the log does not bear out; leaves that were kept name the record, where they fit."""
    proved = 0
    for size in sorted(sizes):
        if log[:size] == was[:size]:
            proved = size
            continue
        read, short = min(len(log), size), len(log) < size
        end = len(log) + 1 if short else size
        # Where fewer leaves were kept, the log's own stand in, as far as it reaches.
        if [*kept, *log[len(kept) :]][:size] != was[:size]:
            return Compared(read, proved, Bad("log_short" if short else "record_differs", proved + 1, end))
        pairs = enumerate(zip(log, was[:size], strict=False), 1)
        place = next((number for number, pair in pairs if pair[0] != pair[1]), None)
        return Compared(read, proved, Bad("record_differs", place, place) if place else Bad("log_short", end, end))
    return Compared(len(log), proved, None)


numbers = st.lists(st.integers(0, 3), max_size=12)


@given(
    was=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    changed=st.none() | numbers,
    kept=st.none() | numbers,
    held=st.integers(0, 12),
    block=st.integers(1, 5),
    data=st.data(),
)
@often(300)
def test_the_first_bad_record_is_the_one_that_the_definition_names(
    *, was: Log, changed: Log | None, kept: Log | None, held: int, block: int, data: st.DataObject
) -> None:
    log = was if changed is None else changed
    sizes = data.draw(st.lists(st.integers(1, len(was)), max_size=3))
    leaves = was[:held] if kept is None else kept
    checkpoints = [Checkpoint("log.example", size, root(was[:size])) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "BLOCK", block)
        found = compare(map(row, log), checkpoints, [row(number).leaf for number in leaves])
    assert found == expected(log, was, sizes, leaves)
