"""What an order names is there: kinds of organisation, roles, and laws with a time limit where one is counted."""

from collections.abc import Iterator, Sequence

from ..delegation import DelegationOrder
from ..orders import HOLDER, Access, AccessOrder
from ..party import PartyOrder
from . import delegation, party
from .page import Page, Path
from .places import Subject, World


def named(page: Page, order: object, world: World, subjects: Sequence[Subject]) -> None:
    """What an order names, whichever it is."""
    match order:
        case AccessOrder():
            access(page, order, world)
        case DelegationOrder():
            delegation.order(page, order, world)
            delegation.decided(order, subjects)
        case PartyOrder():
            party.order(page, order, world)
        case _:
            pass


def access(page: Page, order: AccessOrder, world: World) -> None:
    """The names in an access order."""
    for kind, rules in order.kinds.items():
        if kind not in world.organisations.kinds:
            page.key("organisation-unknown", ("kinds", kind), name=kind)
        for path, names in _roles(rules):
            for number, name in enumerate(names):
                if name not in world.roles.roles and not (name == HOLDER and path[0] == "may"):
                    page.value("role-unknown", ("kinds", kind, *path, number), name=name)
        glass = rules.break_glass
        for key in ("lasts", "seen") if glass is not None else ():
            law = str(getattr(glass, key))
            if law not in world.law.laws:
                page.value("law-unknown", ("kinds", kind, "break_glass", key), name=law)
            elif world.law.laws[law].kind == "basis":
                page.value("law-without-limit", ("kinds", kind, "break_glass", key), name=law)


def _roles(rules: Access) -> Iterator[tuple[Path, tuple[str, ...]]]:
    yield ("oversees", "unit"), rules.oversees.unit
    yield ("oversees", "organisation"), rules.oversees.organisation
    for key in ("name", "stand_in", "bar", "who"):
        yield ("may", key), getattr(rules.may, key)
    yield ("audits",), rules.audits
    if rules.break_glass is not None:
        yield ("break_glass", "by"), rules.break_glass.by
        yield ("break_glass", "announce"), rules.break_glass.announce
