"""Deadlines (frister) inside a run: what a step starts, meets and moves; and what the clock has to do when.

Due instants are computed once, into the event. The internal date never moves; the legal date may, by a decision. When
a fact that a running deadline is counted from changes, it is counted anew, and never to a later internal date.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta


from stegvis.routines.law import LawBook
from stegvis.routines.limits import due as due_instants
from stegvis.routines.model import Deadline
from stegvis.routines.periods import period
from stegvis.routines.rules import Move, Rules

from .instants import local_day, moment_of, text_of
from .values import Due, DueChange, Facts, Run


def changes(  # noqa: PLR0913 - everything a due instant hangs on
    rules: Rules, law: LawBook, move: Move, run: Run | None, facts: Facts, given: Facts, happened: str, now: datetime
) -> list[DueChange]:
    """What the step does to the run's deadlines: closed, started, counted anew, moved.

    ``facts`` are those after the step, ``given`` those that it brought.
    """
    if run is None and not move.starts:
        return []
    running = dict(run.due) if run is not None else {}
    done: list[DueChange] = []
    for name in move.meets:
        due = running.pop(name, None)
        if due is not None:
            done.append({"id": name, "closed": "late" if happened > limit(due) else "kept"})
    for trip in move.starts:
        starts = trip.condition is None or trip.condition.evaluate(facts) is not False
        deadline = rules.routine.deadlines[trip.deadline]
        if starts and (trip.deadline not in running or deadline.restart):
            due = _count(law, deadline, facts, happened, now)
            running.pop(trip.deadline, None)
            done.append(_set(trip.deadline, due))
    if run is not None and running:
        done.extend(_recounted(rules, law, running, facts, given, now))
        done.extend(_prolonged(move, running, facts))
    return done


def limit(due: Due) -> str:
    """The instant after which the deadline was missed: the legal date or the critical time, else the internal date."""
    outer = [one for one in (due.legal, due.critical) if one is not None]
    return min(outer) if outer else due.internal


def _count(law: LawBook, deadline: Deadline, facts: Facts, happened: str, now: datetime) -> Due:
    source = facts.get(deadline.origin) if deadline.origin is not None else None
    start = source if isinstance(source, str) else happened
    critical = facts.get(deadline.or_before) if deadline.or_before is not None else None
    version = law.at(deadline.law, local_day(now))
    ends = due_instants(version, moment_of(start))
    internal = text_of(ends.internal)
    legal = text_of(ends.legal) if ends.legal is not None else None
    return _due(internal, legal, critical if isinstance(critical, str) else None, deadline.law, start)


def _due(internal: str, legal: str | None, critical: str | None, law: str, since: str) -> Due:
    shown = min(one for one in (internal, legal, critical) if one is not None)
    return Due(shown, internal, legal, critical, law, since)


def _set(name: str, due: Due) -> DueChange:
    change: DueChange = {"id": name, "shown": due.shown, "internal": due.internal, "law": due.law, "since": due.since}
    if due.legal is not None:
        change["legal"] = due.legal
    if due.critical is not None:
        change["crit"] = due.critical
    if due.passed:
        change["passed"] = True
    if due.reminded:
        change["reminded"] = due.reminded
    if due.moved:
        change["moved"] = True
    return change


def _recounted(
    rules: Rules, law: LawBook, running: Mapping[str, Due], facts: Facts, given: Facts, now: datetime
) -> Iterator[DueChange]:
    """Running deadlines whose source the step changed. A later start never gives more time than was first given."""
    for name, old in running.items():
        deadline = rules.routine.deadlines[name]
        if deadline.origin not in given and deadline.or_before not in given:
            continue
        new = _count(law, deadline, facts, old.since, now)
        internal = min(old.internal, new.internal)
        legal = old.legal if old.moved else new.legal
        due = _due(internal, legal, new.critical, deadline.law, new.since)
        if due.shown != old.shown or due != old._replace(passed=False, reminded=0, moved=False):
            earlier = due.shown < old.shown
            yield _set(name, due._replace(passed=old.passed and not earlier, moved=old.moved))


def _prolonged(move: Move, running: Mapping[str, Due], facts: Facts) -> Iterator[DueChange]:
    prolongs = move.step.prolongs
    if prolongs is None or prolongs.deadline not in running or move.kind not in {"step", "approve"}:
        return
    until = facts.get(prolongs.until)
    if isinstance(until, str):
        day = moment_of(until) + timedelta(days=1) if len(until) == 10 else moment_of(until)  # noqa: PLR2004 - a date: its last instant
        legal = text_of(day - timedelta(microseconds=1) if len(until) == 10 else day)  # noqa: PLR2004
        old = running[prolongs.deadline]
        yield _set(prolongs.deadline, old._replace(legal=legal, moved=True))


def moot(rules: Rules, state: str, due: Mapping[str, Due]) -> list[DueChange]:
    """Deadlines that nothing can meet any more, because the run has ended where no such step exists."""
    if not rules.spots[state].ends:
        return []
    open_steps = {name for move in rules.moves[state].values() for name in move.meets}
    return [{"id": name, "closed": "moot"} for name in due if name not in open_steps]


def reminders(deadline: Deadline, due: Due) -> list[str]:
    """The instants at which the clock reminds of a deadline, in order; those before its start are left out."""
    end = moment_of(due.shown)
    times = sorted(text_of(end - period(before)) for before in deadline.remind)
    return [one for one in times if one > due.since]


def next_stop(deadline: Deadline, due: Due) -> tuple[str, str]:
    """When the clock next has something to do with this deadline, and what: remind, pass, or ('', 'done')."""
    times = reminders(deadline, due)
    if due.reminded < len(times) and not due.passed:
        return times[due.reminded], "remind"
    return (due.shown, "done") if due.passed else (due.shown, "pass")


def ticked(rules: Rules, run: Run, now: str) -> list[DueChange]:
    """What the clock has to note about a run's deadlines at that instant; nothing the second time."""
    noted: list[DueChange] = []
    for name, due in run.due.items():
        reminded = sum(1 for one in reminders(rules.routine.deadlines[name], due) if one <= now)
        passed = due.passed or now > due.shown
        if reminded > due.reminded or passed is not due.passed:
            noted.append(_set(name, due._replace(reminded=max(reminded, due.reminded), passed=passed)))
    return noted
