"""The command that writes routines for the binder on the shelf."""

from contextlib import suppress
from datetime import date

from stegvis.engine.engine import now_utc
from stegvis.engine.instants import local_day
from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.library import Library
from stegvis.routines.pictures import binder

from .desk import library, screen
from .options import GOOD, READ, Read


def print_(*routines: str, whole: bool = False, html: bool = False, as_of: str | None = None, read: Read = READ) -> int:
    """Write routines for paper: those named, or all that are valid that day."""
    try:
        day = date.fromisoformat(as_of) if as_of is not None else local_day(now_utc())
    except ValueError:
        raise BadInput("not_date", field="--as-of") from None
    known, at = library(read), screen(read)
    names = routines or _valid(known, day)
    made = binder.parts if whole else binder.sheet
    pages = [list(made(known, known.routine(name, day), day, at.lang)) for name in names]
    at.document(
        {
            "day": day.isoformat(),
            "pages": {name: "\n".join(binder.text(page)) for name, page in zip(names, pages, strict=True)},
        }
    )
    if html and not at.as_json:
        title = ", ".join(page[0].text for page in pages)
        at.line("\n".join(binder.html(pages, title, at.lang, whole=whole)), whole=True)
        return GOOD
    for number, page in enumerate(pages):
        at.lines(["\f"] if number else [])
        at.lines(binder.text(page))
    return GOOD


def _valid(known: Library, day: date) -> list[str]:
    """The routines that are valid that day."""
    found = list[str]()
    for name in known.versions:
        with suppress(NotFound):
            found.append(known.routine(name, day).id)
    return found
