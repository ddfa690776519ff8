"""Measure everything, print it, and end with status 1 when a gate is missed by more than is allowed."""

import argparse
import gc
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from stegvis.routines.library import shipped

from .durable import OURS, durable_step
from .folding import fold_of_a_log
from .measure import ALLOWED, Table
from .page import PAGE, text
from .peers import PEERS
from .signing import signing
from .steps import step_in_memory
from .upkeep import also, importing
from .verifying import PROMISED, verifying

_NEEDED = {"eventsourcing": "eventsourcing", "SpiffWorkflow": "SpiffWorkflow", "DBOS": "dbos"}
QUIET = 1.5
"""The load average above which figures are not worth quoting."""


def _installed() -> list[str]:
    peers = [name for name in PEERS if find_spec(_NEEDED.get(name, "sqlmodel")) is not None]
    for name in PEERS.keys() - set(peers):
        print(f"{name} is not installed and is left out; make bench installs it.", file=sys.stderr)
    return peers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/performance.md")
    parser.add_argument("--rounds", type=int, default=9, help="how often everything is measured (at least 7 to count)")
    parser.add_argument("--tiny", action="store_true", help="one round of next to nothing: does it run?")
    parser.add_argument("--without-peers", action="store_true", help="leave the other libraries out")
    parser.add_argument(
        "--records", type=int, default=PROMISED, help="how long a log is verified; the default takes some minutes"
    )
    asked = parser.parse_args()
    rounds = 1 if asked.tiny else asked.rounds
    peers = [] if asked.without_peers else _installed()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    begun = perf_counter()
    library = shipped()
    # What a long-lived server does after loading: the collector need not look at the definitions again and again.
    gc.collect()
    gc.freeze()
    size = 1 if asked.tiny else 100
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        records = min(asked.records, PROMISED if size > 1 else 1100)
        verified, limits = verifying(library, place, rounds=rounds, records=records)
        tables: list[Table] = [
            step_in_memory(library, rounds=rounds, count=18 * size),
            *(
                durable_step([*OURS, *peers], level, rounds=rounds, cases=min(size, 25), gate=gate)
                for level, gate in (("FULL", 0.55), ("NORMAL", 0.40))
            ),
            signing(rounds=rounds, cases=min(size, 25)),
            verified,
            fold_of_a_log(library, place, rounds=rounds, cases=20_000 if size > 1 else 200),
            importing(rounds=rounds),
        ]
        rest = also(library, place, rounds=min(rounds, 3), cases=size)
    how = f"{rounds} rounds, {perf_counter() - begun:,.0f} seconds, load average {load:.1f} when it began."
    if load > QUIET:
        how += "\nThe machine was busy with other work: measure again on a quiet one before quoting any of this."
    page = text(tables, limits, rest, how)
    print(page)
    if asked.write:
        PAGE.write_text(page)
    if asked.tiny:
        return 0
    missed = [figure.name for table in tables for figure in table.missed] + [one.name for one in limits if one.missed]
    for name in missed:
        print(f"gate missed by more than {ALLOWED:.0%}: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
