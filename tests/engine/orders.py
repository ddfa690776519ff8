"""Toys with an access order, and who goes in and out of a case under it."""

from collections.abc import Mapping
from dataclasses import replace

from stegvis.routines.library import Library
from stegvis.routines.orders import load_order

from .toys import plain_toys

SERVICES: Mapping[str, object] = {
    "unheld": "unit",
    "receives": ["mottagning", "barn"],
    "oversees": {"unit": ["team_leader", "unit_manager"], "organisation": ["committee"]},
    "may": {
        "name": ["holder", "team_leader", "unit_manager"],
        "stand_in": ["team_leader", "unit_manager"],
        "bar": ["unit_manager"],
        "who": ["holder", "unit_manager"],
        "link": ["holder"],
    },
    "demands": {"bias": ["named"], "qualified": ["stand_in"]},
    "audits": ["auditor"],
    "break_glass": {
        "by": ["social_worker", "intake_worker"],
        "lasts": "receipt_checked",
        "seen": "assignment",
        "announce": ["unit_manager"],
    },
}


def ordered(library: Library | None = None, **kinds: Mapping[str, object]) -> Library:
    """A library with an access order for social services, or for the kinds given."""
    whole = library if library is not None else plain_toys()
    order = load_order("access", {"format": 1, "kinds": kinds or {"social_services": SERVICES}})
    return replace(whole, orders={**whole.orders, "access": order})
