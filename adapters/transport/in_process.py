"""Hand-offs to organisations whose engines run in the same process, each over a store of its own."""

from collections.abc import Mapping

from stegvis.engine.engine import Engine
from stegvis.engine.messages import message_from
from stegvis.engine.ports import Parcel
from stegvis.routines.errors import TransportError


class InProcess:
    """Gives each hand-off to the receiver's engine, which has stored it, or refused it, when ``send`` returns.

    Args:
        engines: by organisation; they may be added to later.
    """

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines

    def send(self, parcel: Parcel) -> None:
        """Have the receiver take it in.

        Raises:
            TransportError: ``no_way``: there is no engine for the receiver.
            StegvisError: whatever keeps the receiver from taking it in.
        """
        engine = self._engines.get(parcel.receiver)
        if engine is None:
            raise TransportError("no_way", receiver=parcel.receiver)
        engine.receive(message_from(parcel))
