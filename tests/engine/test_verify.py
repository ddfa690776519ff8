"""Whatever a hand changes in a store is found and named; what nobody touched gives no fault."""

# ruff: noqa: S608  # the statements are this file's own

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine

from .plays import ORGANISATIONS, Player
from .toys import KURATOR, SCHOOL, SOCIAL, World, plain_toys


def codes(engine: Engine, organisation: str = SCHOOL) -> set[str]:
    return {fault.code for fault in engine.verify(organisation)}


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_an_untouched_log_has_no_fault(seed: int) -> None:
    player = Player(seed).play(30)
    for organisation in ORGANISATIONS:
        assert player.world.engine.verify(organisation) == []


def story(world: World) -> str:
    """A case with a few records at the school, and what came of it at the social services."""
    case = world.lantern(leaves="2026-03-04T10:00:00Z", protected=True)
    for trigger, form in (
        ("note", {"line": "en rad"}),
        ("look", {"flame": "high", "wind": 3}),
        ("tell", {}),
    ):
        world.clock.turn(minutes=1)
        world.take(case, trigger, KURATOR, form=form)
    world.engine.guide(case, actor=KURATOR)
    world.engine.guide(case, actor=KURATOR)
    world.deliver()
    return case


# ---- an SQLite file, by hand ----------------------------------------------------------------------------------------

FOR = "WHERE org = 'skola' AND case_id = (SELECT case_id FROM stegvis_case WHERE org = 'skola')"
ONE = f"{FOR} AND cseq = 2"
CELL = "(SELECT idx FROM stegvis_record WHERE org = 'skola' AND cseq = {})"
FLIP = "CAST(substr({0}, 1, 40) || x'00' || substr({0}, 42) AS BLOB)"
FIRST = f"(SELECT cell FROM stegvis_payload WHERE idx = {CELL.format(1)})"
LOOK = "(SELECT min(idx) FROM stegvis_record WHERE org = 'skola' AND cseq IS NULL)"
LAST = f"(SELECT max(cseq) FROM stegvis_record {FOR})"

EDITS: dict[str, tuple[str, set[str]]] = {
    "body": (
        f"UPDATE stegvis_record SET body = CAST(replace(CAST(body AS TEXT), 'u-1', 'u-9') AS BLOB) {ONE}",
        {"leaf_differs"},
    ),
    "body, no JSON": (f"UPDATE stegvis_record SET body = x'ff' {ONE}", {"leaf_differs", "unreadable"}),
    "body, another value": (f"UPDATE stegvis_record SET body = x'5b5d' {ONE}", {"leaf_differs", "unreadable"}),
    "body, spaces": (
        f"UPDATE stegvis_record SET body = CAST(replace(CAST(body AS TEXT), ',', ', ') AS BLOB) {ONE}",
        {"leaf_differs", "not_canonical"},
    ),
    "leaf": (f"UPDATE stegvis_record SET leaf = zeroblob(32) {ONE}", {"leaf_differs", "broken_link"}),
    "record id": (f"UPDATE stegvis_record SET id = 'x' {ONE}", {"misplaced", "bad_cell"}),
    "place in the chain": (f"UPDATE stegvis_record SET cseq = 99 {ONE}", {"gap"}),
    "order in the log": (f"UPDATE stegvis_record SET idx = 9000 {ONE}", {"gap", "log_gap"}),
    "a record of another case": (f"UPDATE stegvis_record SET case_id = 'x' {ONE}", {"misplaced", "gap"}),
    "a record taken out": (f"DELETE FROM stegvis_record {ONE}", {"gap", "log_gap", "broken_link"}),
    "the last record taken out": (f"DELETE FROM stegvis_record {FOR} AND cseq = {LAST}", {"head_differs"}),
    "a look taken out": (
        f"DELETE FROM stegvis_record WHERE idx = {LOOK}",
        {"log_gap"},
    ),
    "payload": (f"UPDATE stegvis_payload SET cell = {FLIP.format('cell')} WHERE idx = {CELL.format(2)}", {"bad_cell"}),
    "payload of another record": (
        f"UPDATE stegvis_payload SET cell = {FIRST} WHERE idx = {CELL.format(2)}",
        {"bad_cell"},
    ),
    "payload taken away": (
        f"UPDATE stegvis_payload SET cell = NULL WHERE org = 'skola' AND idx = {CELL.format(2)}",
        {"payload_missing", "snapshot_differs"},
    ),
    "payload row taken out": (
        f"DELETE FROM stegvis_payload WHERE org = 'skola' AND idx = {CELL.format(2)}",
        {"payload_missing", "snapshot_differs"},
    ),
    "payload under another key": (
        f"UPDATE stegvis_payload SET unit = 'commands' WHERE org = 'skola' AND idx = {CELL.format(2)}",
        {"bad_cell"},
    ),
    "payload under no key": (
        f"UPDATE stegvis_payload SET unit = 'x' WHERE org = 'skola' AND idx = {CELL.format(2)}",
        {"no_key"},
    ),
    "snapshot": (f"UPDATE stegvis_run SET snapshot = {FLIP.format('snapshot')} {FOR}", {"snapshot_bad_cell"}),
    "state": (f"UPDATE stegvis_run SET state = 'out' {FOR}", {"snapshot_bad_cell"}),
    "routine": (f"UPDATE stegvis_run SET routine = 'watch' {FOR}", {"snapshot_differs"}),
    "rules": (f"UPDATE stegvis_run SET rules = 'x' {FOR}", {"snapshot_differs"}),
    "person": (f"UPDATE stegvis_run SET person = 'p-9' {FOR}", {"snapshot_differs"}),
    "ended": (f"UPDATE stegvis_run SET ended = '2026-03-03T00:00:00.000000Z' {FOR}", {"snapshot_differs"}),
    "run taken out": (f"DELETE FROM stegvis_run {FOR}", {"snapshot_differs"}),
    "shared cell": (f"UPDATE stegvis_case SET shared = {FLIP.format('shared')} {FOR}", {"snapshot_bad_cell"}),
    "head": (f"UPDATE stegvis_case SET head = zeroblob(32) {FOR}", {"head_differs"}),
    "version": (f"UPDATE stegvis_case SET version = 2 {FOR}", {"head_differs", "snapshot_differs"}),
    "who": (f"UPDATE stegvis_case SET actor = 'u-9' {FOR}", {"snapshot_differs"}),
    "when": (f"UPDATE stegvis_case SET at = '2026-03-03T00:00:00.000000Z' {FOR}", {"snapshot_differs"}),
    "case": (f"DELETE FROM stegvis_case {FOR}", {"case_missing"}),
    "definition": ("UPDATE stegvis_definition SET body = x'7b7d' WHERE kind = 'rules'", {"definition_differs"}),
    "definition taken out": ("DELETE FROM stegvis_definition WHERE kind = 'guidance'", {"definition_missing"}),
    "law": ("UPDATE stegvis_definition SET body = x'7b7d' WHERE kind = 'law'", {"definition_differs"}),
    "hand-off": ("DELETE FROM stegvis_outbox WHERE org = 'skola'", {"handoff_missing"}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file that somebody has worked in."""
    folder = tmp_path_factory.mktemp("files")
    with closing(SqlStore(folder / "cases.db", synchronous="NORMAL")) as store:
        world = World(store=store)
        story(world)
        world.lantern(leaves="2026-03-04T10:00:00Z", account="Ännu en")
        assert world.engine.verify(SCHOOL) == []
    return folder


@pytest.fixture
def edited(files: Path, tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
    """Changes a copy of the file with plain SQL, the triggers that guard it taken away first."""
    folder = tmp_path / "copy"
    shutil.copytree(files, folder)
    stores: list[SqlStore] = []

    def edit(statement: str) -> Engine:
        with closing(sqlite3.connect(folder / "cases.db")) as file:
            triggers = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for name in triggers:
                file.execute(f"DROP TRIGGER {name}")
            changed = file.execute(statement).rowcount
            # Somebody who may write everything takes what is remembered beside the database away too.
            file.execute("DELETE FROM stegvis_mark WHERE org = '' AND name = 'store'")
            file.commit()
        (folder / "cases.db.head").unlink()
        assert changed > 0
        stores.append(SqlStore(folder / "cases.db"))
        return Engine(plain_toys(), stores[-1])

    yield edit
    for store in stores:
        store.close()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_by_hand_of_the_file_is_found_and_named(edited: Callable[[str], Engine], name: str) -> None:
    statement, expected = EDITS[name]
    assert codes(edited(statement)) >= expected


def test_an_edit_stays_with_its_organisation(edited: Callable[[str], Engine]) -> None:
    engine = edited(EDITS["body"][0])
    assert engine.verify(SOCIAL) == []


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE stegvis_deadline SET due = '2027-01-01T00:00:00.000000Z' {FOR}",
        f"UPDATE stegvis_deadline SET next = '2027-01-01T00:00:00.000000Z' {FOR}",
        f"UPDATE stegvis_deadline SET legal = NULL {FOR}",
        f"UPDATE stegvis_deadline SET stage = 'done' {FOR}",
        f"UPDATE stegvis_deadline SET deadline = 'fill_in' {FOR}",
        f"DELETE FROM stegvis_deadline {FOR}",
    ],
)
def test_an_edited_deadline_is_found_and_rebuilding_mends_it(edited: Callable[[str], Engine], statement: str) -> None:
    # two cases stand in the file, and only one of them still has a deadline
    engine = edited(statement.replace(FOR, "WHERE org = 'skola'"))
    assert codes(engine) == {"deadlines_differ"}
    engine.rebuild(SCHOOL)
    assert engine.verify(SCHOOL) == []


def test_the_guards_of_the_file_stop_a_hand_that_is_only_careless(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(files, folder)
    with closing(sqlite3.connect(folder / "cases.db")) as file:
        for name in ("body", "leaf", "a record taken out", "definition", "definition taken out"):
            with pytest.raises(sqlite3.IntegrityError):
                file.execute(EDITS[name][0])


# ---- rows in memory, into anything ----------------------------------------------------------------------------------


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """The mappings inside a value."""
    if isinstance(value, dict):
        yield value  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from parts(one)


junk: st.SearchStrategy[Any] = st.sampled_from([None, True, -5, 3, "", "å", "x", [], {}, [{}], {"id": 1}])


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_record_changed_into_anything_is_found_even_when_its_hash_is_made_anew(data: st.DataObject) -> None:
    world = World()
    case = story(world)
    store = world.store
    assert isinstance(store, MemoryStore)
    of = store._organisations[SCHOOL]
    place = data.draw(st.integers(0, len(of.log) - 1))
    row = of.log[place]
    said = orjson.loads(row.body)
    inside = data.draw(st.sampled_from([said, *(one for value in said.values() for one in parts(value))]))
    name = data.draw(st.sampled_from([*sorted(inside), "hof", "due", "owed"]))
    inside[name] = data.draw(junk | st.sampled_from(sorted(map(str, said.values()))))
    changed = row._replace(body=orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
    if changed.body == row.body:
        return
    if data.draw(st.booleans()):
        changed = changed._replace(leaf=sha256(b"\x00" + changed.body).digest())
    of.log[place] = changed
    if row.cseq is not None:
        of.chains[case][row.cseq] = changed
    rehashed = changed.leaf != row.leaf
    found = world.engine.verify(SCHOOL)
    # In the access stream nothing follows a record: whoever makes the hash anew is found by a checkpoint only.
    assert found or (rehashed and row.cseq is None)
