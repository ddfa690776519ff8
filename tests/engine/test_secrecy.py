"""Nobody learns anything of what they have no right to: random plays by everybody, and then everybody looks everywhere.

Every text that somebody writes is a word of its own, so whatever a person was shown can be traced to the fact that it
came from. Who may see which fact is worked out here anew, from the definitions alone; whether an identity is protected,
and with it what is hidden, from the log alone.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.access import EVERYBODY, Ground
from stegvis.engine.answers import Refused
from stegvis.engine.desk import Desk
from stegvis.engine.engine import Engine
from stegvis.engine.identity import Sight
from stegvis.engine.sealing import opened
from stegvis.engine.values import Actor, Event, Message, Run
from stegvis.routines.errors import StegvisError
from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.model import Routine

from .orders import ordered
from .plays import ORGANISATIONS, PLANTED, Player
from .toys import ACTORS, SOCIAL, asking_toys

T = TypeVar("T")
SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))


class Planting(Random):
    """Wherever a person would write one of the usual words, they write one that nobody has written before."""

    words = 0

    def choice(self, seq: Sequence[T]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if seq is PLANTED:
            self.words += 1
            return f"ord{self.words:05}slut"
        return super().choice(seq)  # pyright: ignore[reportArgumentType]


def texts(value: object) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from texts(one)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from texts(one)  # pyright: ignore[reportUnknownArgumentType]


class Spy:
    """A world in which everybody has played, and everything that may be known of it."""

    def __init__(self, seed: int, steps: int, library: Library) -> None:
        self.player = Player(seed, library=library)
        self.player.chance = Planting(seed)
        self.told: list[object] = []
        self.crossed: list[Message] = []
        world = self.player.world
        self.engine: Engine = world.engine.over(world.store, lambda event, said: self.told.append((event, dict(said))))
        world.engine = self.engine
        receive = self.engine.receive

        def noted(message: Message) -> object:
            self.crossed.append(message)
            return receive(message)

        self.engine.receive = noted  # pyright: ignore[reportAttributeAccessIssue]
        self.player.play(steps)
        self.note(Random(seed))
        self.player.play(steps // 5)
        world.deliver()
        self.words = [f"ord{number:05}slut" for number in range(1, self.player.chance.words + 1)]
        self.cases = self.player.cases()

    def note(self, chance: Random) -> None:
        """Somebody in most cases looks up the identity, and sets a safe channel in words of their own."""
        for organisation, case in self.player.cases():
            levels = chance.choice([[], ["none"], ["protected_registration", "none"], ["none", "stated"], ["unknown"]])
            way = {"kind": "phone", "where": self.player.chance.choice(PLANTED), "hours": "12-13"}
            closed = {"voicemail": False, "letters": False, "messages": False}
            channel = {"person": "p-1", "ways": [way], "code_word": self.player.chance.choice(PLANTED), **closed}
            checked = {"checked": "2026-03-01", "source": "population_register"}
            changes = [("identity", {"level": level, **checked}) for level in levels]
            for actor in ACTORS:
                for kind, form in [*changes, ("channel", channel)] if actor.organisation == organisation else ():
                    try:
                        self.engine.change(case, kind, actor=actor, key=self.player.world.key(), form=form)
                    except Refused:
                        continue

    def events(self, organisation: str, case: str) -> list[Event]:
        log = self.engine.files.origin(organisation)
        rows = self.engine.store.case_records(organisation, case)
        return [opened(row, self.engine.keys, log, case) for row in rows]

    def known(self, actor: Actor) -> set[str]:
        """Every word that the actor may be shown unasked: in fields of their own organisation that are open to them.

        Of whoever is, or may be, protected, none that could lead there; and no way to anybody but to whom may ask.
        """
        found: set[str] = set()
        for organisation, case in self.cases:
            hides = self.hides(organisation, case)
            for fact, words in self.readable(actor, organisation, case).items():
                if not hides and (fact != CHANNEL or reveals(self.engine.library, actor)):
                    found |= words
        return found

    def readable(self, actor: Actor, organisation: str, case: str) -> dict[str, set[str]]:
        """The words of each fact of a case that is open to the actor's roles, and of its safe channels."""
        found: dict[str, set[str]] = defaultdict(set)
        if organisation != actor.organisation or not self.enters(actor, organisation, case):
            return found
        for event in self.events(organisation, case):
            rules = self.engine.library.by_digest.get(event.head["def"])
            facts: Any = (event.body or {}).get("facts", {})
            for fact, value in facts.items():
                words = {word for text in texts(value) for word in self.words if word in text}
                if event.head["type"] == "case.change":
                    found[CHANNEL] |= words
                elif rules is not None and open_to(rules.routine, fact, actor):
                    # No text of the toys says that it could lead nowhere.
                    field = field_of(rules.routine, fact)
                    assert not words or field is None or field.locates is not False
                    found[fact] |= words
        return found

    def hides(self, organisation: str, case: str) -> bool:
        """Whether the person is, or may be, protected: by what was looked up last, and what was answered since."""
        level: object = None
        said: dict[tuple[str, str], object] = {}
        for event in self.events(organisation, case):
            facts: Any = (event.body or {}).get("facts", {})
            if event.head["type"] == "case.change":
                if event.head.get("trg") == "identity":
                    level, said = facts["level"], {}
            elif event.head.get("step") != "propose":
                run = event.head["run"]
                asked = self.engine.library.by_digest[event.head["def"]].routine.protected_identity
                for fact in {asked, "identity.handed"} & facts.keys():
                    said[run, str(fact)] = facts[fact]
        answers = [{True: "yes", False: "no"}.get(one, one) if isinstance(one, bool) else one for one in said.values()]
        if "yes" in answers:
            return True
        return level != "none" if level is not None else not answers or set(answers) != {"no"}

    def enters(self, actor: Actor, organisation: str, case: str) -> bool:
        """Whether there is any ground to be in the case, by the order of the toys (see orders.py)."""
        if organisation != SOCIAL or self.engine.library.access(SOCIAL) is None:
            return True
        whole = self.player.whole(organisation, case)
        receives = {"mottagning", "barn"}
        near = {"clock", *receives}
        for run in whole.runs.values():
            rules = self.engine.library.by_digest[run.rules]
            steps = {role for moves in rules.moves.values() for move in moves.values() for role in move.by}
            part = (actor.roles | {"everyone"}) & (steps | rules.opening.by)
            shared = run.holder is None and run.unit in near
            within = actor.unit in receives if shared else actor.unit == run.unit
            if run.holder == actor.id:
                return True
            if run.holder is None and within and part:
                return True
            if within and actor.roles & {"team_leader", "unit_manager"}:
                return True
        return "committee" in actor.roles

    def shown(self, actor: Actor) -> Iterator[tuple[str, str]]:
        """Everything that the actor gets to see by asking for everything, and what they are told where they may not."""
        engine, triggers = self.engine, ("tell", "look", "load", "hand_out", "answer", "note", "acute", "nonsense")
        ways = engine.persons
        asked: dict[str, Callable[[], object]] = {
            "due": lambda: engine.due(actor),
            "openings": lambda: engine.openings(actor=actor),
            "drafts": lambda: engine.drafts.list(actor=actor),
            "sample": lambda: engine.sample(actor=actor),
        }
        for number, (_, case) in enumerate(self.cases):
            asked |= {
                f"guide {number}": lambda case=case: spoken(engine.guide(case, actor=actor)),
                f"case {number}": lambda case=case: engine.case(case, actor=actor),
                f"replay {number}": lambda case=case: engine.replay(case, actor=actor),
                f"who {number}": lambda case=case: engine.who(case, actor=actor),
                f"contacts {number}": lambda case=case: ways.contacts(case, actor=actor),
                f"channel {number}": lambda case=case: spoken(ways.channel(case, "p-1", actor=actor)),
            }
            for trigger in triggers:
                asked[f"explain {trigger} {number}"] = lambda case=case, trigger=trigger: engine.explain(
                    case, trigger, actor=actor
                )
                asked[f"take {trigger} {number}"] = lambda case=case, trigger=trigger: engine.take(
                    case, trigger, actor=actor, form={}, key=self.player.world.key()
                )
        for name, ask in asked.items():
            yield name, told(ask)

    def asked_for(self, actor: Actor) -> Iterator[tuple[str, str, set[str]]]:
        """What the actor gets to see by asking for one hidden answer after the other, and the words that are in it."""
        engine, may = self.engine, reveals(self.engine.library, actor)
        for organisation, case in self.cases:
            readable = self.readable(actor, organisation, case) if may else {}
            reach = readable.get(CHANNEL, set())
            yield (
                "channel",
                told(lambda case=case: spoken(engine.persons.channel(case, "p-1", actor=actor, reveal=True))),
                reach,
            )
            for run in self.player.whole(organisation, case).runs.values():
                for fact, value in run.facts.items():
                    if not any(word in text for text in texts(value) for word in self.words):
                        continue
                    words = readable.get(fact, set())
                    say = told(
                        lambda case=case, run=run.id, fact=fact: spoken(
                            engine.guide(case, actor=actor, run=run, reveal=[fact])
                        )
                    )
                    yield f"guide {fact}", say, words
                    yield (
                        f"case {fact}",
                        told(lambda case=case, fact=fact: engine.case(case, actor=actor, reveal=[fact])),
                        words,
                    )


CHANNEL = "channel"
"""Stands for the facts of a safe channel, which no routine asks."""


def told(ask: Callable[[], object]) -> str:
    """What is answered, or said of why not."""
    try:
        return repr(ask())
    except Refused as no:
        return repr(no) + repr([(one, one.text("sv"), one.remedy("en")) for one in no.reasons])
    except StegvisError as error:
        return f"{error!r} {error} {dict(error.details)!r}"


def reveals(library: Library, actor: Actor) -> bool:
    """Whether the actor may ask for what could lead to a protected person."""
    return bool(actor.roles & set(library.persons.reveal))


def few(library: Library) -> Library:
    """A library under which not everybody may ask for it."""
    order = library.orders["persons"]
    says = order.says.model_copy(update={"reveal": ("school_counsellor", "team_leader", "social_worker")})
    return replace(library, orders={**library.orders, "persons": order._replace(says=says)})


def field_of(routine: Routine, fact: str) -> Field | None:
    form, _, name = fact.partition(".")
    fields = routine.handed if form == "handed" else routine.forms[form].fields if form in routine.forms else {}
    return fields.get(name)


def spoken(guide: Any) -> tuple[object, str, str]:
    return guide, guide.text("sv"), guide.text("en")


def open_to(routine: Routine, fact: str, actor: Actor) -> bool:
    field = field_of(routine, fact)
    see = field.see if field is not None else ()
    return not see or bool(actor.roles & set(see))


def declared(library: Library) -> dict[str, set[str]]:
    """For each kind of hand-off, the facts that some step declares it to carry."""
    found: dict[str, set[str]] = defaultdict(set)
    for rules in library.by_digest.values():
        routine = rules.routine
        steps = [step for state in routine.states.values() for step in state.transitions.values()]
        for step in (*steps, *routine.shared.values(), routine.opens):
            if step.handoff is not None:
                found[step.handoff.kind] |= set(step.handoff.carries)
            if step.reply is not None:
                found["reply"] |= {f"handed.{name}" for name in step.reply.carries}
    return found


def look_everywhere(seed: int, steps: int, library: Library) -> int:
    """How many words somebody was rightly shown."""
    spy = Spy(seed, steps, library)
    carries = declared(library)
    for message in spy.crossed:
        assert set(message.facts) <= carries[message.kind]
    rightly = 0
    for actor in ACTORS:
        known = spy.known(actor)
        for name, said in spy.shown(actor):
            seen = {word for word in spy.words if word in said}
            assert seen <= known, (actor.id, name)
            rightly += len(seen)
        for name, said, asked in spy.asked_for(actor):
            seen = {word for word in spy.words if word in said}
            assert seen <= known | asked, (actor.id, name)
            rightly += len(seen - known)
    in_the_open = repr(spy.told) + "".join(
        row.body.decode() for one in ORGANISATIONS for _, row in spy.engine.store.log(one, payloads=False)
    )
    assert not any(word in in_the_open for word in spy.words)
    return rightly


def look_in_many(library: Library) -> None:
    for seed in range(1, 9):
        look_everywhere(seed, 25, library)


@pytest.mark.parametrize("library", [few(asking_toys()), few(ordered(asking_toys()))], ids=["open", "ordered"])
def test_nobody_is_shown_a_word_that_they_have_no_right_to(library: Library) -> None:
    assert look_everywhere(1, 25, library) > 0


@pytest.mark.deep
@settings(deadline=None, max_examples=max(int(100 * SCALE), 2))
@given(seed=st.integers(0, 2**32), by_order=st.booleans())
def test_nobody_is_shown_a_word_that_they_have_no_right_to_in_many_plays(seed: int, *, by_order: bool) -> None:
    look_everywhere(seed, 60, few(ordered(asking_toys()) if by_order else asking_toys()))


def test_the_words_would_be_found_if_they_were_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above, with the check of who may see a field taken away: it must fail."""

    def everything(_rules: object, run: Run, _actor: object, _look: object) -> Run:
        return run

    monkeypatch.setattr("stegvis.engine.engine.shown_to", everything)
    with pytest.raises(AssertionError, match=r"guide|case"):
        look_in_many(few(asking_toys()))


def test_the_words_would_be_found_if_anybody_could_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above, with the check of who may enter a case taken away: it must fail."""

    def anybody(*_: object) -> Ground:
        return EVERYBODY

    monkeypatch.setattr("stegvis.engine.desk.enter", anybody)
    with pytest.raises(AssertionError, match=r"guide|case|channel"):
        look_in_many(few(ordered(asking_toys())))


@pytest.mark.parametrize("where", ["guide.hidden", "identity.hidden", "engine.sight"])
def test_the_words_would_be_found_if_nothing_were_hidden(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The test above, with what hides the words of a protected person taken away: it must fail."""

    def nothing(*_: object) -> bool:
        return False

    def everything(*_: object) -> Sight:
        return Sight(hides=False)

    monkeypatch.setattr(f"stegvis.engine.{where}", everything if where.endswith("sight") else nothing)
    with pytest.raises(AssertionError, match=r"guide|case"):
        look_in_many(few(asking_toys()))


def test_the_words_would_be_found_if_anybody_could_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above, with the check of who may ask for what is hidden taken away: it must fail."""

    def anything(_desk: object, _seen: object, _runs: object, facts: Collection[str], _actor: object) -> list[str]:
        return sorted(facts)

    monkeypatch.setattr(Desk, "revealed", anything)
    with pytest.raises(AssertionError, match=r"guide|case"):
        look_in_many(few(asking_toys()))
