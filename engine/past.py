"""The past on two clocks: where a case stood at an instant, by what had happened and by what was known.

A record has two instants: when it happened, and when it was written down. What was known at an instant is a prefix of
the log. What had happened by then is told with all that is known now: later entries are put where they belong, and a
correction holds from when the answer that it corrects was given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

from .clocks import limit
from .evolve import evolve
from .values import Case, Due, Event, Head

K = TypeVar("K")

_OPENINGS = frozenset({"case.open", "run.open"})


class Clocks(NamedTuple):
    """An instant on each clock, UTC text, the instant itself included; None leaves that clock where it is now."""

    happened: str | None = None
    known: str | None = None

    def end(self, now: str) -> str:
        """The instant at which deadlines are looked at."""
        return min(one for one in (self.happened, self.known, now) if one is not None)


def recorded(head: Head) -> str:
    """When a record was written down; for an event that is not stored yet, when it was decided."""
    return cast("dict[str, Any]", head).get("rec", head["at"])


def record_of(head: Head) -> str:
    """The id of a stored event's record; empty for one that is not stored yet."""
    return cast("dict[str, Any]", head).get("id", "")


def belonging(events: Sequence[Event]) -> list[str]:
    """For each event the instant from which it counts as having happened.

    That of the answer for its correction; never before the case, and the run, that it belongs to were opened.
    """
    found: list[str] = []
    opened: dict[str, str] = {}
    places: dict[str, int] = {}
    for number, event in enumerate(events):
        head = event.head
        at = head["hap"]
        corrected = places.get(head["corr"]) if "corr" in head else None
        if corrected is not None:
            at = found[corrected]
        if head["type"] in _OPENINGS:
            opened[head["run"]] = at = max(at, found[0]) if found else at
        at = max(at, opened.get(head["run"], found[0] if found else at))
        found.append(at)
        places[record_of(head)] = number
    return found


def within(events: Sequence[Event], clocks: Clocks) -> list[int]:
    """The places, from 0, of the events that belong to the past at those instants."""
    known = len(events)
    if (until := clocks.known) is not None:
        late = (number for number, event in enumerate(events) if recorded(event.head) > until)
        known = next(late, known)
    if clocks.happened is None:
        return list(range(known))
    places = belonging(events[:known])
    return [number for number, at in enumerate(places) if at <= clocks.happened]


def as_of(events: Sequence[Event], clocks: Clocks) -> Case | None:
    """Where the case stood; None before it was opened.

    Its ``version`` counts the events that belong there; with both clocks at the present it is the case as it stands.
    """
    case: Case | None = None
    for number in within(events, clocks):
        case = evolve(case, events[number])
    return case


def unseen(events: Sequence[Event], at: str) -> list[int]:
    """The places, from 0, of what had happened by an instant and was not known then: it was written down later."""
    return [number for number, event in enumerate(events) if event.head["hap"] <= at < recorded(event.head)]


# ---- deadlines ----------------------------------------------------------------------------------------------------

Outcome: TypeAlias = Literal["kept", "late", "moot", "open", "overdue"]
"""Met in time, met too late, no longer meetable, running, running past its limit."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A deadline from its start.

    Attributes:
        run, id: which, of which run.
        rules, book: digests of the rules and of the law book under which it was counted.
        started, closed: versions of the case; ``closed`` None while it runs.
        due: with its instants as they last were.
        outcome: what came of it, or how it stood.
        law_at: when it was counted; its law is the one in force then.
    """

    run: str
    id: str
    rules: str
    book: str
    started: int
    law_at: str
    due: Due
    outcome: Outcome = "open"
    closed: int | None = None


def deadlines(events: Sequence[Event], places: Sequence[int], end: str) -> tuple[Ran, ...]:
    """Every deadline that some events of a case started, in order, and how it stood at ``end``."""
    done: list[Ran] = []
    running: dict[tuple[str, str], int] = {}
    case: Case | None = None
    for place in places:
        event = events[place]
        case = evolve(case, event)
        head = event.head
        for change in head.get("due", ()):
            key = (head["run"], change["id"])
            if "closed" in change:
                if key in running:
                    at = running.pop(key)
                    done[at] = replace(done[at], outcome=change["closed"], closed=place + 1)
                continue
            due = case.runs[head["run"]].due[change["id"]]
            if key in running:
                done[running[key]] = replace(done[running[key]], due=due)
            else:
                running[key] = len(done)
                done.append(Ran(*key, head["def"], head["law"], place + 1, head["at"], due))
    return tuple(_standing(one, end) for one in done)


def _standing(one: Ran, end: str) -> Ran:
    return replace(one, outcome="overdue") if one.closed is None and limit(one.due) < end else one


# ---- from one instant to another ----------------------------------------------------------------------------------


def differing(was: Mapping[K, object], now: Mapping[K, object]) -> Iterator[K]:
    """The names whose values are not the same, in the order of the later mapping, then those that are gone."""
    yield from (name for name, value in now.items() if name not in was or was[name] != value)
    yield from (name for name in was if name not in now)
