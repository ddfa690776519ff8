"""Routines that are written as what differs from another: what they extend is there, and comes to an end."""

from collections.abc import Sequence
from typing import get_args

from ..registers import Organisations, Secrecy
from ..variant import Variant
from ..variants import extended
from .page import Page, at
from .shape import shaped


class Variants:
    """Puts the routines of these pages together; each once, after what it extends."""

    def __init__(self, read: Sequence[Page], organisations: Organisations) -> None:
        self.read = read
        self.organisations = organisations
        self.made: dict[str, Page | None] = {}
        self.busy: list[str] = []

    def whole(self, page: Page) -> Page | None:
        """The page with the whole routine on it: itself, unless it extends another; None after a fault was told."""
        name = page.document.name
        if not extends(page):
            return page
        if name not in self.made:
            self.busy.append(name)
            self.made[name] = self._made(page)
            self.busy.remove(name)
        return self.made[name]

    def _made(self, page: Page) -> Page | None:
        variant = shaped(page, Variant)
        if variant is None:
            return None
        base = self._base(variant)
        if base is None:
            page.value("routine-unknown", ("extends",), name=variant.extends)
            return None
        if base.document.name in self.busy:
            page.value("variant-in-circle", ("extends",), name=variant.extends)
            return None
        under = self.whole(base)
        if under is None:
            return None
        made = extended(under.document, page.document, variant, self._allowed(variant))
        if isinstance(made, list):
            for fault in made:
                page.key(fault.rule, fault.path, fault.details)
            return None
        return Page(made, page.sources)

    def _base(self, variant: Variant) -> Page | None:
        """The version of the routine that is followed on the variant's first day, or else the latest."""
        named = [one for one in self.read if at(one.document, ("routine",)) == variant.extends]
        named.sort(key=lambda one: str(at(one.document, ("valid", "from"))))
        before = [one for one in named if str(at(one.document, ("valid", "from"))) <= variant.valid.first]
        return next(reversed(before or named), None)

    def _allowed(self, variant: Variant) -> frozenset[str]:
        """The classes of field that may exist at every organisation of the variant; an unknown one is told later."""
        kinds = [self.organisations.kinds[name] for name in variant.organisation if name in self.organisations.kinds]
        return frozenset(one for one in get_args(Secrecy) if all(kind.may_hold(one) for kind in kinds))


def extends(page: Page) -> bool:
    """Whether the routine of a page is written as what differs from another."""
    return isinstance(at(page.document, ("extends",)), str)
