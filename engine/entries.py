"""One record of a case, told whole: what was done, why it was allowed, what it rested on, what it did to deadlines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from stegvis.routines.errors import StegvisError
from stegvis.routines.library import Library
from stegvis.routines.rules import CompiledGuard, Move, Rules
from stegvis.routines.saying import say_condition
from stegvis.routines.text import Text, plain

from .evolve import evolve
from .history import Entry, Guarded, Later, Level, Power, Reader, Refusal, Screened, Turn, doing, waiting
from .identity import field_of
from .instants import local_day, moment_of
from .past import recorded
from .reasons import step_title
from .recall import LibraryThen
from .replay import Judged, Step
from .values import Case, DueChange, Event, Facts, Head, Reason, Run

_OPENINGS: Final = frozenset({"case.open", "run.open"})
_LATE: Final = timedelta(minutes=1)
_MATTERS: Final = frozenset({"break_glass", "identity", "channel", "apart"})
"""Changes of the whole case that everybody should read of."""
_GAP: Final = 2
"""Whole days without a record of which nothing is said: a weekend."""


@dataclass(frozen=True, slots=True)
class Judging:
    """What is known of one record when it is told: the event, what judging it anew said, and what stood on a screen."""

    event: Event
    step: Step
    judged: Judged
    screen: Screened
    corrected: tuple[Later, ...]


def entries(reader: Reader, then: LibraryThen, judgings: Sequence[Judging]) -> Iterator[Entry]:
    """Every record of a case, told for one reader.

    Args:
        reader: for whom.
        then: the library as it was when a record was made.
        judgings: the records in order.
    """
    case: Case | None = None
    before: Event | None = None
    for one in judgings:
        yield _entry(reader, then, one, case, before)
        before, case = one.event, evolve(case, one.event)


def _entry(reader: Reader, then: LibraryThen, one: Judging, case: Case | None, before: Event | None) -> Entry:
    head, body, library = one.event.head, one.event.body or {}, reader.library
    run = case.runs.get(head["run"]) if case is not None else None
    rules = _rules(library, head, run)
    move = _move(rules, head)
    facts = cast("Facts", body.get("facts", {}))
    told = [reader.told(rules, name, value) for name, value in facts.items() if field_of(rules, name)] if rules else []
    book = _book(then, head)
    guards = tuple(_guards(reader, rules, move, one.event, one.judged)) if rules is not None else ()
    moved = head.get("to", head.get("from", "")) != head.get("from", "")
    return Entry(
        step=one.step,
        title=_title(library, rules, move, head),
        routine=rules.routine.title if rules is not None else library.words["history.whole_case"],
        label=rules.routine.label if rules is not None else "",
        source=_state(library, rules, head.get("from")) if moved else None,
        target=_state(library, rules, head.get("to")) if moved else None,
        role=role_title(library, head.get("role", "")),
        power=_power(library, head),
        level=level_of(rules, move, one),
        gap=_gap(before, one.event),
        late=moment_of(recorded(head)) - moment_of(head["hap"]) >= _LATE,
        guards=guards,
        kept=len(head.get("guards", ())) - len(guards),
        reasons=tuple(_reason(reader, rules, move, why) for why in one.judged.reasons),
        answers=tuple(said for said in told if said.says is not None),
        law=tuple(_law(reader, book, basis, head["at"]) for basis in head.get("basis", ()) if _known(book, basis)),
        book=head["law"],
        turns=tuple(_turns(reader, rules, book, head, run)) if rules is not None else (),
        screen=one.screen,
        sees=doing(rules, run.state)[0] if rules is not None and run is not None and "seen" in head else None,
        corrected=one.corrected,
    )


def _rules(library: Library, head: Head, run: Run | None) -> Rules | None:
    """The rules of a record's run; None for one about the whole case, and where nobody has kept them."""
    digest = run.rules if run is not None else head["def"]
    return library.pinned(digest) if head["type"] != "case.change" else None


def _move(rules: Rules | None, head: Head) -> Move | None:
    if rules is None:
        return None
    if head["type"] in _OPENINGS:
        return rules.opening
    source = head.get("from", "")
    known = head["type"] == "transition" and source in rules.moves
    return rules.move(source, head.get("trg", "")) if known else None


def _title(library: Library, rules: Rules | None, move: Move | None, head: Head) -> Text:
    """What a record says was done, in words."""
    words, kind = library.words, head["type"]
    if kind in _OPENINGS and rules is not None:
        return rules.opening.step.title
    if kind == "transition" and move is not None:
        return step_title(library, move)
    if kind == "case.change":
        return words.get(f"history.change.{head.get('trg', '')}", words["history.change.other"])
    code = {"correction": "correction", "handoff.answered": "answered", "deadline": "deadline"}.get(kind, "other")
    return words[f"following.way.{code}"]


def _state(library: Library, rules: Rules | None, state: str | None) -> Text | None:
    if rules is None or not state:
        return None
    return waiting(library, rules, state) if state in rules.spots else plain("?")


def role_title(library: Library, role: str) -> Text:
    """What a role is called; the system, where nobody acted."""
    known = library.roles.roles.get(role)
    return known.title if known is not None else library.words["following.way.system"]


def _power(library: Library, head: Head) -> Power:
    delegation = library.roles.delegations.get(head.get("dlg", ""))
    order, entered = head.get("ord"), head.get("acc")
    return Power(
        delegation.title if delegation is not None else None,
        order["level"] if order is not None else None,
        order["entry"] if order is not None else None,
        head.get("qual", False),
        entered["on"] if entered is not None else None,
    )


# ---- how much it matters ------------------------------------------------------------------------------------------


def level_of(rules: Rules | None, move: Move | None, one: Judging) -> Level:
    """How much a record matters to who reads the case."""
    head = one.event.head
    kind, due = head["type"], head.get("due", ())
    if one.judged.verdict == "divergent" or kind in {*_OPENINGS, "correction", "handoff.answered"}:
        return "important"
    if kind == "case.change":
        return "important" if head.get("trg") in _MATTERS else "ordinary"
    if kind == "deadline":
        return "important" if any(change.get("passed", False) for change in due) else "technical"
    target = head.get("to", "")
    ends = rules is not None and target in rules.spots and rules.spots[target].ends and target != head.get("from")
    late = any(change.get("closed") == "late" for change in due)
    over = any("by" in guard for guard in head.get("guards", ()))
    weighs = move is not None and (move.kind not in {"step", "complete"} or move.step.irreversible)
    return "important" if ends or late or over or weighs or "dlg" in head or "hof" in head else "ordinary"


def _gap(before: Event | None, event: Event) -> int:
    """Whole days in Stockholm between two records, where they are more than a weekend."""
    if before is None:
        return 0
    first, second = (local_day(moment_of(recorded(one.head))) for one in (before, event))
    days = (second - first).days - 1
    return days if days > _GAP else 0


# ---- why it was allowed -------------------------------------------------------------------------------------------


def _guards(reader: Reader, rules: Rules, move: Move | None, event: Event, judged: Judged) -> Iterator[Guarded]:
    known = {guard.guard.id: guard for guard in move.guards} if move is not None else {}
    for result in event.head.get("guards", ()):
        guard = known.get(result["id"])
        if guard is None or not _may(reader, rules, guard):
            continue
        again = judged.reads.get(result["id"])
        facts: Facts = again[1] if again is not None else {}
        yield Guarded(
            result["id"],
            guard.guard.says,
            say_condition(reader.library, rules, guard.condition),
            tuple(reader.told(rules, name, facts.get(name)) for name in guard.needs),
            result["out"],
            again[0] if again is not None else None,
            role_title(reader.library, result["by"]) if "by" in result else None,
        )


def _may(reader: Reader, rules: Rules, guard: CompiledGuard) -> bool:
    shown = not guard.guard.see or bool(reader.actor.roles & set(guard.guard.see))
    return shown and reader.may(rules, guard.condition.names)


def _reason(reader: Reader, rules: Rules | None, move: Move | None, why: Reason) -> Text:
    """Why a step would have been refused, as far as the reader may know it."""
    guards = {guard.guard.id: guard for guard in move.guards} if move is not None else {}
    guard = guards.get(why.about or "")
    if rules is not None and guard is not None and not _may(reader, rules, guard):
        return reader.library.words["reasons.not_available.says"]
    return why.says


# ---- what it rested on, and what it did to deadlines --------------------------------------------------------------


def _book(then: LibraryThen, head: Head) -> Library | None:
    try:
        return then(head)
    except StegvisError:
        return None


def _known(book: Library | None, law: str) -> bool:
    return book is not None and law in book.law.laws


def _law(reader: Reader, book: Library | None, law: str, at: str) -> Text:
    """Where a law stood on that day; in words that it was not in force, where it was not."""
    library = book or reader.library
    try:
        said = reader.law(library, law, at)
    except StegvisError:
        said = reader.library.words["history.not_in_force"]
    title = library.law.law(law).title
    return Text.model_construct(sv=f"{title('sv')} ({said('sv')})", en=f"{title('en')} ({said('en')})")


def _turns(reader: Reader, rules: Rules, book: Library | None, head: Head, run: Run | None) -> Iterator[Turn]:
    for change in head.get("due", ()):
        declared = rules.routine.deadlines.get(change["id"])
        if declared is None:
            continue
        law = change.get("law", "")
        cites = _law(reader, book, law, head["at"]) if _known(book, law) else None
        yield Turn(change["id"], declared.title, _what(change, head, run), change.get("shown"), cites)


def _what(change: DueChange, head: Head, run: Run | None) -> str:
    """What became of a deadline, as a code."""
    if "closed" in change:
        return change["closed"]
    if head["type"] == "deadline":
        was = run.due.get(change["id"]) if run is not None else None
        for name, had in (("lapsed", was is not None and was.lapsed), ("passed", was is not None and was.passed)):
            if change.get(name, False) and not had:
                return name
        return "reminded"
    return "moved" if run is not None and change["id"] in run.due else "started"


# ---- what was refused ---------------------------------------------------------------------------------------------


def refusal(library: Library, rules: Sequence[Rules], said: Mapping[str, object]) -> Refusal:
    """A refused attempt, as the access stream has it.

    Args:
        library: for the words.
        rules: of the case's runs.
        said: the record.
    """
    codes = tuple(str(code) for code in cast("Sequence[object]", said.get("why", ())))
    words, trigger = library.words, str(said.get("trg", ""))
    moves = (moves[trigger] for one in rules for moves in one.moves.values() if trigger in moves)
    move = next(moves, None)
    texts = (words.get(f"reasons.{code}.says", words.get(f"history.refused.{code}")) for code in codes)
    return Refusal(
        at=str(said["at"]),
        actor=str(said["actor"]),
        role=role_title(library, str(said["role"])),
        unit=str(said["unit"]),
        trigger=trigger,
        title=step_title(library, move) if move is not None else plain(trigger),
        why=codes,
        reasons=tuple(text for text in texts if text is not None and "{" not in text.sv),
    )
