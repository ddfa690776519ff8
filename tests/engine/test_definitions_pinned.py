"""A run stays on the rules it was opened under; words may be bettered; digests tell which of the two has changed."""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.routines.digests import canonical, digest, join, split
from stegvis.routines.errors import Broken
from stegvis.routines.library import SHIPPED, Library, restored
from stegvis.routines.reader import read_file
from stegvis.routines.rules import compile_routine
from stegvis.routines.sources import builtin_of

from ..often import often
from .toys import KURATOR, SCHOOL, SOCIAL, TOY, WORKER, Data, World, plain_toys, sources, toys

LOOK = {"flame": "high", "wind": 8}


def stricter(data: dict[str, Data]) -> None:
    look = data["lantern"]["states"]["lit"]["transitions"]["look"]
    look["require"][0]["when"] = "look.wind <= 2"
    look["title"]["sv"] = "Titta"


def reworded(data: dict[str, Data]) -> None:
    data["lantern"]["states"]["lit"]["now"]["sv"] = "Titta noga"


def with_library(world: World, library: Library) -> World:
    """The same store, in another process with other definitions."""
    return World(library, world.store, now=world.clock.now, seed=7)


def test_an_open_run_stays_on_its_rules_when_the_library_brings_new_ones() -> None:
    world = World()
    old = world.lantern()
    after = with_library(world, toys(stricter))
    new = after.lantern()
    with pytest.raises(Refused, match="reasons=guard"):
        after.take(new, "look", KURATOR, form=LOOK)
    assert after.take(old, "look", KURATOR, form=LOOK).state == "burning"
    assert after.run(old, KURATOR).rules != after.run(new, KURATOR).rules
    assert after.engine.replay(old, actor=KURATOR).sound
    assert after.engine.verify(SCHOOL) == []
    again = Engine(toys(stricter), world.store, clock=world.clock)
    assert again.rebuild(SCHOOL) == len(world.store.deadlines(SCHOOL))
    world.clock.turn(days=30)
    assert again.tick(SCHOOL) == 1


def test_an_old_run_is_told_in_the_words_of_its_time() -> None:
    world = World()
    old = world.lantern()
    after = with_library(world, toys(stricter))
    titles = {action.trigger: action.title("sv") for action in after.engine.guide(old, actor=KURATOR).actions}
    assert titles["look"] == "Se efter"
    new = after.lantern()
    titles = {action.trigger: action.title("sv") for action in after.engine.guide(new, actor=KURATOR).actions}
    assert titles["look"] == "Titta"


def test_better_words_for_the_same_rules_reach_runs_that_are_open() -> None:
    world = World()
    case = world.lantern()
    after = with_library(world, toys(reworded))
    assert after.run(case, KURATOR).rules == after.library.versions["lantern"][0].digest
    assert after.engine.guide(case, actor=KURATOR).now("sv") == "Titta noga"
    after.take(case, "note", KURATOR, form={"line": "x"})
    first, second = (orjson.loads(row.body) for row in world.store.case_records(SCHOOL, case))
    assert first["def"] == second["def"]
    assert first["gui"] != second["gui"]
    assert after.engine.verify(SCHOOL) == []
    assert after.engine.replay(case, actor=KURATOR).sound


def test_rules_that_the_store_does_not_have_are_not_guessed() -> None:
    world = World()
    case = world.lantern()
    cast("Any", world.store)._definitions.clear()
    after = with_library(world, toys(stricter))
    with pytest.raises(Broken, match="definition_missing"):
        after.take(case, "look", KURATOR, form=LOOK)


@pytest.mark.parametrize("routine", ["lantern", "watch", "ferry", "pier", "alarm"])
def test_stored_bytes_compile_to_the_very_same_rules(routine: str) -> None:
    rules = plain_toys().versions[routine][0]
    again = restored(rules.rules_bytes, rules.guidance_bytes, plain_toys().builtin)
    assert (again.digest, again.guidance) == (rules.digest, rules.guidance)
    assert again.routine == rules.routine
    assert list(again.routine.forms) == list(rules.routine.forms)
    assert {name: list(moves) for name, moves in again.moves.items()} == {
        name: list(moves) for name, moves in rules.moves.items()
    }


# ---- the split ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def all_data() -> tuple[Data, ...]:
    paths = [path for folder in (SHIPPED, TOY) for path in sorted((folder / "routines").glob("*.yaml"))]
    return tuple(cast("Data", read_file(path, path.name).data) for path in paths)


def test_what_was_split_joins_to_what_was_written_in_the_order_it_was_written() -> None:
    read = 0
    for data in all_data():
        rules, guidance = split(data)
        again = join(orjson.loads(canonical(rules)), orjson.loads(canonical(guidance)))
        assert again == data
        assert orders(again) == orders(data)
        read += 1
    assert read >= 5


NAMED = {"of", "fields", "rows", "states", "transitions", "shared", "forms", "handed", "derived", "deadlines"}


def orders(data: Data) -> dict[tuple[Any, ...], list[str]]:
    """The order of every set of names that people read in order, by the way to it."""
    named = ((way, value) for way, value in parts(data) if way and way[-1] in NAMED)
    return {way: list(cast("Data", value)) for way, value in named if isinstance(value, dict)}


def parts(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value inside a definition, with the way to it."""
    yield way, value
    if isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            yield from parts(one, (*way, name))
    elif isinstance(value, list):
        for number, one in enumerate(cast("list[Any]", value)):
            yield from parts(one, (*way, number))


def put(data: Data, way: tuple[Any, ...], value: object) -> None:
    place: Any = data
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value


def digests(data: Data) -> tuple[str, str]:
    rules, guidance = split(data)
    return digest(rules), digest(guidance)


PLACES = [(data, way, value) for data in all_data() for way, value in parts(data) if way]
TEXTS = [
    one
    for one in PLACES
    if one[1][-1] in {"sv", "en"} and isinstance(one[2], str) and isinstance(one[1][-2], str | int)
]
ENFORCED = {
    *("by", "when", "least", "most", "longest", "required", "past", "multiple", "see", "type", "restart", "remind"),
    *("starts", "met_by", "prolongs", "lapse", "or_before", "from", "escalate", "kind", "to", "handoff", "reply"),
    *("basis", "carries", "form", "otherwise", "state", "afterwards", "complete_later", "holder", "qualified"),
    *("delegation", "assigns", "identifies", "override", "irreversible", "contacts_family", "retention", "subject"),
    *("organisation", "routine", "format", "part", "secrecy", "receives", "earlier", "within", "age_group", "since"),
}


@settings(deadline=None)
@given(data=st.data())
def test_a_changed_text_changes_the_guidance_and_never_the_rules(data: st.DataObject) -> None:
    whole, way, _ = data.draw(st.sampled_from(TEXTS))
    word = data.draw(st.text(min_size=1, max_size=9))
    changed = deepcopy(whole)
    put(changed, way, f"{word} (nytt)")
    (rules, guidance), (rules_after, guidance_after) = digests(whole), digests(changed)
    assert rules == rules_after
    assert guidance != guidance_after
    assert join(*split(changed)) == changed


@settings(deadline=None)
@given(data=st.data())
def test_a_changed_rule_changes_the_rules_and_never_the_guidance(data: st.DataObject) -> None:
    enforced = [
        one
        for one in PLACES
        if one[1][-1] in ENFORCED and not isinstance(one[2], dict) and not {"valid", "adopted"} & set(one[1])
    ]
    whole, way, value = data.draw(st.sampled_from(enforced))
    changed = deepcopy(whole)
    put(changed, way, not value if isinstance(value, bool) else ["other"] if isinstance(value, list) else "other")
    (rules, guidance), (rules_after, guidance_after) = digests(whole), digests(changed)
    assert rules != rules_after
    assert guidance == guidance_after


@often(50)
@given(seed=st.integers(0, 2**32), number=st.deferred(lambda: st.integers(0, len(all_data()) - 1)))
def test_a_changed_order_of_names_changes_no_rule(seed: int, number: int) -> None:
    data = all_data()[number]
    changed = deepcopy(data)
    shuffle(changed, random.Random(seed))
    assert digests(changed)[0] == digests(data)[0]
    assert join(*split(changed)) == data
    assert orders(join(*split(changed))) == orders(changed)


def shuffle(value: Any, chance: random.Random, key: str = "") -> None:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        names = list(inside)
        if key in NAMED:
            chance.shuffle(names)
            for name in names:
                inside[name] = inside.pop(name)
        for name, one in inside.items():
            shuffle(one, chance, name)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            shuffle(one, chance)


@pytest.mark.parametrize(("key", "value"), [("label", "2027.1"), ("adopted", None), ("valid", {"from": "2020-01-01"})])
def test_label_adoption_and_validity_are_for_people_and_pin_nothing(key: str, value: object) -> None:
    data = next(one for one in all_data() if one["routine"] == "ferry")
    changed = {**data, key: value}
    assert digests(changed)[0] == digests(data)[0]
    assert digests(changed)[1] != digests(data)[1]


def test_the_digest_is_of_the_data_and_not_of_how_it_was_typed() -> None:
    data = next(one for one in all_data() if one["routine"] == "watch")
    one = compile_routine(data, builtin_of(sources()))
    other = compile_routine(orjson.loads(canonical(data)), builtin_of(sources()))
    assert one.digest == other.digest == digests(data)[0]
    assert one.rules_bytes == other.rules_bytes


# ---- the law --------------------------------------------------------------------------------------------------------


def test_a_step_logs_the_law_of_its_own_day() -> None:
    world = World()
    case = world.ferry()
    newer = replace(world.library, law_digest="e" * 64)
    after = with_library(world, newer)
    after.take(case, "own", WORKER, form={"who": "p-2"})
    first, second = (orjson.loads(row.body) for row in world.store.case_records(SOCIAL, case))
    assert (first["law"], second["law"]) == (world.library.law_digest, "e" * 64)
