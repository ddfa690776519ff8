"""The key-encryption key that wraps all other keys, and the file it lives in when no key service holds it.

**Move the key file away** from the database it protects, to a place with a backup of its own. Who holds both reads
everything; who has lost the key file reads nothing, ever again.
"""

import hashlib
import os
import re
import secrets
import sys
from pathlib import Path
from typing import NoReturn, Protocol, Self, SupportsIndex

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from stegvis.routines.errors import SealError

KEY_BYTES = 32


class KeyFileMissing(SealError):
    """The key file is not there; put it back or say where it is: no new key can open what it sealed."""

    code = "key_file_missing"


class KeyFileExposed(SealError):
    """Others than its owner may read the key file; run chmod 600 on it, and rotate if somebody may have read it."""

    code = "key_file_exposed"


class KeyFileDamaged(SealError):
    """The key file does not hold exactly one whole key; put it back from its own backup."""

    code = "key_file_damaged"


class KeyFileUnreadable(SealError):
    """The key file cannot be read or written; check that it is a plain file and that this process runs as its owner."""

    code = "key_file_unreadable"


class KeyFileExists(SealError):
    """There is a key file by that name already, and a key is never overwritten; choose another name."""

    code = "key_file_exists"


class WrongKey(SealError):
    """This is not the key-encryption key of this ring; use its own, or the newest one if the ring has been rotated."""

    code = "wrong_key"


class Secret:
    """What holds keys is neither pickled nor copied: no key goes to a queue, a cache or another process that way."""

    __slots__ = ("__weakref__",)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds keys and is never pickled or copied")


class KeyEncryption(Protocol):
    """A key-encryption key, wherever it lives: a file, a key management service, a hardware module.

    Raises:
        SealError: it cannot be used now, or what it should unwrap is not its own (``wrong_key``).
    """

    @property
    def id(self) -> str:
        """Names the key, and no other; safe to store and to log."""
        ...

    def wrap(self, key: bytes) -> bytes: ...
    def unwrap(self, wrapped: bytes) -> bytes: ...


class KeyFile(Secret):
    """A key-encryption key in a file of its own: 64 hexadecimal digits, readable by its owner alone.

    Raises:
        SealError: ``KeyFileMissing``, ``KeyFileExposed``, ``KeyFileDamaged`` or ``KeyFileUnreadable``.
    """

    __slots__ = ("_key", "_name", "id")

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._key = _read_key(path)
        self.id = hashlib.sha256(b"stegvis key-encryption key 1\0" + self._key).hexdigest()[:32]

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new random key, durable before this returns.

        Raises:
            KeyFileExists: there is one already; it is left as it was.
        """
        write_secret(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        return cls(path)

    def wrap(self, key: bytes) -> bytes:
        return aes_key_wrap_with_padding(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap_with_padding(self._key, wrapped)
        except InvalidUnwrap:
            raise WrongKey(found=self.id) from None

    def __repr__(self) -> str:
        return f"KeyFile(file={self._name!r}, id={self.id!r})"


def _read_key(path: Path) -> bytes:
    text = read_secret(path, 4 * KEY_BYTES)
    if not re.fullmatch(rb"[0-9a-fA-F]{%d}\s*" % (2 * KEY_BYTES), text):
        raise KeyFileDamaged(file=path.name, length=len(text))
    return bytes.fromhex(text.decode())


def write_secret(path: Path, text: bytes) -> None:
    """Write a new file that its owner alone can read, durable before this returns.

    Raises:
        KeyFileExists: there is one already; it is left as it was. KeyFileUnreadable: ``key_file_unwritable``.
    """
    # Written whole under another name, then linked: nobody reads half a key, and a link never overwrites.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            os.link(draft, path)
        finally:
            draft.unlink()
        sync_directory(path)
    except FileExistsError:
        raise KeyFileExists(file=path.name) from None
    except OSError as error:
        raise KeyFileUnreadable("key_file_unwritable", file=path.name, errno=error.errno) from None


def read_secret(path: Path, most: int) -> bytes:
    """What stands in a file that its owner alone can read, at most so many bytes.

    Raises:
        KeyFileMissing, KeyFileExposed, KeyFileUnreadable.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if sys.platform != "win32" and mode & 0o077:
                raise KeyFileExposed(file=path.name, mode=f"{mode & 0o777:04o}")
            return file.read(most)
    except FileNotFoundError:
        raise KeyFileMissing(file=path.name) from None
    except OSError as error:
        raise KeyFileUnreadable(file=path.name, errno=error.errno) from None


def sync_directory(path: Path) -> None:
    """Make a new file name in the directory of ``path`` outlive a power cut."""
    if sys.platform != "win32":
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
