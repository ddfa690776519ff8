"""What a large run found, kept as a row of a table in docs/evidence; the run itself writes it, and only when asked.

STEGVIS_WRITE_EVIDENCE=1 make deep SCALE=1
"""

import os
import platform
import sqlite3
import subprocess
from contextlib import closing
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "evidence"
WRITE = os.environ.get("STEGVIS_WRITE_EVIDENCE") == "1"


@lru_cache
def where() -> str:
    """Commit, versions and machine of this run."""
    git = ("git", "-C", str(FOLDER.parent))

    def said(*words: str) -> str:
        return subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()

    changed = said("status", "--porcelain", "--", ":/", ":(exclude,top)docs/evidence")
    commit = said("rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{commit}; {versions}; {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def keep(table: str, *cells: object) -> None:
    """Put a row into ``docs/evidence/TABLE.md``, in the place of the one that has the same first cell."""
    if not WRITE:
        return
    first, *rest = map(str, (*cells, where()))
    path = FOLDER / f"{table}.md"
    with closing(sqlite3.connect(FOLDER / ".lock", timeout=60, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        lines = path.read_text("utf-8").splitlines()
        row = f"| {' | '.join((first, *rest))} |"
        same = [number for number, line in enumerate(lines) if line.startswith(f"| {first} |")]
        if same:
            lines[same[0]] = row
        else:
            lines.append(row)
        path.write_text("\n".join(lines) + "\n", "utf-8")
