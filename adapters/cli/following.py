"""The terminal around a talk: says its lines, hears the reader's, and keeps what was written when the terminal goes."""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Final

from stegvis.engine.drafts import Draft
from stegvis.engine.saying import say_instant
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput

from .answering import Said
from .desk import Desk
from .dialogue import Dialogue
from .errors import told
from .forms import fresh_key
from .mine import listed
from .options import GOOD
from .screen import Screen, shipped_words
from .terminal import Lost, terminal

GONE: Final[int] = getattr(signal, "SIGHUP", 1)
"""The signal that says that the terminal is gone."""


def wanted(*, interactive: bool, once: bool, json: bool) -> bool:
    """Whether to talk: on a terminal, unless told otherwise.

    Raises:
        BadInput: ``one_way_at_a_time``.
    """
    if interactive and (once or json):
        raise BadInput("one_way_at_a_time")
    return interactive or (not once and not json and sys.stdin.isatty() and sys.stdout.isatty())


def follow(at: Desk, who: Actor, case: str, run: str | None) -> int:
    """Follow a case until the reader stops; answers the exit status."""
    dialogue = Dialogue(at.engine, who, case, run=run, lang=at.screen.lang, keys=fresh_key)
    return converse(at.screen, dialogue.talk(), dialogue.lost)


def choose(at: Desk, who: Actor) -> int:
    """Show what the reader has on the desk, and follow what is chosen; answers the exit status."""
    found = at.engine.following.tasks(actor=who)
    if not found:
        at.screen.say("list.none")
        return GOOD
    dialogue = Dialogue(at.engine, who, lang=at.screen.lang, keys=fresh_key)

    def talk() -> Generator[Said, str, list[str]]:
        voice, lines = dialogue.voice, [*listed(at, found, who.id), dialogue.voice.word("which")]
        while True:
            text = (yield Said(tuple(lines), voice.word("choice"), "which")).strip().lower()
            if text == "q":
                return []
            if text in (numbers := {str(number): one for number, one in enumerate(found, 1)}):
                dialogue.case, dialogue.run = numbers[text].case, numbers[text].run
                return (yield from dialogue.talk())
            lines = [voice.word("not_one"), voice.word("which")]

    return converse(at.screen, talk(), dialogue.lost)


def begin(at: Desk, who: Actor, routine: str, person: str | None) -> int:
    """Open a routine in a new case and follow it until the reader stops; answers the exit status."""
    dialogue = Dialogue(at.engine, who, lang=at.screen.lang, keys=fresh_key)
    return converse(at.screen, dialogue.opening(routine, person=person), dialogue.lost)


def converse(screen: Screen, talk: Generator[Said, str, list[str]], lost: Callable[[str], Draft | None]) -> int:
    """Carry a talk on over the terminal.

    Args:
        screen: where its lines go.
        talk: what is said and heard.
        lost: keeps what was being written when the terminal is gone.
    """
    with terminal() as reader:
        try:
            said = next(talk)
            while True:
                screen.lines(said.lines)
                said = talk.send(reader.line(said.prompt))
        except StopIteration as end:
            screen.lines(end.value)
            return GOOD
        except Lost as gone:
            return _broken_off(screen, gone, lost)
        except OSError:  # nobody is there to be told
            return _broken_off(screen, Lost("", GONE), lost)


def _broken_off(screen: Screen, gone: Lost, lost: Callable[[str], Draft | None]) -> int:
    """Keep the answers, and say so if anybody still hears it."""
    try:
        kept = lost(gone.typed)
    except Exception as error:  # noqa: BLE001 - told as every other error is, without what was written
        return screen.fail(told(error, shipped_words()))
    with suppress(OSError):
        screen.line()
        if kept is not None:
            screen.say("following_kept", expires=say_instant(kept.expires))
    return GOOD if not gone.signal else 128 + gone.signal
