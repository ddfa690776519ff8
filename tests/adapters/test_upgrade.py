"""What earlier versions wrote goes on: their schema, their snapshots, their cases in the middle of a routine."""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shutil import copytree

import pytest

from stegvis.adapters.keys import beside
from stegvis.adapters.sql import SqlStore, migrate, pending, schema
from stegvis.adapters.upkeep import backup, restore
from stegvis.routines.errors import Broken, StoreError

from ..engine.plays import ORGANISATIONS, Player
from ..engine.toys import plain_toys
from .commands import say
from .forking import ended, in_child
from .live_cases import FROZEN, replayed, thaw

MODULE = import_module("stegvis.adapters.sql.migrate")
"""The module that the function of that name hides."""
VERSIONS = sorted(path.stem for path in FROZEN.glob("????.sql"))
NEWEST = schema.LATEST
LATER = datetime(2027, 1, 1, tzinfo=UTC)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.db"


def dumped(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        return [" ".join(line.split()).replace(" ;", ";") for line in db.iterdump()]


def played_on(file: Path, seed: int, steps: int) -> Player:
    """Somebody who goes on with the cases of a file, later."""
    player = Player(seed, store=SqlStore(file, synchronous="NORMAL"))
    player.world.clock.now = LATER
    return player.play(steps)


def faults(player: Player) -> list[object]:
    return [fault for one in ORGANISATIONS for fault in player.world.engine.verify(one)]


# -- live cases


def test_the_first_schema_is_frozen() -> None:
    assert "0001" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_live_cases_of_an_earlier_version_go_on(file: Path, version: str) -> None:
    before = thaw(version, file)
    if pending(file):
        with pytest.raises(StoreError, match="older_schema"):
            SqlStore(file)
    migrate(file)
    player = played_on(file, 1, 0)
    assert faults(player) == []
    assert replayed(player) == before

    live = {
        case: player.whole(organisation, case).version
        for organisation, case in player.cases()
        if any(run.ended is None for run in player.whole(organisation, case).runs.values())
    }
    assert live
    player.play(150)
    moved = [
        case for organisation, case in player.cases() if live.get(case, 99) < player.whole(organisation, case).version
    ]
    assert len(moved) > len(live) / 2
    assert faults(player) == []
    after = replayed(player)
    assert {case: steps[: len(before[case])] for case, steps in after.items() if case in before} == before
    assert {verdict for steps in after.values() for _, verdict, _ in steps} == {"reproduced"}
    player.world.store.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_deadlines_that_ran_before_are_heard_of_after(file: Path, version: str) -> None:
    thaw(version, file)
    migrate(file)
    player = played_on(file, 1, 0)
    waiting = {row.case for one in ORGANISATIONS for row in player.world.store.deadlines(one) if row.stage != "done"}
    assert waiting
    for one in ORGANISATIONS:
        player.world.engine.tick(one)
    assert not [row for one in ORGANISATIONS for row in player.world.store.deadlines(one, until="2026-12-31T")]
    assert faults(player) == []
    player.world.store.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_of_an_earlier_version_is_taken_and_put_back(file: Path, tmp_path: Path, version: str) -> None:
    before = thaw(version, file)
    for name in ("copy", "keys", "back"):
        (tmp_path / name).mkdir()
    copy, keys, back = tmp_path / "copy/c.db", tmp_path / "keys/c.keys", tmp_path / "back/cases.db"
    backup(file, copy, keys_to=keys)
    if pending(copy):
        with pytest.raises(StoreError, match="older_schema"):
            restore(copy, keys, back, key_file=beside(file).kek, library=plain_toys())
        migrate(copy)
    restore(copy, keys, back, key_file=beside(file).kek, library=plain_toys())
    beside(back).kek.write_bytes(beside(file).kek.read_bytes())
    beside(back).kek.chmod(0o600)
    player = played_on(back, 1, 0)
    assert replayed(player) == before
    player.world.store.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frozen_database_migrated_is_as_a_fresh_one(file: Path, tmp_path: Path, version: str) -> None:
    thaw(version, file)
    migrate(file)
    SqlStore(tmp_path / "fresh.db").close()
    assert schema_of(file) == schema_of(tmp_path / "fresh.db")


def schema_of(file: Path) -> set[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as db:
        found = db.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {(kind, name, table, " ".join(sql.split())) for kind, name, table, sql in found}


# -- what a database administrator runs


@pytest.mark.parametrize("version", VERSIONS)
def test_the_printed_sql_does_what_the_migration_does(file: Path, tmp_path: Path, version: str) -> None:
    by_hand = tmp_path / "by_hand.db"
    thaw(version, file)
    thaw(version, by_hand)
    text = migrate(by_hand, sql=True)
    assert pending(by_hand) == pending(file)
    migrate(file)
    with closing(sqlite3.connect(by_hand)) as db:
        db.executescript(text)
    assert dumped(by_hand) == dumped(file)
    SqlStore(by_hand).close()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_printed_sql_that_fails_leaves_nothing(file: Path, version: str) -> None:
    thaw(version, file)
    before, text = dumped(file), migrate(file, sql=True)
    spoilt = text.replace("COMMIT;", "INSERT INTO nowhere VALUES (1);\nCOMMIT;")
    assert spoilt.count("COMMIT;") == spoilt.count("BEGIN;") == bool(pending(file))
    with closing(sqlite3.connect(file)) as db:
        if pending(file):
            with pytest.raises(sqlite3.OperationalError):
                db.executescript(spoilt)
    assert dumped(file) == before


# -- a migration of our own, to see what becomes of one that goes wrong


EXTRA = """
import os
import signal
import sqlalchemy as sa
from alembic import op

revision = "0999"
down_revision = "{newest}"


def upgrade():
    op.create_table(
        "stegvis_extra",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org", "case_id"),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO stegvis_extra SELECT org, case_id, version FROM stegvis_case")
    op.execute("DROP INDEX stegvis_outbox_waiting")
    {then}
"""


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a last migration, which ends as asked."""
    scripts = tmp_path / "scripts"
    copytree(MODULE.SCRIPTS, scripts)

    def add(then: str) -> None:
        text = EXTRA.format(newest=NEWEST, then=then)
        (scripts / "versions" / "0999_extra.py").write_text(text, "utf-8")
        monkeypatch.setattr(MODULE, "SCRIPTS", scripts)
        monkeypatch.setattr(schema, "LATEST", "0999")

    return add


def test_rows_are_moved_along(file: Path, extra: Callable[[str], None]) -> None:
    before = thaw("0001", file)
    extra("")
    migrate(file)
    assert pending(file) == []
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM stegvis_extra WHERE versions > 0").fetchone() == (len(before),)
    player = played_on(file, 1, 20)
    assert faults(player) == []
    player.world.store.close()


@pytest.mark.parametrize("then", ["raise ValueError", 'op.execute("INSERT INTO nowhere VALUES (1)")'])
def test_a_migration_that_fails_leaves_the_old_schema_whole(
    file: Path, extra: Callable[[str], None], then: str
) -> None:
    thaw("0001", file)
    before = dumped(file)
    extra(then)
    with pytest.raises((ValueError, StoreError)):
        migrate(file)
    assert dumped(file) == before


@forks
@pytest.mark.parametrize("spill", [False, True])
def test_a_migration_that_is_killed_leaves_the_old_schema_whole(
    file: Path, extra: Callable[[str], None], *, spill: bool
) -> None:
    cases = thaw("0001", file)
    before = dumped(file)
    # With no room in memory, half of it is in the write-ahead log when the process dies.
    shrink = (
        'op.execute("PRAGMA cache_size = 1"); op.execute("CREATE TABLE stegvis_big AS SELECT * FROM stegvis_record")'
    )
    extra(f"{shrink if spill else ''}\n    os.kill(os.getpid(), signal.SIGKILL)")
    assert ended(in_child(lambda: migrate(file))) == -signal.SIGKILL
    assert dumped(file) == before
    with pytest.raises(StoreError, match="older_schema"):
        SqlStore(file)
    extra("")
    migrate(file)
    player = played_on(file, 1, 0)
    assert replayed(player) == cases
    player.world.store.close()


def test_what_no_longer_refers_to_anything_is_not_kept(file: Path, extra: Callable[[str], None]) -> None:
    thaw("0001", file)
    before = dumped(file)
    extra('op.execute("DELETE FROM stegvis_case")')
    with pytest.raises(Broken, match="damaged_file") as caught:
        migrate(file)
    assert caught.value.details["first"] == "foreign_key_check"
    assert dumped(file) == before


@pytest.mark.parametrize(
    ("damage", "first"),
    [
        ("DELETE FROM stegvis_case", "foreign_key_check"),
        (
            "UPDATE sqlite_master SET sql = replace(sql, 'WHERE ended', 'WHERE opened') WHERE type = 'index'",
            "integrity_check",
        ),
    ],
)
def test_a_damaged_file_is_not_migrated(file: Path, damage: str, first: str) -> None:
    thaw("0001", file)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(damage)
    before = dumped(file)
    with pytest.raises(Broken, match="damaged_file") as caught:
        migrate(file)
    assert caught.value.details["first"] == first
    assert dumped(file) == before


def test_what_the_hosts_rows_refer_to_is_the_hosts_business(file: Path) -> None:
    thaw("0001", file)
    with closing(sqlite3.connect(file)) as db:
        db.executescript("CREATE TABLE child (of REFERENCES parent); INSERT INTO child VALUES (1)")
        db.execute("CREATE TABLE parent (id PRIMARY KEY)")
    migrate(file)
    assert pending(file) == []


def test_a_file_that_somebody_has_open_is_not_migrated(file: Path) -> None:
    thaw("0001", file)
    before = dumped(file)
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("SELECT count(*) FROM stegvis_record").fetchone()
        with pytest.raises(StoreError, match="locked"):
            migrate(file, patience=0.1)
        assert dumped(file) == before
    migrate(file)
    assert pending(file) == []


# -- the command


def test_the_command_says_what_it_did(file: Path, tmp_path: Path) -> None:
    thaw("0001", file)
    steps = pending(file)
    printed = say("migrate", "--sql", "--db", file)
    assert (printed.exit, printed.out) == (0, migrate(file, sql=True))
    assert say("migrate", "--sql", "--json", "--db", file).json == {"pending": steps, "sql": migrate(file, sql=True)}
    copy = tmp_path / "copy.db"
    done = say("migrate", "--backup-to", copy, "--db", file, "--lang", "en")
    assert done.exit == 0
    assert steps[-1] in done.out
    assert "No copy" not in done.out
    assert pending(copy) == steps
    assert say("migrate", "--json", "--db", file).json == {"pending": [], "backup": False}


def test_the_command_reminds_of_the_backup(file: Path) -> None:
    thaw("0001", file)
    done = say("migrate", "--db", file, "--lang", "en")
    assert done.exit == 0
    assert "No copy was taken here" in done.out


def test_the_command_refuses_what_is_not_there_or_newer(file: Path) -> None:
    assert say("migrate", "--json", "--db", file).codes == {"no_database"}
    assert not file.exists()
    SqlStore(file).close()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE stegvis_version SET version_num = '9999'")
    assert say("migrate", "--json", "--db", file).codes == {"newer_schema"}
    assert say("migrate", "--sql", "--json", "--db", file).codes == {"newer_schema"}


def test_without_the_extra_it_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thaw("0001", file)
    monkeypatch.setitem(sys.modules, "alembic", None)
    assert say("migrate", "--json", "--db", file).codes == {"migrations_missing"}
