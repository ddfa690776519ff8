"""What people see: what to do, by when, what not to do, why not; the same as what taking the step would say."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Answer, Refused
from stegvis.engine.guide import Guide
from stegvis.engine.guide_view import Action
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.text import Lang

from .plays import Player, form
from .toys import (
    ACTORS,
    COLLEAGUE,
    HEAD,
    INTAKE,
    KURATOR,
    LEADER,
    MANAGER,
    SCHOOL,
    SOCIAL,
    TEACHER,
    WORKER,
    Data,
    World,
    asking_toys,
    toys,
)


def actions(guide: Guide) -> dict[str, Action]:
    return {action.trigger: action for action in guide.actions}


# ---- hidden fields and neutral reasons ------------------------------------------------------------------------------


def test_an_answer_is_shown_to_those_who_may_read_it_and_to_nobody_else() -> None:
    world = World(asking_toys())
    case = world.lantern(account="Beda såg den", protected=False)
    for actor, sees in ((KURATOR, True), (TEACHER, True), (HEAD, False)):
        guide = world.engine.guide(case, actor=actor)
        assert ("first.account" in [fact.fact for fact in guide.facts]) is sees
        assert ("Beda" in guide.text("sv")) is sees
        assert (b"Beda" in orjson.dumps(guide.json())) is sees
        assert ("first.account" in world.engine.case(case, actor=actor).runs[guide.run].facts) is sees


def test_a_reason_that_rests_on_what_one_may_not_see_says_nothing_about_it() -> None:
    world = World()
    case = world.ferry(goods=[{"sealed": True, "frail": True}])
    reasons = {
        actor.id: [one for one in world.engine.explain(case, "scrap", actor=actor).reasons if one.kind != "not_you"]
        for actor in (LEADER,)
    }
    assert reasons == {LEADER.id: []}
    (neutral,) = [
        one for one in world.engine.explain(case, "scrap", actor=LEADER).reasons if one.code == "not_available"
    ]
    assert neutral.about is None
    for lang in ("sv", "en"):
        assert "frail" not in neutral.text(lang)
        assert "ömtålig" not in neutral.text(lang).lower()
    seeing = Actor("s-8", roles={"team_leader", "unit_manager"}, unit="barn", organisation=SOCIAL)
    (told,) = [one for one in world.engine.explain(case, "scrap", actor=seeing).reasons if one.code == "guard"]
    assert (told.about, told.text("en")) == ("not_frail", "Something is frail.")


def test_a_field_one_may_not_see_hides_every_guard_and_way_that_rests_on_it() -> None:
    def secret(data: dict[str, Data]) -> None:
        data["ferry"]["forms"]["cargo"]["fields"]["goods"]["see"] = ["unit_manager"]
        data["ferry"]["forms"]["weigh"]["fields"]["tons"]["see"] = ["unit_manager"]
        data["ferry"]["states"]["moored"]["transitions"]["load"]["four_eyes"] = None

    world = World(toys(secret))
    case = world.ferry(goods=[{"sealed": False}])
    (reason,) = world.engine.explain(case, "load", actor=WORKER).reasons
    assert (reason.code, reason.about) == ("not_available", None)
    ways = actions(world.engine.guide(case, actor=WORKER))["load"].next
    said = [way.condition("en") for way in ways if way.condition is not None]
    assert said
    assert not [one for one in said if "10" in one or "Tons" in one]


def test_a_birthday_that_changes_the_rules_is_told_half_a_year_ahead_to_those_who_may_see_it() -> None:
    world = World()
    far, near = world.lantern(born="2014-10-05"), world.lantern(born="2014-08-05")
    assert world.engine.guide(far, actor=KURATOR).notices == ()
    (notice,) = world.engine.guide(near, actor=KURATOR).notices
    assert "2026-08-05" in notice("sv")
    ferry = world.ferry(born="2014-05-05")
    assert world.engine.guide(ferry, actor=WORKER).notices == ()
    assert "2026-05-05" in world.engine.guide(ferry, actor=MANAGER).notices[0]("en")


def test_an_alarm_and_a_debt_are_told() -> None:
    world = World()
    ferry = world.ferry()
    raised = world.take(ferry, "acute", WORKER)
    words = world.library.words
    assert words["guide.acute"] in world.engine.guide(ferry, actor=WORKER).notices
    guide = world.engine.guide(ferry, actor=MANAGER, run=raised.run)
    assert len(guide.notices) == 3
    assert {"open.review", "open.complete"} <= set(actions(guide))


def test_what_awaits_a_second_person_says_so_and_shows_what_was_proposed() -> None:
    world = World(asking_toys())
    case = world.lantern(protected=False)
    world.take(case, "put_out", KURATOR, form={"why": "den ryker"})
    guide = world.engine.guide(case, actor=HEAD)
    assert guide.waiting is not None
    assert "Släck" in guide.now("sv")
    assert [(fact.fact, fact.value("sv")) for fact in guide.proposed] == [("reason.why", "den ryker")]
    assert actions(guide)["put_out.approve"].open
    own = actions(world.engine.guide(case, actor=KURATOR))["put_out.approve"]
    assert [one.code for one in own.reasons] == ["same_person"]
    assert "Godkänn: Släck" in guide.text("sv")


# ---- what can be seen is what holds ---------------------------------------------------------------------------------


def answer_of(act: Callable[[], object]) -> Answer:
    """What doing says, in the form in which asking says it."""
    try:
        act()
    except Refused as no:
        return Answer(allowed=False, reasons=no.reasons)
    return Answer(allowed=True, reasons=())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_explaining_with_the_answers_says_what_taking_the_step_says(seed: int) -> None:
    player = Player(seed).play(20)
    world, chance = player.world, player.chance
    for organisation, case in player.cases()[:4]:
        run = chance.choice(list(player.whole(organisation, case).runs.values()))
        rules = world.library.by_digest[run.rules]
        for move in chance.sample(list(rules.moves[run.state].values()), min(3, len(rules.moves[run.state]))):
            if "clock" in move.by or move.kind == "acute":
                continue
            actor = chance.choice([one for one in ACTORS if one.organisation == organisation])
            answers = form(move.fields, chance)
            before = player.whole(organisation, case)
            if run.id not in before.runs or before.runs[run.id].state != run.state:
                continue
            said = world.engine.explain(case, move.trigger, actor=actor, form=answers, run=run.id)
            assert player.whole(organisation, case) == before
            taken = partial(world.take, case, move.trigger, actor, form=answers, run=run.id)
            assert said == answer_of(taken)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_a_step_that_is_shown_closed_cannot_be_taken_whatever_is_answered(seed: int) -> None:
    player = Player(seed).play(20)
    world, chance = player.world, player.chance
    for organisation, case in player.cases()[:4]:
        actor = chance.choice([one for one in ACTORS if one.organisation == organisation])
        guide = world.engine.guide(case, actor=actor)
        rules = world.library.by_digest[player.whole(organisation, case).runs[guide.run].rules]
        for action in guide.actions:
            assert action.open is not bool(action.reasons)
            assert action.open is world.engine.explain(case, action.trigger, actor=actor, run=guide.run).allowed
            if not action.open:
                move = rules.move(guide.state, action.trigger)
                assert move is not None
                with pytest.raises(Refused):
                    world.take(case, action.trigger, actor, form=form(move.fields, chance, wild=0), run=guide.run)


def test_a_look_is_noted_before_it_is_shown_and_changes_nothing() -> None:
    world = World()
    case = world.lantern()
    guide = world.engine.guide(case, actor=KURATOR)
    *_, (_, row) = world.store.log(SCHOOL)
    said = orjson.loads(row.body)
    assert (said["type"], said["case"], said["seen"]) == ("read", case, guide.digest)
    assert world.case(case, KURATOR).version == 1


def test_a_look_that_cannot_be_noted_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    case = world.lantern()

    def full(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(world.store, "note", full)
    for look in (
        lambda: world.engine.guide(case, actor=KURATOR),
        lambda: world.engine.explain(case, "look", actor=KURATOR),
        lambda: world.engine.case(case, actor=KURATOR),
        lambda: world.engine.replay(case, actor=KURATOR),
        lambda: world.engine.due(KURATOR),
    ):
        with pytest.raises(OSError):  # noqa: PT011 - nothing more to match
            look()


def test_an_unknown_case_and_a_foreign_one_are_answered_and_noted_alike() -> None:
    world = World()
    case = world.lantern()
    noted: list[dict[str, Any]] = []
    for wanted in (case, "0" * 32):
        for act in (
            lambda wanted=wanted: world.engine.guide(wanted, actor=INTAKE),
            lambda wanted=wanted: world.engine.explain(wanted, "look", actor=INTAKE),
            lambda wanted=wanted: world.take(wanted, "look", INTAKE),
        ):
            with pytest.raises(Refused, match="reasons=unknown_case"):
                act()
            *_, (_, row) = world.store.log(SOCIAL)
            said = orjson.loads(row.body)
            noted.append({name: value for name, value in said.items() if name not in {"id", "n", "case"}})
    assert noted[:3] == noted[3:]
    assert {one["type"] for one in noted} == {"transition.denied"}
    assert {tuple(one["why"]) for one in noted} == {("unknown_case",)}


@pytest.mark.parametrize("wanted", ["", "Alma Ek på Storgatan 7, 3 tr, Ån", "x" * 32, "../" * 10, "A" * 32])
def test_what_is_no_case_is_not_repeated_in_the_log(wanted: str) -> None:
    world = World()
    with pytest.raises(Refused, match="unknown_case"):
        world.engine.guide(wanted, actor=KURATOR)
    ((_, row),) = world.store.log(SCHOOL)
    assert "case" not in orjson.loads(row.body)


# ---- digest and languages -------------------------------------------------------------------------------------------


def test_the_digest_is_of_what_was_shown_and_of_nothing_else() -> None:
    world = World()
    case = world.lantern()
    one = world.engine.guide(case, actor=KURATOR)
    world.clock.turn(minutes=3)
    assert world.engine.guide(case, actor=KURATOR).digest == one.digest
    colleague = world.engine.guide(case, actor=COLLEAGUE)
    assert colleague.digest == one.digest
    assert world.engine.guide(case, actor=HEAD).digest != one.digest
    world.take(case, "note", KURATOR, form={"line": "x"})
    assert world.engine.guide(case, actor=KURATOR).digest != one.digest


def test_what_was_on_the_screen_stands_in_the_record_of_the_step() -> None:
    world = World()
    case = world.lantern()
    guide = world.engine.guide(case, actor=KURATOR)
    world.take(case, "note", KURATOR, form={"line": "x"}, seen=guide.digest)
    *_, row = world.store.case_records(SCHOOL, case)
    assert orjson.loads(row.body)["seen"] == guide.digest


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_every_guide_reads_in_both_languages_without_holes(seed: int) -> None:
    player = Player(seed).play(15)
    for organisation, case in player.cases()[:5]:
        for actor in [one for one in ACTORS if one.organisation == organisation][:3]:
            guide = player.world.engine.guide(case, actor=actor)
            texts = {lang: guide.text(lang) for lang in ("sv", "en")}
            assert texts["sv"] != texts["en"]
            for text in texts.values():
                assert not {"{", "}", "None"} & set(text.replace("{", " { ").replace("}", " } ").split())
                assert text.endswith("\n")
            assert orjson.loads(orjson.dumps(guide.json()))["case"] == case


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_the_guide_says_by_when_under_which_law_what_not_and_whom_to_call(lang: Lang) -> None:
    world = World()
    case = world.lantern(leaves="2026-03-02T12:00:00Z")
    guide = world.engine.guide(case, actor=KURATOR)
    text = guide.text(lang)
    (due,) = guide.due
    assert due.critical == "2026-03-02T12:00:00.000000Z"
    assert due.law(lang) in text
    assert "2026-03-02 13:00" in text
    assert guide.never[0](lang) in text
    assert guide.call[0].title(lang) in text
    assert guide.adopted(lang) in text
    late = world.clock.turn(days=4)
    assert late.day == 6
    (due,) = world.engine.guide(case, actor=KURATOR).due
    assert due.passed


def test_a_guide_says_when_the_clock_last_ran() -> None:
    world = World()
    case = world.lantern()
    assert world.engine.guide(case, actor=KURATOR).clock is None
    world.engine.tick(SCHOOL)
    assert world.engine.guide(case, actor=KURATOR).clock == "2026-03-02T08:00:00.000000Z"
    assert "2026-03-02 09:00" in world.engine.guide(case, actor=KURATOR).text("sv")


def test_answers_are_said_in_the_words_of_their_form() -> None:
    world = World()
    case = world.ferry(marks=["up", "dry"], goods=[{"sealed": True}, {"sealed": False}], born="2014-05-05")
    said = {fact.fact: (fact.value("sv"), fact.value("en")) for fact in world.engine.guide(case, actor=MANAGER).facts}
    assert said["cargo.marks"] == ("Upp, Torrt", "Up, Dry")
    assert said["cargo.hidden"] == ("ja", "yes")
    assert said["cargo.arrived"] == ("2026-03-02 08:00", "2026-03-02 08:00")
    assert "2" in said["cargo.goods"][0]
    assert said["cargo.born"] == ("2014-05-05", "2014-05-05")


def test_earlier_runs_about_the_same_person_are_told() -> None:
    world = World()
    for _ in range(2):
        case = world.ferry(goods=[{"sealed": True, "frail": False}])
        able = Actor(
            "s-9", roles={"team_leader"}, unit="barn", organisation=SOCIAL, delegations={"not_open"}, qualified=True
        )
        world.take(case, "scrap", able)
    again = world.ferry()
    facts = {fact.fact: fact.value("sv") for fact in world.engine.guide(again, actor=WORKER).facts}
    assert facts["crossings"] == "2"
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(again, "load", WORKER, form={"tons": 3})
    world.clock.turn(days=366)
    assert "crossings" not in {fact.fact for fact in world.engine.guide(again, actor=WORKER).facts}


# ---- which run ------------------------------------------------------------------------------------------------------


def test_a_step_that_two_runs_have_asks_which_is_meant() -> None:
    world = World()
    case = world.lantern()
    second = world.open("lantern", KURATOR, {"account": "en till"}, case=case)
    with pytest.raises(BadInput, match="which_run"):
        world.take(case, "note", KURATOR, form={"line": "x"})
    assert world.take(case, "note", KURATOR, form={"line": "x"}, run=second.run).run == second.run
    with pytest.raises(NotFound, match="unknown_run"):
        world.take(case, "note", KURATOR, form={"line": "x"}, run="0" * 32)
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3}, run=second.run)
    assert world.take(case, "tell", KURATOR).run == second.run


def test_a_case_is_about_one_person() -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="one_person_a_case"):
        world.open("lantern", KURATOR, {"account": "en annan"}, case=case, person="p-2")
    ferry = world.ferry()
    world.open("ferry", WORKER, {"arrived": "2026-03-02T07:00:00Z", "hidden": "no"}, case=ferry, person="p-2")
    first = next(iter(world.case(ferry, WORKER).runs))
    with pytest.raises(Refused, match="one_person_a_case"):
        world.take(ferry, "own", WORKER, form={"who": "p-9"}, run=first)


def test_a_routine_is_opened_where_it_is_used() -> None:
    world = World()
    with pytest.raises(Refused, match="reasons=organisation"):
        world.open("lantern", LEADER, {"account": "x"})
    with pytest.raises(NotFound, match="unknown_routine"):
        world.open("moonlight", KURATOR, {})
    with pytest.raises(NotFound, match="unknown_organisation"):
        world.open("lantern", Actor("u-1", roles={"school_counsellor"}, unit="x", organisation="moon"), {})
