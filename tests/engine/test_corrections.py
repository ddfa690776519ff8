"""A wrong answer is corrected beside the old one: by whom it is declared, with a reason, and nothing is undone."""

from typing import cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.corrections import Rested
from stegvis.engine.guide_view import FactView, Mended
from stegvis.engine.values import Actor, Head

from .orders import ordered
from .plays import Player
from .toys import ACTORS, HEAD, KURATOR, LEADER, SCHOOL, SOCIAL, WORKER, Data, World, asking_toys, toys

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


def test_answers_of_several_records_are_corrected_by_as_many_that_each_point_at_their_own() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    rows = list(world.store.case_records(SCHOOL, case))
    correct(world, case, {"look.wind": 8, "first.born": "2013-01-01", "look.smoke": "tunn"})
    made = heads(world, case)[2:]
    assert [head.get("corr") for head in made] == [rows[1].id, rows[0].id]
    run = world.run(case, KURATOR)
    assert run.corrected == {"look.wind": rows[1].id, "look.smoke": rows[1].id, "first.born": rows[0].id}
    assert (run.facts["look.wind"], run.facts["first.born"], run.facts["look.smoke"]) == (8, "2013-01-01", "tunn")
    found = world.engine.replay(case, actor=KURATOR)
    assert found.sound
    assert found.count("reproduced") == 4
    assert world.engine.verify(SCHOOL) == []


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


# ---- what people see of it ------------------------------------------------------------------------------------------


def shown(world: World, case: str, fact: str, actor: Actor = KURATOR) -> FactView:
    (found,) = [one for one in world.engine.guide(case, actor=actor).facts if one.fact == fact]
    return found


def test_the_guide_shows_the_corrected_answer_when_and_by_whom() -> None:
    world = World()
    case = world.lantern()
    (opened,) = world.store.case_records(SCHOOL, case)
    assert shown(world, case, "first.born").correction is None
    world.clock.turn(hours=1)
    correct(world, case, {"first.born": "2013-01-01"})
    fact = shown(world, case, "first.born")
    assert (fact.value.sv, fact.corrected) == ("2013-01-01", True)
    assert fact.correction == Mended("2026-03-02T09:00:00.000000Z", KURATOR.id, opened.id, ())
    assert "Född: 2013-01-01 (rättat 2026-03-02 10:00 av u-1)" in world.engine.guide(case, actor=KURATOR).text("sv")
    assert "(corrected 2026-03-02 10:00 by u-1)" in world.engine.guide(case, actor=HEAD).text("en")
    said = world.engine.guide(case, actor=KURATOR).json()
    (plain,) = [one for one in cast("list[dict[str, object]]", said["facts"]) if one["fact"] == "first.born"]
    assert plain["correction"] == {"at": "2026-03-02T09:00:00.000000Z", "by": "u-1", "record": opened.id, "rested": []}


def test_an_answer_that_a_later_step_gives_anew_is_no_corrected_one() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    correct(world, case, {"look.wind": 8})
    assert shown(world, case, "look.wind").corrected
    world.take(case, "look", KURATOR, form=LOOK)
    assert not shown(world, case, "look.wind").corrected


def test_replay_shows_both_answers_to_who_may_read_them() -> None:
    world = World(asking_toys())
    case = world.lantern(account="Vi såg lyktan.", protected=False)
    (opened,) = world.store.case_records(SCHOOL, case)
    correct(world, case, {"first.born": "2013-01-01", "first.account": "Vi såg en lykta."})
    first, second = world.engine.replay(case, actor=KURATOR).steps
    assert first.changed == ()
    assert [(one.fact, one.was.sv, one.now.sv, one.record) for one in second.changed] == [
        ("first.account", "Vi såg lyktan.", "Vi såg en lykta.", opened.id),
        ("first.born", "2014-05-05", "2013-01-01", opened.id),
    ]
    _, for_head = world.engine.replay(case, actor=HEAD).steps
    assert [one.fact for one in for_head.changed] == ["first.born"]


def test_who_reads_the_log_alone_is_not_told_the_answers() -> None:
    world = World(ordered())
    case = world.ferry()
    world.engine.correct(case, {"cargo.arrived": "2026-03-01T07:00:00Z"}, reason="Fel.", actor=WORKER, key="k-c")
    auditor = Actor("a-1", roles={"auditor"}, unit="granskning", organisation=SOCIAL)
    assert [step.changed for step in world.engine.replay(case, actor=auditor).steps] == [(), ()]
    assert world.engine.replay(case, actor=WORKER).steps[1].changed


# ---- what had rested on the wrong answer ----------------------------------------------------------------------------


def mend(world: World, case: str, actor: Actor, **facts: object) -> tuple[Rested, ...]:
    named = {name.replace("__", "."): value for name, value in facts.items()}
    return world.engine.correct(case, named, reason="Fel.", actor=actor, key=world.key()).rested


def test_a_step_whose_guard_read_the_old_answer_is_named_and_whether_the_new_one_closes_it() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    world.take(case, "note", KURATOR, form={"line": "x"})
    (mild,) = mend(world, case, KURATOR, look__wind=8)
    assert (mild.version, mild.trigger, mild.facts, mild.how, mild.otherwise) == (
        2,
        "look",
        ("look.wind",),
        ("guard",),
        False,
    )
    assert mend(world, case, KURATOR, look__wind=30) == ()
    world.take(case, "look", KURATOR, form=LOOK)
    (strong,) = mend(world, case, KURATOR, look__wind=30)
    assert (strong.version, strong.otherwise) == (6, True)


def test_a_step_that_went_another_way_for_the_old_answer_is_named() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    (one,) = mend(world, case, KURATOR, look__flame="low")
    assert (one.how, one.otherwise) == (("way",), True)


def test_what_was_carried_to_another_organisation_is_told() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    world.take(case, "tell", KURATOR)
    (one,) = mend(world, case, KURATOR, first__account="En annan lykta.")
    assert (one.trigger, one.how, one.otherwise) == ("tell", ("sent",), False)
    text = world.engine.guide(case, actor=KURATOR).text("sv")
    assert "Rättat svar: Vad hände." in text
    assert "Säg till 2026-03-02 09:00 (LÄMNADES TILL ANNAN ORGANISATION)" in text
    assert "Rättat svar" not in world.engine.guide(case, actor=HEAD).text("sv")


def test_a_derived_fact_leads_back_to_the_answer_it_is_worked_out_from() -> None:
    def aged(data: dict[str, Data]) -> None:
        look = data["lantern"]["states"]["lit"]["transitions"]["look"]
        texts = {"says": {"sv": "x."}, "do": {"sv": "y."}}
        look["require"].append({"id": "young", "when": "age == 'under_12'", **texts})

    world = World(toys(aged))
    case = world.lantern(born="2016-01-01")
    world.take(case, "look", KURATOR, form=LOOK)
    assert [one.otherwise for one in mend(world, case, KURATOR, first__born="2015-01-01")] == [False]
    world.take(case, "look", KURATOR, form=LOOK)
    (one,) = mend(world, case, KURATOR, first__born="2001-01-01")
    assert (one.version, one.facts, one.otherwise) == (4, ("first.born",), True)


def test_of_a_proposal_and_its_approval_each_is_named_that_read_the_answer() -> None:
    world = World()
    ferry = world.ferry()
    world.loaded(ferry, tons=5)
    found = mend(world, ferry, WORKER, cargo__goods=[{"sealed": False}])
    assert [(one.trigger, one.how, one.otherwise) for one in found] == [
        ("load", ("guard",), True),
        ("load.approve", ("guard",), True),
    ]
    (approved,) = mend(world, ferry, WORKER, weigh__tons=20)
    assert (approved.trigger, approved.how, approved.otherwise) == ("load.approve", ("way",), True)


def test_what_rests_on_facts_that_one_may_not_read_does_not_say_how_it_would_have_come_out() -> None:
    def secret(data: dict[str, Data]) -> None:
        data["lantern"]["forms"]["look"]["fields"]["flame"]["see"] = ["head_teacher"]

    world = World(toys(secret))
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    (one,) = mend(world, case, KURATOR, look__wind=30)
    assert (one.trigger, one.facts, one.otherwise) == ("look", ("look.wind",), None)
    assert mend(world, case, KURATOR, look__flame="high") == ()


def test_the_same_command_is_answered_the_same_a_second_time() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form=LOOK)
    facts = {"look.wind": 30, "first.born": "2013-01-01"}
    first, again = (world.engine.correct(case, facts, reason="Fel.", actor=KURATOR, key="k-same") for _ in range(2))
    assert first == again
    assert [one.trigger for one in first.rested] == ["look"]
    assert world.case(case, KURATOR).version == 4


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 9999), data=st.data())
def test_in_any_play_a_correction_of_several_answers_is_reproduced_and_names_only_steps_before_it(
    seed: int, data: st.DataObject
) -> None:
    player = Player(seed).play(25)
    for organisation, case in player.cases():
        world, whole = player.world, player.whole(organisation, case)
        run = data.draw(st.sampled_from(sorted(whole.runs)))
        rules = world.library.by_digest[whole.runs[run].rules]
        able = [one for one in ACTORS if one.organisation == organisation and one.roles & set(rules.routine.correct.by)]
        named = {
            fact: value
            for fact, value in whole.runs[run].facts.items()
            if fact.partition(".")[0] in rules.routine.forms
        }
        if not named or not able:
            continue
        facts = data.draw(st.lists(st.sampled_from(sorted(named)), min_size=1, max_size=3, unique=True))
        try:
            receipt = world.engine.correct(
                case, {fact: named[fact] for fact in facts}, reason="x", actor=able[0], key=world.key(), run=run
            )
        except Refused:
            continue
        # The same answers again: nothing would have come out otherwise.
        assert all(one.version < receipt.version and one.otherwise in (False, None) for one in receipt.rested)
        assert all(set(one.facts) <= set(facts) for one in receipt.rested)
        assert world.engine.replay(case, actor=able[0]).count("divergent") == 0
        assert world.engine.verify(organisation) == []
