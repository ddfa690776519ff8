"""What the open part of a record says, as the exports have it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import orjson

from stegvis.engine.ports import RecordRow, Store


class Happening(NamedTuple):
    """One record. Everything is a code, a key or an instant; "" where the record has no such thing."""

    place: int
    """Place in the organisation's log; 0 where it was read by case."""
    record: str
    kind: str
    activity: str
    """Routine and step for what somebody did in a routine; otherwise the kind."""
    happened: str
    entered: str
    recorded: str
    case: str
    version: int
    """Place in the case; 0 in the access stream."""
    run: str
    routine: str
    step: str
    source: str
    target: str
    role: str
    unit: str
    actor: str
    person: str
    why: str
    due: Sequence[Mapping[str, Any]]
    along: Sequence[str]


@dataclass(frozen=True)
class Log:
    """An organisation's log, with or without the keys that stand for people."""

    store: Store
    organisation: str
    masked: bool = False

    def all(self) -> Iterator[Happening]:
        """Every record, in the log's order."""
        for place, row in self.store.log(self.organisation, payloads=False):
            yield self._read(row, place)

    def cases(self) -> Iterator[tuple[str, Iterator[Happening]]]:
        """Every case, with its records in its own order; the access stream is left out."""
        for case in self.store.cases(self.organisation):
            yield case, (self._read(row, 0) for row in self.store.case_records(self.organisation, case))

    def _read(self, row: RecordRow, place: int) -> Happening:
        said = cast("dict[str, Any]", orjson.loads(row.body))
        kind, step, routine = said["type"], said.get("trg", ""), said.get("rtn", "")
        # A change of the whole case is under the case's own key, and no run's.
        run = said.get("run", "")
        return Happening(
            place=place,
            record=row.id,
            kind=kind,
            activity=f"{routine}.{step}" if routine and step else kind,
            happened=said.get("hap", said["at"]),
            entered=said["at"],
            recorded=said["rec"],
            case=row.case or "",
            version=row.cseq or 0,
            run=run if run != row.case else "",
            routine=routine,
            step=step,
            source=said.get("from", ""),
            target=said.get("to", ""),
            role=said["role"],
            unit=said["unit"],
            actor="" if self.masked else said["actor"],
            person="" if self.masked else said.get("person", ""),
            why=" ".join(said.get("why", ())),
            due=said.get("due", ()),
            along=said.get("along", ()),
        )
