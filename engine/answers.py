"""What the engine answers: a receipt, an answer to "may I?", or a refusal with every reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stegvis.routines.errors import StegvisError

from .corrections import Rested
from .persons import IdentityView
from .values import Reason


class Refused(StegvisError):
    """The routine says no; ``reasons`` holds every reason, each with what would remove it."""

    code = "refused"
    exit = 1

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons: tuple[Reason, ...] = tuple(reasons)
        super().__init__("refused", reasons=",".join(one.code for one in self.reasons))


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a step may be taken; every reason why not."""

    allowed: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an accepted command answers, the same each time its key is used.

    ``id`` is the case, ``run`` the command's run, ``state`` where it stood afterwards; both are empty for a command
    about the whole case. ``rested``: for a correction, the steps that had rested on the old answers.
    """

    id: str
    run: str
    version: int
    state: str
    record: str
    rested: tuple[Rested, ...] = ()


class Waiting(NamedTuple):
    """A running deadline in a list; ``identity`` is what the file knows of the person, and stands first."""

    identity: IdentityView
    case: str
    run: str
    deadline: str
    due: str
    legal: str | None
    next: str
    stage: str
