"""The host's rows and ours in one transaction: both are stored, or neither."""

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from stegvis.engine.desk import Telling
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Commit, RecordRow, Sealer
from stegvis.routines.errors import BadInput, StoreError

from .host import Host, HostTransaction, ends_of
from .sqlite import Transactions
from .store import SQL, SqlCases, SqlStore


@contextmanager
def together(engine: Engine, host: Host) -> Generator[Engine]:
    """Work in the host's transaction; the end of the block commits it, an exception that leaves the block undoes it.

    **The block is the transaction.** It begins one unless the host has, and takes the write lock at once, so that
    whatever is judged inside is judged on the newest there is. Keep it short: every other writer waits. It ends through
    the host's own ``commit`` or ``rollback``; inside, the host calls neither, but may use savepoints.

    **Show nothing before the block has ended.** Only then is known what is stored. Records that are, are remembered in
    the head file and told to the operational log; others are not. An access record that the host's rollback took along
    is written anew before the block ends; where that cannot be done, the block raises that error.

    Each command is a savepoint: one that is refused leaves the host's rows and the other commands as they are. An
    idempotency key is taken when the transaction is. Data keys that were made stay, and open nothing.

    Args:
        engine: over an :class:`SqlStore`. It is not to be used inside the block: it would wait for the block.
        host: an ``sqlite3.Connection``, an SQLAlchemy ``Connection`` or ``Session`` (SQLModel's too), on the file of
            that store, used by this thread alone.

    Yields:
        The engine to use inside the block.

    Raises:
        BadInput: ``unknown_connection``; ``other_database``: the host's connection is not on the engine's file;
            ``weaker_connection``: its commits wait for less than the store's. The host's transaction is as it was.
        StoreError: ``locked``; ``transaction_ended``: somebody committed or rolled back inside the block;
            ``not_committed``: the host's ``commit`` did not store anything. And whatever the host's ``commit`` raises.
    """
    store = engine.store
    if not isinstance(store, SqlStore):
        raise BadInput("other_database")
    transaction = HostTransaction(ends_of(host), store.database.path, store.database.rows("PRAGMA synchronous")[0][0])
    joined = JoinedStore(store, transaction)
    try:
        with store.database.queued():
            transaction.begin()
        yield engine.over(joined, joined.later(engine.tell))
        made = joined.places(transaction)
        transaction.close()
        transaction.commit()
        if made != joined.places(store.database):
            raise StoreError("not_committed")
    except BaseException:
        transaction.rollback()
        joined.settle()
        raise
    joined.settle()


class JoinedStore(SqlCases[HostTransaction]):
    """A store whose commits are the host's to commit. Made by :func:`together`."""

    def __init__(self, store: SqlStore, transaction: HostTransaction) -> None:
        super().__init__(transaction)
        self._store = store
        self._rows: list[tuple[str, RecordRow]] = []
        self._kept: list[Callable[[], None]] = []
        self._told: list[tuple[str | None, Callable[[], None]]] = []
        self._latest: str | None = None

    def commit(self, commit: Commit) -> None:
        # The engine keeps a definition once; a savepoint of the host's that was rolled back may have taken it along.
        for again in self._kept:
            again()
        super().commit(commit)
        self._latest = commit.records[-1].id

    def publish(self, digest: str, kind: str, body: bytes) -> None:
        keep = partial(super().publish, digest, kind, body)
        keep()
        self._kept.append(keep)

    def set_mark(self, organisation: str, name: str, value: str) -> None:
        put = partial(super().set_mark, organisation, name, value)
        put()
        if not organisation:
            self._kept.append(put)

    @property
    def keys(self) -> Sealer:
        return self._store.keys

    def close(self) -> None:
        """Nothing here is ours to close."""

    def later(self, tell: Telling | None) -> Telling | None:
        """Tell when it is known that what is told of is stored."""
        if tell is None:
            return None

        def hold(event: str, said: Mapping[str, str | int]) -> None:
            self._told.append((self._latest, partial(tell, event, said)))
            self._latest = None

        return hold

    def places(self, database: Transactions) -> dict[str, int]:
        """The places in the log of those of our records that are stored, as seen from there."""
        found = {row.id: database.rows(SQL.place_of, (organisation, row.id)) for organisation, row in self._rows}
        return {record: rows[0][0] for record, rows in found.items() if rows}

    def settle(self) -> None:
        """Once the transaction has ended: remember what is stored, note anew what must be, tell what is so."""
        stored = self.places(self._store.database)
        ends: dict[str, RecordRow] = {}
        lost: dict[str, list[RecordRow]] = {}
        for organisation, row in self._rows:
            if row.id in stored:
                ends[organisation] = row
            elif row.cseq is None:
                lost.setdefault(organisation, []).append(row)
        for organisation, row in ends.items():
            self._store.head_file.remember(organisation, stored[row.id], row.leaf)
        for organisation, rows in lost.items():
            self._store.note(organisation, rows)
        for record, tell in self._told:
            if record is None or record in stored:
                tell()

    def _log(self, organisation: str, rows: Sequence[RecordRow], work: Callable[[sqlite3.Connection], int]) -> None:
        if not self._store.head_file.knows(organisation):
            self._store.heads.claim(organisation, rows)
        self.database.write(work)
        self._rows += [(organisation, row) for row in rows]
