"""Eight processes on one file, two people on one case: nothing is lost or taken twice, and nobody finds it locked."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from stegvis.adapters.keys import KeyRing
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, Stale

from .commands import overlaid
from .forking import ended, in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))
PROCESSES = 8
PEOPLE = tuple(
    Actor(name, roles={"school_counsellor"}, unit="elevhalsa", organisation="skola") for name in ("u-1", "u-2")
)
LOOK = {"flame": "low", "wind": 3, "smoke": "Det rykte om den."}
RECEIPT = ("id", "run", "version", "state", "record")


class Told(NamedTuple):
    """What a process says that it was answered."""

    process: int
    actor: str
    kind: str
    key: str
    said: Any
    seconds: float


def light(engine: Engine, actor: Actor, key: str) -> str:
    return engine.open("lantern", actor=actor, form={"account": "Vi såg den."}, key=key, person="p-1").id


def work(file: Path, case: str, process: int, rounds: Iterable[int], tell: Callable[[Told], object]) -> None:
    """Look at the shared case: as it is, as it was seen, together with the others; and open a case of one's own."""
    with closing(SqlStore(file)) as store:
        engine = Engine(overlaid(), store)
        me = PEOPLE[process % 2]
        for number in rounds:
            mine = f"p-{process}-{number}"
            acts: Mapping[str, tuple[str, Callable[[str], Any]]] = {
                "any": (f"{mine}-any", lambda key: _look(engine, case, me, key)),
                "seen": (f"{mine}-seen", lambda key: _look(engine, case, me, key, expect=_version(engine, case))),
                "twin": (f"twin-{number}", lambda key: _look(engine, case, me, key)),
                "open": (f"{mine}-open", lambda key: engine.open("lantern", actor=me, form={"account": "x"}, key=key)),
            }
            for kind, (key, act) in acts.items():
                begun = time.monotonic()
                try:
                    receipt = act(key)
                    said = ["receipt", {name: getattr(receipt, name) for name in RECEIPT}]
                except Stale as stale:
                    said = ["stale", stale.details["version"], stale.details["at"], stale.details["actor"]]
                tell(Told(process, me.id, kind, key, said, time.monotonic() - begun))


def _look(engine: Engine, case: str, actor: Actor, key: str, expect: int | None = None) -> Any:
    return engine.take(case, "look", actor=actor, form=LOOK, key=key, expect=expect)


def _version(engine: Engine, case: str) -> int:
    head = engine.store.head("skola", case)
    assert head is not None
    return head.version


def at_work(file: Path, *, rounds: int, kill: random.Random | None = None) -> list[Told]:
    """Let the processes work; with ``kill`` every other one is killed, and another does all of its work again."""
    with closing(SqlStore(file)) as store:
        case = light(Engine(overlaid(), store), PEOPLE[0], "first")
    told: list[Told] = []

    def started(process: int) -> tuple[int, int]:
        hear, say = os.pipe()

        def tell(one: Told) -> None:
            os.write(say, json.dumps(one).encode() + b"\n")

        child = in_child(lambda: work(file, case, process, range(rounds), tell))
        os.close(say)
        return child, hear

    running = [(process, *started(process)) for process in range(PROCESSES)]
    for _, child, _ in running[::2] if kill is not None else ():
        time.sleep(kill.uniform(0.01, 0.1) if kill is not None else 0)
        os.kill(child, signal.SIGKILL)
    while running:
        process, child, hear = running.pop(0)
        with os.fdopen(hear, "rb") as heard:
            lines = heard.read().split(b"\n")
        told += [Told(*json.loads(line)) for line in lines[:-1]]
        status = ended(child)
        if status:
            assert kill is not None
            assert status == -signal.SIGKILL
            told.append(Told(process, "", "killed", "", [], 0))
            running.append((process, *started(process)))
    return told


def judge(file: Path, told: list[Told], *, rounds: int) -> None:
    """Every process got an answer to everything, and what was answered is what is stored."""
    assert max(one.seconds for one in told) < 30
    answers: dict[tuple[str, str], list[Any]] = {}
    for one in (one for one in told if one.kind != "killed"):
        answers.setdefault((one.actor, one.key), []).append(one.said)
    assert len(answers) == PROCESSES * rounds * 3 + 2 * rounds
    with closing(SqlStore(file)) as store:
        engine = Engine(overlaid(), store)
        (case,) = (name for name in store.cases("skola") if _version(engine, name) > 1)
        chain = [orjson.loads(row.body) for row in store.case_records("skola", case)]
        log = Counter(row.id for _, row in store.log("skola"))
        stored = {said["id"]: said for said in (orjson.loads(row.body) for _, row in store.log("skola"))}
        taken: list[str] = []
        for (actor, key), said in answers.items():
            # A command that is sent again gets the same answer; one that was turned away has used no key up.
            receipts = [one for one in said if one[0] == "receipt"]
            assert receipts or "seen" in key, f"{key} was answered {said}"
            assert all(one == receipts[0] for one in receipts)
            for _, version, at, who in (one for one in said if one[0] == "stale"):
                assert (chain[version - 1]["at"], chain[version - 1]["actor"]) == (at, who)
            for _, receipt in receipts[:1]:
                taken.append(receipt["record"])
                assert log[receipt["record"]] == 1
                found = stored[receipt["record"]]
                assert [found[name] for name in ("case", "run", "cseq", "to", "id")] == list(receipt.values())
                assert found["actor"] == actor
        assert len(set(taken)) == len(taken)
        assert sum(log.values()) == len(taken) + 1, "something is stored that nobody was told of"
        assert [said["cseq"] for said in chain] == list(range(1, len(chain) + 1))
        assert [said["at"] for said in chain] == sorted(said["at"] for said in chain)
        assert engine.verify("skola") == []
        assert engine.replay(case, actor=PEOPLE[0]).sound
        known = store.head_file.read()
        assert known is not None
        assert known.heads["skola"].size == sum(log.values()) + 1  # the replay was noted
        assert store.database.rows("PRAGMA integrity_check") == [("ok",)]


def test_eight_processes_lose_nothing_and_take_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "cases.db"
    told = at_work(file, rounds=6)
    assert {one.said[0] for one in told if one.kind != "seen"} == {"receipt"}
    judge(file, told, rounds=6)


def test_so_it_is_when_some_of_them_are_killed_and_send_everything_again(tmp_path: Path) -> None:
    file = tmp_path / "cases.db"
    told = at_work(file, rounds=5, kill=random.Random(4))
    assert "killed" in {one.kind for one in told}
    judge(file, told, rounds=5)


@pytest.mark.deep
def test_eight_processes_for_long(tmp_path: Path) -> None:
    rounds = max(3, int(60 * SCALE))
    judge(tmp_path / "a.db", at_work(tmp_path / "a.db", rounds=rounds), rounds=rounds)
    judge(tmp_path / "b.db", at_work(tmp_path / "b.db", rounds=rounds, kill=random.Random(5)), rounds=rounds)


def test_eight_processes_that_begin_at_once_end_with_one_pair_of_key_files_and_one_key_a_unit(tmp_path: Path) -> None:
    gate, opener = os.pipe()
    units = [f"run-{number}" for number in range(20)]

    def seal(process: int) -> None:
        os.close(opener)
        os.read(gate, 1)
        with KeyRing.at(tmp_path / "cases.db", create=True) as ring:
            cells: list[str] = []
            for unit in units:
                ring.ensure("skola.example/log", unit)
                cells.append(ring.seal("skola.example/log", unit, b"text", b"place").hex())
        (tmp_path / f"{process}.json").write_text(json.dumps(cells))

    children = [in_child(lambda process=process: seal(process)) for process in range(PROCESSES)]
    os.close(opener)
    assert [ended(child) for child in children] == [0] * PROCESSES
    os.close(gate)
    with KeyRing.at(tmp_path / "cases.db") as ring:
        for process in range(PROCESSES):
            cells = json.loads((tmp_path / f"{process}.json").read_text())
            for unit, cell in zip(units, cells, strict=True):
                assert ring.open("skola.example/log", unit, bytes.fromhex(cell), b"place") == b"text"


# -- clocks apart


def elsewhere(file: Path, ahead: timedelta, act: Callable[[Engine], Any]) -> Any:
    """What another process answers whose clock is ahead by so much."""
    hear, say = os.pipe()

    def alone() -> None:
        with closing(SqlStore(file)) as store:
            engine = Engine(overlaid(), store, clock=lambda: datetime.now(UTC) + ahead)
            os.write(say, json.dumps(act(engine)).encode())

    child = in_child(alone)
    os.close(say)
    with os.fdopen(hear, "rb") as heard:
        said = heard.read()
    assert ended(child) == 0
    return json.loads(said)


def test_of_two_processes_whose_clocks_are_apart_the_late_one_waits_and_loses_nothing(tmp_path: Path) -> None:
    file, right, fast = tmp_path / "cases.db", timedelta(), timedelta(hours=1)
    me, you = PEOPLE
    case = elsewhere(file, right, lambda engine: light(engine, me, "k-1"))
    assert elsewhere(file, fast, lambda engine: _look(engine, case, you, "k-2").version) == 2

    def late(engine: Engine) -> Any:
        before = _version(engine, case)
        try:
            _look(engine, case, me, "k-3")
        except BadInput as wrong:
            last = wrong.details["last"]
            head = engine.store.head("skola", case)
            assert head is not None
            return [wrong.reason, last == head.at, _version(engine, case) == before, engine.tick("skola")]
        return "taken"

    assert elsewhere(file, right, late) == ["clock_going_back", True, True, 0]
    # Another case is not kept waiting, and the clock that was refused has used no key up.
    assert elsewhere(file, right, lambda engine: light(engine, me, "k-4")) != case
    assert elsewhere(file, fast + timedelta(minutes=1), lambda engine: _look(engine, case, me, "k-3").version) == 3
    with closing(SqlStore(file)) as store:
        times = [orjson.loads(row.body)["at"] for row in store.case_records("skola", case)]
        assert times == sorted(times)
        assert Engine(overlaid(), store).verify("skola") == []


def test_two_clocks_that_tick_at_once_note_each_thing_once(tmp_path: Path) -> None:
    file = tmp_path / "cases.db"
    with closing(SqlStore(file)) as store:
        cases = [light(Engine(overlaid(), store), PEOPLE[0], f"k-{number}") for number in range(6)]
    gate, opener = os.pipe()

    def tick(ahead: timedelta) -> None:
        os.close(opener)
        os.read(gate, 1)
        with closing(SqlStore(file)) as store:
            Engine(overlaid(), store, clock=lambda: datetime.now(UTC) + ahead).tick("skola")

    # Both find that what was due has passed; the one that is behind comes upon cases that the other has moved already.
    ahead = [timedelta(days=9), timedelta(days=9, minutes=1), timedelta(days=9), timedelta(days=9, minutes=1)]
    children = [in_child(lambda one=one: tick(one)) for one in ahead]
    os.close(opener)
    assert [ended(child) for child in children] == [0] * len(ahead)
    os.close(gate)
    with closing(SqlStore(file)) as store:
        engine = Engine(overlaid(), store)
        for case in cases:
            noted = [one for row in store.case_records("skola", case) for one in orjson.loads(row.body).get("due", ())]
            assert [one["passed"] for one in noted if "passed" in one] == [True]
        assert engine.verify("skola") == []
