"""What a routine promises: its properties, proved on every way; and a warning wherever it contacts the family."""

from ..model import Property
from ..rules import Rules
from .flow import Flow, done, judged
from .graph import stranded
from .page import Path
from .places import Subject


def warned(about: Subject) -> None:
    """A step that contacts the family says what must not be done, itself or in its state."""
    for step in about.steps:
        states = [about.routine.states[name] for name in step.states]
        silent = not step.step.never and (not states or any(not state.never for state in states))
        if step.step.contacts_family and silent:
            about.page.key("contact-unwarned", step.path, name=step.name)


def formed(about: Subject) -> None:
    """Each property says one thing; ``before`` belongs to what must never be, which without it must not be at all."""
    for number, one in enumerate(about.routine.properties):
        kinds = [one.never is not None, one.never_state is not None, one.end_reachable, one.contacts_family is not None]
        ordered = one.never is not None or one.never_state is not None
        if sum(kinds) != 1 or (one.before is not None and not ordered):
            about.page.value("property-shape", ("properties", number), name=one.id)


def proved(about: Subject, rules: Rules) -> None:
    """Every property holds on every way through the compiled steps; a way on which it does not is told."""
    for number, one in enumerate(about.routine.properties):
        path: Path = ("properties", number)
        way = _broken(about, rules, one)
        if way is not None:
            about.page.value("property-broken", path, name=one.id, way=way)


def _broken(about: Subject, rules: Rules, one: Property) -> str | None:
    if one.contacts_family is not None:
        return next((step.name for step in about.steps if step.step.contacts_family), None)
    if one.end_reachable:
        flow, states = stranded(rules)
        return flow.way(flow.came[states[0]]) if states else None
    flow = judged(rules, without=one.before or "")
    if one.never_state is not None:
        return flow.way(flow.came[one.never_state]) if one.never_state in flow.came else None
    return _taken(flow, done(rules, one.never or ""))


def _taken(flow: Flow, name: str) -> str | None:
    return next((flow.way(move) for (_, trigger), move in flow.taken.items() if trigger == name), None)
