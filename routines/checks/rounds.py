"""The checks come in rounds, since what is asked in one rests on the one before.

First, files can be read and have their shape; then, what they name is there; and then, on the compiled routines,
everything that a run could come to.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeAlias, cast

from ..digests import Json
from ..errors import NotFound
from ..findings import BadDefinition, Finding, Mark
from ..law import LawBook
from ..model import Routine
from ..orders import ORDERS
from ..registers import Contacts, Organisations, Roles
from ..rules import Rules, compile_routine
from ..schema import FILES
from ..sources import Sources, builtin_of
from ..unswept import unswept
from ..wording import Wording
from . import facts, graph, handoffs, laws, names, orders, people, promises, wording
from .choices import choices
from .flow import plain
from .page import Page, Path, at
from .places import Subject, World, subject
from .shape import shaped
from .variants import Variants, extends

_Routine: TypeAlias = tuple[Page, Routine]
_REGISTERS = ("law", "roles", "contacts", "organisations", "builtin")


class Checked(NamedTuple):
    """What the checks found, and the routines that could be compiled."""

    findings: Sequence[Finding]
    rules: Mapping[str, Rules]
    """By the file that each comes from."""


@unswept()
def check(sources: Sources, *, as_of: date | None = None) -> Checked:
    """Check every definition of these sources.

    Args:
        as_of: the day on which the law must hold, beside each version's own first day; by default the last wording
            known, so that a law with a known last day is found whatever the day is.
    """
    return _Check(sources, as_of).done()


class _Check:
    def __init__(self, sources: Sources, as_of: date | None) -> None:
        self.sources = sources
        self.as_of = as_of
        self.findings: list[Finding] = []
        self.pages: list[Page] = []
        self.words: Wording | None = None

    def done(self) -> Checked:
        registers = {f"{name}.yaml": self.page(f"{name}.yaml") for name in _REGISTERS}
        models = {name: page and shaped(page, FILES[name.removesuffix(".yaml")]) for name, page in registers.items()}
        for name in (*self.sources.names("texts"), *(["terms.yaml"] if self.sources.has("terms.yaml") else [])):
            page = self.page(name)
            if page is not None:
                shaped(page, FILES["texts" if "/" in name else "terms"])
        ordered = {name: self.page(f"{name}.yaml") for name in ORDERS if self.sources.has(f"{name}.yaml")}
        says = [(page, shaped(page, ORDERS[name])) for name, page in ordered.items() if page is not None]
        self.words = self.wording()
        read = self.whole(
            [page for name in self.sources.names("routines") if (page := self.page(name)) is not None],
            cast("Organisations | None", models["organisations.yaml"]),
        )
        routines = [(page, routine) for page in read if (routine := self.routine(page)) is not None]
        rules: dict[str, Rules] = {}
        if all(models.values()):
            world = self.world(models, read, routines)
            subjects = [subject(page, routine, world) for page, routine in routines]
            laws.registers({name: page for name, page in registers.items() if page}, world, subjects, self.as_of)
            for page, order in says:
                orders.named(page, order, world, subjects)
            for about in subjects:
                if (compiled := self.meaning(about)) is not None:
                    rules[about.page.document.name] = compiled
        _apart(routines)
        for page in self.pages:
            wording.sentences(page)
        found = [*self.findings, *(one for page in self.pages for one in page.findings)]
        # What is wrong where it is inherited from is told there, and not once more for each that inherits it.
        first = {(one.rule, one.file, one.mark) for one in found if not one.variant}
        told = [one for one in found if not (one.variant and (one.rule, one.file, one.mark) in first)]
        return Checked(sorted(told), rules)

    def whole(self, read: Sequence[Page], organisations: Organisations | None) -> list[Page]:
        """The pages with a whole routine on each: those that extend another are put together, if that can be done."""
        if organisations is None:
            return [page for page in read if not extends(page)]
        variants = Variants(
            lambda name: [page for page in read if at(page.document, ("routine",)) == name], organisations
        )
        whole = [made for page in read if (made := variants.whole(page)) is not None]
        self.pages = [page for page in self.pages if page not in read] + [
            *read,
            *(one for one in whole if one not in read),
        ]
        return whole

    def wording(self) -> Wording | None:
        page = self.page("wording.yaml") if self.sources.has("wording.yaml") else None
        return shaped(page, Wording) if page is not None else None

    def page(self, name: str) -> Page | None:
        try:
            page = Page(self.sources.document(name), self.sources)
        except BadDefinition as bad:
            self.findings.extend(bad.findings)
            return None
        except NotFound:
            self.findings.append(Finding("file-missing", name, Mark(1, 1), (), {"name": name}))
            return None
        self.pages.append(page)
        return page

    def routine(self, page: Page) -> Routine | None:
        routine = shaped(page, Routine)
        if routine is None:
            return None
        days: list[tuple[Path, str | None]] = [
            (("valid", "from"), routine.valid.first),
            (("valid", "to"), routine.valid.last),
            (("adopted", "on"), routine.adopted.on if routine.adopted is not None else None),
        ]
        for path, day in days:
            if day is not None and not _is_day(day):
                page.value("shape-bad-date", path, key=str(path[-1]))
        if not page.failed and routine.valid.last is not None and routine.valid.last < routine.valid.first:
            page.value("routine-dates-order", ("valid", "to"))
        return None if page.failed else routine

    def world(self, models: Mapping[str, object], read: Iterable[Page], routines: Iterable[_Routine]) -> World:
        versions: dict[str, tuple[Routine, ...]] = {}
        for page in read:
            # A routine that has not its shape is there all the same: that others name it is no fault of theirs.
            name = at(page.document, ("routine",))
            if isinstance(name, str):
                versions[name] = ()
        for _, routine in routines:
            versions[routine.routine] = (*versions[routine.routine], routine)
        return World(
            law=cast("LawBook", models["law.yaml"]),
            roles=cast("Roles", models["roles.yaml"]),
            contacts=cast("Contacts", models["contacts.yaml"]),
            organisations=cast("Organisations", models["organisations.yaml"]),
            builtin=builtin_of(self.sources),
            routines=versions,
        )

    def meaning(self, about: Subject) -> Rules | None:
        """What a routine names, and then what a run of it could come to."""
        names.names(about)
        names.guards(about)
        facts.fields(about)
        handoffs.handoffs(about)
        laws.laws(about, self.as_of)
        laws.clocks(about)
        promises.formed(about)
        if about.page.failed:
            return None
        people.people(about)
        promises.warned(about)
        choices(about)
        rules = compile_routine(cast("dict[str, Json]", about.page.document.data), about.world.builtin)
        flow = plain(rules)
        graph.states(about.page, rules, flow)
        facts.order(about, rules, flow)
        laws.meetable(about, rules, flow)
        handoffs.sent(about, rules)
        promises.proved(about, rules)
        if not about.page.failed:
            wording.wording(about, self.words)
        return rules


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _apart(routines: Iterable[_Routine]) -> None:
    """On each day at most one version of a routine is followed."""
    last: dict[str, _Routine] = {}
    for page, routine in sorted(routines, key=lambda one: (one[1].valid.first, one[0].document.name)):
        before = last.get(routine.routine)
        if before is not None:
            end, other = before[1].valid.last, before[0].document.name
            if end is None or routine.valid.first <= end:
                page.value("routine-dates-overlap", ("valid", "from"), name=routine.routine, other=other)
        last[routine.routine] = (page, routine)
