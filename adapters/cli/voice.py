"""The voice of a talk: its texts in one language, its clock, and how answers are read aloud."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from stegvis.engine.days import say_day, say_moment
from stegvis.engine.instants import local_day, moment_of
from stegvis.engine.saying import say_value
from stegvis.routines.form import Field, Rejected, read_instant
from stegvis.routines.text import Lang, Text, Words, fill


class Voice:
    """The texts in one language, and the clock: what every part of a talk needs.

    Args:
        words: the texts.
        lang: in which language.
        clock: answers the present instant.
        me: the reader's own reference.
    """

    def __init__(self, words: Words, lang: Lang, clock: Callable[[], datetime], me: str) -> None:
        self.words, self.clock, self.me = words, clock, me
        self.lang: Lang = lang

    def word(self, name: str, /, **places: Text | str | int) -> str:
        """One of the texts of following.yaml."""
        return fill(self.words[f"following.{name}"], places)(self.lang)

    def means(self, name: str, said: str) -> bool:
        """Whether what was written is one of the words for something, in either language."""
        text = self.words[f"following.{name}"]
        return said.lower().rstrip(".!") in {*text("sv").lower().split("|"), *text("en").lower().split("|")}

    def value(self, field: Field, value: object) -> str:
        """An answer in words; one that cannot be read, as it was written."""
        if value is None:
            return self.word("check_unknown")
        try:
            return self._value(field, value)
        except (ValueError, KeyError, TypeError, Rejected):
            return visible(value)

    def _value(self, field: Field, value: object) -> str:
        if field.type == "date":
            return say_day(date.fromisoformat(str(value)), local_day(self.clock()), self.words, self.lang)
        if field.type == "instant":
            return say_moment(moment_of(read_instant(value)), self.clock(), self.words, self.lang)
        if field.type == "list":
            rows = cast("Sequence[Mapping[str, object]]", value)
            columns = field.rows or {}
            said = [", ".join(self.value(columns[name], one) for name, one in row.items()) for row in rows]
            return "; ".join(said) or self.word("check_skipped")
        return visible(say_value(field, cast("Any", value), self.words)(self.lang))


def visible(value: object) -> str:
    """A value on one line, with every character that would move the cursor written out."""
    text = value if isinstance(value, str) else repr(value)
    lines = (line for line in text.splitlines() if line)
    return " / ".join(
        "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line) for line in lines
    )
