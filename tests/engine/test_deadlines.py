"""Deadlines: started, met, late, moot, moved, reminded of, passed and lapsed; counted once, by the law of the day."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.clocks import limit, next_stop, reminders
from stegvis.engine.instants import moment_of, text_of
from stegvis.engine.values import Due, DueChange
from stegvis.routines.model import Deadline

from ..often import often
from .plays import Player
from .toys import KURATOR, LEADER, POWERFUL, SCHOOL, SOCIAL, START, WORKER, Data, World, plain_toys, toys

LOOK = {"flame": "high", "wind": 3}


def due(world: World, case: str, name: str = "inspection") -> Due:
    return world.run(case, WORKER).due[name]


def changes(world: World, organisation: str, case: str) -> list[DueChange]:
    """What became of deadlines in the case's latest record."""
    *_, row = world.store.case_records(organisation, case)
    return cast("list[DueChange]", orjson.loads(row.body).get("due", []))


def heavy(world: World) -> str:
    case = world.ferry()
    world.loaded(case, tons=20)
    return case


# ---- starts and meets -----------------------------------------------------------------------------------------------


def test_opening_starts_it_and_the_step_that_meets_it_stops_it() -> None:
    world = World()
    case = world.lantern()
    assert set(world.run(case, KURATOR).due) == {"watchful"}
    world.take(case, "look", KURATOR, form=LOOK)
    assert changes(world, SCHOOL, case) == [{"id": "watchful", "closed": "kept"}]
    assert world.run(case, KURATOR).due == {}
    assert world.store.deadlines(SCHOOL) == []


@pytest.mark.parametrize(("hours", "closed"), [(1, "kept"), (38.9, "kept"), (39.1, "late"), (200, "late")])
def test_late_is_after_the_law_s_limit_not_after_the_house_s_own_date(hours: float, closed: str) -> None:
    # Opened at 09:00 local on 2 March: shown that evening, the law's day ends with 3 March.
    world = World()
    case = world.lantern()
    world.clock.turn(hours=hours)
    world.take(case, "look", KURATOR, form=LOOK)
    assert changes(world, SCHOOL, case) == [{"id": "watchful", "closed": closed}]


def test_a_critical_time_makes_it_late_whatever_the_law_says() -> None:
    world = World()
    case = world.lantern(leaves="2026-03-02T10:00:00Z")
    assert world.run(case, KURATOR).due["watchful"].shown == "2026-03-02T10:00:00.000000Z"
    world.clock.turn(hours=2, seconds=1)
    world.take(case, "look", KURATOR, form=LOOK)
    assert changes(world, SCHOOL, case) == [{"id": "watchful", "closed": "late"}]


def test_what_happened_in_time_and_was_written_down_later_is_kept() -> None:
    world = World()
    case = world.lantern()
    world.clock.turn(days=5)
    world.take(case, "look", KURATOR, form=LOOK, happened=START + timedelta(hours=2))
    assert changes(world, SCHOOL, case) == [{"id": "watchful", "closed": "kept"}]


def test_what_nothing_can_meet_after_the_end_is_moot_and_what_can_still_be_met_runs_on() -> None:
    def end(data: dict[str, Data]) -> None:
        data["lantern"]["states"]["lit"]["transitions"]["flee"]["to"] = "out"
        data["lantern"]["deadlines"]["watchful"]["met_by"] = ["look"]

    world = World(toys(end))
    case = world.lantern()
    world.take(case, "flee", KURATOR)
    assert {change["id"]: change.get("closed") for change in changes(world, SCHOOL, case)} == {
        "watchful": "moot",
        "fill_in": None,
    }
    assert set(world.run(case, KURATOR).due) == {"fill_in"}
    world.take(case, "flee.complete", KURATOR, form=LOOK)
    assert world.run(case, KURATOR).due == {}


@pytest.mark.parametrize(("rush", "runs"), [(True, True), (False, False), (None, True)])
def test_what_is_not_known_starts_the_clock(*, rush: bool | None, runs: bool) -> None:
    world = World()
    case = world.ferry()
    world.loaded(case, **({} if rush is None else {"rush": rush}))
    assert ("hurry" in world.run(case, WORKER).due) is runs


def test_a_step_that_waits_for_a_second_person_starts_and_meets_nothing_until_it_is_approved() -> None:
    world = World()
    case = world.ferry()
    world.take(case, "load", WORKER, form={"tons": 3, "rush": True})
    assert set(world.run(case, WORKER).due) == {"inspection"}
    world.clock.turn(hours=3)
    world.take(case, "load.approve", LEADER)
    assert due(world, case, "hurry").since == "2026-03-02T11:00:00.000000Z"


def test_a_second_start_restarts_only_where_that_is_declared() -> None:
    world = World()
    case = world.ferry()
    for _ in range(2):
        world.clock.turn(hours=2)
        world.loaded(case, rush=True)
        world.take(case, "storm", LEADER, form={"seen": "x"})
    assert due(world, case, "hurry").since == text_of(world.clock.now)
    assert due(world, case).since == "2026-03-02T07:00:00.000000Z"

    lasting = heavy(world)
    world.take(lasting, "permit", LEADER)
    first = due(world, lasting, "permitted")
    world.clock.turn(days=1)
    world.take(lasting, "permit", LEADER)
    assert due(world, lasting, "permitted") == first


# ---- counted once, by the law of the day ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "internal", "legal"),
    [
        # before summer time begins, over it, and over its end: the clock moves, the date never
        ("2026-03-02T08:00:00+00:00", "2026-03-02T22:59:59.999999Z", "2026-03-03T22:59:59.999999Z"),
        ("2026-03-28T08:00:00+00:00", "2026-03-28T22:59:59.999999Z", "2026-03-29T21:59:59.999999Z"),
        ("2026-10-24T08:00:00+00:00", "2026-10-24T21:59:59.999999Z", "2026-10-25T22:59:59.999999Z"),
        # after 16 local the house's own date is the next day
        ("2026-03-02T15:30:00+00:00", "2026-03-03T22:59:59.999999Z", "2026-03-03T22:59:59.999999Z"),
        # half past midnight local is the same day there, though it is the day before in UTC
        ("2026-07-01T22:30:00+00:00", "2026-07-02T21:59:59.999999Z", "2026-07-03T21:59:59.999999Z"),
    ],
)
def test_days_are_counted_on_the_swedish_clock(opened: str, internal: str, legal: str) -> None:
    world = World(now=datetime.fromisoformat(opened))
    case = world.lantern()
    found = world.run(case, KURATOR).due["watchful"]
    assert (found.internal, found.legal) == (internal, legal)


@pytest.mark.parametrize(
    ("day", "months"),
    [("2025-06-30T12:00:00+00:00", 2), ("2025-07-01T12:00:00+00:00", 6), ("2025-07-01T00:00+02:00", 6)],
)
def test_the_law_in_force_on_the_day_of_the_step_gives_the_limit(day: str, months: int) -> None:
    def follow_up(data: dict[str, Data]) -> None:
        data["lantern"]["deadlines"]["watchful"]["law"] = "follow_up_without_consent"

    world = World(toys(follow_up), now=datetime.fromisoformat(day))
    case = world.lantern()
    legal = world.run(case, KURATOR).due["watchful"].legal
    assert legal is not None
    local = moment_of(legal).astimezone(UTC) - timedelta(hours=2)
    assert (local.month - datetime.fromisoformat(day).month) % 12 == months


def test_a_run_opened_under_the_old_law_starts_later_limits_under_the_new() -> None:
    def follow_up(data: dict[str, Data]) -> None:
        data["lantern"]["deadlines"]["fill_in"]["law"] = "follow_up_without_consent"

    world = World(toys(follow_up), now=datetime(2025, 6, 29, 8, tzinfo=UTC))
    case = world.lantern()
    world.clock.now = datetime(2025, 7, 3, 8, tzinfo=UTC)
    world.take(case, "flee", KURATOR)
    assert world.run(case, KURATOR).due["fill_in"].legal == "2026-01-03T22:59:59.999999Z"


# ---- prolonging -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(days=st.integers(-20, 400), before=st.integers(0, 9))
def test_prolonging_moves_the_legal_date_to_later_and_never_the_internal_one(days: int, before: int) -> None:
    world = World()
    case = world.ferry()
    world.clock.turn(days=before)
    old = due(world, case)
    assert old.legal is not None
    until = (moment_of(old.legal) + timedelta(days=days, hours=-12)).date().isoformat()
    if days <= 0:
        with pytest.raises(Refused, match="reasons=not_later"):
            world.take(case, "extend", LEADER, form={"until": until})
        return
    world.take(case, "extend", LEADER, form={"until": until})
    new = due(world, case)
    assert new.legal is not None
    assert new.legal > old.legal
    assert new == old._replace(legal=new.legal, moved=True)
    assert world.engine.verify(SOCIAL) == []


def test_a_prolonged_deadline_is_kept_until_its_new_date() -> None:
    world = World()
    case = world.ferry(goods=[{"sealed": True, "frail": False}])
    world.take(case, "extend", LEADER, form={"until": "2026-05-01"})
    world.clock.now = datetime(2026, 4, 30, 12, tzinfo=UTC)
    world.take(case, "scrap", POWERFUL)
    assert {"id": "inspection", "closed": "kept"} in changes(world, SOCIAL, case)


# ---- the clock ------------------------------------------------------------------------------------------------------


def test_it_is_reminded_of_once_at_each_instant_and_then_noted_as_passed() -> None:
    world = World()
    case = world.ferry()
    shown = moment_of(due(world, case).shown)
    seen: list[tuple[int, bool]] = []
    for moment in (shown - timedelta(days=4), shown - timedelta(days=2), shown - timedelta(hours=1), shown):
        for _ in range(2):
            world.clock.now = moment
            world.engine.tick(SOCIAL)
        seen.append((due(world, case).reminded, due(world, case).passed))
    assert seen == [(0, False), (1, False), (2, False), (2, False)]
    world.clock.turn(microseconds=1)
    assert world.engine.tick(SOCIAL) == 1
    assert due(world, case).passed
    assert world.engine.tick(SOCIAL) == 0
    assert world.store.deadlines(SOCIAL)[0].stage == "done"
    assert world.case(case, WORKER).version == 4


def test_a_clock_that_was_away_notes_everything_at_once() -> None:
    world = World()
    case = world.ferry()
    world.clock.turn(days=100)
    assert world.engine.tick(SOCIAL) == 1
    assert due(world, case)[6:8] == (True, 2)
    assert world.case(case, WORKER).version == 2
    assert world.engine.store.mark(SOCIAL, "clock") == text_of(world.clock.now)


def test_what_lapses_does_so_at_the_law_s_limit_and_not_at_the_house_s_date() -> None:
    world = World()
    case = heavy(world)
    world.take(case, "permit", LEADER)
    permitted = due(world, case, "permitted")
    assert permitted.legal is not None
    assert permitted.internal < permitted.legal
    world.clock.now = moment_of(permitted.internal) + timedelta(days=1)
    world.engine.tick(SOCIAL)
    assert (world.state(case, WORKER), due(world, case, "permitted").passed) == ("heavy", True)
    (row,) = [one for one in world.store.deadlines(SOCIAL) if one.deadline == "permitted"]
    assert (row.next, row.stage) == (permitted.legal, "lapse")
    world.clock.now = moment_of(permitted.legal)
    world.engine.tick(SOCIAL)
    assert world.state(case, WORKER) == "heavy"
    world.clock.turn(microseconds=1)
    assert world.engine.tick(SOCIAL) == 1
    assert world.state(case, WORKER) == "moored"
    (*_, row_before, lapsed) = world.store.case_records(SOCIAL, case)
    said = orjson.loads(lapsed.body)
    assert (said["actor"], said["role"], said["trg"]) == ("clock", "clock", "expire")
    assert orjson.loads(row_before.body)["type"] == "deadline"
    for _ in range(2):
        world.clock.turn(days=1)
        assert world.engine.tick(SOCIAL) == 0
    assert world.engine.replay(case, actor=WORKER).sound
    assert world.engine.verify(SOCIAL) == []


def test_only_the_clock_lets_lapse() -> None:
    world = World()
    case = heavy(world)
    world.take(case, "permit", LEADER)
    with pytest.raises(Refused, match="reasons=role"):
        world.take(case, "expire", LEADER)
    assert "expire" not in [action.trigger for action in world.engine.guide(case, actor=LEADER).actions]


def test_what_was_met_before_its_limit_does_not_lapse() -> None:
    world = World()
    case = heavy(world)
    world.take(case, "permit", LEADER)
    world.take(case, "unload", WORKER)
    world.clock.turn(days=60)
    world.engine.tick(SOCIAL)
    assert world.state(case, WORKER) == "moored"
    assert "permitted" not in world.run(case, WORKER).due


def test_a_case_that_is_ahead_of_the_clock_waits_for_the_next_tick_and_holds_up_no_other() -> None:
    world = World()
    ahead, behind = world.lantern(), world.lantern()
    world.clock.turn(days=5)
    world.take(ahead, "note", KURATOR, form={"line": "x"})
    assert world.engine.tick(SCHOOL, START + timedelta(days=2)) == 1
    assert world.run(behind, KURATOR).due["watchful"].passed
    assert not world.run(ahead, KURATOR).due["watchful"].passed
    assert world.engine.tick(SCHOOL) == 1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), hours=st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_ticking_often_or_seldom_ends_the_same_and_twice_changes_nothing(seed: int, hours: list[int]) -> None:
    def played(moments: list[datetime]) -> list[object]:
        player = Player(seed).play(15)
        world = player.world
        for moment in moments:
            world.clock.now = moment
            for organisation in (SCHOOL, SOCIAL):
                world.engine.tick(organisation)
                assert world.engine.tick(organisation) == 0
        runs = [run for one in player.cases() for run in player.whole(*one).runs.values()]
        return [(run.id, run.state, {name: one[:6] + one[6:7] for name, one in run.due.items()}) for run in runs]

    start = Player(seed).play(15).world.clock.now
    moments = sorted(start + timedelta(hours=one) for one in hours)
    assert played(moments) == played(moments[-1:])


@often(60)
@given(data=st.data())
def test_the_next_stop_is_the_first_instant_at_which_the_clock_has_something_to_note(data: st.DataObject) -> None:
    chance = Random(data.draw(st.integers(0, 2**32)))
    start = START + timedelta(hours=chance.randint(0, 3000))

    def later(low: int, high: int) -> str:
        return text_of(start + timedelta(hours=chance.randint(low, high)))

    internal = later(1, 800)
    legal = max(internal, later(1, 1200)) if chance.random() < 0.7 else None
    critical = later(-50, 900) if chance.random() < 0.4 else None
    shown = min(one for one in (internal, legal, critical) if one is not None)
    one = Due(shown, internal, legal, critical, "x", text_of(start))
    fields: dict[str, Any] = {
        "title": {"sv": "x"},
        "law": "protection_assessment",
        "starts": ["open"],
        "met_by": ["look"],
        "remind": chance.sample(["PT30M", "PT5H", "P1D", "P2W"], chance.randint(0, 3)),
        "lapse": "expire" if chance.random() < 0.5 else None,
    }
    deadline = Deadline.model_validate_json(orjson.dumps(fields))
    stops: list[tuple[str, str]] = []
    while True:
        stop, stage = next_stop(deadline, one)
        if stage == "done":
            break
        stops.append((stop, stage))
        match stage:
            case "remind":
                one = one._replace(reminded=one.reminded + 1)
            case "pass":
                one = one._replace(passed=True)
            case _:
                one = one._replace(lapsed=True)
    times = reminders(deadline, one)
    assert times == sorted(times)
    assert all(text_of(start) < time <= shown for time in times)
    expected = [(time, "remind") for time in times] + [(shown, "pass")]
    assert stops == expected + ([(limit(one), "lapse")] if deadline.lapse else [])


# ---- the list of what is due ----------------------------------------------------------------------------------------


def test_what_is_due_comes_in_order_and_the_search_is_noted() -> None:
    world = World()
    cases = [world.lantern(leaves=f"2026-03-02T{hour:02}:00:00Z") for hour in (12, 10, 11)]
    rows = world.engine.due(KURATOR)
    assert [row.case for row in rows] == [cases[1], cases[2], cases[0]]
    assert [row.next for row in world.engine.due(KURATOR, until=START + timedelta(hours=2))] == [
        "2026-03-02T09:30:00.000000Z"
    ]
    *_, (_, last) = world.store.log(SCHOOL)
    assert orjson.loads(last.body)["type"] == "search"


def test_every_deadline_of_the_toys_cites_a_law_with_a_limit() -> None:
    for rules in plain_toys().by_digest.values():
        for deadline in rules.routine.deadlines.values():
            version = plain_toys().law.at(deadline.law, START.date())
            assert version.limit is not None or version.internal is not None
