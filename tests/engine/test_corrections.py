"""A wrong answer is corrected beside the old one: by whom it is declared, with a reason, and nothing is undone."""

from typing import cast

import orjson
import pytest

from stegvis.engine.answers import Refused
from stegvis.engine.values import Head

from .toys import HEAD, KURATOR, LEADER, SCHOOL, SOCIAL, WORKER, World

LOOK = {"flame": "low", "wind": 3, "smoke": "tjock"}


def heads(world: World, case: str, organisation: str = SCHOOL) -> list[Head]:
    return [cast("Head", orjson.loads(row.body)) for row in world.store.case_records(organisation, case)]


def correct(world: World, case: str, facts: dict[str, object], **more: str) -> None:
    world.engine.correct(case, facts, reason=more.get("reason", "Fel datum."), actor=KURATOR, key=world.key())


def test_a_correction_points_at_the_record_it_corrects_and_leaves_it_as_it_was() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    before = list(world.store.case_records(SCHOOL, case))
    correct(world, case, {"look.wind": 8})
    after = list(world.store.case_records(SCHOOL, case))
    assert after[:2] == before
    assert heads(world, case)[-1].get("corr") == before[1].id
    run = world.run(case, KURATOR)
    assert run.facts["look.wind"] == 8
    assert run.corrected == {"look.wind": before[1].id}
    assert run.state == "lit"


def test_a_correction_of_a_correction_points_at_the_latest() -> None:
    world = World()
    case = world.lantern()
    correct(world, case, {"first.born": "2013-01-01"})
    correct(world, case, {"first.born": "2012-01-01"})
    rows = list(world.store.case_records(SCHOOL, case))
    assert [head.get("corr") for head in heads(world, case)] == [None, rows[0].id, rows[1].id]
    assert world.engine.replay(case, actor=KURATOR).sound


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_correction_says_what_was_wrong(reason: str) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="correction_reason"):
        correct(world, case, {"first.born": "2013-01-01"}, reason=reason)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "nothing_to_correct"),
        ({"first.leaves": "2026-03-03T10:00:00Z"}, "nothing_to_correct"),
        ({"look.wind": 3}, "nothing_to_correct"),
        ({"first.none": 3}, "nothing_to_correct"),
        ({"handed.said": True}, "nothing_to_correct"),
        ({"status.tell": "done"}, "nothing_to_correct"),
        ({"age": "adult"}, "nothing_to_correct"),
        ({"first": 1}, "nothing_to_correct"),
        ({"first.born": "igår"}, "not_date"),
        ({"first.born": "2027-01-01"}, "future"),
        ({"first.born": None}, "missing"),
        ({"first.account": ""}, "missing"),
    ],
)
def test_only_an_answer_that_is_there_can_be_corrected_and_only_to_one_that_can_be_read(
    facts: dict[str, object], code: str
) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match=f"reasons={code}"):
        correct(world, case, facts)
    assert world.case(case, KURATOR).version == 1


def test_every_reason_is_told_at_once() -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused) as caught:
        world.engine.correct(case, {"first.born": "x", "no.such": 1}, reason="", actor=HEAD, key="k-c")
    assert {one.code for one in caught.value.reasons} == {
        "role",
        "correction_reason",
        "not_date",
        "nothing_to_correct",
    }


def test_what_was_wrong_and_why_stands_in_the_sealed_part_only() -> None:
    world = World()
    case = world.lantern(account="Alma såg lyktan")
    correct(world, case, {"first.account": "Beda såg lyktan"}, reason="Alma var inte där")
    for row in world.store.case_records(SCHOOL, case):
        assert not {word for word in ("Alma", "Beda", "lyktan") if word.encode() in row.body}


def test_a_later_guard_is_judged_on_the_corrected_answer() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(ferry, "load", WORKER, form={"tons": 3})
    world.engine.correct(ferry, {"cargo.goods": [{"sealed": True}]}, reason="Fel kryss.", actor=WORKER, key="k-c")
    world.take(ferry, "load", WORKER, form={"tons": 3})


# ---- a corrected source of a deadline -------------------------------------------------------------------------------


def test_an_earlier_start_gives_an_earlier_date() -> None:
    world = World()
    ferry = world.ferry(arrived="2026-03-02T07:00:00Z")
    before = world.run(ferry, WORKER).due["inspection"]
    world.engine.correct(ferry, {"cargo.arrived": "2026-02-27T07:00:00Z"}, reason="Fel.", actor=WORKER, key="k-c")
    after = world.run(ferry, WORKER).due["inspection"]
    assert after.since == "2026-02-27T07:00:00.000000Z"
    assert (after.internal, after.legal) == ("2026-03-09T22:59:59.999999Z", "2026-03-13T22:59:59.999999Z")
    assert after.internal < before.internal
    assert world.store.deadlines(SOCIAL, case=ferry)[0].due == after.shown
    assert world.engine.verify(SOCIAL) == []


def test_a_later_start_moves_the_legal_date_and_never_gives_more_internal_time() -> None:
    world = World()
    ferry = world.ferry(arrived="2026-02-27T07:00:00Z")
    before = world.run(ferry, WORKER).due["inspection"]
    world.engine.correct(ferry, {"cargo.arrived": "2026-03-02T07:00:00Z"}, reason="Fel.", actor=WORKER, key="k-c")
    after = world.run(ferry, WORKER).due["inspection"]
    assert after.internal == before.internal
    assert after.legal == "2026-03-16T22:59:59.999999Z"
    assert after.shown == before.shown


def test_a_legal_date_that_was_prolonged_by_decision_stays() -> None:
    world = World()
    ferry = world.ferry()
    world.take(ferry, "extend", LEADER, form={"until": "2026-04-30"})
    world.engine.correct(ferry, {"cargo.arrived": "2026-02-27T07:00:00Z"}, reason="Fel.", actor=WORKER, key="k-c")
    due = world.run(ferry, WORKER).due["inspection"]
    assert (due.legal, due.moved) == ("2026-04-30T21:59:59.999999Z", True)
    assert due.internal == "2026-03-09T22:59:59.999999Z"


def test_a_critical_time_that_is_corrected_to_later_lies_ahead_again() -> None:
    world = World()
    case = world.lantern(leaves="2026-03-02T10:00:00Z")
    world.clock.turn(hours=3)
    assert world.engine.tick(SCHOOL) == 1
    assert world.run(case, KURATOR).due["watchful"].passed
    correct(world, case, {"first.leaves": "2026-03-02T14:00:00Z"})
    due = world.run(case, KURATOR).due["watchful"]
    assert (due.shown, due.passed) == ("2026-03-02T14:00:00.000000Z", False)
    world.clock.turn(hours=2, minutes=45)
    assert world.engine.tick(SCHOOL) == 1
    assert world.run(case, KURATOR).due["watchful"].reminded == 1
    assert world.engine.verify(SCHOOL) == []


def test_an_answer_that_no_deadline_rests_on_moves_none() -> None:
    world = World()
    case = world.lantern()
    before = world.run(case, KURATOR).due
    correct(world, case, {"first.born": "2013-01-01"})
    assert world.run(case, KURATOR).due == before
    assert "due" not in heads(world, case)[-1]
