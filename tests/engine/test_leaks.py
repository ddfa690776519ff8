"""What people write stands nowhere in the open: no record, no row, no file, no log line, no error.

Words are planted in every place where somebody can write, also where they should not, and then looked for everywhere.
"""

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.logging import structlog_tell
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor
from stegvis.routines.errors import StegvisError

from .toys import ADVISOR, CARGO, CENTRE, HEAD, INTAKE, KURATOR, LEADER, MANAGER, SCHOOL, SOCIAL, WORKER, World

PLANTED = (
    "Alma Ekdahl-Zetterqvist",
    "20100505-1238",
    "201005051238",
    "100505-1238",
    "Storgatan 17 B",
    "slagen av sin bror",
    "Åsa Öström",
    "åöä-hemlighet",
    "alma.ekdahl@example.se",
)
planted = st.sampled_from(PLANTED) | st.text("abcåäö -", min_size=8, max_size=30).map(lambda one: f"Zq {one} qZ")


def needles(words: Iterator[str]) -> set[bytes]:
    """A word in the shapes in which it could lie in a file."""
    found: set[bytes] = set()
    for word in words:
        found |= {word.encode(), word.encode("utf-16-le"), word.encode("unicode_escape"), word.encode("latin-1")}
        found |= {word.encode().hex().encode()}
    return found


def cells(value: Any) -> Iterator[bytes]:
    """Everything in a store of the memory kind, down to texts and bytes; keys and plain objects by their parts."""
    match value:
        case bytes():
            yield value
        case str():
            yield value.encode()
        case dict():
            for name, one in value.items():  # pyright: ignore[reportUnknownVariableType]
                yield from cells(name)
                yield from cells(one)
        case list() | tuple() | set():
            for one in value:  # pyright: ignore[reportUnknownVariableType]
                yield from cells(one)
        case _ if hasattr(value, "__slots__"):
            for name in value.__slots__:
                yield from cells(getattr(value, name))
        case _:
            pass


class Spoken:
    """Every way in, tried with a planted word; what was raised is kept as it reads."""

    def __init__(self, engine: Engine, world: World) -> None:
        self.engine, self.world = engine, world
        self.errors: list[str] = []

    def attempt(self, act: Callable[[], object]) -> object:
        try:
            return act()
        except StegvisError as error:
            self.errors += [str(error), repr(error), repr(error.args), repr(dict(error.details))]
            chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
            while chained is not None:
                self.errors.append(repr(chained))
                chained = chained.__cause__ or chained.__context__
            return None

    def say(self, word: str, number: int) -> None:
        """Put one word everywhere."""
        engine, world = self.engine, self.world
        key = f"k-{number}"
        lantern = world.open(
            "lantern", KURATOR, {"account": word, "born": "2014-05-05"}, key=f"{key}-a", person="p-1"
        ).id
        ferry = world.open(
            "ferry",
            WORKER,
            {**CARGO, "note": word, "goods": [{"sealed": False, "what": word}]},
            key=f"{key}-b",
            person="p-2",
        ).id
        look = {"flame": "low", "wind": 30, "smoke": word}
        tried: list[Callable[[], object]] = [
            # what is written where it should be
            lambda: world.take(lantern, "note", KURATOR, form={"line": word}, key=f"{key}-c"),
            lambda: world.take(lantern, "look", KURATOR, form=look, key=f"{key}-d", overrides={"strong": word}),
            lambda: engine.correct(
                lantern, {"first.account": f"{word} igen"}, reason=word, actor=KURATOR, key=f"{key}-e"
            ),
            lambda: world.take(lantern, "put_out", KURATOR, form={"why": word}, key=f"{key}-f"),
            lambda: world.take(lantern, "put_out.reject", HEAD, form={"reason": word}, key=f"{key}-g"),
            lambda: world.take(lantern, "flee", KURATOR, form=look, key=f"{key}-h"),
            lambda: world.take(lantern, "flee.review", HEAD, form={"agrees": True, "note": word}, key=f"{key}-i"),
            lambda: world.take(lantern, "tell", KURATOR, key=f"{key}-j"),
            lambda: world.take(ferry, "load", LEADER, form={"tons": 3}, key=f"{key}-k", overrides={"sealed": word}),
            lambda: world.take(ferry, "load.approve", MANAGER, key=f"{key}-l", overrides={"sealed": word}),
            lambda: world.take(ferry, "send", WORKER, key=f"{key}-m"),
            lambda: world.take(ferry, "acute", WORKER, form={"what": word}, key=f"{key}-n"),
            # and where it should not
            lambda: world.open("lantern", KURATOR, {"account": "x"}, key=word),
            lambda: world.open("lantern", KURATOR, {"account": "x"}, key=f"{key}-o", person=word),
            lambda: world.open("lantern", KURATOR, {"account": "x", "born": word}, key=f"{key}-p"),
            lambda: world.open("lantern", KURATOR, {"account": "x", "leaves": word}, key=f"{key}-q"),
            lambda: world.open("lantern", KURATOR, {"account": "x", "child": word}, key=f"{key}-r"),
            lambda: world.open("lantern", KURATOR, {"account": {word: word}}, key=f"{key}-s"),
            lambda: world.open("lantern", KURATOR, {word: "x"}, key=f"{key}-t"),
            lambda: world.open("lantern", KURATOR, {"account": object(), word: {1, 2}}, key=f"{key}-u"),
            lambda: world.open(word, KURATOR, {}, key=f"{key}-v"),
            lambda: world.take(word, "note", KURATOR, form={"line": "x"}, key=f"{key}-w"),
            lambda: world.take(word.ljust(32, "x")[:32], "note", KURATOR, key=f"{key}-x"),
            lambda: world.take(lantern, word, KURATOR, key=f"{key}-y"),
            lambda: world.take(lantern, "note", KURATOR, form={"line": "x"}, run=word, key=f"{key}-z"),
            lambda: world.take(lantern, "note", KURATOR, form={"line": "x"}, overrides={word: word}, key=f"{key}-1"),
            lambda: world.take(lantern, "look", KURATOR, form={"flame": word, "wind": word}, key=f"{key}-2"),
            lambda: world.take(
                lantern, "look", KURATOR, form={"flame": "high", "wind": 3, "lamp": word}, key=f"{key}-3"
            ),
            lambda: world.take(ferry, "own", WORKER, form={"who": word}, key=f"{key}-4"),
            lambda: world.take(lantern, "note", KURATOR, form={"line": "x"}, seen=word, key=f"{key}-5"),
            lambda: engine.correct(lantern, {word: word}, reason=word, actor=KURATOR, key=f"{key}-6"),
            lambda: engine.correct(lantern, {"first.born": word}, reason="", actor=KURATOR, key=f"{key}-7"),
            lambda: engine.draft(lantern, "note", {"line": word, word: [word]}, actor=KURATOR),
            lambda: engine.drafts.show(lantern, "note", actor=HEAD, of=KURATOR.id),
            lambda: engine.draft(lantern, word, {"line": word}, actor=KURATOR),
            lambda: engine.draft(lantern, "note", {"line": {1, word}}, actor=KURATOR),
            lambda: engine.drafts.show(lantern, word, actor=KURATOR),
            lambda: engine.drafts.show(lantern, "note", actor=KURATOR, of=word),
            lambda: engine.drafts.discard(lantern, word, actor=KURATOR),
            lambda: engine.drafts.list(actor=KURATOR, case=word),
            lambda: engine.explain(lantern, word, actor=KURATOR, form={word: word}),
            lambda: engine.guide(lantern, actor=KURATOR, run=word),
            lambda: engine.guide(word, actor=KURATOR),
            lambda: engine.replay(word, actor=KURATOR),
            lambda: engine.tick(word),
            lambda: engine.verify(word),
            *self._as_somebody(word, lantern, f"{key}-8"),
        ]
        for act in tried:
            world.clock.turn(minutes=1)
            self.attempt(act)
        for act in (world.deliver, lambda: engine.guide(lantern, actor=KURATOR), lambda: engine.due(KURATOR)):
            self.attempt(act)
        engine.tick(SCHOOL)

    def _as_somebody(self, word: str, lantern: str, key: str) -> Iterator[Callable[[], object]]:
        """By somebody whom the host calls by name."""
        plain: dict[str, Any] = {"id": "u-9", "roles": {"school_counsellor"}, "unit": "x", "organisation": SCHOOL}
        for name, value in {"id": word, "unit": word, "organisation": word, "roles": {word}}.items():
            named: dict[str, Any] = {**plain, name: value}
            actor = Actor(named.pop("id"), **named)
            yield lambda actor=actor: self.world.take(lantern, "note", actor, form={"line": "x"}, key=key)
            yield lambda actor=actor: self.engine.guide(lantern, actor=actor)
            yield lambda actor=actor: self.engine.due(actor)


def play(store: Store, words: list[str], lines: io.BytesIO) -> Spoken:
    world = World(store=store)
    world.engine = Engine(world.library, store, clock=world.clock, tell=structlog_tell(lines))
    spoken = Spoken(world.engine, world)
    for number, word in enumerate(words):
        spoken.say(word, number)
    for organisation in (SCHOOL, SOCIAL, CENTRE):
        assert world.engine.verify(organisation) == []
    return spoken


def absent(found: set[bytes], where: Mapping[str, bytes]) -> None:
    for name, content in where.items():
        assert not [needle for needle in found if needle in content], name


@settings(deadline=None, max_examples=15)
@given(words=st.lists(planted, min_size=1, max_size=2))
def test_no_planted_word_stands_in_any_row_record_log_line_or_error(words: list[str]) -> None:
    store, lines = MemoryStore(), io.BytesIO()
    spoken = play(store, words, lines)
    # Asking about an organisation that is not there leaves an empty place in memory, and nothing in it.
    written = {name: of for name, of in store._organisations.items() if of.log or of.marks or of.answers}
    rows = b"\n".join(cells([written, store._definitions]))
    bodies = b"\n".join(row.body for one in (SCHOOL, SOCIAL, CENTRE) for _, row in store.log(one))
    assert bodies
    assert spoken.errors
    absent(
        needles(iter(words)),
        {
            "rows": rows,
            "records": bodies,
            "log lines": lines.getvalue(),
            "errors": "\n".join(spoken.errors).encode(),
        },
    )


def test_no_planted_word_stands_in_the_file_its_journal_or_the_keys_beside_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    lines = io.BytesIO()
    with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
        spoken = play(store, list(PLANTED), lines)
        beside = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert {"cases.db", "cases.db-wal"} <= set(beside)
        assert any("key" in name for name in beside)
    after = {f"closed {path.name}": path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    printed = capsys.readouterr()
    said = {"log lines": lines.getvalue(), "errors": "\n".join(spoken.errors).encode()}
    said |= {"stdout": printed.out.encode(), "stderr": printed.err.encode(), "logging": caplog.text.encode()}
    absent(needles(iter(PLANTED)), {**beside, **after, **said})
    assert not [path for path in tmp_path.rglob("*") if any(word in path.name for word in PLANTED)]


def test_the_words_do_stand_where_those_who_may_can_read_them() -> None:
    """The search above would pass if nothing had been written at all."""
    world = World()
    spoken = Spoken(world.engine, world)
    spoken.say(PLANTED[0], 0)
    (school, *_), (social, *_), (centre, *_) = (list(world.store.cases(one)) for one in (SCHOOL, SOCIAL, CENTRE))
    for organisation, cases, actor in ((SCHOOL, school, KURATOR), (SOCIAL, social, WORKER), (CENTRE, centre, ADVISOR)):
        found = [run.facts for case in world.store.cases(organisation) for run in world.case(case, actor).runs.values()]
        assert cases
        assert PLANTED[0] in repr(found)
    assert INTAKE.organisation == SOCIAL
