"""The figures as text: on the screen, and as docs/performance.md."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .measure import ALLOWED, Figure, Limit, Table, quartiles

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"

_PACKAGES = (
    "stegvis",
    "transitions",
    "pydantic",
    "sqlmodel",
    "SQLAlchemy",
    "orjson",
    "cryptography",
    "eventsourcing",
    "SpiffWorkflow",
    "dbos",
)

_HEAD = """# Performance

Written by `make bench ARGS=--write`, which measures everything below in one run. Nothing here is a promise in absolute
numbers: each figure stands beside a floor measured in the same round, and the ratio is what counts.

Contenders take turns, in a new order each round. Ratios are taken inside each round; the table gives their median and,
in brackets, the quartiles. The run fails (exit status 1) when a gate is missed by more than {allowed:.0%}: so much were
ratios seen to differ between runs on a shared machine.
"""


def text(tables: Sequence[Table], limits: Sequence[Limit], also: Sequence[tuple[str, str]], how: str) -> str:
    """The whole page."""
    parts = [_HEAD.format(allowed=ALLOWED), *(_table(table) for table in tables)]
    rows = "\n".join(f"| {one.name} | {one.found:,.1f} {one.unit} | {_held(one)} |" for one in limits)
    parts.append(f"## Held to a number\n\n| what | how much | gate |\n|---|---:|---|\n{rows}\n")
    if also:
        parts.append(
            "## Also\n\n| what | how much |\n|---|---:|\n" + "\n".join(f"| {a} | {b} |" for a, b in also) + "\n"
        )
    parts.append(f"## Measured on\n\n{_machine()}\n\n{how}\n")
    return "\n".join(parts)


def _table(table: Table) -> str:
    direction = (
        "times the floor's time, lower is better" if table.low else "share of the floor's speed, higher is better"
    )
    rows = "\n".join(_row(figure, table) for figure in table.figures)
    notes = "\n".join(f"- {note}" for note in table.notes)
    return (
        f"## {table.title}\n\n| contender | us a {table.unit} | ratio | gate |\n|---|---:|---:|---|\n{rows}\n\n"
        f"Ratio: {direction}.\n\n{notes}\n"
    )


def _row(figure: Figure, table: Table) -> str:
    low, middle, high = quartiles(figure.micros)
    micros = f"{middle:,.1f} ({low:,.1f}-{high:,.1f})"
    if not figure.ratios:
        return f"| {figure.name} (floor) | {micros} | 1 | |"
    low, middle, high = quartiles(figure.ratios)
    return f"| {figure.name} | {micros} | {middle:.2f} ({low:.2f}-{high:.2f}) | {_gate(figure, table)} |"


def _gate(figure: Figure, table: Table) -> str:
    if figure.gate is None:
        return ""
    middle = quartiles(figure.ratios)[1]
    held = middle <= figure.gate if table.low else middle >= figure.gate
    verdict = _verdict(held=held, missed=figure.missed(low=table.low))
    return f"{'at most' if table.low else 'at least'} {figure.gate}: {verdict}"


def _held(limit: Limit) -> str:
    if limit.most is None:
        return ""
    return f"at most {limit.most:,.0f}: {_verdict(held=limit.found <= limit.most, missed=limit.missed)}"


def _verdict(*, held: bool, missed: bool) -> str:
    return "held" if held else "MISSED" if missed else "missed, within what is allowed"


def _machine() -> str:
    system = f"{os.cpu_count()} processors ({_processor()}), {platform.system()}"
    python = f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return f"{datetime.now(UTC).date()}; {system}; {python}; {packages}."


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
