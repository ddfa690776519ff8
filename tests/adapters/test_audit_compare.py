"""Laying a log beside checkpoints: the answer is the one that its definition gives, however it is read."""

from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stegvis.adapters.audit import verify
from stegvis.adapters.audit.note import Checkpoint
from stegvis.adapters.audit.tree import EMPTY, Frontier, Tree
from stegvis.adapters.audit.verify import Bad, Compared, compare, head_entry, heads_root
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.digests import canonical

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


class Word(NamedTuple):
    """What a record says of where the cases stand, so many records before it."""

    ago: int
    more: int
    """Cases that it counts too many."""
    wrong: bool
    """Whether its root is another."""


def heads_at(rows: list[RecordRow], upto: int) -> tuple[int, str]:
    ends = {one.case: (one.cseq, one.leaf) for one in rows[:upto] if one.case is not None}
    leaves = [leaf_hash(f'["{case}",{ends[case][0]},"{ends[case][1].hex()}"]'.encode()) for case in sorted(ends)]
    return len(ends), Tree(leaves).root(len(leaves)).hex()


def cased(rows: list[RecordRow], case: str) -> RecordRow:
    place = sum(one.case == case for one in rows) + 1
    return row(len(rows))._replace(case=case, cseq=place)


def said(rows: list[RecordRow], word: Word) -> tuple[RecordRow, bool]:
    """A record that says so, and whether it is right."""
    upto = len(rows) - word.ago
    count, right = heads_at(rows, max(0, upto))
    body = canonical(
        {"type": "case.heads", "upto": upto, "count": count + word.more, "root": (right, "00")[word.wrong]}
    )
    seen = [one for one in rows[max(0, upto) :] if one.case is not None]
    true = 0 <= word.ago <= BEHIND - 1 and not word.more and not word.wrong
    # Nobody can work out where the cases stood before what is remembered; BEHIND holds the most that can lie between.
    assert len(seen) <= BEHIND or not true
    return RecordRow("w", None, None, body, leaf_hash(body), None, None), true


BEHIND = 6
words = st.builds(Word, st.integers(-1, 7), st.sampled_from([0, 0, 0, 1, -1]), st.sampled_from([False, False, True]))


@given(steps=st.lists(st.sampled_from("abc") | st.none() | words, max_size=14))
@often(300)
@example(steps=["a", *"bcabc", Word(BEHIND - 1, 0, wrong=False)])
@example(steps=["a", *"bcabc", Word(BEHIND, 0, wrong=False)])
@example(steps=["a", Word(-1, 0, wrong=False)])
def test_the_first_false_word_on_the_cases_is_found(steps: list[str | Word | None]) -> None:
    rows: list[RecordRow] = []
    false: int | None = None
    for step in steps:
        if isinstance(step, Word):
            one, true = said(rows, step)
            if not true and false is None:
                false = len(rows) + 1
        else:
            one = cased(rows, step) if step is not None else row(len(rows))
        rows.append(one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "BEHIND", BEHIND)
        found = compare(rows, [])
    assert found == (len(rows), 0, Bad("heads_differ", false, false) if false is not None else None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"case.heads"',
        b'[{"type":"case.heads"}]',
        b'{"count":0,"root":"","type":"case.heads"}',
        b'{"count":0,"root":"","type":"case.heads","upto":"0"}',
        b'{"count":0,"root":"","type":"case.heads","upto":0}',
        b'{"count":0,"type":"case.heads","upto":0}',
    ],
)
def test_a_word_that_is_none_is_found(body: bytes) -> None:
    assert compare([row(0)._replace(body=body)], []).bad == ("heads_differ", 1, 1)


def test_a_log_that_ends_too_early_is_told_from_one_that_was_changed() -> None:
    was = [0, 1, 2, 3]
    checkpoint, leaves = Checkpoint("log.example", 4, root(was)), [row(number).leaf for number in was]
    for log, kept, bad in (
        ([0, 1], leaves, ("log_short", 3, 3)),
        ([0, 1], [], ("log_short", 1, 3)),
        ([0, 3], leaves, ("record_differs", 2, 2)),
        ([0, 3, 2, 3], leaves, ("record_differs", 2, 2)),
        ([0, 3, 2, 3], [], ("record_differs", 1, 4)),
    ):
        assert compare(map(row, log), [checkpoint], kept).bad == bad


def test_where_no_case_is_the_root_is_that_of_the_empty_tree() -> None:
    assert heads_root([]) == EMPTY
    assert head_entry("ab", 3, b"\1") == b'["ab",3,"01"]'
    heads = [("b", 1, bytes(32)), ("a", 2, bytes(32))]
    assert (
        heads_root(heads)
        == heads_root(reversed(heads))
        == Tree([leaf_hash(head_entry(*one)) for one in sorted(heads)]).root(2)
    )


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
