"""The parts of a routine with the places where they stand in its file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from ..condition import Condition as CompiledCondition
from ..condition import parse
from ..digests import canonical
from ..facttypes import FactType, Scope
from ..form import Field
from ..law import LawBook
from ..model import OPEN, Condition, Routine, Start, Transition
from ..registers import Contacts, Organisations, Roles
from ..rules import Builtin, scope_of
from .page import Page, Path


@dataclass(frozen=True, slots=True)
class World:
    """What routines refer to."""

    law: LawBook
    roles: Roles
    contacts: Contacts
    organisations: Organisations
    builtin: Builtin
    routines: Mapping[str, tuple[Routine, ...]]
    """Every version of each routine; none for one whose files do not have the shape of a routine."""
    _scopes: dict[int, Scope] = field(default_factory=dict[int, Scope])

    def scope(self, routine: Routine) -> Scope:
        """The facts of one of these routines, gathered once."""
        return self._scopes.get(id(routine)) or self._scopes.setdefault(id(routine), scope_of(routine))


class Step(NamedTuple):
    """A declared step; ``states`` are those it can be taken in, none for the opening."""

    path: Path
    name: str
    step: Transition
    states: tuple[str, ...]


class Asked(NamedTuple):
    """A field; ``form`` is None for a fact that is handed over, and ``row`` tells a field in the rows of a list."""

    path: Path
    form: str | None
    name: str
    field: Field
    row: bool = False


class Said(NamedTuple):
    """A condition as it is written."""

    path: Path
    source: Condition


@dataclass(frozen=True, slots=True)
class Subject:
    """One routine under check."""

    page: Page
    routine: Routine
    world: World
    scope: Scope
    steps: tuple[Step, ...]
    fields: tuple[Asked, ...]
    _parsed: dict[bytes, CompiledCondition] = field(default_factory=dict[bytes, CompiledCondition])

    def parsed(self, source: Condition) -> CompiledCondition:
        """A condition, read once however often it is written. Raises BadCondition."""
        spelling = canonical(source)
        found = self._parsed.get(spelling)
        if found is None:
            # What is no condition at all is refused by the reader, whatever its type.
            found = self._parsed[spelling] = parse(cast("str", source), self.scope)
        return found

    @property
    def names(self) -> frozenset[str]:
        """The names of all declared steps."""
        return frozenset(step.name for step in self.steps)

    def stored(self, fact: str) -> FactType | None:
        """The type of a fact that is kept as it was given, not worked out."""
        return None if fact in self.routine.derived else self.scope.get(fact)


def subject(page: Page, routine: Routine, world: World) -> Subject:
    """A routine, taken apart."""
    return Subject(page, routine, world, world.scope(routine), tuple(_steps(routine)), tuple(_fields(routine)))


def _steps(routine: Routine) -> Iterator[Step]:
    yield Step(("open",), OPEN, routine.opens, ())
    for state, one in routine.states.items():
        for name, step in one.transitions.items():
            yield Step(("states", state, "transitions", name), name, step, (state,))
    for name, shared in routine.shared.items():
        yield Step(("shared", name), name, shared, shared.states)


def _fields(routine: Routine) -> Iterator[Asked]:
    for form, asked in routine.forms.items():
        for name, one in asked.fields.items():
            yield from _rows(Asked(("forms", form, "fields", name), form, name, one))
    for name, one in routine.handed.items():
        yield from _rows(Asked(("handed", name), None, name, one))


def _rows(asked: Asked) -> Iterator[Asked]:
    yield asked
    for name, one in (asked.field.rows or {}).items():
        yield from _rows(Asked((*asked.path, "rows", name), asked.form, name, one, row=True))


def conditions(about: Subject) -> Iterator[Said]:
    """Every condition of a routine."""
    for step in about.steps:
        yield from _of_step(step)
    for asked in about.fields:
        if asked.field.when is not None:
            yield Said((*asked.path, "when"), asked.field.when)
    for name, derived in about.routine.derived.items():
        if derived.holds is not None:
            yield Said(("derived", name, "is"), derived.holds)
    for name, deadline in about.routine.deadlines.items():
        for number, start in enumerate(deadline.starts):
            if isinstance(start, Start):
                yield Said(("deadlines", name, "starts", number, "when"), start.when)


def _of_step(step: Step) -> Iterator[Said]:
    for number, guard in enumerate(step.step.require):
        yield Said((*step.path, "require", number, "when"), guard.when)
    if not isinstance(step.step.to, str):
        for number, target in enumerate(step.step.to):
            if target.when is not None:
                yield Said((*step.path, "to", number, "when"), target.when)
