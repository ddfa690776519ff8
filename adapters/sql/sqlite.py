"""An SQLite file: how it is opened, read and written, and what its errors mean.

Threads may share a :class:`Database`. Connections are kept and handed out one at a time; writers of one process queue
on a lock, since SQLite itself would have them sleep and poll, and processes queue on the file. Before a fork, kept
connections are closed and the queue is held, so that a child starts with none of its parent's connections: SQLite
forbids carrying one over.
"""

import errno
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from stegvis.routines.errors import BadInput, Broken, StegvisError, StoreError

from ..disk import out_of_room, writable
from . import schema

T = TypeVar("T")
Synchronous: TypeAlias = Literal["FULL", "NORMAL"]

PATIENCE: Final = 30.0
"""Seconds to wait for somebody else's commit."""

_MEANING: Final = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",  # outrun at the beginning of a transaction, for seconds on end
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_CANTOPEN: "cannot_open",
    sqlite3.SQLITE_NOTADB: "not_stegvis",
}
_DENIED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_TAKEN: Final = (
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_TRIGGER,  # the guard on what is there already is asked first
)
_KEPT: Final = ("stegvis_record", "stegvis_definition", "sqlite_master", "sqlite_schema")
_CHANGES: Final = (sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
_UNMAKES: Final = (sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_TRIGGER, sqlite3.SQLITE_ALTER_TABLE)


def _allow(act: int, of: str | None, *_: str | None) -> int:
    """Whether a statement of ours may be made ready: asked once for each, not when it runs."""
    refused = act in _UNMAKES or (act in _CHANGES and of in _KEPT)
    schema_opened = act == sqlite3.SQLITE_PRAGMA and (of or "").lower() == "writable_schema"
    return sqlite3.SQLITE_DENY if refused or schema_opened else sqlite3.SQLITE_OK


def meaning(error: sqlite3.Error) -> StegvisError:
    """What an SQLite error means here. The extended code goes along; no text does."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return StoreError()
    if code in _TAKEN:
        return Broken("id_taken")
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CONSTRAINT):
        return Broken(sqlite=code)
    return StoreError(_MEANING.get(code & 0xFF), sqlite=code)


def path_of(where: str | Path) -> Path:
    """The file that a path or an ``sqlite:///`` address names.

    Raises:
        BadInput: ``unknown_database``: it names another kind of database, or one without a file of its own.
    """
    if isinstance(where, Path):
        return where
    if "://" not in where:
        return Path(where)
    try:
        url = make_url(where)
    except ArgumentError as error:
        raise BadInput("unknown_database") from error
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.database in (None, "", ":memory:") or url.query:
        raise BadInput("unknown_database")
    return Path(str(url.database))


class Transactions(Protocol):
    """What a store asks of a database."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Everything that one SELECT finds, all of one moment."""
        ...

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work, all of it or none."""
        ...


class Database:
    """One file and its connections.

    Args:
        path: where the file is, or is to be.
        synchronous: what a commit waits for. ``FULL``: it is on the disk. ``NORMAL``: the file stays whole when
            power is lost, but the last commits may be gone.
        patience: seconds to wait for somebody else's commit.

    Every call may raise ``StoreError``: ``locked``, ``read_only``, ``full``, ``io`` or ``cannot_open``.
    """

    def __init__(self, path: Path, *, synchronous: Synchronous = "FULL", patience: float = PATIENCE) -> None:
        self.path = path.absolute()
        self._synchronous = synchronous
        self._patience = patience
        self._idle: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        with _forks:
            _all.add(self)

    def prepare(self) -> None:
        """Make the file if it is not there, readable by its owner alone, and see that its schema is ours.

        Raises:
            StoreError: also ``no_directory``, ``not_stegvis``, ``newer_schema``, ``older_schema``, ``no_wal``.
        """
        self.touch()
        if not self.rows("SELECT 1 FROM sqlite_master"):
            self._journal()
            with self.begin() as connection:
                schema.create(connection)
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (schema.VERSION_TABLE,)):
            raise StoreError("not_stegvis")
        self._journal()
        found = self.rows(f"SELECT version_num FROM {schema.VERSION_TABLE}")  # noqa: S608  # a constant
        schema.check(found[0][0] if found else None)

    def touch(self) -> None:
        """Make an empty file if there is none.

        Raises:
            StoreError: ``no_directory``, ``cannot_open``, ``read_only``.
        """
        if not self.path.parent.is_dir():
            raise StoreError("no_directory")
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreError("read_only" if error.errno in _DENIED else "cannot_open", errno=error.errno) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Everything that one SELECT finds, all of one moment."""
        connection = self._take()
        try:
            found = connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            connection.close()
            raise self._untouched(error) from error
        self._idle.append(connection)
        return found

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in one transaction; whatever goes wrong, nothing of it stays."""
        if not self._turn.acquire(timeout=self._patience):
            raise StoreError("locked")
        try:
            connection = self._take()
            try:
                self._begin(connection)
                done = work(connection)
                connection.execute("COMMIT")
            except StegvisError:
                self._undo(connection)
                raise
            except BaseException as error:
                # The connection may be past saving; closing it rolls back whatever is left.
                connection.close()
                if isinstance(error, sqlite3.Error):
                    raise meaning(error) from error
                raise
            self._idle.append(connection)
            return done
        finally:
            self._turn.release()

    def _begin(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._untouched(error) from error

    def _untouched(self, error: sqlite3.Error) -> StegvisError:
        """What an error means before anything was written."""
        if out_of_room(error, self.path):
            return StoreError("full", sqlite=error.sqlite_errorcode)
        return meaning(error)

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()  # that rolls back as well
        else:
            self._idle.append(connection)

    @contextmanager
    def queued(self) -> Generator[None]:
        """Stand in line with this process's other writers, without a connection of ours."""
        if not self._turn.acquire(timeout=self._patience):
            raise StoreError("locked")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def begin(self, *, alone: bool = False) -> Generator[Connection]:
        """One transaction through SQLAlchemy, for schema work.

        Args:
            alone: only while nobody else has the file open, not even to read; ``locked`` after waiting in vain.
        """
        # hide_parameters: an error must not tell what somebody wrote.
        engine = create_engine(
            "sqlite://", creator=partial(self._connect, guarded=False), poolclass=NullPool, hide_parameters=True
        )
        try:
            with engine.connect() as connection:
                # A table that is made anew is dropped first; what refers to it would go along, or stand in the way.
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                if alone:
                    connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
                connection.exec_driver_sql("BEGIN EXCLUSIVE" if alone else "BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        except DBAPIError as error:
            raise (meaning(error.orig) if isinstance(error.orig, sqlite3.Error) else StoreError()) from error
        finally:
            engine.dispose()

    def close(self) -> None:
        """Let go of the file. A later call opens it anew."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self, *, guarded: bool = True) -> sqlite3.Connection:
        if not writable(self.path):
            raise StoreError("read_only")
        # mode=rw: a file that somebody has moved away is an error, not a new empty file.
        try:
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=rw",
                uri=True,
                timeout=self._patience,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA recursive_triggers = ON")
                if guarded:
                    connection.set_authorizer(_allow)
            except sqlite3.Error:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise self._untouched(error) from error
        return connection

    def _journal(self) -> None:
        # Kept in the file, so that this changes something once. SQLite does not wait its turn here by itself.
        deadline = time.monotonic() + self._patience
        while True:
            try:
                mode = self.rows("PRAGMA journal_mode = WAL")[0][0]
            except StoreError as error:
                if error.reason != "locked" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            if mode != "wal":
                raise StoreError("no_wal")
            return

    def before_fork(self) -> None:
        self._turn.acquire()
        self.close()

    def after_fork(self) -> None:
        self._turn.release()


_all: weakref.WeakSet[Database] = weakref.WeakSet()
_forking: list[Database] = []
_forks: Final = threading.Lock()
"""One fork at a time, and no new database meanwhile: they would let go of what another one holds."""


def _before_fork() -> None:
    _forks.acquire()
    for database in list(_all):
        database.before_fork()
        _forking.append(database)


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()
    _forks.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
