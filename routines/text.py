"""Texts for people: Swedish first, English beside; and the catalogues that hold the library's own."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticKnownError

Lang: TypeAlias = Literal["sv", "en"]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A name inside definitions: lower-case ASCII words joined by underscores."""

FactName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?$")]
"""A fact: ``form.field``, ``handed.name``, ``status.trigger``, or one word for a derived one."""


def _number(value: object) -> object:
    """To Python true is 1; to a schema, and to whoever reads the file, it is not."""
    if isinstance(value, bool):
        raise PydanticKnownError("literal_error", {"expected": "1"})
    return value


Format: TypeAlias = Annotated[Literal[1], BeforeValidator(_number)]
"""The format of a file of definitions."""


class Model(BaseModel):
    """What every part of a definition has in common: frozen, nothing unknown, and silent about values in its errors.

    Each is built when it is first used: building them all takes longer than everything else in an import.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True, defer_build=True)


class Text(Model):
    """One text in Swedish (sv), and in English (en) where there is one."""

    sv: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    en: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None

    def __call__(self, lang: Lang) -> str:
        """The text in that language, or in Swedish where there is no other."""
        return self.en if lang == "en" and self.en is not None else self.sv


Words: TypeAlias = Mapping[str, Text]
"""A catalogue of the library's own texts, by code."""


def fill(text: Text, values: Mapping[str, Text | str | int]) -> Text:
    """Put ``values`` in the places ``{name}`` of a text, each language in its own words."""

    def one(lang: Lang) -> str:
        said = text(lang)
        for name, value in values.items():
            said = said.replace("{" + name + "}", value(lang) if isinstance(value, Text) else str(value))
        return said

    return Text.model_construct(sv=one("sv"), en=one("en"))


def plain(text: str) -> Text:
    """The same words in both languages: a name, a number."""
    return Text.model_construct(sv=text, en=text)
