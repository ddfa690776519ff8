"""Checking a long log without keys: the very command, in fresh processes, against a time and a room that are promised.

Making the log takes longer than checking it: its size is an option of the whole run.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from stegvis.routines.library import Library

from .long_log import make
from .measure import Limit, Table, figures, interleaved

ONE, TWO = "one process", "two processes"
SECONDS, MEGABYTES = 30.0, 200.0
"""What is promised for ``PROMISED`` records on one core."""

PROMISED = 1_000_000
ROUNDS = 3
"""A round takes most of a minute."""


class Spent(NamedTuple):
    """What a command took, with all processes that it began."""

    wall: float
    processor: float
    largest: float
    """Most that one process held, in megabytes."""


def spent(*arguments: str) -> Spent:
    """Run ``stegvis`` with those arguments in a fresh process, to a good end."""
    begun = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _MEASURED, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    said, _ = process.communicate()
    assert process.returncode == 0, said
    processor, largest = map(float, said.splitlines()[-1].split())
    return Spent(perf_counter() - begun, processor, largest)


# A process in between, since what a process is said to have held at most begins with what its parent holds.
_MEASURED = """
import subprocess, sys
from resource import RUSAGE_CHILDREN, getrusage
ended = subprocess.run([sys.executable, "-m", "stegvis.adapters.cli", *sys.argv[1:]]).returncode
used = getrusage(RUSAGE_CHILDREN)
scale = 1e6 if sys.platform == "darwin" else 1e3
print(used.ru_utime + used.ru_stime, used.ru_maxrss / scale)
sys.exit(ended)
"""


def verifying(library: Library, folder: Path, *, rounds: int, records: int) -> tuple[Table, Sequence[Limit]]:
    """Measure checking a log of that many records, by one process and by two."""
    file = folder / "long.db"
    held = make(library, file, records)
    took: dict[str, list[Spent]] = {ONE: [], TWO: []}

    def timed(name: str, *more: str) -> Callable[[], float]:
        def run() -> float:
            one = spent("verify", "--without-keys", "--db", str(file), *more)
            took[name].append(one)
            return one.wall / held * 1e6

        return run

    contenders = {ONE: timed(ONE), TWO: timed(TWO, "--processes", "2")}
    found = interleaved(contenders, min(rounds, ROUNDS))
    whole = held >= PROMISED
    room = file.stat().st_size / held
    for one in folder.glob("long.db*"):
        one.unlink()
    table = Table(
        f"Verifying {held:,} records without keys",
        "record",
        (
            "`stegvis verify --without-keys` from its start to its end, on the log of one organisation.",
            "Each record is read, hashed, parsed, made canonical again, held against its place and its case's chain.",
            "Each definition that is named is hashed, each hand-off looked up.",
            "Payloads are not read without keys, nor held against their commitments: this log was made without any.",
            f"Cases of eleven records, a hundred beside each other; the file holds {room:,.0f} bytes a record.",
            f"{min(rounds, ROUNDS)} rounds. Warm page cache, wall time.",
        ),
        figures(found, low=False, gates={TWO: 1.3}),
        low=False,
    )
    seconds = median(one.processor for one in took[ONE])
    limits = [
        Limit(f"verifying {held:,} records, one process", seconds, SECONDS if whole else None, "s of processor time"),
        Limit("the same, memory", max(one.largest for one in took[ONE]), MEGABYTES, "MB at most"),
        Limit("the same by two, memory of the largest", max(one.largest for one in took[TWO]), MEGABYTES, "MB at most"),
    ]
    return table, limits
