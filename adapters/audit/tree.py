"""The Merkle tree of RFC 6962 over SHA-256: roots, inclusion and consistency proofs, and how others check them.

A leaf is ``SHA-256(0x00 || entry)`` (:func:`stegvis.engine.sealing.leaf_hash`), a node ``SHA-256(0x01 || left ||
right)``, the empty tree ``SHA-256()``. A tree of *n* leaves splits at the largest power of two below *n*. Leaves are
counted from 0 here, as the RFC does; the index of a record in its log is one more.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH: Final = 32
EMPTY: Final = sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """What must be kept of a tree to go on adding to it: the root of each whole subtree, the largest first.

    Args:
        size: how many leaves the tree has.
        peaks: one root for each bit that is set in ``size``.

    Raises:
        ValueError: there are more or fewer peaks than the size has.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count():
            raise ValueError("a frontier has one peak for each bit of its size")

    def add(self, leaf: bytes) -> None:
        """Put one more leaf at the end."""
        whole = self.size
        while whole & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            whole >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Put more leaves at the end, level by level: several times quicker than one by one."""
        level, whole, new = list(leaves), self.size, list[bytes]()
        self.size += len(level)
        while level:
            if whole & 1:
                level.insert(0, self.peaks.pop())
            if len(level) % 2:
                new.append(level.pop())
            level = list(map(node_hash, level[::2], level[1::2]))
            whole >>= 1
        self.peaks += reversed(new)

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.peaks:
            return EMPTY
        *left, root = self.peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


class Tree:
    """Every node of a tree in memory, 64 bytes a leaf: proves anything about itself, at this size or any before."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.add(leaf)

    def __len__(self) -> int:
        return len(self._levels[0])

    def add(self, leaf: bytes) -> None:
        """Put one more leaf at the end, and every node that it makes whole."""
        for level in self._levels:
            level.append(leaf)
            if len(level) % 2:
                return
            leaf = node_hash(level[-2], leaf)
        self._levels.append([leaf])

    def root(self, size: int) -> bytes:
        """The root when the tree had so many leaves.

        Raises:
            ValueError: it never had.
        """
        _within(0, size, len(self))
        return self._hash(0, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that leaf ``index`` is in the tree of ``size`` leaves (RFC 6962 section 2.1.1): its sibling first.

        Raises:
            ValueError: it is not.
        """
        _within(0, size, len(self))
        _within(0, index, size - 1)
        proof: list[bytes] = []
        begin, end = 0, size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                proof.append(self._hash(middle, end))
                end = middle
            else:
                proof.append(self._hash(begin, middle))
                begin = middle
        return proof[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the tree of ``old`` leaves begins the tree of ``new`` (RFC 6962 section 2.1.2).

        Raises:
            ValueError: the sizes are not such.
        """
        _within(0, new, len(self))
        _within(0, old, new)
        if old in (0, new):
            return []
        proof: list[bytes] = []
        begin, end = 0, new
        while end != old:
            middle = begin + _split(end - begin)
            if old <= middle:
                proof.append(self._hash(middle, end))
                end = middle
            else:
                proof.append(self._hash(begin, middle))
                begin = middle
        # What is left is a subtree of the old tree. Where it is all of the old tree, the verifier knows its root.
        if begin:
            proof.append(self._hash(begin, end))
        return proof[::-1]

    def _hash(self, begin: int, end: int) -> bytes:
        """The root over leaves ``begin`` to ``end``, that one left out; ``begin`` is where a subtree may begin."""
        size = end - begin
        if not size:
            return EMPTY
        if size & (size - 1) == 0:
            return self._levels[size.bit_length() - 1][begin // size]
        middle = begin + _split(size)
        return node_hash(self._hash(begin, middle), self._hash(middle, end))


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _within(least: int, number: int, most: int) -> None:
    if not least <= number <= most:
        raise ValueError("the tree does not reach there")


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that leaf ``index`` of the tree of ``size`` leaves under ``root`` is this one.

    The proof does not bind the size: take size and root from one signed checkpoint (RFC 9162 section 2.1.3.2).
    """
    if not 0 <= index < size or not _hashes(leaf, *proof):
        return False
    place, last, found = index, size - 1, leaf
    for one in proof:
        if not last:
            return False
        if place & 1 or place == last:
            found = node_hash(one, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, one)
        place, last = place >> 1, last >> 1
    return not last and found == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree of ``new`` leaves begins with that of ``old`` (RFC 9162 section 2.1.4.2).

    That a tree begins with the empty one needs no proof and gets none: it shows nothing.
    """
    if old == new:
        return not proof and old_root == new_root and (old > 0 or new_root == EMPTY)
    if not 0 < old < new or not _hashes(old_root, *proof):
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    # The old tree is itself a whole subtree when nothing is left of its place; then the proof leaves its root out.
    path = [*proof] if place else [old_root, *proof]
    if not path:
        return False
    before = after = path[0]
    for one in path[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, one)
        place, last = place >> 1, last >> 1
    return not last and before == old_root and after == new_root


def _hashes(*given: bytes) -> bool:
    return all(len(one) == HASH for one in given)
