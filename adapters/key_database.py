"""The SQLite file that a key ring keeps its wrapped keys in: durable, wiped of what it deletes, safe across a fork."""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self
from weakref import WeakSet

from stegvis.routines.errors import SealError

from .disk import out_of_room, writable
from .key_file import sync_directory

BUSY_SECONDS = 30.0
"""How long a ring waits for another process that is writing."""

SCHEMA_VERSION = 1
SCHEMA = (
    "CREATE TABLE ring (one INTEGER PRIMARY KEY CHECK (one = 1), kek TEXT NOT NULL)",
    """CREATE TABLE data_key (
        origin TEXT NOT NULL, unit TEXT NOT NULL, kek TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (origin, unit)
    ) WITHOUT ROWID""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class KeyRingMissing(SealError):
    """The key database is not there; put it back from its backup, or create a pair where there has never been one."""

    code = "key_ring_missing"


class KeyRingUnusable(SealError):
    """The key database cannot be used; no key was changed."""

    code = "keys_io"


class NotCleaned(SealError):
    """The keys are rotated, but old wrapped ones may linger on disk; rotate to the same key again when all is calm."""

    code = "keys_not_cleaned"


class KeyDatabase:
    """One process's hold on a key database. Threads take turns; processes wait for each other."""

    __slots__ = ("__weakref__", "_closed", "_connection", "_lock", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        # Reentrant, so that a key-encryption key which forks while it wraps does not wait for itself.
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        with _forking:
            _open_ones.add(self)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the file, readable by its owner alone, and its empty tables where there are none."""
        with _forking, _told(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            sync_directory(path)
            with closing(_connect(path)) as db, db:
                db.execute("BEGIN IMMEDIATE")
                if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    for statement in SCHEMA:
                        db.execute(statement)
        return cls(path)

    @contextmanager
    def session(self) -> Generator[sqlite3.Connection]:
        """Lend the connection to one thread; each statement commits by itself unless a transaction is begun.

        Raises:
            KeyRingMissing, KeyRingUnusable: and nothing was changed.
        """
        with self._lock, _told(self.path):
            if self._closed:
                raise KeyRingUnusable("keys_closed", file=self.path.name)
            if self._connection is None:
                self._connection = _checked(_connect(self.path))
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._disconnect()

    def pause(self) -> None:
        """Let go of the file and let nobody take it up again before ``resume``."""
        self._lock.acquire()
        self._disconnect()

    def resume(self) -> None:
        self._lock.release()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# SQLite's locks do not follow a child process, while its memory of holding them does: a connection carried over a fork
# can lose a write that was acknowledged. So no connection is open, and none in use, at the moment of a fork.
_open_ones: WeakSet[KeyDatabase] = WeakSet()
_paused: list[KeyDatabase] = []
_forking = threading.Lock()


def _before_fork() -> None:
    _forking.acquire()
    for database in _open_ones:
        database.pause()
        _paused.append(database)


def _after_fork() -> None:
    while _paused:
        _paused.pop().resume()
    _forking.release()


if sys.platform != "win32":
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


_SQLITE_REASONS = {
    sqlite3.SQLITE_BUSY: "keys_locked",
    sqlite3.SQLITE_LOCKED: "keys_locked",
    sqlite3.SQLITE_PROTOCOL: "keys_locked",  # outrun at the beginning of a transaction, for seconds on end
    sqlite3.SQLITE_READONLY: "keys_read_only",
    sqlite3.SQLITE_FULL: "keys_full",
    sqlite3.SQLITE_NOTADB: "keys_damaged",
    sqlite3.SQLITE_CORRUPT: "keys_damaged",
}


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Say in our own words what the system said; its messages may quote what was being stored."""
    try:
        yield
    except sqlite3.Error as error:
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        reason = "keys_full" if out_of_room(error, path) else _SQLITE_REASONS.get(code & 0xFF, "keys_io")
        raise KeyRingUnusable(reason, file=path.name, sqlite=code) from None
    except OSError as error:
        raise KeyRingUnusable("keys_io", file=path.name, errno=error.errno) from None


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise KeyRingMissing(file=path.name)
    if not writable(path):
        raise KeyRingUnusable("keys_read_only", file=path.name)
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # fullfsync: on macOS a plain fsync leaves the data in the drive's own memory. No effect elsewhere.
        _journal(db)
        for setting in ("synchronous = FULL", "secure_delete = ON", "fullfsync = ON"):
            db.execute(f"PRAGMA {setting}")
    except BaseException:
        db.close()
        raise
    return db


def _journal(db: sqlite3.Connection) -> None:
    # Kept in the file, so that this changes something once. SQLite does not wait its turn here by itself.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _checked(db: sqlite3.Connection) -> sqlite3.Connection:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        db.close()
        raise KeyRingUnusable("keys_newer" if version > SCHEMA_VERSION else "keys_damaged", version=version)
    return db


def kek_in_use(db: sqlite3.Connection) -> str | None:
    """Answer the id of the key-encryption key in use, None before there has been one."""
    row: tuple[str] | None = db.execute("SELECT kek FROM ring").fetchone()
    return row and row[0]


def wipe(db: sqlite3.Connection) -> None:
    """Leave no trace on disk of rows that were changed or deleted.

    Raises:
        NotCleaned: another process keeps the old pages in use.
    """
    # secure_delete blanks what is freed in the pages; only an emptied write-ahead log is rid of the older pages.
    try:
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        busy = 1
    if busy:
        raise NotCleaned
