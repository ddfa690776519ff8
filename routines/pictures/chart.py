"""What a picture of a routine shows, in words and in order: the states, the steps out of them, and where those lead.

Table, Mermaid and SVG are three ways of drawing this one value, so that they cannot disagree. It holds what the
definition says and nothing of any case; who wants to mark where a case stands names the state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from ..library import Library
from ..model import EVERYONE, HERE, Routine, Shared, State, Transition
from ..rules import Branch, Move, Rules
from ..saying import say_condition
from ..text import Text, Words, fill, plain

Mark: TypeAlias = Literal["work", "waiting", "end"]


class Way(NamedTuple):
    """One way a step may lead: to the box with that number, None where the run stays; under a condition in words."""

    to: int | None
    when: Text | None


class Choice(NamedTuple):
    """One step, as it is chosen.

    Attributes:
        number: ``3.2``, the second step of box 3; ``S4``, the fourth of the steps that several boxes share.
        title, who: what it is called, and which roles may take it.
        second: the roles that must agree before, or look afterwards, where two persons are needed.
        guards: what must hold, in words.
        ways: where it leads, in the order in which the conditions are asked.
        meets, starts: the deadlines that it meets and starts, by title.
        sends: the kind of organisation that it hands over to.
        laws: law ids, for whoever cites them.
        never: what must not be done while taking it.
        final: whether it cannot be undone.
        boxes: where a shared step can be taken.
    """

    number: str
    trigger: str
    title: Text
    who: Text
    second: Text | None
    guards: tuple[Text, ...]
    ways: tuple[Way, ...]
    meets: tuple[Text, ...]
    starts: tuple[Text, ...]
    sends: Text | None
    laws: tuple[str, ...]
    never: tuple[Text, ...]
    final: bool
    boxes: tuple[int, ...] = ()

    def leads(self) -> tuple[int, ...]:
        """The boxes it may lead to, other than where it is taken."""
        return tuple(dict.fromkeys(way.to for way in self.ways if way.to is not None))


class Box(NamedTuple):
    """One state: what there is to do there and by which roles, for whom it waits, or how the run has ended."""

    number: int
    state: str
    says: Text
    who: Text | None
    mark: Mark
    never: tuple[Text, ...]
    choices: tuple[Choice, ...]
    shared: tuple[str, ...]
    """The numbers of the shared steps that can be taken here."""


class Limit(NamedTuple):
    """A deadline, and the id of the law or house rule that says how long it is."""

    title: Text
    law: str


class Chart(NamedTuple):
    """A routine ready to be drawn. ``opening`` leads to the first box; ``words`` are the catalogue's own."""

    routine: str
    title: Text
    label: str
    adopted: Text
    opening: Choice
    boxes: tuple[Box, ...]
    shared: tuple[Choice, ...]
    limits: tuple[Limit, ...]
    acute: Text | None
    words: Words

    def choices(self) -> Iterator[Choice]:
        """Every step once, the opening first."""
        yield self.opening
        for box in self.boxes:
            yield from box.choices
        yield from self.shared

    def out_of(self, box: Box) -> Iterator[Choice]:
        """The steps that can be taken in a box, its own before those it shares."""
        yield from box.choices
        yield from (one for one in self.shared if box.number in one.boxes)


def chart(library: Library, rules: Rules) -> Chart:
    """The picture of one version of a routine."""
    routine = rules.routine
    numbers = {name: number for number, name in enumerate(routine.states, 1)}
    making = _Making(library, rules, numbers)
    shared = tuple(making.shared(f"S{n}", *one) for n, one in enumerate(routine.shared.items(), 1))
    return Chart(
        routine=routine.routine,
        title=routine.title,
        label=routine.label,
        adopted=_adopted(routine, library.words),
        opening=making.choice("0", rules.opening),
        boxes=tuple(making.box(name, state, shared) for name, state in routine.states.items()),
        shared=shared,
        limits=tuple(Limit(one.title, one.law) for one in routine.deadlines.values()),
        acute=routine.acute.title if routine.acute is not None else None,
        words=library.words,
    )


def _adopted(routine: Routine, words: Words) -> Text:
    adopted = routine.adopted
    if adopted is None:
        return words["pictures.not_adopted"]
    return fill(words["pictures.adopted"], {"by": adopted.by, "on": adopted.on})


class _Making:
    def __init__(self, library: Library, rules: Rules, numbers: Mapping[str, int]) -> None:
        self.library, self.rules, self.numbers = library, rules, numbers
        self.words = library.words

    def box(self, name: str, state: State, shared: Sequence[Choice]) -> Box:
        number = self.numbers[name]
        here = self.rules.moves[name]
        says, mark = state.now, "work"
        if state.end is not None:
            says, mark = state.end.title, "end"
        elif state.waiting is not None:
            says, mark = fill(self.words["pictures.waits"], {"party": state.waiting.party, "now": state.now}), "waiting"
        return Box(
            number=number,
            state=name,
            says=says,
            who=self._does(state, shared, number) if mark != "end" else None,
            mark=mark,
            never=tuple(one.text for one in state.never),
            choices=tuple(self.choice(f"{number}.{n}", here[one]) for n, one in enumerate(state.transitions, 1)),
            shared=tuple(one.number for one in shared if number in one.boxes),
        )

    def _does(self, state: State, shared: Iterable[Choice], number: int) -> Text | None:
        """Who has something to do there: the roles of its own steps, else of those that it shares."""
        own = [step.by for step in state.transitions.values()]
        steps = self.rules.routine.shared
        by = own or [steps[one.trigger].by for one in shared if number in one.boxes]
        roles = [role for role in dict.fromkeys(role for each in by for role in each) if role != "clock"]
        return self._roles(roles) if roles else None

    def shared(self, number: str, name: str, step: Shared) -> Choice:
        boxes = tuple(sorted(self.numbers[state] for state in step.states))
        return self.choice(number, self.rules.moves[step.states[0]][name], boxes=boxes)

    def choice(self, number: str, move: Move, *, boxes: tuple[int, ...] = ()) -> Choice:
        step, deadlines = move.step, self.rules.routine.deadlines
        # What the second person's agreement does to deadlines belongs to the step.
        agreed = self.rules.move(f"{move.source}.{move.base}", f"{move.base}.approve") or move
        both = (move, agreed) if agreed is not move else (move,)
        meets = dict.fromkeys(name for one in both for name in one.meets)
        starts = dict.fromkeys(trip.deadline for one in both for trip in one.starts)
        roles = self._roles(step.by)
        return Choice(
            number=number,
            trigger=move.base,
            title=step.title,
            who=fill(self.words["pictures.holder"], {"roles": roles}) if step.holder else roles,
            second=self._second(step),
            guards=tuple(say_condition(self.library, self.rules, one.condition) for one in move.guards),
            ways=tuple(self._way(move, branch, several=bool(boxes)) for branch in agreed.branches),
            meets=tuple(deadlines[name].title for name in meets),
            starts=tuple(deadlines[name].title for name in starts),
            sends=self._sends(step),
            laws=step.law,
            never=tuple(one.text for one in step.never),
            final=step.irreversible,
            boxes=boxes,
        )

    def _way(self, move: Move, branch: Branch, *, several: bool) -> Way:
        stays = branch.target == move.source
        if several and stays:  # of a shared step: does it stay, or lead to the state it was looked at from?
            declared = move.step.to
            named = {declared} if isinstance(declared, str) else {target.state for target in declared}
            stays = HERE in named or move.source not in named
        to = None if stays else self.numbers[branch.target]
        if branch.condition is not None:
            return Way(to, say_condition(self.library, self.rules, branch.condition))
        return Way(to, self.words["pictures.otherwise"] if branch.otherwise else None)

    def _roles(self, roles: Iterable[str]) -> Text:
        if EVERYONE in roles:
            return self.words["pictures.everyone"]
        known = self.library.roles.roles
        titles = [known[role].title if role in known else plain(role) for role in roles]
        return Text.model_construct(
            sv=", ".join(one("sv") for one in titles), en=", ".join(one("en") for one in titles)
        )

    def _second(self, step: Transition) -> Text | None:
        if step.four_eyes is None:
            return None
        said = "pictures.second_after" if step.four_eyes.afterwards else "pictures.second_before"
        return fill(self.words[said], {"roles": self._roles(step.four_eyes.by)})

    def _sends(self, step: Transition) -> Text | None:
        if step.handoff is None:
            return None
        kind = self.library.organisations.kinds.get(step.handoff.to)
        to = kind.title if kind is not None else plain(step.handoff.to)
        return fill(self.words["pictures.sends"], {"to": to})
