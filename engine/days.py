"""Days and instants as they are said to people; ``dates.py`` reads them back as the same."""

from datetime import date, datetime, timedelta
from typing import Final

from stegvis.routines.text import Lang, Words, fill, plain

from .dates import Unclear
from .instants import STOCKHOLM, local_day

_NEAR: Final = 2
"""Days from today that have words of their own."""


def say_day(day: date, today: date, words: Words, lang: Lang) -> str:
    """A day in words: ``i dag söndag 3 maj``, ``fredag 1 maj 2026``."""
    near = (day - today).days
    places: dict[str, str | int] = {
        "weekday": _first(words, f"weekday_{day.isoweekday()}", lang),
        "day": day.day,
        "month": _first(words, f"month_{day.month}", lang),
        "year": day.year,
    }
    if abs(near) > _NEAR:
        return fill(words["dates.said_day"], places)(lang)
    return fill(words["dates.said_near"], {**places, "near": _first(words, f"day_{near}", lang)})(lang)


def say_moment(at: datetime, now: datetime, words: Words, lang: Lang) -> str:
    """An instant in words, on the Swedish clock: ``i dag söndag 3 maj kl. 14.30``."""
    local = at.astimezone(STOCKHOLM)
    day = say_day(local.date(), local_day(now), words, lang)
    time = f"{local:%H.%M}" if lang == "sv" else f"{local:%H:%M}"
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        time += " " + _first(words, "winter" if local.fold else "summer", lang)
    return fill(words["dates.said_moment"], {"day": day, "time": time})(lang)


def say_unclear(no: Unclear, words: Words, lang: Lang) -> str:
    """What was unclear, and what it could have meant."""
    days = [_whole(day, words, lang) for day in no.could]
    weekday = _first(words, f"weekday_{no.could[0].isoweekday()}", lang) if no.could else ""
    could = days[0] if days else ""
    for day in days[1:]:
        could = fill(words["dates.said_or"], {"one": could, "other": day})(lang)
    return fill(words[f"dates.{no.code}"], {"could": plain(could), "weekday": plain(weekday)})(lang)


def _whole(day: date, words: Words, lang: Lang) -> str:
    return say_day(day, day + timedelta(_NEAR + 1), words, lang)


def _first(words: Words, name: str, lang: Lang) -> str:
    return words[f"dates.{name}"](lang).partition("|")[0]
