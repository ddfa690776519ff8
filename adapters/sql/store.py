"""The store over SQL: which statements make up each of its promises."""

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from stegvis.engine.ports import (
    AnswerRow,
    CaseRow,
    Commit,
    DeadlineRow,
    DraftRow,
    Loaded,
    OutboxRow,
    RecordRow,
    RunRow,
)
from stegvis.routines.errors import BadInput, Broken, KeyReused, Stale

from ..keys import KeyRing
from .heads import Heads
from .sqlite import PATIENCE, Database, Synchronous, Transactions, path_of
from .statements import Statements

PAGE: Final = 1000
"""Records read at a time while iterating; between pages nothing is held, so a reader never keeps a writer waiting."""

# A replay reads every record there is, so no Python runs for each.
_index: Final[Callable[[tuple[Any, ...]], int]] = itemgetter(0)
_rest: Final[Callable[[tuple[Any, ...]], tuple[Any, ...]]] = itemgetter(slice(1, None))
_record: Final[Callable[[tuple[Any, ...]], RecordRow]] = partial(tuple.__new__, RecordRow)  # pyright: ignore[reportUnknownMemberType]

SQL: Final = Statements(SQLiteDialect_pysqlite())


D = TypeVar("D", bound=Transactions)


class SqlCases(ABC, Generic[D]):
    """The promises of a store, over whatever reads rows and writes in transactions.

    Args:
        database: a file with connections of its own, or one transaction of somebody else's.
    """

    def __init__(self, database: D) -> None:
        self.database = database

    def head(self, organisation: str, case: str) -> CaseRow | None:
        rows = self.database.rows(SQL.head, (organisation, case))
        return CaseRow(*rows[0]) if rows else None

    def load(self, organisation: str, case: str) -> Loaded | None:
        rows = self.database.rows(SQL.load, (organisation, case))
        if not rows:
            return None
        width = len(CaseRow._fields)
        return Loaded(
            CaseRow(*rows[0][:width]),
            tuple(RunRow(*row[width:]) for row in rows if row[width] is not None),
        )

    def answer(self, organisation: str, actor: str, key: str) -> AnswerRow | None:
        rows = self.database.rows(SQL.answer, (organisation, actor, key))
        return AnswerRow(*rows[0]) if rows else None

    def commit(self, commit: Commit) -> None:
        self._log(commit.organisation, commit.records, lambda connection: _commit(connection, commit))

    def note(self, organisation: str, rows: Sequence[RecordRow]) -> None:
        self._log(organisation, rows, lambda connection: _append(connection, organisation, rows))

    @abstractmethod
    def _log(self, organisation: str, rows: Sequence[RecordRow], work: Callable[[sqlite3.Connection], int]) -> None:
        """Do work that ends an organisation's log with these rows."""

    def case_records(self, organisation: str, case: str, *, after: int = 0) -> Iterator[RecordRow]:
        end: int = self.database.rows(SQL.chain_end, (organisation, case))[0][0] or 0
        for start in range(after, end, PAGE):
            last = min(start + PAGE, end)
            yield from map(_record, self.database.rows(SQL.chain, (organisation, case, start, last)))

    def looks(self, organisation: str, case: str) -> list[RecordRow]:
        return list(map(_record, self.database.rows(SQL.looks, (organisation, case))))

    def size(self, organisation: str) -> int:
        return self.database.rows(SQL.log_end, (organisation,))[0][0] or 0

    def log(
        self, organisation: str, *, after: int = 0, until: int | None = None, payloads: bool = True
    ) -> Iterator[tuple[int, RecordRow]]:
        end = self.size(organisation)
        end = end if until is None else min(until, end)
        sql = SQL.log if payloads else SQL.log_without
        for start in range(after, end, PAGE):
            rows = self.database.rows(sql, (organisation, start, min(start + PAGE, end)))
            yield from zip(map(_index, rows), map(_record, map(_rest, rows)), strict=True)

    def cases(self, organisation: str) -> Iterator[str]:
        for (case,) in self.database.rows(SQL.cases, (organisation,)):
            yield case

    def case_heads(self, organisation: str) -> tuple[int, list[tuple[str, int, bytes]]]:
        rows = self.database.rows(SQL.case_heads, (organisation, organisation))
        end = rows[0][0] if rows else self.size(organisation)
        return end, [(case, version, head) for _, case, version, head in rows]

    def ends(self, organisation: str) -> Iterator[tuple[str, int, bytes]]:
        rows: list[tuple[Any, ...]] = [("",)]
        while rows := self.database.rows(SQL.ends, (organisation, rows[-1][0], PAGE)):
            yield from rows  # pyright: ignore[reportReturnType]

    def deadlines(self, organisation: str, *, until: str | None = None, case: str | None = None) -> list[DeadlineRow]:
        if until is None:
            sql, values = (SQL.deadlines, ()) if case is None else (SQL.deadlines_of, (case,))
        else:
            sql, values = (SQL.deadlines_until, (until,)) if case is None else (SQL.deadlines_of_until, (until, case))
        return [DeadlineRow._make(row) for row in self.database.rows(sql, (organisation, *values))]

    def replace_deadlines(self, organisation: str, case: str, rows: Sequence[DeadlineRow], *, expected: int) -> None:
        def replace(connection: sqlite3.Connection) -> None:
            found = connection.execute(SQL.head, (organisation, case)).fetchone()
            if expected != (CaseRow._make(found).version if found is not None else 0):
                raise _stale(connection, organisation, case)
            connection.execute(SQL.drop_deadlines, (organisation, case))
            connection.executemany(SQL.put_deadline, [(organisation, *row) for row in rows])

        self.database.write(replace)

    def earlier(
        self, organisation: str, *, person: str, routine: str, states: Sequence[str], since: str, but: str
    ) -> int:
        if not states:
            return 0
        sql = SQL.earlier(len(states))
        return self.database.rows(sql, (organisation, person, routine, *states, since, but))[0][0]

    def outbox(self, organisation: str) -> list[OutboxRow]:
        return [OutboxRow._make(row) for row in self.database.rows(SQL.outbox, (organisation,))]

    def sent(self, organisation: str, id: str) -> OutboxRow | None:
        rows = self.database.rows(SQL.sent, (organisation, id))
        return OutboxRow._make(rows[0]) if rows else None

    def delivered(self, organisation: str, id: str, at: str) -> None:
        self.database.write(lambda connection: connection.execute(SQL.deliver, (at, organisation, id)))

    def keep_draft(self, organisation: str, row: DraftRow) -> None:
        self.database.write(lambda connection: connection.execute(SQL.put_draft, (organisation, *row)))

    def drafts(self, organisation: str, *, case: str | None = None, actor: str | None = None) -> list[DraftRow]:
        if case is not None:
            rows = self.database.rows(SQL.drafts_of_case, (organisation, case))
        elif actor is not None:
            rows = self.database.rows(SQL.drafts_of_actor, (organisation, actor))
        else:
            rows = self.database.rows(SQL.drafts, (organisation,))
        found = map(DraftRow._make, rows)
        return [row for row in found if actor in (None, row.actor)]

    def drop_draft(self, organisation: str, case: str, run: str, trigger: str, actor: str) -> bool:
        values = (organisation, case, run, trigger, actor)
        return self.database.write(lambda connection: connection.execute(SQL.drop_draft, values).rowcount) > 0

    def sweep_drafts(self, organisation: str, until: str) -> int:
        return self.database.write(
            lambda connection: connection.execute(SQL.sweep_drafts, (organisation, until)).rowcount
        )

    def publish(self, digest: str, kind: str, body: bytes) -> None:
        if self.definition(digest) == (kind, body):
            return

        def keep(connection: sqlite3.Connection) -> None:
            found = connection.execute(SQL.definition, (digest,)).fetchone()
            if found is None:
                connection.execute(SQL.add_definition, (digest, kind, body))
            elif found != (kind, body):
                raise Broken("definition_differs", digest=digest)

        self.database.write(keep)

    def definition(self, digest: str) -> tuple[str, bytes] | None:
        rows = self.database.rows(SQL.definition, (digest,))
        return rows[0] if rows else None  # pyright: ignore[reportReturnType]

    def mark(self, organisation: str, name: str) -> str | None:
        rows = self.database.rows(SQL.mark, (organisation, name))
        return rows[0][0] if rows else None

    def set_mark(self, organisation: str, name: str, value: str) -> None:
        self.database.write(lambda connection: connection.execute(SQL.put_mark, (organisation, name, value)))


class SqlStore(SqlCases[Database]):
    """Cases in an SQLite file, made when it is not there.

    Args:
        where: a path, or ``sqlite:///`` and a path.
        synchronous: ``FULL``: a commit that was acknowledged survives a power failure. ``NORMAL``: faster; the last
            commits may be lost with the power, which a witness of the log would then call a rollback.
        patience: seconds to wait for another writer before ``locked``.
        accept_loss: why the file may be used although its head file knows of more, as a code such as
            ``disk_replaced``. The log says so before anything else. Only for the one start that needs it.
        key_file: where the key-encryption key lies, when not beside the file.

    Threads may share a store, processes may share the file, and a child may use a store made before the fork, as long
    as no other thread was reading at that moment.

    Raises:
        StoreError: see :meth:`stegvis.adapters.sql.sqlite.Database.prepare` and
            :meth:`stegvis.adapters.sql.heads.Heads.open`.
        BadInput: ``unknown_database``: ``where`` names something else than an SQLite file; ``not_a_code``.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        synchronous: Synchronous = "FULL",
        patience: float = PATIENCE,
        accept_loss: str | None = None,
        key_file: Path | None = None,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            raise BadInput("unknown_synchronous")
        super().__init__(Database(path_of(where), synchronous=synchronous, patience=patience))
        self.heads = Heads(self.database, SQL, _append)
        if accept_loss is None and not self.database.path.exists():
            self.heads.refuse_to_begin()
        try:
            self.database.prepare()
            self.head_file = self.heads.open(accept_loss)
        except BaseException:
            self.database.close()
            raise
        self._keys: KeyRing | None = None
        self._key_file = key_file
        self._opening = threading.Lock()

    def _log(self, organisation: str, rows: Sequence[RecordRow], work: Callable[[sqlite3.Connection], int]) -> None:
        """Do it in one transaction, and remember where the log ended."""
        if self.head_file.knows(organisation):
            index = self.database.write(work)
        else:
            index = self.database.write(lambda connection: self.heads.claim(organisation, rows) or work(connection))
        if rows:
            self.head_file.remember(organisation, index, rows[-1].leaf)

    @property
    def keys(self) -> KeyRing:
        """The ring beside the file, opened when first asked for. Where anything has been sealed it is never a new one.

        Raises:
            SealError: see :meth:`stegvis.adapters.keys.KeyRing.at`.
        """
        with self._opening:
            if self._keys is None:
                begun = bool(self.database.rows(SQL.any_payload)[0][0])
                self._keys = KeyRing.at(self.database.path, key_file=self._key_file, create=not begun)
            return self._keys

    def close(self) -> None:
        """Let go of the file and its keys. A later call opens them anew."""
        with self._opening:
            if self._keys is not None:
                self._keys.close()
                self._keys = None
        self.head_file.close()
        self.database.close()


def _commit(connection: sqlite3.Connection, commit: Commit) -> int:
    execute, organisation, case = connection.execute, commit.organisation, commit.case
    # The key before the version: who lost a race against a twin of the same command is to get the twin's answer.
    if commit.answer is not None and not execute(SQL.add_answer, (organisation, *commit.answer)).rowcount:
        raise KeyReused
    if commit.expected:
        moved = execute(SQL.move_case, (*case[1:], organisation, case.case, commit.expected))
    else:
        moved = execute(SQL.add_case, (organisation, *case))
    if not moved.rowcount:
        raise _stale(connection, organisation, case.case)
    index = _append(connection, organisation, commit.records)
    if commit.runs:
        connection.executemany(SQL.put_run, [(organisation, case.case, *row) for row in commit.runs])
    if commit.closed:
        connection.executemany(SQL.close_deadline, [(organisation, case.case, *named) for named in commit.closed])
    if commit.deadlines:
        connection.executemany(SQL.put_deadline, [(organisation, *row) for row in commit.deadlines])
    if commit.outbox:
        last: int = execute(SQL.outbox_end, (organisation,)).fetchone()[0] or 0
        posts = enumerate(commit.outbox, last + 1)
        connection.executemany(SQL.add_outbox, [(organisation, place, *row, None) for place, row in posts])
    for used in commit.spent:
        execute(SQL.drop_draft, (organisation, case.case, *used))
    return index


def _append(connection: sqlite3.Connection, organisation: str, rows: Sequence[RecordRow]) -> int:
    """Answers the index of the last record."""
    last: int = connection.execute(SQL.log_end, (organisation,)).fetchone()[0] or 0
    records: list[tuple[object, ...]] = []
    payloads: list[tuple[object, ...]] = []
    for index, row in enumerate(rows, last + 1):
        records.append((organisation, index, row.id, row.case, row.cseq, row.body, row.leaf))
        if row.unit is not None or row.payload is not None:
            payloads.append((organisation, index, row.unit, row.payload))
    connection.executemany(SQL.add_record, records)
    if payloads:
        connection.executemany(SQL.add_payload, payloads)
    return last + len(rows)


def _stale(connection: sqlite3.Connection, organisation: str, case: str) -> Stale:
    found = connection.execute(SQL.head, (organisation, case)).fetchone()
    if found is None:
        return Stale(version=0, at=None, actor=None)
    head = CaseRow._make(found)
    return Stale(version=head.version, at=head.at, actor=head.actor)
