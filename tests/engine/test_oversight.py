"""Who has looked, a drawn sample of all looks, and that nothing is shown that cannot be noted."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.sql import SqlStore
from stegvis.engine.answers import Refused
from stegvis.engine.oversight import drawn
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, StoreError

from ..adapters.forking import ended, in_child
from .orders import ordered
from .test_access import AUDITOR, BOSS, FAR, HOLDER, LEADER, NEAR, UNKNOWN, assigned, change, codes, opened
from .toys import KURATOR, SCHOOL, SOCIAL, World

resource = pytest.importorskip("resource", reason="needs limits and forks as POSIX has them")


def noted(store: Store, organisation: str, *, after: int = 0) -> list[dict[str, Any]]:
    return [orjson.loads(row.body) for _, row in store.log(organisation, after=after) if row.cseq is None]


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World(ordered())
    else:
        with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
            yield World(ordered(), store)


def test_who_has_looked_tells_every_look_try_and_step_and_is_a_look_itself(world: World) -> None:
    case = opened(world)
    minute = world.clock.turn
    for act in (
        lambda: world.take(case, "hand_out", LEADER, form={"officer": HOLDER.id}),
        lambda: world.engine.guide(case, actor=HOLDER, how="print"),
        lambda: world.engine.case(case, actor=HOLDER, how="export"),
        lambda: codes(lambda: world.engine.guide(case, actor=NEAR)),
        lambda: change(world, case, "break_glass", FAR, reason="Jourfall"),
        lambda: world.engine.guide(case, actor=FAR),
    ):
        minute(minutes=1)
        act()
    minute(minutes=1)
    for reader in (HOLDER, BOSS, AUDITOR):
        looks = world.engine.who(case, actor=reader)
        assert [(one.actor, one.kind, one.ground, one.why) for one in looks[:7]] == [
            (NEAR.id, "step", None, ()),
            (LEADER.id, "step", "unit", ()),
            (HOLDER.id, "print", "holder", ()),
            (HOLDER.id, "export", "holder", ()),
            (NEAR.id, "refused", None, ("unknown_case",)),
            (FAR.id, "break_glass", "break_glass", ()),
            (FAR.id, "read", "break_glass", ()),
        ]
        assert (looks[-1].actor, looks[-1].what, looks[-1].kind) == (reader.id, "who", "read")
        minute(minutes=1)


def test_who_may_see_the_case_may_not_always_see_who_has_looked(world: World) -> None:
    case = opened(world)
    assert codes(lambda: world.engine.who(case, actor=NEAR)) == ["role"]
    assert noted(world.store, SOCIAL)[-1]["why"] == ["role"]
    assert codes(lambda: world.engine.who(case, actor=FAR)) == ["unknown_case"]
    assert codes(lambda: world.engine.guide(case, actor=AUDITOR)) == ["unknown_case"]
    assert world.engine.replay(case, actor=AUDITOR).sound


def test_a_list_notes_every_case_it_shows_and_no_other(world: World) -> None:
    seen = [world.ferry() for _ in range(3)]
    near = Actor("s-50", roles={"social_worker"}, unit="barn", organisation=SOCIAL)
    before = len(noted(world.store, SOCIAL))
    rows = world.engine.due(near)
    assert {row.case for row in rows} == set(seen)
    said = noted(world.store, SOCIAL)[before:]
    assert [one["type"] for one in said] == ["search"] * 4
    assert [one.get("case") for one in said] == [None, *sorted(set(seen), key=[row.case for row in rows].index)]
    assert all(one["acc"]["on"] == "unit" for one in said[1:])
    before = len(noted(world.store, SOCIAL))
    assert world.engine.due(FAR) == []
    assert [one.get("case") for one in noted(world.store, SOCIAL)[before:]] == [None]


def test_where_cases_are_open_a_list_notes_them_all_the_same() -> None:
    world = World()
    case = world.lantern()
    assert {row.case for row in world.engine.due(KURATOR)} == {case}
    assert [one.get("case") for one in noted(world.store, SCHOOL)] == [None, case]


def test_a_sample_is_drawn_again_from_the_log_by_the_seed_that_it_notes(world: World) -> None:
    cases = [assigned(world) for _ in range(3)]
    for case in cases:
        for _ in range(5):
            world.engine.guide(case, actor=HOLDER)
            world.clock.turn(minutes=1)
    assert codes(lambda: world.engine.sample(actor=HOLDER)) == ["role"]
    for count, seed in ((0, 1), (1001, 1), (1, -1), (1, 2**53)):
        with pytest.raises(BadInput, match="out_of_range"):
            world.engine.sample(actor=AUDITOR, count=count, seed=seed)
    found = world.engine.sample(actor=AUDITOR, count=4)
    (drew,) = (one["smp"] for one in noted(world.store, SOCIAL) if "smp" in one)
    assert drew == {"seed": found.seed, "count": 4, "upto": found.upto}
    rows = [row for index, row in world.store.log(SOCIAL) if index <= drew["upto"] and row.cseq is None and row.case]
    again = sorted((row.id for row in rows), key=lambda id: sha256(f"{drew['seed']}:{id}".encode()).hexdigest())
    assert [one.record for one in found.looks] == again[:4]
    assert found.of == len(rows)
    shown = [one["case"] for one in noted(world.store, SOCIAL) if one.get("trg") == "sample" and "case" in one]
    assert set(shown) == {one.case for one in found.looks}
    assert len(shown) == len(set(shown))
    late = world.engine.sample(actor=AUDITOR, seed=7, since=world.clock.now)
    assert all(one.at >= (late.since or "") for one in late.looks)
    assert world.engine.verify(SOCIAL) == []


@settings(deadline=None)
@given(st.integers(0, 2**53 - 1), st.sets(st.text("0123456789abcdef", min_size=4, max_size=8)), st.integers(1, 9))
def test_a_draw_does_not_hang_on_order_and_a_longer_one_begins_with_the_shorter(
    seed: int, ids: set[str], count: int
) -> None:
    first = drawn(seed, sorted(ids), count)
    assert first == drawn(seed, sorted(ids, reverse=True), count)
    assert drawn(seed, ids, count + 3)[:count] == first
    assert len(first) == min(count, len(ids))


def test_what_cannot_be_noted_is_not_shown(tmp_path: Path) -> None:
    """On a disk that takes no more: no list, no guide, no case, no log of looks, no sample, no refusal."""
    store = SqlStore(tmp_path / "cases.db", synchronous="NORMAL", patience=0.1)
    world = World(ordered(), store)
    case = assigned(world)
    world.engine.guide(case, actor=HOLDER)
    change(world, case, "break_glass", FAR, reason="Jourfall")
    world.engine.due(HOLDER)
    before = len(noted(store, SOCIAL))
    engine = world.engine

    def look_on_a_full_disk() -> None:
        # A fork closes kept connections, so that the child begins with an empty write-ahead log, which may not grow.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        looks: tuple[Callable[[], object], ...] = (
            lambda: engine.due(HOLDER),
            lambda: engine.guide(case, actor=HOLDER),
            lambda: engine.case(case, actor=HOLDER),
            lambda: engine.explain(case, "answer", actor=HOLDER),
            lambda: engine.who(case, actor=HOLDER),
            lambda: engine.replay(case, actor=HOLDER),
            lambda: engine.sample(actor=AUDITOR),
            lambda: engine.openings(actor=BOSS),
            lambda: engine.guide(UNKNOWN, actor=HOLDER),
        )
        for look in looks:
            with pytest.raises(StoreError):
                look()

    assert ended(in_child(look_on_a_full_disk)) == 0
    assert len(noted(store, SOCIAL)) == before
    assert world.engine.due(HOLDER) == []
    store.close()


def test_a_refusal_is_an_answer_too_and_waits_for_its_record(world: World) -> None:
    case = assigned(world)
    before = len(noted(world.store, SOCIAL))
    with pytest.raises(Refused):
        world.engine.guide(case, actor=NEAR)
    (one,) = noted(world.store, SOCIAL)[before:]
    assert (one["type"], one["case"], one["why"]) == ("transition.denied", case, ["unknown_case"])
