"""Rows to put in a store: small, valid, and different where it matters."""

# ruff: noqa: D103  # each makes the row it is typed with

from stegvis.engine.ports import AnswerRow, CaseRow, Commit, DeadlineRow, DraftRow, OutboxRow, RecordRow, RunRow

DAY = "2026-03-02T08:00:00.000000Z"


def instant(minute: int) -> str:
    """So many minutes, 0 to 599, into one day."""
    return f"2026-03-02T{minute // 60:02}:{minute % 60:02}:00.000000Z"


def link(case: str, version: int, *, id: str | None = None) -> RecordRow:
    """A record in a case chain, with something sealed."""
    name = id or f"{case}.{version}"
    return RecordRow(
        name, case, version, f"body {name}".encode(), name.encode().ljust(32, b"."), f"{case}/run", b"\0\xff"
    )


def access(id: str, *, case: str | None = None) -> RecordRow:
    """A record in the access stream, with nothing sealed."""
    return RecordRow(id, case, None, f"access {id}".encode(), id.encode().ljust(32, b"."), None, None)


def standing(case: str, version: int, *, actor: str = "u-1", at: str = DAY) -> CaseRow:
    return CaseRow(case, version, f"head {version}".encode(), at, actor, f"shared {version}".encode())


def run(
    name: str,
    *,
    state: str = "received",
    routine: str = "report",
    person: str | None = "p-1",
    opened: str = DAY,
    ended: str | None = None,
) -> RunRow:
    return RunRow(name, routine, "d" * 64, state, person, opened, ended, f"snapshot {state}".encode())


def deadline(case: str, name: str, *, run: str = "r-1", at: str = DAY, stage: str = "remind") -> DeadlineRow:
    return DeadlineRow(case, run, name, at, None, at, stage)


def posted(id: str, case: str, *, at: str = DAY) -> OutboxRow:
    return OutboxRow(id, case, "r-1", "social_services", at, f"cell {id}".encode())


def draft(
    case: str,
    trigger: str,
    *,
    run: str = "r-1",
    actor: str = "u-1",
    at: str = DAY,
    expires: str = DAY,
    version: int = 1,
) -> DraftRow:
    return DraftRow(case, run, trigger, actor, version, at, expires, f"cell {trigger} {actor} {version}".encode())


def answered(key: str, case: str, version: int, *, actor: str = "u-1") -> AnswerRow:
    return AnswerRow(actor, key, f"digest {key}", case, version, f"{case}.{version}")


def step(organisation: str, case: str, version: int, *, actor: str = "u-1", key: str | None = None) -> Commit:
    """The plainest command: the case goes to this version with one record, and its run along."""
    return Commit(
        organisation=organisation,
        expected=version - 1,
        case=standing(case, version, actor=actor),
        records=(link(case, version),),
        runs=(run(f"{case}/run", state=f"state {version}"),),
        answer=answered(key, case, version, actor=actor) if key else None,
    )
