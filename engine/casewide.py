"""Commands about the whole case, not about one run of it: who may come in, what holds of the person in every run.

Each kind of change is one entry in ``KINDS``: under which order of the organisation it is judged, what decides it, and
how it is folded. The record names the order by digest; what people wrote is sealed under the key of what the runs of
the case share, whose unit is the case itself.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from stegvis.routines.errors import NotFound

from . import granting
from .asking import Ask
from .granting import Change
from .values import Case, Denied, Event, Head


class Kind(NamedTuple):
    """One kind of change."""

    order: str
    decides: Callable[[Ask, Case], Change | Denied]
    folds: Callable[[Case, Head, Mapping[str, object]], Case]
    """The case after it, but for its version; without the payload the mapping is empty."""


KINDS: Mapping[str, Kind] = {
    "name": Kind("access", granting.name, granting.named),
    "unname": Kind("access", granting.unname, granting.unnamed),
}


def changed(ask: Ask, case: Case) -> Event | Denied:
    """Judge a change of the whole case.

    Raises:
        NotFound: ``unknown_change``. BadInput: what it says cannot be read.
    """
    command, actor, library = ask.command, ask.actor, ask.library
    kind = KINDS.get(command.trigger)
    if kind is None:
        raise NotFound("unknown_change")
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
    if command.digest is not None:
        head["cmd"] = command.digest
    return Event(head, change.body)


def folded(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case after a change of it, but for its version."""
    return KINDS[head.get("trg", "")].folds(case, head, body)
