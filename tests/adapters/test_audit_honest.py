"""No false alarm: whatever people do at once, an honest log is what every checkpoint of it says."""

import os
import shutil
import threading
from contextlib import closing
from pathlib import Path
from random import Random
from time import process_time

import pytest

from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.audit.note import Checkpoint, read_checkpoint
from stegvis.adapters.audit.sinks import read_notes
from stegvis.adapters.audit.verify import compare
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.scenarios import play
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import now_utc
from stegvis.engine.ports import Store
from stegvis.engine.verify import verify_log
from stegvis.routines.library import SHIPPED, shipped

from ..evidence import keep

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))
PARTS = 4
QUICK = (
    "acute-from-any-state",
    "declared-bias",
    "guardian-answers",
    "law-change-2025-07-01",
    "night-before-summer-time",
    "report-wrong-municipality",
    "risk-moves-at-night",
)
STORIES = {name: SHIPPED / "scenarios" / f"{name}.yaml" for name in QUICK}
ORIGINS = {name: one.origin for name, one in shipped().organisations.organisations.items()}


def honest(chance: Random, store: Store, folder: Path) -> tuple[int, int]:
    """Two people play stories of the shipped routines at once, while their logs are signed.

    Answers how many records there are then, and how many checkpoints.
    """
    gate = threading.Barrier(3)
    faults: list[BaseException] = []
    logs = {name: AuditLog(store, name, ORIGINS[name], folder / name) for name in ("skola", "socialtjanst")}

    def work(names: list[str]) -> None:
        gate.wait()
        try:
            for name in names:
                # Two stories live in different years, and the later one's clock runs for both: some steps are refused.
                play(STORIES[name], shipped(), store)
        except BaseException as error:  # noqa: BLE001 - said in the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=work, args=(chance.choices(QUICK, k=chance.randrange(1, 3)),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.wait()
    while any(thread.is_alive() for thread in threads):
        for log in logs.values():
            log.checkpoint(now_utc, os.urandom)
        threads[0].join(chance.random() / 10)
        threads[1].join(chance.random() / 10)
    assert faults == []
    signed = records = 0
    for name, log in logs.items():
        log.checkpoint(now_utc, os.urandom)
        known: list[Checkpoint] = [
            read_checkpoint(note.text) for note in read_notes((log.folder / "checkpoints").read_bytes())
        ]
        size = known[-1].size
        rows = [row for _, row in store.log(name, payloads=False)]
        chosen = chance.sample(known, chance.randrange(1, len(known) + 1))
        for kept in (list(log.tiles.leaves(size)), []):
            found = compare(rows, chosen, kept)
            assert found == (len(rows), max(one.size for one in chosen), None)
        assert list(verify_log(store, name, ORIGINS[name])) == []
        signed += len(known)
        records += len(rows)
    return records, signed


def test_an_honest_log_raises_no_alarm(tmp_path: Path) -> None:
    with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
        assert honest(Random(1), store, tmp_path)[1] >= 2


def test_a_log_that_is_signed_before_its_first_case_gets_its_keys_with_that_case(tmp_path: Path) -> None:
    """Found here: what signed first had begun the log, and a log that had begun was given no keys."""
    with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
        AuditLog(store, "skola", ORIGINS["skola"], tmp_path / "skola").checkpoint(now_utc, os.urandom)
        assert list(store.log("skola"))
        assert not play(STORIES["declared-bias"], shipped(), store).failures


@pytest.mark.deep
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_honest_logs_raise_no_alarm(part: int, tmp_path: Path) -> None:
    """Two logs, of two organisations, at each seed."""
    began, count = process_time(), max(PARTS, round(5_000 * SCALE))
    records = signed = alarms = 0
    seeds = range(part, count, PARTS)
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        store = MemoryStore() if seed // PARTS % 10 else SqlStore(folder / "cases.db", synchronous="NORMAL")
        try:
            found = honest(Random(seed), store, folder)
            records, signed = records + found[0], signed + found[1]
        except AssertionError as error:
            print(seed, error)  # noqa: T201 - shown where the test fails
            alarms += 1
        finally:
            if isinstance(store, SqlStore):
                store.close()
        shutil.rmtree(folder)
    what, at = f"honest logs, part {part + 1} of {PARTS}", f"{alarms} alarms at {signed} checkpoints"
    keep("attacks", what, records, 2 * len(seeds), at, "", round(process_time() - began))
    assert not alarms
