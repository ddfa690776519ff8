"""The command for whoever is to bring stegvis into use: what is left for the municipality to do."""

from collections import Counter
from datetime import date
from itertools import groupby

from stegvis.engine.engine import now_utc
from stegvis.engine.instants import local_day
from stegvis.routines.errors import BadInput
from stegvis.routines.library import SHIPPED
from stegvis.routines.remaining import remaining
from stegvis.routines.sources import Sources

from .desk import directory, library, screen
from .options import GOOD, NO, READ, Read


def doctor(*, as_of: str | None = None, read: Read = READ) -> int:
    """Say what is left before these definitions can be used."""
    at, known = screen(read), library(read)
    sources = Sources([SHIPPED, *(directory(one) for one in read.definitions)])
    try:
        day = date.fromisoformat(as_of) if as_of is not None else local_day(now_utc())
    except ValueError:
        raise BadInput("not_date", field="--as-of") from None
    found = remaining(known, sources, day)
    counts = Counter(one.duty for one in found)
    at.document({"as_of": day.isoformat(), "counts": counts, "left": [one._asdict() for one in found]})
    for duty, group in groupby(found, lambda one: one.duty):
        at.line()
        at.say(f"doctor.{duty}", count=counts[duty])
        for one in group:
            at.line(f"  - {at.word(f'left.{one.code}', what=one.what, name=one.name, day=one.day or '')} [{one.file}]")
    at.line()
    at.say("doctor.whole" if found else "doctor.none", count=len(found))
    return NO if found else GOOD
