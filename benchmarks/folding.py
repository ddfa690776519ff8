"""Folding a whole log, against fetch, parse, SHA-256 and a table look-up of the same records."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import orjson

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine, now_utc
from stegvis.engine.evolve import evolve
from stegvis.engine.ports import CaseRow, Commit, RecordRow
from stegvis.engine.sealing import ChainHead, leaf_hash, seal, unseal
from stegvis.engine.values import Case, Event, Head
from stegvis.routines.library import Library

from .measure import Table, figures, interleaved
from .story import Story, begin, further, stories

FLOOR = "fetch + orjson + sha256 + table"
FOLD = "fold: log, leaf check, unseal, evolve"

Moves = Mapping[tuple[str, str, str], frozenset[str]]
"""(rules, from, trigger) -> the states it may lead to."""


def events_of(engine: Engine, story: Story) -> list[Event]:
    """What happens in one case of a story, payloads and all."""
    case = begin(engine, story, 1)
    further(engine, story, case)
    rows = engine.store.case_records(story.organisation, case)
    return [engine.files.event(row, story.organisation, case) for row in rows]


def fill(library: Library, file: Path, cases: int) -> int:
    """Write a log of that many cases with the store's own commit; how many records it holds.

    Cases are written a hundred at a time, one step of each in turn, as they would come in.
    """
    played = Engine(library, MemoryStore())
    told = [(story.organisation, events_of(played, story)) for story in stories()]
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        engine = Engine(library, store)
        chance = engine.files.entropy
        for first in range(0, cases, 100):
            batch = [(*told[n % len(told)], chance(16).hex(), chance(16).hex()) for n in range(first, first + 100)]
            heads: dict[str, bytes | None] = {}
            for step in range(10):
                for organisation, events, case, run in batch[: cases - first]:
                    heads[case] = _append(engine, organisation, events[step], (case, run, step), heads.get(case))
    return cases * 10


def _append(engine: Engine, organisation: str, event: Event, place: tuple[str, str, int], prev: bytes | None) -> bytes:
    case, run, step = place
    head: Head = {**event.head, "run": run, "case": case}
    log = engine.files.origin(organisation)
    record, payload = seal(event._replace(head=head), ChainHead(log, case, step, prev), engine.files.entropy, now_utc)
    engine.keys.ensure(log, "benchmark")
    cell = engine.keys.seal(log, "benchmark", payload, record.leaf)
    row = RecordRow(record.id, case, record.cseq, record.body, record.leaf, run, cell)
    at = CaseRow(case, step + 1, record.leaf, head["at"], head["actor"], b"")
    engine.store.commit(Commit(organisation, step, at, (row,)))
    return record.leaf


def moves_of(library: Library) -> Moves:
    """What the floor looks a step up in."""
    return {
        (rules.digest, source, trigger): frozenset(move.targets)
        for rules in library.by_digest.values()
        for source, moves in rules.moves.items()
        for trigger, move in moves.items()
    }


def floor(file: Path, moves: Moves) -> dict[str, str]:
    """Where each case stands, with nothing but sqlite3, orjson, hashlib and a table."""
    stands: dict[str, str] = {}
    with closing(sqlite3.connect(file)) as connection:
        for organisation in {story.organisation for story in stories()}:
            rows = connection.execute(
                "SELECT case_id, body, leaf FROM stegvis_record WHERE org = ? AND cseq IS NOT NULL ORDER BY idx",
                (organisation,),
            )
            for case, body, leaf in rows:
                if sha256(b"\x00" + body).digest() != leaf:
                    raise AssertionError(case)
                head = orjson.loads(body)
                if head["from"] and head["to"] not in moves[head["def"], head["from"], head["trg"]]:
                    raise AssertionError(case)
                stands[case] = head["to"]
    return stands


def fold(store: SqlStore) -> dict[str, Case]:
    """Every case as the log leaves it, with no key: each leaf checked, each record folded."""
    cases: dict[str, Case] = {}
    for organisation in {story.organisation for story in stories()}:
        for _, row in store.log(organisation, payloads=False):
            if row.case is None:
                continue
            if leaf_hash(row.body) != row.leaf:
                raise AssertionError(row.case)
            cases[row.case] = evolve(cases.get(row.case), unseal(row.body, None))
    return cases


def fold_of_a_log(library: Library, folder: Path, *, rounds: int, cases: int) -> Table:
    """Measure folding a log of that many cases."""
    file = folder / "log.db"
    records = fill(library, file, cases)
    moves = moves_of(library)
    with closing(SqlStore(file)) as store:
        folded = {case.id: run.state for case in fold(store).values() for run in case.runs.values()}
        assert folded == floor(file, moves)

        def timed(work: Callable[[], object]) -> Callable[[], float]:
            def run() -> float:
                begun = perf_counter()
                work()
                return (perf_counter() - begun) / records * 1e6

            return run

        found = interleaved({FLOOR: timed(lambda: floor(file, moves)), FOLD: timed(lambda: fold(store))}, rounds)
    size = file.stat().st_size
    return Table(
        f"Fold of {records:,} records ({cases:,} cases)",
        "record",
        (
            f"*{FLOOR}*: the least that tells where each case stands and that no byte has changed.",
            f"*{FOLD}*: what an auditor without keys does; the facts stay sealed, states and deadlines are exact.",
            f"The file holds {size / records:,.0f} bytes a record, payloads and indexes included.",
            "Warm page cache, wall time.",
        ),
        figures(found, low=False, gates={FOLD: 0.6}),
        low=False,
    )
