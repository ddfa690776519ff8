"""Good definitions, and what the checks find when a little of them is changed.

The changes stand in tests/definitions/corpus/faults.yaml; ¤ in a new text marks where the fault is to be found.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from stegvis.routines.checks.rounds import check
from stegvis.routines.findings import Finding, Mark, Severity
from stegvis.routines.reader import read_file
from stegvis.routines.sources import Sources
from stegvis.routines.text import Model

CORPUS = Path(__file__).parents[1] / "definitions" / "corpus"
GOOD = CORPUS / "good"
LAMP, TOWER = "routines/lamp.yaml", "routines/tower.yaml"
MARK = "¤"


class Change(Model):
    old: str
    new: str


class Second(Model):
    """Changes to a second file, which keep the fault the only one."""

    file: str
    changes: tuple[Change, ...]


class Fault(Model):
    """A rule, and the changes to a file that break it and nothing else."""

    rule: str
    file: str
    changes: tuple[Change, ...]
    severity: Severity = "error"
    as_of: date | None = None
    also: Second | None = None


def faults() -> Sequence[Fault]:
    """Every fault of the corpus."""
    data = read_file(CORPUS / "faults.yaml").data
    return TypeAdapter(tuple[Fault, ...]).validate_json(orjson.dumps(data))


def changed(file: str, changes: Iterable[Change]) -> tuple[str, Mark]:
    """The text of a good file with these changes, and the marked place in it."""
    text = (GOOD / file).read_text(encoding="utf-8")
    for change in changes:
        assert text.count(change.old) == 1, (change.old, text.count(change.old))
        text = text.replace(change.old, change.new)
    lines = f"{text.partition(MARK)[0]}.".splitlines()
    return text.replace(MARK, ""), Mark(len(lines), len(lines[-1]))


def one(file: str, old: str, new: str) -> tuple[str, Mark]:
    """The text of a good file with one change, and the marked place in it."""
    return changed(file, [Change(old=old, new=new)])


def findings(directory: Path, files: dict[str, str], as_of: date | None = None) -> Sequence[Finding]:
    """What is found in the good definitions with these files in place of theirs."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return check(Sources([GOOD, directory]), as_of=as_of).findings
