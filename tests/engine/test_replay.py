"""Judging a log anew: honest ones are reproduced or attested, forged ones are found as what they are."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.engine import Engine
from stegvis.engine.replay import Verdict, rejudge
from stegvis.engine.values import Event
from stegvis.routines.errors import NotFound, StegvisError

from ..often import often
from .plays import Player
from .toys import (
    ACTORS,
    ADVISOR,
    BOTH,
    CENTRE,
    HEAD,
    KURATOR,
    LEADER,
    MANAGER,
    SCHOOL,
    SOCIAL,
    WORKER,
    Data,
    World,
    plain_toys,
    toys,
)

LOOK = {"flame": "high", "wind": 3}


def verdicts(world: World, events: list[Event]) -> list[tuple[Verdict, str | None]]:
    return list(rejudge(world.engine.files.library_then, events))


def events(world: World, organisation: str, case: str) -> list[Event]:
    """The case's events, as they may be changed by a forger."""
    return [world.engine.files.event(row, organisation, case) for row in world.store.case_records(organisation, case)]


# ---- honest ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_an_honest_log_is_reproduced_and_what_others_said_is_what_they_sent(seed: int) -> None:
    player = Player(seed).play(35)
    for organisation, case in player.cases():
        actor = next(one for one in ACTORS if one.organisation == organisation)
        replay = player.world.engine.replay(case, actor=actor)
        assert [(step.trigger, step.verdict, step.kind) for step in replay.steps if step.verdict == "divergent"] == []
        assert replay.faults == ()
        assert replay.sound
        assert replay.count("reproduced") == len(replay.steps)
        alone = [verdict for verdict, _ in verdicts(player.world, events(player.world, organisation, case))]
        for step, verdict in zip(replay.steps, alone, strict=True):
            assert verdict == ("attested" if step.type == "handoff.answered" else "reproduced")
        assert replay.state == {run.id: run.state for run in player.whole(organisation, case).runs.values()}


def test_a_story_over_three_organisations_is_reproduced_with_every_kind_of_step() -> None:
    world, ferry, pier = crossed()
    seen: set[str] = set()
    for organisation, case, actor in ((SOCIAL, ferry, WORKER), (CENTRE, pier, ADVISOR)):
        replay = world.engine.replay(case, actor=actor)
        assert replay.sound, [(step.trigger, step.kind) for step in replay.steps]
        seen |= {step.trigger or step.type for step in replay.steps}
        assert world.engine.verify(organisation) == []
    assert seen >= {"load", "load.approve", "acute", "open.review", "extend", "send", "handoff.answered", "correction"}
    assert seen >= {"deadline", "accept", "go_on"}


def crossed() -> tuple[World, str, str]:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    world.clock.turn(minutes=1)
    alarm = world.take(ferry, "acute", WORKER)
    world.take(ferry, "open.review", MANAGER, form={"agrees": True, "note": "x"}, run=alarm.run)
    world.take(ferry, "extend", LEADER, form={"until": "2026-04-30"})
    run = first(world, ferry)
    world.engine.correct(ferry, {"cargo.hidden": "no"}, reason="fel", actor=WORKER, key="c-2", run=run)
    for actor, trigger in ((LEADER, "load"), (MANAGER, "load.approve")):
        form = {"tons": 3} if trigger == "load" else {}
        world.clock.turn(minutes=1)
        world.take(ferry, trigger, actor, form=form, overrides={"sealed": "brådskar"}, run=run)
    world.take(ferry, "send", WORKER, run=run)
    pier = world.received(CENTRE)
    world.take(pier, "accept", ADVISOR)
    world.deliver()
    world.clock.turn(days=12)
    world.engine.tick(SOCIAL)
    world.take(ferry, "go_on", WORKER, run=run)
    return world, ferry, pier


def first(world: World, case: str) -> str:
    return next(run.id for run in world.case(case, WORKER).runs.values() if run.routine == "ferry")


def test_what_was_erased_is_undecidable_and_so_is_what_rests_on_it() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    world.take(case, "tell", KURATOR)
    whole = events(world, SCHOOL, case)
    assert {verdict for verdict, _ in verdicts(world, whole)} == {"reproduced"}
    blind = [whole[0], whole[1]._replace(body=None), whole[2]]
    assert verdicts(world, blind) == [("reproduced", None), ("undecidable", None), ("undecidable", None)]


def test_an_erased_log_still_shows_a_clock_that_went_back() -> None:
    world = World()
    case = world.lantern()
    world.clock.turn(minutes=1)
    world.take(case, "note", KURATOR, form={"line": "x"})
    one, two = (event._replace(body=None) for event in events(world, SCHOOL, case))
    early = two._replace(head={**two.head, "at": "2026-03-01T08:00:00.000000Z", "hap": "2026-03-01T08:00:00.000000Z"})
    assert verdicts(world, [one, early]) == [("undecidable", None), ("divergent", "time_order")]


# ---- judged by the rules and the law of its day ---------------------------------------------------------------------


def test_a_log_is_judged_by_the_rules_and_law_it_names_not_by_those_of_today() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)

    def stricter(data: dict[str, Data]) -> None:
        data["lantern"]["states"]["lit"]["transitions"]["look"]["require"][0]["when"] = "look.wind <= 2"
        data["lantern"]["open"]["by"] = ["head_teacher"]

    today = Engine(toys(stricter), world.store, clock=world.clock)
    replay = today.replay(case, actor=KURATOR)
    assert replay.sound
    assert replay.count("reproduced") == 2


def test_rules_that_nobody_kept_cannot_be_judged_by() -> None:
    world = World()
    case = world.lantern()
    store = world.store
    assert isinstance(store, MemoryStore)
    store._definitions.clear()
    other = toys(lambda data: data["lantern"]["deadlines"]["watchful"].update(remind=["PT1H"]))
    stranger = World(other, store)
    with pytest.raises(StegvisError, match="definition_missing"):
        stranger.engine.replay(case, actor=KURATOR)


# ---- forged ---------------------------------------------------------------------------------------------------------

Forge = Callable[[Any, Any], object]
"""Changes a head and a body in place."""


def head(**changed: object) -> Forge:
    return lambda head, _: head.update(changed)


def guard(out: str) -> Forge:
    return lambda head, _: head["guards"][0].update(out=out)


def due(**changed: object) -> Forge:
    return lambda head, _: head["due"][0].update(changed)


def fact(name: str, value: object) -> Forge:
    return lambda _, body: body["facts"].update({name: value})


def drop(name: str) -> Forge:
    return lambda head, _: head.pop(name)


FORGED: dict[str, tuple[int, Forge, str]] = {
    # the case: 0 open, 1 note, 2 put_out (proposed), 3 approved
    "another target": (2, head(to="burning"), "target"),
    "another source": (2, head(**{"from": "burning"}), "from"),
    "a role that may not": (1, head(role="head_teacher"), "role"),
    "a role that may, of the second person": (3, head(role="school_employee"), "role"),
    "the proposer approves": (3, head(actor=KURATOR.id), "same_person"),
    "other rules": (1, head(**{"def": "0" * 64}), "definition"),
    "another law": (1, head(law="0" * 64), "law"),
    "a deadline met that was not": (1, head(due=[{"id": "watchful", "closed": "kept"}]), "deadline"),
    "a deadline that is left out": (3, drop("due"), "deadline"),
    "a deadline called kept": (0, due(internal="2027-01-01T00:00:00.000000Z"), "deadline"),
    "a legal date moved": (0, due(legal="2027-01-01T00:00:00.000000Z"), "deadline"),
    "a step that is not in the routine": (1, head(trg="look_away"), "unknown_step"),
    "a step from another state": (1, head(trg="tell"), "not_here"),
    "an answer that is not asked": (1, fact("note.more", "x"), "unknown_field"),
    "an answer that cannot be read": (1, fact("note.line", 7), "not_text"),
    "an answer of another form": (0, fact("look.wind", 3), "unknown_field"),
    "an approved answer that was not proposed": (3, fact("reason.why", "annat"), "facts"),
    "a basis": (1, head(basis=["report_duty"]), "basis"),
    "a holder": (1, head(hold="u-9"), "hold"),
    "a person": (1, head(person="p-9"), "person"),
    "an end": (1, head(end=True), "end"),
    "a debt": (1, head(owed=["flee.review"]), "owed"),
    "an alarm": (1, head(acute=True), "acute"),
    "a routine": (1, head(rtn="watch"), "rtn"),
    "a power": (1, head(dlg="not_open"), "dlg"),
    "a step kind": (1, head(step="review"), "step"),
    "a time before the last": (
        2,
        head(at="2026-03-02T08:00:30.000000Z", hap="2026-03-02T08:00:30.000000Z"),
        "time_order",
    ),
    "happened after it was written": (1, head(hap="2026-03-02T09:00:00.000000Z"), "time_order"),
}


@pytest.fixture
def story() -> tuple[World, list[Event]]:
    world = World()
    case = world.lantern()
    for actor, trigger, form in (
        (KURATOR, "note", {"line": "en rad"}),
        (KURATOR, "put_out", {"why": "ryker"}),
        (HEAD, "put_out.approve", {}),
    ):
        world.clock.turn(minutes=1)
        world.take(case, trigger, actor, form=form)
    honest = events(world, SCHOOL, case)
    assert {verdict for verdict, _ in verdicts(world, honest)} == {"reproduced"}
    return world, honest


def forged(honest: list[Event], place: int, forge: Forge) -> list[Event]:
    changed = [cast("Any", _copy(event)) for event in honest]
    forge(changed[place].head, changed[place].body)
    return changed


def _copy(event: Event) -> Event:
    return Event(deepcopy(event.head), deepcopy(event.body))


@pytest.mark.parametrize("name", FORGED)
def test_what_was_forged_is_named(story: tuple[World, list[Event]], name: str) -> None:
    world, honest = story
    place, forge, kind = FORGED[name]
    found = verdicts(world, forged(honest, place, forge))
    assert found[place] == ("divergent", kind)
    assert {verdict for verdict, _ in found[:place]} <= {"reproduced"}


def test_a_guard_result_that_was_turned_is_found() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 30}, overrides={"strong": "lä"})
    honest = events(world, SCHOOL, case)
    assert verdicts(world, honest)[1] == ("reproduced", None)
    for out in ("true", "false", "unknown"):
        assert verdicts(world, forged(honest, 1, guard(out)))[1] == ("divergent", "guard")
    assert verdicts(world, forged(honest, 1, drop("guards")))[1] == ("divergent", "guard")
    without = forged(honest, 1, lambda _, body: body.pop("overrides"))
    assert verdicts(world, without)[1] == ("divergent", "guard")
    calm = forged(honest, 1, fact("look.wind", 3))
    assert verdicts(world, calm)[1] == ("divergent", "guard")


def test_an_exception_made_without_the_right_is_found() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    world.take(ferry, "load", LEADER, form={"tons": 3}, overrides={"sealed": "brådskar"})
    honest = events(world, SOCIAL, ferry)
    assert verdicts(world, honest)[1] == ("reproduced", None)

    def worker(head: Any, _: object) -> None:
        head["role"] = head["guards"][0]["by"] = "social_worker"

    assert verdicts(world, forged(honest, 1, worker))[1] == ("divergent", "override_role")
    other = forged(honest, 1, lambda _, body: body.update(overrides={"sealed": ""}))
    assert verdicts(world, other)[1] == ("divergent", "override_reason")


def test_whoever_acts_in_one_role_and_steps_over_in_another_is_logged_in_both() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    world.take(ferry, "load", BOTH, form={"tons": 3}, overrides={"sealed": "brådskar"})
    honest = events(world, SOCIAL, ferry)
    (sealed, _) = honest[1].head.get("guards", [])
    assert (honest[1].head["role"], sealed.get("by")) == ("social_worker", "team_leader")
    assert verdicts(world, honest)[1] == ("reproduced", None)


def test_a_step_after_the_end_is_found() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "put_out", KURATOR, form={"why": "x"})
    world.take(case, "put_out.approve", HEAD)
    honest = events(world, SCHOOL, case)
    again = _copy(honest[1])
    assert verdicts(world, [*honest, again])[-1] == ("divergent", "ended")


def test_an_opening_before_the_routine_held_is_found() -> None:
    world = World()
    ferry = world.ferry()
    early = {"at": "2025-01-02T08:00:00.000000Z", "hap": "2025-01-02T08:00:00.000000Z"}
    (opening,) = forged(events(world, SOCIAL, ferry), 0, head(**early))
    (found,) = verdicts(world, [opening])
    assert found == ("divergent", "routine_not_valid")


def test_an_alarm_without_its_opening_and_an_opening_without_its_alarm_are_found() -> None:
    world = World()
    ferry = world.ferry()
    world.take(ferry, "acute", WORKER, form={"what": "fara"})
    opening, alarm, beside = events(world, SOCIAL, ferry)
    assert verdicts(world, [opening, alarm, beside]) == [("reproduced", None)] * 3
    assert verdicts(world, [opening, alarm])[1] == ("divergent", "other_event")
    assert verdicts(world, [opening, beside])[1] == ("divergent", "other_event")
    quiet = forged([opening, alarm, beside], 2, drop("acute"))
    assert verdicts(world, quiet)[1] == ("divergent", "other_event")
    moved = forged([opening, alarm, beside], 1, head(to="light"))
    assert verdicts(world, moved)[1:] == [("divergent", "target"), ("reproduced", None)]
    another = forged([opening, alarm, beside], 2, head(to="quiet"))
    assert verdicts(world, another)[2] == ("divergent", "target")
    sealed = [opening, alarm, beside._replace(body=None)]
    assert verdicts(world, sealed)[1:] == [("undecidable", None)] * 2


def test_a_correction_by_somebody_who_may_not_and_one_without_a_reason_are_found() -> None:
    world = World()
    case = world.lantern()
    world.engine.correct(case, {"first.born": "2013-01-01"}, reason="fel", actor=KURATOR, key="c-1")
    honest = events(world, SCHOOL, case)
    assert verdicts(world, honest)[1] == ("reproduced", None)
    assert verdicts(world, forged(honest, 1, head(role="head_teacher")))[1] == ("divergent", "role")
    silent = forged(honest, 1, lambda _, body: body.update(reason=""))
    assert verdicts(world, silent)[1] == ("divergent", "correction_reason")


def test_what_the_clock_is_said_to_have_noted_is_worked_out_again() -> None:
    world = World()
    case = world.lantern()
    world.clock.turn(days=3)
    world.engine.tick(SCHOOL)
    honest = events(world, SCHOOL, case)
    assert verdicts(world, honest)[1] == ("reproduced", None)
    assert verdicts(world, forged(honest, 1, due(reminded=5)))[1] == ("divergent", "deadline")
    early = {"at": "2026-03-02T08:00:01.000000Z", "hap": "2026-03-02T08:00:01.000000Z"}
    assert verdicts(world, forged(honest, 1, head(**early)))[1] == ("divergent", "other_event")


LIES: list[tuple[str, object]] = [
    ("to", "nowhere"),
    ("from", "nowhere"),
    ("role", "auditor"),
    ("end", 7),
    ("due", [{"id": "x", "closed": "kept"}]),
]


@often(40)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_no_forged_target_role_actor_or_deadline_of_any_play_passes_as_reproduced(
    seed: int, data: st.DataObject
) -> None:
    player = Player(seed).play(25)
    organisation, case = data.draw(st.sampled_from(player.cases()))
    honest = events(player.world, organisation, case)
    place = data.draw(st.integers(0, len(honest) - 1))
    name, value = data.draw(st.sampled_from(LIES))
    said = honest[place].head
    # Everybody may raise an alarm or run away, in whichever role they hold; the clock and a message have none.
    anybody = said.get("trg") in {"acute", "flee", "flee.complete"} or said["rtn"] == "alarm"
    if name == "role" and (anybody or said["type"] in {"deadline", "handoff.answered"}):
        return
    found = verdicts(player.world, forged(honest[: place + 1], place, head(**{name: value})))
    assert found[place][0] == "divergent"


def test_a_case_of_another_organisation_is_not_replayed() -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(StegvisError, match="unknown_case"):
        world.engine.replay(case, actor=LEADER)
    assert isinstance(plain_toys().law_digest, str)
    with pytest.raises(NotFound, match="unknown_organisation"):
        world.engine.verify("moon")
