"""Signed notes and the checkpoints in them, as C2SP signed-note and tlog-checkpoint have them, formats unchanged.

A checkpoint says of a log: so many records, under this root. A note is text with signatures below; whoever holds one
can show later what the log was, to anybody who has the key's public half.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stegvis.routines.errors import BadInput, NotProved

from .tree import HASH

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
"""An Ed25519 witness's word on when it saw a checkpoint (C2SP tlog-cosignature)."""

LARGEST_NOTE: Final = 1_000_000
MOST_SIGNATURES: Final = 100

_DASH: Final = "\N{EM DASH} "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY: Final = 32
_ID: Final = 4
_TIME: Final = 8
_SIGNED: Final = 64


class Checkpoint(NamedTuple):
    """What a log was at one moment."""

    origin: str
    """The log's name."""
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text: three lines."""
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"


class Signature(NamedTuple):
    """One line below a note."""

    name: str
    id: bytes
    """First four bytes of the key's hash: it names the key and proves nothing."""
    said: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {encoded(self.id + self.said)}\n"


class Note(NamedTuple):
    text: str
    """With its last newline, and without the empty line after."""
    signatures: tuple[Signature, ...]

    def bytes(self) -> bytes:
        return "".join((self.text, "\n", *(one.line() for one in self.signatures))).encode()


class Verifier(NamedTuple):
    """The public half of a key, under the name it signs for."""

    name: str
    kind: int
    key: bytes

    @property
    def id(self) -> bytes:
        """What the lines that it signs are marked with."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:_ID]

    def vkey(self) -> str:
        """As it is written in a policy or given to somebody."""
        return f"{self.name}+{self.id.hex()}+{encoded(bytes([self.kind]) + self.key)}"

    def holds(self, message: bytes, said: bytes) -> bool:
        """Whether this key has signed that text so."""
        signed = said
        if self.kind == COSIGNATURE:
            stamp, signed = said[:_TIME], said[_TIME:]
            message = b"cosignature/v1\ntime %d\n" % int.from_bytes(stamp) + message
        if len(signed) != _SIGNED:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signed, message)
        except InvalidSignature:
            return False
        return True


def read_vkey(text: str) -> Verifier:
    """The key that a ``name+id+key`` line holds.

    Raises:
        BadInput: ``bad_vkey``: it is none, its id is another key's, or it is of a kind that is not known here.
    """
    name, _, rest = text.partition("+")
    id_, _, key = rest.partition("+")
    said = decoded(key)
    if said is None or not _is_name(name) or len(said) != 1 + _KEY or said[0] not in (ED25519, COSIGNATURE):
        raise BadInput("bad_vkey")
    found = Verifier(name, said[0], said[1:])
    if found.id.hex() != id_:
        raise BadInput("bad_vkey")
    return found


def read_note(data: bytes) -> Note:
    """The text and the signatures of a note, whoever they may be from.

    Raises:
        BadInput: ``not_a_note``.
    """
    try:
        whole = data.decode() if len(data) <= LARGEST_NOTE else ""
    except UnicodeDecodeError:
        raise BadInput("not_a_note") from None
    text, gap, below = whole.rpartition("\n\n")
    lines = below.split("\n")
    if not gap or lines.pop() or not 0 < len(lines) <= MOST_SIGNATURES or re.search(r"[\x00-\x09\x0b-\x1f]", whole):
        raise BadInput("not_a_note")
    return Note(f"{text}\n", tuple(map(read_signature, lines)))


def read_signature(line: str) -> Signature:
    """What a line below a note says.

    Raises:
        BadInput: ``not_a_note``.
    """
    name, _, code = line.removeprefix(_DASH).partition(" ")
    said = decoded(code)
    if not line.startswith(_DASH) or not _is_name(name) or said is None or len(said) <= _ID:
        raise BadInput("not_a_note")
    return Signature(name, said[:_ID], said[_ID:])


def signed_by(note: Note, known: Sequence[Verifier]) -> list[Verifier]:
    """Which of the known keys have signed; lines from other keys mean nothing.

    Raises:
        NotProved: ``bad_signature``: a line is marked as a known key's, and that key did not write it.
    """
    found: list[Verifier] = []
    for one in note.signatures:
        for key in known:
            if (key.name, key.id) == (one.name, one.id):
                if not key.holds(note.text.encode(), one.said):
                    raise NotProved("bad_signature", key=key.id.hex())
                found.append(key)
    return found


def read_checkpoint(text: str) -> Checkpoint:
    """What the text of a note says of a log. Lines after the third are allowed and mean nothing here.

    Raises:
        BadInput: ``not_a_checkpoint``.
    """
    *lines, last = text.split("\n")
    if last or len(lines) < len(Checkpoint._fields) or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise BadInput("not_a_checkpoint")
    root = decoded(lines[2])
    if root is None or len(root) != HASH:
        raise BadInput("not_a_checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def encoded(data: bytes) -> str:
    """Base 64, as all these formats write bytes."""
    return b64encode(data).decode()


def decoded(text: str) -> bytes | None:
    """The bytes, where the text is the one way to write them; None otherwise."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    return data if encoded(data) == text else None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name))
