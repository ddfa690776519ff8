"""Saying in words: instants, what is left of them, answers."""

from datetime import datetime

from stegvis.routines.form import Field, Value
from stegvis.routines.text import Text, Words, fill

from .instants import STOCKHOLM, moment_of


def say_instant(instant: str) -> str:
    """An instant on the Swedish clock, to the minute: ``2026-05-03 14:30``."""
    return f"{moment_of(instant).astimezone(STOCKHOLM):%Y-%m-%d %H:%M}"


def say_left(due: str, now: datetime, words: Words) -> Text:
    """How long is left, or how late it is, in days, hours or minutes."""
    minutes = int((moment_of(due) - now).total_seconds() // 60)
    side, count = ("left", minutes) if minutes >= 0 else ("late", -minutes)
    unit, size = ("days", 1440) if count >= 2 * 1440 else ("hours", 60) if count >= 2 * 60 else ("minutes", 1)
    return fill(words[f"guide.{side}_{unit}"], {"count": count // size})


def say_value(field: Field, value: Value, words: Words) -> Text:
    """An answer in words, as its form says it."""
    if field.type == "boolean":
        return words["guide.yes" if value is True else "guide.no"]
    if field.type == "choice" and field.of is not None:
        chosen = [field.of[str(one)] for one in (value if isinstance(value, list | tuple) else [value])]
        return Text.model_construct(
            sv=", ".join(one("sv") for one in chosen), en=", ".join(one("en") for one in chosen)
        )
    if field.type == "list" and isinstance(value, list | tuple):
        return fill(words["guide.rows"], {"count": len(value)})
    said = say_instant(str(value)) if field.type == "instant" else str(value)
    return Text.model_construct(sv=said, en=said)
