"""What one judgement rests on: the definitions, the command, who asks, and when."""

from datetime import datetime
from typing import NamedTuple

from stegvis.routines.errors import BadInput
from stegvis.routines.library import Library

from .access import Ground
from .instants import day_at, text_of
from .values import Actor, Case, Command


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
    case: Case | None = None
    """The case that it concerns, as it stands; None for one that is to be opened."""


def asking(library: Library, command: Command, actor: Actor, now: datetime, case: Case | None = None) -> Ask:
    """Put a command in its setting.

    Raises:
        BadInput: ``naive_instant``, ``future_instant``.
    """
    at = text_of(now)
    happened = command.happened or at
    if happened > at:
        raise BadInput("future_instant")
    return Ask(library, command, actor, now, at, happened, day_at(at), None, case)
