"""Everything stegvis raises, under one root.

    StegvisError
     +- BadDefinition      a definition that fails its checks does not load
     +- BadInput           a command, form or argument that cannot be read at all
     +- NotFound           an unknown routine, trigger, run or case
     +- Stale              somebody else has moved the case
     +- KeyReused          the same idempotency key with other content
     +- Refused            the routine says no, with every reason (defined in stegvis.engine)
     +- StoreError         the store cannot be used: locked, read-only, full, newer
     +- SealError          a cell cannot be sealed or opened
     +- TransportError     a hand-off cannot be sent or fetched now
     +- Broken             what was stored does not agree with itself
     +- NotProved          a signature, a proof or a quorum does not hold

The class docstring is the message a developer sees. Texts for staff live in definitions/texts under the same
code. ``details`` hold codes, field names, digests and numbers only: never what somebody wrote.
"""

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

Detail: TypeAlias = str | int | None


class StegvisError(Exception):
    """Something in stegvis went wrong."""

    code: ClassVar[str] = "stegvis"
    exit: ClassVar[int] = 3

    def __init__(self, code: str | None = None, /, **details: Detail) -> None:
        self.reason: str = code or self.code
        self.details: Mapping[str, Detail] = details
        said = ", ".join(f"{name}={value}" for name, value in details.items() if value is not None)
        sentence = (type(self).__doc__ or "").splitlines()[0]
        super().__init__(f"{self.reason}: {sentence}" + (f" ({said})" if said else ""))


class BadInput(StegvisError):
    """The input cannot be read; nothing was changed."""

    code = "bad_input"
    exit = 2


class NotFound(StegvisError):
    """There is nothing by that name here."""

    code = "not_found"
    exit = 2


class Stale(StegvisError):
    """Somebody else has moved the case since you looked; look again before you decide."""

    code = "stale_version"
    exit = 1


class KeyReused(StegvisError):
    """This idempotency key was used for another command; take a new key for a new command."""

    code = "key_reused"
    exit = 2


class StoreError(StegvisError):
    """The store cannot be used; nothing was acknowledged.

    After ``io`` a step may still be found stored, whole, when a disk failed while it was being made durable: send the
    same command again, under the same key.
    """

    code = "store"


class SealError(StegvisError):
    """A sealed cell cannot be opened: its key is missing or the cell was moved or changed."""

    code = "seal"


class TransportError(StegvisError):
    """A hand-off cannot be sent or fetched now; it is kept where it is, and is tried again."""

    code = "transport"


class Broken(StegvisError):
    """What is stored does not agree with itself; stop and verify before going on."""

    code = "broken"


class NotProved(StegvisError):
    """What was shown does not prove what it should: a signature, a proof or a quorum does not hold."""

    code = "not_proved"
    exit = 1
