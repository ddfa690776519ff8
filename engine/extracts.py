"""Extracts (utdrag till part): what goes out to a party of its own file, and what waits for a decision first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NoReturn, cast

from stegvis.routines.digests import digest
from stegvis.routines.errors import BadInput
from stegvis.routines.form import Field, Value, is_reference
from stegvis.routines.library import Library
from stegvis.routines.text import Lang, Text, Words, fill

from .answers import Refused
from .desk import Desk, Seen
from .guide import say_value
from .guide_view import plain_json
from .instants import text_of
from .judge import may_see
from .messages import head_of
from .party import Answered, Omission, Why, answered, insight, is_party, omissions
from .reasons import reason
from .saying import say_instant
from .values import Actor, Case, Head, Reason


@dataclass(frozen=True, slots=True)
class Line:
    """One answer that goes out. ``corrected``: it is not what was first written."""

    run: str
    routine: Text
    fact: str
    title: Text
    value: Text
    part: str
    corrected: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """One answer that does not go out before somebody has decided about it, and why; for staff, not for the party."""

    run: str
    fact: str
    title: Text
    why: Why


@dataclass(frozen=True, slots=True)
class Extract:
    """What goes out to a party.

    Attributes:
        case, party: whose file, and to whom.
        version: the case's version that it is of.
        at: when it was made, UTC text.
        lines: the answers.
        told: whether it says that something has been left out, which each decision allows or not.
        waiting: what nobody has decided about yet, and which has not gone out; for staff, no part of the document.
    """

    case: str
    party: str
    version: int
    at: str
    lines: tuple[Line, ...]
    told: bool
    waiting: tuple[Waiting, ...]
    words: Words

    @property
    def digest(self) -> str:
        """SHA-256 of the document's canonical JSON without the instant at which it was made."""
        return digest({name: value for name, value in self.json().items() if name != "at"})

    def json(self) -> dict[str, object]:
        """The document as JSON values, both languages: what the party gets, and nothing else."""
        shown = {"case": self.case, "party": self.party, "version": self.version, "at": self.at, "told": self.told}
        return {**shown, "lines": [plain_json(asdict(line)) for line in self.lines]}

    def text(self, lang: Lang = "sv") -> str:
        """The document as lines of text."""
        return "\n".join(self._lines(lang)) + "\n"

    def _lines(self, lang: Lang) -> Iterator[str]:
        places = {"case": self.case, "at": say_instant(self.at)}
        yield fill(self.words["guide.extract_heading"], places)(lang)
        run = ""
        for line in self.lines:
            if line.run != run:
                run = line.run
                yield ""
                yield line.routine(lang)
            mark = f" ({self.words['guide.extract_corrected'](lang)})" if line.corrected else ""
            yield f"  - {line.title(lang)}: {line.value(lang)}{mark}"
        if self.told:
            yield ""
            yield self.words["guide.extract_omitted"](lang)


class Extracts:
    """Makes extracts for the engine, and says what has to be decided first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def waiting(self, case: str, *, party: str, actor: Actor) -> list[Waiting]:
        """What somebody has to decide about before an extract can be made. The look is noted.

        Each decision is ``Engine.change(case, "omit", form={"who": party, "run": ..., "fact": ..., "out": ...,
        "law": ...}, reason=...)``.

        Raises:
            Refused: ``unknown_case``, ``no_extracts``, ``not_in_case``. BadInput: ``not_a_reference``.
        """
        seen, library = self._case(case, party, actor)
        self._desk.look(seen, actor, "read", trg="extract", of=party)
        return [_waits(one) for one, decided in self._file(seen.case, library, party, actor) if _stays(one, decided)]

    def extract(self, case: str, *, party: str, actor: Actor, partial: bool = False) -> Extract:
        """Make the extract of a case for a party. It is noted with its digest before it is handed over.

        Args:
            case: which case.
            party: key of the person who is to read it; the case must name them.
            actor: who makes it.
            partial: give what is open now, although some answers have not been decided about.

        Raises:
            Refused: ``unknown_case``, ``no_extracts``, ``not_in_case``; ``undecided`` for each answer that waits;
                ``not_all_readable`` when some answers are not the actor's to read. BadInput: ``not_a_reference``.
        """
        seen, library = self._case(case, party, actor)
        found = seen.case
        file = list(self._file(found, library, party, actor))
        waiting = tuple(_waits(one) for one, decided in file if _stays(one, decided))
        reasons = [reason(library, "undecided", "not_yet", one.fact, field=one.title) for one in waiting]
        if not _reads_all(library, found, actor):
            reasons.append(reason(library, "not_all_readable", "not_you"))
        if reasons and not partial:
            self._refuse(seen, actor, reasons)
        goes = [one for one, decided in file if _goes(one, decided)]
        made = Extract(
            case,
            party,
            found.version,
            text_of(seen.now),
            tuple(_line(one, library.words) for one in goes),
            any(decided is not None and decided.out == "withheld" for _, decided in file),
            waiting,
            library.words,
        )
        self._desk.look(seen, actor, "export", trg="extract", of=party, seen=made.digest)
        return made

    def _case(self, case: str, party: str, actor: Actor) -> tuple[Seen, Library]:
        if not is_reference(party):
            raise BadInput("not_a_reference", field="party")
        seen = self._desk.seen(case, actor, what="extract")
        library = self._desk.files.library_for(seen.case)
        if insight(library, seen.case.organisation) is None:
            self._refuse(seen, actor, [reason(library, "no_extracts", "forbidden")])
        if not is_party(library, seen.case, party):
            self._refuse(seen, actor, [reason(library, "not_in_case", "unknown", "who")])
        return seen, library

    def _file(
        self, case: Case, library: Library, party: str, actor: Actor
    ) -> Iterator[tuple[Answered, Omission | None]]:
        """Every answer that the actor may read, with what has been decided about it."""
        says = insight(library, case.organisation)
        rows = self._desk.files.store.case_records(case.organisation, case.id)
        decided = omissions((cast("Head", head_of(row)) for row in rows if (row.cseq or 0) <= case.version), party)
        for one in answered(library, says, case, party) if says is not None else ():
            if may_see(one.rules, frozenset({one.fact}), actor):
                yield one, decided.get((one.run.id, one.fact)) if not one.open else None

    def _refuse(self, seen: Seen, actor: Actor, reasons: Sequence[Reason]) -> NoReturn:
        codes = sorted({one.code for one in reasons})
        self._desk.note(actor, "transition.denied", seen.now, case=seen.case.id, trg="extract", why=codes)
        raise Refused(reasons)


def _stays(one: Answered, decided: Omission | None) -> bool:
    """Whether an answer waits for somebody to decide."""
    return one.why is not None and decided is None


def _goes(one: Answered, decided: Omission | None) -> bool:
    """Whether an answer goes out."""
    return decided.out == "disclosed" if decided is not None else one.why is None


def _waits(one: Answered) -> Waiting:
    assert one.why is not None  # noqa: S101 - asked by the caller
    return Waiting(one.run.id, one.fact, one.field.title, one.why)


def _reads_all(library: Library, case: Case, actor: Actor) -> bool:
    """Whether the actor may read whatever the case's forms ask: told from the forms, so that no answer shows in it."""
    for run in case.runs.values():
        rules = library.by_digest[run.rules]
        if not all(may_see(rules, frozenset({fact}), actor) for fact in rules.scope):
            return False
    return True


def _line(one: Answered, words: Words) -> Line:
    value = _value(one.field, one.value, words)
    title, corrected = one.rules.routine.title, one.fact in one.run.corrected
    return Line(one.run.id, title, one.fact, one.field.title, value, one.field.part, corrected)


def _value(field: Field, value: Value, words: Words) -> Text:
    """An answer in words, a list with all its rows."""
    if field.type != "list" or not field.rows or not isinstance(value, list | tuple):
        return say_value(field, value, words)
    rows = [
        [
            (inner.title, _value(inner, row[name], words))
            for name, inner in field.rows.items()
            if row.get(name) is not None
        ]
        for row in cast("Sequence[Mapping[str, Value]]", value)
    ]

    def one(lang: Lang) -> str:
        return "; ".join(", ".join(f"{title(lang)}: {said(lang)}" for title, said in row) for row in rows)

    return Text.model_construct(sv=one("sv"), en=one("en"))
