"""Eighteen ways to change a log: each is found with one checkpoint held elsewhere, the first bad record named."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from random import Random
from time import process_time

import pytest

from stegvis.adapters.audit.verify import Compared, compare
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.ports import RecordRow
from stegvis.engine.verify import Fault, verify_case, verify_log
from stegvis.routines.library import shipped

from ..evidence import keep
from .attacks import ON_RECORDS, forge, on_payload, opened
from .held import HERE, ORIGIN, SHORT, STORIES, Held, hold

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(tmp_path_factory.mktemp("small"), SHORT, 0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(tmp_path_factory.mktemp("large"), STORIES, max(500, min(10_000, round(10_000 * SCALE))))


def copied(held: Held, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    for file in held.folder.glob("cases.db*"):
        shutil.copy(file, to)
    return to / "cases.db"


class Reading(SqlStore):
    """The log, read from the file once for all that look at it."""

    def log(
        self, organisation: str, *, after: int = 0, until: int | None = None, payloads: bool = True
    ) -> Iterator[tuple[int, RecordRow]]:
        rows = self.rows(organisation, payloads=payloads)
        return (one for one in rows if after < one[0] and (until is None or one[0] <= until))

    @lru_cache(maxsize=1)  # noqa: B019 - a store lives as long as one attack
    def rows(self, organisation: str, *, payloads: bool) -> list[tuple[int, RecordRow]]:
        return list(super().log(organisation, payloads=payloads))


def look(database: Path, held: Held, *, alone: bool = True) -> tuple[Compared, Compared | None, list[Fault]]:
    """What is found with the leaves that were kept, with the checkpoint alone, and by structure alone."""
    with closing(Reading(database)) as store:
        rows = [row for _, row in store.log(HERE, payloads=False)]
        faults = list(verify_log(store, HERE, ORIGIN))
    bare = compare(rows, [held.checkpoint]) if alone else None
    return compare(rows, [held.checkpoint], held.leaves), bare, faults


def named(compared: Compared, faults: list[Fault]) -> int | None:
    """The first record that anything is said against for certain."""
    places = [fault.place for fault in faults if fault.code in {"leaf_differs", "misplaced", "not_canonical"}]
    bad = compared.bad
    return min([*places, *([bad.first] if bad is not None else [])], default=None)


def attack(held: Held, kind: str, seed: int, folder: Path, *, alone: bool = True) -> tuple[bool, bool]:
    """Attack once. Answers whether it was found, and whether the first bad record was named.

    With nothing but the checkpoint (``alone``) it is to be found all the same, the first bad record where it is said
    to lie.
    """
    forged = ON_RECORDS[kind](Random(f"{kind} {seed}"), held.rows, held.others)
    database = copied(held, folder)
    forge(database, HERE, held.rows, forged.rows)
    compared, bare, faults = look(database, held, alone=alone)
    found = compared.bad is not None or bool(faults)
    if bare is not None:
        found = found and (bare.bad is not None or bool(faults))
        found = found and (bare.bad is None or bare.bad.first <= forged.first <= bare.bad.last)
    return found, named(compared, faults) == forged.first


def test_the_honest_log_is_what_its_checkpoint_says(small: Held) -> None:
    compared, bare, faults = look(small.folder / "cases.db", small)
    assert compared == bare == (len(small.rows), len(small.rows), None)
    assert faults == []
    assert any(b'"case.heads"' in row.body for row in small.rows)
    assert any(b'"config"' in row.body for row in small.rows)


@pytest.mark.parametrize("kind", ON_RECORDS)
def test_a_changed_log_is_found_and_the_first_bad_record_named(small: Held, kind: str, tmp_path: Path) -> None:
    assert attack(small, kind, 1, tmp_path / "copy") == (True, True)


@pytest.mark.deep
@pytest.mark.parametrize("kind", ON_RECORDS)
def test_a_changed_log_is_found_a_thousand_times(large: Held, kind: str, tmp_path: Path) -> None:
    began, missed, count = process_time(), [0, 0], max(3, round(1000 * SCALE))
    for seed in range(count):
        for which, good in enumerate(attack(large, kind, seed, tmp_path / "copy", alone=seed % 10 == 0)):
            missed[which] += not good
    found, right = (count - one for one in missed)
    keep("attacks", kind, len(large.rows), count, found, right, round(process_time() - began))
    assert missed == [0, 0]


def payloads(held: Held, kind: str, seeds: Iterator[int], folder: Path) -> bool:
    """As many attacks on one file as there are seeds: what is sealed is looked at record by record."""
    database = copied(held, folder)
    touched: set[int] = set()
    with closing(opened(database)) as file:
        for seed in seeds:
            touched |= set(on_payload(kind, Random(f"{kind} {seed}"), file, HERE))
        file.commit()
        places = {
            index: (case, cseq)
            for index, case, cseq in file.execute(
                "SELECT idx, case_id, cseq FROM stegvis_record WHERE org = ?", (HERE,)
            )
        }
    with closing(SqlStore(database)) as store:
        engine = Engine(shipped(), store)
        found = {
            (fault.case, fault.place)
            for case in {places[index][0] for index in touched}
            for fault in verify_case(engine._place(HERE, engine._library_of(HERE, case)), case)
            if fault.code in {"bad_cell", "payload_missing", "payload_differs"}
        }
    return {places[index] for index in touched} <= found


PAYLOADS = {
    "flip": "a bit of what is sealed is flipped",
    "delete": "what is sealed is taken away",
    "swap": "what is sealed changes places",
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_change_of_what_is_sealed_is_found_at_its_record(small: Held, kind: str, tmp_path: Path) -> None:
    assert payloads(small, kind, iter(range(1)), tmp_path / "copy")


@pytest.mark.deep
@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_change_of_what_is_sealed_is_found_a_thousand_times(large: Held, kind: str, tmp_path: Path) -> None:
    began, found, count = process_time(), 0, max(10, round(1000 * SCALE))
    for begin in range(0, count, 50):
        seeds = range(begin, min(begin + 50, count))
        found += len(seeds) * payloads(large, kind, iter(seeds), tmp_path / "copy")
    keep("attacks", PAYLOADS[kind], len(large.rows), count, found, found, round(process_time() - began))
    assert found == count
