"""The head file: what a store remembers of its logs outside its database, so that a lost end does not pass unseen.

``cases.db.head`` lies beside ``cases.db``. It names the store and the machine, and for each organisation the index and
the leaf hash of the last record that was acknowledged. A database that was restored from an older copy, or that has
lost its write-ahead log, then knows less than its head file, and the store refuses to open.

One page for the store, one for each organisation::

    store          {"file": digest, "host": digest, "store": id} as JSON, then a checksum in the page's last 4 bytes
    organisation   512 bytes: {"log": origin, "organisation": id} as JSON, and a checksum; then 56 slots of 64 bytes,
                   each index (8 bytes, little-endian) | leaf (32) | checksum (4) | nothing

Record *n* goes to slot *n* mod 56, and the highest index in a whole slot is the head. So nobody waits for anybody: a
writer who was held up can only put back a number that no longer counts, and a torn slot leaves the one before it.

Nothing is synced after a commit. When power is lost the file may know less than the database, and the next commit makes
it right. It never knows more than was acknowledged; with ``synchronous=NORMAL`` the database itself may have lost what
it acknowledged, and then says so. Who can write the database can write this file too: it guards against accidents, and
what guards against people is a copy of the head somewhere else.
"""

import errno
import hashlib
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakSet

import orjson

from stegvis.routines.errors import StoreError

from .key_file import sync_directory

PAGE: Final = 4096
NAME: Final = 512
SLOT: Final = 64
SLOTS: Final = (PAGE - NAME) // SLOT

_CHECK: Final = 4
_PLACE: Final = struct.Struct("<Q32s")
_MACHINE_ID: Final = Path("/etc/machine-id")
_MEANING: Final = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.EROFS: "read_only",
}


class Head(NamedTuple):
    """The end of an organisation's log."""

    size: int
    """How many records the log has: the index of the last."""
    leaf: bytes
    origin: str
    """Name of the log, as its records say it."""


class Machine(NamedTuple):
    """Where a database lies, as digests under the store's id: equal or not, and nothing to be read from them."""

    host: str
    """Of the operating system's installation; the same everywhere where none is named."""
    file: str
    """Of the file's inode. The device is left out: many file systems get another number at each start."""


class Known(NamedTuple):
    """All that a head file says."""

    store: str
    machine: Machine
    heads: Mapping[str, Head]


def beside(database: Path) -> Path:
    """Name the head file of a database: ``cases.db.head`` for ``cases.db``, also when reached through a link."""
    real = Path(os.path.realpath(database))
    return real.with_name(real.name + ".head")


def machine_of(database: Path, store: str) -> Machine:
    """Where the database of that store lies now."""
    try:
        host = _MACHINE_ID.read_bytes().strip()
    except OSError:
        host = b""
    inode = str(database.stat().st_ino).encode()
    return Machine(_digest(store, b"host", host), _digest(store, b"file", inode))


def same_leaf(one: bytes, other: bytes) -> bool:
    """Whether two leaf hashes are one in a slot, which holds 32 bytes."""
    return one[:32].ljust(32, b"\0") == other[:32].ljust(32, b"\0")


class HeadFile:
    """One process's hold on a head file. Threads may share it, processes may share the file, a fork does no harm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failed: int | None = None
        """The system's error number of the last acknowledgement that could not be written down, if one could not."""
        self._pages: dict[str, int] = {}
        self._handle: int | None = None
        # Held while the handle is used, too: the number of a closed file is the next file's, perhaps the database's.
        self._using = threading.Lock()
        _all.add(self)

    def read(self) -> Known | None:
        """What the file says; None when there is none.

        Raises:
            StoreError: ``head_damaged``: it is no head file, or is cut or changed. ``read_only``, ``io``.
        """
        known, pages = self._read()
        # Added to, not replaced: since the file was read, another thread may have claimed a page.
        self._pages |= pages
        return known

    def _read(self) -> tuple[Known | None, dict[str, int]]:
        heads: dict[str, Head] = {}
        pages: dict[str, int] = {}
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None, pages
        except OSError as error:
            raise _meaning(error) from error
        said = _unsealed(data[:PAGE])
        if said is None:
            raise StoreError("head_damaged")
        for page in range(PAGE, len(data), PAGE):
            named, (index, leaf) = _unsealed(data[page : page + NAME]), _highest(data, page)
            if named is None and not index and page + PAGE >= len(data):
                break  # power was lost while the page was made; its organisation had not been answered yet
            if named is None:
                raise StoreError("head_damaged", page=page // PAGE)
            heads[named["organisation"]] = Head(index, leaf, named["log"])
            pages[named["organisation"]] = page
        return Known(said["store"], Machine(said["host"], said["file"]), heads), pages

    def make(self, known: Known) -> None:
        """Put a file that says this in the place of whatever is there, whole or not at all.

        Raises:
            StoreError: ``full``, ``read_only``, ``io``; the old file is as it was.
        """
        store, machine, heads = known
        data = bytearray(_sealed({"store": store, **machine._asdict()}, PAGE))
        pages: dict[str, int] = {}
        for organisation, head in heads.items():
            pages[organisation] = len(data)
            data += _page(organisation, head, len(data))
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(draft, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(handle)
                self.close()
                draft.replace(self.path)
            finally:
                draft.unlink(missing_ok=True)
            sync_directory(self.path)
        except OSError as error:
            raise _meaning(error) from error
        self._pages = pages

    def claim(self, organisation: str, origin: str, before: tuple[int, bytes]) -> None:
        """Make room for an organisation, on disk. Call it while nobody else can write to the database.

        Args:
            organisation: whose log is about to grow.
            origin: the name of that log.
            before: index and leaf where the log ends now; (0, b"") when it is empty.

        Raises:
            StoreError: ``full``, ``read_only``, ``io``, ``head_damaged``; ``head_missing``: it was taken away.
        """
        known, pages = self._read()
        if known is None:
            raise StoreError("head_missing")
        if organisation not in pages:
            pages[organisation] = PAGE * (1 + len(pages))
            try:
                self._add(_page(organisation, Head(*before, origin), pages[organisation]), pages[organisation])
            except OSError as error:
                raise _meaning(error) from error
        self._pages |= pages

    def _add(self, page: bytes, end: int) -> None:
        with self._using:
            handle = self._file()
            try:
                _write(handle, page, end)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, end)
                raise

    def knows(self, organisation: str) -> bool:
        """Whether there is room for the organisation already."""
        return organisation in self._pages

    def remember(self, organisation: str, index: int, leaf: bytes) -> None:
        """Write down where a log ends, once that is acknowledged.

        It raises nothing, since what it would speak of is stored: ``failed`` keeps the error, and ``health`` tells it.
        """
        page = self._pages[organisation]
        try:
            with self._using:
                _write(self._file(), _slot(index, leaf, page), page + _offset(index))
        except OSError as error:
            self.failed = error.errno
        else:
            self.failed = None

    def close(self) -> None:
        """Let go of the file; the next acknowledgement opens it again."""
        with self._using:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def _file(self) -> int:
        if self._handle is None:
            self._handle = os.open(self.path, _FLAGS)
        return self._handle

    def after_fork(self) -> None:
        """In the child: who held the file is another thread of the parent, and will never let go here."""
        self._using = threading.Lock()


_all: WeakSet[HeadFile] = WeakSet()


def _after_fork() -> None:
    for file in list(_all):
        file.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


_FLAGS: Final = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_seeking: Final = threading.Lock()


def _seek_and_write(handle: int, data: bytes, offset: int) -> int:
    with _seeking:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.write(handle, data)


_pwrite: Final = getattr(os, "pwrite", _seek_and_write)


def _write(handle: int, data: bytes, offset: int) -> None:
    if _pwrite(handle, data, offset) != len(data):
        raise OSError(errno.ENOSPC, "short write")


def _page(organisation: str, head: Head, page: int) -> bytes:
    data = bytearray(_sealed({"log": head.origin, "organisation": organisation}, NAME).ljust(PAGE, b"\0"))
    if head.size:
        offset = _offset(head.size)
        data[offset : offset + _PLACE.size + _CHECK] = _slot(head.size, head.leaf, page)
    return bytes(data)


def _offset(index: int) -> int:
    return NAME + index % SLOTS * SLOT


def _slot(index: int, leaf: bytes, page: int) -> bytes:
    said = _PLACE.pack(index, leaf)
    # The page counts too, so that a slot is whole only in its own organisation's page.
    return said + zlib.crc32(said, page).to_bytes(_CHECK, "little")


def _highest(data: bytes, page: int) -> tuple[int, bytes]:
    highest = (0, b"")
    for at in range(page + NAME, page + PAGE, SLOT):
        said, check = data[at : at + _PLACE.size], data[at + _PLACE.size : at + _PLACE.size + _CHECK]
        if zlib.crc32(said, page).to_bytes(_CHECK, "little") == check:
            index, leaf = _PLACE.unpack(said)
            # A slot of nothing but zeros must not pass as whole; index 0 never counts.
            highest = max(highest, (index, leaf))
    return highest


def _sealed(value: Mapping[str, str], size: int) -> bytes:
    said = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if len(said) > size - _CHECK:
        raise StoreError("name_too_long", size=len(said))
    said = said.ljust(size - _CHECK)
    return said + zlib.crc32(said).to_bytes(_CHECK, "little")


def _unsealed(block: bytes) -> dict[str, str] | None:
    """What a block says; None when it is not whole."""
    said = block[:-_CHECK]
    if not said or zlib.crc32(said).to_bytes(_CHECK, "little") != block[-_CHECK:]:
        return None
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        return None


def _digest(store: str, what: bytes, value: bytes) -> str:
    return hashlib.sha256(b"\0".join((b"stegvis machine 1", store.encode(), what, value))).hexdigest()


def _meaning(error: OSError) -> StoreError:
    return StoreError(_MEANING.get(error.errno or 0, "io"), errno=error.errno)
