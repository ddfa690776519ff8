"""What kind of thing a fact is: the types that forms give to facts and that conditions are checked against.

A fact is a JSON value. ``None`` or an absent fact means *not known yet*, never "no". Dates and instants are text in
one form each, chosen so that text sorts as time does; there are no floats.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

Kind: TypeAlias = Literal["choice", "boolean", "number", "text", "date", "instant", "person", "actor", "list"]

Value: TypeAlias = "bool | int | str | Sequence[Value] | Mapping[str, Value] | None"
"""A JSON value without floats."""

Facts: TypeAlias = Mapping[str, Value]
"""Values by name, ``form.field`` or a single word."""

_SHAPES: Mapping[Kind, re.Pattern[str]] = {
    "date": re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"),
    "instant": re.compile(
        r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
        r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
    ),
}


@dataclass(frozen=True, slots=True)
class FactType:
    """The type of one fact, or of one field in the rows of a list.

    choice   text, one of ``options``; with ``multiple``, a list of such texts
    boolean  true or false
    number   a whole number
    text     any text
    date     ``YYYY-MM-DD``
    instant  ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, in UTC
    person   an opaque key for a person; actor: an opaque key for a member of staff
    list     rows, each a mapping with the fields of ``rows``
    """

    kind: Kind
    options: tuple[str, ...] = ()
    rows: Mapping[str, "FactType"] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    multiple: bool = False

    def known(self, value: object) -> bool:
        """Whether the value is there and has this type.

        Only the shape of a date is looked at: that 30 February does not exist is for the form to say. A list's rows
        are judged field by field where they are read.
        """
        match self.kind:
            case "boolean":
                return type(value) is bool
            case "number":
                return type(value) is int
            case "list":
                return isinstance(value, list | tuple)
            case "choice" if self.multiple:
                return isinstance(value, list | tuple) and all(map(self._is_option, cast("Sequence[object]", value)))
            case "choice":
                return self._is_option(value)
            case "date" | "instant" as kind:
                return isinstance(value, str) and _SHAPES[kind].fullmatch(value) is not None
            case "text" | "person" | "actor":
                return isinstance(value, str)

    def _is_option(self, value: object) -> bool:
        return isinstance(value, str) and value in self.options


Scope: TypeAlias = Mapping[str, FactType]
"""The facts that a condition may name, by ``form.field`` or a single word."""
