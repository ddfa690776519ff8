"""What stood on a screen: whether the guide that a step carries the digest of can be made again from the log.

The digest alone says what was shown; the log does not say all that the guide rested on, such as every role that its
reader held. So it is made again in each way that the log allows: one that has the digest is what stood there, since no
other text has it. Where none has it, what stood there was something else, or a word of it has been rewritten since.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, cast

from stegvis.routines.errors import StegvisError
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules

from .access import Ground
from .asking import asking
from .corrections import corrections
from .evolve import fold
from .guide import guide
from .history import Screened
from .instants import moment_of
from .judge import may_see
from .replay import LibraryThen
from .values import Actor, Case, Command, Event, Head


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
        for look in looks[-2:]:
            shown = self._folded(version - 1, look.at)
            if shown is None or (look.run or head["run"]) not in shown.runs:
                continue
            for actor, outside in product(self._actors(head, look), self._outsides(event, shown, look)):
                yield self._digest(head, look, shown, actor, outside)

    def _folded(self, most: int, at: str) -> Case | None:
        """The case as it stood when somebody looked."""
        return fold(event for event in self._events[:most] if event.head["at"] <= at)

    def _digest(self, head: Head, look: Looked, shown: Case, actor: Actor, outside: Mapping[str, int]) -> str:
        library = self._then(head)
        run = shown.runs[look.run or head["run"]]
        command = Command(kind="take", run=run.id, trigger="guide", outside=outside)
        ask = asking(library, command, actor, moment_of(look.at), shown)._replace(ground=look.ground)
        mended = ()
        if run.corrected:
            before = self._events[: shown.version]
            mended = tuple(corrections(library, before, lambda rules, fact: may_see(rules, frozenset({fact}), actor)))
        return guide(ask, shown, clock=None, corrected=mended, reveal=look.fields).digest

    def _actors(self, head: Head, look: Looked) -> Iterator[Actor]:
        """Who may have looked: with the roles and powers used here, then with all that they used in the case."""
        mine = [one.head for one in self._events if one.head["actor"] == head["actor"]]
        roles = [frozenset({head["role"]}), frozenset(one["role"] for one in mine) | _taken(look, head)]
        powers = [frozenset({head["dlg"]} if "dlg" in head else ()), frozenset(one["dlg"] for one in mine if "dlg" in one)]
        competent = head.get("qual", False) or any(one.get("qual", False) for one in mine)
        tried = set[tuple[frozenset[str], frozenset[str], bool]]()
        for some in product(roles, [*powers, frozenset(self._library.roles.delegations)], [competent, True, False]):
            if some not in tried:
                tried.add(some)
                yield Actor(
                    head["actor"],
                    roles=some[0],
                    unit=head["unit"],
                    organisation=head["org"],
                    delegations=some[1],
                    qualified=some[2],
                )

    def _outsides(self, event: Event, shown: Case, look: Looked) -> Iterator[Mapping[str, int]]:
        """What may have been known of earlier runs: none, what the step counted, and what is there now."""
        run = shown.runs[look.run or event.head["run"]]
        rules = self._library.by_digest[run.rules]
        said = cast("Mapping[str, int]", (event.body or {}).get("outside", {}))
        found: list[Mapping[str, int]] = []
        for one in (self._outside(rules, run.id), said):
            if one not in found:
                found.append(one)
        yield from found


def _ground(head: Head) -> Ground | None:
    entered = head.get("acc")
    if entered is None:
        return None
    return Ground(cast("Any", entered["on"]), entered.get("role"), entered.get("qual", False))


def _taken(look: Looked, head: Head) -> frozenset[str]:
    """Roles that access rested on."""
    grounds = (one for one in (look.ground, _ground(head)) if one is not None)
    return frozenset(one.role for one in grounds if one.role is not None)
