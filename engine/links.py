"""The links between the cases of one family, for those few who may know of them.

Only who has both cases, or is let into both by name, learns that they belong together. For everybody else a case with a
link is as one without, and neither case says anything of the other: not in a view, a list, a count, a refusal, an
extract or a hand-off.
"""

from .access import Ground
from .answers import Receipt
from .asking import asking
from .casewide import changed
from .desk import Desk
from .values import Actor, Case, Command, Denied

CLOSE = frozenset({"holder", "named"})
"""The grounds on which somebody learns of a link."""


class Links:
    """Ties cases together, unties them and says which are tied, for the engine."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def tie(self, case: str, other: str, *, actor: Actor, key: str) -> Receipt:
        """Say that two cases of the organisation belong together; it stands in both, or in neither.

        It takes two steps, one in each case. Should the second not be reached, the link does not show; the same call
        again, with the same key, completes it.

        Raises:
            Refused: as ``Engine.guide``, for either case; ``role``. BadInput, KeyReused, StoreError.
        """
        return self._both("link", case, other, actor, key)

    def untie(self, case: str, other: str, *, actor: Actor, key: str) -> Receipt:
        """Take a link back, in both cases.

        Raises:
            As ``tie``.
        """
        return self._both("unlink", case, other, actor, key)

    def of(self, case: str, *, actor: Actor) -> tuple[str, ...]:
        """The cases that belong together with this one, as far as the actor may know of them.

        Each is noted, all of them together, before they are shown.

        Raises:
            Refused: as ``Engine.guide``.
        """
        desk = self._desk
        at = desk.seen(case, actor, what="links")
        found: dict[str, Ground] = {case: at.ground}
        for other in at.case.access.links if at.ground.on in CLOSE else ():
            held = desk.files.case(actor.organisation, other)
            # A link that stands in one case alone is not complete, or has half been taken back.
            if held is not None and case in held.case.access.links and (ground := self._close(held.case, actor)):
                found[other] = ground
        desk.looks("links", found, actor, at.now)
        return tuple(other for other in found if other != case)

    def _close(self, case: Case, actor: Actor) -> Ground | None:
        ground = self._desk.enter(case, actor, self._desk.files.clock(), "work")
        return ground if isinstance(ground, Ground) and ground.on in CLOSE else None

    def _both(self, way: str, case: str, other: str, actor: Actor, key: str) -> Receipt:
        desk = self._desk
        here, there = (Command(kind="case", run="", trigger="apart", form={way: one}) for one in (other, case))
        at = desk.seen(other, actor, what="apart")
        library = desk.files.library_for(at.case)
        if isinstance(changed(asking(library, there, actor, at.now)._replace(ground=at.ground), at.case), Denied):
            # Asked before anything is stored here; the refusal is told, and noted, as any other.
            desk.do(there, actor, f"{key}.other", other)
        told = desk.do(here, actor, key, case)
        desk.do(there, actor, f"{key}.other", other)
        return told
