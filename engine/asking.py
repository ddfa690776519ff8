"""What one judgement rests on: the definitions, the command, who asks, and when."""

from datetime import datetime
from typing import NamedTuple

from stegvis.routines.errors import BadInput
from stegvis.routines.library import Library

from .access import Ground
from .instants import day_at, text_of
from .values import Actor, Command


class Ask(NamedTuple):
    """A command in its setting. ``at`` is ``now`` as text; ``happened`` is when it happened, at the latest now."""

    library: Library
    command: Command
    actor: Actor
    now: datetime
    at: str
    happened: str
    today: str
    """The day it is in Stockholm, as text."""
    ground: Ground | None = None
    """On what access to the case rests; None where nobody comes in: a new case, a hand-off, the clock."""
    beside: frozenset[str] = frozenset()
    """The routines of which the case has a run that has not ended."""


def asking(library: Library, command: Command, actor: Actor, now: datetime) -> Ask:
    """Put a command in its setting.

    Raises:
        BadInput: ``naive_instant``, ``future_instant``.
    """
    at = text_of(now)
    happened = command.happened or at
    if happened > at:
        raise BadInput("future_instant")
    return Ask(library, command, actor, now, at, happened, day_at(at))
