"""Reading a case again from its log, for the engine: each step judged anew, told whole, at any instant of two clocks.

Noted before anything is shown, under the same right as reading the log.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from stegvis.routines.form import Value
from stegvis.routines.library import Library
from stegvis.routines.orders import HOLDER
from stegvis.routines.rules import Rules
from stegvis.routines.text import Text

from .corrections import OPENINGS, Correction, corrections
from .crossing import messages_in
from .desk import Desk, Seen
from .entries import Judging, entries, refusal
from .evolve import fold
from .files import Files
from .history import Difference, History, Later, Limit, Reader, Refusal, Standing, difference, limits, stood
from .identity import Sight, field_of, hidden, identity_of, sight
from .instants import text_of
from .judge import may_see
from .past import Clocks, as_of, deadlines, unseen, within
from .person_desk import Persons
from .ports import RecordRow
from .replay import Changed, Judged, Replay, Step, retrace, step_of
from .saying import say_value
from .screens import Screens, looked
from .values import Actor, Event, HandOffHead, Message
from .verify import Place, verify_case


class Wanted(NamedTuple):
    """What is asked of a history beside its records.

    Attributes:
        after: versions after which the case's standing is told.
        at: an instant on each clock, to tell where the case stood; None for none.
        between: two instants to tell the difference between, on the one clock and on the other; None for none.
    """

    after: Sequence[int] = ()
    at: Clocks | None = None
    between: tuple[str, str] | None = None


class _Read(NamedTuple):
    """A case read from its log by somebody."""

    seen: Seen
    library: Library
    rows: list[RecordRow]
    events: list[Event]
    judged: list[Judged]
    replay: Replay


class Retelling:
    """Reads cases again."""

    def __init__(self, desk: Desk, persons: Persons) -> None:
        self._desk, self._persons = desk, persons
        self._files = desk.files

    def readable(self, organisation: str, case: str) -> tuple[list[RecordRow], list[Event]]:
        """The records up to the first that cannot be read at all; verify names that one."""
        rows: list[RecordRow] = []
        events: list[Event] = []
        for row in self._files.store.case_records(organisation, case):
            try:
                events.append(self._files.event(row, organisation, case))
            except ValueError:
                break
            rows.append(row)
        return rows, events

    def corrections(self, actor: Actor, case: str) -> list[Correction]:
        """The corrections of a case, as far as the actor may know of them."""
        _, events = self.readable(actor.organisation, case)
        library = self._files.with_rules(event.head["def"] for event in events if event.head["type"] in OPENINGS)
        return list(corrections(library, events, lambda rules, fact: may_see(rules, frozenset({fact}), actor)))

    def replay(self, case: str, *, actor: Actor) -> Replay:
        """Read a case again from its log and judge every step anew. The look is noted first.

        Raises:
            Refused: as ``Engine.guide``.
        """
        return self._read(case, actor).replay

    def _read(self, case: str, actor: Actor) -> _Read:
        seen = self._desk.seen(case, actor, what="replay", purpose="prove")
        self._desk.look(seen, actor, "read", trg="replay")
        files, library = self._files, self._files.library_for(seen.case)
        place = Place(files.store, library, files.keys, actor.organisation, files.origin(actor.organisation))
        faults = [(fault.place, fault.code) for fault in verify_case(place, case)]
        rows, events = self.readable(actor.organisation, case)
        judged = list(retrace(files.library_then, events, _Senders(files, self.readable)))
        # Who reads the log alone is not told what stood in the answers.
        mended = self.corrections(actor, case) if seen.ground.on != "auditor" else ()
        told = _changes(library, mended, sight(identity_of(library, seen.case)))
        steps = tuple(
            step_of(row.id, event.head, one.verdict, one.kind, told.get(version, ()))
            for version, (row, event, one) in enumerate(zip(rows, events, judged, strict=True), 1)
        )
        after = fold(events)
        state = {run.id: run.state for run in after.runs.values()} if after is not None else {}
        replay = Replay(case, steps, state, tuple(faults), self._persons.identity(seen.case))
        return _Read(seen, library, rows, events, judged, replay)

    def history(self, case: str, wanted: Wanted, *, actor: Actor) -> History:
        """A case's history whole, for one reader. The look is noted first.

        Raises:
            Refused: as ``Engine.guide``.
        """
        read = self._read(case, actor)
        reader = Reader(
            read.library, actor, sight(identity_of(read.library, read.seen.case)), read.seen.ground.on != "auditor"
        )
        now, teller = text_of(read.seen.now), _Teller(reader, read.events, self._books(read.events))
        return History(
            replay=read.replay,
            entries=tuple(entries(reader, self._files.library_then, self._judgings(read))),
            refusals=self._refusals(read, actor),
            now=teller.standing(Clocks(), now),
            after={version: teller.after(version) for version in wanted.after if 0 < version <= len(read.events)},
            at=teller.standing(wanted.at, now) if wanted.at is not None else None,
            between=tuple(teller.between(wanted.between, now)) if wanted.between is not None else (),
            made=now,
        )

    def _judgings(self, read: _Read) -> list[Judging]:
        looks = [looked(said) for said in self._stream(read) if said["type"] != "transition.denied" and "seen" in said]
        screens = Screens(read.library, self._files.library_then, read.events, looks, self._outside(read))
        later = _later(read.replay.steps)
        return [
            Judging(event, step, judged, screens.of(version), later.get(step.record, ()))
            for version, (event, step, judged) in enumerate(
                zip(read.events, read.replay.steps, read.judged, strict=True), 1
            )
        ]

    def _stream(self, read: _Read) -> list[dict[str, Any]]:
        """What the access stream has of the case."""
        case = read.seen.case
        return [orjson.loads(row.body) for row in self._files.store.looks(case.organisation, case.id)]

    def _outside(self, read: _Read) -> Callable[[Rules, str], Mapping[str, int]]:
        def outside(rules: Rules, run: str) -> Mapping[str, int]:
            about, derived = read.seen.case.runs[run], tuple(rules.routine.derived)
            return self._desk.lookups.outside(rules, derived, read.seen.case.organisation, about, read.seen.now)

        return outside

    def _refusals(self, read: _Read, actor: Actor) -> tuple[Refusal, ...] | None:
        """The refused attempts, for those who may know who has looked."""
        rules = read.library.access(actor.organisation)
        if rules is not None and read.seen.ground.on != "auditor" and not actor.roles & set(rules.may.who):
            holds = HOLDER in rules.may.who and any(run.holder == actor.id for run in read.seen.case.runs.values())
            if not holds:
                return None
        denied = (said for said in self._stream(read) if said["type"] == "transition.denied")
        known = [read.library.by_digest[run.rules] for run in read.seen.case.runs.values()]
        return tuple(refusal(read.library, known, said) for said in denied)

    def _books(self, events: Sequence[Event]) -> dict[str, Library]:
        """A library with each law book that the case's records name."""
        found: dict[str, Library] = {}
        for event in events:
            if event.head["law"] not in found and "due" in event.head:
                try:
                    found[event.head["law"]] = self._files.library_then(event.head)
                except ValueError:
                    continue
        return found


class _Senders:
    """What the logs of other organisations say that they sent, where those logs are in this store.

    Nobody is shown any of it: it decides whether what came is what was sent, of what the receiver knows already.
    """

    def __init__(self, files: Files, readable: Callable[[str, str], tuple[list[RecordRow], list[Event]]]) -> None:
        self._files, self._readable = files, readable
        self._read: dict[tuple[str, str], list[Event]] = {}

    def __call__(self, hof: HandOffHead) -> Sequence[Message] | None:
        files, sender = self._files, hof["org"]
        if files.is_elsewhere(sender) or next(iter(files.store.cases(sender)), None) is None:
            return None
        row = files.store.sent(sender, hof["id"])
        if row is None:
            return ()
        if (place := (sender, row.case)) not in self._read:
            self._read[place] = self._readable(*place)[1]
        return messages_in(files.library_then, self._read[place], hof, self)


class _Teller:
    """Tells where a case stood, for one reader."""

    def __init__(self, reader: Reader, events: Sequence[Event], books: Mapping[str, Library]) -> None:
        self._reader, self._events, self._books = reader, events, books

    def limits(self, places: Sequence[int], end: str) -> tuple[Limit, ...]:
        """Every deadline of some records, and how it stood at an instant."""
        return tuple(limits(self._reader, deadlines(self._events, places, end), self._books))

    def after(self, version: int) -> Standing:
        """Where the case stood after a record."""
        case = fold(self._events[:version])
        runs = tuple(case.runs.values()) if case is not None else ()
        end = self._events[version - 1].head["at"]
        return Standing(
            None,
            None,
            tuple(range(1, version + 1)),
            case.acute if case is not None else False,
            tuple(stood(self._reader, run) for run in runs),
            self.limits(range(version), end),
            (),
        )

    def standing(self, clocks: Clocks, now: str) -> Standing:
        """Where the case stood at an instant on each clock."""
        places, case = within(self._events, clocks), as_of(self._events, clocks)
        runs = tuple(case.runs.values()) if case is not None else ()
        end = clocks.end(now)
        return Standing(
            clocks.happened,
            clocks.known,
            tuple(place + 1 for place in places),
            case.acute if case is not None else False,
            tuple(stood(self._reader, run) for run in runs),
            self.limits(places, end),
            tuple(place + 1 for place in unseen(self._events, end)),
        )

    def between(self, instants: tuple[str, str], now: str) -> list[Difference]:
        """The difference between two instants, in what was known, and in what had happened."""
        words, found = self._reader.library.words, list[Difference]()
        for clock in ("known", "happened"):
            first, second = (self.standing(Clocks(**{clock: at}), now) for at in instants)
            found.append(difference(words, first, second))
        return found


def _later(steps: Sequence[Step]) -> dict[str, tuple[Later, ...]]:
    """By record, the later corrections of what was answered in it."""
    found: dict[str, tuple[Later, ...]] = {}
    for step in steps:
        for record in dict.fromkeys(one.record for one in step.changed):
            mine = tuple(one for one in step.changed if one.record == record)
            found[record] = (*found.get(record, ()), Later(step.version, mine))
    return found


def _changes(library: Library, corrected: Iterable[Correction], look: Sight) -> dict[int, tuple[Changed, ...]]:
    """What each correction changed, in words, by its version of the case."""
    words, told = library.words, dict[int, tuple[Changed, ...]]()
    for one in corrected:
        rules = library.by_digest[one.rules]

        def said(fact: str, value: Value, rules: Rules = rules) -> tuple[Text, Text]:
            field = field_of(rules, fact)
            assert field is not None  # noqa: S101 - only what a form asks is ever corrected
            away = hidden(rules, fact, look)
            return field.title, words["identity.hidden"] if away else say_value(field, value, words)

        told[one.version] = tuple(
            Changed(fact, *said(fact, one.was[fact]), said(fact, one.now[fact])[1], one.record) for fact in one.now
        )
    return told
