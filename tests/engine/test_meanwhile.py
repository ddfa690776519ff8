"""What another process does between two calls to the store: it is neither taken for a fault nor overwritten."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from stegvis.engine.engine import Engine
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor
from stegvis.routines.errors import KeyReused, Stale

from .toys import COLLEAGUE, KURATOR, SCHOOL, START, TEACHER, World, plain_toys

LOOK = {"flame": "high", "wind": 3}


class Meanwhile:
    """A store in which somebody else does something just before a call of that name; the first such call only."""

    def __init__(self, store: Store, name: str, act: Callable[[], object]) -> None:
        self._store, self._name, self._act = store, name, act
        self.done = False

    def __getattr__(self, name: str) -> Any:
        if name == self._name and not self.done:
            self.done = True
            self._act()
        return getattr(self._store, name)


def engine_while(world: World, name: str, act: Callable[[], object]) -> Engine:
    """Another process's engine, which is overtaken just before that call."""
    return Engine(plain_toys(), cast("Store", Meanwhile(world.store, name, act)), clock=world.clock)


@pytest.mark.parametrize("expect", [None, 1])
def test_a_command_sent_twice_gets_its_receipt_though_the_first_is_taken_while_the_second_is_judged(
    expect: int | None,
) -> None:
    world, first = World(), list[object]()
    case = world.lantern()

    def look() -> None:
        first.append(world.take(case, "look", KURATOR, form=LOOK, key="k-twice", expect=expect))

    twin = engine_while(world, "head", look)
    assert twin.take(case, "look", actor=KURATOR, form=LOOK, key="k-twice", expect=expect) == first[0]
    assert [row.cseq for _, row in world.store.log(SCHOOL)] == [1, 2], "a refusal was noted of what was taken"


def test_another_command_under_the_same_key_is_told_so_and_not_judged() -> None:
    world = World()
    case = world.lantern()
    other = engine_while(world, "head", lambda: world.take(case, "look", KURATOR, form=LOOK, key="k-twice"))
    with pytest.raises(KeyReused):
        other.take(case, "look", actor=KURATOR, form={**LOOK, "wind": 4}, key="k-twice")
    assert [row.cseq for _, row in world.store.log(SCHOOL)] == [1, 2]


def test_who_is_overtaken_is_not_told_that_their_clock_goes_back() -> None:
    world, ticks = World(), itertools.count()
    case = world.lantern()

    def clock() -> Any:
        return START + timedelta(milliseconds=next(ticks))

    def note() -> object:
        colleague = Engine(plain_toys(), world.store, clock=clock)
        return colleague.take(case, "note", actor=COLLEAGUE, form={"line": "en"}, key="k-1")

    overtaken = engine_while(world, "head", note)
    overtaken.files.clock = clock
    assert overtaken.take(case, "note", actor=KURATOR, form={"line": "två"}, key="k-2").version == 3


@pytest.mark.parametrize("before", ["log", "cases", "case_records", "load", "deadlines", "head"])
@pytest.mark.parametrize("opens", [False, True])
def test_a_log_in_use_verifies_and_replays(before: str, opens: bool) -> None:
    for prove in ("verify", "replay"):
        world = World()
        case = world.lantern()

        def step(world: World = world, case: str = case) -> object:
            return world.lantern() if opens else world.take(case, "look", KURATOR, form=LOOK)

        engine = engine_while(world, before, step)
        if prove == "verify":
            assert engine.verify(SCHOOL) == []
        else:
            assert engine.replay(case, actor=KURATOR).sound


@pytest.mark.parametrize("before", ["cases", "head", "load", "replace_deadlines"])
@pytest.mark.parametrize(("trigger", "form", "actor"), [("look", LOOK, KURATOR), ("flee", {"flame": "high"}, TEACHER)])
def test_an_index_that_is_made_anew_loses_no_deadline_that_starts_or_stops_meanwhile(
    before: str, trigger: str, form: Any, actor: Actor
) -> None:
    world = World()
    case = world.lantern()
    world.store.replace_deadlines(SCHOOL, case, [], expected=1)

    def work() -> None:
        world.take(case, trigger, actor, form=form)
        world.lantern()

    engine_while(world, before, work).rebuild(SCHOOL)
    assert world.engine.verify(SCHOOL) == []


def test_an_index_of_a_case_that_never_stands_still_is_left_as_it_was() -> None:
    world = World()
    case = world.lantern()
    world.store.replace_deadlines(SCHOOL, case, [], expected=1)

    def note() -> object:
        busy.done = False
        return world.take(case, "note", KURATOR, form={"line": "en"})

    busy = Meanwhile(world.store, "replace_deadlines", note)
    engine = Engine(plain_toys(), cast("Store", busy), clock=world.clock)
    with pytest.raises(Stale):
        engine.rebuild(SCHOOL)
    assert {fault.code for fault in world.engine.verify(SCHOOL)} == {"deadlines_differ"}
    world.engine.rebuild(SCHOOL)
    assert world.engine.verify(SCHOOL) == []


def test_a_row_for_a_case_that_is_not_there_goes_when_the_index_is_made_anew() -> None:
    world = World()
    case = world.lantern()
    (row,) = world.store.deadlines(SCHOOL)
    world.store.replace_deadlines(SCHOOL, "0" * 32, [row._replace(case="0" * 32)], expected=0)
    assert world.engine.rebuild(SCHOOL) == 1
    assert [one.case for one in world.store.deadlines(SCHOOL)] == [case]
