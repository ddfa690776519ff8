"""People to try a routine with: each role twice, each power missing once, outsiders, and somebody with nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from stegvis.engine.values import Actor
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE, Routine, Transition
from stegvis.routines.orders import load_order
from stegvis.routines.rules import steps_of


def open_to_all(library: Library) -> Library:
    """The library without its access order: to try routines, whoever gets into their cases."""
    return replace(library, orders={**library.orders, "access": load_order("access", None)})


def people(library: Library, routines: Iterable[Routine]) -> list[Actor]:
    """Actors who between them can take every step of the routines, and be refused each for every reason.

    For each organisation whose kind uses one of the routines, and each role that a step of it names: two persons with
    every power, one without any delegation, one without the competence, and one who holds every role at once. Beside
    them one with no role, and one of an organisation that uses none of the routines.

    Args:
        library: where roles, delegations and organisations stand.
        routines: the routines to be tried.
    """
    routines = list(routines)
    found: list[Actor] = []
    kinds = {kind for routine in routines for kind in routine.organisation}
    for name, organisation in library.organisations.organisations.items():
        if organisation.kind in kinds:
            found.extend(_staff(library, name, organisation.kind, routines))
    outside = (name for name, one in library.organisations.organisations.items() if one.kind not in kinds)
    for name in outside:
        found.append(Actor("stranger", roles=_roles(routines), unit="elsewhere", organisation=name))
        break
    return found


def _staff(library: Library, organisation: str, kind: str, routines: list[Routine]) -> Iterator[Actor]:
    mine = [routine for routine in routines if kind in routine.organisation]
    named = _roles(mine)
    roles = sorted(role for role in library.roles.roles if role in named and role != "clock") or ["manager"]
    powers = set(library.roles.delegations)

    def one(who: str, held: set[str], powers: set[str], *, qualified: bool) -> Actor:
        name = f"{organisation}.{who}"
        return Actor(name, roles=held, unit="unit", organisation=organisation, delegations=powers, qualified=qualified)

    for role in roles:
        yield one(f"{role}.1", {role}, powers, qualified=True)
        yield one(f"{role}.2", {role}, powers, qualified=True)
    for role in roles:
        yield one(f"{role}.bare", {role}, set(), qualified=True)
        yield one(f"{role}.new", {role}, powers, qualified=False)
    yield one("many", set(roles), powers, qualified=True)
    yield one("nobody", set(), powers, qualified=True)


def _roles(routines: Iterable[Routine]) -> set[str]:
    """Every role that a step, a second person, an override or a correction names."""
    return {role for routine in routines for role in _named(routine)} - {EVERYONE}


def _named(routine: Routine) -> Iterator[str]:
    yield from routine.correct.by
    if routine.acute is not None:
        yield from routine.acute.by
    for _, step in steps_of(routine):
        yield from _by(step)


def _by(step: Transition) -> Iterator[str]:
    yield from step.by
    if step.four_eyes is not None:
        yield from step.four_eyes.by
    for guard in step.require:
        if guard.override is not None:
            yield from guard.override.by
