"""What somebody has on the desk: grouped by words, only what is theirs, and every case that is shown is noted."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from stegvis.engine.following import GROUPS, Task
from stegvis.engine.values import Actor

from ..engine.toys import INTAKE, KURATOR, LEADER, WORKER, World
from .commands import COUNSELLOR, HEAD, File
from .commands import INTAKE as INTAKE_OPTIONS
from .talks import Room


def tasks(world: World, actor: Actor) -> list[Task]:
    return world.engine.following.tasks(actor=actor)


def groups(world: World, actor: Actor) -> list[str]:
    return [one.group for one in tasks(world, actor)]


def test_a_task_moves_from_today_to_overdue_as_time_passes() -> None:
    world = World()
    case = world.lantern()
    (first,) = tasks(world, KURATOR)
    assert (first.case, first.group, first.holder) == (case, "today", None)
    assert first.due is not None
    world.clock.turn(days=1)
    assert groups(world, KURATOR) == ["overdue"]


def test_what_waits_for_a_second_person_waits_for_others_and_stands_with_that_person_to_do() -> None:
    world = World()
    case = world.ferry()
    world.take(case, "load", WORKER, form={"tons": 5})
    (mine,) = tasks(world, WORKER)
    (theirs,) = tasks(world, LEADER)
    assert mine.waiting is not None
    assert theirs.waiting is None
    assert theirs.now != mine.now
    assert mine.group in {"waiting", "today", "overdue"}


def test_they_are_read_in_the_order_of_urgency() -> None:
    world = World()
    for _ in range(2):
        world.lantern()
        world.clock.turn(days=2)
    found = [GROUPS.index(one) for one in groups(world, KURATOR)]
    assert len(found) == 2
    assert found == sorted(found)


def test_every_case_that_is_shown_is_noted_and_none_beside() -> None:
    world = World()
    mine, other = world.lantern(), world.ferry()
    assert [one.case for one in tasks(world, KURATOR)] == [mine]
    heads = [json.loads(row.body) for row in world.store.looks("skola", mine)]
    assert [(one["type"], one["trg"]) for one in heads] == [("search", "tasks")]
    assert not list(world.store.looks("skola", other))
    assert not list(world.store.looks("socialtjanst", other))


def test_what_has_been_sent_waits_for_whoever_is_to_answer() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    world.take(case, "tell", KURATOR)
    (one,) = tasks(world, KURATOR)
    assert (one.group, one.waiting and one.waiting.sv) == ("waiting", "Socialtjänsten")


def test_a_run_that_has_ended_is_nobodys_task() -> None:
    room = Room()
    case = room.lantern()
    assert len(room.engine.following.tasks(actor=KURATOR)) == 1
    look = {"flame": "high", "wind": 3}
    for step, form in (("look", look), ("tell", {})):
        room.engine.take(case, step, actor=KURATOR, form=form, key=room.key())
    assert room.engine.following.tasks(actor=KURATOR) == []


def test_what_is_another_organisations_is_not_there() -> None:
    world = World()
    world.lantern()
    assert tasks(world, INTAKE) == []


def test_the_way_names_what_was_done_by_whom_and_with_both_clocks() -> None:
    world = World()
    case = world.lantern()
    happened = world.clock.now + timedelta(minutes=5)
    world.clock.turn(hours=2)
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3}, happened=happened)
    way = world.engine.following.way(case, actor=KURATOR)
    assert [one.version for one in way] == [1, 2]
    assert [one.actor for one in way] == [KURATOR.id, KURATOR.id]
    assert way[1].happened < way[1].recorded
    heads = [json.loads(row.body) for row in world.store.looks("skola", case)]
    assert ("read", "way") in [(one["type"], one.get("trg")) for one in heads]


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_the_command_says_the_groups_in_words(tmp_path: Path, lang: str) -> None:
    file = File(tmp_path)
    case = file.open()
    said = file.say("list", "--lang", lang, who=COUNSELLOR)
    assert said.exit == 0
    assert case in said.out
    assert ("INTE KÄNT OM SKYDDAD" if lang == "sv" else "NOT KNOWN WHETHER PROTECTED") in said.out
    assert file.say("list", "--json", who=COUNSELLOR).json["tasks"][0]["case"] == case
    assert file.say("list", "--json", who=INTAKE_OPTIONS).json["tasks"] == []


def test_a_case_is_chosen_from_the_list_and_followed(tmp_path: Path) -> None:
    file = File(tmp_path)
    cases = [file.open(), file.open()]
    said = file.say("guide", "--interactive", who=COUNSELLOR, given=b"9\nfel\n2\nq\n")
    assert said.exit == 0, said
    listed = [line for line in said.out.splitlines() if "Ärende " in line]
    other, chosen = (next(case for case in cases if case in line) for line in listed)
    assert said.out.count("Välj ett av numren ovan.") == 2
    assert "Nu:" in said.out
    seen = {case: file.say("who", case, who=HEAD).out.count("Läst.") for case in cases}
    assert seen[chosen] == seen[other] + 1, "one was followed, both were in the list"


def test_without_anything_to_do_or_without_a_terminal_there_is_nothing_to_choose(tmp_path: Path) -> None:
    file = File(tmp_path)
    file.open()
    other = ("--actor", "u-9", "--role", "intake_worker", "--unit", "mottag", "--organisation", "socialtjanst")
    assert "inget att göra" in file.say("guide", "--interactive", who=other, given=b"").out
    assert file.say("guide", "--json", who=COUNSELLOR).codes == {"missing_argument"}
