"""Talks without a terminal: a reader with a script, an engine in memory, and a clock that stands until it is turned."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from stegvis.adapters.cli.answering import Said
from stegvis.adapters.cli.dialogue import Dialogue
from stegvis.adapters.cli.screen import wrapped
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing.clock import FakeClock, SeededEntropy
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor
from stegvis.routines.library import Library
from stegvis.routines.text import Lang

from .commands import overlaid

TRANSCRIPTS = Path(__file__).parent / "transcripts"
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

COUNSELLOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")
COLLEAGUE = Actor("u-4", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")
TEACHER = Actor("u-17", roles={"school_employee"}, unit="arbetslag-7", organisation="skola")

LONGEST = 300
"""Prompts in one talk; more of them go round in circles."""

Reader = Callable[[Said], str | None]
"""Answers what is written after a prompt; None when the terminal is gone."""


@lru_cache(maxsize=1)
def lanterns() -> Library:
    return overlaid()


class Room:
    """An engine in memory, and the talks that are held over it."""

    def __init__(self, library: Library | None = None, *, seed: int = 0, now: datetime = MORNING) -> None:
        self.clock = FakeClock(now)
        library = library if library is not None else lanterns()
        self.engine = Engine(library, MemoryStore(), clock=self.clock, entropy=SeededEntropy(seed))
        self._keys = count(1)

    def key(self) -> str:
        return f"k-{next(self._keys)}"

    def lantern(self, actor: Actor = COUNSELLOR) -> str:
        form = {"account": "Vi såg lyktan."}
        return self.engine.open("lantern", actor=actor, form=form, person="p-1", key=self.key()).id

    def dialogue(self, case: str, actor: Actor = COUNSELLOR, lang: Lang = "sv") -> Dialogue:
        return Dialogue(self.engine, actor, case, lang=lang, keys=self.key)

    def draft(self, case: str, trigger: str, actor: Actor = COUNSELLOR) -> Mapping[str, object] | None:
        return self.engine.drafts.show(case, trigger, actor=actor).form


class Heard(NamedTuple):
    """A talk that came to its end, as lines; and what the reader was asked, in order."""

    lines: Sequence[str]
    about: Sequence[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def hold(talk: Generator[Said, str, list[str]], reader: Reader) -> Heard:
    """Hold a talk to its end, or until the terminal is gone."""
    lines, about = list[str](), list[str]()
    try:
        said = next(talk)
        while True:
            about.append(said.about)
            assert len(about) < LONGEST, about[-9:]
            answer = reader(said)
            lines += [*said.lines, f"{said.prompt}{answer if answer is not None else ''}"]
            if answer is None:
                return Heard(lines, about)
            said = talk.send(answer)
    except StopIteration as end:
        return Heard([*lines, *end.value], about)


def reading(*answers: str | None) -> Reader:
    """A reader who writes those lines in order, and then is gone."""
    left: Iterator[str | None] = iter(answers)
    return lambda _: next(left, None)


class Script:
    """A reader who knows what to answer to each question, in whatever order it comes.

    Args:
        room, case, actor: to find the number of a step by its name.
        choices: steps by name, or keys, in order; then ``q``.
        answers: by question or place in the talk, in order; what is not there is answered with "vet inte".
    """

    def __init__(
        self, room: Room, case: str, actor: Actor, choices: Sequence[str], answers: Mapping[str, Sequence[str]]
    ) -> None:
        self.room, self.case, self.actor = room, case, actor
        self.choices = iter(choices)
        self.answers = {name: iter(some) for name, some in answers.items()}

    def __call__(self, said: Said) -> str:
        self.room.clock.jump(minutes=1)
        if said.about == "choice":
            return self._choice(next(self.choices, "q"))
        usual = {"check": "ja", "right": "ja", "stop": "ja", "draft": "ja"}.get(said.about)
        if usual is None:
            usual = "" if not said.prompt else "vet inte"
        return next(self.answers.get(said.about, iter(())), usual)

    def _choice(self, wanted: str) -> str:
        shown = self.room.engine.guide(self.case, actor=self.actor)
        names = [one.trigger for one in shown.actions if one.open]
        return str(names.index(wanted) + 1) if wanted in names else wanted


def transcript(heard: Heard, width: int | None = None) -> str:
    """A talk as it stood on the screen."""
    return "\n".join(part for line in heard.lines for part in wrapped(line, width)) + "\n"
