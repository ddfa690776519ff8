"""Drills: a copy taken while people work, put back somewhere else; what is lost, and what health says of it."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.head_file import HeadFile
from stegvis.adapters.head_file import beside as head_beside
from stegvis.adapters.key_file import KeyFile
from stegvis.adapters.keys import KeyRing, beside
from stegvis.adapters.sql import SqlStore
from stegvis.adapters.upkeep import Backup, Check, Limits, Restored, backup, health, restore
from stegvis.engine.engine import Engine, now_utc
from stegvis.engine.ports import Clock
from stegvis.engine.values import Actor
from stegvis.routines.errors import StegvisError

from .commands import OVERLAY, overlaid, say
from .forking import ended, in_child

KURATOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")
PLANTED = "Planterad-Person"


class Places(NamedTuple):
    """Where things lie: the store, and a folder for each part of its backup."""

    file: Path
    copies: Path
    keys: Path
    vault: Path
    elsewhere: Path

    def back(self, **more: Any) -> Backup:
        return backup(self.file, self.copies / "cases.db", keys_to=self.keys / "cases.keys", **more)

    def restored(self, to: Path, **more: Any) -> Restored:
        options: dict[str, Any] = {"library": overlaid(), "key_file": beside(self.file).kek, **more}
        return restore(self.copies / "cases.db", self.keys / "cases.keys", to, **options)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    folders = [tmp_path / name for name in ("live", "copies", "keys", "vault", "elsewhere")]
    for folder in folders:
        folder.mkdir()
    return Places(folders[0] / "cases.db", *folders[1:])


@pytest.fixture
def engine(places: Places) -> Iterator[Engine]:
    with closing(SqlStore(places.file, synchronous="NORMAL")) as store:
        engine = Engine(overlaid(), store)
        light(engine, 1)
        yield engine


def light(engine: Engine, number: int) -> str:
    form = {"account": f"{PLANTED} {number}", "born": "2014-05-05"}
    return engine.open("lantern", actor=KURATOR, form=form, key=f"k-{number}", person="p-1").id


def look(engine: Engine, case: str, key: str) -> None:
    engine.take(case, "look", actor=KURATOR, form={"flame": "low", "wind": 3, "smoke": PLANTED}, key=key)


def reason(error: pytest.ExceptionInfo[StegvisError]) -> str:
    return error.value.reason


# -- the drill


def test_a_backup_under_load_is_put_back_somewhere_else(places: Places, engine: Engine) -> None:
    acknowledged, said = os.pipe()
    engine.store.close()

    def work() -> None:
        with closing(SqlStore(places.file, synchronous="NORMAL")) as store:
            own = Engine(overlaid(), store)
            for number in range(2, 10_000):
                look(own, light(own, number), f"l-{number}")
                os.write(said, b".")

    child = in_child(work)
    os.close(said)
    try:
        assert os.read(acknowledged, 1)
        before = len(list(engine.store.log("skola")))
        made = places.back()
        after = len(list(engine.store.log("skola")))
    finally:
        os.close(acknowledged)
        os.kill(child, signal.SIGKILL)
        assert ended(child) == -signal.SIGKILL
    assert before <= made.records["skola"] <= after

    to = places.elsewhere / "new.db"
    done = places.restored(to)
    assert done.records == {"skola": made.records["skola"] + 1}
    assert done.lost == {}
    kek = KeyFile(beside(places.file).kek)
    with closing(SqlStore(to)) as store, KeyRing(beside(to).keys, kek) as keys:
        engine = Engine(overlaid(), store, keys=keys)
        log = [row.body for _, row in store.log("skola")]
        assert b'"type":"restore"' in log[-1]
        assert b'"why":["head_missing","restored_backup"]' in log[-1]
        case = next(iter(store.cases("skola")))
        assert PLANTED in str(engine.case(case, actor=KURATOR, reveal=["first.account"]).runs)
        light(engine, 1_000_000)
        assert engine.verify("skola") == []


def test_a_lost_database_is_put_back_and_the_head_file_says_what_is_gone(places: Places, engine: Engine) -> None:
    places.back()
    light(engine, 2)
    light(engine, 3)
    engine.store.close()
    places.file.unlink()
    beside(places.file).keys.unlink()
    done = places.restored(places.file, key_file=None)
    assert done.lost == {"skola": 2}
    with closing(SqlStore(places.file)) as store:
        log = [row.body for _, row in store.log("skola")]
        assert b'"found":1,' in log[-1]
        assert b'"known":3,' in log[-1]
        assert b'"why":["rolled_back","restored_backup"]' in log[-1]
        look(Engine(overlaid(), store), next(iter(store.cases("skola"))), "l-1")
    assert list(places.file.parent.glob(".*")) == []


def test_a_backup_says_nothing_of_what_was_written(places: Places, engine: Engine) -> None:
    places.back(key_file_to=places.vault / "kek")
    engine.store.close()
    everything = [path for path in places.file.parents[1].rglob("*") if path.is_file()]
    assert {path.name for path in everything} >= {"cases.db", "cases.keys", "kek", "cases.db.head"}
    for path in everything:
        assert PLANTED.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_backup_is_one_file_and_leaves_the_key_file_where_it_is(places: Places, engine: Engine) -> None:
    made = places.back()
    assert made.key_file is None
    assert [path.name for path in places.copies.iterdir()] == ["cases.db"]
    assert [path.name for path in places.keys.iterdir()] == ["cases.keys"]
    kek = bytes.fromhex(beside(places.file).kek.read_text())
    for path in (*places.copies.iterdir(), *places.keys.iterdir()):
        assert kek not in path.read_bytes()
        assert kek.hex().encode() not in path.read_bytes()


def test_a_backup_without_keys_is_told(places: Places, engine: Engine) -> None:
    made = backup(places.file, places.copies / "only.db")
    assert (made.keys, made.key_file, made.records) == (None, None, {"skola": 1})


# -- what is refused


def test_what_belongs_apart_is_not_put_together(places: Places, engine: Engine) -> None:
    with pytest.raises(StegvisError) as error:
        backup(places.file, places.copies / "a", keys_to=places.copies / "b")
    assert reason(error) == "kept_together"
    with pytest.raises(StegvisError) as error:
        backup(places.file, places.copies / "a", key_file_to=places.copies / "b")
    assert reason(error) == "kept_together"
    assert list(places.copies.iterdir()) == []


def test_a_backup_overwrites_nothing(places: Places, engine: Engine) -> None:
    (places.copies / "cases.db").write_text("older")
    with pytest.raises(StegvisError) as error:
        places.back()
    assert reason(error) == "file_exists"
    assert (places.copies / "cases.db").read_text() == "older"
    assert len(list(places.copies.iterdir())) == 1


@pytest.mark.parametrize("name", ["new.db", "new.db-wal", "new.db-journal", "new.db.keys", "new.db.keys-wal"])
def test_a_restore_overwrites_nothing_and_no_old_journal_is_played_in(
    places: Places, engine: Engine, name: str
) -> None:
    places.back()
    (places.elsewhere / name).write_text("older")
    with pytest.raises(StegvisError) as error:
        places.restored(places.elsewhere / "new.db")
    assert reason(error) == "file_exists"
    assert [(path.name, path.read_text()) for path in places.elsewhere.iterdir()] == [(name, "older")]


def test_a_lost_key_file_is_loud(places: Places, engine: Engine) -> None:
    places.back()
    with pytest.raises(StegvisError) as error:
        places.restored(places.elsewhere / "new.db", key_file=None)
    assert reason(error) == "key_file_missing"
    other = places.vault / "kek"
    KeyFile.create(other)
    with pytest.raises(StegvisError) as error:
        places.restored(places.elsewhere / "new.db", key_file=other)
    assert reason(error) == "wrong_key"
    assert list(places.elsewhere.iterdir()) == []


def test_keys_that_are_older_than_the_cases_are_loud(places: Places, engine: Engine) -> None:
    backup(places.file, places.vault / "old.db", keys_to=places.keys / "cases.keys")
    light(engine, 2)
    backup(places.file, places.copies / "cases.db")
    with pytest.raises(StegvisError) as error:
        places.restored(places.elsewhere / "new.db")
    assert reason(error) == "backup_damaged"
    assert error.value.details["first"] == "no_key"
    assert list(places.elsewhere.iterdir()) == []


def test_a_copy_that_was_changed_is_not_put_back(places: Places, engine: Engine) -> None:
    places.back()
    copy = places.copies / "cases.db"
    body = next(row.body for _, row in engine.store.log("skola"))
    data = copy.read_bytes()
    assert data.count(body) == 1
    copy.write_bytes(data.replace(body, body.replace(b'"u-1"', b'"u-2"')))
    with pytest.raises(StegvisError) as error:
        places.restored(places.elsewhere / "new.db")
    assert reason(error) == "backup_damaged"
    assert list(places.elsewhere.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_what_is_no_backup_is_not_put_back(places: Places, engine: Engine, content: bytes) -> None:
    places.back()
    (places.copies / "cases.db").write_bytes(content)
    with pytest.raises(StegvisError):
        places.restored(places.elsewhere / "new.db")
    assert not (places.elsewhere / "new.db").exists()


def test_a_missing_database_or_folder_is_named_as_such(places: Places, engine: Engine) -> None:
    for source, to, code in (
        (places.vault / "none.db", places.copies / "a", "cannot_open"),
        (places.file, places.copies / "none" / "a", "no_directory"),
    ):
        with pytest.raises(StegvisError) as error:
            backup(source, to)
        assert reason(error) == code
    assert list(places.copies.iterdir()) == []


# -- health


def looked_at(engine: Engine, **more: Any) -> dict[str, Check]:
    assert isinstance(engine.store, SqlStore)
    found = health(engine, engine.store, limits=Limits(disk_mib=1), **more)
    for one in found:
        assert one.says("sv")
        assert one.says.en
        assert "{" not in one.says("sv") + one.says("en")
        assert (one.do is None) == one.ok
    return {one.code: one for one in found}


ALL = {"schema", "disk", "unsequenced", "head", "clock", "signed", "outbox", "keys", "deadlines"}


def signed(engine: Engine, places: Places, clock: Clock = now_utc) -> None:
    log = AuditLog(engine.store, "skola", engine.files.origin("skola"), places.vault / "signer")
    log.checkpoint(clock, os.urandom)


def test_a_store_in_health_says_so(engine: Engine, places: Places) -> None:
    engine.tick("skola")
    signed(engine, places)
    found = looked_at(engine)
    assert found.keys() == ALL
    assert all(one.ok for one in found.values())
    assert (found["deadlines"].limit, found["clock"].organisation) == (1, "skola")


def test_a_clock_that_has_stopped(engine: Engine) -> None:
    assert not looked_at(engine)["clock"].ok
    engine.tick("skola")
    late = looked_at(engine, now=datetime.now(UTC) + timedelta(hours=2))["clock"]
    assert (late.ok, late.value, late.limit) == (False, 120, 15)


def test_a_log_that_is_not_signed(engine: Engine, places: Places) -> None:
    never = looked_at(engine)["signed"]
    assert (never.ok, never.value, never.organisation) == (False, None, "skola")
    signed(engine, places, lambda: now_utc() - timedelta(hours=25, minutes=5))
    late = looked_at(engine)["signed"]
    assert (late.ok, late.value, late.limit) == (False, 25, 24)
    signed(engine, places)
    assert looked_at(engine)["signed"].ok


def test_a_hand_off_that_waits(engine: Engine) -> None:
    case = light(engine, 2)
    engine.take(case, "look", actor=KURATOR, form={"flame": "high", "wind": 3}, key="l-1")
    engine.take(case, "tell", actor=KURATOR, key="l-2")
    assert looked_at(engine)["outbox"].ok
    late = looked_at(engine, now=datetime.now(UTC) + timedelta(hours=30))["outbox"]
    assert (late.ok, late.value) == (False, 30)


def test_keys_that_are_not_the_right_ones(engine: Engine, places: Places) -> None:
    light(engine, 2)
    backup(places.file, places.vault / "v.db", keys_to=places.keys / "old.keys")
    light(engine, 3)
    engine.store.close()
    shutil.copy(places.keys / "old.keys", beside(places.file).keys)
    with closing(SqlStore(places.file)) as store:
        found = looked_at(Engine(overlaid(), store), seed=1)
    assert (found["keys"].ok, found["keys"].value) == (False, "no_key")


def test_an_index_of_deadlines_that_differs(engine: Engine) -> None:
    store = engine.store
    assert isinstance(store, SqlStore)
    (row,) = store.deadlines("skola")
    wrong = row._replace(due="2030-01-01T00:00:00.000000Z")
    head = store.head("skola", row.case)
    assert head is not None
    store.replace_deadlines("skola", row.case, [wrong], expected=head.version)
    found = looked_at(engine)["deadlines"]
    assert (found.ok, found.value) == (False, 1)
    engine.rebuild("skola")
    assert looked_at(engine)["deadlines"].ok


def test_a_head_file_that_lags_or_is_gone(engine: Engine, places: Places) -> None:
    store = engine.store
    assert isinstance(store, SqlStore)
    head = head_beside(places.file)
    kept = head.read_bytes()
    light(engine, 2)
    head.write_bytes(kept)
    assert (looked_at(engine)["head"].ok, looked_at(engine)["head"].value) == (False, 1)
    light(engine, 3)
    assert looked_at(engine)["head"].ok
    HeadFile(head).close()
    head.unlink()
    assert looked_at(engine)["head"].value == "head_missing"


def test_a_disk_that_is_nearly_full(engine: Engine) -> None:
    assert isinstance(engine.store, SqlStore)
    found = {one.code: one for one in health(engine, engine.store, limits=Limits(disk_mib=2**40))}
    assert not found["disk"].ok


# -- the commands


def test_the_drill_from_the_command_line(places: Places, engine: Engine) -> None:
    engine.tick("skola")
    engine.store.close()
    here = ("--db", places.file, "--definitions", OVERLAY)
    made = say("backup", places.copies / "c.db", "--keys-to", places.keys / "c.keys", *here, "--json")
    assert (made.exit, made.json) == (0, {"keys": True, "key_file": False, "records": {"skola": 1}})
    new = ("--db", places.elsewhere / "new.db", "--definitions", OVERLAY)
    shutil.copy(beside(places.file).kek, beside(places.elsewhere / "new.db").kek)
    back = say("restore", places.copies / "c.db", places.keys / "c.keys", *new, "--json", "--reason", "drill")
    assert (back.exit, back.json) == (0, {"records": {"skola": 2}, "lost": {}})
    again = say("restore", places.copies / "c.db", places.keys / "c.keys", *new, "--json")
    assert (again.exit, again.codes) == (2, {"file_exists"})
    assert say("verify", *new).exit == 0
    well = say("health", *new, "--json")
    assert well.json["well"] is (well.exit == 0)
    assert {one["code"] for one in well.json["checks"]} == ALL


def test_a_key_file_that_lies_elsewhere_is_used_and_changed_from_the_command_line(
    places: Places, engine: Engine
) -> None:
    engine.store.close()
    away, new = places.vault / "away.kek", places.vault / "new.kek"
    beside(places.file).kek.rename(away)
    here = ("--db", places.file, "--definitions", OVERLAY, "--json")
    assert say("verify", *here).codes == {"key_file_missing"}
    assert say("verify", *here, "--key-file", away).exit == 0
    assert say("verify", *here, STEGVIS_KEY_FILE=str(away)).exit == 0
    changed = say("rotate", new, *here, "--key-file", away)
    assert (changed.exit, changed.json["key"]) == (0, KeyFile(new).id)
    assert changed.json["keys"] > 0
    assert say("verify", *here, "--key-file", away).codes == {"wrong_key"}
    assert say("verify", *here, "--key-file", new).exit == 0
    assert say("rotate", new, *here, "--key-file", new).exit == 0, "again, as after keys_not_cleaned"


def test_health_tells_by_its_status_that_something_is_wrong(places: Places, engine: Engine) -> None:
    engine.store.close()
    found = say("health", "--db", places.file, "--definitions", OVERLAY)
    assert found.exit == 1
    assert "[clock]" in found.out
    assert "[signed]" in found.out
    assert "stegvis tick" in found.out


def test_a_loss_is_refused_until_it_is_accepted(places: Places, engine: Engine) -> None:
    kept = head_beside(places.file).read_bytes()
    engine.store.close()
    head_beside(places.file).unlink()
    here = ("--db", places.file, "--definitions", OVERLAY, "--json")
    no = say("verify", *here)
    assert (no.exit, no.codes) == (3, {"head_missing"})
    assert say("verify", *here, "--accept-loss", "Disken dog").codes == {"not_a_code"}
    assert say("verify", *here, "--accept-loss", "head_lost").exit == 0
    assert say("verify", *here).exit == 0
    assert head_beside(places.file).read_bytes() != kept
