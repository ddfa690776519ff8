"""A case as rows and back: what stands open in an index, and what is sealed in a cell."""

from collections.abc import Mapping
from typing import Final, cast

import orjson

from stegvis.routines.digests import canonical
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules

from .access import access_json, access_of
from .clocks import next_stop
from .decide import rules_of
from .persons import persons_json, persons_of
from .ports import CaseRow, DeadlineRow, Loaded, RunRow, Sealer
from .values import Case, Due, Facts, Origin, Pending, Run, Sent

SHAPE: Final = 5
"""What a snapshot holds. Raise it whenever a run or a case comes to hold more, or other, things than before: a snapshot
of another shape is not read, and the case is folded anew from its log."""


def run_row(run: Run, sealer: Sealer, log: str, case: str) -> RunRow:
    """The row of a run; everything somebody wrote is in its sealed snapshot."""
    inside: dict[str, object] = {"facts": run.facts, "said": run.said, "shape": SHAPE}
    if run.due:
        inside["due"] = {name: [*one] for name, one in run.due.items()}
    if run.holder is not None:
        inside["holder"] = run.holder
    if run.pending is not None:
        inside["pending"] = [*run.pending]
    if run.owed:
        inside["owed"] = run.owed
    if run.sent:
        inside["sent"] = {id: [*one] for id, one in run.sent.items()}
    if run.origin is not None:
        inside["origin"] = [*run.origin]
    if run.corrected:
        inside["corrected"] = run.corrected
    inside["place"] = [run.unit, run.opener]
    cell = sealer.seal(log, run.id, canonical(inside), _bound(log, case, run.id, run.state))
    return RunRow(run.id, run.routine, run.rules, run.state, run.person, run.opened, run.ended, cell)


def _bound(log: str, case: str, run: str, state: str) -> bytes:
    return canonical(["run", log, case, run, state])


def run_of_row(row: RunRow, sealer: Sealer, log: str, case: str) -> Run | None:
    """The run that a row holds; None when its snapshot has another shape."""
    inside = cast(
        "dict[str, object]",
        orjson.loads(sealer.open(log, row.run, row.snapshot, _bound(log, case, row.run, row.state))),
    )
    if inside.get("shape") != SHAPE:
        return None
    pending, origin = inside.get("pending"), inside.get("origin")
    due = cast("Mapping[str, list[object]]", inside.get("due", {}))
    sent = cast("Mapping[str, list[str]]", inside.get("sent", {}))
    unit, opener = cast("list[str]", inside["place"])
    return Run(
        id=row.run,
        routine=row.routine,
        rules=row.rules,
        state=row.state,
        person=row.person,
        opened=row.opened,
        ended=row.ended,
        facts=cast("Facts", inside["facts"]),
        due={name: Due(*one) for name, one in due.items()},  # pyright: ignore[reportArgumentType] - as run_row wrote it
        holder=cast("str | None", inside.get("holder")),
        pending=Pending(*cast("list[str]", pending)) if pending is not None else None,  # pyright: ignore[reportArgumentType]
        owed={name: tuple(actors) for name, actors in cast("Mapping[str, list[str]]", inside.get("owed", {})).items()},
        sent={id: Sent(*one) for id, one in sent.items()},
        origin=Origin(*cast("list[str]", origin)) if origin is not None else None,
        corrected=cast("Mapping[str, str]", inside.get("corrected", {})),
        said=cast("Mapping[str, int]", inside["said"]),
        unit=unit,
        opener=opener,
    )


def case_of(loaded: Loaded, sealer: Sealer, log: str, organisation: str) -> Case | None:
    """The case that its rows hold; None when an earlier or a later stegvis made them, and the log alone can tell."""
    row = loaded.case
    shared = cast("dict[str, object]", orjson.loads(sealer.open(log, row.case, row.shared, _shared(log, row.case))))
    opened = [run_of_row(one, sealer, log, row.case) for one in loaded.runs]
    runs = {one.id: one for one in opened if one is not None}
    if shared.get("shape") != SHAPE or len(runs) < len(opened):
        return None
    acute, access = cast("bool", shared["acute"]), access_of(cast("Mapping[str, object]", shared.get("access", {})))
    identity, channels = persons_of(cast("Mapping[str, object]", shared.get("persons", {})))
    return Case(row.case, organisation, row.version, row.at, row.actor, acute, runs, access, identity, channels)


def case_row(case: Case, head: bytes, sealer: Sealer, log: str) -> CaseRow:
    """The row of a case: its place in the log, and sealed what its runs share."""
    shared: dict[str, object] = {"acute": case.acute, "shape": SHAPE}
    access = access_json(case.access)
    if access:
        shared["access"] = access
    persons = persons_json(case.identity, case.channels)
    if persons:
        shared["persons"] = persons
    cell = sealer.seal(log, case.id, canonical(shared), _shared(log, case.id))
    return CaseRow(case.id, case.version, head, case.at, case.actor, cell)


def same_shared(one: Case, other: Case) -> bool:
    """Whether what the runs share is the very same, so that its cell can stay as it was sealed."""
    same = one.acute is other.acute and one.access is other.access
    return same and one.identity is other.identity and one.channels is other.channels


def _shared(log: str, case: str) -> bytes:
    return canonical(["case", log, case])


def case_deadlines(library: Library, case: Case) -> list[DeadlineRow]:
    """The index rows of everything in a case that is due: the runs' deadlines, and openings that nobody has seen."""
    runs = [row for run in case.runs.values() for row in deadline_rows(rules_of(library, run), case.id, run)]
    return [*runs, *opening_rows(case)]


def opening_rows(case: Case) -> list[DeadlineRow]:
    """The index rows of openings that are still to be seen; the clock has nothing to do with them."""
    unseen = ((version, one) for version, one in case.access.openings.items() if one.seen is None)
    return [DeadlineRow(case.id, case.id, f"opening.{of}", one.due, None, one.due, "done") for of, one in unseen]


def deadline_rows(rules: Rules, case: str, run: Run, names: Mapping[str, object] | None = None) -> list[DeadlineRow]:
    """The index rows of a run's running deadlines, all or those named."""
    rows: list[DeadlineRow] = []
    for name, due in run.due.items():
        if names is None or name in names:
            stop, stage = next_stop(rules.routine.deadlines[name], due)
            rows.append(DeadlineRow(case, run.id, name, due.shown, due.legal, stop, stage))
    return rows
