"""Opening a store: does the database still know what its head file remembers? If not, go no further, or log the loss.

The head file is read before the database, so that a commit of another process in between is no loss. Whatever is
missing, the store's id or the head file, is made in a write transaction, which only one process has at a time.
"""

import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias, cast

import orjson

from stegvis.engine.instants import text_of
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import seal_access
from stegvis.routines.errors import BadInput, Detail, StoreError

from ..head_file import Head, HeadFile, Known, beside, machine_of, same_leaf
from .sqlite import Database
from .statements import Statements

Append: TypeAlias = Callable[[sqlite3.Connection, str, Sequence[RecordRow]], int]
"""Puts records at the end of an organisation's log; answers the index of the last."""

MARK: Final = "store"
"""The mark, of no organisation, that holds the store's id."""

ACTOR: Final = "store"

_REASON: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Loss(NamedTuple):
    """A way in which the database and its head file disagree."""

    code: str
    organisation: str | None = None
    known: Head | None = None
    """What the head file remembers."""
    found: int = 0
    """Where the organisation's log ends in the database."""
    part: str | None = None
    """What of the machine differs: host or file."""

    def error(self) -> StoreError:
        details: dict[str, Detail] = {"organisation": self.organisation, "part": self.part}
        if self.known is not None:
            details |= {"known": self.known.size, "found": self.found}
        return StoreError(self.code, **{name: value for name, value in details.items() if value is not None})


class Heads:
    """Compares, and accepts, for one database."""

    def __init__(self, database: Database, sql: Statements, append: Append) -> None:
        self._database = database
        self._sql = sql
        self._append = append
        self.file = HeadFile(beside(database.path))

    def open(self, accept_loss: str | None) -> HeadFile:
        """The head file, once the database is known to be at least as far.

        Args:
            accept_loss: why the database may be used all the same, as a code; a ``restore`` record in each
                organisation's access stream then says so before anything else is written.

        Raises:
            StoreError: ``rolled_back``, ``log_differs``, ``other_store``, ``copied_machine``, ``head_missing``,
                ``head_damaged``; and see :class:`stegvis.adapters.head_file.HeadFile`.
            BadInput: ``not_a_code``.
        """
        if accept_loss is not None and not _REASON.fullmatch(accept_loss):
            raise BadInput("not_a_code", field="accept_loss")
        known, losses = self._compare()
        if losses and accept_loss is None:
            raise losses[0].error()
        if losses:
            self._accept(cast("str", accept_loss), known, losses)
        elif known is not None:
            self._catch_up(known)
        return self.file

    def refuse_to_begin(self) -> None:
        """Refuse to make a new database where an earlier one is remembered.

        Raises:
            StoreError: ``rolled_back``, ``head_damaged``.
        """
        known = self.file.read()
        for organisation, head in known.heads.items() if known is not None else ():
            # Asked once more: another process may have begun, and worked, since the database was looked for.
            if head.size and not self._database.path.exists():
                raise Loss("rolled_back", organisation, head).error()

    def claim(self, organisation: str, rows: Sequence[RecordRow]) -> None:
        """Make room in the head file for a log that is about to grow; called inside the transaction that does it.

        Raises:
            StoreError: see :meth:`stegvis.adapters.head_file.HeadFile.claim`.
        """
        for first in rows[:1]:
            end = self._end(organisation)
            leaf = self._rows(self._sql.leaf_at, organisation, end)[0][0] if end else b""
            self.file.claim(organisation, origin_of(first.body), (end, leaf))

    def _compare(self) -> tuple[Known | None, list[Loss]]:
        try:
            known = self.file.read()
            store = self._store()
            if known is None or store is None:
                known = self._database.write(self._begin)
                store = self._store()
        except StoreError as error:
            if error.reason != "head_damaged":
                raise
            return None, [Loss(error.reason)]
        return known, list(self._losses(known, store))

    def _begin(self, connection: sqlite3.Connection) -> Known | None:
        """Make what has never been there: an id for the store, its head file, or both."""
        known, store = self.file.read(), self._store()
        if known is not None:
            # Only half of a beginning is on disk when the process was killed between the file and the commit.
            if store is None and not list(self._losses(known, None)):
                connection.execute(self._sql.put_mark, ("", MARK, known.store))
            return known
        if store is not None and self._database.rows(self._sql.any_record)[0][0]:
            return None
        store = store or secrets.token_hex(16)
        known = Known(store, machine_of(self._database.path, store), self._ends())
        self.file.make(known)
        connection.execute(self._sql.put_mark, ("", MARK, store))
        return known

    def _losses(self, known: Known | None, store: str | None) -> Iterator[Loss]:
        if known is None:
            yield Loss("head_missing")
            return
        if store is not None and store != known.store:
            yield Loss("other_store")
            return
        for organisation, head in known.heads.items():
            if not head.size:
                continue
            leaf = self._rows(self._sql.leaf_at, organisation, head.size)
            if not leaf or not same_leaf(leaf[0][0], head.leaf):
                yield Loss("log_differs" if leaf else "rolled_back", organisation, head, self._end(organisation))
        now = machine_of(self._database.path, known.store)
        if now != known.machine:
            yield Loss("copied_machine", part="host" if now.host != known.machine.host else "file")

    def _accept(self, reason: str, known: Known | None, losses: Sequence[Loss]) -> None:
        heads: Mapping[str, Head] = known.heads if known is not None else {}
        ends = self._ends()
        store = self._store() or (known.store if known is not None else secrets.token_hex(16))

        def log(connection: sqlite3.Connection) -> None:
            for organisation in sorted(heads.keys() | ends.keys()):
                loss = next((one for one in losses if one.organisation == organisation), losses[0])
                row = _record(organisation, [loss.code, reason], heads.get(organisation), ends.get(organisation))
                self._append(connection, organisation, [row])
            connection.execute(self._sql.put_mark, ("", MARK, store))

        self._database.write(log)
        # Last: were it first, a process killed in between would leave a loss that nobody has logged.
        self.file.make(Known(store, machine_of(self._database.path, store), self._ends()))

    def _catch_up(self, known: Known) -> None:
        """Remember what a process that was killed had stored and could not remember any more."""
        for organisation, head in known.heads.items():
            end = self._end(organisation)
            if end > head.size:
                self.file.remember(organisation, end, self._rows(self._sql.leaf_at, organisation, end)[0][0])

    def _store(self) -> str | None:
        rows = self._rows(self._sql.mark, "", MARK)
        return rows[0][0] if rows else None

    def _end(self, organisation: str) -> int:
        return self._rows(self._sql.log_end, organisation)[0][0] or 0

    def _ends(self) -> dict[str, Head]:
        """Where every log in the database ends."""
        return {org: Head(index, leaf, origin_of(body)) for org, index, leaf, body in self._rows(self._sql.log_ends)}

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.rows(sql, values)


def origin_of(body: bytes) -> str:
    """The log that a record says it belongs to; the empty text for what is no record."""
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    return str(cast("dict[str, object]", said).get("log", "")) if isinstance(said, dict) else ""


def _record(organisation: str, why: Sequence[str], known: Head | None, found: Head | None) -> RecordRow:
    """The record of a loss that somebody has accepted, or of none: where the log was known to end and where it does."""
    said: dict[str, object] = {
        "type": "restore",
        "at": text_of(datetime.now(UTC)),
        "actor": ACTOR,
        "unit": ACTOR,
        "org": organisation,
        "role": "",
        "why": why,
        "found": found.size if found is not None else 0,
    }
    if known is not None and known.size:
        said |= {"known": known.size, "seen": known.leaf.hex()}
    origin = next((head.origin for head in (found, known) if head is not None), "")
    record = seal_access(said, origin, os.urandom, lambda: datetime.now(UTC))
    return RecordRow(record.id, None, None, record.body, record.leaf, None, None)
