"""The delegation order: what it names is there, and every decision in a routine has its place in it."""

from collections.abc import Iterable

from ..delegation import DelegationOrder
from ..model import EVERYONE
from .page import Page, Path
from .places import Subject, World


def order(page: Page, says: DelegationOrder, world: World) -> None:
    """What the order itself names, and that nobody decides below what law permits."""
    levels = list(says.levels)
    for name, level in says.levels.items():
        for number, role in enumerate(level.roles):
            if role not in world.roles.roles:
                page.value("role-unknown", ("levels", name, "roles", number), name=role)
    for name, entry in says.decisions.items():
        path: Path = ("decisions", name)
        power, floor = world.roles.delegations.get(name), entry.floor
        if power is None:
            page.key("delegation-unknown", path, name=name)
        elif power.committee and floor.level is None:
            page.value("delegation-no-floor", (*path, "floor", "level"), name=name)
        named = [((*path, "by", number), level) for number, level in enumerate(entry.by)]
        named += [((*path, "floor", "level"), floor.level)] if floor.level is not None else []
        named += [((*path, "reported"), entry.reported)] if entry.reported is not None else []
        for place, level in named:
            if level not in levels:
                page.value("level-unknown", place, name=level)
        if floor.law is not None and floor.law not in world.law.laws:
            page.value("law-unknown", (*path, "floor", "law"), name=floor.law)
        lowest = levels.index(floor.level) if floor.level in levels else len(levels)
        for number, level in enumerate(entry.by):
            if level in levels and levels.index(level) > lowest:
                page.value("delegation-too-low", (*path, "by", number), name=name, level=level)


def decided(says: DelegationOrder, subjects: Iterable[Subject]) -> None:
    """Each decision of a routine stands in the order, and somebody who may take the step sits where it is decided."""
    for about in subjects:
        for step in about.steps:
            name = step.step.delegation
            if name is None or name not in about.world.roles.delegations:
                continue
            who = says.deciders(name)
            if who is None:
                about.page.value("delegation-not-in-order", (*step.path, "delegation"), name=name)
            elif EVERYONE not in step.step.by and not who.at.keys() & set(step.step.by):
                about.page.value("delegation-nobody", (*step.path, "delegation"), name=name, step=step.name)
