"""What a snapshot holds has a number, so that one made by another version is never taken for one of today."""

from collections.abc import Callable

import orjson
import pytest

from stegvis.engine.engine import Engine
from stegvis.engine.persons import Channel, Identity, Way
from stegvis.engine.ports import Loaded
from stegvis.engine.snapshot import SHAPE, case_of
from stegvis.engine.values import Access, Case, Due, Opening, Origin, Pending, Run, Sent
from stegvis.routines.digests import canonical

from .toys import KURATOR, SCHOOL, World

FIELDS = {
    5: {
        Run: "id routine rules state person opened ended facts due holder pending owed sent origin corrected said"
        " unit opener",
        Case: "id organisation version at actor acute runs access identity channels",
        Access: "named stand_ins bias openings links",
        Opening: "actor unit at until due seen",
        Due: "shown internal legal critical law since passed reminded moved lapsed",
        Pending: "trigger actor role at form",
        Identity: "level checked source version",
        Channel: "ways code_word voicemail letters messages why actor at version",
        Way: "kind where hours",
        Sent: "trigger kind to status basis heard",
        Origin: "id kind organisation heard",
    }
}
"""By shape, what a case at hand is made of."""


def test_whoever_adds_to_a_run_or_a_case_raises_the_shape_of_snapshots() -> None:
    """Where this fails: raise SHAPE by one in engine/snapshot.py, and say here what it holds now."""
    assert {kind: " ".join(kind._fields) for kind in FIELDS[SHAPE]} == FIELDS[SHAPE]


@pytest.mark.parametrize("shape", [None, SHAPE - 1, SHAPE + 1])
@pytest.mark.parametrize("part", ["run", "case"])
def test_a_snapshot_of_another_shape_is_folded_anew_from_the_log(shape: int | None, part: str) -> None:
    """What an earlier version did not know of is in the log all the same."""
    world = World()
    case = world.lantern()
    whole = world.case(case, KURATOR)
    loaded = world.store.load(SCHOOL, case)
    assert loaded is not None
    changed = reshaped(world, loaded, part, shape)
    assert case_of(changed, world.engine.keys, world.engine.files.origin(SCHOOL), SCHOOL) is None

    vars(world.store)["load"] = answering(changed)
    again = Engine(world.library, world.store, clock=world.clock)
    held = again.files.case(SCHOOL, case)
    assert held is not None
    assert held.case == whole
    assert again.verify(SCHOOL) == []


def test_a_snapshot_that_says_otherwise_than_the_log_is_still_a_fault() -> None:
    world = World()
    case = world.lantern()
    loaded = world.store.load(SCHOOL, case)
    assert loaded is not None
    changed = reshaped(world, loaded, "run", SHAPE, facts={})
    vars(world.store)["load"] = answering(changed)
    assert [fault.code for fault in world.engine.verify(SCHOOL)] == ["snapshot_differs"]


def test_the_next_step_stores_the_shape_of_today() -> None:
    world = World()
    case = world.lantern()
    loaded = world.store.load(SCHOOL, case)
    assert loaded is not None
    changed, load = reshaped(world, loaded, "case", None), world.store.load
    vars(world.store)["load"] = answering(changed)
    again = Engine(world.library, world.store, clock=world.clock)
    form = {"flame": "low", "wind": 3, "smoke": "svart"}
    again.take(case, "look", actor=KURATOR, form=form, key="k-1")
    now = load(SCHOOL, case)
    assert now is not None
    assert case_of(now, again.keys, again.files.origin(SCHOOL), SCHOOL) is not None


def answering(loaded: Loaded) -> Callable[[str, str], Loaded]:
    """A store's ``load`` that answers this."""

    def load(_organisation: str, _case: str) -> Loaded:
        return loaded

    return load


def reshaped(world: World, loaded: Loaded, part: str, shape: int | None, **more: object) -> Loaded:
    """The rows of a case, one cell of them sealed in another shape."""
    keys, log = world.engine.keys, world.engine.files.origin(SCHOOL)
    case = loaded.case.case
    (run,) = loaded.runs
    unit, cell = (run.run, run.snapshot) if part == "run" else (case, loaded.case.shared)
    bound = canonical(["run", log, case, run.run, run.state] if part == "run" else ["case", log, case])
    inside: dict[str, object] = {**orjson.loads(keys.open(log, unit, cell, bound)), "shape": shape, **more}
    if shape is None:
        del inside["shape"]
    new = keys.seal(log, unit, canonical(inside), bound)
    if part == "run":
        return loaded._replace(runs=(run._replace(snapshot=new),))
    return loaded._replace(case=loaded.case._replace(shared=new))
