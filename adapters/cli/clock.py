"""The commands of what happens by itself: deadlines, the clock, and the index of deadlines."""

from datetime import datetime

from stegvis.engine.answers import Waiting
from stegvis.engine.engine import now_utc
from stegvis.engine.instants import moment_of, text_of
from stegvis.engine.saying import say_instant, say_left
from stegvis.routines.errors import BadInput
from stegvis.routines.text import Text, plain

from .desk import Desk, actor, desk, instant, short
from .options import ACTING, GOOD, KEPT, Acting, Kept


def due(*, until: str | None = None, acting: Acting = ACTING) -> int:
    """Show the organisation's deadlines, and when the clock last ran."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        rows = sorted(at.engine.due(who, until=instant(until, "--until")), key=lambda row: (row.due, row.case))
        ran, now = at.store.mark(who.organisation, "clock"), at.engine.clock()
        at.screen.document({"clock": ran, "deadlines": [row._asdict() for row in rows]})
        if not rows:
            at.screen.say("due_none")
        for row in rows:
            title = _title(at, who.organisation, row)
            at.screen.line(_line(at, row, title, now))
        at.screen.lines([_ran(at, ran)])
        return GOOD


def _line(at: Desk, row: Waiting, title: Text, now: datetime) -> str:
    left = say_left(row.due, now, at.library.words)
    when = say_instant(row.due)
    line = at.screen.word("due_line", what=title, when=when, left=left, case=row.case, deadline=row.deadline)
    return f"{short(at, row.identity)} {line}"


def _ran(at: Desk, ran: str | None) -> str:
    words, lang = at.library.words, at.screen.lang
    if ran is None:
        return words["guide.clock_never"](lang)
    return words["guide.clock"](lang).replace("{when}", say_instant(ran))


def _title(at: Desk, organisation: str, row: Waiting) -> Text:
    """What the deadline is called in the rules that its run is pinned to."""
    loaded = at.store.load(organisation, row.case)
    pinned = next((run.rules for run in loaded.runs if run.run == row.run), None) if loaded is not None else None
    rules = at.engine.files.with_rules([pinned]).pinned(pinned) if pinned is not None else None
    deadline = rules.routine.deadlines.get(row.deadline) if rules is not None else None
    return deadline.title if deadline is not None else plain(row.deadline)


def tick(*, now: str | None = None, organisation: str | None = None, kept: Kept = KEPT) -> int:
    """Let the clock run."""
    moment = instant(now, "--now") or now_utc()
    if moment > now_utc():
        raise BadInput("future_instant")
    with desk(kept) as at:
        done: dict[str, int] = {}
        for name in at.organisations(organisation):
            last = at.store.mark(name, "clock")
            if last is not None and moment < moment_of(last):
                raise BadInput("clock_going_back", last=last)
            done[name] = at.engine.tick(name, moment)
        at.screen.document({"clock": text_of(moment), "changed": done})
        for name, changed in done.items():
            at.screen.say("ticked", organisation=at.called(name), count=changed)
        at.screen.lines([_ran(at, text_of(moment))] if done else [at.screen.word("nothing_here")])
        return GOOD


def rebuild(*, organisation: str | None = None, kept: Kept = KEPT) -> int:
    """Make the index of deadlines anew."""
    with desk(kept) as at:
        done = {name: at.engine.rebuild(name) for name in at.organisations(organisation)}
        at.screen.document({"deadlines": done})
        for name, count in done.items():
            at.screen.say("rebuilt", organisation=at.called(name), count=count)
        if not done:
            at.screen.say("nothing_here")
        return GOOD
