"""A second person is another person, on every path; guards are judged again when they approve."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.values import Actor

from .plays import Player
from .toys import (
    BOTH,
    COLLEAGUE,
    HEAD,
    KURATOR,
    LEADER,
    MANAGER,
    OTHER,
    SCHOOL,
    SOCIAL,
    TEACHER,
    WORKER,
    Data,
    World,
    toys,
)

LOOK = {"flame": "high", "wind": 3}
REVIEW = {"agrees": True, "note": "sett"}


def proposed(actor: Actor = KURATOR) -> tuple[World, str]:
    world = World()
    case = world.lantern()
    world.take(case, "put_out", actor, form={"why": "den ryker"})
    return world, case


def test_a_proposal_waits_and_moves_nothing_but_the_state() -> None:
    world, case = proposed()
    run = world.run(case, KURATOR)
    assert run.state == "lit.put_out"
    assert run.pending is not None
    assert (run.pending.trigger, run.pending.actor) == ("put_out", KURATOR.id)
    assert "reason.why" not in run.facts
    assert set(run.due) == {"watchful"}


@pytest.mark.parametrize("second", [HEAD, COLLEAGUE])
def test_another_person_approves_and_the_proposed_answers_stand(second: Actor) -> None:
    world, case = proposed()
    world.take(case, "put_out.approve", second)
    run = world.run(case, KURATOR)
    assert (run.state, run.pending) == ("out", None)
    assert run.facts["reason.why"] == "den ryker"
    assert run.due == {}
    assert run.ended is not None


@pytest.mark.parametrize("path", ["put_out.approve", "put_out.reject"])
def test_the_one_who_proposed_neither_approves_nor_rejects(path: str) -> None:
    world, case = proposed()
    form = {"reason": "nej"} if path.endswith("reject") else {}
    with pytest.raises(Refused, match="reasons=same_person"):
        world.take(case, path, KURATOR, form=form)
    assert world.state(case, KURATOR) == "lit.put_out"


def test_the_same_person_with_another_role_is_still_the_same_person() -> None:
    world, case = proposed()
    as_head = Actor(KURATOR.id, roles={"head_teacher"}, unit="ledning", organisation=SCHOOL)
    with pytest.raises(Refused, match="reasons=same_person"):
        world.take(case, "put_out.approve", as_head)
    ferry = world.ferry()
    world.take(ferry, "load", BOTH, form={"tons": 3})
    with pytest.raises(Refused, match="reasons=same_person"):
        world.take(ferry, "load.approve", BOTH)
    assert world.take(ferry, "load.approve", OTHER).state == "light"


def test_a_second_person_needs_the_role() -> None:
    world, case = proposed()
    with pytest.raises(Refused, match="reasons=role"):
        world.take(case, "put_out.approve", TEACHER)


def test_a_no_needs_a_reason_and_leads_back_with_nothing_answered() -> None:
    world, case = proposed()
    with pytest.raises(Refused, match="reasons=missing"):
        world.take(case, "put_out.reject", HEAD)
    world.take(case, "put_out.reject", HEAD, form={"reason": "Låt den brinna."})
    run = world.run(case, KURATOR)
    assert (run.state, run.pending) == ("lit", None)
    assert run.facts["rejection.reason"] == "Låt den brinna."
    assert "reason.why" not in run.facts
    assert set(run.due) == {"watchful"}


def test_a_proposal_can_be_taken_back_and_made_again() -> None:
    world, case = proposed()
    world.take(case, "put_out.withdraw", KURATOR)
    assert world.state(case, KURATOR) == "lit"
    world.take(case, "put_out", COLLEAGUE, form={"why": "nu"})
    world.take(case, "put_out.approve", KURATOR)
    assert world.state(case, KURATOR) == "out"


def test_whoever_approves_gives_no_answers_of_their_own() -> None:
    world, case = proposed()
    with pytest.raises(Refused, match="reasons=unknown_field"):
        world.take(case, "put_out.approve", HEAD, form={"why": "annat"})


def test_a_step_shared_by_states_drops_the_proposal_unless_it_stays() -> None:
    world, case = proposed()
    world.take(case, "note", KURATOR, form={"line": "en rad"})
    assert world.state(case, KURATOR) == "lit.put_out"
    ferry = world.ferry()
    world.take(ferry, "load", WORKER, form={"tons": 3})
    world.take(ferry, "storm", LEADER, form={"seen": "blixt"})
    run = world.run(ferry, WORKER)
    assert (run.state, run.pending) == ("moored", None)
    assert "weigh.tons" not in run.facts
    with pytest.raises(Refused, match="reasons=not_here"):
        world.take(ferry, "load.approve", LEADER)


@pytest.mark.parametrize(("tons", "state"), [(5, "light"), (20, "heavy")])
def test_approval_leads_where_the_proposed_answers_say(tons: int, state: str) -> None:
    world = World()
    ferry = world.ferry()
    world.loaded(ferry, tons=tons)
    assert world.state(ferry, WORKER) == state


def test_guards_are_judged_again_at_approval() -> None:
    world = World()
    ferry = world.ferry()
    world.take(ferry, "load", WORKER, form={"tons": 5})
    world.engine.correct(ferry, {"cargo.goods": [{"sealed": False}]}, reason="fel", actor=LEADER, key=world.key())
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(ferry, "load.approve", LEADER)
    assert world.state(ferry, WORKER) == "moored.load"
    # An exception is the approver's own: they have to make it, in their own words and with their own right.
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(ferry, "load.approve", OTHER)
    assert world.take(ferry, "load.approve", MANAGER, overrides={"sealed": "Brådskar."}).state == "light"


def test_what_is_already_false_is_not_put_to_a_second_person() -> None:
    world = World()
    ferry = world.ferry(goods=[{"sealed": False}])
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(ferry, "load", WORKER, form={"tons": 5})


# ---- afterwards -----------------------------------------------------------------------------------------------------


def test_a_step_that_may_not_wait_is_reviewed_afterwards_by_somebody_else() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "flee", KURATOR)
    run = world.run(case, KURATOR)
    assert run.state == "burning"
    assert run.owed == {"flee.complete": (KURATOR.id,), "flee.review": (KURATOR.id,)}
    assert set(run.due) == {"fill_in"}
    with pytest.raises(Refused, match="reasons=role"):
        world.take(case, "flee.review", KURATOR, form=REVIEW)
    world.take(case, "flee.review", HEAD, form=REVIEW)
    world.take(case, "flee.complete", KURATOR, form=LOOK)
    run = world.run(case, KURATOR)
    assert (run.owed, run.due, run.facts["look.wind"]) == ({}, {}, 3)
    for again in ("flee.review", "flee.complete"):
        with pytest.raises(Refused, match="nothing_owed"):
            world.take(case, again, HEAD, form=REVIEW if again.endswith("review") else LOOK)


def test_a_form_that_was_filled_in_at_once_is_not_owed() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "flee", KURATOR, form=LOOK)
    assert set(world.run(case, KURATOR).owed) == {"flee.review"}


def test_a_review_is_still_owed_after_the_end() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "flee", KURATOR)
    world.take(case, "tell", KURATOR)
    world.received(SOCIAL)
    assert "flee.review" in world.run(case, KURATOR).owed
    assert world.take(case, "flee.review", HEAD, form=REVIEW).state == "told"


def test_nobody_reviews_a_step_they_took_themselves_even_if_others_took_it_after_them() -> None:
    def often(data: dict[str, Data]) -> None:
        flee = data["lantern"]["states"]["lit"]["transitions"]["flee"]
        flee["to"] = "here"
        flee["four_eyes"]["by"] = ["school_counsellor", "head_teacher"]

    world = World(toys(often))
    case = world.lantern()
    for actor in (KURATOR, COLLEAGUE):
        world.take(case, "flee", actor, form=LOOK)
    for doer in (KURATOR, COLLEAGUE):
        with pytest.raises(Refused, match="reasons=same_person"):
            world.take(case, "flee.review", doer, form=REVIEW)
    world.take(case, "flee.review", HEAD, form=REVIEW)
    assert world.run(case, KURATOR).owed == {}


# ---- danger to life -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["moored", "moored.load", "light", "heavy", "sent"])
def test_danger_is_raised_from_any_state_beside_the_run_and_reviewed_afterwards(state: str) -> None:
    world = World()
    ferry = world.ferry()
    if state == "moored.load":
        world.take(ferry, "load", WORKER, form={"tons": 3})
    elif state != "moored":
        world.loaded(ferry, tons=20 if state == "heavy" else 3)
    if state == "sent":
        world.take(ferry, "send", WORKER)
    before = world.run(ferry, WORKER)
    raised = world.take(ferry, "acute", LEADER)
    case = world.case(ferry, WORKER)
    assert case.acute
    assert case.runs[before.id] == before
    alarm = case.runs[raised.run]
    assert (alarm.routine, alarm.state, alarm.person) == ("alarm", "ringing", "p-2")
    assert set(alarm.owed) == {"open.review", "open.complete"}
    with pytest.raises(Refused, match=r"reasons=(role|same_person)"):
        world.take(ferry, "open.review", LEADER, form=REVIEW, run=raised.run)
    world.take(ferry, "open.review", MANAGER, form=REVIEW, run=raised.run)
    world.take(ferry, "open.complete", LEADER, form={"what": "en storm"}, run=raised.run)
    world.take(ferry, "silence", LEADER)
    assert world.case(ferry, WORKER).acute
    replay = world.engine.replay(ferry, actor=WORKER)
    assert replay.sound
    assert not replay.faults


def test_after_the_end_there_is_nothing_to_interrupt() -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="unknown_step"):
        world.take(case, "acute", KURATOR)


def test_who_may_raise_the_alarm_is_for_the_running_routine_to_say() -> None:
    def narrow(data: dict[str, Data]) -> None:
        data["ferry"]["acute"]["by"] = ["team_leader"]
        data["alarm"]["open"]["by"] = ["unit_manager"]

    world = World(toys(narrow))
    ferry = world.ferry()
    for actor, may in ((WORKER, False), (MANAGER, False), (LEADER, True)):
        assert world.engine.explain(ferry, "acute", actor=actor).allowed is may
        if not may:
            with pytest.raises(Refused, match="reasons=role"):
                world.take(ferry, "acute", actor)
    assert world.take(ferry, "acute", LEADER).state == "ringing"
    assert world.engine.replay(ferry, actor=LEADER).sound


# ---- on every path --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_in_no_play_does_anybody_approve_reject_or_review_what_they_did(seed: int) -> None:
    player = Player(seed).play(40)
    for organisation, case in player.cases():
        doers: dict[tuple[str, str], set[str]] = {}
        for head in player.heads(organisation, case):
            run, base = head["run"], head.get("trg", "").partition(".")[0]
            match head.get("step"):
                case "propose":
                    doers[run, base] = {head["actor"]}
                case "approve" | "reject" | "review":
                    assert head["actor"] not in doers.get((run, base), set())
                case _:
                    if f"{base}.review" in head.get("owed", ()):
                        doers.setdefault((run, base), set()).add(head["actor"])
            if f"{base}.review" in head.get("paid", ()):
                doers.pop((run, base), None)
