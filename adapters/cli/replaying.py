"""The command that reads a case again from its log: step by step, at a date on two clocks, as lines or a page."""

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from stegvis.engine.history import LEVELS, Entry, History, Standing
from stegvis.engine.instants import end_of
from stegvis.engine.saying import say_instant
from stegvis.routines.errors import BadInput

from .desk import actor, desk, instant
from .options import ACTING, GOOD, NO, Acting
from .proof import replay_ends, replay_json
from .screen import Screen
from .telling import Chosen, Say, between, differs, heading, parts, refused, refused_between, stands

Level: TypeAlias = Literal["important", "ordinary", "technical"]
_EVER = 10**9


def replay(
    case: str,
    /,
    *,
    step: int | None = None,
    first: Annotated[int | None, Parameter(name="--from")] = None,
    last: Annotated[int | None, Parameter(name="--to")] = None,
    happened: str | None = None,
    known: str | None = None,
    between: Annotated[tuple[str, str] | None, Parameter(name="--between")] = None,
    level: Level = "technical",
    html: Path | None = None,
    acting: Acting = ACTING,
) -> int:
    """Judge a case anew from its log, and tell its history."""
    whole = step is not None or first is not None or last is not None
    span = (step, step) if step is not None else (first or 1, last or _EVER)
    with desk(acting) as at:
        found = at.engine.history(
            case,
            actor=actor(acting, at.library),
            after=[step] if step is not None else [],
            happened=_moment(happened, "--happened"),
            known=_moment(known, "--known"),
            between=_both(between),
        )
        if step is not None and not 1 <= step <= len(found.entries):
            raise BadInput("no_such_step", count=len(found.entries))
        levels = LEVELS if step is not None else LEVELS[: LEVELS.index(level) + 1]
        chosen = Chosen(frozenset(levels), *span)
        if html is not None:
            _write(html, "".join(_page(found, chosen, at.screen)))
        at.screen.document(history_json(found, chosen))
        if html is not None:
            at.screen.say("replay_written", file=html.name)
        else:
            at.screen.lines(_lines(found, chosen, at.screen, whole=whole))
        return GOOD if found.replay.sound else NO


def _moment(text: str | None, option: str) -> datetime | None:
    """The last instant of a day, or the instant that an option gives.

    Raises:
        BadInput: ``not_date``, ``not_instant``, ``naive_instant``.
    """
    if text is None or len(text) != 10:  # noqa: PLR2004 - YYYY-MM-DD
        return instant(text, option)
    try:
        return end_of(date.fromisoformat(text).isoformat())
    except ValueError:
        raise BadInput("not_date", field=option) from None


def _both(between: tuple[str, str] | None) -> tuple[datetime, datetime] | None:
    if between is None:
        return None
    first, second = (_moment(one, "--between") for one in between)
    assert first is not None  # noqa: S101 - only None becomes None
    assert second is not None  # noqa: S101 - the same
    return first, second


def _write(path: Path, page: str) -> None:
    """Write a page that only its owner may read.

    Raises:
        BadInput: ``page_unwritable``.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadInput("page_unwritable", errno=error.errno) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page)


def _page(found: History, chosen: Chosen, screen: Screen) -> Iterator[str]:
    from .history_page import page  # noqa: PLC0415 - loaded when it is needed

    yield from page(found, chosen, Say(screen))


# ---- as lines -----------------------------------------------------------------------------------------------------


def _lines(found: History, chosen: Chosen, screen: Screen, *, whole: bool) -> Iterator[str]:
    say = Say(screen)
    yield found.identity.says(screen.lang)
    if found.at is not None:
        yield heading(found.at, say)
        yield from _stands(found.at, say)
    for one in found.between:
        yield between(one, say)
        yield from (f"  {line}" for line in differs(one, say))
    if found.at is None and not found.between:
        yield from _steps(found, chosen, say, whole=whole)
    yield from replay_ends(found.replay, screen)


def _steps(found: History, chosen: Chosen, say: Say, *, whole: bool) -> Iterator[str]:
    numbers = {one.step.record: one.step.version for one in found.entries}
    shown = chosen.of(found)
    since = ""
    for one in shown:
        if one.gap and not (whole and chosen.first == chosen.last):
            yield say("gap", count=one.gap)
        if not whole:
            yield from (refused(no, say) for no in refused_between(found, since, one.step.recorded))
        since = one.step.recorded
        yield from _one(one, numbers, say, whole=whole)
    skipped = sum(chosen.first <= one.step.version <= chosen.last for one in found.entries) - len(shown)
    if skipped:
        yield say("skipped", count=skipped)
    for version, standing in found.after.items():
        yield heading(standing, say, after=version)
        yield from _stands(standing, say)
        yield from _ways(version, len(found.entries), say)
    if not whole:
        yield from (refused(no, say) for no in refused_between(found, since, "~"))


def _one(one: Entry, numbers: dict[str, int], say: Say, *, whole: bool) -> Iterator[str]:
    step = one.step
    who = f"{one.role(say.lang)} {step.actor}"
    when, verdict = say_instant(step.happened), say.verdict(one)
    yield say("step_line", number=step.version, when=when, what=one.title, who=who, verdict=verdict)
    if whole:
        for part in parts(one, numbers, say):
            yield f"   {part.label}: {part.lines[0]}"
            yield from (f"     {line}" for line in part.lines[1:])
        return
    for change in step.changed:
        yield say.screen.word("replay_changed", what=change.title, was=change.was, now=change.now)


def _stands(standing: Standing, say: Say) -> Iterator[str]:
    for part in stands(standing, say):
        yield f"  {part.label}"
        yield from (f"    {line}" for line in part.lines)


def _ways(version: int, count: int, say: Say) -> Iterator[str]:
    """Where one is, and how to go back and forth."""
    yield say("navigate", number=version, count=count)
    if version > 1:
        yield say("previous", number=version - 1)
    if version < count:
        yield say("next", number=version + 1)


# ---- as JSON ------------------------------------------------------------------------------------------------------


def history_json(found: History, chosen: Chosen) -> dict[str, object]:
    """A case's history as JSON values; definitions/schema/replay.json says what it is."""
    return {
        **replay_json(found.replay),
        "entries": [_entry(one) for one in chosen.of(found)],
        "refusals": found.refusals,
        "now": found.now,
        "after": [{"version": version, "standing": one} for version, one in found.after.items()],
        "at": found.at,
        "between": found.between,
        "made": found.made,
    }


def _entry(one: Entry) -> dict[str, object]:
    return {"version": one.step.version, **{name: getattr(one, name) for name in one.__slots__ if name != "step"}}
