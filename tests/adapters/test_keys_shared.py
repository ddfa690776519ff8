"""A key ring shared by threads, processes and the two sides of a fork; a key ring that the system lets down."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stegvis.adapters import key_database
from stegvis.adapters.key_database import KeyRingUnusable
from stegvis.adapters.key_file import KeyFile
from stegvis.adapters.keys import KeyRing, MemoryKeys, beside

ORIGIN, BOUND = "skola.example/log", b"case-1|record-1"
WORDS = b"planted words"
NONCE = slice(1, 13)

posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and signals are POSIX")

TOGETHER = """
import sys
from pathlib import Path
from stegvis.adapters.keys import KeyRing
print("ready", flush=True)
sys.stdin.readline()
with KeyRing.at(Path(sys.argv[1]), create=True) as ring:
    for n in range(25):
        ring.ensure("skola.example/log", f"run-{n}")
        print(ring.seal("skola.example/log", f"run-{n}", b"planted words", b"case-1|record-1").hex())
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from stegvis.adapters.keys import KeyRing
ring = KeyRing.at(Path(sys.argv[1]), create=True)
ring.ensure("skola.example/log", "run-1")
print(ring.seal("skola.example/log", "run-1", b"planted words", b"case-1|record-1").hex(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def started(script: str, database: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_processes_that_come_at_once_end_with_one_pair_and_one_key_a_unit(tmp_path: Path) -> None:
    database = tmp_path / "cases.db"
    workers = [started(TOGETHER, database) for _ in range(4)]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0, 0]
    with KeyRing.at(database) as ring:
        for cells in said:
            assert len(cells) == 25
            for n, cell in enumerate(cells):
                assert ring.open(ORIGIN, f"run-{n}", bytes.fromhex(cell), BOUND) == WORDS
    nonces = {bytes.fromhex(cell)[NONCE] for cells in said for cell in cells}
    assert len(nonces) == 100


class Overtaken:
    """A key-encryption key so slow that another ring makes the unit's key while this one wraps its own."""

    def __init__(self, kek: KeyFile, other: KeyRing) -> None:
        self.id, self.unwrap = kek.id, kek.unwrap
        self.kek, self.other = kek, other

    def wrap(self, key: bytes) -> bytes:
        self.other.ensure(ORIGIN, "run-1")
        return self.kek.wrap(key)


def test_who_comes_second_takes_the_key_of_who_came_first(tmp_path: Path) -> None:
    database = tmp_path / "cases.db"
    with KeyRing.at(database, create=True) as first:
        slow = Overtaken(KeyFile(beside(database).kek), first)
        with KeyRing(beside(database).keys, slow) as second:
            second.ensure(ORIGIN, "run-1")
            cell = second.seal(ORIGIN, "run-1", WORDS, BOUND)
        assert first.open(ORIGIN, "run-1", cell, BOUND) == WORDS


@posix
def test_a_key_outlives_a_process_that_is_killed_right_after(tmp_path: Path) -> None:
    database = tmp_path / "cases.db"
    worker = started(KILLED, database)
    said = worker.communicate(timeout=60)[0]
    assert worker.returncode == -signal.SIGKILL
    with KeyRing.at(database) as ring:
        assert ring.open(ORIGIN, "run-1", bytes.fromhex(said), BOUND) == WORDS


def test_every_connection_waits_for_the_disk_and_blanks_what_it_frees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[sqlite3.Connection] = []
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def watched(*args: object, **settings: object) -> sqlite3.Connection:
        seen.append(connect(*args, **settings))
        return seen[-1]

    monkeypatch.setattr(sqlite3, "connect", watched)
    with KeyRing.at(tmp_path / "cases.db", create=True):
        full, on = 2, 1
        assert seen[-1].execute("PRAGMA synchronous").fetchone() == (full,)
        assert seen[-1].execute("PRAGMA secure_delete").fetchone() == (on,)
        assert seen[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("in_memory", [True, False])
def test_threads_that_come_at_once_end_with_one_key_a_unit(tmp_path: Path, in_memory: bool) -> None:
    keys = MemoryKeys() if in_memory else KeyRing.at(tmp_path / "cases.db", create=True)
    start, cells = threading.Barrier(4), list[tuple[str, bytes]]()

    def work() -> None:
        start.wait()
        for n in range(40):
            keys.ensure(ORIGIN, f"run-{n}")
            cells.append((f"run-{n}", keys.seal(ORIGIN, f"run-{n}", WORDS, BOUND)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cells) == 160
    if isinstance(keys, KeyRing):
        keys.close()
        keys = KeyRing.at(tmp_path / "cases.db")
    assert all(keys.open(ORIGIN, unit, cell, BOUND) == WORDS for unit, cell in cells)
    if isinstance(keys, KeyRing):
        keys.close()


def in_child(read: int, write: int, ring: KeyRing) -> None:
    """What the child of a fork does: waits until its parent has let go, makes a key, says what it sealed."""
    os.read(read, 1)
    ring.ensure(ORIGIN, "child")
    said = [ring.seal(ORIGIN, "shared", WORDS, BOUND) for _ in range(500)] + [ring.seal(ORIGIN, "child", WORDS, BOUND)]
    with os.fdopen(write, "wb") as out:
        out.write(b"".join(said))


@posix
def test_a_ring_carried_over_a_fork_loses_no_key_and_shares_no_nonce(tmp_path: Path) -> None:
    """The parent closes last-but-one and wipes; what the child then acknowledges must still be there."""
    database = tmp_path / "cases.db"
    ring = KeyRing.at(database, create=True)
    ring.ensure(ORIGIN, "shared")
    ring.seal(ORIGIN, "shared", WORDS, BOUND)
    (child_reads, parent_writes), (parent_reads, child_writes) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            in_child(child_reads, child_writes, ring)
        finally:
            os._exit(0)
    os.close(child_writes)
    mine = [ring.seal(ORIGIN, "shared", WORDS, BOUND) for _ in range(500)]
    ring.ensure(ORIGIN, "parent")
    ring.close()
    os.write(parent_writes, b"!")
    with os.fdopen(parent_reads, "rb") as heard:
        said = heard.read()
    os.waitpid(child, 0)
    os.close(child_reads)
    os.close(parent_writes)
    length = len(mine[0])
    theirs = [said[i : i + length] for i in range(0, len(said), length)]
    assert len(theirs) == 501
    assert len({cell[NONCE] for cell in mine + theirs}) == 1001
    with KeyRing.at(database) as again:
        assert again.open(ORIGIN, "child", theirs[-1], BOUND) == WORDS
        again.ensure(ORIGIN, "parent")


@posix
def test_a_fork_waits_for_a_thread_that_is_making_a_key(tmp_path: Path) -> None:
    database = tmp_path / "cases.db"
    ring, stop = KeyRing.at(database, create=True), threading.Event()
    made: list[str] = []

    def work() -> None:
        while not stop.wait(0.001):
            ring.ensure(ORIGIN, f"run-{len(made)}")
            made.append(f"run-{len(made)}")

    thread = threading.Thread(target=work)
    thread.start()
    statuses: list[int] = []
    for n in range(8):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                ring.ensure(ORIGIN, f"child-{n}")
                status = 0
            finally:
                os._exit(status)
        statuses.append(os.waitpid(child, 0)[1])
    stop.set()
    thread.join()
    ring.close()
    assert statuses == [0] * 8
    with KeyRing.at(database) as again:
        for unit in [*made, *(f"child-{n}" for n in range(8))]:
            again.seal(ORIGIN, unit, WORDS, BOUND)


# When the system lets the ring down


def refusal(ring: KeyRing) -> str:
    with pytest.raises(KeyRingUnusable) as caught:
        ring.ensure(ORIGIN, "run-new")
    assert caught.value.__cause__ is None
    assert "run-new" not in str(caught.value)
    return caught.value.reason


def test_a_ring_that_another_process_writes_says_that_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_database, "BUSY_SECONDS", 0.05)
    database = tmp_path / "cases.db"
    with KeyRing.at(database, create=True) as ring:
        writer = sqlite3.connect(beside(database).keys, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert refusal(ring) == "keys_locked"
        writer.close()
        ring.ensure(ORIGIN, "run-new")


def test_a_full_disk_is_said_and_loses_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real SQLITE_FULL: the file may not grow by another page."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def cramped(*args: object, **settings: object) -> sqlite3.Connection:
        db = connect(*args, **settings)
        db.execute("PRAGMA max_page_count = 4")
        return db

    database = tmp_path / "cases.db"
    KeyRing.at(database, create=True).close()
    made: list[str] = []

    def fill(ring: KeyRing) -> None:
        for n in range(500):
            ring.ensure(ORIGIN, f"run-{n}")
            made.append(f"run-{n}")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", cramped)
        with KeyRing.at(database) as ring, pytest.raises(KeyRingUnusable) as caught:
            fill(ring)
    assert caught.value.reason == "keys_full"
    assert made
    with KeyRing.at(database) as again:
        for unit in made:
            again.seal(ORIGIN, unit, WORDS, BOUND)


def test_a_closed_a_damaged_and_a_newer_ring_say_so(tmp_path: Path) -> None:
    database = tmp_path / "cases.db"
    ring = KeyRing.at(database, create=True)
    ring.ensure(ORIGIN, "run-1")
    ring.close()
    ring.close()
    assert refusal(ring) == "keys_closed"
    with pytest.raises(KeyRingUnusable):
        ring.seal(ORIGIN, "run-1", WORDS, BOUND)
    newer = sqlite3.connect(beside(database).keys)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(KeyRingUnusable) as caught:
        KeyRing.at(database)
    assert caught.value.reason == "keys_newer"
    beside(database).keys.write_bytes(b"this is no database" * 400)
    with pytest.raises(KeyRingUnusable) as caught:
        KeyRing.at(database)
    assert caught.value.reason == "keys_damaged"
