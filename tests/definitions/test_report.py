"""Receiving a report (ta emot en orosanmälan), played through the engine by people, on a clock that stands still."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.guide import Guide
from stegvis.engine.instants import moment_of
from stegvis.engine.values import Actor, Message, Run
from stegvis.routines.errors import Stale
from stegvis.routines.form import Value
from stegvis.routines.library import shipped

from ..often import often

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OURS = "socialtjanst"
POWERS = {
    "assess_protection",
    "open_investigation",
    "not_open",
    "prolong_preliminary",
    "attach",
    "defer_notice",
    "contact_decision",
    "talk_with_child",
    "feedback",
    "police_report",
    "assign",
    "close_investigation",
}


def officer(name: str, *roles: str, powers: set[str] | None = None, qualified: bool = True) -> Actor:
    return Actor(
        name,
        roles=set(roles),
        unit="mottagning",
        organisation=OURS,
        delegations=POWERS if powers is None else powers,
        qualified=qualified,
    )


INTAKE = officer("s-intake", "intake_worker", powers={"assess_protection", "feedback"}, qualified=False)
SOCIAL = officer("s-social", "social_worker")
OTHER = officer("s-other", "social_worker")
LEADER = officer("s-leader", "team_leader")
MANAGER = officer("s-manager", "unit_manager")
NIGHT = officer("s-night", "out_of_hours")
CHILD, MOTHER, FATHER = "p-child", "p-mother", "p-father"

CALL: Mapping[str, object] = {
    "whereabouts": "På skolan hos kuratorn",
    "account": "Hon säger att brodern slår henne",
    "about": "child",
    "duty": "duty_19_1",
    "reporter_danger": "no",
    "reporter_known": "yes",
    "reporter": "Kuratorn Kim",
    "protected_identity": "unknown",
    "channel": "phone",
}
CALM: Mapping[str, object] = {"need": "none", "violence": "no", "tonight": "Hos mormor", "reasons": "Samtal med skolan"}
CHILD_QUESTIONS: Mapping[str, object] = {
    "child_said": "Hon vill inte hem",
    "child_told": "Att vi utreder",
    "child_best": "Att vi utreder nu",
    "weighing": "only",
}
OPENING: Mapping[str, object] = {
    "ground": "action",
    "decision_text": "Utredning inleds.",
    "assessment": "Oro för kontroll",
    **CHILD_QUESTIONS,
}
NOT_OPENING: Mapping[str, object] = {
    "decision_text": "Utredning inleds inte.",
    "reason": "not_action",
    "assessment": "Ett missförstånd",
    **CHILD_QUESTIONS,
}


def local(text: str) -> datetime:
    """A moment on the Swedish clock."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


def shown(instant: str | None) -> str:
    """A stored instant on the Swedish clock, to the minute."""
    assert instant is not None
    return f"{moment_of(instant).astimezone(STOCKHOLM):%Y-%m-%d %H:%M}"


class Desk:
    """The intake desk: one engine, one clock, and the case at hand."""

    def __init__(self, at: str = "2026-03-10 10:00", *, store: MemoryStore | None = None) -> None:
        self.now = local(at)
        self.engine = Engine(shipped(), store or MemoryStore(), clock=lambda: self.now)
        self.keys = (f"k-{number}" for number in count())
        self.case = ""

    def at(self, text: str) -> None:
        self.now = local(text)

    def later(self, **time: int) -> None:
        self.now += timedelta(**time)

    def receive(self, actor: Actor = INTAKE, /, **answers: object) -> Receipt:
        form = {**CALL, "received_at": self.now, **answers}
        receipt = self.engine.open("report", actor=actor, form=form, key=next(self.keys))
        self.case = receipt.id
        return receipt

    def do(self, step: str, actor: Actor = SOCIAL, /, **answers: object) -> str:
        run = self.where(step)
        return self.engine.take(self.case, step, actor=actor, form=answers, run=run, key=next(self.keys)).state

    def refusal(self, step: str, actor: Actor = SOCIAL, /, **answers: object) -> set[str]:
        """What refuses the step: the ids of guards, the codes of the rest."""
        answer = self.engine.explain(self.case, step, actor=actor, form=answers, run=self.where(step))
        with pytest.raises(Refused) as no:
            self.do(step, actor, **answers)
        assert [one.code for one in no.value.reasons] == [one.code for one in answer.reasons]
        assert all(one.text("sv") and one.remedy("sv") for one in no.value.reasons)
        return {one.about if one.code in {"guard", "not_known"} and one.about else one.code for one in no.value.reasons}

    def run(self) -> Run:
        return next(iter(self.engine.case(self.case, actor=LEADER).runs.values()))

    def where(self, step: str) -> str | None:
        """The report's own run, for steps that the investigation beside it has too."""
        run = self.run()
        moves = shipped().routine("report", self.now.date()).moves
        return run.id if any(step in there for there in moves.values()) else None

    def begun(self) -> Run:
        (run,) = (
            one for one in self.engine.case(self.case, actor=LEADER).runs.values() if one.routine == "investigation"
        )
        return run

    def due(self) -> dict[str, str]:
        return {name: shown(due.shown) for name, due in self.run().due.items()}

    def guide(self, actor: Actor = SOCIAL) -> Guide:
        return self.engine.guide(self.case, actor=actor, run=self.run().id)

    def register(self, actor: Actor = INTAKE, /, **answers: object) -> str:
        form: dict[str, object] = {
            "child": CHILD,
            "number": "2026-17",
            "earlier": "none",
            "children": [],
            "born": "2011-05-05",
            **answers,
        }
        return self.do("register", actor, **{name: value for name, value in form.items() if value is not None})

    def assess(self, actor: Actor = INTAKE, step: str = "assess_protection", /, **answers: object) -> str:
        return self.do(step, actor, **{**CALM, "at": self.now, **answers})

    def intake(self, **answers: object) -> "Desk":
        """As far as a preliminary assessment."""
        self.receive(**answers)
        assert self.assess() == "preliminary"
        self.register()
        return self

    def police(self) -> None:
        self.do("decide_police", decision="no_crime", reasons="Inget tyder på brott")

    def contact(self, *rows: Mapping[str, object], sender: str = "closed") -> None:
        self.do(
            "decide_contact",
            persons=list(rows),
            sender=sender,
            may_say="Att vi hör av oss",
            by_whom="Socialtjänsten",
            reasons="Vägt",
        )

    def investigation(self) -> "Desk":
        """As far as an investigation with an investigator."""
        self.intake()
        assert self.do("open_investigation", **OPENING) == "investigating"
        assert self.do("assign", LEADER, investigator=SOCIAL.id, conflict="none") == "assigned"
        return self


def closed(person: str) -> Mapping[str, object]:
    return {"person": person, "role": "guardian", "decision": "closed", "by_whom": "nobody", "after": "not_open"}


def opened(person: str, desk: Desk) -> Mapping[str, object]:
    return {
        "person": person,
        "role": "guardian",
        "decision": "open",
        "by_whom": "social_worker",
        "after": "child_heard",
        "on": desk.now + timedelta(hours=2),
        "place": "Socialkontoret",
        "may_say": "Att en utredning är inledd",
    }


def talk(person: str, **answers: object) -> Mapping[str, object]:
    return {
        "guardian": person,
        "channel": "in_person",
        "after_done": True,
        "interpreter": "outside_network",
        "said": "Planerat",
        **answers,
    }


# ---- the whole way ------------------------------------------------------------------------------------------------


def test_a_report_becomes_an_investigation_with_an_investigator_and_everybody_told() -> None:
    desk = Desk()
    desk.receive()
    assert desk.assess() == "preliminary"
    desk.register()
    assert desk.do("inquire", INTAKE, source="reporter", found="Samma uppgifter") == "preliminary"
    assert desk.do("open_investigation", **OPENING) == "investigating"
    assert desk.run().holder is None
    assert desk.do("assign", LEADER, investigator=SOCIAL.id, conflict="none") == "assigned"
    assert desk.run().holder == SOCIAL.id
    desk.police()
    desk.contact(opened(MOTHER, desk))
    desk.do("notify_guardian", person=MOTHER, channel="in_person", left="nobody", said="Lugnt samtal")
    assert desk.do("hand_over") == "in_investigation"
    assert desk.run().ended is not None
    # intake is settled, and the four months go on where they always were: in the investigation
    assert desk.due() == {}
    investigation = desk.begun()
    assert (investigation.state, investigation.holder) == ("gathering", SOCIAL.id)
    assert shown(investigation.due["investigation"].shown) == "2026-06-10 23:59"


def test_the_time_runs_from_receipt_and_not_from_registration() -> None:
    desk = Desk("2026-03-12 09:00")
    desk.receive(channel="voicemail", received_at=local("2026-03-10 10:00"))
    assert desk.due() == {
        "protection": "2026-03-10 23:59",
        "registration": "2026-03-11 23:59",
        "preliminary": "2026-03-20 23:59",
    }
    assert shown(desk.run().due["preliminary"].legal) == "2026-03-24 23:59"
    desk.register()
    assert desk.due()["preliminary"] == "2026-03-20 23:59"


@pytest.mark.parametrize(
    "channel", ["phone", "voicemail", "email", "letter", "visit", "digital", "out_of_hours", "own_observation"]
)
def test_every_channel_is_received_alike(channel: str) -> None:
    desk = Desk()
    assert desk.receive(NIGHT, channel=channel).state == "received"
    assert desk.due()["preliminary"] == "2026-03-20 23:59"


def test_the_night_before_summer_time_keeps_the_date_and_not_the_number_of_hours() -> None:
    desk = Desk("2026-03-28 23:50")
    desk.receive(NIGHT, channel="out_of_hours")
    protection = desk.run().due["protection"]
    # the clock jumps at two: the 29th is an hour short, and still ends at midnight
    assert shown(protection.internal) == "2026-03-29 23:59"
    assert shown(protection.legal) == "2026-03-29 23:59"
    assert moment_of(protection.internal) - desk.now < timedelta(hours=23, minutes=10)
    assert shown(desk.run().due["preliminary"].legal) == "2026-04-11 23:59"


def test_a_plane_that_leaves_before_the_limit_in_law_sets_the_time() -> None:
    desk = Desk("2026-06-11 15:30")
    desk.receive(travel=True, travel_at=local("2026-06-11 22:40"), whereabouts_change=local("2026-06-11 18:00"))
    assert desk.due()["protection"] == "2026-06-11 18:00"
    assert desk.due()["protection_before_travel"] == "2026-06-11 22:40"
    desk.at("2026-06-11 17:31")
    assert desk.engine.tick(OURS) == 1
    assert desk.run().due["protection"].reminded == 2
    desk.assess()
    assert not {"protection", "protection_before_travel"} & set(desk.due())


def test_a_step_after_the_new_act_in_a_case_opened_before_cites_the_new_act() -> None:
    desk = Desk("2025-06-27 10:00")
    desk.intake()
    before = next(one for one in desk.guide().actions if one.trigger == "open_investigation")
    assert "SoL (2001:453)" in before.law[0].sv
    desk.at("2025-07-02 10:00")
    after = next(one for one in desk.guide().actions if one.trigger == "open_investigation")
    assert after.law[0].sv == "14 kap. 2 § SoL (2025:400)"
    desk.do("open_investigation", **OPENING)
    assert shown(desk.begun().due["investigation"].legal) == "2025-11-02 23:59"


# ---- protection ---------------------------------------------------------------------------------------------------


def test_suspected_violence_against_a_child_leaves_no_preliminary_assessment() -> None:
    desk = Desk()
    desk.receive()
    assert desk.assess(violence="suspected") == "open_now"
    desk.register()
    assert desk.due()["open_now"] == "2026-03-10 23:59"
    assert desk.refusal("not_open", **NOT_OPENING) == {"not_here"}
    assert desk.refusal("prolong_preliminary", reason="child_unreachable", until="2026-04-10", assessment="x") == {
        "not_here"
    }
    assert desk.do("open_investigation", **{**OPENING, "ground": "violence"}) == "investigating"


def test_somebody_of_eighteen_to_twenty_gets_a_preliminary_assessment() -> None:
    desk = Desk()
    desk.receive(about="young")
    assert desk.assess(violence="witnessed") == "preliminary"
    desk.register(born="2007-02-01")
    assert desk.do("open_investigation", **OPENING) == "investigating"


def test_a_birth_date_beats_what_was_said_on_the_telephone() -> None:
    desk = Desk()
    desk.receive(about="young")
    desk.register(born="2011-05-05")
    assert desk.assess(violence="suspected") == "open_now"


@often(60)
@given(
    born=st.one_of(st.none(), st.dates(date(2003, 1, 1), date(2026, 3, 10))),
    about=st.sampled_from(["child", "young", "unsure"]),
    violence=st.sampled_from(["suspected", "witnessed", "unclear", "no"]),
)
def test_violence_and_being_a_child_decide_alone_and_doubt_counts_as_a_child(
    born: date | None, about: str, violence: str
) -> None:
    desk = Desk("2026-03-10 10:00")
    desk.receive(about=about)
    desk.register(born=None if born is None else born.isoformat())
    child = about != "young" if born is None else (born.year + 18, born.month, born.day) > (2026, 3, 10)
    expected = "open_now" if child and violence in {"suspected", "witnessed"} else "preliminary"
    assert desk.assess(violence=violence) == expected


def test_new_facts_ask_for_a_new_assessment_before_anything_is_decided() -> None:
    desk = Desk().intake()
    desk.later(hours=1)
    assert (
        desk.do(
            "facts_changed",
            INTAKE,
            what="Brodern hämtar henne",
            noticed_at=desk.now,
            whereabouts_change=local("2026-03-10 12:15"),
        )
        == "received"
    )
    assert desk.due()["protection_again"] == "2026-03-10 12:15"
    desk.later(minutes=10)
    assert desk.do("facts_changed", INTAKE, what="Hon är kvar", noticed_at=desk.now) == "received"
    assert desk.due()["protection_again"] == "2026-03-10 23:59"
    desk.later(minutes=5)
    assert desk.assess() == "preliminary"
    assert "protection_again" not in desk.due()


def test_an_assessment_from_before_the_news_does_not_carry_a_decision() -> None:
    desk = Desk().investigation()
    desk.later(hours=1)
    desk.do("facts_changed_later", what="Syskonen vet", noticed_at=desk.now)
    assert desk.refusal(
        "decide_contact", persons=[closed(MOTHER)], sender="closed", may_say="Inget", by_whom="Ingen", reasons="x"
    ) == {"assessed_now"}
    desk.assess(SOCIAL, "assess_again")
    desk.contact(closed(MOTHER))


def test_an_emergency_act_waits_for_nobody_and_is_written_up_and_reviewed_afterwards() -> None:
    desk = Desk("2026-03-13 23:30")
    desk.receive(NIGHT)
    assert desk.assess(NIGHT, need="now", violence="suspected") == "protecting"
    assert desk.due()["made_safe"] == "2026-03-14 01:30"
    assert desk.refusal("emergency", NIGHT, safe_now=True) == {"act_taken"}
    assert desk.refusal("emergency", NIGHT, acts=["no_act"], safe_now=True) == {"act_taken"}
    assert desk.do("emergency", NIGHT, acts=["police", "lvu_6"], safe_now=True) == "open_now"
    due = desk.due()
    assert due["emergency_whole"] == "2026-03-14 23:30"
    assert due["emergency_review"] == "2026-03-14 23:59"
    assert shown(desk.run().due["care_submitted"].legal) == "2026-03-20 23:59"
    assert desk.refusal("emergency.review", NIGHT, agrees=True, note="x") == {"role", "same_person"}
    desk.do("emergency.review", LEADER, agrees=True, note="Rätt gjort")
    written = {
        "acts": ["police", "lvu_6"],
        "safe_now": True,
        "board_member": "b-1",
        "decided_at": desk.now,
        "decision_text": "Omhändertas.",
        "assessment": "Kunde inte vänta",
        "place": "Jourhem",
        "relatives_tested": "refused",
        "child_said": "Rädd",
        "child_told": "Ja",
        "child_best": "Skydd",
    }
    desk.do("emergency.complete", NIGHT, **written)
    assert not {"emergency_whole", "emergency_review"} & set(desk.due())


def test_the_clock_runs_until_the_child_is_safe() -> None:
    desk = Desk()
    desk.receive()
    desk.assess(need="now")
    desk.later(hours=1)
    assert desk.do("emergency", INTAKE, acts=["police"], safe_now=False) == "protecting"
    assert desk.due()["made_safe"] == "2026-03-10 13:00"
    assert desk.refusal("open_investigation", **OPENING) == {"not_here"}
    assert desk.assess(need="arranged") == "open_now"
    assert "made_safe" not in desk.due()


def test_a_taking_into_care_that_nobody_submits_lapses_and_protection_is_assessed_anew() -> None:
    desk = Desk("2026-03-10 23:30")
    desk.receive(NIGHT)
    desk.assess(NIGHT, need="now")
    desk.do("emergency", NIGHT, acts=["lvu_6"], safe_now=True)
    desk.at("2026-03-18 00:01")
    desk.engine.tick(OURS)
    assert desk.due()["protection_again"] == "2026-03-18 23:59"
    assert desk.run().state == "open_now"


def test_what_a_lapse_starts_too_late_is_noted_late_at_once() -> None:
    desk = Desk("2026-03-10 23:30")
    desk.receive(NIGHT)
    leaves = local("2026-03-14 06:00")
    desk.do("facts_changed", NIGHT, what="Resan är bokad", noticed_at=desk.now, whereabouts_change=leaves)
    desk.assess(NIGHT, need="now")
    desk.do("emergency", NIGHT, acts=["lvu_6"], safe_now=True)
    desk.at("2026-03-18 00:01")
    assert desk.engine.tick(OURS) == 1
    assert desk.due()["protection_again"] == "2026-03-14 06:00"
    assert desk.run().due["protection_again"].passed
    assert desk.engine.tick(OURS) == 0


# ---- contact ------------------------------------------------------------------------------------------------------


def test_no_guardian_is_contacted_before_the_decision_nor_where_it_is_closed() -> None:
    desk = Desk().intake()
    desk.police()
    assert desk.refusal("contact_guardian", NIGHT, **talk(MOTHER)) == {"contact_open"}
    desk.contact(closed(MOTHER), closed(FATHER))
    assert desk.refusal("contact_guardian", NIGHT, **talk(MOTHER)) == {"contact_open"}


def test_contact_opens_for_one_guardian_and_stays_closed_for_the_other() -> None:
    desk = Desk().intake()
    desk.police()
    desk.contact(opened(MOTHER, desk), closed(FATHER))
    assert desk.do("contact_guardian", NIGHT, **talk(MOTHER)) == "preliminary"
    assert desk.refusal("contact_guardian", NIGHT, **talk(FATHER)) == {"contact_open"}
    assert desk.refusal("contact_guardian", NIGHT, **talk("p-uncle")) == {"contact_open"}


def test_two_rows_that_disagree_about_a_guardian_keep_contact_closed() -> None:
    desk = Desk().intake()
    desk.police()
    desk.contact(opened(MOTHER, desk), closed(MOTHER))
    assert desk.refusal("contact_guardian", NIGHT, **talk(MOTHER)) == {"contact_open"}


def test_a_closed_decision_ends_an_open_one() -> None:
    desk = Desk().intake()
    desk.police()
    desk.contact(opened(MOTHER, desk))
    desk.contact(closed(MOTHER))
    assert desk.refusal("contact_guardian", NIGHT, **talk(MOTHER)) == {"contact_open"}


def test_open_contact_still_needs_police_channel_interpreter_and_the_step_before() -> None:
    desk = Desk().intake()
    desk.contact(opened(MOTHER, desk))
    wrong = talk(MOTHER, channel="letter", after_done=False, interpreter="family")
    assert desk.refusal("contact_guardian", NIGHT, **wrong) == {
        "police_decided",
        "safe_channel",
        "after_step_done",
        "safe_interpreter",
    }


def test_nobody_in_the_family_learns_anything_while_the_police_are_being_asked() -> None:
    desk = Desk().intake()
    desk.contact(opened(MOTHER, desk))
    desk.do("decide_police", decision="consulting", reasons="Fråga om förhör", agreed="De ringer före fyra")
    assert desk.refusal("contact_guardian", NIGHT, **talk(MOTHER)) == {"police_decided"}
    desk.do("decide_police", decision="reported", reasons="Misstänkt brott", agreed="Efter förhöret")
    assert desk.do("contact_guardian", NIGHT, **talk(MOTHER)) == "preliminary"


@often(40)
@given(st.lists(st.tuples(st.sampled_from([MOTHER, FATHER, "p-uncle"]), st.booleans()), max_size=5))
def test_contact_is_open_only_for_somebody_whose_every_row_says_so(rows: list[tuple[str, bool]]) -> None:
    desk = Desk().intake()
    desk.police()
    desk.contact(*(opened(person, desk) if is_open else closed(person) for person, is_open in rows))
    for person in (MOTHER, FATHER, "p-uncle"):
        said = [is_open for one, is_open in rows if one == person]
        answer = desk.engine.explain(desk.case, "contact_guardian", actor=NIGHT, form=talk(person))
        assert answer.allowed is (bool(said) and all(said))


def test_opening_contact_needs_a_plan_and_somebody_to_carry_it_out() -> None:
    desk = Desk().intake()
    bare = {**closed(MOTHER), "decision": "open"}
    assert desk.refusal("decide_contact", persons=[bare], sender="closed", may_say="x", by_whom="x", reasons="x") == {
        "opening_planned",
        "opening_assigned",
    }


def test_the_child_may_be_talked_to_alone_before_an_investigation_only_if_mature() -> None:
    desk = Desk().intake()
    asked: dict[str, object] = {
        "maturity": "13 år",
        "no_guardian_because": "Risk",
        "interpreter": "none_needed",
        "said": "x",
        "told": "x",
    }
    assert desk.refusal("talk_with_child", NIGHT, mature=False, **asked) == {"mature_enough"}
    assert desk.do("talk_with_child", NIGHT, mature=True, **asked) == "preliminary"


# ---- deciding -----------------------------------------------------------------------------------------------------


def test_fourteen_days_are_prolonged_only_for_exceptional_reasons() -> None:
    desk = Desk().intake()
    form: dict[str, object] = {"until": "2026-04-02", "assessment": "Barnet är utomlands"}
    assert desk.refusal("prolong_preliminary", reason="workload", **form) == {"exceptional"}
    assert desk.refusal(
        "prolong_preliminary",
        officer("s-9", "social_worker", powers={"open_investigation"}),
        reason="outside_control",
        **form,
    ) == {"delegation"}
    internal = desk.run().due["preliminary"].internal
    desk.do("prolong_preliminary", reason="child_unreachable", **form)
    assert shown(desk.run().due["preliminary"].legal) == "2026-04-02 23:59"
    assert desk.run().due["preliminary"].internal == internal


def test_outsiders_are_not_asked_in_a_preliminary_assessment() -> None:
    desk = Desk().intake()
    assert desk.refusal("inquire", INTAKE, source="outside", found="x") == {"no_outside_inquiry"}


def test_opening_and_not_opening_need_delegation_and_competence() -> None:
    desk = Desk().intake()
    desk.police()
    nobody = officer("s-8", "social_worker", powers=set(), qualified=False)
    assert desk.refusal("open_investigation", nobody, **OPENING) == {"delegation", "qualified"}
    assert desk.refusal("not_open", nobody, **NOT_OPENING) == {"delegation", "qualified"}
    assert desk.refusal("open_investigation", INTAKE, **OPENING) == {"role", "delegation", "qualified"}


def test_nothing_is_decided_on_a_report_that_is_not_registered() -> None:
    desk = Desk()
    desk.receive()
    desk.assess()
    desk.police()
    assert desk.refusal("open_investigation", **OPENING) == {"registered"}
    assert desk.refusal("not_open", **NOT_OPENING) >= {"registered"}


def test_a_second_report_not_opened_within_a_year_is_first_read_together_with_the_others() -> None:
    store = MemoryStore()
    first = Desk("2025-09-01 10:00", store=store).intake()
    assert first.refusal("not_open", **NOT_OPENING) == {"police_decided"}
    first.police()
    assert first.do("not_open", **NOT_OPENING) == "not_opened"
    second = Desk("2026-03-10 10:00", store=store)
    second.keys = (f"l-{number}" for number in count())
    second.intake()
    second.police()
    assert second.refusal("not_open", **NOT_OPENING) == {"read_together"}
    review: dict[str, object] = {"read": 2, "with_whom": "Två socialsekreterare", "pattern": "Samma kontroll"}
    second.do("review_together", LEADER, conclusion="open", **review)
    assert second.refusal("not_open", **NOT_OPENING) == {"read_together"}
    second.do("review_together", LEADER, conclusion="may_close", **review)
    assert second.do("not_open", **NOT_OPENING) == "not_opened"


def test_a_report_not_opened_more_than_a_year_ago_does_not_count() -> None:
    store = MemoryStore()
    first = Desk("2025-03-01 10:00", store=store).intake()
    first.police()
    first.do("not_open", **NOT_OPENING)
    second = Desk("2026-03-10 10:00", store=store)
    second.keys = (f"l-{number}" for number in count())
    second.intake()
    second.police()
    assert second.do("not_open", **NOT_OPENING) == "not_opened"


def test_a_decision_in_a_hurry_is_completed_within_a_day_before_intake_ends() -> None:
    desk = Desk()
    desk.receive()
    desk.assess(violence="suspected")
    desk.register()
    assert desk.refusal("open_investigation") == {"grounded"}
    assert desk.refusal("open_investigation", ground="nothing") == {"grounded"}
    desk.do("open_investigation", ground="violence")
    assert desk.due()["opening_whole"] == "2026-03-11 10:00"
    desk.do("assign", LEADER, investigator=SOCIAL.id, conflict="none")
    desk.police()
    desk.do("notify_child", alone=True, left="nobody", understood="Ja")
    assert desk.refusal("hand_over") == {"opening_whole", "risk_begun"}
    desk.do("start_risk_assessment", because="violence")
    desk.do("open_investigation.complete", **{**OPENING, "ground": "violence"})
    assert desk.do("hand_over") == "in_investigation"


def test_a_report_is_attached_only_to_an_investigation_of_that_very_child() -> None:
    desk = Desk().intake()
    form: dict[str, object] = {"investigation": "2026-3", "investigator_told": True, "decision_text": "Läggs till."}
    assert desk.refusal("attach", child="p-sister", **form) == {"same_child"}
    assert desk.do("attach", child=CHILD, **form) == "attached"
    assert "preliminary" not in desk.due()


def test_a_report_to_the_wrong_municipality_is_assessed_and_passed_on_by_us() -> None:
    desk = Desk()
    desk.receive()
    form: dict[str, object] = {
        "to": "other_municipality",
        "receiver": "Grannkommunens jour",
        "received_there": desk.now,
        "flag_told": True,
    }
    assert desk.refusal("pass_on", INTAKE, receipt=False, **form) == {"protection_first", "receipt_given"}
    desk.assess()
    assert desk.do("pass_on", INTAKE, receipt=True, **form) == "passed_on"


# ---- the investigator, the notice --------------------------------------------------------------------------------


def test_the_team_leader_assigns_and_nobody_takes_the_case() -> None:
    desk = Desk().intake()
    desk.do("open_investigation", **OPENING)
    assert desk.guide().waiting is not None
    assert desk.refusal("assign", SOCIAL, investigator=SOCIAL.id, conflict="none") == {"role"}
    assert desk.refusal("assign", LEADER, investigator=SOCIAL.id, conflict="unchecked") == {"no_conflict"}
    desk.do("assign", LEADER, investigator=SOCIAL.id, conflict="none")
    assert desk.refusal("hand_over", LEADER) >= {"not_holder"}


def test_notice_waits_three_days_at_a_time_and_two_decide_from_the_second_prolongation() -> None:
    desk = Desk().investigation()
    waiting = [{"person": MOTHER, "reason": "police"}]
    desk.do("defer_notice", persons=waiting, at=desk.now, assessment="Förhör på torsdag")
    assert "notice" not in desk.due()
    assert desk.due()["deferral_review"] == "2026-03-13 23:59"
    desk.later(days=3)
    assert desk.refusal("prolong_deferral", meanwhile=" ", persons=waiting, at=desk.now) == {"missing"}
    desk.do("prolong_deferral", meanwhile="Samråd med åklagaren", persons=waiting, at=desk.now)
    assert desk.due()["deferral_review"] == "2026-03-16 23:59"
    desk.later(days=3)
    again: dict[str, object] = {"meanwhile": "Förhör flyttat", "persons": waiting, "at": desk.now}
    assert desk.refusal("prolong_deferral", **again) == {"not_here"}
    assert desk.do("prolong_deferral_again", **again) == "deferred_longer.prolong_deferral_again"
    assert desk.due()["deferral_review"] == "2026-03-16 23:59"
    assert desk.refusal("prolong_deferral_again.approve", SOCIAL) >= {"role"}
    assert desk.do("prolong_deferral_again.approve", LEADER) == "deferred_longer"
    assert desk.due()["deferral_review"] == "2026-03-19 23:59"


def test_whoever_proposed_a_second_prolongation_does_not_approve_it() -> None:
    desk = Desk().investigation()
    waiting = [{"person": MOTHER, "reason": "safety"}]
    desk.do("defer_notice", persons=waiting, at=desk.now, assessment="Fara")
    desk.do("prolong_deferral", meanwhile="Skydd ordnat", persons=waiting, at=desk.now)
    desk.do("prolong_deferral_again", LEADER, meanwhile="Väntar", persons=waiting, at=desk.now)
    assert desk.refusal("prolong_deferral_again.approve", LEADER) == {"same_person"}
    assert desk.do("prolong_deferral_again.approve", MANAGER) == "deferred_longer"


def test_a_deferral_that_was_ended_begins_again_only_with_two() -> None:
    desk = Desk().investigation()
    form: dict[str, object] = {"persons": [{"person": MOTHER, "reason": "safety"}], "assessment": "Fara"}
    assert desk.refusal("defer_again", at=desk.now, **form) == {"deferred_before"}
    desk.do("defer_notice", at=desk.now, **form)
    desk.later(hours=1)
    desk.do("end_deferral", at=desk.now, planned=desk.now + timedelta(hours=4), staffed="Två på kontoret")
    desk.later(hours=1)
    assert desk.refusal("defer_notice", at=desk.now, **form) == {"first_deferral"}
    desk.do("defer_again", at=desk.now, **form)
    assert desk.do("defer_again.approve", LEADER) == "deferred_longer"
    desk.police()
    desk.contact(opened(MOTHER, desk), opened(FATHER, desk))
    told: dict[str, object] = {"channel": "in_person", "left": "deferred", "said": "Lugnt"}
    assert desk.refusal("notify_guardian", person=MOTHER, **told) == {"not_deferred"}
    assert desk.do("notify_guardian", person=FATHER, **told) == "deferred_longer"


def test_a_deferred_guardian_is_told_only_after_the_deferral_has_ended() -> None:
    desk = Desk().investigation()
    desk.police()
    desk.contact(opened(MOTHER, desk))
    desk.do("defer_notice", persons=[{"person": MOTHER, "reason": "travel"}], at=desk.now, assessment="Resa")
    told: dict[str, object] = {"person": MOTHER, "channel": "in_person", "left": "nobody", "said": "Lugnt"}
    assert desk.refusal("notify_guardian", **told) == {"not_deferred"}
    desk.later(hours=1)
    desk.do("end_deferral", at=desk.now, planned=desk.now + timedelta(hours=4), staffed="Två på kontoret")
    assert desk.due()["notice"] == "2026-03-10 23:59"
    desk.do("notify_guardian", **told)
    assert desk.refusal("hand_over", LEADER) >= {"not_holder"}
    assert desk.do("hand_over") == "in_investigation"


def test_notice_goes_on_running_while_somebody_still_waits() -> None:
    desk = Desk().investigation()
    before = desk.run().due["notice"]
    desk.do("notify_child", alone=True, left="some", understood="Ja")
    assert desk.due()["notice"] == shown(before.shown)
    assert desk.refusal("hand_over") >= {"all_told"}


# ---- feedback -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decided", "limit", "house"),
    [
        ("2025-06-20 10:00", None, "2025-06-27 23:59"),
        ("2025-09-20 10:00", None, "2025-09-27 23:59"),
        ("2026-03-10 10:00", "2026-03-17 23:59", "2026-03-13 23:59"),
    ],
)
def test_feedback_asked_for_at_receipt_follows_the_law_of_the_day_of_the_decision(
    decided: str, limit: str | None, house: str
) -> None:
    desk = Desk(decided).intake(feedback_wanted=True)
    assert "feedback" not in desk.due()
    desk.do("open_investigation", **OPENING)
    due = desk.run().due["feedback"]
    assert (shown(due.legal) if due.legal else None) == limit
    assert shown(due.internal) == house
    desk.do("give_feedback", LEADER, says="opened", asked_for=True)
    assert "feedback" not in desk.due()


def test_whoever_asks_after_the_decision_is_answered_at_once_also_when_the_matter_is_closed() -> None:
    desk = Desk().intake()
    desk.police()
    desk.do("not_open", **NOT_OPENING)
    assert desk.due() == {}
    desk.at("2026-04-20 10:00")
    assert desk.do("ask_feedback", INTAKE, at=desk.now) == "not_opened"
    assert desk.due() == {"feedback_at_once": "2026-04-21 23:59"}
    assert desk.do("withhold_feedback", reason="safety", assessment="Risk") == "not_opened"
    assert desk.due() == {}


def test_a_private_person_gets_no_feedback() -> None:
    desk = Desk().intake(duty="should_19_4", feedback_wanted=True)
    desk.do("open_investigation", **OPENING)
    assert "feedback" not in desk.due()
    assert desk.refusal("give_feedback", LEADER, says="opened", asked_for=False, secrecy_tested=True) == {
        "duty_reporter"
    }


def test_the_ombudsmans_report_needs_a_secrecy_test_of_its_own() -> None:
    desk = Desk().intake(duty="duty_19_3")
    desk.do("open_investigation", **OPENING)
    assert desk.refusal("give_feedback", LEADER, says="opened", asked_for=False, secrecy_tested=False) == {
        "secrecy_lifted"
    }
    desk.do("give_feedback", LEADER, says="opened", asked_for=False, secrecy_tested=True)


# ---- hand-offs, two at once, who sees what ------------------------------------------------------------------------


def handed_in(**facts: Value) -> Message:
    carried = {"receipt.account": "Hon vill inte hem", "receipt.about": "child", **facts}
    at = "2026-03-10T09:00:00.000000Z"
    return Message("h-1", "report", "skola", OURS, "report_duty", at, "yes", "report", None, None, carried)


def test_a_report_from_school_is_received_whatever_it_lacks_and_the_rest_is_asked_at_registration() -> None:
    desk = Desk()
    desk.case = desk.engine.receive(handed_in()).id
    facts = desk.run().facts
    assert facts["receipt.channel"] == "handed_over"
    assert facts["receipt.protected_identity"] == "yes"
    assert desk.due()["preliminary"] == "2026-03-20 23:59"
    with pytest.raises(Refused) as no:
        desk.register()
    asked = {one.about for one in no.value.reasons}
    assert asked == {
        "registration.duty",
        "registration.reporter_danger",
        "registration.reporter_known",
        "registration.confirmed",
    }
    assert "missing" in desk.refusal("assess_protection", INTAKE, **CALM, at=desk.now)
    desk.assess(whereabouts="På skolan")
    desk.register(duty="bound", reporter_danger="yes", reporter_known="yes", confirmed=True)
    desk.do("open_investigation", **OPENING)
    desk.do("ask_feedback", INTAKE, at=desk.now)
    desk.do("give_feedback", LEADER, says="opened", asked_for=True)


def replies(desk: Desk) -> list[Message]:
    """What waits in the outbox, in order."""
    return [desk.engine.files.message(OURS, row) for row in desk.engine.store.outbox(OURS)]


def test_the_sender_sees_received_and_nothing_else_until_contact_is_decided() -> None:
    desk = Desk()
    desk.case = desk.engine.receive(handed_in()).id
    desk.assess(whereabouts="På skolan", violence="suspected")
    assert [(one.status, dict(one.facts)) for one in replies(desk)] == [("received", {})]
    desk.register(duty="bound", reporter_danger="no", reporter_known="yes", confirmed=True)
    assert {"handed.received": True} in [dict(one.facts) for one in replies(desk)]
    assert not any({"handed.contact", "handed.may_say"} & set(one.facts) for one in replies(desk))
    closed_answer: dict[str, object] = {"contact": "closed", "may_say": "Inget får sägas", "by_whom": "Socialtjänsten"}
    assert desk.refusal("answer_sender", INTAKE, **{**closed_answer, "contact": "open"}) == {"open_by_decision"}
    desk.do("answer_sender", INTAKE, **closed_answer)
    desk.later(minutes=1)
    desk.contact(closed(MOTHER), sender="open")
    last = replies(desk)[-1]
    assert dict(last.facts) == {
        "handed.contact": "open",
        "handed.may_say": "Att vi hör av oss",
        "handed.by_whom": "Socialtjänsten",
    }
    assert last.about == "h-1"


def test_of_two_officers_at_once_the_second_is_told_that_the_case_has_moved() -> None:
    desk = Desk().intake()
    desk.police()
    seen = desk.guide().version
    desk.engine.take(desk.case, "open_investigation", actor=SOCIAL, form=OPENING, key="a-1", expect=seen)
    with pytest.raises(Stale):
        desk.engine.take(desk.case, "not_open", actor=OTHER, form=NOT_OPENING, key="b-1", expect=seen)


def test_the_reporters_name_is_seen_by_those_who_work_with_the_report_alone() -> None:
    desk = Desk()
    desk.receive(reporter_danger="yes", protected_identity="no")
    assert "Kuratorn Kim" in desk.guide(INTAKE).text("sv")
    board = officer("b-1", "board_on_call")
    assert "Kuratorn Kim" not in desk.guide(board).text("sv")
    assert "brodern slår" in desk.guide(board).text("sv")
    assert "brodern slår" not in desk.guide(MANAGER).text("sv")


def test_every_state_reads_in_both_languages_on_every_day_it_is_valid() -> None:
    for day in ("2022-11-01 10:00", "2025-06-30 10:00", "2025-07-01 10:00", "2026-03-10 10:00"):
        desk = Desk(day)
        desk.receive()
        for lang in ("sv", "en"):
            assert desk.guide(INTAKE).text(lang).count("\n") > 20
        desk.assess(violence="suspected")
        desk.register()
        assert "preliminary assessment first" in desk.guide().text("en")
        desk.do("open_investigation", **OPENING)
        assert desk.guide(LEADER).text("sv")
