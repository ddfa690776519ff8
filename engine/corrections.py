"""Corrections (rättelser) and what rested on the answers that were wrong. Read from a case's log, never kept beside it.

A correction undoes nothing: the steps that were taken on the old answer stand, and somebody has to look at them again.
So it says which they are: a guard or a way that read the answer, a hand-off that carried it, and whether the step would
have come out otherwise.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from stegvis.routines.condition import Condition
from stegvis.routines.form import Value
from stegvis.routines.library import Library
from stegvis.routines.model import OPEN
from stegvis.routines.rules import Move, Rules
from stegvis.routines.text import Text

from .decide import rules_of
from .evolve import evolve
from .facts import sources, with_derived
from .instants import moment_of
from .values import Case, Event, Facts, Run

How: TypeAlias = Literal["guard", "way", "sent"]
"""How a step rests on an answer: a guard read it, the choice of way did, or it went to another organisation."""

OPENINGS: Final = frozenset({"case.open", "run.open"})
"""Types of the records that open a run."""
_STEPS: Final = OPENINGS | {"transition"}


@dataclass(frozen=True, slots=True)
class Rested:
    """A step that rested on an answer which was corrected later.

    Attributes:
        version, trigger, title, happened: which step.
        facts: the corrected answers that it rested on.
        how: in what ways.
        otherwise: whether it would have come out otherwise with the corrected answers; None where that cannot be said.
    """

    version: int
    trigger: str
    title: Text
    happened: str
    facts: tuple[str, ...]
    how: tuple[How, ...]
    otherwise: bool | None


class Correction(NamedTuple):
    """One correction as the log has it."""

    version: int
    record: str
    """Id of the record that was corrected."""
    at: str
    actor: str
    run: str
    rules: str
    """Digest of the run's rules."""
    command: str
    """Digest of the command, the same for all records that it made."""
    was: Facts
    now: Facts
    rested: tuple[Rested, ...]


class _Taken(NamedTuple):
    version: int
    event: Event
    before: Run | None
    """The run as it stood when the step was taken; None for its opening."""


def corrections(library: Library, events: Iterable[Event], sees: Callable[[Rules, str], bool]) -> Iterator[Correction]:
    """Every correction of a case, in order.

    Args:
        library: with the rules of the case's runs.
        events: the whole chain from its first record; a correction whose payload is gone is left out.
        sees: whether a fact may be told of; what may not is left out, and so is all that would give it away.
    """
    case: Case | None = None
    taken: dict[str, list[_Taken]] = {}
    for version, event in enumerate(events, 1):
        head, run_id = event.head, event.head["run"]
        before = case.runs.get(run_id) if case is not None else None
        case = evolve(case, event)
        if head["type"] in _STEPS:
            taken.setdefault(run_id, []).append(_Taken(version, event, before))
        if head["type"] != "correction" or event.body is None or before is None:
            continue
        rules = rules_of(library, before)
        now = {fact: value for fact, value in cast("Facts", event.body.get("facts", {})).items() if sees(rules, fact)}
        rested = (_rested(rules, one, before, now, sees) for one in taken.get(run_id, ()))
        yield Correction(
            version,
            head.get("corr", ""),
            head["at"],
            head["actor"],
            run_id,
            rules.digest,
            head.get("cmd", ""),
            {fact: before.facts.get(fact) for fact in now},
            now,
            tuple(one for one in rested if one is not None),
        )


def of_command(made: Sequence[Correction], version: int) -> Sequence[Correction]:
    """Those of a case's corrections that one command made, whose last record has that version.

    One command corrects no answer twice, so what the same command had corrected before is not among them.
    """
    mine: list[Correction] = []
    for one in reversed([one for one in made if one.version <= version]):
        follows = one.version == version - len(mine) and one.command == (mine or [one])[0].command
        if not follows or any(not one.now.keys().isdisjoint(other.now) for other in mine):
            break
        mine.insert(0, one)
    return mine


def _rested(rules: Rules, step: _Taken, run: Run, now: Facts, sees: Callable[[Rules, str], bool]) -> Rested | None:
    """What a step rested on of the answers that are corrected in the run as it stood before the correction."""
    head = step.event.head
    move = rules.opening if step.before is None else rules.move(head.get("from", ""), head.get("trg", ""))
    if move is None or move.kind == "acute":
        return None
    then = _known(move, step)
    changed = {
        fact: value
        for fact, value in now.items()
        if run.said.get(fact, 0) <= step.version and (then is None or fact in then)
    }
    ways = [one.condition for one in move.branches if one.condition is not None]
    read: dict[How, frozenset[str]] = {
        "guard": _read(rules, [guard.condition for guard in move.guards]),
        "way": _read(rules, ways),
        "sent": _carried(move),
    }
    how: tuple[How, ...] = tuple([name for name, facts in read.items() if not facts.isdisjoint(changed)])
    if not how:
        return None
    judged = read["guard"] | read["way"]
    told = then is not None and all(sees(rules, fact) for fact in judged)
    return Rested(
        step.version,
        head.get("trg", OPEN),
        move.step.title,
        head["hap"],
        tuple(sorted((judged | read["sent"]) & changed.keys())),
        how,
        _otherwise(rules, move, step, (then, {**then, **changed})) if then is not None and told else None,
    )


def _known(move: Move, step: _Taken) -> Facts | None:
    """The answers that a step was judged on; None when what was written with it is gone."""
    if step.event.body is None:
        return None
    before: Facts = step.before.facts if step.before is not None else {}
    if move.kind != "complete":
        before = {fact: value for fact, value in before.items() if fact not in move.answers}
    return {**before, **cast("Facts", step.event.body.get("facts", {}))}


def _read(rules: Rules, conditions: Sequence[Condition]) -> frozenset[str]:
    """The facts that some conditions read, through what is derived from them."""
    return sources(rules, frozenset(name for one in conditions for name in one.names))


def _carried(move: Move) -> frozenset[str]:
    """The facts that a step carries to another organisation."""
    if move.kind == "propose":
        return frozenset()
    handoff, reply = move.step.handoff, move.step.reply
    carried = {*handoff.carries.values(), handoff.protected_identity} if handoff is not None else set[str | None]()
    carried |= set(reply.carries.values()) if reply is not None else set[str]()
    return frozenset(fact for fact in carried if fact is not None)


def _otherwise(rules: Rules, move: Move, step: _Taken, both: tuple[Facts, Facts]) -> bool:
    """Whether a guard or the choice of way comes out otherwise on the one facts than on the other."""
    outside = cast("Mapping[str, int]", (step.event.body or {}).get("outside", {}))
    moment = moment_of(step.event.head["at"])

    def came_out(facts: Facts) -> list[Value]:
        known = with_derived(rules, move.derived, dict(facts), outside, moment)
        guards: list[Value] = [guard.condition.evaluate(known) for guard in move.guards]
        way = next((n for n, one in enumerate(move.branches) if _holds(one.condition, known)), None)
        return [*guards, way]

    return came_out(both[0]) != came_out(both[1])


def _holds(condition: Condition | None, facts: Facts) -> bool:
    return condition is not None and condition.evaluate(facts) is True
