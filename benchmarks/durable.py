"""A durable step on SQLite, against bare sqlite3 writing the same rows into the same tables.

Each contender has a process of its own, kept between rounds; each round has fresh files. What is timed is taking the
steps: opening the cases comes before, uncounted, in every contender.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.routines.library import Library, shipped

from .measure import Table, figures, interleaved
from .story import begin, further, stories

Level: TypeAlias = Literal["FULL", "NORMAL"]
Contender: TypeAlias = Callable[[Path, Level, int], float]
"""Takes the steps of that many cases of each story in a fresh folder; answers microseconds a step."""

FLOOR = "bare sqlite3, the same rows"
WHOLE = "Engine.take on SqlStore"
COLD = "the same, no case at hand"


def steps_of(cases: int) -> int:
    return cases * sum(len(story.steps) for story in stories())


# ---- stegvis ------------------------------------------------------------------------------------------------------


def whole(folder: Path, level: Level, cases: int) -> float:
    """Take the steps through the engine, everything on."""
    with closing(SqlStore(folder / "cases.db", synchronous=level)) as store:
        engine = Engine(shipped(), store)
        begun = [(story, begin(engine, story, n)) for n in range(cases) for story in stories()]
        start = perf_counter()
        for story, case in begun:
            further(engine, story, case)
        return (perf_counter() - start) / steps_of(cases) * 1e6


def cold(folder: Path, level: Level, cases: int) -> float:
    """The same by two engines in turn, so that whoever takes a step finds that the other has moved the case."""
    with closing(SqlStore(folder / "cases.db", synchronous=level)) as store:
        one, other = Engine(shipped(), store), Engine(shipped(), store)
        begun = [(story, begin(one, story, n)) for n in range(cases) for story in stories()]
        start = perf_counter()
        for story, case in begun:
            for number, step in enumerate(story.steps):
                engine = (other, one)[number % 2]
                engine.take(case, step.trigger, actor=step.actor, form=step.form, key=f"{case[:8]}-{number}")
        return (perf_counter() - start) / steps_of(cases) * 1e6


# ---- the floor ----------------------------------------------------------------------------------------------------


class Statement(NamedTuple):
    sql: str
    rows: Sequence[Sequence[Any]]


class Recorder:
    """A connection that remembers what was written through it."""

    def __init__(self, connection: sqlite3.Connection, written: list[Statement]) -> None:
        self._connection = connection
        self._written = written

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if not sql.startswith("SELECT"):
            self._written.append(Statement(sql, [tuple(values)]))
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        kept = [tuple(row) for row in rows]
        self._written.append(Statement(sql, kept))
        return self._connection.executemany(sql, kept)


class Captured(NamedTuple):
    """What a run wrote, one list a transaction: those before the steps, and the steps."""

    opening: Sequence[Sequence[Statement]]
    steps: Sequence[Sequence[Statement]]


def capture(library: Library, file: Path, cases: int) -> Captured:
    """Run the stories once and keep every statement that wrote, with its very bytes."""
    written: list[list[Statement]] = []
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        write = store.database.write

        def recorded(work: Callable[[Any], Any]) -> Any:
            written.append([])
            return write(lambda connection: work(Recorder(connection, written[-1])))

        store.database.write = recorded
        engine = Engine(library, store)
        begun = [(story, begin(engine, story, n)) for n in range(cases) for story in stories()]
        opening = len(written)
        for story, case in begun:
            further(engine, story, case)
    # A definition is stored once, before the first step that names it; it is no step.
    steps = [one for one in written[opening:] if any("stegvis_record" in statement.sql for statement in one)]
    once = [one for one in written[opening:] if one not in steps]
    return Captured([*written[:opening], *once], steps)


def replay(connection: sqlite3.Connection, transactions: Sequence[Sequence[Statement]]) -> None:
    """Write it all again, one transaction for each there was."""
    execute, executemany = connection.execute, connection.executemany
    for statements in transactions:
        execute("BEGIN IMMEDIATE")
        for sql, rows in statements:
            if len(rows) == 1:
                execute(sql, rows[0])
            else:
                executemany(sql, rows)
        execute("COMMIT")


def bare(file: Path, level: Level) -> sqlite3.Connection:
    """A fresh file with the store's schema, opened as anybody would, at that level."""
    SqlStore(file).close()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(f"PRAGMA synchronous = {level}")
    return connection


@lru_cache(maxsize=1)
def _captured(cases: int) -> Captured:
    with tempfile.TemporaryDirectory() as folder:
        return capture(shipped(), Path(folder) / "cases.db", cases)


def floor(folder: Path, level: Level, cases: int) -> float:
    """Write the same rows with bare sqlite3."""
    captured = _captured(cases)
    with closing(bare(folder / "cases.db", level)) as connection:
        replay(connection, captured.opening)
        start = perf_counter()
        replay(connection, captured.steps)
        return (perf_counter() - start) / len(captured.steps) * 1e6


# ---- in turn ------------------------------------------------------------------------------------------------------

OURS: Mapping[str, Contender] = {FLOOR: floor, WHOLE: whole, COLD: cold}


class Worker:
    """A contender in a process of its own."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, level: Level, cases: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            answer = self._ask([folder, level, cases])
        return float(answer)

    def _ask(self, what: list[Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"a contender ended with status {self._process.wait()}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def durable_step(names: Sequence[str], level: Level, *, rounds: int, cases: int, gate: float) -> Table:
    """Measure the contenders at one level, in turn; ``rounds`` is at least 1."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name)) for name in names}
        for worker in workers.values():
            worker.run("NORMAL", 1)
        contenders = {name: lambda worker=worker: worker.run(level, cases) for name, worker in workers.items()}
        found = interleaved(contenders, rounds)
    return Table(
        f"A durable step on SQLite, synchronous={level}",
        "step",
        (
            f"*{FLOOR}*: BEGIN IMMEDIATE, the very statements and bytes that the engine was seen to write, COMMIT.",
            f"*{WHOLE}*: everything on, no log line. *{COLD}*: each case is read from the file and opened first.",
            "The peers take the shortest durable step their tutorials show, all on WAL at the same level.",
            "They do less: no roles, forms, deadlines, sealing or evidence. Wall time.",
            "At FULL a slow or busy disk moves every ratio towards 1; the library's own share shows at NORMAL.",
        ),
        figures(found, low=False, gates={WHOLE: gate}),
        low=False,
    )
