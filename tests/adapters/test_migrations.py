import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from stegvis.adapters import sql
from stegvis.adapters.sql import SqlStore, migrate
from stegvis.adapters.sql.schema import LATEST, VERSION_TABLE
from stegvis.adapters.sql.tables import metadata
from stegvis.adapters.testing import rows
from stegvis.routines.errors import StoreError

SCRIPTS = Path(sql.__file__).parent / "migrations"


def schema(file: Path) -> list[tuple[str, str, str, str]]:
    """Every table, index and trigger of the file, word for word, and its schema version."""
    with closing(sqlite3.connect(file)) as db:
        (version,) = db.execute("SELECT version_num FROM stegvis_version").fetchall()
        return [version, *db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    file = tmp_path / "fresh.db"
    SqlStore(file).close()
    return file


def test_a_fresh_schema_equals_a_migrated_one(tmp_path: Path, fresh: Path) -> None:
    migrated = tmp_path / "migrated.db"
    assert migrate(f"sqlite:///{migrated}") == ""
    assert schema(migrated) == schema(fresh)
    with closing(SqlStore(migrated)) as store:
        store.commit(rows.step("o", "c-1", 1))
    assert migrated.stat().st_mode & 0o777 == 0o600


def test_the_tables_ask_for_nothing_that_no_migration_makes(fresh: Path) -> None:
    engine = create_engine(f"sqlite:///{fresh}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_schema_that_a_store_wants() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [LATEST]


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("versions/0*.py")), ids=lambda path: path.stem)
def test_a_migration_stands_without_the_tables_of_today(script: Path) -> None:
    text = script.read_text("utf-8")
    assert "sqlmodel" not in text
    assert "stegvis.adapters" not in text
    assert "from .." not in text


def test_the_sql_can_be_had_without_running_it(tmp_path: Path, fresh: Path) -> None:
    file, by_hand = tmp_path / "cases.db", tmp_path / "by_hand.db"
    text = migrate(file, sql=True)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    with closing(sqlite3.connect(by_hand)) as db:
        db.executescript(text)
    names = [row[:3] for row in schema(fresh)]
    assert [row[:3] for row in schema(by_hand)] == names
    assert "CREATE" not in migrate(fresh, sql=True)


def test_migrating_the_newest_schema_changes_nothing(fresh: Path) -> None:
    with closing(SqlStore(fresh)) as store:
        store.commit(rows.step("o", "c-1", 1))
        before = schema(fresh), list(store.log("o"))
        migrate(fresh)
        assert (schema(fresh), list(store.log("o"))) == before


def test_a_database_with_other_tables_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    file = tmp_path / "host.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE pupil (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO pupil VALUES (1)")
    with pytest.raises(StoreError, match="not_stegvis"):
        SqlStore(file)
    migrate(file)
    with closing(SqlStore(file)) as store, closing(sqlite3.connect(file)) as db:
        store.commit(rows.step("o", "c-1", 1))
        assert db.execute("SELECT id FROM pupil").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE stegvis_version SET version_num = '0000'", "older_schema"),
        ("DELETE FROM stegvis_version", "older_schema"),
        ("UPDATE stegvis_version SET version_num = '9999'", "newer_schema"),
    ],
)
def test_only_the_newest_schema_is_opened(fresh: Path, change: str, reason: str) -> None:
    with closing(sqlite3.connect(fresh)) as db, db:
        db.execute(change)
    with pytest.raises(StoreError) as caught:
        SqlStore(fresh)
    assert caught.value.reason == reason
    assert caught.value.details["wanted"] == LATEST
    if reason == "newer_schema":
        with pytest.raises(StoreError, match="newer_schema"):
            migrate(fresh)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "host.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE stegvis_run (mine)")
    with pytest.raises(StoreError):
        migrate(file)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("stegvis_run",)]
