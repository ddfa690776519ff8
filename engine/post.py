"""The post: what leaves an organisation's outbox, what lies in its inbox, and in which order it is received."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from stegvis.routines.errors import BadInput, StegvisError

from .answers import Receipt
from .desk import Desk
from .instants import text_of
from .messages import message_from, parcel_of
from .ports import Arrival, Inbox, Transport
from .values import Message

LASTING = frozenset({"not_a_party", "misaddressed", "key_reused"})
"""Why a message will never be received. Whatever else is wrong may be put right here, and it waits until then."""

Receiving = Callable[[Message], Receipt]


class Collected(NamedTuple):
    """What became of everything that lay in an inbox; names are the inbox's own and tell nothing."""

    taken: int
    waiting: Mapping[str, str]
    """Name -> code of why it has not been received yet. It is still there: next time what is missing may have come."""
    refused: Mapping[str, str]
    """Name -> code of why it never will be. It was put aside; somebody should look at it."""


class Post:
    """Sends and fetches hand-offs, for the engine. What cannot go now holds up nothing else, and is never lost."""

    def __init__(self, desk: Desk, receive: Receiving) -> None:
        self._desk = desk
        self._receive = receive

    def deliver(self, organisation: str, over: Transport | None) -> int:
        files, sent = self._desk.files, 0
        for row in files.store.outbox(organisation):
            try:
                message = files.message(organisation, row)
                if over is not None and files.is_elsewhere(row.to):
                    over.send(parcel_of(message))
                else:
                    self._receive(message)
            except StegvisError as error:
                # It stays in the outbox, and the others are not held up; ``tell`` hears of it each time.
                self._desk.say("handoff.undelivered", {"handoff": row.id, "to": row.to, "code": error.reason})
                continue
            files.store.delivered(organisation, row.id, text_of(files.clock()))
            sent += 1
        return sent

    def collect(self, organisation: str, inbox: Inbox) -> Collected:
        self._desk.files.origin(organisation)
        tray = _Tray(self._desk, organisation, inbox)
        waiting: list[tuple[str, Message]] = []
        for arrival in inbox.arrived(organisation):
            try:
                waiting.append((arrival.name, _opened(arrival, organisation)))
            except StegvisError as error:
                tray.put(arrival.name, error.reason, lasting=arrival.lasting or error.reason in LASTING)
        # In the order in which they were sent, as far as clocks can tell; what came before its time gets another turn
        # for as long as anything else is received.
        waiting.sort(key=lambda one: (one[1].at, one[0]))
        while waiting:
            early: dict[str, str] = {}
            for name, message in waiting:
                try:
                    self._receive(message)
                    tray.take(name)
                except StegvisError as error:
                    if error.reason in LASTING:
                        tray.put(name, error.reason, lasting=True)
                    else:
                        early[name] = error.reason
            if len(early) == len(waiting):
                for name, code in early.items():
                    tray.put(name, code, lasting=False)
                break
            waiting = [one for one in waiting if one[0] in early]
        return Collected(tray.taken, tray.waiting, tray.refused)


class _Tray:
    """What has become of each thing in an inbox."""

    def __init__(self, desk: Desk, organisation: str, inbox: Inbox) -> None:
        self._desk, self._organisation, self._inbox = desk, organisation, inbox
        self.taken = 0
        self.waiting: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def take(self, name: str) -> None:
        self._inbox.taken(self._organisation, name)
        self.taken += 1

    def put(self, name: str, code: str, *, lasting: bool) -> None:
        """Put it aside for good, or leave it; if it cannot be put aside, it is left."""
        if lasting:
            try:
                self._inbox.refused(self._organisation, name, code)
            except StegvisError as error:
                lasting, code = False, error.reason
        (self.refused if lasting else self.waiting)[name] = code
        event = "handoff.refused" if lasting else "handoff.waiting"
        self._desk.say(event, {"parcel": name, "organisation": self._organisation, "code": code})


def _opened(arrival: Arrival, organisation: str) -> Message:
    """The message that has arrived.

    Raises:
        BadInput: ``not_a_message``, ``misaddressed``, or why the inbox could not read it.
    """
    if arrival.parcel is None:
        raise BadInput(arrival.fault)
    if arrival.parcel.receiver != organisation:
        raise BadInput("misaddressed")
    return message_from(arrival.parcel)
