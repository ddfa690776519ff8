"""The commands of hand-offs: deliver what waits, collect what has come, make the keys that this takes."""

from pathlib import Path
from typing import TYPE_CHECKING

from stegvis.routines.errors import BadInput, NotFound

from .desk import Desk, desk, library, screen
from .options import DROPPED, GOOD, KEPT, READ, Dropped, Kept, Read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..transport import DropFolder


def deliver(*, organisation: str | None = None, dropped: Dropped = DROPPED, kept: Kept = KEPT) -> int:
    """Deliver the hand-offs that wait."""
    over = _folder(dropped) if dropped.drop is not None else None
    with desk(kept) as at:
        names = [name for name in at.organisations(organisation) if not at.engine.files.is_elsewhere(name)]
        done = {name: at.engine.deliver(name, over=over) for name in names}
        left = {name: len(at.store.outbox(name)) for name in names}
        at.screen.document({"delivered": done, "waiting": left})
        for name, count in done.items():
            at.screen.say("delivered", organisation=at.called(name), count=count)
            if left[name]:
                at.screen.say("undelivered", organisation=at.called(name), count=left[name])
        if not done:
            at.screen.say("nothing_here")
        return GOOD


def collect(
    *, organisation: str | None = None, create: bool = False, dropped: Dropped = DROPPED, kept: Kept = KEPT
) -> int:
    """Receive the hand-offs that have come."""
    inbox = _folder(dropped)
    with desk(kept, create=create) as at:
        names = [organisation] if organisation is not None else inbox.organisations
        done = {name: at.engine.collect(name, inbox=inbox) for name in names}
        at.screen.document({name: one._asdict() for name, one in done.items()})
        for name, one in done.items():
            at.screen.say("collected", organisation=at.called(name), count=one.taken)
            _left(at, "collected_waits", one.waiting)
            _left(at, "collected_refused", one.refused)
        return GOOD


def _left(at: Desk, text: str, codes: "Mapping[str, str]") -> None:
    for name, code in sorted(codes.items()):
        at.screen.say(text, parcel=name, code=code)
        if f"errors.{code}.says" in at.library.words:
            at.screen.line("  " + at.library.words[f"errors.{code}.says"](at.screen.lang))
            at.screen.say("do", do=at.library.words[f"errors.{code}.do"])


def introduce(organisation: str, identity: Path, to: Path, /, *, read: Read = READ) -> int:
    """Make an organisation's keys for hand-offs, where there are none, and write its card."""
    from ..transport import Identity  # noqa: PLC0415 - keys are loaded when they are needed

    known = library(read).organisations.organisations
    if organisation not in known:
        raise NotFound("unknown_organisation")
    keys = Identity(identity) if identity.exists() else Identity.create(identity, organisation)
    if keys.organisation != organisation:
        raise BadInput("other_organisation", organisation=keys.organisation)
    try:
        with to.open("xb") as file:
            file.write(keys.card.bytes())
    except FileExistsError:
        raise BadInput("file_exists") from None
    except OSError as error:
        raise BadInput("card_unreadable", errno=error.errno) from None
    on = screen(read)
    on.document({"organisation": organisation, "card": keys.card.id})
    on.say("card_written", organisation=known[organisation].title, card=keys.card.id)
    return GOOD


def _folder(dropped: Dropped) -> "DropFolder":
    from ..transport import Card, DropFolder, Identity  # noqa: PLC0415 - as above

    if dropped.drop is None:
        raise BadInput("missing_argument", argument="--drop", command="stegvis collect")
    identities, cards = [Identity(one) for one in dropped.identity], [Card.at(one) for one in dropped.card]
    return DropFolder(dropped.drop, identities, cards)
