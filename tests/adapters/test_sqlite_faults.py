import os
import random
import signal
import sqlite3
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stegvis.adapters.sql import SqlStore
from stegvis.adapters.sql.sqlite import meaning
from stegvis.adapters.testing import rows
from stegvis.routines.errors import Broken, Stale, StegvisError, StoreError

from .forking import ended, in_child

resource = pytest.importorskip("resource", reason="needs limits and forks as POSIX has them")

ROUNDS = 20
TOO_MANY = 1000
"""Commits that no limit here leaves room for."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    with closing(SqlStore(file, patience=0.1)) as store:
        store.commit(rows.step("o", "c-1", 1))
        yield store


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(StegvisError) as caught:
        act()
    return caught.value.reason


def climb(store: SqlStore) -> Iterator[int]:
    """Commit on, one version after the other; answers each once it is acknowledged."""
    loaded = store.load("o", "c-1")
    version = loaded.case.version if loaded else 0
    while True:
        version += 1
        store.commit(rows.step("o", "c-1", version, key=f"k-{version}"))
        yield version


def climb_until(store: SqlStore, reason: str) -> int:
    """Commit on until the store cannot; answers the last version that was acknowledged."""
    acknowledged = 0
    try:
        for acknowledged in climb(store):
            if acknowledged == TOO_MANY:
                break
    except StoreError as error:
        if error.reason == reason:
            return acknowledged
        raise
    pytest.fail("nothing stopped it")


def check_whole(store: SqlStore, acknowledged: int) -> None:
    """All that was acknowledged is there, and what is there agrees with itself."""
    loaded = store.load("o", "c-1")
    assert loaded is not None
    version = loaded.case.version
    assert version >= acknowledged
    chain = [rows.link("c-1", n) for n in range(1, version + 1)]
    assert list(store.case_records("o", "c-1")) == chain
    assert list(store.log("o")) == list(enumerate(chain, 1))
    assert loaded.runs == rows.step("o", "c-1", version).runs
    assert store.database.rows("PRAGMA integrity_check") == [("ok",)]
    assert store.database.rows("PRAGMA foreign_key_check") == []


# -- what is not ours to open


def test_a_missing_directory_is_named_as_such(tmp_path: Path) -> None:
    assert reason(lambda: SqlStore(tmp_path / "none" / "cases.db")) == "no_directory"
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert reason(lambda: SqlStore(tmp_path)) == "cannot_open"


def test_a_file_of_another_kind_is_left_as_it_was(file: Path) -> None:
    file.write_bytes(b"no database at all" * 100)
    assert reason(lambda: SqlStore(file)) == "not_stegvis"
    assert file.read_bytes() == b"no database at all" * 100


def test_another_database_is_left_as_it_was(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE pupil (id)")
    before = file.read_bytes()
    assert reason(lambda: SqlStore(file)) == "not_stegvis"
    assert file.read_bytes() == before


def test_an_empty_file_becomes_a_store(file: Path) -> None:
    file.touch()
    with closing(SqlStore(file)) as store:
        store.commit(rows.step("o", "c-1", 1))
        check_whole(store, 1)


def test_a_file_that_was_moved_away_is_not_made_anew(file: Path, store: SqlStore) -> None:
    store.close()
    away = file.rename(file.with_name("away.db"))
    assert reason(lambda: store.commit(rows.step("o", "c-1", 2))) == "cannot_open"
    assert not file.exists()
    away.rename(file)
    store.commit(rows.step("o", "c-1", 2))
    check_whole(store, 2)


def test_a_file_cut_short_is_broken(file: Path, store: SqlStore) -> None:
    for _, _ in zip(range(50), climb(store), strict=False):
        pass
    store.close()
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(Broken):
        list(SqlStore(file).log("o"))


# -- waiting


def test_a_file_locked_for_longer_than_our_patience_is_locked(file: Path, store: SqlStore) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert reason(lambda: store.commit(rows.step("o", "c-1", 2))) == "locked"
        assert reason(lambda: store.set_mark("o", "clock", "1")) == "locked"
        check_whole(store, 1)
        other.execute("ROLLBACK")
    store.commit(rows.step("o", "c-1", 2))
    check_whole(store, 2)


def test_a_thread_that_waits_too_long_for_another_is_told_so(store: SqlStore) -> None:
    holding, release = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        holding.set()
        release.wait()

    thread = threading.Thread(target=lambda: store.database.write(hold))
    thread.start()
    holding.wait()
    try:
        assert reason(lambda: store.commit(rows.step("o", "c-1", 2))) == "locked"
    finally:
        release.set()
        thread.join()
    store.commit(rows.step("o", "c-1", 2))
    check_whole(store, 2)


# -- a write that fails


def test_a_full_disk_loses_nothing_that_was_acknowledged(store: SqlStore) -> None:
    ((pages,),) = store.database.rows("PRAGMA page_count")
    store.database.rows(f"PRAGMA max_page_count = {pages + 3}")
    acknowledged = climb_until(store, "full")
    check_whole(store, acknowledged)
    assert store.answer("o", "u-1", f"k-{acknowledged + 1}") is None
    # A new connection knows no limit: there is room again.
    store.commit(rows.step("o", "c-1", acknowledged + 1))
    check_whole(store, acknowledged + 1)


def test_a_disk_that_refuses_to_write_loses_nothing_that_was_acknowledged(store: SqlStore) -> None:
    def hit_the_limit() -> None:
        most = store.database.path.with_name("cases.db-wal").stat().st_size + 50_000
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        acknowledged = climb_until(store, "io")
        check_whole(store, acknowledged)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.commit(rows.step("o", "c-1", acknowledged + 1))
        check_whole(store, acknowledged + 1)
        store.close()

    # Something must be in the write-ahead log after the fork has closed it.
    child = in_child(lambda: (store.commit(rows.step("o", "c-1", 2)), hit_the_limit()))
    assert ended(child) == 0
    check_whole(store, 3)


def test_a_row_that_cannot_be_stored_leaves_nothing_and_says_nothing_of_itself(store: SqlStore) -> None:
    planted = "Planterad Person"
    step = rows.step("o", "c-1", 2)
    link = step.records[0]._replace(unit=planted, payload=planted.encode())
    spoilt = (
        step._replace(records=(link,), runs=(step.runs[0]._replace(state=None, person=planted),)),  # pyright: ignore[reportArgumentType]
        step._replace(records=(link,), case=step.case._replace(shared=planted)),  # pyright: ignore[reportArgumentType]
        step._replace(records=(link, link)),
        step._replace(records=(link._replace(body=object()),)),  # pyright: ignore[reportArgumentType]
    )
    for commit in spoilt:
        with pytest.raises(StegvisError) as caught:
            store.commit(commit)
        assert planted not in "".join(traceback.format_exception(caught.value))
        check_whole(store, 1)
    store.commit(step)
    check_whole(store, 2)


def test_an_interrupted_write_leaves_nothing(store: SqlStore) -> None:
    def interrupted(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM stegvis_run")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.database.write(interrupted)
    check_whole(store, 1)
    store.commit(rows.step("o", "c-1", 2))


def test_a_file_that_turns_read_only_loses_nothing() -> None:
    """As somebody whom the file system does not let do everything."""

    def as_nobody(directory: Path) -> None:
        if os.geteuid() == 0:
            os.chown(directory, 65534, 65534)
            os.setgid(65534)
            os.setuid(65534)
        file = directory / "cases.db"
        store = SqlStore(file)
        store.commit(rows.step("o", "c-1", 1))
        store.close()
        for path in (file, directory):
            before = path.stat().st_mode
            path.chmod(0o555 if path.is_dir() else 0o444)
            assert reason(lambda: SqlStore(file)) == "read_only"
            assert reason(lambda: store.commit(rows.step("o", "c-1", 9))) == "read_only"
            store.close()
            if path.is_dir():
                assert reason(lambda: SqlStore(directory / "new.db")) == "read_only"
            path.chmod(before)
            check_whole(store, 1)
            # A connection that was open before goes on writing; what is asked here is what a new one does.
            store.close()
        store.commit(rows.step("o", "c-1", 2))
        check_whole(store, 2)
        store.close()

    with tempfile.TemporaryDirectory() as directory:
        assert ended(in_child(lambda: as_nobody(Path(directory)))) == 0


# -- killed


def test_a_process_killed_while_committing_loses_nothing_that_was_acknowledged(file: Path) -> None:
    chance = random.Random(2)

    def climb_until_killed(said: int) -> None:
        with closing(SqlStore(file)) as own:
            for version in climb(own):
                os.write(said, version.to_bytes(4, "big"))

    acknowledged = 0
    for _ in range(ROUNDS):
        hear, said = os.pipe()
        child = in_child(lambda said=said: climb_until_killed(said))
        os.close(said)
        with os.fdopen(hear, "rb") as heard:
            for _ in range(chance.randrange(1, 8)):
                acknowledged = int.from_bytes(heard.read(4), "big")
            for _ in range(chance.randrange(2000)):
                pass
            os.kill(child, signal.SIGKILL)
            while last := heard.read(4):
                acknowledged = int.from_bytes(last, "big")
        assert ended(child) == -signal.SIGKILL
        with closing(SqlStore(file)) as store:
            check_whole(store, acknowledged)
            loaded = store.load("o", "c-1")
            assert loaded is not None
            assert loaded.case.version <= acknowledged + 1
    assert acknowledged >= ROUNDS


def test_a_refusal_is_told_though_there_is_nothing_left_to_roll_back(store: SqlStore) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        raise Stale

    with pytest.raises(Stale):
        store.database.write(work)
    store.commit(rows.step("o", "c-1", 2))


def test_who_is_outrun_for_seconds_on_end_is_told_that_it_is_locked() -> None:
    """SQLite gives up the beginning of a transaction that others are always faster to begin."""
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
    assert meaning(error).reason == "locked"
