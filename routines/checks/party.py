"""What parties may read: the kinds of organisation, the law and the kind of decision that it names are there."""

from ..party import PartyOrder
from .page import Page, Path
from .places import World


def order(page: Page, says: PartyOrder, world: World) -> None:
    """What the order names."""
    for kind, one in says.kinds.items():
        path: Path = ("kinds", kind)
        if kind not in world.organisations.kinds:
            page.key("organisation-unknown", path, name=kind)
        if one.decision not in world.roles.delegations:
            page.value("delegation-unknown", (*path, "decision"), name=one.decision)
        for key, laws in (("withhold", one.withhold), ("disclose", one.disclose)):
            for number, law in enumerate(laws):
                if law not in world.law.laws:
                    page.value("law-unknown", (*path, key, number), name=law)
