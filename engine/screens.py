"""What stood on a screen: whether the guide that a step carries the digest of can be made again from the log.

The digest alone says what was shown; the log does not say all that the guide rested on, such as every role that its
reader held. So it is made again in each way that the log allows: one that has the digest is what stood there, since no
other text has it. Where none has it, what stood there was something else, or a word of it has been rewritten since.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice, product
from typing import Any, Final, NamedTuple, cast

from stegvis.routines.errors import StegvisError
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules

from .access import Ground
from .asking import asking
from .corrections import Correction, corrections
from .evolve import fold
from .guide import guide
from .history import Screened
from .instants import moment_of
from .judge import may_see
from .powers import ORDER as DELEGATION
from .recall import LibraryThen
from .values import Actor, Case, Command, Event, Head, Run


class Looked(NamedTuple):
    """A look that the access stream has of a case: who, when, at which run, and the digest of what was shown."""

    actor: str
    run: str
    at: str
    seen: str
    ground: Ground | None
    fields: tuple[str, ...] | None


def looked(said: Mapping[str, Any]) -> Looked:
    """A look, as its record in the access stream has it."""
    entered = said.get("acc")
    ground = Ground(entered["on"], entered.get("role"), entered.get("qual", False)) if entered is not None else None
    fields = tuple(said["fld"]) if "fld" in said else None
    return Looked(said["actor"], said.get("run", ""), said["at"], said.get("seen", ""), ground, fields)


class Screens:
    """Makes guides of a case again.

    Args:
        library: with the rules of the case's runs.
        then: the library as it was when a record was made.
        events: the whole chain.
        looks: what the access stream has of it.
        outside: earlier runs about the same person, looked up for a run as the log has them now.
    """

    def __init__(
        self,
        library: Library,
        then: LibraryThen,
        events: Sequence[Event],
        looks: Sequence[Looked],
        outside: Callable[[Rules, str], Mapping[str, int]],
    ) -> None:
        self._library, self._then, self._events, self._outside = library, then, events, outside
        self._had: dict[str, Actor] = {}
        """How an actor was, when what stood on their screen was last made again."""
        self._looks: dict[tuple[str, str], list[Looked]] = {}
        for look in looks:
            self._looks.setdefault((look.actor, look.seen), []).append(look)

    def of(self, version: int) -> Screened:
        """Whether what stood on the screen when a record was made can be made again.

        Args:
            version: the record's place in the case, from 1.
        """
        event = self._events[version - 1]
        seen = event.head.get("seen")
        if seen is None:
            return "not_recorded"
        try:
            same = any(one == seen for one in self._made(event, version, seen))
        except StegvisError:
            same = False
        return "same" if same else "another"

    def _made(self, event: Event, version: int, seen: str) -> Iterator[str]:
        head = event.head
        looks = self._looks.get((head["actor"], seen)) or [
            Looked(head["actor"], head["run"], head["at"], seen, _ground(head), None)
        ]
        for look in looks[-1:]:
            shown = self._folded(self._before(version), look.at)
            run = shown.runs.get(look.run or head["run"]) if shown is not None else None
            if shown is None or run is None:
                continue
            ways = product(self._libraries(head), self._outsides(event, run), self._actors(head, look, run))
            for library, outside, actor in islice(ways, _MOST_WAYS):
                digest = self._digest(library, look, (shown, run), actor, outside)
                if digest == seen:
                    self._had[actor.id] = actor
                yield digest

    def _before(self, version: int) -> int:
        """How many records there were before the command that made a record: what it began stands before it."""
        head = self._events[version - 1].head
        begun = version > 1 and self._events[version - 2].head.get("begun") == head["run"]
        return version - 2 if begun and self._events[version - 2].head["at"] == head["at"] else version - 1

    def _folded(self, most: int, at: str) -> Case | None:
        """The case as it stood when somebody looked."""
        return fold(event for event in self._events[:most] if event.head["at"] <= at)

    def _libraries(self, head: Head) -> Iterator[Library]:
        """The rules and the law of the record, with the orders that hold now, or with those that it names."""
        then = self._then(head)
        yield replace(then, orders=self._library.orders)
        if "ord" in head and then.orders[DELEGATION].digest != self._library.orders[DELEGATION].digest:
            yield then

    def _digest(
        self, library: Library, look: Looked, stood: tuple[Case, Run], actor: Actor, outside: Mapping[str, int]
    ) -> str:
        shown, run = stood
        command = Command(kind="take", run=run.id, trigger="guide", outside=outside)
        ask = asking(library, command, actor, moment_of(look.at), shown)._replace(ground=look.ground)
        mended: Sequence[Correction] = ()
        if run.corrected:
            before = self._events[: shown.version]
            mended = tuple(corrections(library, before, lambda rules, fact: may_see(rules, frozenset({fact}), actor)))
        return guide(ask, shown, clock=None, corrected=mended, reveal=look.fields).digest

    def _actors(self, head: Head, look: Looked, run: Run) -> Iterator[Actor]:
        """Who may have looked: as they last were, then with each choice of the powers that the screen tells of."""
        before = self._had.get(head["actor"])
        if before is not None:
            yield before
        mine = [one.head for one in self._events if one.head["actor"] == head["actor"]]
        roles = dict.fromkeys((frozenset({head["role"]}), _roles(mine) | _taken(look, head)))
        competent = any(one.get("qual", False) for one in (head, *mine))
        rules = self._library.by_digest[run.rules]
        asked = {move.step.delegation for move in rules.moves[run.state].values()} - {None}
        used = {one["dlg"] for one in mine if "dlg" in one}
        likely = [frozenset(used), frozenset(used | asked), *_subsets(cast("set[str]", asked), used)]
        for powers, role, qualified in product(dict.fromkeys(likely), roles, (competent, not competent)):
            yield Actor(
                head["actor"],
                roles=role,
                unit=head["unit"],
                organisation=head["org"],
                delegations=cast("frozenset[str]", powers),
                qualified=qualified,
            )

    def _outsides(self, event: Event, run: Run) -> Iterator[Mapping[str, int]]:
        """What may have been known of earlier runs: what is there now, and what the step counted."""
        said = cast("Mapping[str, int]", (event.body or {}).get("outside", {}))
        now = self._outside(self._library.by_digest[run.rules], run.id)
        yield now
        if {**now, **said} != now:
            yield {**now, **said}


_MOST_WAYS: Final = 100
"""Ways in which a screen is made again before it is given up."""


def _subsets(asked: set[str], used: set[str]) -> Iterator[frozenset[str]]:
    """The powers that were used, with each choice of the others; those with the most first."""
    others = sorted(asked - used)
    for count in range(len(others), -1, -1):
        yield from (frozenset(used.union(some)) for some in combinations(others, count))


def _roles(heads: Sequence[Head]) -> frozenset[str]:
    return frozenset(one["role"] for one in heads)


def _ground(head: Head) -> Ground | None:
    entered = head.get("acc")
    if entered is None:
        return None
    return Ground(cast("Any", entered["on"]), entered.get("role"), entered.get("qual", False))


def _taken(look: Looked, head: Head) -> frozenset[str]:
    """Roles that access rested on."""
    grounds = (one for one in (look.ground, _ground(head)) if one is not None)
    return frozenset(one.role for one in grounds if one.role is not None)
