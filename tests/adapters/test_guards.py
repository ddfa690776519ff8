"""What the database itself refuses to somebody else's connection, and what it does not: docs/audit.md says both."""

# ruff: noqa: S608  # the statements are this file's own

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from .bundles import HERE, Room

REPLACE = "INSERT OR REPLACE INTO stegvis_record SELECT org, idx, id, case_id, cseq, x'7b7d', leaf FROM stegvis_record"
UPSERT = (
    "INSERT INTO stegvis_record SELECT * FROM stegvis_record WHERE true "
    "ON CONFLICT (org, idx) DO UPDATE SET body = x'7b7d'"
)

TABLE = "stegvis_definition"
REFUSED = {
    "update": "UPDATE stegvis_record SET body = x'7b7d'",
    "delete": "DELETE FROM stegvis_record WHERE idx = 1",
    "delete all": "DELETE FROM stegvis_record",
    "upsert": UPSERT,
    "update a definition": "UPDATE stegvis_definition SET body = x'7b7d'",
    "delete a definition": "DELETE FROM stegvis_definition",
    "replace a definition": f"INSERT OR REPLACE INTO {TABLE} SELECT digest, kind, x'7b7d' FROM {TABLE}",
}
EDIT = "UPDATE stegvis_record SET body = x'7b7d' WHERE idx = 1"
UNHOOK = "DELETE FROM sqlite_master WHERE name = 'stegvis_record_no_update'"
HOLES = {
    "insert or replace a record": f"{REPLACE} WHERE idx = 1",
    "drop the trigger": f"DROP TRIGGER stegvis_record_no_update; {EDIT}",
    "write the schema": f"PRAGMA writable_schema = ON; {UNHOOK}; PRAGMA writable_schema = RESET; {EDIT}",
    "drop the table": "DROP TABLE stegvis_payload; DROP TABLE stegvis_record",
}


@pytest.fixture
def room(tmp_path: Path) -> Generator[Room]:
    made = Room(tmp_path)
    with closing(made.store):
        made.work()
        yield made


def bodies(room: Room) -> list[bytes]:
    return [row.body for _, row in room.store.log(HERE, payloads=False)]


@pytest.mark.parametrize("way", REFUSED)
def test_an_accident_is_refused(room: Room, way: str) -> None:
    before = bodies(room)
    with closing(sqlite3.connect(room.folder / "cases.db")) as database:
        with pytest.raises(sqlite3.IntegrityError, match="is kept as it is"):
            database.execute(REFUSED[way])
        database.rollback()
    assert bodies(room) == before


@pytest.mark.parametrize("way", HOLES)
def test_who_means_it_gets_past_and_is_found(room: Room, way: str) -> None:
    with closing(sqlite3.connect(room.folder / "cases.db")) as database:
        database.executescript(HOLES[way])
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if "stegvis_record" in tables:
        assert bodies(room)[0] == b"{}"
        assert "leaf_differs" in {fault.code for fault in room.engine.verify(HERE)}


def test_our_own_connections_refuse_to_replace_a_record_too(room: Room) -> None:
    before = bodies(room)
    with pytest.raises(Exception, match="broken"):
        room.store.database.write(lambda database: database.execute(f"{REPLACE} WHERE idx = 1"))
    assert bodies(room) == before
