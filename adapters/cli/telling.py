"""A case's history in words, the same for lines of text and for a page: each step as labels with what stands by."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stegvis.engine.history import Change, Difference, Entry, Guarded, History, Limit, Refusal, Standing, Told, Turn
from stegvis.engine.saying import say_instant
from stegvis.routines.text import Lang, Text, fill

from .screen import Screen, shipped_words


class Part(NamedTuple):
    """A label and the lines that stand by it."""

    label: str
    lines: Sequence[str]


class Say:
    """Says the history's texts in one language."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.lang: Lang = screen.lang

    def __call__(self, name: str, /, **places: Text | str | int) -> str:
        return fill(shipped_words()[f"history.{name}"], places)(self.lang)

    def verdict(self, entry: Entry) -> str:
        kind = f" [{entry.step.kind}]" if entry.step.kind is not None else ""
        return self.screen.word(f"verdicts.{entry.step.verdict}") + kind

    def told(self, told: Told) -> str:
        return self("pair", title=told.title, says=told.says) if told.says is not None else told.title(self.lang)


def versions(found: Sequence[int]) -> str:
    """Numbers of steps, those that follow each other drawn together: 1 to 4, 7."""
    ranges: list[list[int]] = []
    for one in found:
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return ", ".join(str(first) if first == last else f"{first}\N{EN DASH}{last}" for first, last in ranges)


def until(instant: str) -> str:
    """An instant, or a day that has none: no time of day is made up."""
    return instant if len(instant) == 10 else say_instant(instant)  # noqa: PLR2004 - YYYY-MM-DD


# ---- one step -----------------------------------------------------------------------------------------------------


def parts(entry: Entry, numbers: dict[str, int], say: Say) -> Iterator[Part]:
    """All there is to say of a step.

    Args:
        entry: the step.
        numbers: version by record.
        say: in which language.
    """
    found = (
        ("verdict", [say.verdict(entry)]),
        ("who", [say("who", role=entry.role, actor=entry.step.actor, unit=entry.step.unit)]),
        ("routine", [say("routine", routine=entry.routine, label=entry.label) if entry.label else _said(say, entry)]),
        ("happened", [say_instant(entry.step.happened)]),
        ("recorded", [_entered(entry, say)]),
        ("moved", list(_moved(entry, say))),
        ("reason", [why(say.lang) for why in entry.reasons]),
        ("power", list(_power(entry, say))),
        ("guard", [line for guard in entry.guards for line in _guard(guard, say)]),
        ("hidden", [say("hidden", count=entry.kept)] if entry.kept else []),
        ("law", [law(say.lang) for law in entry.law]),
        ("answer", [say.told(told) for told in entry.answers]),
        ("changed", list(_changed(entry, numbers, say))),
        ("corrected", list(_corrected(entry, say))),
        ("deadline", [_turn(turn, say) for turn in entry.turns]),
        ("screen", [_screen(entry, say)]),
        ("level", [say(f"level.{entry.level}")]),
    )
    yield from (Part(say(f"label.{name}"), lines) for name, lines in found if lines)


def _said(say: Say, entry: Entry) -> str:
    return entry.routine(say.lang)


def _entered(entry: Entry, say: Say) -> str:
    when = say_instant(entry.step.recorded)
    return say("later", when=when) if entry.late else when


def _moved(entry: Entry, say: Say) -> Iterator[str]:
    if entry.target is not None and entry.source is not None:
        yield say("moved", source=entry.source, target=entry.target)
    elif entry.target is not None:
        yield say("began", target=entry.target)


def _power(entry: Entry, say: Say) -> Iterator[str]:
    power = entry.power
    if power.delegation is not None:
        yield say("power_delegation", what=power.delegation)
    if power.entry is not None:
        yield say("power_order", entry=power.entry)
    if power.qualified:
        yield say("power_qualified")
    if power.ground is not None:
        yield say("power_access", ground=say.screen.word(f"ground.{power.ground}"))


def _guard(guard: Guarded, say: Say) -> Iterator[str]:
    line = say("guard_line", condition=guard.condition, outcome=say(f"guard.{guard.outcome}"))
    if guard.again is not None and guard.again != guard.outcome:
        line += " " + say("guard_again", outcome=say(f"guard.{guard.again}"))
    if guard.by is not None:
        line += " " + say("guard_by", role=guard.by)
    yield line
    if guard.outcome != "true":
        yield say("guard_says", says=guard.says)
    for told in guard.rests:
        if told.says is None:
            yield say("guard_rests_hidden", title=told.title)
        else:
            yield say("guard_rests", title=told.title, says=told.says)


def _changed(entry: Entry, numbers: dict[str, int], say: Say) -> Iterator[str]:
    for one in entry.step.changed:
        yield say("changed_line", what=one.title, was=one.was, now=one.now, of=numbers.get(one.record, 0))


def _corrected(entry: Entry, say: Say) -> Iterator[str]:
    for later in entry.corrected:
        for one in later.changed:
            yield say("corrected_line", version=later.version, what=one.title, was=one.was, now=one.now)


def _turn(turn: Turn, say: Say) -> str:
    what = say(f"turn.{turn.what}")
    line = say("turn_line", title=turn.title, what=what)
    if turn.at is not None:
        line = say("turn_until", title=turn.title, what=what, at=until(turn.at))
    return say("turn_law", line=line, law=turn.law) if turn.law is not None else line


def _screen(entry: Entry, say: Say) -> str:
    said = say(f"screen.{entry.screen}")
    return say("sees", screen=said, sees=entry.sees) if entry.sees is not None else said


def refused(one: Refusal, say: Say) -> str:
    """A refused attempt as one line."""
    why = " ".join(text(say.lang) for text in one.reasons) or ", ".join(one.why)
    who = f"{one.role(say.lang)} {one.actor}"
    return say("refused_line", when=say_instant(one.at), what=one.title, who=who, why=why)


# ---- where it stood -----------------------------------------------------------------------------------------------


def heading(standing: Standing, say: Say, *, after: int | None = None) -> str:
    """Of what instant a standing is told."""
    if after is not None:
        return say("stands.after", number=after)
    known = say_instant(standing.known) if standing.known is not None else ""
    happened = say_instant(standing.happened) if standing.happened is not None else ""
    name = "both" if known and happened else "known" if known else "happened"
    return say(f"stands.{name}", known=known, happened=happened)


def stands(standing: Standing, say: Say) -> Iterator[Part]:
    """Where a case stood: its runs with their answers, its deadlines, and what was not known of yet."""
    if not standing.versions:
        yield Part(say("stands.none"), [])
    for run in standing.runs:
        name = "stands.ended" if run.ended else "stands.run"
        lines = [say("stands.holder", holder=run.holder)] if run.holder is not None else []
        lines += [say.told(told) for told in run.answers]
        yield Part(say(name, routine=run.routine, label=run.label, now=run.now), lines)
    if standing.limits:
        yield Part(say("limits"), [limit_line(limit, say) for limit in standing.limits])
    if standing.unseen:
        yield Part(say("stands.unseen", versions=versions(standing.unseen)), [])


def limit_line(limit: Limit, say: Say) -> str:
    """A deadline as one line."""
    outcome = say(f"outcome.{limit.outcome}")
    return say("limit_line", title=limit.title, shown=until(limit.shown), outcome=outcome, law=limit.law)


def differs(one: Difference, say: Say) -> Iterator[str]:
    """The difference between two instants, in words."""
    if not one.changes:
        yield say("difference.none")
    yield from (_change(change, say) for change in one.changes)
    if one.versions:
        yield say("difference.steps", versions=versions(one.versions))


def between(one: Difference, say: Say) -> str:
    """Between which instants, on which clock."""
    clock = "known" if one.first.known is not None else "happened"
    instants = [side.known or side.happened or "" for side in (one.first, one.second)]
    return say(f"difference.{clock}", first=say_instant(instants[0]), second=say_instant(instants[1]))


def _change(change: Change, say: Say) -> str:
    if change.was is None and change.now is None:
        return say("difference.whole", what=change.what)
    if change.was is not None and change.now is not None:
        return say("difference.both", routine=change.routine, what=change.what, was=change.was, now=change.now)
    if change.now is not None:
        return say("difference.new", routine=change.routine, what=change.what, now=change.now)
    return say("difference.gone", routine=change.routine, what=change.what, was=change.was or "")


# ---- which steps --------------------------------------------------------------------------------------------------


class Chosen(NamedTuple):
    """Which steps are shown: of which levels, from which and to which version."""

    levels: frozenset[str]
    first: int
    last: int

    def of(self, found: History) -> list[Entry]:
        """The entries that are shown."""
        return [
            one for one in found.entries if one.level in self.levels and self.first <= one.step.version <= self.last
        ]


def refused_between(found: History, after: str, until: str) -> list[Refusal]:
    """The refused attempts after one instant, until another."""
    return [one for one in found.refusals or () if after < one.at <= until]
