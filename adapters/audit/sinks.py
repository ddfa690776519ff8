"""Where checkpoints go: a file that only grows, the operational log, witnesses over HTTP.

A checkpoint that stays on the machine that made it proves nothing against whoever runs that machine.
"""

import os
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from stegvis.engine.desk import Telling
from stegvis.routines.errors import BadInput, NotProved, StegvisError, StoreError, TransportError

from ..key_file import sync_directory
from .note import LARGEST_NOTE, Note, Signature, Verifier, read_checkpoint, read_note, read_signature, signed_by

Prove = Callable[[int, int], Sequence[bytes]]
"""Answers the proof that the tree of the first size begins the tree of the second."""

PATIENCE: Final = 10.0
"""Seconds to wait for a witness."""


class Sink(Protocol):
    """Somewhere to put a checkpoint.

    Raises:
        StoreError: it could not be put there.
    """

    def __call__(self, note: Note) -> None: ...


class CheckpointFile:
    """A file that only grows, a note after a note, each on the disk before this returns; the same twice is once.

    Raises:
        StoreError: ``sink_unwritable``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, note: Note) -> None:
        try:
            new = not self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                data = note.bytes() + b"\n"
                os.lseek(handle, max(0, os.fstat(handle).st_size - len(data)), os.SEEK_SET)
                if os.read(handle, len(data)) == data:
                    return
                if os.write(handle, data) != len(data):
                    raise StoreError("sink_unwritable")
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                sync_directory(self.path)
        except OSError as error:
            raise StoreError("sink_unwritable", errno=error.errno) from None


def read_notes(data: bytes) -> list[Note]:
    """Every note in a file of them; a single note is such a file too.

    Raises:
        BadInput: ``not_a_note``.
    """
    # A note ends with its signatures; what comes after an empty line and is no signature begins the next.
    parts = re.split(rb"(?<=\n)\n+(?!\xe2\x80\x94 )", data.strip(b"\n") + b"\n")
    return [read_note(part if part.endswith(b"\n") else part + b"\n") for part in parts]


def tell_checkpoint(tell: Telling, organisation: str) -> Sink:
    """A sink that says in the operational log what was signed."""

    def told(note: Note) -> None:
        checkpoint = read_checkpoint(note.text)
        said = {"organisation": organisation, "size": checkpoint.size, "root": checkpoint.root.hex()}
        tell("checkpoint", said)

    return told


class Witness:
    """Somebody who signs that a log has only grown since they last saw it (C2SP tlog-witness, ``add-checkpoint``).

    Args:
        key: the witness's public key.
        url: where it listens: the submission prefix, ``https://`` or ``http://``.
        patience: seconds to wait for it.

    Raises:
        BadInput: ``bad_witness_url``.
    """

    def __init__(self, key: Verifier, url: str, *, patience: float = PATIENCE) -> None:
        self.key = key
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("bad_witness_url")
        self._scheme, self._host = parts.scheme, parts.netloc.rpartition("@")[2]
        self._path = f"{parts.path.rstrip('/')}/add-checkpoint"
        self._patience = patience

    def cosign(self, note: Note, known: int, prove: Prove) -> list[Signature]:
        """Ask for its word on a checkpoint.

        Args:
            note: the checkpoint, signed by its log.
            known: the size that the witness is thought to have seen last. It says so when it has seen another.
            prove: makes the proof that it asks for.

        Returns:
            The lines that the witness's own key has written, and no others.

        Raises:
            TransportError: ``witness_unreachable``; ``witness_refused``, with its status.
            NotProved: ``bad_signature``; ``witness_ahead``: it has seen more records than this log has.
        """
        size = read_checkpoint(note.text).size
        status, answer = self._ask(note, known, prove)
        if status == HTTPStatus.CONFLICT:
            said = answer.strip()
            if not re.fullmatch(rb"0|[1-9][0-9]{0,18}", said):
                raise TransportError("witness_refused", status=status)
            if int(said) > size:
                raise NotProved("witness_ahead", witnessed=int(said), size=size)
            status, answer = self._ask(note, int(said), prove)
        if status != HTTPStatus.OK:
            raise TransportError("witness_refused", status=status)
        try:
            lines = [read_signature(line) for line in answer.decode().removesuffix("\n").split("\n")]
        except (UnicodeDecodeError, StegvisError):
            raise TransportError("witness_refused", status=status) from None
        mine = [one for one in lines if (one.name, one.id) == (self.key.name, self.key.id)]
        if not signed_by(Note(note.text, tuple(mine)), [self.key]):
            raise TransportError("witness_refused", status=status)
        return mine

    def _ask(self, note: Note, old: int, prove: Prove) -> tuple[int, bytes]:
        new = read_checkpoint(note.text).size
        proof: Sequence[bytes] = () if old in (0, new) else prove(old, new)
        lines = [f"old {old}".encode(), *map(b64encode, proof), b"", b""]
        make = HTTPSConnection if self._scheme == "https" else HTTPConnection
        connection = make(self._host, timeout=self._patience)
        try:
            connection.request("POST", self._path, b"\n".join(lines) + note.bytes(), {"Content-Type": "text/plain"})
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.read(LARGEST_NOTE)
        except (OSError, HTTPException):
            raise TransportError("witness_unreachable") from None
        finally:
            connection.close()
