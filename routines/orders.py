"""Orders (ordningar): what an organisation has decided for all its cases, whatever the routine.

Each order is one file with a digest of its own. It holds from the day it is laid in place, for old cases as for new
ones; a record names the order that it was judged under, and the store keeps its canonical bytes for ever.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, TypeAlias, cast

import orjson
from pydantic import Field, StringConstraints

from .delegation import DelegationOrder
from .digests import canonical, digest
from .law import checked
from .party import PartyOrder
from .persons import PersonsOrder
from .text import Format, Model, Name

Unit: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
"""A unit by the host's own key."""
Roles: TypeAlias = tuple[Name, ...]
HOLDER = "holder"
"""Whoever has the case, where an order says who may do something; no role has this name."""
Entered: TypeAlias = Literal["holder", "stand_in", "named", "opener", "unit", "overseer", "break_glass"]
"""On what access rests: has the case, stands in, is named, opened it, works in its unit, oversees, broke the glass."""


class Oversees(Model):
    """Roles that see cases whoever holds them: those of their own unit, or all of the organisation's."""

    unit: Roles = ()
    organisation: Roles = ()


class May(Model):
    """Who may let somebody in, keep somebody out, see who has looked, tie a case to another: roles, or ``holder``."""

    name: Roles = ()
    stand_in: Roles = ()
    bar: Roles = ()
    who: Roles = ()
    link: Roles = ()


class Demands(Model):
    """What must hold of a person before access that rests on one of these grounds.

    ``qualified``: the competence of SoL 25 kap. 1 § (behörighet). ``bias``: they have said that they are not biased in
    the case (jävsprövning).
    """

    qualified: tuple[Entered, ...] = ()
    bias: tuple[Entered, ...] = ()


class BreakGlass(Model):
    """Access in an emergency with a reason (nödöppning).

    ``by``: who may. ``lasts`` and ``seen``: laws that say how long it holds, and by when somebody has looked at it.
    ``announce``: the roles on whose list it stands, in the unit that the case belongs to.
    """

    by: Annotated[Roles, Field(min_length=1)]
    lasts: Name
    seen: Name
    announce: Annotated[Roles, Field(min_length=1)]


class Access(Model):
    """Who may see and act on cases in one kind of organisation (inre sekretess, behörighet).

    ``unheld``: who works with a case that nobody has: those of its unit with a role in the routine, or only whoever
    opened it. ``receives``: the units that share what has come in until somebody has been given it; without them a
    hand-off belongs to every unit. ``alarm``: who may say that a life is in danger in a case they are not in: those of
    its unit, or all of the organisation. ``audits``: roles that read the log of every case, and nothing else of it.
    """

    unheld: Literal["unit", "opener"]
    receives: tuple[Unit, ...] = ()
    alarm: Literal["unit", "organisation"] = "unit"
    oversees: Oversees = Oversees.model_construct()
    may: May = May.model_construct()
    demands: Demands = Demands.model_construct()
    audits: Roles = ()
    break_glass: BreakGlass | None = None


class AccessOrder(Model):
    """Who may see and act on cases, by kind of organisation. A kind left out is open to all of the organisation."""

    format: Format
    kinds: Mapping[Name, Access] = {}


CHANGES = frozenset(
    {
        "name",
        "unname",
        "stand_in",
        "end_stand_in",
        "bias",
        "break_glass",
        "see_opening",
        "apart",
        "omit",
        "identity",
        "channel",
    }
)
"""The changes of a whole case that an order governs; what each does stands in the engine."""

ORDERS: Mapping[str, type[Model]] = {
    "access": AccessOrder,
    "delegation": DelegationOrder,
    "party": PartyOrder,
    "persons": PersonsOrder,
}
"""The model of each order, by the name of its file."""


class Order(NamedTuple):
    """An order as it is read, and the canonical bytes under its digest."""

    name: str
    digest: str
    body: bytes
    says: Model


def load_order(name: str, data: Mapping[str, object] | None) -> Order:
    """An order from the parsed data of its file; without a file, one that says nothing.

    Raises:
        BadInput: ``definition_malformed``.
    """
    said: Mapping[str, object] = data if data is not None else {"format": 1}
    return Order(name, digest(said), canonical(said), checked(ORDERS[name], said))


@lru_cache(maxsize=len(ORDERS))
def no_order(name: str) -> Order:
    """An order that says nothing, for what was judged before there was one."""
    return load_order(name, None)


def restored_order(name: str, body: bytes) -> Order:
    """An order from its stored canonical bytes."""
    return load_order(name, cast("dict[str, object]", orjson.loads(body)))
