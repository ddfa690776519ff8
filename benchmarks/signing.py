"""A durable step with the whole audit, against the same step without the tree.

Every step stores its record, with its leaf and its link, in the commit of the step itself: there is no step without.
What the tree adds is a checkpoint: the new leaves are read, checked and hashed into the tree, tiles are written, the
case heads are looked at, the root is signed, and the note goes to the signer's folder and to a file elsewhere.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.audit.sinks import CheckpointFile
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.routines.library import shipped

from .durable import Level, Worker, steps_of
from .measure import Table, figures, interleaved
from .story import begin, stories

WITHOUT = "without the tree"
AUDITED = "with the whole audit"
EACH = "the same, a checkpoint at each step"
OFTEN = 100
"""Steps between two checkpoints: a hundred a minute, signed every minute as docs/audit.md has it, is a large town."""


def _steps(folder: Path, level: Level, cases: int, every: int | None) -> float:
    """Take the steps, with a checkpoint of each log after every so many; microseconds a step."""
    with closing(SqlStore(folder / "cases.db", synchronous=level)) as store:
        engine = Engine(shipped(), store)
        begun = [(story, begin(engine, story, n)) for n in range(cases) for story in stories()]
        logs = [AuditLog(store, name, engine.files.origin(name), folder / name) for name in _organisations()]
        if every is not None:
            _sign(engine, logs, folder)
        taken, start = 0, perf_counter()
        for story, case in begun:
            for number, step in enumerate(story.steps):
                engine.take(case, step.trigger, actor=step.actor, form=step.form, key=f"{case[:8]}-{number}")
                taken += 1
                if every is not None and taken % every == 0:
                    _sign(engine, logs, folder)
        if every is not None and taken % every:
            _sign(engine, logs, folder)
        return (perf_counter() - start) / steps_of(cases) * 1e6


def _organisations() -> Sequence[str]:
    return sorted({story.organisation for story in stories()})


def _sign(engine: Engine, logs: Sequence[AuditLog], folder: Path) -> None:
    for log in logs:
        log.checkpoint(engine.clock, engine.files.entropy, sinks=[CheckpointFile(folder / f"{log.organisation}.kept")])


def without(folder: Path, level: Level, cases: int) -> float:
    """The steps alone."""
    return _steps(folder, level, cases, None)


def audited(folder: Path, level: Level, cases: int) -> float:
    """And a checkpoint of both logs now and then."""
    return _steps(folder, level, cases, OFTEN)


def each(folder: Path, level: Level, cases: int) -> float:
    """And one after each step."""
    return _steps(folder, level, cases, 1)


CONTENDERS = {WITHOUT: without, AUDITED: audited, EACH: each}


def signing(*, rounds: int, cases: int) -> Table:
    """Measure the steps with and without checkpoints."""
    workers = {name: Worker(name) for name in CONTENDERS}
    try:
        for worker in workers.values():
            worker.run("NORMAL", 1)
        runs = {name: lambda worker=worker: worker.run("FULL", cases) for name, worker in workers.items()}
        found = interleaved(runs, rounds)
    finally:
        for worker in workers.values():
            worker.close()
    return Table(
        "A durable step with the whole audit, synchronous=FULL",
        "step",
        (
            f"*{WITHOUT}*: Engine.take on SqlStore. Its commit stores record, leaf and link; no step does without.",
            f"*{AUDITED}*: a checkpoint of both logs every {OFTEN} steps, and one at the end.",
            "A checkpoint checks the new leaves, extends tree and tiles, signs, and makes the note durable twice.",
            "In production it is a process of its own, started every minute; here the steps wait for it. Wall time.",
        ),
        figures(found, low=True, gates={AUDITED: 1.5}),
        low=True,
    )
