"""Who can take a step: somebody must be able to, and where two are asked for, no one person alone."""

from collections.abc import Iterable

from ..model import EVERYONE, HERE, Transition
from .names import CLOCK
from .places import Step, Subject


def people(about: Subject) -> None:
    """Steps that nobody can take, four-eyes that one person could satisfy, powers that need a qualified officer."""
    lapses = {deadline.lapse for deadline in about.routine.deadlines.values()}
    for step in about.steps:
        one, page = step.step, about.page
        if set(one.by) == {CLOCK} and step.name not in lapses:
            page.value("step-nobody", (*step.path, "by"), name=step.name)
        if one.four_eyes is not None and not _two(about, one.by, one.four_eyes.by):
            page.value("four-eyes-alone", (*step.path, "four_eyes", "by"), name=step.name, other="-")
        if one.four_eyes is not None and not one.four_eyes.afterwards:
            for other in about.steps:
                if _goes_round(step, other):
                    page.key("four-eyes-alone", (*step.path, "four_eyes"), name=step.name, other=other.name)
        delegation = about.world.roles.delegations.get(one.delegation or "")
        if delegation is not None and delegation.qualified and not one.qualified:
            page.value("delegation-qualified", (*step.path, "delegation"), name=one.delegation or "")


def _two(about: Subject, doers: Iterable[str], seconds: Iterable[str]) -> bool:
    """Whether two different people can hold the two parts: not when both are one role that a single person has."""
    single = {name for name, role in about.world.roles.roles.items() if role.single}
    return any(
        first != second or first not in single for first in doers for second in seconds if CLOCK not in {first, second}
    )


def _goes_round(step: Step, other: Step) -> bool:
    """Whether the same person can come to the same state from the same place without asking anybody."""
    one = other.step
    free = one.four_eyes is None and not one.require and not one.delegation and not one.qualified and not one.holder
    if other is step or not free or not set(step.states) & set(other.states):
        return False
    same = EVERYONE in {*step.step.by, *one.by} or bool(set(step.step.by) & set(one.by))
    return same and bool(_leads(step.step, every=True) & _leads(one, every=False) - {HERE})


def _leads(step: Transition, *, every: bool) -> set[str]:
    """Where a step leads, or can always be made to lead."""
    if isinstance(step.to, str):
        return {step.to}
    return {target.state for target in step.to if every or target.when is None}
