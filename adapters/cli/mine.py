"""The command of what somebody has on the desk."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from stegvis.engine.days import say_moment
from stegvis.engine.following import Task
from stegvis.engine.instants import moment_of
from stegvis.engine.saying import say_left

from .desk import Desk, actor, desk, short
from .options import ACTING, GOOD, Acting


def list_(*, acting: Acting = ACTING) -> int:
    """Show what the actor has on the desk: overdue, today, waiting for others, later."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        found = at.engine.following.tasks(actor=who)
        at.screen.document({"tasks": found})
        at.screen.lines(listed(at, found, who.id))
        return GOOD


def listed(at: Desk, found: Sequence[Task], me: str) -> Iterator[str]:
    """The list as lines, numbered from one to its end whatever the group."""
    if not found:
        yield at.screen.word("list.none")
    for group, some in groupby(enumerate(found, 1), key=lambda one: one[1].group):
        tasks = list(some)
        yield at.screen.word(f"list.{group}", count=len(tasks))
        for number, one in tasks:
            yield from _lines(at, one, number, me)
        yield ""


def _lines(at: Desk, one: Task, number: int, me: str) -> Iterator[str]:
    words, lang, now = at.library.words, at.screen.lang, at.engine.clock()
    yield f"  {number}. {short(at, one.identity)} {one.now(lang)}"
    yield "     " + at.screen.word("list.routine", routine=one.routine, case=one.case)
    if one.due is not None and one.what is not None:
        when = say_moment(moment_of(one.due), now, words, lang)
        yield "     " + at.screen.word("list.due", what=one.what, when=when, left=say_left(one.due, now, words))
    if one.waiting is not None:
        yield "     " + at.screen.word("list.waiting_for", party=one.waiting)
    if one.biased:
        yield "     " + at.screen.word("list.biased")
    if one.holder is None:
        yield "     " + at.screen.word("list.nobody")
    elif one.holder != me:
        yield "     " + at.screen.word("list.holder", who=one.holder)
