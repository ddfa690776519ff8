"""Killed, out of room, failed by the disk, without power: what was acknowledged is there, and nothing half is."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.routines.errors import StoreError

from .commands import OVERLAY, overlaid
from .crash_work import KURATOR, stand, steps
from .forking import ended, in_child

HERE = Path(__file__).parent
SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))
SAID = struct.Struct("32sI")


def whole(file: Path, acknowledged: dict[str, int], *, accept_loss: str | None = None) -> int:
    """All that was acknowledged is there, at most one step more, and the log verifies and replays; how many steps."""
    with closing(SqlStore(file, accept_loss=accept_loss)) as store:
        engine = Engine(overlaid(), store)
        stands = stand(engine)
        for case, version in acknowledged.items():
            assert stands.get(case, 0) >= version
        assert sum(stands.values()) <= sum(acknowledged.values()) + 1
        assert engine.verify("skola") == []
        for case in list(stands)[-2:]:
            assert engine.replay(case, actor=KURATOR).sound
        known = store.head_file.read()
        assert known is not None
        assert known.heads["skola"].size == max(index for index, _ in store.log("skola"))
        assert store.database.rows("PRAGMA integrity_check") == [("ok",)]
        return sum(stands.values())


# -- killed


def killed_again_and_again(file: Path, *, kills: int, least: int, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: dict[str, int] = {}
    rounds = 0

    def work(said: int) -> None:
        with closing(SqlStore(file)) as store:
            for case, version in steps(Engine(overlaid(), store), rounds * 1_000_000):
                os.write(said, SAID.pack(case.encode(), version))

    while rounds < kills or sum(acknowledged.values()) < least:
        rounds += 1
        hear, said = os.pipe()
        child = in_child(lambda said=said: work(said))
        os.close(said)
        with os.fdopen(hear, "rb") as heard:
            first = heard.read(SAID.size)
            time.sleep(chance.uniform(0, 0.04))
            os.kill(child, signal.SIGKILL)
            data = first + heard.read()
        assert ended(child) == -signal.SIGKILL
        for case, version in SAID.iter_unpack(data[: len(data) // SAID.size * SAID.size]):
            acknowledged[case.decode()] = version
        whole(file, acknowledged)
        with closing(SqlStore(file)) as store:
            # A step that was stored and could not be acknowledged any more counts from here on.
            acknowledged = stand(Engine(overlaid(), store))


def test_a_stepping_process_that_is_killed_leaves_whole_steps_only(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path / "cases.db", kills=6, least=6, seed=1)


@pytest.mark.deep
def test_killed_during_two_thousand_steps(tmp_path: Path) -> None:
    # In eight files: the whole log is verified after each kill, so twice the steps in one file take four times as long.
    for seed in range(8):
        killed_again_and_again(tmp_path / f"{seed}.db", kills=1, least=int(250 * SCALE), seed=seed)


# -- out of room


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def run(*arguments: str | Path, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, str(HERE / "crash_work.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """What comes before a command so that the folder is a file system of one MiB, mounted where nobody else sees it."""
    mount = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a tiny file system")
    return mount


def test_a_full_disk_refuses_the_step_and_takes_it_when_there_is_room(tiny: list[str], tmp_path: Path) -> None:
    found = told(run("full", OVERLAY, tmp_path, before=tiny))
    assert found.pop("steps") > 5
    assert found == {"code": "full", "kept": True, "again": True, "faults": []}


def test_a_process_that_starts_on_a_full_disk_says_so(tiny: list[str], tmp_path: Path) -> None:
    found = told(run("starved", OVERLAY, tmp_path, before=tiny))
    assert found == {"codes": ["full", "keys_full"], "again": True, "faults": []}


# -- failed by the disk


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("the failing disk is a library for Linux that gcc makes")
    made = tmp_path_factory.mktemp("disk") / "failing_disk.so"
    source = HERE / "failing_disk.c"
    subprocess.run(["gcc", "-O1", "-Wall", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return str(made)


@pytest.mark.parametrize(
    ("lasting", "error"),
    [
        ("for good", "ENOSPC"),
        ("once", "EIO"),
        pytest.param("for good", "EIO", marks=pytest.mark.deep),
        pytest.param("once", "ENOSPC", marks=pytest.mark.deep),
    ],
)
def test_every_write_of_a_step_may_fail(disk: str, tmp_path: Path, error: str, lasting: str) -> None:
    found = told(run("faults", OVERLAY, tmp_path, error, lasting, LD_PRELOAD=disk, FAILING_DISK=str(tmp_path)))
    for one in found:
        assert one["faults"] == [], one
        assert one["once"], one
        # Refused and nothing changed; or stored, acknowledged, and only the head file could not be told. When the sync
        # itself fails, nobody knows whether the step is stored; its key sees to it that it is taken once.
        assert one["unchanged"] is (one["code"] is not None) or one["in_doubt"], one
        assert one["unchanged"] or one["code"] not in {"full", "keys_full"}, one
        assert one["code"] in {None, "io", "full", "keys_io", "keys_full", "cannot_open"}, one
    refused = {(one["act"], one["code"]) for one in found if one["code"] is not None}
    wanted = {"EIO": {("open", "keys_io"), ("look", "io")}, "ENOSPC": {("open", "keys_full"), ("look", "full")}}[error]
    assert refused >= wanted
    assert min(sum(one["act"] == act for one in found) for act in ("open", "look")) > 5


# -- without power


class Op(NamedTuple):
    """What happened to a file, or that a step was acknowledged."""

    kind: str
    name: str
    offset: int
    data: bytes


def traced(path: Path) -> Iterator[Op]:
    head = struct.Struct("4q")
    with path.open("rb") as file:
        while said := file.read(head.size):
            kind, named, offset, length = head.unpack(said)
            yield Op(chr(kind), file.read(named).decode(), offset, file.read(length))


class Disk:
    """A disk that keeps what was synced and forgets, of the rest, what it likes."""

    def __init__(self, base: Path) -> None:
        self.files = {path.name: bytearray(path.read_bytes()) for path in base.iterdir() if path.is_file()}
        self.waiting: list[Op] = []

    def do(self, op: Op) -> None:
        if op.kind == "s":
            for one in self.waiting:
                if one.name == op.name:
                    _apply(self.files, one)
            self.waiting = [one for one in self.waiting if one.name != op.name]
        elif op.kind != "a":
            self.waiting.append(op)

    def left(self, to: Path, chance: random.Random | None) -> None:
        """What a start finds: none of what was not synced, or any of it, some cut at a sector."""
        files = {name: bytearray(data) for name, data in self.files.items() if not name.endswith("-shm")}
        for op in self.waiting if chance is not None else ():
            fate = chance.random() if chance is not None else 0
            if fate < 0.5:
                _apply(files, op)
            elif fate < 0.7:
                _apply(files, op._replace(data=op.data[: len(op.data) // 512 // 2 * 512]))
        to.mkdir()
        for name, data in files.items():
            (to / name).write_bytes(data)
            (to / name).chmod(0o600)


def _apply(files: dict[str, bytearray], op: Op) -> None:
    data = files.setdefault(op.name, bytearray())
    if op.kind == "t":
        data[op.offset :] = bytes(max(0, op.offset - len(data)))
    elif op.data:
        data.extend(bytes(max(0, op.offset - len(data))))
        data[op.offset : op.offset + len(op.data)] = op.data


def cut(disk: str, folder: Path, level: str, *, images: int) -> None:
    live, kept = folder / "live", folder / "kept"
    live.mkdir()
    kept.mkdir()
    answer = told(run("power", OVERLAY, live, kept, level, LD_PRELOAD=disk, FAILING_DISK=str(live)))
    acknowledged, said = answer["base"], answer["said"]
    ops = list(traced(kept / "trace"))
    assert sum(op.kind == "a" for op in ops) == len(said)
    chance = random.Random(3)
    moments = {len(ops), *(chance.randrange(len(ops)) for _ in range(images // 2))}
    disk_now = Disk(kept / "base")
    for moment in range(len(ops) + 1):
        for fate in (None, chance) if moment in moments else ():
            image = folder / f"image-{moment}-{fate is not None}"
            disk_now.left(image, fate)
            started(image / "cases.db", acknowledged if level == "FULL" else None)
            shutil.rmtree(image)
        if moment < len(ops):
            disk_now.do(ops[moment])
            if ops[moment].kind == "a":
                case, version = said[ops[moment].offset]
                acknowledged[case] = version


def started(file: Path, acknowledged: dict[str, int] | None) -> None:
    """Start after the power cut; without ``acknowledged`` what was may be lost, and must then be said to be."""
    # The image lies in a file of its own: that it is a copy is all that may be wrong with it.
    with pytest.raises(StoreError) as caught:
        SqlStore(file)
    assert caught.value.reason in ({"copied_machine"} if acknowledged else {"copied_machine", "rolled_back"})
    with closing(SqlStore(file, accept_loss="power_cut")) as store:
        engine = Engine(overlaid(), store)
        stands = stand(engine)
        assert all(stands.get(case, 0) >= version for case, version in (acknowledged or {}).items())
        assert engine.verify("skola") == []


@pytest.mark.parametrize("level", ["FULL", pytest.param("NORMAL", marks=pytest.mark.deep)])
def test_a_power_cut_leaves_what_was_acknowledged(disk: str, tmp_path: Path, level: str) -> None:
    cut(disk, tmp_path, level, images=24)


@pytest.mark.deep
@pytest.mark.parametrize("level", ["FULL", "NORMAL"])
def test_a_power_cut_at_any_moment(disk: str, tmp_path: Path, level: str) -> None:
    cut(disk, tmp_path, level, images=int(1000 * SCALE))
