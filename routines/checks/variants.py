"""Routines that are written as what differs from another: what they extend is there, and comes to an end."""

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from ..findings import BadDefinition
from ..ondemand import OnDemand
from ..reader import Document
from ..registers import Organisations, Secrecy
from ..sources import Sources
from ..variant import Variant
from ..variants import extended
from .page import Page, at
from .shape import shaped


class Variants:
    """Puts routines together; each once, after what it extends.

    Args:
        versions: the pages of the routine of that name.
    """

    def __init__(self, versions: Callable[[str], Sequence[Page]], organisations: Organisations) -> None:
        self.versions = versions
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
        named = sorted(self.versions(variant.extends), key=lambda one: str(at(one.document, ("valid", "from"))))
        before = [one for one in named if str(at(one.document, ("valid", "from"))) <= variant.valid.first]
        return next(reversed(before or named), None)

    def _allowed(self, variant: Variant) -> frozenset[str]:
        """The classes of field that may exist at every organisation of the variant; an unknown one is told later."""
        kinds = [self.organisations.kinds[name] for name in variant.organisation if name in self.organisations.kinds]
        return frozenset(one for one in get_args(Secrecy) if all(kind.may_hold(one) for kind in kinds))


def extends(page: Page) -> bool:
    """Whether the routine of a page is written as what differs from another."""
    return isinstance(at(page.document, ("extends",)), str)


def wholes(sources: Sources, files: Mapping[str, str], organisations: Organisations) -> Callable[[str], Document]:
    """Puts the routines of definitions that are known to hold together, each when it is asked for by its file.

    Args:
        files: the routine that each file holds.

    Raises:
        BadDefinition: one that extends another cannot be put together.
    """
    pages = OnDemand(files, lambda file: Page(sources.document(file), sources))
    variants = Variants(lambda name: [pages[file] for file, one in files.items() if one == name], organisations)

    def whole(file: str) -> Document:
        made = variants.whole(pages[file])
        if made is None:
            raise BadDefinition(pages[file].findings)
        return made.document

    return whole
