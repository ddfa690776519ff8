"""What is left for a municipality to do before it can use the definitions, and what it has to renew.

Told from the definitions alone. Nothing here says that something is wrong: what comes with stegvis is a template, and
numbers, times and powers are the municipality's own to decide.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from .errors import StegvisError
from .law import LawVersion
from .library import SHIPPED, Library
from .model import Routine
from .rules import steps_of
from .sources import Sources
from .text import Text, plain

Duty: TypeAlias = Literal["adopt", "decide", "fill_in", "renew", "verify"]
DUTIES: Final[tuple[Duty, ...]] = ("adopt", "decide", "fill_in", "renew", "verify")
"""Adopt a template · decide what law leaves to the municipality · fill in what only it knows · look again at what was
looked at long ago, or will soon change · look up what nobody has verified."""

YEAR: Final = timedelta(days=366)
AHEAD: Final = timedelta(days=183)
"""How long before a wording ends it is told of."""

OWN: Final = ("access", "organisations", "party", "persons", "roles")
"""Files in which everything is for the municipality to decide."""
_INVENTED: Final = ".example/"


class Left(NamedTuple):
    """One thing that is left: ``what`` about ``name`` in a file; ``code`` finds the sentence."""

    duty: Duty
    code: str
    file: str
    name: str
    what: Text
    day: str | None = None


def remaining(library: Library, sources: Sources, on: date) -> list[Left]:
    """Everything that is left to do, first what is to be adopted.

    Args:
        library: the definitions as they are used.
        sources: the same definitions as files, so that what nobody has replaced can be told from a municipality's own.
        on: the day it is.
    """
    found = [*_routines(library, on), *_orders(library, sources), *_contacts(library, on), *_laws(library, on)]
    return sorted(found, key=lambda one: (DUTIES.index(one.duty), one.file, one.code, one.name))


def _followed(library: Library, on: date) -> Iterator[Routine]:
    """The version of each routine that is followed that day, or the newest where none is."""
    for name, versions in library.versions.items():
        try:
            yield library.routine(name, on).routine
        except StegvisError:
            yield versions[0].routine


def _routines(library: Library, on: date) -> Iterator[Left]:
    for routine in _followed(library, on):
        file, name, title = "routines/", routine.routine, routine.title
        if routine.adopted is None:
            yield Left("adopt", "routine", file, name, title)
        last = routine.valid.last
        if last is not None and date.fromisoformat(last) < on + AHEAD:
            yield Left("renew", "routine_ends", file, name, title, last)


def _orders(library: Library, sources: Sources) -> Iterator[Left]:
    if getattr(library.orders["delegation"].says, "adopted", None) is None:
        yield Left("adopt", "delegation", "delegation.yaml", "delegation", plain("delegation.yaml"))
    for name in OWN:
        file = f"{name}.yaml"
        if sources.has(file) and not any((one / file).is_file() for one in sources.directories if one != SHIPPED):
            yield Left("decide", "file", file, name, plain(file))
    for name, one in library.organisations.organisations.items():
        if _INVENTED in one.origin:
            yield Left("fill_in", "origin", "organisations.yaml", name, one.title)


def _contacts(library: Library, on: date) -> Iterator[Left]:
    used = {name for one in _followed(library, on) for state in one.states.values() for name in state.call}
    for name in sorted(used):
        one = library.contacts.contacts[name]
        if one.number is None:
            yield Left("fill_in", "number", "contacts.yaml", name, one.title)
        elif one.checked is None:
            yield Left("verify", "contact_never", "contacts.yaml", name, one.title)
        elif on - one.checked > YEAR:
            yield Left("renew", "contact", "contacts.yaml", name, one.title, one.checked.isoformat())


def _laws(library: Library, on: date) -> Iterator[Left]:
    """A house rule of confidence L is a proposal; whoever decides about it writes another confidence."""
    for name in sorted({law for routine in _followed(library, on) for law in cites(routine)}):
        law = library.law.laws[name]
        try:
            now = library.law.at(name, on)
        except StegvisError:
            yield Left("renew", "law_gone", "law.yaml", name, law.title)
            continue
        if law.house and now.confidence == "L":
            yield Left("decide", "kept_how_long" if law.kind == "keep" else "house_rule", "law.yaml", name, law.title)
        elif not law.house and _unverified(now):
            yield Left("verify", "law", "law.yaml", name, law.title)
        if now.last is not None and now.last < on + AHEAD and now is law.versions[-1]:
            yield Left("renew", "law_ends", "law.yaml", name, law.title, now.last.isoformat())


def _unverified(version: LawVersion) -> bool:
    return version.section is None or version.confidence == "L"


def cites(routine: Routine) -> Iterator[str]:
    """Every law that a routine names, by id."""
    for _, step in steps_of(routine):
        yield from step.law
        yield from (never.law for never in step.never if never.law is not None)
    for state in routine.states.values():
        yield from (never.law for never in state.never if never.law is not None)
    yield from (deadline.law for deadline in routine.deadlines.values())
    yield routine.retention.rule
