"""The other end of a hand-off: what the log of the organisation that sent it says was sent.

A record of what came from elsewhere is as good as whoever wrote it down. Where the sender's log is at hand, the
sender's own step is decided once more, and gives the message as it left.
"""

from collections.abc import Sequence

from .evolve import evolve
from .recall import LibraryThen, decided
from .replay import SenderSaid, nobody_asked
from .values import Accepted, Case, Event, HandOffHead, Message


def messages_in(
    library: LibraryThen, events: Sequence[Event], hof: HandOffHead, sent: SenderSaid = nobody_asked
) -> Sequence[Message] | None:
    """What the events of a sender's case say was sent as a hand-off.

    Args:
        library: answers the library as it was when a record was made.
        events: the sender's case, in order; a body of None is sealed or erased.
        hof: the hand-off, as the receiver's record names it.
        sent: answers the hand-off that a receipt is about, which it repeats something of.

    Returns:
        One message; nothing, where no step of the case sends it; None where what it rests on is sealed.

    Raises:
        StegvisError: the step that sent it cannot have been taken.
    """
    case: Case | None = None
    for event in events:
        if event.body is None:
            return None
        own = event.head.get("hof")
        if own is not None and _sends(own, hof):
            about = sent(own) if own["dir"] == "received" else None
            decision = decided(library, case, event, about[0] if about else None)
            messages = [effect.message for effect in decision.effects] if isinstance(decision, Accepted) else []
            # A receipt has an id of its own, which only its receiver logs.
            return [one._replace(id=hof["id"]) for one in messages[:1]]
        case = evolve(case, event)
    return ()


def _sends(own: HandOffHead, hof: HandOffHead) -> bool:
    """Whether an event sent the hand-off: by a step of its own, or as a receipt for what opened a run."""
    if own["dir"] == "sent":
        return own["id"] == hof["id"]
    return own["dir"] == "received" and hof.get("status") == "received" and own["id"] == hof.get("about")
