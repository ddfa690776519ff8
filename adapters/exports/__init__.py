"""The log in the forms of others: XES (IEEE 1849) and OCEL 2.0 for process mining, CSV for a spreadsheet.

None of them is evidence: they hold a part of what stands open in the records, and can be neither checked nor read back.
What proves the log is the audit bundle. See docs/audit.md.
"""

from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from stegvis.engine.ports import Store

from ..audit.placing import placed
from .happenings import Log
from .ocel import write_ocel
from .sheet import write_sheet
from .xes import write_xes

Kind: TypeAlias = Literal["xes", "ocel", "csv"]

_WRITERS: Final = {"xes": write_xes, "ocel": write_ocel, "csv": write_sheet}


class Exported(NamedTuple):
    """What was written."""

    events: int
    digest: str
    """SHA-256 of the file, with which it stands in the log."""


def export(
    store: Store,
    organisation: str,
    to: Path,
    take_out: Callable[[Callable[[], str]], str],
    *,
    kind: Kind,
    masked: bool = False,
) -> Exported:
    """Write an organisation's log in somebody else's form.

    Args:
        store, organisation: where the records are.
        to: a file that is not there yet.
        take_out: notes it in the log before the file is there; see :meth:`stegvis.engine.engine.Engine.take_out`.
        kind: ``xes``, ``ocel`` or ``csv``.
        masked: leave out the keys that stand for people: who acted, and whom it is about.

    Raises:
        BadInput: ``file_exists``, ``cannot_write``. Whatever ``take_out`` raises; nothing is left then.
    """
    events = 0
    with placed(to) as draft:

        def make() -> str:
            nonlocal events
            draft.touch(mode=0o600)
            with draft.open("w", encoding="utf-8", newline="") as file:
                events = _WRITERS[kind](Log(store, organisation, masked=masked), file)
            with draft.open("rb") as file:
                return file_digest(file, "sha256").hexdigest()

        digest = take_out(make)
    return Exported(events, digest)
