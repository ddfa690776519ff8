"""Hosts of all kinds: what their connections may be, and transactions that are not what they seem."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import Engine as Alchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore, migrate, together
from stegvis.adapters.sql.host import Host
from stegvis.engine.engine import Engine
from stegvis.routines.errors import StoreError

from ..engine.toys import FIRST, KURATOR, SCHOOL, plain_toys
from .office import KINDS, Office, Placement, Undo, begins_not, fails, refuses

INSERT = "INSERT INTO placement VALUES (1)"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with closing(Office(tmp_path / "cases.db")) as office:
        yield office


@pytest.fixture
def db(office: Office) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(office.file)) as db:
        yield db


@pytest.fixture
def alchemy(office: Office) -> Iterator[Alchemy]:
    engine = create_engine(f"sqlite:///{office.file}", poolclass=NullPool)
    yield engine
    engine.dispose()


def works(office: Office, host: Host, insert: Callable[[], object]) -> None:
    with together(office.engine, host) as ours:
        insert()
        office.open(ours)
    assert office.placed == [1]
    assert office.log == ["case.open"]
    office.sound()


# -- what a connection may be


def test_it_may_answer_rows_in_any_form(office: Office, db: sqlite3.Connection) -> None:
    def named(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
        return {column[0]: one for column, one in zip(cursor.description, row, strict=True)}

    db.row_factory, db.text_factory = named, bytes
    works(office, db, lambda: db.execute(INSERT))
    assert (db.row_factory, db.text_factory) == (named, bytes)


def test_it_may_leave_transactions_to_whoever_uses_it(office: Office) -> None:
    with closing(sqlite3.connect(office.file, isolation_level=None)) as db:
        works(office, db, lambda: db.execute(INSERT))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a connection has had a say in this since Python 3.12")
@pytest.mark.parametrize("autocommit", [False, True])
def test_it_may_begin_each_transaction_itself_or_none(office: Office, *, autocommit: bool) -> None:
    settings: dict[str, Any] = {"autocommit": autocommit}
    with closing(sqlite3.connect(office.file, **settings)) as db:
        works(office, db, lambda: db.execute(INSERT))
        with fails(Undo, office, db) as ours:
            db.execute("INSERT INTO placement VALUES (2)")
            office.look(ours, office.open(ours), "k-1")
            raise Undo
    assert office.placed == [1]
    assert office.log == ["case.open"]
    office.sound()


def test_it_may_have_begun(office: Office, db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
    works(office, db, lambda: db.execute(INSERT))


def test_an_engine_may_begin_each_transaction_itself(office: Office, alchemy: Alchemy) -> None:
    @event.listens_for(alchemy, "connect")
    def _connected(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None

    @event.listens_for(alchemy, "begin")
    def _begun(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN")

    with Session(alchemy) as session:
        works(office, session, lambda: session.execute(text(INSERT)))


def test_an_engine_may_commit_by_itself_everywhere_else(office: Office, alchemy: Alchemy) -> None:
    with alchemy.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        works(office, connection, lambda: connection.exec_driver_sql(INSERT))


def test_a_session_may_be_scoped_and_hold_its_rows_back(office: Office, alchemy: Alchemy) -> None:
    session = scoped_session(sessionmaker(alchemy))
    works(office, session, lambda: session.add(Placement(id=1)))
    session.remove()


def test_a_session_may_nest(office: Office, alchemy: Alchemy) -> None:
    with Session(alchemy) as session:
        with together(office.engine, session) as ours:
            case = office.open(ours)
            with session.begin_nested() as nested:
                session.add(Placement(id=1))
                session.flush()
                office.look(ours, case, "k-1")
                with refuses():
                    office.storm(ours, case, "k-2")
                nested.rollback()
            session.add(Placement(id=2))
        assert session.get(Placement, 2) is not None
    assert office.placed == [2]
    assert office.version(case) == 1
    assert office.log == ["case.open", "transition.denied"]
    office.sound()


# -- what it may not be


def test_it_must_be_on_the_file_of_the_engine(office: Office, tmp_path: Path) -> None:
    with closing(Office(tmp_path / "other.db")) as other:
        begins_not("other_database", office, other.host)
    with closing(sqlite3.connect(":memory:")) as memory:
        begins_not("other_database", office, memory)
    gone = tmp_path / "gone.db"
    with closing(sqlite3.connect(gone)) as lost:
        gone.unlink()
        begins_not("other_database", office, lost)
    office.engine = Engine(plain_toys(), MemoryStore())
    begins_not("other_database", office, office.host)


def test_it_may_reach_the_file_through_a_link(office: Office, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(office.file)
    with closing(sqlite3.connect(link)) as db:
        works(office, db, lambda: db.execute(INSERT))


@pytest.mark.parametrize("host", [object(), "sqlite:///cases.db"])
def test_what_is_no_connection_on_sqlite_is_refused(office: Office, host: object) -> None:
    begins_not("unknown_connection", office, host)


def test_its_commits_must_not_wait_for_less_than_the_stores(office: Office, db: sqlite3.Connection) -> None:
    db.execute("PRAGMA synchronous = OFF")
    begins_not("weaker_connection", office, db)
    db.execute("PRAGMA synchronous = NORMAL")
    works(office, db, lambda: db.execute(INSERT))
    with closing(SqlStore(office.file)) as store:
        office.engine = Engine(plain_toys(), store)
        assert begins_not("weaker_connection", office, db) == {"found": 1, "wanted": 2}


def test_what_was_read_before_somebody_else_wrote_is_not_built_on(office: Office, db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
    db.execute("SELECT * FROM placement").fetchall()
    case = office.open()
    begins_not("locked", office, db)
    assert not db.in_transaction
    with together(office.engine, db) as ours:
        office.look(ours, case, "k-1")
    office.sound()


def test_nobody_else_writes_while_a_block_lasts(office: Office, db: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(office.file, timeout=0)) as hasty, together(office.engine, db) as ours:
        begins_not("locked", office, hasty)
        office.open(ours)
    assert office.log == ["case.open"]


# -- a transaction that is not what it seems


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_one_that_the_host_ends_inside_the_block_is_refused(tmp_path: Path, kind: Any, how: str) -> None:
    with closing(Office(tmp_path / "cases.db", kind)) as office:
        case = office.open()
        office.told.clear()
        with fails("transaction_ended", office) as ours:
            office.look(ours, case, "k-1")
            getattr(office.host, how)()
            with pytest.raises(StoreError, match="transaction_ended"):
                office.look(ours, case, "k-2")
            office.place(1)
        assert office.placed == []
        assert office.told == ([("transition", 2)] if how == "commit" else [])
        assert office.version(case) == (2 if how == "commit" else 1)
        office.sound()


def test_one_that_sqlite_has_rolled_back_is_not_committed_over(office: Office, db: sqlite3.Connection) -> None:
    case = office.open()
    with fails("transaction_ended", office, db) as ours:
        office.look(ours, case, "k-1")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("INSERT OR ROLLBACK INTO placement VALUES (1), (1)")
        db.execute("INSERT INTO placement VALUES (2)")
    assert office.placed == []
    assert office.version(case) == 1
    office.sound()


def test_a_commit_that_only_seems_to_be_one_is_found_out(office: Office, alchemy: Alchemy) -> None:
    case = office.open()
    with alchemy.connect() as connection, Session(connection, join_transaction_mode="create_savepoint") as session:
        connection.exec_driver_sql("BEGIN")
        with fails("not_committed", office, session) as ours:
            session.execute(text(INSERT))
            ours.guide(case, actor=KURATOR)
            office.look(ours, case, "k-1")
    assert office.placed == []
    assert office.log == ["case.open", "read"]
    office.sound()


def test_a_commit_that_the_host_cannot_make_stores_nothing(office: Office, db: sqlite3.Connection) -> None:
    case = office.open()
    office.told.clear()
    db.executescript(
        "CREATE TABLE child (of REFERENCES placement (id) DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys = ON"
    )
    with fails(sqlite3.IntegrityError, office, db) as ours:
        db.execute("INSERT INTO child VALUES (7)")
        ours.guide(case, actor=KURATOR)
        office.look(ours, case, "k-1")
    assert not db.in_transaction
    assert db.execute("SELECT count(*) FROM child").fetchone() == (0,)
    assert office.told == []
    assert office.log == ["case.open", "read"]
    office.sound()


def test_nothing_works_once_the_block_has_ended(office: Office) -> None:
    with together(office.engine, office.host) as ours:
        case = office.open(ours)
    office.place(1)
    with pytest.raises(StoreError, match="transaction_ended"):
        office.look(ours, case, "k-1")
    with pytest.raises(StoreError, match="transaction_ended"):
        ours.guide(case, actor=KURATOR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_neither(tmp_path: Path, kind: Any) -> None:
    with closing(Office(tmp_path / "cases.db", kind)) as office:
        case = office.open()
        (size,) = office.store.database.rows("PRAGMA page_count")[0]
        with fails("full", office) as ours:
            office.place(1)
            office.run(f"PRAGMA max_page_count = {size}")
            for number in range(1000):
                office.look(ours, case, f"k-{number}")
        assert office.placed == []
        assert office.version(case) == 1
        office.sound()


# -- the host's own house


def test_the_hosts_alembic_can_be_told_to_leave_ours_alone(office: Office, alchemy: Alchemy) -> None:
    """As docs/production.md says."""

    def proposed(**options: Any) -> list[str]:
        with alchemy.connect() as connection:
            context = MigrationContext.configure(connection, opts=options)
            return [diff[0] for diff in compare_metadata(context, SQLModel.metadata) if isinstance(diff, tuple)]

    assert "remove_table" in proposed()
    assert (
        proposed(include_name=lambda name, kind, _: kind != "table" or not name.startswith("stegvis_")) == []  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
    )


def test_the_hosts_metadata_knows_nothing_of_ours(tmp_path: Path) -> None:
    file, metadata = tmp_path / "host.db", SQLModel.metadata
    assert [name for name in metadata.tables if "stegvis" in name] == []
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    metadata.create_all(engine, tables=[metadata.tables["placement"]])
    migrate(file)
    with closing(SqlStore(file)) as store:
        ours = Engine(plain_toys(), store)
        case = ours.open("lantern", actor=KURATOR, form=FIRST, person="p-1", key="k-1").id
        metadata.drop_all(engine, tables=[metadata.tables["placement"]])
        assert ours.replay(case, actor=KURATOR).sound
        assert ours.verify(SCHOOL) == []
