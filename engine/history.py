"""A case's history as an auditor reads it: each step with why it was allowed, the state at an instant, the difference.

Pure values in words of both languages, made for one reader: what that reader may not read is not there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from stegvis.routines.form import Value
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules
from stegvis.routines.text import Text, plain

from .facts import sources
from .guide import cited, joined
from .identity import Sight, field_of, partly_hidden
from .instants import local_day, moment_of
from .judge import may_see
from .past import Outcome, Ran, differing
from .persons import IdentityView
from .reasons import field_title, step_title
from .replay import Changed, Replay, Step
from .saying import say_value
from .values import Actor, Facts, Run

Level: TypeAlias = Literal["important", "ordinary", "technical"]
LEVELS: Final[tuple[Level, ...]] = ("important", "ordinary", "technical")
"""From the few that everybody should read to all there is."""

Screened: TypeAlias = Literal["same", "another", "not_recorded"]
"""Whether what stood on the screen can be made again: the same, not the same, or nothing was recorded of it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, or what was worked out from answers, in words; ``says`` None where the reader may not know it."""

    fact: str
    title: Text
    says: Text | None


@dataclass(frozen=True, slots=True)
class Guarded:
    """One guard of a step.

    Attributes:
        id, says: which, and its sentence.
        condition: what it demands, in words.
        rests: the facts that it rested on.
        outcome: what the record says it came to; ``again`` what it comes to now, None where that cannot be said.
        by: the role that stepped over it.
    """

    id: str
    says: Text
    condition: Text
    rests: tuple[Told, ...]
    outcome: str
    again: str | None
    by: Text | None


@dataclass(frozen=True, slots=True)
class Limit:
    """A deadline: what came of it, its instants as UTC text, its law as it was cited when it began to run."""

    run: str
    id: str
    title: Text
    shown: str
    internal: str
    legal: str | None
    critical: str | None
    law: Text
    started: int
    closed: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step did to a deadline: started, moved, reminded, passed, lapsed, kept, late or moot."""

    id: str
    title: Text
    what: str
    at: str | None
    law: Text | None


@dataclass(frozen=True, slots=True)
class Power:
    """What a step rested on beside its guards: the decision's delegation, the order's level, competence, access."""

    delegation: Text | None
    level: str | None
    entry: str | None
    qualified: bool
    ground: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a case, whole.

    Attributes:
        step: who, what, when, and the verdict.
        title, routine, label: what was done, in which routine, under which label of its rules.
        source, target: what there was to do before and after, in words; None where it did not move.
        role: who did it, in words.
        level: how much it matters to who reads the case.
        gap: whole days without a record before it.
        late: whether it was written down a minute or more after it happened.
        guards: why it was allowed; ``kept`` is how many more there were that the reader may not know of.
        reasons: why it would have been refused, where it diverges.
        answers: what was answered; empty where the reader may not know.
        law: on what it rested, as the law book of its day cites it; ``book`` is that book's digest.
        turns: what it did to deadlines.
        screen, sees: what stood on the screen, and what it said there was to do.
        corrected: later corrections of what was answered here.
    """

    step: Step
    title: Text
    routine: Text
    label: str
    source: Text | None
    target: Text | None
    role: Text
    power: Power
    level: Level
    gap: int
    late: bool
    guards: tuple[Guarded, ...]
    kept: int
    reasons: tuple[Text, ...]
    answers: tuple[Told, ...]
    law: tuple[Text, ...]
    book: str
    turns: tuple[Turn, ...]
    screen: Screened
    sees: Text | None
    corrected: tuple["Later", ...]


@dataclass(frozen=True, slots=True)
class Later:
    """A later correction: the version of its record, and what it changed."""

    version: int
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that somebody asked for and was refused. ``reasons`` in words, ``why`` as codes."""

    at: str
    actor: str
    role: Text
    unit: str
    trigger: str
    title: Text
    why: tuple[str, ...]
    reasons: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Stood:
    """Where a run stood."""

    run: str
    routine: Text
    label: str
    state: str
    now: Text
    ended: bool
    holder: str | None
    answers: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stood at an instant.

    Attributes:
        happened, known: the instants asked for, UTC text; None for the present.
        versions: of the records that belong there.
        runs, limits: every run, and every deadline with what had come of it.
        unseen: versions of what had happened by then and was written down later.
    """

    happened: str | None
    known: str | None
    versions: tuple[int, ...]
    acute: bool
    runs: tuple[Stood, ...]
    limits: tuple[Limit, ...]
    unseen: tuple[int, ...]


ChangeKind: TypeAlias = Literal["opened", "state", "ended", "holder", "answer", "limit", "acute"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two instants; None where there was nothing."""

    kind: ChangeKind
    routine: Text
    what: Text
    was: Text | None
    now: Text | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two instants, and the versions of the records between them."""

    first: Standing
    second: Standing
    changes: tuple[Change, ...]
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A case's history for one reader: all its records, the refused attempts, where it stands, and what was asked for.

    ``refusals`` is None where the reader may not know who has tried.
    """

    replay: Replay
    entries: tuple[Entry, ...]
    refusals: tuple[Refusal, ...] | None
    now: Standing
    after: Mapping[int, Standing]
    at: Standing | None
    between: tuple[Difference, ...]
    made: str
    """When it was made, UTC text."""

    @property
    def identity(self) -> IdentityView:
        """What the file knows of the person's protected identity; stands first in every view."""
        return self.replay.identity


# ---- for one reader -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """What one reader may be told.

    Attributes:
        library: with the rules of the case's runs.
        actor, look: who reads, and what is hidden since it could lead to a protected person.
        answers: whether they may be told of answers at all; who reads the log alone may not.
    """

    library: Library
    actor: Actor
    look: Sight
    answers: bool

    def may(self, rules: Rules, facts: Iterable[str]) -> bool:
        """Whether they may know of every one of these facts."""
        return may_see(rules, frozenset(facts), self.actor)

    def told(self, rules: Rules, fact: str, value: Value) -> Told:
        """A fact in words."""
        return Told(fact, field_title(rules, fact), self._says(rules, fact, value))

    def _says(self, rules: Rules, fact: str, value: Value) -> Text | None:
        words = self.library.words
        if not self.answers or not self.may(rules, [fact]):
            return None
        # What was worked out from an answer tells of it.
        from_ = sources(rules, frozenset({fact})) - rules.derived.keys()
        if any(partly_hidden(rules, one, self.look) for one in from_):
            return words["identity.hidden"]
        if value is None:
            return words["history.not_known"]
        field = field_of(rules, fact)
        if field is not None:
            return say_value(field, value, words)
        return words["guide.yes" if value else "guide.no"] if isinstance(value, bool) else plain(str(value))

    def all(self, rules: Rules, facts: Facts) -> tuple[Told, ...]:
        """The answers that they may read, in the order of the forms."""
        order = {fact: place for place, fact in enumerate(rules.scope)}
        named = sorted((fact for fact in facts if fact in order), key=order.__getitem__)
        told = (self.told(rules, fact, facts[fact]) for fact in named if facts[fact] is not None)
        return tuple(one for one in told if one.says is not None)

    def law(self, library: Library, law: str, at: str) -> Text:
        """Where a law stood at that instant, as that library's law book cites it."""
        return cited(library, law, local_day(moment_of(at)))


def doing(rules: Rules, state: str) -> tuple[Text, bool]:
    """What there is to do in a state, or what it waits for; and whether it is an end."""
    spot = rules.spots[state]
    declared = rules.routine.states[spot.origin]
    if declared.end is not None:
        return declared.end.title, True
    return declared.now, False


def waiting(library: Library, rules: Rules, state: str) -> Text:
    """As ``doing``, in words that also say for what a second person is waited."""
    spot = rules.spots[state]
    if spot.awaiting is not None:
        return step_title(library, rules.moves[spot.name][f"{spot.awaiting}.approve"])
    return doing(rules, state)[0]


def stood(reader: Reader, run: Run) -> Stood:
    """Where a run stood, for one reader."""
    rules = reader.library.by_digest[run.rules]
    said = waiting(reader.library, rules, run.state)
    answers = reader.all(rules, run.facts)
    title, label = rules.routine.title, rules.routine.label
    return Stood(run.id, title, label, run.state, said, run.ended is not None, run.holder, answers)


def limits(reader: Reader, ran: Iterable[Ran], book: Mapping[str, Library]) -> Iterator[Limit]:
    """Deadlines in words.

    Args:
        reader: for whom.
        ran: the deadlines.
        book: by digest of a law book, a library with it.
    """
    for one in ran:
        rules = reader.library.by_digest[one.rules]
        due = one.due
        yield Limit(
            one.run,
            one.id,
            rules.routine.deadlines[one.id].title,
            due.shown,
            due.internal,
            due.legal,
            due.critical,
            reader.law(book.get(one.book, reader.library), due.law, one.law_at),
            one.started,
            one.closed,
            one.outcome,
        )


# ---- the difference -----------------------------------------------------------------------------------------------


def difference(words: Mapping[str, Text], first: Standing, second: Standing) -> Difference:
    """What differs between two instants, in words."""
    changes = tuple(_changes(words, first, second))
    between = tuple(sorted({*second.versions} ^ {*first.versions}))
    return Difference(first, second, changes, between)


def _changes(words: Mapping[str, Text], first: Standing, second: Standing) -> Iterator[Change]:
    if first.acute != second.acute:
        yield Change("acute", plain(""), words["history.acute"], None, None)
    before = {one.run: one for one in first.runs}
    for one in second.runs:
        was = before.get(one.run)
        if was is None:
            yield Change("opened", one.routine, words["history.what.opened"], None, one.now)
        elif was.state != one.state:
            yield Change("ended" if one.ended else "state", one.routine, words["history.what.state"], was.now, one.now)
        held = was.holder if was is not None else None
        if held != one.holder:
            said = [plain(who) if who is not None else None for who in (held, one.holder)]
            yield Change("holder", one.routine, words["history.what.holder"], said[0], said[1])
        yield from _answers(one, was)
        yield from _limits(words, one, first.limits, second.limits)
    gone = before.keys() - {one.run for one in second.runs}
    for one in (one for one in first.runs if one.run in gone):
        yield Change("opened", one.routine, words["history.what.opened"], one.now, None)


def _answers(one: Stood, was: Stood | None) -> Iterator[Change]:
    old = {told.fact: told for told in was.answers} if was is not None else {}
    new = {told.fact: told for told in one.answers}
    for fact in differing(old, new):
        title = (new.get(fact) or old[fact]).title
        said = [side[fact].says if fact in side else None for side in (old, new)]
        yield Change("answer", one.routine, title, said[0], said[1])


def _limits(words: Mapping[str, Text], one: Stood, old: Sequence[Limit], new: Sequence[Limit]) -> Iterator[Change]:
    def said(limit: Limit | None) -> Text | None:
        if limit is None:
            return None
        return joined([plain(limit.shown[:10]), words[f"history.outcome.{limit.outcome}"]], ", ")

    mine = [{(limit.id, limit.started): limit for limit in side if limit.run == one.run} for side in (old, new)]
    for key in differing(*mine):
        sides = [side.get(key) for side in mine]
        limit = sides[1] or sides[0]
        was, now = said(sides[0]), said(sides[1])
        if limit is not None and was != now:
            yield Change("limit", one.routine, limit.title, was, now)
