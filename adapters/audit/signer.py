"""Who signs an organisation's checkpoints, and what it remembers in order never to contradict itself.

The signer's folder lies outside the database and may, and should, lie on another machine's disk::

    keys/ID.key   a private key each, one line as other tools for signed notes write it; mode 0600
    last          what it signed last: the note, the tree's frontier and the last leaf, as JSON
    policy        the public keys, as C2SP tlog-policy: for whoever is to check
    checkpoint, checkpoints, tile/...   what it has signed, and the leaves; see docs/audit.md

It is given nothing but the records after those that it has signed, and goes on from its own frontier: whatever has
become of the database, what it signs begins with what it signed before. Where the log is shorter than that, or its last
record is another, it refuses. Several keys may be there while one takes over from another; all of them sign.
"""

import re
import sqlite3
from base64 import b64decode
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stegvis.routines.errors import SealError, StegvisError, StoreError

from ..key_file import Secret, read_secret, write_secret
from .note import ED25519, Checkpoint, Note, Signature, Verifier, encoded, read_checkpoint, read_note
from .tiles import write_whole
from .tree import Frontier

PATIENCE: Final = 30.0
"""Seconds to wait for another process that signs."""

_LONGEST: Final = 4096
_SEED: Final = 32
_KEY: Final = re.compile(rb"PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)\n")


class Signing(Protocol):
    """Something that signs: a key in a file, an agent, a key service, a hardware module.

    Raises:
        SealError: it cannot be used now.
    """

    @property
    def verifier(self) -> Verifier:
        """Its public half."""
        ...

    def sign(self, text: bytes) -> bytes: ...


class SigningKey(Secret):
    """An Ed25519 key in a file of its own, readable by its owner alone.

    Raises:
        SealError: ``signing_key_damaged``; and see :func:`stegvis.adapters.key_file.read_secret`.
    """

    __slots__ = ("_key", "path", "verifier")

    def __init__(self, path: Path) -> None:
        found = _KEY.fullmatch(read_secret(path, _LONGEST))
        said = b64decode(found[3]) if found is not None else b""
        if found is None or len(said) != 1 + _SEED or said[0] != ED25519:
            raise SealError("signing_key_damaged", file=path.name)
        self.path = path
        self._key = Ed25519PrivateKey.from_private_bytes(said[1:])
        self.verifier = Verifier(found[1].decode(), ED25519, self._key.public_key().public_bytes_raw())
        if self.verifier.id.hex().encode() != found[2]:
            raise SealError("signing_key_damaged", file=path.name)

    @classmethod
    def create(cls, folder: Path, name: str) -> Self:
        """Make a new random key for a log, durable before this returns."""
        key = Ed25519PrivateKey.generate()
        id_ = Verifier(name, ED25519, key.public_key().public_bytes_raw()).id.hex()
        path = folder / f"{id_}.key"
        secret = encoded(bytes([ED25519]) + key.private_bytes_raw())
        write_secret(path, f"PRIVATE+KEY+{name}+{id_}+{secret}\n".encode())
        return cls(path)

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier.id.hex()})"


def sign(checkpoint: Checkpoint, keys: Sequence[Signing]) -> Note:
    """The checkpoint as a note, with a line from each key."""
    text = checkpoint.text()
    lines = [Signature(key.verifier.name, key.verifier.id, key.sign(text.encode())) for key in keys]
    return Note(text, tuple(lines))


class Last(NamedTuple):
    """Where the signer is: what it said last, and what it takes to go on from there."""

    note: Note | None
    """None before the first."""
    frontier: Frontier
    leaf: bytes
    """The last leaf; empty when there is none."""


class SignerFolder:
    """One organisation's signer: its keys and its memory.

    Args:
        folder: where they are, or are to be.
        origin: the log's name, and that of its keys.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.origin = origin

    def begin(self) -> SigningKey | None:
        """Make a first key and an empty memory, where nothing has been signed yet; None otherwise."""
        if any((self.folder / "keys").glob("*.key")) or (self._remembers and self.last().frontier.size):
            return None
        self.remember(Last(None, Frontier(), b""))
        return self.add_key()

    @property
    def _remembers(self) -> bool:
        return (self.folder / "last").exists()

    def keys(self) -> list[SigningKey]:
        """Every key that signs, sorted by id.

        Raises:
            SealError: ``no_signing_key``; and see :class:`SigningKey`.
        """
        found = [SigningKey(path) for path in sorted((self.folder / "keys").glob("*.key"))]
        if not found or any(key.verifier.name != self.origin for key in found):
            raise SealError("no_signing_key")
        return found

    def add_key(self) -> SigningKey:
        """One more key, which signs from now on, and stands in the policy."""
        key = SigningKey.create(self.folder / "keys", self.origin)
        path = self.folder / "policy"
        before = path.read_text("utf-8").splitlines() if path.is_file() else ["quorum none"]
        self._write("policy", "\n".join([f"log {key.verifier.vkey()}", *before, ""]).encode())
        return key

    def last(self) -> Last:
        """What it remembers.

        Raises:
            StoreError: ``signer_memory_missing``, ``signer_memory_damaged``.
        """
        try:
            data = (self.folder / "last").read_bytes()
        except OSError:
            raise StoreError("signer_memory_missing") from None
        try:
            said: Any = orjson.loads(data)
            frontier = Frontier(said["size"], map(bytes.fromhex, said["peaks"]))
            leaf = bytes.fromhex(said["leaf"])
            note = read_note(said["note"].encode()) if said["note"] else None
            checkpoint = read_checkpoint(note.text) if note is not None else Checkpoint(self.origin, 0, frontier.root())
        except (ValueError, LookupError, TypeError, AttributeError, StegvisError):
            raise StoreError("signer_memory_damaged") from None
        if checkpoint != Checkpoint(self.origin, frontier.size, frontier.root()):
            raise StoreError("signer_memory_damaged")
        return Last(note, frontier, leaf)

    def remember(self, last: Last) -> None:
        """Keep what has been signed, durable when this returns: nobody may see the note before.

        Raises:
            StoreError: ``signer_unwritable``.
        """
        said = {
            "leaf": last.leaf.hex(),
            "note": last.note.bytes().decode() if last.note is not None else "",
            "peaks": [peak.hex() for peak in last.frontier.peaks],
            "size": last.frontier.size,
        }
        self._write("last", orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_whole(self.folder / name, data)
        except OSError as error:
            raise StoreError("signer_unwritable", errno=error.errno) from None

    @contextmanager
    def alone(self, patience: float = PATIENCE) -> Generator[None]:
        """While no other process signs for this log; the folder is made when it is not there.

        Raises:
            StoreError: ``signer_busy``, ``signer_unwritable``.
        """
        try:
            (self.folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError("signer_unwritable", errno=error.errno) from None
        # An empty SQLite file is a lock that every system has, and that a killed process lets go of.
        with closing(sqlite3.connect(self.folder / "lock", timeout=patience, isolation_level=None)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error:
                raise StoreError("signer_busy") from None
            yield
