"""What the database itself refuses to somebody else's connection, and what it does not: docs/audit.md says both."""

# ruff: noqa: S608  # the statements are this file's own

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from stegvis.routines.errors import StegvisError, StoreError

from .bundles import HERE, Room

REPLACE = "INSERT OR REPLACE INTO stegvis_record SELECT org, idx, id, case_id, cseq, x'7b7d', leaf FROM stegvis_record"
UPSERT = (
    "INSERT INTO stegvis_record SELECT * FROM stegvis_record WHERE true "
    "ON CONFLICT (org, idx) DO UPDATE SET body = x'7b7d'"
)

ELSEWHERE = (
    "INSERT OR REPLACE INTO stegvis_record (org, idx, id, body, leaf) "
    "SELECT org, 1000, id, x'7b7d', leaf FROM stegvis_record WHERE idx = 1"
)
IN_CASE = (
    "INSERT OR REPLACE INTO stegvis_record "
    "SELECT org, 1000, 'other', case_id, cseq, x'7b7d', leaf FROM stegvis_record WHERE cseq = 1 LIMIT 1"
)
TABLE = "stegvis_definition"
REFUSED = {
    "update": "UPDATE stegvis_record SET body = x'7b7d'",
    "delete": "DELETE FROM stegvis_record WHERE idx = 1",
    "delete all": "DELETE FROM stegvis_record",
    "upsert": UPSERT,
    "insert or replace a record": f"{REPLACE} WHERE idx = 1",
    "replace a record under another place": ELSEWHERE,
    "replace a record by its place in the case": IN_CASE,
    "update a definition": "UPDATE stegvis_definition SET body = x'7b7d'",
    "delete a definition": "DELETE FROM stegvis_definition",
    "replace a definition": f"INSERT OR REPLACE INTO {TABLE} SELECT digest, kind, x'7b7d' FROM {TABLE}",
}
EDIT = "UPDATE stegvis_record SET body = x'7b7d' WHERE idx = 1"
UNHOOK = "DELETE FROM sqlite_master WHERE name = 'stegvis_record_no_update'"
HOLES = {
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


OURS = {
    **REFUSED,
    "drop the trigger": "DROP TRIGGER stegvis_record_no_update",
    "drop the table": "DROP TABLE stegvis_payload",
    "alter the table": "ALTER TABLE stegvis_record RENAME TO other",
    "write the schema": "PRAGMA writable_schema = ON",
    "write the schema in capitals": "PRAGMA WRITABLE_SCHEMA = ON",
}


@pytest.mark.parametrize("way", OURS)
def test_our_own_connections_refuse_more(room: Room, way: str) -> None:
    before = bodies(room)
    with pytest.raises(StegvisError):
        room.store.database.write(lambda database: database.execute(OURS[way]))
    assert bodies(room) == before


@pytest.mark.parametrize("way", ["update", "delete", "drop the trigger", "drop the table", "write the schema"])
def test_our_own_connections_refuse_even_where_no_trigger_stands(room: Room, way: str) -> None:
    """The statement is refused before it runs: by code that says so, not by what the database holds."""
    with closing(sqlite3.connect(room.folder / "cases.db")) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names if way != "drop the trigger" else []:
            database.execute(f"DROP TRIGGER {name}")
        database.commit()
    with pytest.raises(StoreError) as refused:
        room.store.database.write(lambda database: database.execute(OURS[way]))
    assert refused.value.details["sqlite"] == sqlite3.SQLITE_AUTH
