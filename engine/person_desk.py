"""Looking at what a file says of persons: how they may be reached, and who in the family may be contacted."""

from collections.abc import Iterable, Mapping, Sequence

from stegvis.routines.errors import BadInput
from stegvis.routines.form import is_reference

from .answers import Waiting
from .channels import ChannelView, channel_view
from .contacts import ContactsView, Decided, contacts, decisions
from .desk import Desk
from .files import Files
from .identity import identity_of, identity_view, sight
from .instants import text_of
from .messages import head_of
from .persons import CLOSED, UNKNOWN, IdentityView
from .ports import DeadlineRow
from .values import Actor, Case

CHANNEL = "channel"
"""What is noted in the access stream when numbers, hours and code word are shown."""


def identities(files: Files, organisation: str, cases: Iterable[str]) -> Mapping[str, IdentityView]:
    """What the file of each case knows, for a list whose look has been noted; nothing where there is no such file."""
    known: dict[str, IdentityView] = {}
    for case in dict.fromkeys(cases):
        held = files.case(organisation, case)
        library = files.library_for(held.case if held is not None else None)
        known[case] = identity_view(library, identity_of(library, held.case) if held is not None else UNKNOWN)
    return known


class Persons:
    """What a file says of persons, for the engine. Setting it is ``Engine.change`` with ``identity`` or ``channel``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def identity(self, case: Case) -> IdentityView:
        """What a file knows, for a view whose look has been noted."""
        library = self._desk.files.library_for(case)
        return identity_view(library, identity_of(library, case))

    def waiting(self, actor: Actor, rows: Sequence[DeadlineRow]) -> list[Waiting]:
        """A list of deadlines with what the file of each knows."""
        known = identities(self._desk.files, actor.organisation, [row.case for row in rows])
        return [Waiting(known[row.case], *row) for row in rows]

    def channel(self, case: str, person: str, *, actor: Actor, reveal: bool = False) -> ChannelView:
        """How somebody may be reached (säker kontaktväg). Where nothing is set, they may not be contacted.

        Args:
            case, actor: which case, who looks.
            person: opaque key of the person to reach.
            reveal: show numbers, hours and code word, though the identity is or may be protected; noted before.

        Raises:
            Refused: as ``Engine.guide``; ``no_reveal``. BadInput: ``not_a_reference``.
        """
        if not is_reference(person):
            raise BadInput("not_a_reference", field="person")
        seen = self._desk.seen(case, actor)
        found, library = seen.case, self._desk.files.library_for(seen.case)
        identity = identity_of(library, found)
        right = bool(actor.roles & set(library.persons.reveal))
        shown = right and (reveal or not identity.protected)
        if reveal:
            self._desk.revealed(seen, (), (), actor)
        plan = contacts(library, found, actor, sight(identity), {}, at=text_of(seen.now))
        line = plan.of(person)
        view = channel_view(
            library,
            identity_view(library, identity),
            found.id,
            person,
            found.channels.get(person, CLOSED),
            family=line.may if line is not None else None,
            open_=shown,
        )
        self._desk.look(seen, actor, "read", trg=CHANNEL, fld=[CHANNEL] if shown else None)
        return view

    def contacts(self, case: str, *, actor: Actor) -> ContactsView:
        """Who in the family may be contacted (kontaktplan), by which decision and until when.

        Raises:
            Refused: as ``Engine.guide``.
        """
        seen = self._desk.seen(case, actor)
        found, library = seen.case, self._desk.files.library_for(seen.case)
        decided = {version: self._decided(found, version) for version in set(decisions(library, found))}
        look = sight(identity_of(library, found))
        view = contacts(library, found, actor, look, decided, at=text_of(seen.now))
        self._desk.look(seen, actor, "read", trg="contacts")
        return view

    def _decided(self, case: Case, version: int) -> Decided:
        """Who decided what was recorded at that version, and when."""
        row = next(iter(self._desk.files.store.case_records(case.organisation, case.id, after=version - 1)))
        head = head_of(row)
        return Decided(row.id, str(head["at"]), str(head["actor"]))
