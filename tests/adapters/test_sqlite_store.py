import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stegvis.adapters.sql import SqlStore
from stegvis.adapters.sql.sqlite import Database
from stegvis.adapters.sql.store import PAGE, SQL
from stegvis.adapters.testing import StoreContract, rows
from stegvis.engine.ports import Store
from stegvis.routines.errors import BadInput, Broken, SealError, Stale

from .forking import ended, in_child

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.db"


class TestSqlStore(StoreContract):
    @pytest.fixture
    def store(self, file: Path) -> Iterator[Store]:
        # What a commit waits for is no part of the contract, and the disk is slow.
        with closing(SqlStore(file, synchronous="NORMAL")) as store:
            yield store


def test_importing_leaves_the_hosts_metadata_clean_and_the_memory_store_needs_no_sql() -> None:
    script = """
import sys
import stegvis.adapters.memory
assert not {"sqlalchemy", "sqlmodel"} & set(sys.modules)
import stegvis.adapters.sql
from sqlmodel import SQLModel
assert not SQLModel.metadata.tables
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_a_file_is_made_for_its_owner_alone(file: Path, form: str) -> None:
    with closing(SqlStore(form.format(file))) as store:
        store.commit(rows.step("o", "c-1", 1))
        beside = list(file.parent.glob("cases.db*"))
        assert {path.name for path in beside} >= {"cases.db", "cases.db-wal"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}


@pytest.mark.parametrize(
    "where", ["sqlite://", "sqlite:///:memory:", "postgresql://host/cases", "sqlite:///c?mode=ro", "://"]
)
def test_only_a_file_will_do(where: str) -> None:
    with pytest.raises(BadInput, match="unknown_database"):
        SqlStore(where)


def test_a_level_of_synchronous_we_do_not_offer_is_refused(file: Path) -> None:
    with pytest.raises(BadInput, match="unknown_synchronous"):
        SqlStore(file, synchronous="OFF")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("level", "number"), [("FULL", 2), ("NORMAL", 1)])
def test_connections_are_set_as_promised(file: Path, level: str, number: int) -> None:
    database = Database(file, synchronous=level)  # pyright: ignore[reportArgumentType]
    database.prepare()
    expected = {"journal_mode": "wal", "synchronous": number, "foreign_keys": 1, "busy_timeout": 30_000}
    assert {name: database.rows(f"PRAGMA {name}")[0][0] for name in expected} == expected
    database.close()


def test_what_was_acknowledged_is_there_after_reopening(file: Path) -> None:
    commit = rows.step("o", "c-1", 1, key="k")
    with closing(SqlStore(file)) as store:
        store.commit(commit)
    with closing(SqlStore(f"sqlite:///{file}")) as store:
        assert store.load("o", "c-1") == (commit.case, commit.runs)
        assert store.answer("o", "u-1", "k") == commit.answer


def test_the_file_may_have_any_name_and_stays_the_same_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(SqlStore(Path("ärenden 100%?a#b.db"))) as store:
        monkeypatch.chdir("elsewhere")
        store.close()
        store.commit(rows.step("o", "c-1", 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "elsewhere",
        "ärenden 100%?a#b.db",
        "ärenden 100%?a#b.db.head",
    ]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_closed_store_opens_again_when_asked(file: Path) -> None:
    store = SqlStore(file)
    store.close()
    store.commit(rows.step("o", "c-1", 1))
    store.close()
    assert sorted(path.name for path in file.parent.iterdir()) == ["cases.db", "cases.db.head"]


def test_reading_goes_on_across_pages(file: Path) -> None:
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        store.note("o", [rows.access(f"a-{n}") for n in range(PAGE)])
        chain = tuple(rows.link("c-1", n) for n in range(1, 2 * PAGE + 2))
        store.commit(rows.step("o", "c-1", 1)._replace(records=chain))
        assert [index for index, _ in store.log("o")] == list(range(1, 3 * PAGE + 2))
        assert list(store.case_records("o", "c-1")) == list(chain)
        assert list(store.case_records("o", "c-1", after=PAGE)) == list(chain[PAGE:])
        assert [row.id for _, row in store.log("o", after=3 * PAGE)] == [chain[-1].id]


def test_keys_lie_beside_the_file_and_are_not_made_anew_under_a_log(file: Path) -> None:
    with closing(SqlStore(file)) as store:
        store.keys.ensure("o", "u")
        cell = store.keys.seal("o", "u", b"text", b"place")
        store.commit(rows.step("o", "c-1", 1))
    with closing(SqlStore(file)) as store:
        assert store.keys.open("o", "u", cell, b"place") == b"text"
    for name in ("cases.db.keys", "cases.db.kek"):
        (file.parent / name).unlink()
    with closing(SqlStore(file)) as store, pytest.raises(SealError):
        _ = store.keys


# -- the indexes are used


def plan(file: Path, sql: str) -> str:
    with closing(sqlite3.connect(file)) as db:
        count = sql.count("?")
        return "\n".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, ["x"] * count))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("deadlines_until", "USING INDEX stegvis_deadline_next (org=? AND next<?)"),
        ("deadlines_of", "USING PRIMARY KEY (org=? AND case_id=?)"),
        (
            "earlier",
            "USING COVERING INDEX stegvis_run_earlier (org=? AND person=? AND routine=? AND state=? AND ended>?)",
        ),
        ("outbox", "USING INDEX stegvis_outbox_waiting (org=?)"),
        ("sent", "(org=? AND id=?)"),
        ("answer", "USING PRIMARY KEY (org=? AND actor=? AND key=?)"),
        ("load", "stegvis_case USING INDEX sqlite_autoindex_stegvis_case_1 (org=? AND case_id=?)"),
        ("load", "stegvis_run USING INDEX sqlite_autoindex_stegvis_run_1 (org=? AND case_id=?)"),
        ("chain", "(org=? AND case_id=? AND cseq>? AND cseq<?)"),
        ("log", "(org=? AND idx>? AND idx<?)"),
        ("log_end", "(org=?)"),
    ],
)
def test_the_index_is_used(file: Path, name: str, index: str) -> None:
    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        sql = SQL.earlier(2) if name == "earlier" else getattr(SQL, name)
        said = plan(file, sql)
    assert index in said
    assert "SCAN" not in said
    if name in ("deadlines_until", "outbox", "chain", "log"):
        assert "TEMP B-TREE" not in said


# -- guards against accidents


@pytest.mark.parametrize("table", ["record", "definition"])
@pytest.mark.parametrize("sql", ["UPDATE stegvis_{} SET body = x'00'", "DELETE FROM stegvis_{}"])
def test_what_is_kept_for_ever_can_neither_be_changed_nor_deleted(file: Path, table: str, sql: str) -> None:
    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        store.publish("d-1", "rules", b"{}")
        with closing(sqlite3.connect(file)) as db, pytest.raises(sqlite3.IntegrityError, match="kept as it is"):
            db.execute(sql.format(table))


def test_a_definition_cannot_be_replaced(file: Path) -> None:
    with closing(SqlStore(file)) as store:
        store.publish("d-1", "rules", b"{}")
        with closing(sqlite3.connect(file)) as db, pytest.raises(sqlite3.IntegrityError, match="kept as it is"):
            db.execute("INSERT OR REPLACE INTO stegvis_definition VALUES ('d-1', 'rules', x'00')")


def test_a_record_cannot_be_replaced_through_our_own_connections(file: Path) -> None:
    database = Database(file)
    database.prepare()
    insert = "INSERT OR REPLACE INTO stegvis_record VALUES ('o', 1, 'r', 'c', 1, ?, x'00')"
    database.write(lambda db: db.execute(insert, (b"first",)))
    with pytest.raises(Broken, match="id_taken"):
        database.write(lambda db: db.execute(insert, (b"second",)))
    assert database.rows("SELECT body FROM stegvis_record") == [(b"first",)]
    database.close()


def test_a_payload_can_be_erased_and_its_record_stays(file: Path) -> None:
    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("UPDATE stegvis_payload SET cell = NULL WHERE unit = 'c-1/run'")
        assert list(store.case_records("o", "c-1")) == [rows.link("c-1", 1)._replace(payload=None)]


def test_a_value_of_another_type_is_refused(file: Path) -> None:
    with closing(SqlStore(file)) as store, closing(sqlite3.connect(file)) as db:
        store.commit(rows.step("o", "c-1", 1))
        with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
            db.execute("UPDATE stegvis_case SET version = 'one'")


# -- several at once


def test_many_threads_lose_nothing(file: Path) -> None:
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        store.commit(rows.step("o", "shared", 1))
        threads = [threading.Thread(target=climb, args=(store, f"t-{n}", 20)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_climbed(store, 8 * 20)


def climb(store: Store, name: str, times: int) -> None:
    """Move the shared case so many times, trying again whenever somebody was faster."""
    for turn in range(times):
        while True:
            loaded = store.load("o", "shared")
            assert loaded is not None
            version = loaded.case.version + 1
            link = rows.link("shared", version, id=f"{name}.{turn}")
            try:
                store.commit(rows.step("o", "shared", version, actor=name)._replace(records=(link,)))
            except Stale:
                continue
            break


def check_climbed(store: Store, commits: int) -> None:
    loaded = store.load("o", "shared")
    assert loaded is not None
    assert loaded.case.version == commits + 1
    chain = list(store.case_records("o", "shared"))
    assert [row.cseq for row in chain] == list(range(1, commits + 2))
    assert [(index, row) for index, row in store.log("o")] == list(enumerate(chain, 1))


@forks
def test_processes_lose_no_update_and_never_find_the_file_locked(file: Path) -> None:
    def climb_alone(name: str) -> None:
        with closing(SqlStore(file)) as own:
            climb(own, name, 25)

    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "shared", 1))
        children = [in_child(lambda n=n: climb_alone(f"p-{n}")) for n in range(8)]
        assert [ended(child) for child in children] == [0] * 8
        check_climbed(store, 8 * 25)


@forks
def test_processes_that_open_a_file_that_is_not_there_agree_on_it(file: Path) -> None:
    gate, opener = os.pipe()

    def note(name: str) -> None:
        os.close(opener)
        os.read(gate, 1)
        with closing(SqlStore(file)) as store:
            store.note("o", [rows.access(name)])

    children = [in_child(lambda n=n: note(f"a-{n}")) for n in range(8)]
    os.close(opener)
    assert [ended(child) for child in children] == [0] * 8
    os.close(gate)
    with closing(SqlStore(file)) as store:
        assert {row.id for _, row in store.log("o")} == {f"a-{n}" for n in range(8)}


@forks
def test_a_store_can_be_carried_over_a_fork(file: Path) -> None:
    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "shared", 1))
        children = [in_child(lambda n=n: climb(store, f"child-{n}", 20)) for n in range(2)]
        climb(store, "parent", 20)
        assert [ended(child) for child in children] == [0, 0]
        check_climbed(store, 3 * 20)
        assert store.database.rows("PRAGMA integrity_check") == [("ok",)]


@forks
def test_a_database_that_begins_during_a_fork_waits_for_its_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came among those that are held still would be carried over, or leave them all unheld."""
    before, waits = Database.before_fork, list[threading.Thread]()

    def meanwhile(database: Database) -> None:
        before(database)
        if not waits:
            waits.append(threading.Thread(target=lambda: Database(file)))
            waits[0].start()
            waits[0].join(0.1)
            assert waits[0].is_alive()

    with closing(SqlStore(file)) as store:
        monkeypatch.setattr(Database, "before_fork", meanwhile)
        assert ended(in_child(lambda: store.note("o", [rows.access("a-1")]))) == 0
        waits[0].join(10)
        assert not waits[0].is_alive()
