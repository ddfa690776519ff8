"""What a type checker must make of the public names. Checked by ``make check``, never run.

Each function is a caller's code in small. It fails the check when a name loses its type, grows an ``Any`` or stops
accepting what it was promised to accept.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

import stegvis
from stegvis import (
    Actor,
    Answer,
    Case,
    Draft,
    Engine,
    Fault,
    Guide,
    Library,
    Reason,
    Receipt,
    Refused,
    Replay,
    Step,
    Text,
    load,
    shipped,
)
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore
from stegvis.engine.ports import Clock, Loaded, RecordRow, Sealer, Store
from stegvis.routines.errors import BadInput, Stale, StegvisError


def version() -> None:
    assert_type(stegvis.__version__, str)


def an_error_is_caught_by_its_root_and_read_without_its_text() -> None:
    try:
        raise BadInput("too_long", field="note", limit=4000)
    except StegvisError as error:
        assert_type(error, StegvisError)
        assert_type(error.reason, str)
        assert_type(error.details, Mapping[str, str | int | None])
        assert_type(error.exit, int)


def an_error_takes_codes_and_numbers_only() -> None:
    Stale(version=3, actor="u-17")
    Stale(actor=object())  # pyright: ignore[reportArgumentType]


def a_host_brings_its_own_clock() -> None:
    def noon() -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)

    clock: Clock = noon
    assert_type(clock(), datetime)


def a_store_answers_rows(store: Store) -> None:
    assert_type(store.load("school", "c-1"), Loaded | None)
    assert_type(next(store.case_records("school", "c-1", after=2)), RecordRow)
    for index, row in store.log("school"):
        assert_type(index, int)
        assert_type(row.payload, bytes | None)


def a_sealed_cell_is_bytes(sealer: Sealer) -> None:
    assert_type(sealer.open("school", "run-1", b"cell", b"bound"), bytes)


def the_engine_is_made_of_definitions_and_any_store() -> None:
    assert_type(shipped(), Library)
    assert_type(load(Path("mine")), Library)
    Engine(shipped(), MemoryStore())
    Engine(shipped(), SqlStore("sqlite:///cases.db", synchronous="NORMAL"))
    Engine(shipped(), SqlStore(Path("cases.db"), synchronous="OFF"))  # pyright: ignore[reportArgumentType]


def what_a_court_reads_is_named(engine: Engine, actor: Actor) -> None:
    assert_type(engine.open("suspicion", actor=actor, form={"danger": False}, key="k-1"), Receipt)
    assert_type(engine.take("c", "talk", actor=actor, key="k-2", form={}, expect=1, seen="d"), Receipt)
    assert_type(engine.correct("c", {"now.place": "x"}, reason="y", actor=actor, key="k-3"), Receipt)
    engine.take("c", "talk", actor, "k-2")  # pyright: ignore[reportCallIssue]
    engine.open("suspicion", form={}, key="k-1")  # pyright: ignore[reportCallIssue]
    Actor("u-1", {"teacher"}, "unit", "skola")  # pyright: ignore[reportCallIssue]


def asking_answers_values(engine: Engine, actor: Actor) -> None:
    answer = engine.explain("c", "talk", actor=actor)
    assert_type(answer, Answer)
    assert_type(answer.allowed, bool)
    assert_type(answer.reasons, tuple[Reason, ...])
    assert_type(answer.reasons[0].text("sv"), str)
    assert_type(answer.reasons[0].says, Text)
    guide = engine.guide("c", actor=actor)
    assert_type(guide, Guide)
    assert_type(guide.digest, str)
    assert_type(guide.text("en"), str)
    draft = engine.draft("c", "s", {"x": 1}, actor=actor)
    assert_type(draft, Draft)
    assert_type(draft.form, Mapping[str, object] | None)
    assert_type(engine.drafts.list(actor=actor), list[Draft])
    guide.text("de")  # pyright: ignore[reportArgumentType]
    assert_type(engine.case("c", actor=actor), Case)


def a_refusal_holds_every_reason(refused: Refused) -> None:
    assert_type(refused.reasons, tuple[Reason, ...])


def proving_answers_values(engine: Engine, actor: Actor) -> None:
    replay = engine.replay("c", actor=actor)
    assert_type(replay, Replay)
    assert_type(replay.sound, bool)
    assert_type(replay.steps, tuple[Step, ...])
    assert_type(engine.verify("skola"), list[Fault])
    assert_type(engine.tick("skola"), int)
