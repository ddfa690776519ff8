"""Deadlines (frister) inside a run: what a step starts, meets and moves; and what the clock has to do when.

Due instants are computed once, into the event. The internal date never moves; the legal date may, by a decision. When
a fact that a running deadline is counted from changes, it is counted anew, and never to a later internal date.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from stegvis.routines.limits import clock
from stegvis.routines.model import Deadline
from stegvis.routines.periods import period
from stegvis.routines.rules import Move, Rules

from .asking import Ask
from .instants import end_of, moment_of, text_of
from .values import Due, DueChange, Facts, Run


class Counting(NamedTuple):
    """What due instants are counted from: the command in its setting, the facts after it, and those it brought."""

    ask: Ask
    rules: Rules
    facts: Facts
    given: Facts


def changes(counting: Counting, move: Move, running: Mapping[str, Due]) -> list[DueChange]:
    """What a step does to a run's deadlines: closed, started, counted anew, moved."""
    done: list[DueChange] = []
    if not (move.meets or move.starts or running):
        return done
    left = dict(running)
    for name in move.meets:
        due = left.pop(name, None)
        if due is not None:
            done.append({"id": name, "closed": "late" if counting.ask.happened > limit(due) else "kept"})
    for trip in move.doubts:
        # The answer that was missing when the clock started is there now, and says that there is no such limit.
        if trip.deadline in left and trip.condition is not None and trip.condition.evaluate(counting.facts) is False:
            del left[trip.deadline]
            done.append({"id": trip.deadline, "closed": "moot"})
    for trip in move.starts:
        deadline = counting.rules.routine.deadlines[trip.deadline]
        # What is not known starts the clock: a deadline too many is seen, one too few is not.
        starts = trip.condition is None or trip.condition.evaluate(counting.facts) is not False
        if starts and (trip.deadline not in left or deadline.restart):
            left.pop(trip.deadline, None)
            done.append(_set(trip.deadline, _count(counting, deadline, counting.ask.happened)))
    if left and not counting.rules.clocked.isdisjoint(counting.given):
        done.extend(recounted(counting, left))
    if move.step.prolongs is not None:
        done.extend(_prolonged(move, left, counting.facts))
    return done


def limit(due: Due) -> str:
    """The instant after which the deadline was missed: the legal date or the critical time, else the internal date."""
    outer = [one for one in (due.legal, due.critical) if one is not None]
    return min(outer) if outer else due.internal


def _count(counting: Counting, deadline: Deadline, since: str) -> Due:
    facts = counting.facts
    source = facts.get(deadline.origin) if deadline.origin is not None else None
    start = source if isinstance(source, str) else since
    critical = facts.get(deadline.or_before) if deadline.or_before is not None else None
    version = counting.ask.library.law.at(deadline.law, date.fromisoformat(counting.ask.today))
    internal, legal = clock(version).ends(start)
    return _due(internal, legal, critical if isinstance(critical, str) else None, deadline.law, start)


def _due(internal: str, legal: str | None, critical: str | None, law: str, since: str) -> Due:
    shown = min(internal, legal or internal, critical or internal)
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
    if due.lapsed:
        change["lapsed"] = True
    return change


def recounted(counting: Counting, running: Mapping[str, Due]) -> Iterator[DueChange]:
    """Running deadlines whose source changed. A later start never gives more time than was first given."""
    given = counting.given
    for name, old in sorted(running.items()):
        deadline = counting.rules.routine.deadlines[name]
        if deadline.origin not in given and deadline.or_before not in given:
            continue
        new = _count(counting, deadline, old.since)
        legal = old.legal if old.moved else new.legal
        due = _due(min(old.internal, new.internal), legal, new.critical, deadline.law, new.since)
        if due != old._replace(passed=False, reminded=0, moved=False, lapsed=False):
            passed = old.passed and due.shown < counting.ask.at
            yield _set(name, due._replace(passed=passed, moved=old.moved))


def _prolonged(move: Move, running: Mapping[str, Due], facts: Facts) -> Iterator[DueChange]:
    prolongs = move.step.prolongs
    if prolongs is None or prolongs.deadline not in running or move.kind not in {"step", "approve"}:
        return
    until = facts.get(prolongs.until)
    if isinstance(until, str):
        old = running[prolongs.deadline]
        yield _set(prolongs.deadline, old._replace(legal=text_of(end_of(until)), moved=True))


def moot(rules: Rules, state: str, running: Iterable[str]) -> list[DueChange]:
    """Deadlines that nothing can meet any more, because the run has ended where no such step exists."""
    meetable = {name for move in rules.moves[state].values() for name in move.meets}
    return [{"id": name, "closed": "moot"} for name in sorted(running) if name not in meetable]


def reminders(deadline: Deadline, due: Due) -> list[str]:
    """The instants at which the clock reminds of a deadline, in order; those before its start are left out."""
    if not deadline.remind:
        return []
    end = moment_of(due.shown)
    times = sorted(text_of(end - period(before)) for before in deadline.remind)
    return [one for one in times if one > due.since]


def next_stop(deadline: Deadline, due: Due) -> tuple[str, str]:
    """When the clock next has something to do with this deadline, and what: remind, pass, lapse, or done."""
    times = reminders(deadline, due)
    if due.reminded < len(times) and not due.passed:
        return times[due.reminded], "remind"
    if not due.passed:
        return due.shown, "pass"
    if deadline.lapse is not None and not due.lapsed:
        return limit(due), "lapse"
    return due.shown, "done"


def ticked(rules: Rules, run: Run, now: str) -> list[DueChange]:
    """What the clock has to note about a run's deadlines at that instant; nothing the second time.

    A deadline has *passed* when what people were shown has passed. It has *lapsed* when the law's own limit has: the
    internal date drives reminders and never ends anything.
    """
    noted: list[DueChange] = []
    for name, due in sorted(run.due.items()):
        deadline = rules.routine.deadlines[name]
        reminded = sum(1 for one in reminders(deadline, due) if one <= now)
        passed = due.passed or now > due.shown
        lapsed = due.lapsed or (deadline.lapse is not None and now > limit(due))
        after = due._replace(reminded=max(reminded, due.reminded), passed=passed, lapsed=lapsed)
        if after != due:
            noted.append(_set(name, after))
    return noted
