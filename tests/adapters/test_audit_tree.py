"""The tree against its definition in RFC 6962, and its proofs against every change that a bit can make."""

import os
from functools import lru_cache
from hashlib import sha256
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.audit.tree import EMPTY, HASH, Frontier, Tree, consistent, included, node_hash

from ..evidence import keep
from ..often import often

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))
MOST = 1100
LEAVES = [sha256(b"leaf %d" % number).digest() for number in range(MOST)]
TREE = Tree(LEAVES)


def defined(begin: int, end: int) -> bytes:
    """MTH(D[begin:end]), word for word as RFC 6962 section 2.1 has it."""
    if begin == end:
        return sha256(b"").digest()
    if end - begin == 1:
        return LEAVES[begin]
    split = 1
    while split * 2 < end - begin:
        split *= 2
    return sha256(b"\x01" + known(begin, begin + split) + known(begin + split, end)).digest()


known = lru_cache(maxsize=None)(defined)

sizes = st.integers(1, 70)


def test_the_hashes_are_those_of_the_rfc() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert node_hash(b"a", b"b") == sha256(b"\x01ab").digest()
    assert Frontier().root() == Tree().root(0) == EMPTY


def test_the_root_of_every_size_is_the_defined_one() -> None:
    frontier = Frontier()
    for size in range(260):
        assert frontier.root() == TREE.root(size) == known(0, size)
        assert (frontier.size, len(frontier.peaks)) == (size, size.bit_count())
        frontier.add(LEAVES[size])
    assert len(TREE) == MOST


@given(size=st.integers(0, 200), more=st.integers(0, 60))
@often(60)
def test_a_frontier_that_was_put_away_goes_on_as_if_it_had_not_been(size: int, more: int) -> None:
    first = Frontier()
    for leaf in LEAVES[:size]:
        first.add(leaf)
    again = Frontier(first.size, tuple(first.peaks))
    for leaf in LEAVES[size : size + more]:
        again.add(leaf)
    assert (again.size, again.root()) == (size + more, known(0, size + more))


@given(size=st.integers(0, 200), more=st.integers(0, 60))
@often(60)
def test_many_leaves_at_once_make_the_same_tree(size: int, more: int) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    assert (frontier.size, frontier.root()) == (size, known(0, size))
    frontier.extend(iter(LEAVES[size : size + more]))
    assert (frontier.size, frontier.root()) == (size + more, known(0, size + more))
    assert len(frontier.peaks) == frontier.size.bit_count()


@pytest.mark.parametrize(("size", "peaks"), [(-1, 0), (0, 1), (1, 0), (3, 1), (4, 2)])
def test_a_frontier_of_another_size_than_its_peaks_is_refused(size: int, peaks: int) -> None:
    with pytest.raises(ValueError, match=r"^a frontier has one peak for each bit of its size$"):
        Frontier(size, LEAVES[:peaks])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: TREE.root(MOST + 1),
        lambda: TREE.root(-1),
        lambda: TREE.inclusion(5, 5),
        lambda: TREE.inclusion(-1, 5),
        lambda: TREE.inclusion(0, 0),
        lambda: TREE.inclusion(0, MOST + 1),
        lambda: TREE.consistency(6, 5),
        lambda: TREE.consistency(-1, 5),
        lambda: TREE.consistency(5, MOST + 1),
    ],
)
def test_what_is_not_in_the_tree_is_not_proved(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match=r"does not reach there$"):
        ask()


def prove_all(size: int) -> None:
    root = TREE.root(size)
    for index in range(size):
        assert included(LEAVES[index], index, size, TREE.inclusion(index, size), root)
    for old in range(1, size + 1):
        assert consistent(old, TREE.root(old), size, root, TREE.consistency(old, size))


def test_every_proof_of_every_small_tree_holds() -> None:
    for size in range(1, 40):
        prove_all(size)
    assert TREE.consistency(0, 5) == TREE.consistency(0, 0) == []
    assert consistent(0, EMPTY, 0, EMPTY, [])
    assert not consistent(0, LEAVES[0], 0, LEAVES[0], [])


@pytest.mark.deep
def test_every_proof_of_every_tree_to_1100_holds() -> None:
    began, sizes = process_time(), range(1, MOST + 1, max(1, round(1 / SCALE) // 5))
    for size in sizes:
        prove_all(size)
    what = f"every inclusion and every consistency of each tree of 1 to {MOST} leaves: held"
    keep("proofs", what, 2 * sum(sizes), round(process_time() - began))


@given(size=sizes, data=st.data())
@often(60)
def test_a_proof_is_as_long_as_it_must_be_and_no_longer(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = TREE.inclusion(index, size)
    root = TREE.root(size)
    assert len(proof) <= (size - 1).bit_length()
    assert not included(LEAVES[index], index, size, [*proof, LEAVES[0]], root)
    assert not proof or not included(LEAVES[index], index, size, proof[:-1], root)
    assert not proof or not included(LEAVES[index], index, size, proof[1:], root)
    old = data.draw(st.integers(1, size))
    path = TREE.consistency(old, size)
    assert not consistent(old, TREE.root(old), size, root, [*path, LEAVES[0]])
    assert not path or not consistent(old, TREE.root(old), size, root, path[:-1])
    assert not path or not consistent(old, TREE.root(old), size, root, path[1:])


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip_one(chance: Random, size: int) -> None:
    """Flip one bit of a leaf, a root or a hash of a proof; none of it may still hold."""
    root = TREE.root(size)
    bit = chance.randrange(HASH * 8)
    index = chance.randrange(size)
    proof = TREE.inclusion(index, size)
    where = chance.randrange(len(proof) + 2)
    parts = [LEAVES[index], root, *proof]
    parts[where] = flipped(parts[where], bit)
    assert not included(parts[0], index, size, parts[2:], parts[1])
    old = chance.randrange(1, size + 1)
    parts = [TREE.root(old), root, *TREE.consistency(old, size)]
    where = chance.randrange(len(parts))
    parts[where] = flipped(parts[where], bit)
    assert not consistent(old, parts[0], size, parts[1], parts[2:])


def test_a_flipped_bit_is_refused() -> None:
    chance = Random(1)
    for _ in range(2000):
        flip_one(chance, chance.randrange(1, 300))


@pytest.mark.deep
def test_a_million_flipped_bits_are_refused() -> None:
    began, chance, count = process_time(), Random(2), round(500_000 * SCALE)
    for _ in range(count):  # two each: an inclusion and a consistency
        flip_one(chance, chance.randrange(1, MOST + 1))
    keep("proofs", "one bit of a leaf, a root or a proof flipped: refused", 2 * count, round(process_time() - began))


@given(size=sizes, data=st.data())
@often(60)
def test_a_proof_holds_for_no_other_place_and_no_size_of_another_shape(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = TREE.inclusion(index, size), TREE.root(size)
    other = data.draw(st.integers(-1, size + 3).filter(lambda place: place != index))
    assert not included(LEAVES[index], other, size, proof, root)
    assert not included(LEAVES[index], index, index, proof, root)
    # What the proof does not bind: a size in which the same place has the same path. The checkpoint binds it.
    wide = data.draw(st.integers(index + 1, 140))
    shape = _shape(index, wide) == _shape(index, size)
    assert included(LEAVES[index], index, wide, proof, root) is shape
    assert included(LEAVES[index], size, size, proof, root) is False


def test_the_place_after_the_only_leaf_is_not_in_the_tree() -> None:
    (leaf,) = LEAVES[:1]
    assert included(leaf, 0, 1, [], leaf)
    assert not included(leaf, 1, 1, [], leaf)


def _shape(index: int, size: int) -> list[bool]:
    """On which side each hash of the path stands, from the leaf up."""
    sides: list[bool] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + (1 << (end - begin - 1).bit_length() - 1)
        sides.append(index >= middle)
        begin, end = (middle, end) if index >= middle else (begin, middle)
    return sides[::-1]


@given(old=sizes, new=sizes, wrong=sizes)
@often(60)
def test_a_tree_is_consistent_with_no_other_past(old: int, new: int, wrong: int) -> None:
    old, new = sorted((old, new))
    proof = TREE.consistency(old, new)
    assert consistent(old, TREE.root(old), new, TREE.root(new), proof)
    if wrong != old:
        assert not consistent(old, TREE.root(wrong), new, TREE.root(new), proof)
    if wrong != new:
        assert not consistent(old, TREE.root(old), new, TREE.root(wrong), proof)
    assert consistent(new + 1, TREE.root(new), new, TREE.root(new), proof) is False
    assert not consistent(0, EMPTY, new, TREE.root(new), [])
    assert not consistent(-1, EMPTY, new, TREE.root(new), proof)
    if old < new:
        assert not consistent(old, TREE.root(old), new, TREE.root(new), [])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_hash_of_another_length_is_refused(size: int) -> None:
    odd = b"\0" * size
    root = node_hash(LEAVES[0], odd)
    assert not included(LEAVES[0], 0, 2, [odd], root)
    assert not included(odd, 0, 1, [], odd)
    assert not consistent(1, LEAVES[0], 2, root, [odd])
    assert not consistent(1, odd, 2, node_hash(odd, LEAVES[1]), [LEAVES[1]])
