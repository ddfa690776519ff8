"""The coordinated individual plan (SIP) at both principals, and what must never happen in it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing.people import open_to_all
from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor, Run
from stegvis.routines.library import shipped
from stegvis.routines.rules import Rules

from ..often import often

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SOCIAL, REGION = "socialtjanst", "region"
WORKER = Actor("s-1", roles={"social_worker"}, unit="vuxen", organisation=SOCIAL)
INTAKE = Actor("s-2", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
NURSE = Actor("h-1", roles={"health_professional"}, unit="vardcentral", organisation=REGION)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=STOCKHOLM)
FEAR = "Min bror läser posten"

NEED: dict[str, Any] = {
    "way": "judged",
    "about": "exposed",
    "proposed_by": "own_staff",
    "judged_by": "municipality",
    "judgement": "needed",
    "municipality_needs": "Stöd",
    "region_needs": "Behandling",
    "assessment": "Hjälpen dras åt olika håll",
    "protected_identity": "no",
}
LIVE = ("preparing", "called_out", "summoning", "summoned", "planning", "proposed", "in_force", "taking_part")


def plan() -> Rules:
    return shipped().routine("coordinated_plan", MONDAY.date())


class Story:
    """One person's plan at two principals, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = MONDAY
        self.engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: self.now)
        self.keys = 0
        self.id = self.engine.open("coordinated_plan", actor=WORKER, form=NEED, person="p-1", key="k-0").id

    def take(self, step: str, actor: Actor = WORKER, case: str | None = None, **form: Any) -> str:
        """Take a step; the state it leads to."""
        self.now += timedelta(minutes=1)
        self.keys += 1
        key = f"k-{self.keys}"
        return self.engine.take(case or self.id, step, actor=actor, key=key, form=form or None).state

    def no(self, step: str, actor: Actor = WORKER, case: str | None = None, **form: Any) -> set[str]:
        """Be refused; the guards by name, the other reasons by code."""
        with pytest.raises(Refused) as refused:
            self.take(step, actor, case, **form)
        assert all(one.text("sv") and one.remedy("sv") and one.text("en") for one in refused.value.reasons)
        return {str(one.about) if one.code in {"guard", "not_known"} else one.code for one in refused.value.reasons}

    def run(self, actor: Actor = WORKER, case: str | None = None) -> Run:
        runs = self.engine.case(case or self.id, actor=actor).runs.values()
        return next(run for run in runs if run.routine == "coordinated_plan")

    def deliver(self) -> None:
        self.engine.deliver(SOCIAL)
        self.engine.deliver(REGION)

    # ---- on the way

    def asked(self) -> "Story":
        self.take("ask_alone", **talk(self.now))
        return self

    def consented(self, **changed: Any) -> "Story":
        self.asked().take("consent", **consent(self.now, **changed))
        return self

    def called(self) -> str:
        """Consented, and the region called: the region's case."""
        self.consented().take("call_region", identity="En person", question="Samla hjälpen", reach="Enheten")
        self.deliver()
        (case,) = self.engine.store.cases(REGION)
        return case

    def prepared(self) -> "Story":
        self.take("set_channel", **channel(self.now))
        self.take("decide_relatives", persons=[], at=self.now)
        return self

    def summoned(self) -> "Story":
        self.consented().prepared()
        self.take("plan_meeting", **meeting_plan(self.now))
        self.take("summon_person", channel="school", reached=True, at=self.now)
        return self

    def in_force(self) -> "tuple[Story, str]":
        case = self.called()
        self.take("accept", NURSE, case, contact="h-1", person="p-7", bias="none", reach="Kurator")
        self.prepared().take("plan_meeting", **meeting_plan(self.now))
        self.take("summon_person", channel="school", reached=True, at=self.now)
        self.take("hold_meeting", **meeting(self.now))
        self.take("write_plan", **written(self.now))
        self.deliver()
        assert self.take("answer_plan", NURSE, case, says="agree", at=self.now + timedelta(minutes=1)) == "in_force"
        self.deliver()
        assert self.take("take_effect", how="reply", by_whom="Kuratorn") == "in_force"
        return self, case


def talk(at: datetime, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "alone": True,
        "interpreter": "none_needed",
        "told": True,
        "understood": "Sa det själv",
        "words": "Ja gärna",
    }
    return {**told, "fears": FEAR, "at": at, **changed}


def consent(at: datetime, **changed: Any) -> dict[str, Any]:
    return {
        "asked_alone": True,
        "born": "1999-05-04",
        "given_by": "person",
        "maturity": "adult",
        "reading": "adult_own",
        "covers": ["needs"],
        "with_whom": ["region"],
        "until": "2026-09-30",
        "how": "spoken",
        "at": at,
        **changed,
    }


def channel(at: datetime, **changed: Any) -> dict[str, Any]:
    return {"way": "school", "chosen_alone": True, "in_plan": True, "traces_off": True, "at": at, **changed}


def meeting_plan(at: datetime) -> dict[str, Any]:
    place: dict[str, Any] = {"place": "Biblioteket", "place_safe": True, "interpreter": "none_needed"}
    return {"other": "phone", "at": at + timedelta(days=7), **place}


def meeting(at: datetime, **changed: Any) -> dict[str, Any]:
    return {"person": "present", "uninvited": "nobody", "interpreter": "none_needed", "at": at, **changed}


def written(at: datetime, **changed: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "needed": "Stöd",
        "municipality": "Vi",
        "region": "De",
        "others": "Ingen",
        "lead": "municipality",
    }
    more: dict[str, Any] = {
        "aim": "Lugn",
        "person_heard": True,
        "copy": "read_here",
        "follow_up": at + timedelta(days=60),
        "at": at,
    }
    return {**parts, **more, **changed}


def relative(person: str, **changed: str) -> dict[str, str]:
    row = {"person": person, "relation": "sibling", "wants": "wants", "suspected": "no", "decision": "may_attend"}
    return {**row, "reason": "Prövad", **changed}


# ---- consent -------------------------------------------------------------------------------------------------------


def test_nothing_reaches_the_other_principal_before_there_is_a_consent() -> None:
    story = Story()
    for state in ("asking", "consenting", "declined", "without_plan"):
        assert not any(move.step.handoff is not None for move in plan().moves[state].values())
    story.asked()
    assert story.no("call_region", identity="En person", question="Hjälp", reach="Enheten") == {"not_here"}
    assert story.engine.store.outbox(SOCIAL) == []


@often(60)
@given(
    years=st.integers(5, 40),
    by=st.sampled_from(["person", "appointed", "guardian"]),
    maturity=st.sampled_from(["adult", "mature", "not_mature"]),
    wants=st.sampled_from(["wants", "does_not_mind", "against"]),
    may=st.booleans(),
)
def test_who_can_consent_is_written_out_cell_by_cell(
    *, years: int, by: str, maturity: str, wants: str, may: bool
) -> None:
    story = Story().asked()
    agreed = by == "guardian" and may
    if agreed:
        asked: dict[str, Any] = {
            "contact_open": True,
            "suspected": "no",
            "child_knows": True,
            "agrees": True,
            "at": story.now,
        }
        story.take("ask_guardian", guardian="p-2", **asked)
    form = consent(story.now, born=f"{2026 - years}-01-15", given_by=by, maturity=maturity)
    form |= {"maturity_why": "Talade själv"} if maturity != "adult" else {}
    form |= {"child_wants": wants} if by == "guardian" else {"appointed_may": may} if by == "appointed" else {}
    adult, own_child = years >= 18, 12 <= years < 18
    allowed = (
        (by == "person" and ((adult and maturity == "adult") or (own_child and maturity == "mature")))
        or (by == "appointed" and adult and may)
        or (by == "guardian" and not adult and agreed and wants != "against")
    )
    if allowed:
        assert story.take("consent", **form) == "preparing"
    else:
        assert story.no("consent", **form) == {"may_consent"}


def test_a_guardian_is_never_asked_while_contact_is_closed_or_the_guardian_may_be_part_of_the_threat() -> None:
    story = Story()
    asked: dict[str, Any] = {"guardian": "p-2", "child_knows": True, "agrees": True, "at": MONDAY}
    assert story.no("ask_guardian", contact_open=True, suspected="no", **asked) == {"not_here"}
    story.asked()
    assert story.no("ask_guardian", contact_open=False, suspected="no", **asked) == {"contact_open"}
    for suspected in ("yes", "unknown"):
        assert story.no("ask_guardian", contact_open=True, suspected=suspected, **asked) == {"not_suspected"}


def test_a_consent_is_for_one_principal_and_for_a_day_that_lies_ahead() -> None:
    story = Story().asked()
    assert story.no("consent", **consent(story.now, until="2026-03-01")) == {"until_ahead"}
    story.take("consent", **consent(story.now, with_whom=["school"]))
    assert story.no("call_region", identity="En", question="Hjälp", reach="Vi") == {"consent_covers_region"}


def test_the_consent_ends_by_itself_with_both_and_nothing_more_is_sent() -> None:
    story, theirs = Story().in_force()
    story.now = datetime(2026, 9, 30, 23, 0, tzinfo=STOCKHOLM)
    story.engine.tick(SOCIAL)
    assert story.run().state == "in_force"
    story.now = datetime(2026, 10, 1, 0, 1, tzinfo=STOCKHOLM)
    story.engine.tick(SOCIAL)
    story.engine.tick(REGION)
    assert (story.run().state, story.run(NURSE, theirs).state) == ("stopped", "stopped")
    assert story.engine.store.outbox(SOCIAL) == story.engine.store.outbox(REGION) == []


@pytest.mark.parametrize("state", LIVE)
def test_whoever_hears_it_notes_a_withdrawal_at_once_in_every_state_and_nothing_stands_in_the_way(state: str) -> None:
    move = plan().moves[state]["withdraw_consent"]
    assert (move.guards, move.targets, move.step.four_eyes, move.step.delegation) == ((), ("stopped",), None, None)
    assert move.by == {"everyone"}


def test_a_withdrawal_with_one_stops_the_sharing_with_the_other() -> None:
    story, theirs = Story().in_force()
    story.take("withdraw_consent", NURSE, theirs, stops="everything", at=story.now)
    story.deliver()
    sharing: dict[str, Any] = {
        "alone": True,
        "still_consents": True,
        "done": "all",
        "how_is_it": "Bra",
        "safer": "same",
    }
    told: dict[str, Any] = {**sharing, "next": story.now + timedelta(days=30), "at": story.now}
    assert story.no("follow_up", **told) == {"may_share"}
    assert story.no("call_again", why="Mer hjälp") == {"may_share"}
    assert story.take("stop_sharing") == "stopped"


def test_after_a_withdrawal_no_step_shares_anything() -> None:
    moves = plan().moves["stopped"].values()
    assert not [move.trigger for move in moves if move.step.reply is not None or move.step.handoff is not None]


def test_the_called_does_not_go_on_by_an_old_consent() -> None:
    story, theirs = Story().in_force()
    story.take("renew_consent", **consent(story.now, until="2026-08-31"))
    story.deliver()
    story.take("withdraw_consent", NURSE, theirs, stops="everything", at=story.now)
    assert story.no("resume", NURSE, theirs) == {"new_consent_came"}


# ---- relatives, summons, meeting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"suspected": "yes"}, "nobody_suspected"),
        ({"suspected": "unknown"}, "nobody_suspected"),
        ({"wants": "against"}, "person_agrees"),
        ({"wants": "not_asked", "decision": "stay_out"}, "asked_first"),
    ],
)
def test_the_answer_about_a_relative_is_no_until_all_speaks_for_yes(changed: dict[str, str], why: str) -> None:
    story = Story().consented()
    rows = [relative("p-2"), relative("p-3", **changed)]
    assert story.no("decide_relatives", persons=rows, at=story.now) == {why}


def test_no_relative_is_invited_without_a_decision_about_that_very_person_that_still_holds() -> None:
    story = Story().summoned()
    invite: dict[str, Any] = {"person": "p-2", "person_knows": True, "at": story.now}
    assert story.no("invite_relative", **invite) == {"decided_yes"}
    both = [relative("p-2"), relative("p-2", decision="stay_out"), relative("p-3")]
    story.take("decide_relatives", persons=both, at=story.now)
    assert story.no("invite_relative", **invite) == {"decided_yes"}
    story.take("decide_relatives", persons=[relative("p-2")], at=story.now)
    story.take("facts_changed", what="Hon bor hos honom", noticed_at=story.now)
    assert story.no("invite_relative", **invite) == {"still_judged"}
    story.take("decide_relatives", persons=[relative("p-2")], at=story.now)
    assert story.take("invite_relative", **invite) == "summoned"


@pytest.mark.parametrize("way", ["phone", "letter", "in_person", "support_person", "care_visit"])
def test_a_summons_goes_the_way_the_person_chose_and_no_other(way: str) -> None:
    story = Story().consented().prepared()
    story.take("plan_meeting", **meeting_plan(story.now))
    assert story.no("summon_person", channel=way, reached=True, at=story.now) == {"agreed_channel"}


def test_never_a_letter_home_by_default() -> None:
    story = Story().consented()
    assert story.no("set_channel", **channel(story.now, way="letter", mail_alone=False)) == {"no_letter_home"}
    assert "missing" in story.no("set_channel", **channel(story.now, way="letter"))
    assert story.take("set_channel", **channel(story.now, way="letter", mail_alone=True)) == "preparing"


@pytest.mark.parametrize("guest", ["relative", "perpetrator", "other"])
def test_a_meeting_with_an_uninvited_guest_is_no_meeting_and_nobody_may_step_over_that(guest: str) -> None:
    story = Story().summoned()
    assert story.no("hold_meeting", **meeting(story.now, uninvited=guest)) == {"nobody_uninvited"}
    guards = {one.guard.id: one.guard.override for one in plan().moves["summoned"]["hold_meeting"].guards}
    assert {name for name, override in guards.items() if override is not None} == {"with_the_person"}
    assert story.take("stop_meeting", why="uninvited", person_safe=True) == "preparing"


def test_relatives_never_interpret() -> None:
    story = Story()
    assert story.no("ask_alone", **talk(story.now, interpreter="family")) == {"free_interpreter"}
    story.summoned()
    assert story.no("hold_meeting", **meeting(story.now, interpreter="family")) == {"free_interpreter"}


# ---- the plan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["needed", "municipality", "region", "others", "lead"])
def test_a_plan_without_one_of_the_parts_that_the_law_asks_for_is_no_plan(part: str) -> None:
    story = Story().summoned()
    story.take("hold_meeting", **meeting(story.now))
    form = written(story.now)
    del form[part]
    assert story.no("write_plan", **form) == {"missing"}


def test_no_copy_of_the_plan_goes_home() -> None:
    story = Story().summoned()
    story.take("hold_meeting", **meeting(story.now))
    assert story.no("write_plan", **written(story.now, copy="sent_home")) == {"copy_safe"}


def test_a_yes_to_an_earlier_plan_is_no_yes_to_this_one() -> None:
    story = Story()
    case = story.called()
    story.take("accept", NURSE, case, contact="h-1", person="p-7", bias="none", reach="Kurator")
    story.prepared().take("plan_meeting", **meeting_plan(story.now))
    story.take("summon_person", channel="school", reached=True, at=story.now)
    story.take("hold_meeting", **meeting(story.now))
    story.take("write_plan", **written(story.now))
    story.deliver()
    story.take("answer_plan", NURSE, case, says="agree", at=story.now + timedelta(minutes=1))
    story.deliver()
    story.take("write_plan", **written(story.now + timedelta(minutes=1), region="Något helt annat"))
    assert story.no("take_effect", how="reply", by_whom="Kuratorn") == {"both_agree"}


def test_both_hold_the_same_plan() -> None:
    story, theirs = Story().in_force()
    ours, mirrored = story.run().facts, story.run(NURSE, theirs).facts
    for part in ("needed", "municipality", "region", "others", "lead", "follow_up"):
        assert ours[f"plan.{part}"] == mirrored[f"handed.{part}"]
    assert story.run().due["first_follow_up"].shown == story.run(NURSE, theirs).due["first_follow_up_here"].shown


def test_what_the_person_said_alone_and_about_the_family_never_crosses() -> None:
    story, theirs = Story().in_force()
    carried: set[str] = set()
    for moves in plan().moves.values():
        for move in moves.values():
            for sent in (move.step.handoff, move.step.reply):
                carried |= set(sent.carries.values()) if sent is not None else set()
    forms = {fact.partition(".")[0] for fact in carried}
    assert not forms & {
        "talk",
        "thinking",
        "refusal",
        "unsafe",
        "guardian_asked",
        "relatives",
        "invitation",
        "channel",
        "change",
    }
    assert FEAR not in str(story.run(NURSE, theirs).facts)


# ---- whose case ------------------------------------------------------------------------------------------------------


def opened(**changed: Any) -> set[str]:
    engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: MONDAY)
    try:
        engine.open("coordinated_plan", actor=WORKER, form={**NEED, **changed}, person="p-1", key="k-1")
    except Refused as no:
        return {str(one.about) for one in no.reasons if one.code == "guard"}
    return set()


@pytest.mark.parametrize("about", ["perpetrator", "both"])
def test_a_perpetrators_plan_stands_in_a_case_of_its_own_once_the_exposed_persons_worker_has_said_it_is_safe(
    about: str,
) -> None:
    assert opened(about=about, own_case=False, other_safe=True) == {"own_case"}
    assert opened(about=about, own_case=True, other_safe=False) == {"other_safe"}
    assert opened(about=about, own_case=True, other_safe=True) == set()


def test_the_called_principal_cannot_refuse_to_take_part() -> None:
    steps: Mapping[str, Any] = plan().moves["called"]
    assert {name for name, move in steps.items() if set(move.targets) != {"called"}} == {"accept", "hand_back"}
    story = Story()
    case = story.called()
    assert story.no("hand_back", NURSE, case, rang=False) == {"rang", "missing"}


def test_a_call_that_came_by_phone_is_taken_down_by_hand() -> None:
    engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: MONDAY)
    form: dict[str, Any] = {
        "way": "called",
        "about": "exposed",
        "judged_by": "region",
        "protected_identity": "unknown",
        "received_at": MONDAY - timedelta(hours=2),
        "identity": "En person",
        "question": "Samla hjälpen",
        "sender_reach": "Kuratorn",
        "consent_covers": ["needs"],
        "consent_until": "2026-06-30",
        "consent_by": "person",
    }
    told = engine.open("coordinated_plan", actor=INTAKE, form=form, person="p-1", key="k-1")
    assert told.state == "called"


def test_no_principal_waits_for_the_other_to_agree_that_a_plan_is_needed() -> None:
    story = Story()
    assert story.run().state == "asking"
    assert not [name for name in plan().routine.forms["need"].fields if "agree" in name]


def test_danger_to_life_opens_from_every_state_of_both_and_leaves_the_plan_where_it_is() -> None:
    going = [name for name, spot in plan().spots.items() if not spot.ends]
    assert all("acute" in plan().moves[state] for state in going)
    story, theirs = Story().in_force()
    story.take("acute", NURSE, theirs)
    case = story.engine.case(theirs, actor=NURSE)
    assert {run.routine: run.state for run in case.runs.values()} == {
        "coordinated_plan": "in_force",
        "acute": "calling",
    }


def test_no_living_state_is_left_without_a_limit() -> None:
    """A no that nobody follows up, or an answer that nobody writes down, must not lie there unseen."""
    for judgement in ("one_enough", "not_now"):
        engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: MONDAY)
        form = {**NEED, "judgement": judgement}
        told = engine.open("coordinated_plan", actor=WORKER, form=form, person="p-1", key="k-1")
        (run,) = engine.case(told.id, actor=WORKER).runs.values()
        assert (run.state, set(run.due)) == ("without_plan", {"after_no"})
    assert set(Story().asked().run().due) == {"answer_noted"}
    story, theirs = Story().in_force()
    assert {"first_follow_up", "consent_ends"} == set(story.run().due)
    assert {"first_follow_up_here", "consent_ends_here"} == set(story.run(NURSE, theirs).due)
