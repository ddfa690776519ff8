"""The persons order (ordning för skyddade personuppgifter): what is asked about persons whatever the routine.

Who may look up and note how an identity is protected, who may set how somebody is reached, and who may be shown what
could lead to a protected person. A file without it lets nobody do any of that.
"""

from collections.abc import Mapping
from typing import Final, Literal, Self, TypeAlias

from pydantic import model_validator

from .form import Field, Form
from .text import Format, Model, Name

Level: TypeAlias = Literal[
    "none", "confidentiality_mark", "protected_registration", "fictitious_identity", "stated", "unknown"
]
"""None · sekretessmarkering · skyddad folkbokföring · fingerade personuppgifter · protected, nobody said how · not
known."""

LEVELS: Final[frozenset[str]] = frozenset(Level.__args__)

_IDENTITY: Final = {"level": "choice", "checked": "date", "source": "choice"}
_CHANNEL: Final = {
    "person": "person",
    "ways": "list",
    "code_word": "text",
    "voicemail": "boolean",
    "letters": "boolean",
    "messages": "boolean",
    "why": "text",
}
_WAY: Final = {"kind": "choice", "where": "text", "hours": "text"}


class Noting(Model):
    """Something that may be noted of a person: by which roles, and what is asked."""

    by: tuple[Name, ...]
    form: Form


class PersonsOrder(Model):
    """What is noted of persons, and who may be shown what could lead to a protected one (``reveal``)."""

    format: Format
    reveal: tuple[Name, ...] = ()
    identity: Noting | None = None
    channel: Noting | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.identity is not None:
            fields = _asks(self.identity.form.fields, _IDENTITY)
            if not {"none", "unknown"} <= set(fields["level"].of or ()) <= LEVELS:
                raise ValueError("levels are those that the library knows, none and unknown among them")
        if self.channel is not None:
            _asks(_asks(self.channel.form.fields, _CHANNEL)["ways"].rows or {}, _WAY)
        return self


def _asks(fields: Mapping[str, Field], wanted: Mapping[str, str]) -> Mapping[str, Field]:
    """The fields, which are those that the library reads by name."""
    if {name: field.type for name, field in fields.items()} != wanted:
        raise ValueError("the library reads other questions by name")
    return fields
