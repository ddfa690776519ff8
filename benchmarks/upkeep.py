"""What it costs to have stegvis around: importing, loading definitions, room on disk and in memory."""

import gc
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.files import HELD
from stegvis.routines.checks.rounds import check
from stegvis.routines.library import SHIPPED, Library, load
from stegvis.routines.sources import Sources

from .measure import Table, figures, interleaved
from .story import begin, further, stories

FLOOR = "import pydantic"
CORE = "import stegvis"


def importing(*, rounds: int) -> Table:
    """Measure importing the core against importing pydantic, in fresh processes, over a bare interpreter."""

    def started(code: str) -> Callable[[], float]:
        def run() -> float:
            begun = perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            return (perf_counter() - begun) * 1e6

        return run

    contenders = {
        "": started("pass"),
        FLOOR: started("from pydantic import BaseModel"),
        CORE: started("import stegvis"),
    }
    found = interleaved(contenders, rounds)
    bare = found.pop("")
    over = {name: [max(one - none, 1.0) for one, none in zip(them, bare, strict=True)] for name, them in found.items()}
    return Table(
        "Import of the core",
        "import",
        ("Fresh processes with compiled files, less a bare interpreter of the same round. Wall time.",),
        figures(over, low=True, gates={CORE: 1.8}),
        low=True,
    )


def also(library: Library, folder: Path, *, rounds: int, cases: int) -> list[tuple[str, str]]:
    """Figures that have no floor: what, and how much."""
    loads: list[float] = []
    compiled: list[float] = []
    checked: list[float] = []
    for _ in range(rounds):
        begun = perf_counter()
        loaded = load()
        loads.append(perf_counter() - begun)
        begun = perf_counter()
        for name in loaded.versions:
            assert loaded.versions[name]
        compiled.append(perf_counter() - begun)
        begun = perf_counter()
        check(Sources([SHIPPED]))
        checked.append(perf_counter() - begun)
    file = folder / "room.db"
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        engine = Engine(library, store)
        begun_cases = [(story, begin(engine, story, n)) for n in range(cases) for story in stories()]
        for story, case in begun_cases:
            further(engine, story, case)
        records = sum(len(list(store.log(story.organisation))) for story in stories())
        held = _held(library, store, [(story.organisation, case) for story, case in begun_cases])
    return [
        ("load() of what is shipped, found to be what was checked", f"{statistics.median(loads) * 1e3:,.0f} ms"),
        ("compiling every shipped routine, each when first asked for", f"{statistics.median(compiled) * 1e3:,.0f} ms"),
        ("check() of every shipped definition", f"{statistics.median(checked) * 1e3:,.0f} ms"),
        ("on disk, a record with all that a step writes", f"{file.stat().st_size / records:,.0f} bytes"),
        (f"in memory, a held case with ten records behind it (an engine holds {HELD})", f"{held / 1024:,.1f} KiB"),
    ]


def _held(library: Library, store: SqlStore, cases: list[tuple[str, str]]) -> float:
    """Bytes that each opened case takes."""
    engine = Engine(library, store)
    cases = cases[:HELD]
    engine.files.case(*cases[0])
    gc.collect()
    tracemalloc.start()
    for organisation, case in cases[1:]:
        engine.files.case(organisation, case)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / max(len(cases) - 1, 1)
