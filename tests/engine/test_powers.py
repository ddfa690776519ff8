"""Who decides: the power that the host vouches for, at a level of the delegation order, which each record names."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from stegvis.engine.answers import Refused
from stegvis.engine.values import Actor
from stegvis.routines.delegation import DelegationOrder
from stegvis.routines.library import SHIPPED, Library
from stegvis.routines.orders import load_order

from .toys import POWERFUL, SOCIAL, Data, World, plain_toys, toys

SCHEMA = json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8"))
LEVELS: dict[str, object] = {
    "board": {"title": {"sv": "Nämnd"}},
    "manager": {"title": {"sv": "Chef"}, "roles": ["unit_manager"]},
    "officer": {"title": {"sv": "Handläggare"}, "roles": ["team_leader", "social_worker"]},
}
SOUND = [{"sealed": True, "frail": False}]
FLOOR = {"level": None, "law": None, "confidence": "L"}


def under(*levels: str, library: Library | None = None, number: str = "4.2", **more: object) -> Library:
    """The toys under an order in which scrapping a ferry is decided at these levels."""
    entry = {"number": number, "by": list(levels), "floor": FLOOR, "reported": "board"}
    whole = library if library is not None else plain_toys()
    order = load_order("delegation", {"format": 1, "levels": LEVELS, "decisions": {"not_open": entry}, **more})
    return replace(whole, orders={**whole.orders, "delegation": order})


def scrap(world: World, actor: Actor = POWERFUL) -> dict[str, Any]:
    """Scrap a ferry; answers the record."""
    case = world.ferry(goods=SOUND)
    world.take(case, "scrap", actor)
    *_, row = world.store.case_records(SOCIAL, case)
    said: dict[str, Any] = json.loads(row.body)
    validator: Any = jsonschema.Draft7Validator(SCHEMA)
    assert not list(validator.iter_errors(said))
    return said


def refused(world: World, actor: Actor) -> dict[str, str]:
    """Why somebody may not, by code, and what would help."""
    case = world.ferry(goods=SOUND)
    with pytest.raises(Refused) as no:
        world.take(case, "scrap", actor)
    asked = world.engine.explain(case, "scrap", actor=actor)
    assert asked.reasons == no.value.reasons
    return {one.code: one.remedy("sv") for one in no.value.reasons}


def test_a_decision_names_the_level_the_number_and_the_order_and_the_store_keeps_the_order() -> None:
    world = World(under("manager", "officer"))
    said, order = scrap(world), world.library.orders["delegation"]
    assert said["dlg"] == "not_open"
    assert said["ord"] == {"level": "officer", "entry": "4.2", "def": order.digest}
    assert world.store.definition(order.digest) == ("order", order.body)
    assert world.engine.verify(SOCIAL) == []


def test_the_power_alone_is_not_enough_where_the_order_puts_the_decision_elsewhere() -> None:
    world = World(under("manager"))
    assert refused(world, POWERFUL) == {
        "not_decider": "Beslutet fattas av enhetschef, enligt delegationsordningens punkt 4.2."
    }


def test_who_lacks_the_power_is_told_who_decides() -> None:
    world = World(under("manager", "officer"))
    lacking = Actor("s-8", roles={"team_leader"}, unit="barn", organisation=SOCIAL, qualified=True)
    assert refused(world, lacking) == {
        "delegation": "Beslutet fattas av socialsekreterare, gruppledare eller enhetschef,"
        " enligt delegationsordningens punkt 4.2."
    }
    assert "Lämna över" in refused(World(under("board", decisions={})), lacking)["delegation"]


def test_of_several_roles_the_one_that_decides_is_the_one_it_is_taken_in() -> None:
    def both(data: dict[str, Data]) -> None:
        data["ferry"]["states"]["moored"]["transitions"]["scrap"]["by"] = ["team_leader", "unit_manager"]

    two = Actor(
        "s-8",
        roles={"team_leader", "unit_manager"},
        unit="barn",
        organisation=SOCIAL,
        delegations={"not_open"},
        qualified=True,
    )
    for levels, role, level in ((("manager",), "unit_manager", "manager"), (("officer",), "team_leader", "officer")):
        said = scrap(World(under(*levels, library=toys(both))), two)
        assert (said["role"], said["ord"]["level"]) == (role, level)


def test_where_no_order_says_it_is_as_before() -> None:
    said = scrap(World(under("officer", decisions={})))
    assert (said["dlg"], "ord" in said) == ("not_open", False)


@pytest.mark.parametrize("later", [("manager",), ("officer",)])
def test_an_old_decision_is_judged_under_the_order_of_its_own_day(later: tuple[str, ...]) -> None:
    world = World(under("officer"))
    scrap(world)
    none = World(under("officer", decisions={}), world.store, seed=1)
    scrap(none)
    after = World(under(*later, number="9"), world.store, seed=2)
    for case in world.store.cases(SOCIAL):
        found = after.engine.replay(case, actor=POWERFUL)
        assert (found.sound, found.count("reproduced")) == (True, 2)
    assert after.engine.verify(SOCIAL) == []


def test_an_order_that_a_record_names_and_nobody_kept_is_found() -> None:
    world = World(under("officer"))
    scrap(world)
    order = world.library.orders["delegation"].digest
    definitions: dict[str, object] = world.store._definitions  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    del definitions[order]
    assert "definition_missing" in {fault.code for fault in world.engine.verify(SOCIAL)}


# ---- correcting what was decided ------------------------------------------------------------------------------------


def formed(data: dict[str, Data]) -> None:
    """Scrapping asks why, so that there is an answer to correct."""
    step = data["ferry"]["states"]["moored"]["transitions"]["scrap"]
    step["form"] = "ground"
    data["ferry"]["forms"]["ground"] = {"fields": {"why": {"type": "text", "title": {"sv": "Varför"}}}}


def mended(levels: tuple[str, ...], actor: Actor, **more: Any) -> dict[str, Any]:
    world = World(under("manager", "officer", library=toys(formed)))
    case = world.ferry(goods=SOUND)
    world.take(case, "scrap", POWERFUL, form={"why": "rost"})
    later = World(under(*levels, library=toys(formed), **more), world.store, seed=1)
    later.engine.correct(case, {"ground.why": "röta"}, reason="Fel.", actor=actor, key="k-c")
    assert later.engine.replay(case, actor=actor).sound
    *_, row = world.store.case_records(SOCIAL, case)
    return json.loads(row.body)


def test_correcting_a_decision_takes_the_power_of_the_decision() -> None:
    said = mended(("officer",), POWERFUL)
    assert (said["type"], said["dlg"], said["qual"], said["ord"]["level"]) == (
        "correction",
        "not_open",
        True,
        "officer",
    )
    lacking: Mapping[str, Any] = {"unit": "barn", "organisation": SOCIAL}
    for actor, codes in (
        (Actor("s-9", roles={"social_worker"}, **lacking), "delegation,qualified"),
        (Actor("s-9", roles={"social_worker"}, delegations={"not_open"}, **lacking), "qualified"),
    ):
        with pytest.raises(Refused, match=f"reasons={codes}"):
            mended(("officer",), actor)
    with pytest.raises(Refused, match="reasons=not_decider"):
        mended(("manager",), POWERFUL)
    worker = Actor("s-9", roles={"social_worker"}, **lacking)
    assert "dlg" not in mended(("officer",), worker, decisions={})


# ---- the template ---------------------------------------------------------------------------------------------------


def test_the_template_is_nobodys_and_has_a_place_for_every_power() -> None:
    library = plain_toys()
    says = library.orders["delegation"].says
    assert isinstance(says, DelegationOrder)
    assert says.adopted is None
    assert set(says.decisions) == set(library.roles.delegations)
    assert len({entry.number for entry in says.decisions.values()}) == len(says.decisions)
    for name, power in library.roles.delegations.items():
        entry = says.decisions[name]
        assert ("officer" in entry.by) is not power.committee, name
        assert (entry.floor.level is not None) is power.committee, name
        assert entry.floor.confidence == "L" or entry.floor.law == "committee_decides", name
