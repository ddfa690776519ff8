"""Who decides (beslutanderätt): the power that the host vouches for, and the level at which the order puts it."""

from collections.abc import Set as AbstractSet
from typing import cast

from stegvis.routines.delegation import Deciders, DelegationOrder
from stegvis.routines.library import Library
from stegvis.routines.orders import Order
from stegvis.routines.text import fill

from .reasons import reason, roles_text
from .values import Actor, Decided, Reason

ORDER = "delegation"
"""The file of the order, and its name in a record."""


def order_of(library: Library) -> Order:
    """The delegation order of the library."""
    return library.orders[ORDER]


def deciders(library: Library, decision: str) -> Deciders | None:
    """Who takes that kind of decision; None where no order says."""
    return cast("DelegationOrder", order_of(library).says).deciders(decision)


def decider(
    library: Library, decision: str, actor: Actor, roles: AbstractSet[str]
) -> tuple[str, Decided] | list[Reason] | None:
    """In which role an actor takes a decision, and on what it rests; every reason why not; None where no order says.

    Args:
        library: with the delegation order.
        decision: the kind of decision, an id of roles.yaml.
        actor: who decides.
        roles: those of the actor's roles in which the step may be taken.
    """
    who = deciders(library, decision)
    able = roles & who.at.keys() if who is not None else set[str]()
    reasons = [_reason(library, "delegation", decision, who)] if decision not in actor.delegations else []
    if who is not None and roles and not able:
        reasons.append(_reason(library, "not_decider", decision, who))
    if reasons:
        return reasons
    if who is None or not able:
        return None
    role = min(able)
    return role, {"level": who.at[role], "entry": who.number, "def": order_of(library).digest}


def _reason(library: Library, code: str, decision: str, who: Deciders | None) -> Reason:
    title = library.roles.delegations[decision].title
    found = reason(library, code, "not_you", decision, what=title)
    if who is None:
        return found
    places = {"who": roles_text(library, who.at), "entry": who.number}
    return found._replace(do=fill(library.words["reasons.decides"], places))
