import json
import os
import shutil
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters import head_file
from stegvis.adapters.head_file import NAME, PAGE, SLOT, SLOTS, Head, HeadFile, Machine, beside
from stegvis.adapters.sql import SqlStore
from stegvis.adapters.sql.store import _commit
from stegvis.adapters.testing import rows
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, StoreError
from stegvis.routines.library import SHIPPED, shipped

from .forking import ended, in_child

RECORD = json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    return tmp_path / "a" / "cases.db"


def opened(file: Path, **more: Any) -> SqlStore:
    return SqlStore(file, synchronous="NORMAL", **more)


def climb(file: Path, first: int, last: int, *, organisation: str = "o") -> None:
    with closing(opened(file)) as store:
        for version in range(first, last + 1):
            store.commit(rows.step(organisation, "c-1", version))


def refused(file: Path) -> tuple[str, dict[str, Any]]:
    with pytest.raises(StoreError) as caught:
        opened(file)
    return caught.value.reason, dict(caught.value.details)


def size(file: Path, organisation: str = "o") -> int:
    known = HeadFile(beside(file)).read()
    assert known is not None
    return known.heads[organisation].size


def put_back(file: Path, kept: bytes) -> None:
    """Into the same inode, so that nothing but the content is older."""
    file.write_bytes(kept)


# -- an ordinary life


def test_each_acknowledged_record_is_remembered(file: Path) -> None:
    with closing(opened(file)) as store:
        for version in range(1, SLOTS + 10):
            store.commit(rows.step("o", "c-1", version))
            assert size(file) == version
        store.note("o", [rows.access("a-1"), rows.access("a-2")])
        assert size(file) == SLOTS + 11
        store.note("other", [rows.access("a-1")])
    known = HeadFile(beside(file)).read()
    assert known is not None
    assert known.heads["o"] == Head(SLOTS + 11, rows.access("a-2").leaf, "")
    assert known.heads["other"].size == 1
    opened(file).close()


def test_the_file_is_for_its_owner_alone_and_names_nothing_of_the_machine(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = file.with_name("machine-id")
    planted.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(head_file, "_MACHINE_ID", planted)
    climb(file, 1, 2)
    head = beside(file)
    assert stat.S_IMODE(head.stat().st_mode) == 0o600
    data = head.read_bytes()
    assert b"0123456789abcdef" not in data
    assert str(file.stat().st_ino).encode() not in data


def test_a_link_to_the_database_leads_to_the_same_head_file(file: Path) -> None:
    climb(file, 1, 2)
    link = file.with_name("link.db")
    link.symlink_to(file)
    opened(link).close()
    assert not file.with_name("link.db.head").exists()


def test_a_database_from_before_head_files_gets_one(file: Path) -> None:
    with closing(opened(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        store.database.write(lambda db: db.execute("DELETE FROM stegvis_mark WHERE name = 'store'"))
    beside(file).unlink()
    opened(file).close()
    assert size(file) == 1


def test_an_empty_database_may_lose_its_head_file(file: Path) -> None:
    opened(file).close()
    beside(file).unlink()
    opened(file).close()
    assert beside(file).exists()


def test_half_a_beginning_is_finished(file: Path) -> None:
    """Killed after the head file was made and before the database had the store's id."""
    with closing(opened(file)) as store:
        store.database.write(lambda db: db.execute("DELETE FROM stegvis_mark WHERE name = 'store'"))
    climb(file, 1, 2)
    assert size(file) == 2


def test_processes_share_the_file(file: Path) -> None:
    opened(file).close()

    def climb_alone(case: str) -> None:
        with closing(opened(file)) as store:
            for version in range(1, 31):
                store.commit(rows.step("o", case, version))

    children = [in_child(lambda case=f"c-{n}": climb_alone(case)) for n in range(8)]
    assert [ended(child) for child in children] == [0] * 8
    # One that was held up may have put back an older number where the newest stood.
    assert 239 <= size(file) <= 240
    opened(file).close()


def test_a_child_of_a_fork_goes_on_in_the_same_file(file: Path) -> None:
    with closing(opened(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        assert ended(in_child(lambda: store.commit(rows.step("o", "c-1", 2)))) == 0
        assert ended(in_child(lambda: store.note("new", [rows.access("a-1")]))) == 0
        store.note("newer", [rows.access("a-1")])
        store.note("new", [rows.access("a-2")])
    assert (size(file), size(file, "new"), size(file, "newer")) == (2, 2, 1)
    opened(file).close()


def test_what_cannot_be_remembered_is_still_acknowledged_and_told(file: Path) -> None:
    with closing(opened(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        handle = store.head_file._handle
        assert handle is not None
        os.close(handle)
        store.commit(rows.step("o", "c-1", 2))
        assert store.head_file.failed
        store.head_file._handle = None
        store.commit(rows.step("o", "c-1", 3))
        assert store.head_file.failed is None
    assert size(file) == 3


# -- what was lost


def test_an_older_database_is_refused(file: Path) -> None:
    climb(file, 1, 3)
    kept = file.read_bytes()
    climb(file, 4, 5)
    put_back(file, kept)
    assert refused(file) == ("rolled_back", {"organisation": "o", "known": 5, "found": 3})
    assert refused(file)[0] == "rolled_back"


def test_a_lost_write_ahead_log_is_seen(file: Path) -> None:
    climb(file, 1, 2)

    def killed() -> None:
        store = opened(file)
        store.commit(rows.step("o", "c-1", 3))
        os.kill(os.getpid(), signal.SIGKILL)

    assert ended(in_child(killed)) == -signal.SIGKILL
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink()
    assert refused(file) == ("rolled_back", {"organisation": "o", "known": 3, "found": 2})


def test_a_lost_database_is_not_begun_anew(file: Path) -> None:
    climb(file, 1, 2)
    file.unlink()
    assert refused(file) == ("rolled_back", {"organisation": "o", "known": 2, "found": 0})
    assert not file.exists()


def test_an_empty_database_in_its_place_is_refused(file: Path) -> None:
    climb(file, 1, 2)
    file.unlink()
    file.touch()
    assert refused(file)[0] == "rolled_back"
    assert refused(file)[0] == "rolled_back"


def test_a_copied_folder_is_refused(file: Path) -> None:
    climb(file, 1, 2)
    copy = file.parent.parent / "b"
    shutil.copytree(file.parent, copy)
    assert refused(copy / file.name) == ("copied_machine", {"part": "file"})
    opened(file).close()


def test_another_machine_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    climb(file, 1, 2)
    other = file.with_name("machine-id")
    other.write_text("another")
    monkeypatch.setattr(head_file, "_MACHINE_ID", other)
    assert refused(file) == ("copied_machine", {"part": "host"})


def test_a_machine_without_a_name_may_keep_its_store(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_file, "_MACHINE_ID", file.with_name("none"))
    climb(file, 1, 2)
    opened(file).close()


def test_swapped_files_are_refused(file: Path) -> None:
    other = file.with_name("other.db")
    for one in (file, other):
        climb(one, 1, 2)
    file.rename(file.with_name("away"))
    other.rename(file)
    file.with_name("away").rename(other)
    assert refused(file)[0] == refused(other)[0] == "other_store"


def test_two_copies_that_went_on_apart_are_told_from_each_other(file: Path) -> None:
    climb(file, 1, 2)
    copy = file.with_name("copy.db")
    shutil.copy(file, copy)
    with closing(opened(file)) as store:
        store.note("o", [rows.access("here"), rows.access("here too")])
    with closing(opened(copy, accept_loss="a_copy")) as store:
        store.note("o", [rows.access("there")])
    put_back(file, copy.read_bytes())
    assert refused(file) == ("log_differs", {"organisation": "o", "known": 4, "found": 4})


def test_a_lost_head_file_is_loud(file: Path) -> None:
    climb(file, 1, 2)
    beside(file).unlink()
    assert refused(file) == ("head_missing", {})
    assert not beside(file).exists()


def test_a_head_file_that_is_taken_away_meanwhile_is_loud(file: Path) -> None:
    with closing(opened(file)) as store:
        beside(file).unlink()
        with pytest.raises(StoreError, match="head_missing"):
            store.note("new", [rows.access("a-1")])
        assert list(store.log("new")) == []


# -- torn and damaged


def test_a_torn_slot_leaves_the_one_before_it(file: Path) -> None:
    climb(file, 1, 9)
    data = bytearray(beside(file).read_bytes())
    at = PAGE + NAME + 9 % SLOTS * SLOT
    data[at + 20 : at + SLOT] = bytes(SLOT - 20)
    beside(file).write_bytes(data)
    assert size(file) == 8
    climb(file, 10, 10)
    assert size(file) == 10


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_torn_or_flipped_byte_makes_it_know_more(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        head = HeadFile(Path(folder) / "head")
        leaves = [bytes([n]) * 32 for n in range(1, 80)]
        head.make(head_file.Known("ab" * 16, Machine("h", "f"), {"o": Head(70, leaves[69], "log")}))
        for n in range(71, 80):
            head.remember("o", n, leaves[n - 1])
        head.close()
        said = bytearray(head.path.read_bytes())
        at = data.draw(st.integers(0, len(said) - 1))
        tear = data.draw(st.binary(min_size=1, max_size=SLOT))
        said[at : at + len(tear)] = tear[: len(said) - at]
        head.path.write_bytes(said)
        try:
            known = head.read()
        except StoreError as error:
            assert error.reason == "head_damaged"  # noqa: PT017 - both answers are good
            return
        assert known is not None
        found = known.heads["o"]
        assert (found.size, found.leaf) in [(n, leaves[n - 1]) for n in range(70, 80)]


def test_a_page_that_was_never_finished_says_nothing(file: Path) -> None:
    climb(file, 1, 2)
    with beside(file).open("ab") as head:
        head.write(bytes(1000))
    with closing(opened(file)) as store:
        store.note("new", [rows.access("a-1")])
    assert (size(file), size(file, "new")) == (2, 1)


@pytest.mark.parametrize(("start", "end"), [(0, 2 * PAGE), (0, 1), (PAGE, PAGE + 1)])
def test_a_damaged_head_file_is_loud(file: Path, start: int, end: int) -> None:
    climb(file, 1, 2)
    data = beside(file).read_bytes()
    beside(file).write_bytes(data[:start] + b"x" * (end - start == 1) + data[end:])
    assert refused(file)[0] == "head_damaged"
    opened(file, accept_loss="head_spoilt").close()
    assert size(file) == 3


# -- a loss that is accepted

KURATOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")


def suspicion(engine: Engine, key: str) -> None:
    engine.open("suspicion", actor=KURATOR, form={"danger": False}, person="p-1", key=key)


def restores(store: SqlStore, organisation: str) -> Iterator[dict[str, Any]]:
    for index, row in store.log(organisation):
        said = json.loads(row.body)
        if said["type"] == "restore":
            jsonschema.validate(said, RECORD)
            yield {"index": index, **said}


def test_an_accepted_loss_is_logged_before_anything_else(file: Path) -> None:
    with closing(opened(file)) as store:
        suspicion(Engine(shipped(), store), "k-1")
    kept = file.read_bytes()
    with closing(opened(file)) as store:
        suspicion(Engine(shipped(), store), "k-2")
        lost = [row for _, row in store.log("skola")][-1]
    put_back(file, kept)
    with closing(opened(file, accept_loss="disk_replaced")) as store:
        engine = Engine(shipped(), store)
        suspicion(engine, "k-3")
        (said,) = restores(store, "skola")
        assert (said["index"], said["found"], said["known"]) == (2, 1, 2)
        assert said["why"] == ["rolled_back", "disk_replaced"]
        assert said["seen"] == lost.leaf.hex()
        assert engine.verify("skola") == []
    with closing(opened(file)) as store:
        assert len(list(restores(store, "skola"))) == 1


def test_a_log_that_was_lost_whole_begins_with_that(file: Path) -> None:
    with closing(opened(file)) as store:
        suspicion(Engine(shipped(), store), "k-1")
    file.unlink()
    with closing(opened(file, accept_loss="disk_replaced")) as store:
        (said,) = restores(store, "skola")
        assert (said["index"], said["found"], said["known"]) == (1, 0, 1)
        assert Engine(shipped(), store).verify("skola") == []


def test_every_way_to_lose_can_be_accepted_once(file: Path) -> None:
    with closing(opened(file)) as store:
        suspicion(Engine(shipped(), store), "k-1")
    beside(file).unlink()
    opened(file, accept_loss="head_lost").close()
    copy = file.parent.parent / "b"
    shutil.copytree(file.parent, copy)
    file = copy / file.name
    with closing(opened(file, accept_loss="new_server")) as store:
        whys = [one["why"] for one in restores(store, "skola")]
    assert whys == [["head_missing", "head_lost"], ["copied_machine", "new_server"]]
    opened(file).close()


def test_nothing_is_logged_where_nothing_was_lost(file: Path) -> None:
    climb(file, 1, 2)
    opened(file, accept_loss="just_in_case").close()
    assert size(file) == 2


@pytest.mark.parametrize("reason", ["Disken gick sönder", "", "Anna", "a" * 65])
def test_a_reason_is_a_code_since_the_log_stands_open(file: Path, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        opened(file, accept_loss=reason)
    assert caught.value.reason == "not_a_code"
    assert reason not in str(caught.value) or not reason


# -- any order

ACTS = st.lists(
    st.sampled_from(["commit", "other", "killed", "reopen", "keep", "put back", "late"]), min_size=1, max_size=25
)


@settings(deadline=None, max_examples=30)
@given(acts=ACTS)
def test_it_opens_if_and_only_if_nothing_acknowledged_is_lost(acts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "cases.db"
        store = opened(file)
        stands = {"o": 0, "p": 0}
        acknowledged = dict(stands)
        store.close()
        kept, then = file.read_bytes(), dict(stands)
        for act in [*acts, "reopen"]:
            name = "p" if act == "other" else "o"
            step = rows.step(name, "c-1", stands[name] + 1)
            if act in {"commit", "other"}:
                store.commit(step)
                stands[name] += 1
                acknowledged[name] = stands[name]
            elif act == "killed":
                # What a process leaves that is killed after the commit and before it remembers.
                store.database.write(lambda db, step=step: _commit(db, step))
                stands[name] += 1
            elif act == "late" and acknowledged["o"] > 1:
                store.head_file.remember("o", acknowledged["o"] - 1, rows.link("c-1", acknowledged["o"] - 1).leaf)
            elif act == "keep":
                store.close()
                kept, then = file.read_bytes(), dict(stands)
            elif act == "put back":
                store.close()
                put_back(file, kept)
                stands = dict(then)
            if act in {"reopen", "put back"}:
                store.close()
                whole = all(stands[name] >= acknowledged[name] for name in stands)
                if not whole:
                    assert refused(file)[0] == "rolled_back"
                    return
                store = opened(file)
        store.close()


# -- threads and forks


def test_nothing_is_written_to_the_file_that_took_the_number_of_a_closed_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread lets go of the store while another one remembers, and the next file that is opened gets its number."""
    victim = file.with_name("victim")
    victim.touch()
    write = head_file._pwrite
    with closing(opened(file)) as store, ExitStack() as stack:
        store.commit(rows.step("o", "c-1", 1))

        def overtaken(handle: int, data: bytes, offset: int) -> int:
            closing_it = threading.Thread(target=store.head_file.close)
            closing_it.start()
            closing_it.join(0.2)
            stack.enter_context(victim.open("r+b"))
            return write(handle, data, offset)

        monkeypatch.setattr(head_file, "_pwrite", overtaken)
        store.commit(rows.step("o", "c-1", 2))
    assert victim.read_bytes() == b""
    assert size(file) == 2


def test_looking_at_the_file_forgets_no_page_that_is_claimed_meanwhile(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        before, write = beside(file).read_bytes(), store.database.write

        def old(_: Path) -> bytes:
            return before

        def looked_at(work: Any) -> Any:
            done = write(work)
            with monkeypatch.context() as patch:
                patch.setattr(Path, "read_bytes", old)
                store.head_file.read()
            return done

        monkeypatch.setattr(store.database, "write", looked_at)
        store.note("other", [rows.access("a-1")])
        assert size(file, "other") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_while_a_thread_remembered_can_remember_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, held, go_on = head_file._pwrite, threading.Event(), threading.Event()
    with closing(opened(file)) as store:
        store.commit(rows.step("o", "c-1", 1))

        def slow(handle: int, data: bytes, offset: int) -> int:
            if threading.current_thread() is thread:
                held.set()
                go_on.wait()
            return write(handle, data, offset)

        def step() -> None:
            signal.alarm(20)
            store.commit(rows.step("o", "c-1", 3))

        monkeypatch.setattr(head_file, "_pwrite", slow)
        thread = threading.Thread(target=lambda: store.commit(rows.step("o", "c-1", 2)))
        thread.start()
        held.wait()
        child = in_child(step)
        go_on.set()
        thread.join()
        assert ended(child) == 0
    assert size(file) == 3


def test_who_comes_while_another_begins_is_not_told_that_something_is_lost(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, begun = HeadFile.read, list[bool]()

    def overtaken(self: HeadFile) -> Any:
        if not begun:
            begun.append(True)
            climb(file, 1, 2)
        return read(self)

    monkeypatch.setattr(HeadFile, "read", overtaken)
    climb(file, 3, 3)
    assert size(file) == 3
