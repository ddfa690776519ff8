"""What stories have hit of the routines they play: each must-not shown, deadline started, refusal given, step taken.

Counted from what the players saw and from the records, never from what a story says that it expects.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple, TypeAlias

from stegvis.engine.guide import Guide
from stegvis.engine.values import Case, Reason, Run
from stegvis.routines.library import Library
from stegvis.routines.rules import Move, steps_of
from stegvis.routines.scenario import Acting, Explain, Open, Take

Kind: TypeAlias = Literal["never", "deadline", "refusal", "step", "state"]
KINDS: tuple[Kind, ...] = ("never", "deadline", "refusal", "step", "state")


class Hit(NamedTuple):
    """One thing that a definition holds: ``where`` is the state or step it stands at, empty for one of the whole run.

    A must-not is hit when it stood on somebody's screen; a deadline when it started; a refusal when the guard, by that
    name, turned a step down; a step when it was taken; a state when a run came to it.
    """

    routine: str
    kind: Kind
    where: str
    name: str


@dataclass(slots=True)
class Coverage:
    """What has been hit so far; stories add to it one after the other."""

    hits: set[Hit] = field(default_factory=set[Hit])

    def shown(self, case: Case | None, library: Library, guide: Guide) -> None:
        """A guide stood on somebody's screen."""
        rules = library.pinned(case.runs[guide.run].rules) if case is not None else None
        if rules is None:
            return
        state = rules.spots[guide.state].origin
        self._add(rules.id, "never", state, (one.id for one in rules.routine.states[state].never))
        for action in guide.actions:
            move = rules.move(guide.state, action.trigger)
            if move is not None:
                self._add(rules.id, "never", move.base, (one.id for one in move.step.never))

    def refused(self, library: Library, step: Acting, run: Run | None, day: date, reasons: Iterable[Reason]) -> None:
        """A step was turned down, or somebody asked and was told that it would be."""
        if isinstance(step, Open):
            rules = library.routine(step.open, day)
            move: Move | None = rules.opening
        elif run is not None and isinstance(step, Take | Explain):
            rules = library.by_digest[run.rules]
            move = rules.move(run.state, step.take if isinstance(step, Take) else step.explain)
        else:
            return
        about = {one.about for one in reasons}
        if move is not None:
            self._add(rules.id, "refusal", move.base, (one.guard.id for one in move.guards if one.guard.id in about))

    def recorded(self, library: Library, heads: Iterable[Mapping[str, Any]]) -> None:
        """The records of a case."""
        for head in heads:
            rules = library.pinned(head.get("def", ""))
            if rules is None:
                continue
            trigger, to = head.get("trg", ""), head.get("to", "")
            if to in rules.spots:
                self._add(rules.id, "step", "", [trigger.partition(".")[0]])
                self._add(rules.id, "state", "", [rules.spots[to].origin])
            self._add(rules.id, "deadline", "", (one["id"] for one in head.get("due", ()) if "shown" in one))

    def _add(self, routine: str, kind: Kind, where: str, names: Iterable[str]) -> None:
        self.hits.update(Hit(routine, kind, where, name) for name in names)

    def missed(self, library: Library) -> list[Hit]:
        """What the newest version of each routine holds and no story has hit, in the order of the definition."""
        return [one for one in everything(library) if one not in self.hits]


def everything(library: Library) -> Iterator[Hit]:
    """All that stories can hit in the newest version of each routine."""
    for name, versions in library.versions.items():
        routine = versions[0].routine
        for state, one in routine.states.items():
            yield Hit(name, "state", "", state)
            yield from (Hit(name, "never", state, never.id) for never in one.never)
        seen: set[str] = set()
        for trigger, step in steps_of(routine):
            if trigger in seen:
                continue
            seen.add(trigger)
            yield Hit(name, "step", "", trigger)
            yield from (Hit(name, "never", trigger, never.id) for never in step.never)
            yield from (Hit(name, "refusal", trigger, guard.id) for guard in step.require)
        yield from (Hit(name, "deadline", "", deadline) for deadline in routine.deadlines)
