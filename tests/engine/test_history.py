"""A case's history told for a reader: forgeries named anywhere, why a step was allowed, nothing that is not theirs."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.guide_view import plain_json
from stegvis.engine.history import History
from stegvis.engine.past import Clocks, as_of
from stegvis.engine.ports import Sealer
from stegvis.engine.replay import rejudge
from stegvis.engine.values import Actor, Event
from stegvis.routines.digests import canonical, digest
from stegvis.routines.errors import SealError
from stegvis.routines.law import load_law
from stegvis.routines.library import Library

from .orders import ordered
from .plays import PLANTED, Player
from .test_past import LOOK, chain
from .toys import ACTORS, FIRST, HEAD, INTAKE, KURATOR, LEADER, SCHOOL, SOCIAL, World, asking_toys, plain_toys

AUDITOR = Actor("g-1", roles={"auditor"}, unit="kansli", organisation=SCHOOL)
OPEN: Mapping[str, object] = {
    "unheld": "unit",
    "oversees": {"organisation": sorted({role for one in ACTORS for role in one.roles})},
    "may": {"who": ["school_counsellor"]},
    "demands": {},
    "audits": ["auditor"],
}
LOGGED = ordered(school=OPEN, social_services=OPEN, resource_centre=OPEN)
"""The toys with an order under which an auditor reads the log and nothing else."""
seeds = st.integers(0, 2**32)


class Erased:
    """Keys of which one is gone."""

    def __init__(self, keys: Sealer, gone: str) -> None:
        self._keys, self._gone = keys, gone

    def open(self, origin: str, unit: str, cell: bytes, bound: bytes) -> bytes:
        if unit == self._gone:
            raise SealError("no_key")
        return self._keys.open(origin, unit, cell, bound)

    def ensure(self, origin: str, unit: str) -> None:
        self._keys.ensure(origin, unit)

    def mac(self, origin: str, unit: str, text: bytes) -> bytes:
        return self._keys.mac(origin, unit, text)

    def seal(self, origin: str, unit: str, text: bytes, bound: bytes) -> bytes:
        return self._keys.seal(origin, unit, text, bound)


# ---- forged anywhere ------------------------------------------------------------------------------------------------


def found(player: Player, events: list[Event]) -> list[tuple[str, str | None]]:
    return list(rejudge(player.world.engine.files.library_then, events))


def forged(events: list[Event], place: int, **changed: object) -> list[Event]:
    """The events up to a place, whose head is changed."""
    event = events[place]
    head = cast("Any", {**deepcopy(event.head), **changed})
    return [*events[:place], event._replace(head=head)]


def played(seed: int, data: st.DataObject, fits: Callable[[Event], bool]) -> tuple[Player, list[Event], int]:
    """An honest play, and a place in one of its cases where something can be forged."""
    player = Player(seed).play(25)
    chains = [chain(player, *one) for one in player.cases()]
    places = [(events, place) for events in chains for place, event in enumerate(events) if fits(event)]
    assume(places)
    events, place = data.draw(st.sampled_from(places))
    assert {verdict for verdict, _ in found(player, events)} <= {"reproduced", "attested"}
    return player, events, place


def by_somebody(event: Event) -> bool:
    """Whether somebody took a step in a role that they had to have; in danger and in flight everybody may."""
    head = event.head
    steps = {"case.open", "run.open", "transition", "correction"}
    anybody = head.get("trg") in {"acute", "flee", "flee.complete"} or head["rtn"] == "alarm"
    return head["type"] in steps and head["role"] != "clock" and not anybody


def alone(event: Event) -> bool:
    """Whether a record is judged by itself: an alarm is judged with the run that it opens."""
    return not event.head.get("acute", False) and event.head["type"] != "case.change"


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_a_forged_guard_is_named_wherever_it_stands(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, lambda event: bool(event.head.get("guards")))
    guards = deepcopy(events[place].head.get("guards", []))
    turned = data.draw(st.sampled_from(guards))
    turned["out"] = data.draw(st.sampled_from([out for out in ("true", "false", "unknown") if out != turned["out"]]))
    assert found(player, forged(events, place, guards=guards))[place] == ("divergent", "guard")


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_a_wrong_role_is_named_wherever_it_stands(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, by_somebody)
    assert found(player, forged(events, place, role="auditor"))[place] == ("divergent", "role")


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_a_swapped_definition_is_named_wherever_it_stands(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, lambda event: event.head["type"] not in {"case.open", "run.open"})
    mine = events[place].head["def"]
    others = [one for one in player.world.library.by_digest if one != mine] + ["0" * 64]
    swapped = forged(events, place, **{"def": data.draw(st.sampled_from(others))})
    assert found(player, swapped)[place] == ("divergent", "definition")


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_a_law_that_nobody_had_is_named_wherever_it_stands(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, alone)
    assume(place > 0)
    assert found(player, forged(events, place, law="0" * 64))[place] == ("divergent", "law")


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_a_clock_that_goes_back_is_named_wherever_it_stands(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, lambda _: True)
    assume(place > 0)
    early = data.draw(st.sampled_from(["2026-01-01T00:00:00.000000Z", "2013-01-01T00:00:00.000000Z"]))
    for blind in (False, True):
        log = [event._replace(body=None) for event in events] if blind else events
        assert found(player, forged(log, place, at=early, hap=early))[place] == ("divergent", "time_order")


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.filter_too_much])
@given(seed=seeds, data=st.data())
def test_a_step_after_the_end_is_named(seed: int, data: st.DataObject) -> None:
    player, events, place = played(seed, data, lambda event: event.head.get("end", False))
    run = events[place].head["run"]
    again = [one for one in events[:place] if one.head["run"] == run and one.head.get("step") in {None, "propose"}]
    taken = [one for one in again if one.head["type"] == "transition"]
    assume(taken)
    at = events[place].head["at"]
    late = taken[-1]._replace(head=cast("Any", {**taken[-1].head, "at": at, "hap": at}))
    assert found(player, [*events[: place + 1], late])[-1] == ("divergent", "ended")


def other_law() -> Library:
    """The toys under a law book in which a limit of theirs is another."""
    plain = plain_toys()
    data = cast("dict[str, Any]", orjson.loads(plain.law_bytes))
    for law in data["laws"].values():
        for version in law["versions"]:
            for limit in ("limit", "internal"):
                said = version.get(limit)
                if isinstance(said, dict) and "end_of_day" in said:
                    version[limit] = {"end_of_day": 9}
    book = load_law(data)
    return replace(plain, law=book, law_digest=digest(data), law_bytes=canonical(data))


def test_a_law_book_that_was_kept_but_not_the_one_used_is_named() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    elsewhere = World(other_law(), world.store, seed=1)
    elsewhere.clock.now = world.clock.now
    other = elsewhere.lantern()
    player = Player(0)
    player.world = world
    honest, changed = (chain(player, SCHOOL, one) for one in (case, other))
    assert found(player, honest) == [("reproduced", None)] * 2
    assert found(player, changed) == [("reproduced", None)]
    assert honest[0].head.get("due") != changed[0].head.get("due")
    book = changed[0].head["law"]
    head = cast("Any", {**honest[0].head, "law": book})
    assert found(player, [honest[0]._replace(head=head), honest[1]])[0] == ("divergent", "law")


# ---- what is told ---------------------------------------------------------------------------------------------------


def told(history: History) -> str:
    return orjson.dumps(
        plain_json([history.entries, history.now, history.at, history.between, history.refusals])
    ).decode()


@pytest.fixture
def story() -> tuple[World, str]:
    """A lantern: a guard that was stepped over after a refusal, eleven days of nothing, and a correction."""
    world = World(LOGGED)
    case = world.open("lantern", KURATOR, {**FIRST, "account": "slagen igår", "born": "2010-01-01"}, person="p-1").id
    seen = world.engine.guide(case, actor=KURATOR).digest
    world.clock.turn(minutes=5)
    storm = {"flame": "low", "wind": 30, "smoke": "tjock"}
    with pytest.raises(Refused):
        world.take(case, "look", KURATOR, form=storm, seen=seen)
    world.take(case, "look", KURATOR, form=storm, overrides={"strong": "lä"}, seen=seen)
    world.clock.turn(days=12)
    world.take(case, "note", KURATOR, form={"line": "en rad"}, happened=world.clock.now - timedelta(hours=3))
    world.engine.correct(case, {"look.wind": 3}, reason="fel", actor=KURATOR, key="c-1")
    return world, case


def test_a_step_says_why_it_was_allowed_and_what_it_rested_on(story: tuple[World, str]) -> None:
    world, case = story
    history = world.engine.history(case, actor=KURATOR)
    _, look, note, correction = history.entries
    (guard,) = look.guards
    assert (guard.id, guard.outcome, guard.again) == ("strong", "overridden", "overridden")
    assert guard.by is not None
    assert guard.condition("en") == "Wind is at most 10"
    assert [(one.title("en"), one.says("en") if one.says else None) for one in guard.rests] == [("Wind", "30")]
    assert {one.fact: one.says("sv") if one.says else None for one in look.answers}["look.flame"] == "Låg"
    assert (look.screen, note.screen) == ("same", "not_recorded")
    assert (look.level, note.level, correction.level) == ("important", "ordinary", "important")
    assert (look.gap, note.gap, correction.gap) == (0, 11, 0)
    assert (look.late, note.late) == (False, True)
    (later,) = look.corrected
    (changed,) = later.changed
    assert later.version == correction.step.version
    assert (changed.title("en"), changed.was("en"), changed.now("en")) == ("Wind", "30", "3")
    assert correction.step.changed == (changed,)
    assert history.refusals is not None
    assert [(one.trigger, one.why) for one in history.refusals] == [("look", ("guard",))]


def test_another_screen_than_the_one_shown_is_told(story: tuple[World, str]) -> None:
    world, case = story
    seen = world.engine.guide(case, actor=KURATOR).digest
    world.clock.turn(minutes=1)
    world.take(case, "note", KURATOR, form={"line": "x"}, seen="0" * 64)
    world.take(case, "note", KURATOR, form={"line": "x"}, seen=seen)
    # The second was taken on what was shown before the first: that is the same screen, which the log still knows.
    assert [one.screen for one in world.engine.history(case, actor=KURATOR).entries[-2:]] == ["another", "same"]


def test_where_it_stood_and_what_differs_is_told_with_the_labels_of_the_forms(story: tuple[World, str]) -> None:
    world, case = story
    start = world.clock.now - timedelta(days=12)
    history = world.engine.history(case, actor=KURATOR, after=[1, 2, 9], known=start, between=(start, world.clock.now))
    assert history.at is not None
    assert history.at.versions == (1, 2)
    assert list(history.after) == [1, 2]
    known, happened = history.between
    words = [(one.what("en"), one.was and one.was("en"), one.now and one.now("en")) for one in known.changes]
    assert ("Wind", "30", "3") in words
    assert ("The line", None, "hidden") in words
    # By what had happened, the wind was 3 from the first.
    assert ("Wind", "30", "3") not in [(one.what("en"), one.was, one.now) for one in happened.changes]
    assert not any("look." in one.what("en") for one in (*known.changes, *happened.changes))
    assert known.versions == (3, 4)


def test_who_reads_the_log_alone_is_told_of_steps_and_outcomes_and_of_no_answer(story: tuple[World, str]) -> None:
    world, case = story
    history = world.engine.history(
        case, actor=AUDITOR, after=[1, 2, 3], happened=world.clock.now, between=(world.clock.now, world.clock.now)
    )
    assert [one.outcome for one in history.entries[1].guards] == ["overridden"]
    assert all(rest.says is None for one in history.entries for guard in one.guards for rest in guard.rests)
    assert all(not one.answers for one in history.entries)
    assert not any(word in told(history) for word in ("slagen", "tjock", "2010-01-01"))


@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_no_word_that_somebody_wrote_reaches_who_reads_the_log_alone(seed: int) -> None:
    player = Player(seed, library=LOGGED).play(25)
    for organisation, case in player.cases():
        reader = Actor("g-1", roles={"auditor"}, unit="kansli", organisation=organisation)
        end = player.world.clock.now
        history = player.world.engine.history(
            case, actor=reader, after=range(1, 40), happened=end, between=(end - timedelta(days=20), end)
        )
        assert not any(word in told(history) for word in PLANTED)


def test_answers_that_could_lead_to_a_protected_person_are_hidden_also_in_the_past() -> None:
    world = World(asking_toys())
    case = world.open("lantern", KURATOR, {**FIRST, "account": "Storgatan 7", "protected": True}, person="p-1").id
    history = world.engine.history(case, actor=KURATOR, after=[1], known=world.clock.now)
    assert history.identity.protected
    assert "Storgatan" not in told(history)
    open_ = world.engine.history(world.lantern(account="Storgatan 7", protected=False), actor=KURATOR)
    assert "Storgatan" in told(open_) or open_.identity.protected


def test_a_guard_that_is_not_theirs_to_know_is_counted_and_not_told() -> None:
    player = world_with_heard()
    world, case = player
    (counsellor, head) = (world.engine.history(case, actor=one).entries[-1] for one in (KURATOR, HEAD))
    assert ([one.id for one in head.guards], head.kept) == (["heard"], 0)
    assert (counsellor.guards, counsellor.kept) == ((), 1)


def world_with_heard() -> tuple[World, str]:
    """A lantern that ended under a guard that only the head teacher may know of."""
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    world.take(case, "tell", KURATOR)
    watch = world.received(SOCIAL)
    world.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    world.take(watch, "answer", INTAKE, form={"may": True})
    world.deliver()
    world.take(case, "finish", KURATOR)
    return world, case


def test_reading_a_history_is_noted_once_and_before_it_is_shown(story: tuple[World, str]) -> None:
    world, case = story
    before = len(list(world.store.looks(SCHOOL, case)))
    world.engine.history(case, actor=AUDITOR)
    looks = [orjson.loads(row.body) for row in world.store.looks(SCHOOL, case)][before:]
    assert [(one["type"], one["trg"], one["actor"]) for one in looks] == [("read", "replay", "g-1")]
    stranger = Actor("u-99", roles={"unit_manager"}, unit="x", organisation=SOCIAL)
    with pytest.raises(Refused):
        world.engine.history(case, actor=stranger)


def test_what_was_erased_is_told_as_far_as_it_stands_open(story: tuple[World, str]) -> None:
    world, case = story
    store = world.store
    assert isinstance(store, MemoryStore)
    run = world.run(case, KURATOR).id
    blind = Engine(world.library, store, keys=Erased(store.keys, run), clock=world.clock)
    retelling = blind.files
    events = [retelling.event(row, SCHOOL, case) for row in store.case_records(SCHOOL, case)]
    assert all(event.body is None for event in events)
    assert [one for one, _ in rejudge(retelling.library_then, events)] == ["undecidable"] * 4
    assert as_of(events, Clocks()) is not None
