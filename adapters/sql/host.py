"""A host's own connection: what it must be, how its transaction begins and ends, how we work inside it."""

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from stegvis.routines.errors import BadInput, StoreError

from .sqlite import meaning

T = TypeVar("T")

Host: TypeAlias = sqlite3.Connection | Connection | Session | scoped_session[Any]
"""What a host may hand in. SQLModel's session is one of SQLAlchemy's, Flask-SQLAlchemy's is a scoped one."""

_WHOLE: Final = "stegvis_together"
_STEP: Final = "stegvis_step"
# Changes no row, and yet waits for the write lock.
_LOCK: Final = "UPDATE stegvis_mark SET value = value WHERE org = '' AND name = ''"


class Ends(NamedTuple):
    """The connection underneath, and what the host itself would call when it is done."""

    raw: sqlite3.Connection
    commit: Callable[[], None]
    rollback: Callable[[], None]
    held: Callable[[], bool]
    """Whether the connection still is the host's: a session gives it back when it is done, and others take it up."""


def ends_of(host: Host) -> Ends:
    """Reach the connection that the host works on.

    Raises:
        BadInput: ``unknown_connection``: it is none of those above, or not on SQLite.
    """
    if isinstance(host, sqlite3.Connection):
        return Ends(host, lambda: _end(host, "COMMIT"), lambda: _end(host, "ROLLBACK"), lambda: True)
    if isinstance(host, scoped_session):
        host = host()
    connection = host.connection() if isinstance(host, Session) else host
    if not isinstance(connection, Connection):
        raise BadInput("unknown_connection")
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise BadInput("unknown_connection")
    if not connection.in_transaction():
        connection.begin()  # else its commit would do nothing
    return Ends(raw, host.commit, host.rollback, lambda: not connection.closed)


class HostTransaction:
    """One transaction of the host's, as a store sees it: every write is a savepoint of its own.

    Args:
        ends: the host's connection.
        path: the file that it must be open on.
        synchronous: the least that its commits must wait for.

    Raises:
        BadInput: ``other_database``; ``weaker_connection``.
    """

    def __init__(self, ends: Ends, path: Path, synchronous: int) -> None:
        self._ends = ends
        self._turn = threading.RLock()
        self._open = False
        with self._plain() as db:
            files = [file for _, name, file in db.execute("PRAGMA database_list") if name == "main"]
            (found,) = db.execute("PRAGMA synchronous").fetchone()
        if not files[0] or not Path(files[0]).exists() or not path.samefile(files[0]):
            raise BadInput("other_database")
        if found < synchronous:
            raise BadInput("weaker_connection", found=found, wanted=synchronous)

    def begin(self) -> None:
        """Begin, unless the host has begun, and let nobody else write from here on.

        Raises:
            StoreError: ``locked``: somebody else is writing, or has written since the host began to read.
        """
        with self._plain() as db:
            db.execute(_LOCK if db.in_transaction else "BEGIN IMMEDIATE")
            db.execute(f"SAVEPOINT {_WHOLE}")
        self._open = True

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._ours() as db:
            return db.execute(sql, values).fetchall()

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._ours() as db:
            db.execute(f"SAVEPOINT {_STEP}")
            try:
                done = work(db)
            except BaseException:
                # What is past saving, such as a full disk, SQLite has rolled back itself, savepoints and all.
                if db.in_transaction:
                    db.execute(f"ROLLBACK TO {_STEP}")
                    db.execute(f"RELEASE {_STEP}")
                raise
            db.execute(f"RELEASE {_STEP}")
            return done

    def close(self) -> None:
        """See that the transaction still is the one that began, and let nothing more of ours into it.

        Raises:
            StoreError: ``transaction_ended``: it was committed or rolled back in between, by the host or by SQLite.
        """
        with self._ours() as db:
            self._open = False
            try:
                db.execute(f"RELEASE {_WHOLE}")
            except sqlite3.OperationalError:
                raise StoreError("transaction_ended") from None

    def commit(self) -> None:
        self._ends.commit()

    def rollback(self) -> None:
        """Roll back as the host would, and in any case."""
        self._open = False
        try:
            self._ends.rollback()
        finally:
            if self._ends.held():
                _end(self._ends.raw, "ROLLBACK")

    @contextmanager
    def _ours(self) -> Generator[sqlite3.Connection]:
        if not (self._open and self._ends.held() and self._ends.raw.in_transaction):
            raise StoreError("transaction_ended")
        with self._plain() as db:
            yield db

    @contextmanager
    def _plain(self) -> Generator[sqlite3.Connection]:
        """The connection, answering plain rows whatever the host has set it to."""
        raw = self._ends.raw
        with self._turn:
            kept = raw.row_factory, raw.text_factory
            try:
                raw.row_factory, raw.text_factory = None, str
                yield raw
            except sqlite3.Error as error:
                raise meaning(error) from error
            finally:
                raw.row_factory, raw.text_factory = kept


def _end(raw: sqlite3.Connection, how: Literal["COMMIT", "ROLLBACK"]) -> None:
    if getattr(raw, "autocommit", None) is False:
        # Since Python 3.12 a connection may begin each transaction itself, and then wants to be told of every end.
        (raw.commit if how == "COMMIT" else raw.rollback)()
    elif raw.in_transaction:
        raw.execute(how)
