"""A receipt: a record's place in a signed checkpoint, as one small text that is checked offline (C2SP tlog-proof)."""

import re
from typing import Final, NamedTuple

from stegvis.routines.errors import BadInput, NotProved

from .note import Note, decoded, encoded, read_note
from .policy import Policy
from .tree import HASH, included

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
LONGEST: Final = 63
"""Hashes in a proof; no tree is higher."""

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


class Proof(NamedTuple):
    """A record's receipt."""

    place: int
    """Place of the leaf, from 0."""
    path: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None
    """What somebody has put beside it. Nothing vouches for it."""

    def text(self) -> bytes:
        """As it is written in a file, ``.tlog-proof``."""
        extra = [] if self.extra is None else [f"extra {encoded(self.extra)}"]
        lines = [FIRST_LINE, *extra, f"index {self.place}", *map(encoded, self.path), "", ""]
        return "\n".join(lines).encode() + self.note.bytes()

    def check(self, leaf: bytes, policy: Policy) -> None:
        """See that it proves that the log of a policy holds this leaf.

        Raises:
            NotProved: ``proof_fails``; and see :meth:`stegvis.adapters.audit.policy.Policy.checkpoint`.
        """
        checkpoint = policy.checkpoint(self.note)
        if not included(leaf, self.place, checkpoint.size, self.path, checkpoint.root):
            raise NotProved("proof_fails")


def read_proof(data: bytes) -> Proof:
    """The receipt that a file holds.

    Raises:
        BadInput: ``not_a_proof``, ``not_a_note``.
    """
    above, gap, below = data.partition(b"\n\n")
    try:
        first, *lines = above.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise BadInput("not_a_proof") from None
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decoded(lines.pop(0).removeprefix("extra "))
        if extra is None:
            raise BadInput("not_a_proof")
    place = _INDEX.fullmatch(lines[0]) if lines else None
    path = [one for one in map(decoded, lines[1:]) if one is not None and len(one) == HASH]
    if first != FIRST_LINE or not gap or place is None or len(path) < len(lines) - 1 or len(path) > LONGEST:
        raise BadInput("not_a_proof")
    return Proof(int(place[1]), tuple(path), read_note(below), extra)
