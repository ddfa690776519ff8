"""Changes of the whole case: through the one door, folded with any run, sealed apart from them, judged anew."""

import json
from typing import Any

import jsonschema
import pytest

from stegvis.engine.answers import Refused
from stegvis.engine.casewide import KINDS
from stegvis.engine.evolve import fold
from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.library import SHIPPED
from stegvis.routines.orders import CHANGES

from .orders import ordered
from .toys import MANAGER, SOCIAL, WORKER, World, plain_toys

SCHEMA = json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8"))


def changed() -> tuple[World, str]:
    world = World(ordered())
    case = world.ferry()
    world.engine.change(case, "name", actor=MANAGER, key="n-1", form={"who": "s-9"})
    return world, case


def test_a_change_is_an_event_of_the_case_chain_under_the_order_of_the_day() -> None:
    world, case = changed()
    _, row = world.store.case_records(SOCIAL, case)
    said = json.loads(row.body)
    validator: Any = jsonschema.Draft7Validator(SCHEMA)
    assert not list(validator.iter_errors(said))
    order = world.library.orders["access"]
    assert (said["type"], said["rtn"], said["trg"], said["run"]) == ("case.change", "access", "name", case)
    assert (said["def"], said["set"], row.unit) == (order.digest, {"who": "s-9"}, case)
    assert world.store.definition(order.digest) == ("order", order.body)
    assert world.case(case, MANAGER).access.named == {"s-9": said["at"]}


def test_it_is_folded_the_same_from_the_log_from_the_snapshot_and_without_a_key() -> None:
    world, case = changed()
    held = world.case(case, MANAGER)
    again = World(world.library, world.store).engine
    stands = again.files.case(SOCIAL, case)
    assert stands is not None
    assert stands.case == held
    rows = list(world.store.case_records(SOCIAL, case))
    folded = fold(again.files.event(row._replace(payload=None), SOCIAL, case) for row in rows)
    assert folded is not None
    assert folded.access == held.access
    assert again.verify(SOCIAL) == []


def test_it_is_judged_anew_under_the_order_of_its_own_day() -> None:
    world, case = changed()
    other = World(ordered(social_services={"unheld": "unit"}), world.store)
    for engine in (world.engine, other.engine):
        found = engine.replay(case, actor=WORKER)
        assert found.sound
        assert found.count("reproduced") == 2


def test_the_same_key_gives_the_same_answer_and_no_run_is_named() -> None:
    world, case = changed()
    first = world.engine.change(case, "name", actor=MANAGER, key="n-1", form={"who": "s-9"})
    assert (first.id, first.run, first.version, first.state) == (case, "", 2, "")
    assert first == world.engine.change(case, "name", actor=MANAGER, key="n-1", form={"who": "s-9"})


def test_who_may_not_is_refused_and_what_cannot_be_read_is_no_change() -> None:
    world, case = changed()
    with pytest.raises(Refused) as no:
        world.engine.change(case, "name", actor=WORKER, key="k", form={"who": "s-9"})
    assert [one.code for one in no.value.reasons] == ["role"]
    with pytest.raises(BadInput, match="not_a_reference"):
        world.engine.change(case, "name", actor=MANAGER, key="k", form={"who": "Alma Ek"})
    with pytest.raises(NotFound, match="unknown_change"):
        world.engine.change(case, "rename", actor=MANAGER, key="k")
    with pytest.raises(Refused) as none:
        world.engine.change(case, "unname", actor=MANAGER, key="k", form={"who": "s-8"})
    assert [one.code for one in none.value.reasons] == ["not_let_in"]
    world.engine.change(case, "unname", actor=MANAGER, key="k", form={"who": "s-9"})
    assert world.case(case, MANAGER).access.named == {}


def test_where_no_order_holds_nobody_needs_to_be_let_in() -> None:
    world = World()
    case = world.ferry()
    with pytest.raises(Refused) as no:
        world.engine.change(case, "name", actor=MANAGER, key="k", form={"who": "s-9"})
    assert [one.code for one in no.value.reasons] == ["open_to_all"]


def test_a_story_may_name_every_change_and_no_other() -> None:
    assert set(KINDS) == CHANGES
    words = plain_toys().words
    assert {f"scenarios.change.{kind}" for kind in KINDS} <= words.keys()
