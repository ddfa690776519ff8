"""Replay: read a case's log again, check that it hangs together, and judge every step anew.

``rejudge`` needs the payloads and says of each record whether it was *reproduced* (the same command gives the same
event), *attested* (it rests on what another organisation said, whose log is not at hand), *undecidable* (what it rests
on is sealed or erased) or *divergent*, and how. What another organisation said is held against its own log, where that
is at hand (``crossing.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from stegvis.routines.errors import StegvisError
from stegvis.routines.ondemand import laid_over
from stegvis.routines.text import Text

from .decide import decide
from .evolve import evolve
from .identity import HANDED
from .instants import moment_of
from .persons import IdentityView
from .recall import LibraryThen, actor_of, came, decided, form_of
from .values import (
    Case,
    Command,
    Denied,
    Event,
    Facts,
    HandOffHead,
    Head,
    Message,
    Outcome,
    Reason,
)

Verdict: TypeAlias = Literal["reproduced", "attested", "undecidable", "divergent"]

_SHELL = frozenset({"v", "log", "id", "case", "cseq", "prev", "n", "pc", "rec", "nb", "seen", "cmd", "gui", "why"})
"""What the shell adds to an event, what was shown, and what could not be read: not for the core to decide again."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An answer that a correction changed: what stood, what stands, and the record that it corrects."""

    fact: str
    title: Text
    was: Text
    now: Text
    record: str


@dataclass(frozen=True, slots=True)
class Step:
    """One record of a case, judged.

    Attributes:
        version: place in the case chain, from 1.
        type, trigger, source, target: what happened, from which state to which.
        actor, role, unit: who did it.
        happened, recorded: the two clocks, UTC text.
        verdict, kind: what judging it anew says; ``kind`` names how it diverges.
        changed: for a correction, both answers, as far as the reader may know them.
    """

    version: int
    record: str
    type: str
    trigger: str
    source: str
    target: str
    actor: str
    role: str
    unit: str
    happened: str
    recorded: str
    verdict: Verdict
    kind: str | None = None
    changed: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """A case read again from its log.

    Attributes:
        case: the case's key.
        steps: every record, judged.
        state: where each run stands after folding the log, by run.
        faults: where the log does not hang together: (version, code); empty when it does.
    """

    case: str
    steps: tuple[Step, ...]
    state: Mapping[str, str]
    faults: tuple[tuple[int, str], ...]
    identity: IdentityView
    """What the file knows of the person's protected identity; stands first in every view."""

    @property
    def sound(self) -> bool:
        """Whether the log hangs together and no step diverges."""
        return not self.faults and all(step.verdict != "divergent" for step in self.steps)

    def count(self, verdict: Verdict) -> int:
        """How many steps got that verdict."""
        return sum(step.verdict == verdict for step in self.steps)


class Judged(NamedTuple):
    """What judging a record anew says.

    Attributes:
        verdict, kind: as in ``Step``.
        reasons: why the step would have been refused, where it would.
        reads: for each guard, by its id, what it came to when it was judged anew, and the facts that it rested on.
    """

    verdict: Verdict
    kind: str | None = None
    reasons: tuple[Reason, ...] = ()
    reads: Mapping[str, tuple[Outcome, Facts]] = {}


_UNDECIDABLE: Final = Judged("undecidable")
SenderSaid: TypeAlias = Callable[[HandOffHead], Sequence[Message] | None]
"""Answers what its sender's log says was sent as a hand-off: nothing, or one message; None where that log is not at
hand, or keeps it sealed."""


def nobody_asked(_: HandOffHead) -> None:
    """The logs of other organisations are not at hand."""


def rejudge(
    library: LibraryThen, events: Sequence[Event], sent: SenderSaid = nobody_asked
) -> Iterator[tuple[Verdict, str | None]]:
    """The verdict on each event of a case, and how it diverges. Arguments as for ``retrace``."""
    return ((one.verdict, one.kind) for one in retrace(library, events, sent))


def retrace(library: LibraryThen, events: Sequence[Event], sent: SenderSaid = nobody_asked) -> Iterator[Judged]:
    """Judge each event of a case anew, from the first, under the rules and the law of its own day.

    Args:
        library: answers the library as it was when a record was made; raises StegvisError where it is not kept.
        events: the case's events in order; a body of None is sealed or erased.
        sent: answers what the sender of a hand-off logged.
    """
    case: Case | None = None
    blind: set[str] = set()
    alarm: Judged | None = None
    before: Case | None = None
    begun: str | None = None
    for number, event in enumerate(events):
        run = event.head.get("run", "")
        if event.body is None:
            blind.add(run)
        following = events[number + 1] if number + 1 < len(events) else None
        raised, alarm = alarm, None
        if run in blind:
            judged = _UNDECIDABLE
        elif event.head.get("step") == "acute":
            # Danger to life is one command with two events, and both are judged with the first.
            judged, alarm = _acute(library, case, event, following)
        elif event.head["type"] == "run.open" and event.head.get("acute", False):
            judged = raised or Judged("divergent", "other_event")
        else:
            # What a step begins is opened before the step itself, and neither rests on the other.
            laws = frozenset(one.head["law"] for one in events[max(0, number - 1) : number + 2])
            judged = _judged(library, before if begun == run else case, event, laws)
            if judged.verdict != "divergent":
                judged = _as_sent(library, case, event, sent) or judged
        yield _timed(case, event) or _swapped(case, event) or judged
        before, begun = case, event.head.get("begun")
        case = evolve(case, event)


def _timed(case: Case | None, event: Event) -> Judged | None:
    """Whether time goes backwards; that is seen without any key."""
    head = event.head
    backwards = (case is not None and head["at"] < case.at) or head["hap"] > head["at"]
    return Judged("divergent", "time_order") if backwards else None


def _swapped(case: Case | None, event: Event) -> Judged | None:
    """Whether a step names other rules than its run was opened under, by which it is judged to its end."""
    run = case.runs.get(event.head["run"]) if case is not None else None
    return Judged("divergent", "definition") if run is not None and event.head["def"] != run.rules else None


def _judged(library: LibraryThen, case: Case | None, event: Event, laws: frozenset[str]) -> Judged:
    found = _anew(library, case, event)
    if found.verdict == "divergent" and _by_another_law(library, case, event, laws):
        return Judged("divergent", "law", found.reasons)
    return found


def _as_sent(library: LibraryThen, case: Case | None, event: Event, sent: SenderSaid) -> Judged | None:
    """What came from another organisation, by what its own log says that it sent; None where that says nothing."""
    hof = came(event.head)
    if hof is None:
        return None
    try:
        messages = sent(hof)
    except StegvisError:
        messages = ()  # what its sender cannot have done has not been sent
    if messages is None:
        return None
    if not messages:
        return Judged("divergent", "not_sent")
    again = _anew(library, case, event, messages[0])
    return again._replace(kind="not_as_sent") if again.verdict == "divergent" else again


def _anew(library: LibraryThen, case: Case | None, event: Event, sent: Message | None = None) -> Judged:
    """An event judged anew; by what is known to have been ``sent``, or by what the event itself says came."""
    head = event.head
    try:
        decision = decided(library, case, event, sent)
    except StegvisError as error:
        return Judged("divergent", error.reason)
    if isinstance(decision, Denied):
        return Judged("divergent", decision.reasons[0].code, decision.reasons)
    same = (one for one in decision.events if one.head["run"] == head["run"] and one.head["type"] == head["type"])
    again = next(same, None)
    judged = _compared(again, event)
    if sent is None or again is None or judged.verdict == "divergent":
        return judged
    return judged._replace(verdict="reproduced" if again.head.get("why") == head.get("why") else "divergent")


def _by_another_law(library: LibraryThen, case: Case | None, event: Event, laws: frozenset[str]) -> bool:
    """Whether a step that does not hold under the law book it names holds under one that its neighbours name."""
    others = (event._replace(head={**event.head, "law": law}) for law in laws if law != event.head["law"])
    return any(_anew(library, case, other).verdict != "divergent" for other in others)


def _compared(again: Event | None, event: Event) -> Judged:
    differs = "other_event" if again is None else _difference(again, event)
    outcomes: dict[str, Outcome] = (
        {one["id"]: one["out"] for one in again.head.get("guards", ())} if again is not None else {}
    )
    read = again.reads if again is not None else ()
    reads: dict[str, tuple[Outcome, Facts]] = {name: (outcomes[name], facts) for name, facts in read}
    if differs is not None:
        return Judged("divergent", differs, (), reads)
    attested = event.head["type"] == "handoff.answered" or "why" in event.head
    return Judged("attested" if attested else "reproduced", None, (), reads)


def _difference(again: Event, event: Event) -> str | None:
    """The first thing in which an event, decided again, differs from what the log says."""
    new, old = cast("dict[str, Any]", again.head), cast("dict[str, Any]", event.head)
    for name in sorted((new.keys() | old.keys()) - _SHELL):
        left, right = new.get(name), old.get(name)
        if name == "guards":
            same = _guards(left) == _guards(right)
        elif name == "hof" and left and right and "at" not in right:
            same = {**left, "at": None} == {**right, "at": None}  # logged before answers had it
        else:
            same = left == right
        if not same:
            return {"to": "target", "due": "deadline", "def": "definition", "guards": "guard"}.get(name, name)
    given, logged = (cast("Facts", (one.body or {}).get("facts", {})) for one in (again, event))
    if HANDED in given and HANDED not in logged:
        given = {name: value for name, value in given.items() if name != HANDED}  # logged before answers had it
    return "facts" if given != logged else None


def _guards(guards: Sequence[Mapping[str, str]] | None) -> list[tuple[str | None, ...]]:
    """How guards came out, without the commitments, which the shell makes."""
    return [tuple(guard.get(name) for name in ("id", "ver", "out", "by")) for guard in guards or ()]


def _acute(
    library: LibraryThen, case: Case | None, event: Event, following: Event | None
) -> tuple[Judged, Judged | None]:
    """The step that raised the alarm, and the opening that follows it and carries the form."""
    if following is None or following.head["type"] != "run.open" or not following.head.get("acute", False):
        return Judged("divergent", "other_event"), None
    if following.body is None:
        return _UNDECIDABLE, _UNDECIDABLE
    head, opened = event.head, following.head
    command = Command(
        kind="take",
        run=head["run"],
        trigger="acute",
        form=form_of(cast("Facts", following.body.get("facts", {}))),
        happened=head["hap"],
        case=case.id if case is not None else "",
        fresh=opened["run"],
    )
    try:
        then, beside = library(head), library(opened)
        both = replace(
            then,
            versions=laid_over(then.versions, {opened["rtn"]: beside.versions[opened["rtn"]]}),
            by_digest=laid_over(then.by_digest, beside.by_digest),
        )
        decision = decide(both, case, command, actor_of(head), moment_of(head["at"]))
    except StegvisError as error:
        unjudged = Judged("divergent", error.reason)
        return unjudged, unjudged
    if isinstance(decision, Denied):
        refused = Judged("divergent", decision.reasons[0].code, decision.reasons)
        return refused, refused
    first, second = decision.events
    return _compared(first, event), _compared(second, following)


def step_of(record: str, head: Head, verdict: Verdict, kind: str | None, changed: tuple[Changed, ...] = ()) -> Step:
    """A judged record as an auditor reads it."""
    sealed = cast("dict[str, Any]", head)
    return Step(
        version=sealed["cseq"],
        record=record,
        type=head["type"],
        trigger=head.get("trg", ""),
        source=head.get("from", ""),
        target=head.get("to", ""),
        actor=head["actor"],
        role=head.get("role", ""),
        unit=head["unit"],
        happened=head["hap"],
        recorded=sealed["rec"],
        verdict=verdict,
        kind=kind,
        changed=changed,
    )
