"""Commands about the whole case, not about one run of it: who may come in, what holds of the person in every run.

Each kind of change is one entry in ``KINDS``: under which order of the organisation it is judged, what decides it, and
how it is folded. The record names the order by digest; what people wrote is sealed under the key of what the runs of
the case share, whose unit is the case itself.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from stegvis.routines.errors import BadInput, NotFound

from . import granting, linking, noting, party
from .access import access_head
from .asking import Ask
from .granting import Change
from .values import Case, Denied, Event, Head


class Kind(NamedTuple):
    """One kind of change."""

    order: str
    decides: Callable[[Ask, Case], Change | Denied]
    folds: Callable[[Case, Head, Mapping[str, object]], Case]
    """The case after it, but for its version; without the payload the mapping is empty."""
    asks_why: bool = False
    """Whether nothing is looked up before a reason is given, so that the answer tells nothing of the case."""


KINDS: Mapping[str, Kind] = {
    "name": Kind("access", granting.name, granting.named),
    party.OMIT: Kind("party", party.omit, party.omitted),
    "unname": Kind("access", granting.unname, granting.unnamed),
    "stand_in": Kind("access", granting.stand_in, granting.stood_in),
    "end_stand_in": Kind("access", granting.end_stand_in, granting.stand_in_ended),
    "bias": Kind("access", granting.bias, granting.bias_said),
    "break_glass": Kind("access", granting.break_glass, granting.glass_broken, asks_why=True),
    "see_opening": Kind("access", granting.see_opening, granting.opening_seen),
    "apart": Kind("access", linking.apart, linking.kept_apart),
    "identity": Kind("persons", noting.identity, noting.identified),
    "channel": Kind("persons", noting.channel, noting.channelled),
}


def readable(trigger: str, reason: str | None) -> None:
    """Look at what can be judged of a change without its case.

    Raises:
        NotFound: ``unknown_change``. BadInput: ``reason_missing``.
    """
    kind = KINDS.get(trigger)
    if kind is None:
        raise NotFound("unknown_change")
    if kind.asks_why and not granting.has_reason(reason):
        raise BadInput("reason_missing")


def changed(ask: Ask, case: Case) -> Event | Denied:
    """Judge a change of the whole case.

    Raises:
        NotFound: ``unknown_change``. BadInput: ``reason_missing``, or what it says cannot be read.
    """
    command, actor, library = ask.command, ask.actor, ask.library
    readable(command.trigger, command.reason)
    kind = KINDS[command.trigger]
    change = kind.decides(ask, case)
    if isinstance(change, Denied):
        return change
    head: Head = {
        "type": "case.change",
        "run": case.id,
        "rtn": kind.order,
        "trg": command.trigger,
        "def": library.orders[kind.order].digest,
        "law": library.law_digest,
        "role": change.role,
        "actor": actor.id,
        "unit": actor.unit,
        "org": actor.organisation,
        "at": ask.at,
        "hap": ask.happened,
        "set": change.set,
    }
    head.update(cast("Head", change.rests))
    if command.digest is not None:
        head["cmd"] = command.digest
    entered = access_head(library, ask.ground)
    if entered is not None:
        head["acc"] = entered
    return Event(head, change.body)


def folded(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case after a change of it, but for its version."""
    return KINDS[head.get("trg", "")].folds(case, head, body)
