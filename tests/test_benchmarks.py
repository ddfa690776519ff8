"""The benchmarks run, and a floor does what its name says. No time is asserted: figures are for people to read."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TWICE = """
import sys
from contextlib import closing
from pathlib import Path
from benchmarks.durable import bare, capture, replay
from stegvis.routines.library import shipped

engine, floor = map(Path, sys.argv[1:])
captured = capture(shipped(), engine, 1)
with closing(bare(floor, "NORMAL")) as connection:
    replay(connection, captured.opening)
    replay(connection, captured.steps)
print(len(captured.steps))
"""


def ran(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for the name that each file has of its own."""
    connection = sqlite3.connect(file)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    held = {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}  # noqa: S608
    connection.close()
    held["stegvis_mark"] = [row for row in held["stegvis_mark"] if row[1] != "store"]
    return held


def test_the_floor_of_a_durable_step_writes_the_rows_that_the_engine_writes(tmp_path: Path) -> None:
    by_engine, by_floor = tmp_path / "engine.db", tmp_path / "floor.db"
    steps = int(ran("-c", TWICE, str(by_engine), str(by_floor)))
    held = tables(by_engine)
    assert tables(by_floor) == held
    # Each step left a record with its payload and an answer, as did both openings; the last begins an investigation.
    assert steps == 18
    assert len(held["stegvis_record"]) == len(held["stegvis_payload"]) == steps + 3
    assert len(held["stegvis_answer"]) == steps + 2


@pytest.mark.deep
def test_every_table_is_measured_beside_its_floor() -> None:
    page = ran("-m", "benchmarks", "--tiny", "--without-peers")
    sections = page.split("\n## ")[1:]
    titles = [section.partition("\n")[0] for section in sections]
    assert titles == [
        "A step in memory",
        "A durable step on SQLite, synchronous=FULL",
        "A durable step on SQLite, synchronous=NORMAL",
        "A durable step with the whole audit, synchronous=FULL",
        "Verifying 1,111 records without keys",
        "Fold of 2,000 records (200 cases)",
        "Import of the core",
        "Held to a number",
        "Also",
        "Measured on",
    ]
    for section in sections[:7]:
        assert section.count("(floor)") == 1
        assert "| at " in section
