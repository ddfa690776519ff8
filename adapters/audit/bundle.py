"""An audit bundle: an organisation's signed log as plain files, and a program that checks them without this library.

A record's line is its leaf, byte for byte. Payloads are not in it, not even sealed: an auditor gets what stands open in
the records, and the commitments to the rest. A masked bundle is without the records too, since the keys in them stand
for people: the leaves, the tree and what was signed remain, and prove any record that somebody shows.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson

from stegvis.engine.sealing import leaf_hash
from stegvis.routines.errors import Broken, NotFound, StegvisError

from .checkpoints import AuditLog
from .note import Checkpoint, Note, read_note
from .placing import placed
from .policy import Policy, read_policy
from .sinks import read_notes
from .tiles import Tiles
from .tree import HASH, Frontier

RECORDS: Final = "records.jsonl"
LEAVES: Final = "leaves.bin"
SUMS: Final = "SHA256SUMS"

MOST: Final = 100
"""Checkpoints in a bundle: the newest, and others spread over the rest."""

_SEEDS: Final = Path(__file__).resolve().parent / "seeds"


class Bundled(NamedTuple):
    """A bundle that was made."""

    checkpoint: Checkpoint
    """What it holds, and no more: newer records are not signed yet."""
    digest: str
    """SHA-256 of its list of files, with which it stands in the log."""


TakeOut = Callable[[Callable[[], str]], str]
"""Notes what is about to be taken out, once it is made; see :meth:`stegvis.engine.engine.Engine.take_out`."""


def bundle(log: AuditLog, to: Path, take_out: TakeOut, *, policy: bytes | None = None, masked: bool = False) -> Bundled:
    """Make a bundle of an organisation's log as far as it is signed.

    Args:
        log: what is signed, and by whom.
        to: a folder that is not there yet.
        take_out: notes it in the log, before the folder is there.
        policy: whose word counts; the signer's own keys, unless given.
        masked: leave the records out.

    Raises:
        BadInput: ``file_exists``, ``cannot_write``; ``bad_policy``. NotFound: ``no_checkpoint``.
        NotProved: the policy does not accept the newest checkpoint.
        Broken: ``signed_further``, ``signed_other``: the log is not what was signed. ``definition_missing``.
        Whatever ``take_out`` raises; nothing is left then.
    """
    with placed(to) as folder:
        making = _Bundle(log, folder, policy)
        digest = take_out(lambda: making.make(masked=masked))
        return Bundled(making.checkpoint, digest)


class _Bundle:
    def __init__(self, log: AuditLog, folder: Path, policy: bytes | None) -> None:
        self._log, self._folder = log, folder
        try:
            self._newest = read_note((log.folder / "checkpoint").read_bytes())
            self._notes = read_notes((log.folder / "checkpoints").read_bytes())
            self._trusted = policy if policy is not None else (log.folder / "policy").read_bytes()
        except FileNotFoundError:
            raise NotFound("no_checkpoint") from None
        self._policy = read_policy(self._trusted)
        self.checkpoint = self._policy.checkpoint(self._newest)

    def make(self, *, masked: bool) -> str:
        """Write it; answers the digest of its list of files."""
        self._folder.mkdir(mode=0o700)
        named = self._records(masked=masked)
        with (self._folder / LEAVES).open("rb") as file:
            Tiles(self._folder).extend(0, iter(lambda: file.read(HASH), b""))
        self._write("checkpoint", self._newest.bytes())
        self._write("checkpoints", b"\n".join(note.bytes() for note in self._kept()))
        self._write("policy.txt", self._trusted)
        for digest in named:
            self._write(f"definitions/{digest}.json", self._definition(digest))
        self._write("verify.py", (_SEEDS / "verify.txt").read_bytes())
        self._write("README", self._readme(masked=masked).encode())
        sums = "".join(f"{_digest(path)}  {name}\n" for name, path in _files(self._folder)).encode()
        self._write(SUMS, sums)
        return sha256(sums).hexdigest()

    def _records(self, *, masked: bool) -> list[str]:
        """Write records and leaves; answers the digests of the definitions that the records name."""
        _, size, root = self.checkpoint
        tree, named = Frontier(), dict[str, None]()
        lines = (self._folder / RECORDS) if not masked else Path(os.devnull)
        with lines.open("wb") as records, (self._folder / LEAVES).open("wb") as leaves:
            rows = self._log.store.log(self._log.organisation, payloads=False)
            for _, row in islice(rows, size):
                leaf = leaf_hash(row.body)
                tree.add(leaf)
                records.write(row.body + b"\n")
                leaves.write(leaf)
                named.update(dict.fromkeys(_named(row.body)))
        if tree.size < size:
            raise Broken("signed_further", size=size)
        if tree.root() != root:
            raise Broken("signed_other", size=size)
        return sorted(named)

    def _kept(self) -> Sequence[Note]:
        """Checkpoints that the policy accepts, no newer than the newest, the newest last."""
        older = [note for note in self._notes if note.text != self._newest.text and self._accepted(self._policy, note)]
        step = -(-len(older) // (MOST - 1)) or 1
        return [*older[::step], self._newest]

    def _accepted(self, policy: Policy, note: Note) -> bool:
        try:
            return policy.checkpoint(note).size < self.checkpoint.size
        except StegvisError:
            return False

    def _definition(self, digest: str) -> bytes:
        found = self._log.store.definition(digest)
        if found is None or sha256(found[1]).hexdigest() != digest:
            raise Broken("definition_missing", digest=digest)
        return found[1]

    def _readme(self, *, masked: bool) -> str:
        text = (_SEEDS / "readme.txt").read_text("utf-8")
        kind = "utan posterna / without the records; verify.py --masked" if masked else "hela loggen / the whole log"
        origin, size, root = self.checkpoint
        said = {"origin": origin, "size": str(size), "root": root.hex(), "kind": kind}
        for name, value in said.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def _named(body: bytes) -> Iterator[str]:
    """Digests of the definitions that a record names: rules, guidance, law and orders."""
    said = cast("dict[str, Any]", orjson.loads(body))
    for where in (said, said.get("acc", {}), said.get("ord", {})):
        for name in ("def", "gui", "law"):
            if name in where:
                yield where[name]


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
