"""Stepping over a guard: only where it is declared, by whom it is declared, with a reason in writing."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.values import Actor

from ..often import often
from .toys import HEAD, KURATOR, LEADER, MANAGER, OTHER, SCHOOL, SOCIAL, WORKER, Data, World, toys

STORM = {"flame": "high", "wind": 30}
CALM = {"flame": "high", "wind": 3}


def guards(world: World, organisation: str, case: str) -> dict[str, str]:
    *_, row = world.store.case_records(organisation, case)
    return {guard["id"]: guard["out"] for guard in orjson.loads(row.body).get("guards", [])}


def test_who_may_steps_over_with_a_reason_and_both_are_logged() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=STORM, overrides={"strong": "Vi står i lä."})
    assert guards(world, SCHOOL, case) == {"strong": "overridden"}
    *_, row = world.store.case_records(SCHOOL, case)
    assert "lä".encode() not in row.body
    event = world.engine.files.event(row, SCHOOL, case)
    assert event.body is not None
    assert event.body["overrides"] == {"strong": "Vi står i lä."}
    assert world.engine.replay(case, actor=KURATOR).sound


@pytest.mark.parametrize("why", ["", " ", "\n\t", "x" * 2001])
def test_a_reason_is_asked_for_in_writing(why: str) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="override_reason"):
        world.take(case, "look", KURATOR, form=STORM, overrides={"strong": why})
    assert world.state(case, KURATOR) == "lit"


def test_whoever_may_not_is_told_who_may() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    with pytest.raises(Refused) as caught:
        world.take(ferry, "load", WORKER, form={"tons": 3}, overrides={"sealed": "Brådskar."})
    codes = {reason.code: reason for reason in caught.value.reasons}
    assert set(codes) == {"override_role", "guard"}
    assert "gruppledare" in codes["override_role"].text("sv").lower()


def test_where_no_exception_is_declared_there_is_none() -> None:
    world = World()
    ferry = world.open("ferry", WORKER, {"arrived": "2026-03-02T07:00:00Z", "hidden": "no"}).id
    with pytest.raises(Refused, match="no_override"):
        world.take(ferry, "load", LEADER, form={"tons": 3}, overrides={"few": "ändå", "sealed": "ändå"})


def test_an_exception_for_what_holds_is_no_exception() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=CALM, overrides={"strong": "för säkerhets skull"})
    assert guards(world, SCHOOL, case) == {"strong": "true"}


def test_an_unknown_fact_can_be_stepped_over_where_that_is_declared() -> None:
    world = World()
    ferry = world.open("ferry", LEADER, {"arrived": "2026-03-02T07:00:00Z", "hidden": "no"}, person="p-2").id
    with pytest.raises(Refused, match="not_known"):
        world.take(ferry, "load", LEADER, form={"tons": 3})
    world.take(ferry, "load", LEADER, form={"tons": 3}, overrides={"sealed": "Vi såg dem."})
    assert guards(world, SOCIAL, ferry) == {"sealed": "overridden", "few": "true"}


def test_no_exception_opens_another_way() -> None:
    """A guard that is stepped over changes no fact and chooses no branch."""
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    world.take(ferry, "load", LEADER, form={"tons": 30}, overrides={"sealed": "Brådskar."})
    world.take(ferry, "load.approve", MANAGER, overrides={"sealed": "Jag håller med."})
    assert world.state(ferry, WORKER) == "heavy"
    assert world.run(ferry, WORKER).facts["cargo.goods"] == [{"sealed": False}]


def test_an_approver_without_the_right_does_not_inherit_it_from_the_proposal() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    world.take(ferry, "load", LEADER, form={"tons": 3}, overrides={"sealed": "Brådskar."})
    for overrides in ({}, {"sealed": "Jag också."}):
        with pytest.raises(Refused):
            world.take(ferry, "load.approve", OTHER, overrides=overrides)
    assert world.state(ferry, WORKER) == "moored.load"


# ---- delegation, competence, holder ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delegations", "qualified", "codes"),
    [
        (set[str](), False, {"delegation", "qualified"}),
        ({"not_open"}, False, {"qualified"}),
        (set[str](), True, {"delegation"}),
        ({"prolong_preliminary"}, True, {"delegation"}),
        ({"not_open"}, True, set[str]()),
    ],
)
def test_a_step_that_rests_on_a_power_or_a_competence_asks_for_both(
    delegations: set[str], codes: set[str], *, qualified: bool
) -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": True, "frail": False}])
    actor = Actor(
        "s-9", roles={"team_leader"}, unit="barn", organisation=SOCIAL, delegations=delegations, qualified=qualified
    )
    answer = world.engine.explain(ferry, "scrap", actor=actor)
    assert {reason.code for reason in answer.reasons} == codes
    assert answer.allowed is (not codes)
    if codes:
        with pytest.raises(Refused):
            world.take(ferry, "scrap", actor)
        return
    world.take(ferry, "scrap", actor)
    *_, row = world.store.case_records(SOCIAL, ferry)
    said = orjson.loads(row.body)
    assert (said["dlg"], said["qual"]) == ("not_open", True)
    assert world.engine.replay(ferry, actor=actor).sound


def test_a_step_of_the_holder_is_the_holders_alone() -> None:
    def held(data: dict[str, Data]) -> None:
        load = data["ferry"]["states"]["moored"]["transitions"]["load"]
        load["holder"] = True
        data["ferry"]["forms"]["cargo"]["fields"]["officer"] = {
            "type": "actor",
            "title": {"sv": "Handläggare"},
            "required": False,
        }
        data["ferry"]["open"]["assigns"] = "cargo.officer"

    world = World(toys(held))
    nobodys, theirs = world.ferry(), world.ferry(officer=WORKER.id)
    assert world.run(theirs, WORKER).holder == WORKER.id
    for case, actor, code in ((nobodys, WORKER, "no_holder"), (theirs, LEADER, "not_holder")):
        with pytest.raises(Refused, match=f"reasons={code}"):
            world.take(case, "load", actor, form={"tons": 3})
    assert world.take(theirs, "load", WORKER, form={"tons": 3}).state == "moored.load"


# ---- in every play --------------------------------------------------------------------------------------------------


@often(40)
@given(wind=st.integers(0, 60), why=st.none() | st.text(max_size=20), head=st.booleans())
def test_a_guard_is_true_or_stepped_over_or_the_step_is_not_taken(wind: int, why: str | None, *, head: bool) -> None:
    world = World()
    case = world.lantern()
    actor = HEAD if head else KURATOR
    overrides = {"strong": why} if why is not None else {}
    try:
        world.take(case, "look", actor, form={"flame": "high", "wind": wind}, overrides=overrides)
    except Refused:
        assert head or (wind > 10 and not (why or "").strip())
    else:
        assert not head
        assert guards(world, SCHOOL, case) == {"strong": "true" if wind <= 10 else "overridden"}
        assert wind <= 10 or (why or "").strip()
