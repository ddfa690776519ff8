"""The delegation order (delegationsordning): for each kind of decision, at which levels it is taken.

The power itself is what the host vouches for in ``Actor.delegations``. The order says who can have been given it:
board, committee, chair or appointed member, unit manager, officer. Which decisions law keeps from being delegated
further down is data too, with how sure that is.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator

from .law import Confidence, Line
from .model import Adopted
from .text import Format, Model, Name, Text

Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){0,3}$")]


class Level(Model):
    """A level that decides (beslutsnivå), and the roles of those who sit there; none where nobody acts in a routine."""

    title: Text
    roles: tuple[Name, ...] = ()


class Floor(Model):
    """The lowest level that law lets decide (delegationsförbud).

    ``level`` is None where no rule against delegation is known. Confidence L: nobody has looked.
    """

    level: Name | None
    law: Name | None
    confidence: Confidence

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.level is None) is not (self.law is None):
            raise ValueError("a floor stands in a law, and without one there is none")
        if self.level is None and self.confidence != "L":
            raise ValueError("that nothing forbids it is not known before somebody has looked")
        return self


class Entry(Model):
    """One kind of decision in the order.

    ``number``: its place in the order. ``by``: the levels that decide. ``floor``: what law permits. ``reported``: the
    level that is told of it afterwards (anmälan av delegationsbeslut); None when nobody is.
    """

    number: Number
    by: Annotated[tuple[Name, ...], Field(min_length=1)]
    floor: Floor
    reported: Name | None
    note: Line | None = None


class DelegationOrder(Model):
    """Who decides what. Levels are written from the top down; a decision that is left out is not under this order."""

    format: Format
    adopted: Adopted | None = None
    label: Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d+$")] | None = None
    levels: Mapping[Name, Level] = {}
    decisions: Mapping[Name, Entry] = {}

    def deciders(self, decision: str) -> "Deciders | None":
        """Who takes that kind of decision; None where the order does not say."""
        return self.every.get(decision)

    @cached_property
    def every(self) -> "Mapping[str, Deciders]":
        """Who takes each kind of decision, worked out once."""
        return {name: self._of(entry) for name, entry in self.decisions.items()}

    def _of(self, entry: Entry) -> "Deciders":
        # The first level wins, should a role sit at two: a decision is never recorded lower than it may be taken.
        levels = [level for level in reversed(list(self.levels)) if level in entry.by]
        return Deciders(entry.number, {role: level for level in levels for role in self.levels[level].roles})


class Deciders(NamedTuple):
    """Who takes a kind of decision: its number in the order, and the level of each role that does."""

    number: str
    at: Mapping[str, str]
