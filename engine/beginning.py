"""Runs that a step begins beside its own, in the same case: one of a routine at a time, and with the same holder."""

from stegvis.routines.rules import Move, Rules

from .asking import Ask
from .reasons import reason
from .values import Case, Command, Head, Reason, Run


def beside(case: Case) -> frozenset[str]:
    """The routines of which the case has a run that has not ended."""
    return frozenset(run.routine for run in case.runs.values() if run.ended is None)


def already(ask: Ask, move: Move) -> list[Reason]:
    """Why a step may not begin its routine: a run of it is open in the case."""
    begins = move.step.begins
    if begins is None or ask.case is None or move.kind not in {"step", "propose", "approve"}:
        return []
    return [reason(ask.library, "already_begun", "not_yet")] if begins in beside(ask.case) else []


def opening_of(ask: Ask, case: Case, run: Run, routine: str) -> Command:
    """The command that opens the run a step begins: about the same person, with nothing answered yet."""
    return Command(
        kind="open",
        run=ask.command.fresh or "",
        trigger=routine,
        happened=ask.command.happened,
        person=run.person,
        seen=ask.command.seen,
        digest=ask.command.digest,
        case=case.id,
        begun=run.id,
    )


def follow(head: Head, first: Run) -> None:
    """A run that a step of another begins is with whoever has that one."""
    head["begun"] = first.id
    if first.holder is not None:
        head["hold"] = first.holder


def along(head: Head, rules: Rules, case: Case, run: Run) -> None:
    """Runs that this one has begun go to whoever it goes to, unless somebody else has them by now."""
    if "hold" not in head or not rules.begins:
        return
    others = (one for one in case.runs.values() if one.routine in rules.begins and one.holder in {None, run.holder})
    going = [one.id for one in others if one.id != run.id and one.ended is None]
    if going:
        head["along"] = going
