"""Protected identity and the contact plan in the shipped routines, played by people at the intake desk."""

import pytest

from stegvis.engine.contacts import ContactLine
from stegvis.engine.values import Actor
from stegvis.routines.form import locates
from stegvis.routines.library import shipped

from .test_report import CALL, FATHER, INTAKE, LEADER, MANAGER, MOTHER, NIGHT, SOCIAL, Desk, closed, opened, shown
from .test_suspicion import TEACHER, reported


def plan(desk: Desk, actor: Actor = SOCIAL) -> dict[str | None, ContactLine]:
    return {one.person: one for one in desk.engine.persons.contacts(desk.case, actor=actor).persons}


def text(desk: Desk, actor: Actor = SOCIAL) -> str:
    return desk.engine.persons.contacts(desk.case, actor=actor).text("sv")


# ---- what could lead to the person ----------------------------------------------------------------------------------


def test_free_text_is_hidden_unless_a_routine_says_why_not() -> None:
    harmless = {
        f"{name}/{form}.{field}"
        for name, versions in shipped().versions.items()
        for form, asked in versions[0].routine.forms.items()
        for field, one in asked.fields.items()
        if one.type == "text" and not locates(one)
    }
    # Roles, register numbers, words to be said and decision texts: a new one is a decision.
    assert harmless == {
        "acute/alarm.who_called",
        "acute/jour.who",
        "consultation/answer.advice",
        "consultation/question.matter",
        "coordinated_plan/acceptance.reach",
        "coordinated_plan/call.reach",
        "coordinated_plan/effect.by_whom",
        "coordinated_plan/need.sender_reach",
        "investigation/decision.decision_text",
        "investigation/follow_up.decision_text",
        "investigation/prolonging.decision_text",
        "investigation/reopening.decision_text",
        "report/answer.by_whom",
        "report/answer.may_say",
        "report/attaching.decision_text",
        "report/attaching.investigation",
        "report/contact.by_whom",
        "report/contact.may_say",
        "report/emergency.decision_text",
        "report/joint_review.with_whom",
        "report/not_opening.decision_text",
        "report/opening.decision_text",
        "report/registration.number",
        "safety_question/asked.number",
        "suspicion/advice.said",
        "suspicion/no_concern.watches",
        "suspicion/phone_answer.answered_by",
        "suspicion/phone_answer.by_whom",
        "suspicion/phone_answer.may_say",
        "suspicion/question.matter",
        "suspicion_health/advice.said",
        "suspicion_health/no_concern.watches",
        "suspicion_health/phone_answer.answered_by",
        "suspicion_health/phone_answer.by_whom",
        "suspicion_health/phone_answer.may_say",
        "suspicion_health/question.matter",
        "support_around/question.number",
        "support_offer/child_plan.decision_text",
        "support_offer/decision.decision_text",
    }


def test_where_a_child_is_is_hidden_at_the_intake_desk_until_it_is_asked_for() -> None:
    desk = Desk()
    desk.receive()
    guide = desk.engine.guide(desk.case, actor=INTAKE)
    for word in (str(CALL["whereabouts"]), str(CALL["account"]), str(CALL["reporter"])):
        assert word not in guide.text("sv") + repr(guide.json())
    asked = desk.engine.guide(desk.case, actor=INTAKE, reveal=["receipt.whereabouts"]).text("sv")
    assert str(CALL["whereabouts"]) in asked
    assert str(CALL["account"]) not in asked


# ---- the contact plan -----------------------------------------------------------------------------------------------


def test_before_any_decision_nobody_in_the_family_may_be_contacted() -> None:
    desk = Desk().intake()
    assert plan(desk) == {}
    assert text(desk).splitlines()[1:] == ["Kontaktplan", "Inget beslut visas. KONTAKTA INGEN i familjen."]


def test_the_plan_says_of_each_person_whether_by_which_decision_and_until_when() -> None:
    desk = Desk().intake()
    desk.contact(closed(MOTHER), opened(FATHER, desk))
    lines = plan(desk)
    assert {person: (one.word, one.may) for person, one in lines.items()} == {
        MOTHER: ("may_not", False),
        FATHER: ("may", True),
    }
    made = lines[FATHER].decided
    assert made is not None
    assert (made.actor, shown(made.at)) == (SOCIAL.id, shown(desk.engine.case(desk.case, actor=SOCIAL).at))
    assert shown(lines[FATHER].until) == desk.due()["contact_review"]
    told = text(desk)
    assert f"{MOTHER} (vårdnadshavare): FÅR INTE kontaktas." in told
    assert f"{FATHER} (vårdnadshavare): FÅR kontaktas, bara så som beslutet säger." in told
    assert f"Beslut {made.record[:8]} den {shown(made.at)} av {SOCIAL.id}." in told
    # where to meet could lead to the child; what may be said does not
    assert "Socialkontoret" not in told
    assert "Var: dolt" in told
    assert told.splitlines()[2] == "Den som inte står här får inte kontaktas."


def test_a_person_in_two_rows_is_open_only_when_both_say_so() -> None:
    desk = Desk().intake()
    desk.contact(opened(FATHER, desk), closed(FATHER))
    assert plan(desk)[FATHER].word == "may_not"


def test_a_decision_that_was_not_reviewed_in_time_opens_nothing() -> None:
    desk = Desk().intake()
    desk.contact(opened(FATHER, desk))
    desk.later(days=60)
    line = plan(desk)[FATHER]
    assert (line.word, line.may, line.details) == ("overdue", False, line.details)
    assert "skulle ha setts över" in text(desk)


def test_family_that_is_named_elsewhere_without_a_decision_may_not_be_contacted() -> None:
    desk = Desk().investigation()
    desk.contact(closed(MOTHER))
    desk.do(
        "defer_notice",
        LEADER,
        persons=[{"person": FATHER, "reason": "safety"}, {"person": MOTHER, "reason": "safety"}],
        at=desk.now,
        assessment="x",
    )
    desk.later(minutes=1)
    assert {person: one.word for person, one in plan(desk).items()} == {MOTHER: "may_not", FATHER: "undecided"}
    assert f"{FATHER}: FÅR INTE kontaktas: inget beslut finns." in text(desk)


def test_who_may_not_read_the_decisions_is_told_to_contact_nobody() -> None:
    desk = Desk().intake()
    desk.contact(opened(FATHER, desk))
    assert plan(desk, MANAGER) == {}
    assert "KONTAKTA INGEN" in text(desk, MANAGER)


def test_where_two_runs_differ_the_stricter_holds() -> None:
    desk = Desk().intake()
    desk.contact(opened(FATHER, desk))
    form = {**CALL, "received_at": desk.now}
    other = desk.engine.open("report", actor=INTAKE, form=form, key="again", case=desk.case)
    assessed = {"need": "none", "violence": "no", "tonight": "x", "reasons": "x", "at": desk.now}
    desk.engine.take(desk.case, "assess_protection", actor=NIGHT, key="a", form=assessed, run=other.run)
    decided = {"sender": "closed", "may_say": "x", "by_whom": "x", "reasons": "x", "persons": [closed(FATHER)]}
    desk.engine.take(desk.case, "decide_contact", actor=SOCIAL, key="b", form=decided, run=other.run)
    assert plan(desk)[FATHER].word == "may_not"


def test_a_channel_to_somebody_the_plan_closes_is_closed_though_it_was_set() -> None:
    desk = Desk().intake()
    way = {"kind": "phone", "where": "070-174 06 05", "hours": "dagtid"}
    form = {"person": FATHER, "ways": [way], "voicemail": True, "letters": True, "messages": False}
    desk.engine.change(desk.case, "channel", actor=SOCIAL, key="c", form=form)
    desk.contact(opened(FATHER, desk))
    assert desk.engine.persons.channel(desk.case, FATHER, actor=SOCIAL, reveal=True).usable
    desk.later(minutes=1)
    desk.contact(closed(FATHER))
    view = desk.engine.persons.channel(desk.case, FATHER, actor=SOCIAL, reveal=True)
    assert (view.usable, view.family, view.ways, view.letters, view.voicemail) == (False, False, (), False, False)
    assert "KONTAKTA INTE. Kontaktplanen säger nej." in view.text("sv")
    assert "070-174" not in view.text("sv") + repr(view.json())


@pytest.mark.parametrize(("answer", "word"), [("closed", "may_not"), ("open", "may")])
def test_the_school_sees_what_social_services_have_said_of_the_home(answer: str, word: str) -> None:
    story = reported()

    def home() -> ContactLine:
        (line,) = story.engine.persons.contacts(story.id, actor=TEACHER).persons
        assert line.person is None
        return line

    assert (home().word, home().decided) == ("undecided", None)
    story.take(TEACHER, "ask_contact", {"what": "Hemmet har ringt."})
    story.reply("report", contact=answer, may_say="Att mötet flyttas.", by_whom="Rektor")
    assert home().word == word
    said = story.engine.persons.contacts(story.id, actor=TEACHER).text("sv")
    assert "Det här får sägas: Att mötet flyttas." in said
    assert "Den som ska säga det: Rektor" in said
    # the later answer holds, by whichever way it came
    story.take(TEACHER, "answer_by_phone", {"contact": "closed", "answered_by": "Mottagningen"})
    assert home().word == "may_not"


def test_a_threat_assessment_that_names_somebody_takes_no_decision_on_contact_away() -> None:
    desk = Desk().intake()
    desk.contact(opened(MOTHER, desk), closed(FATHER))
    desk.do("start_risk_assessment", because="violence")
    desk.do("secure", safe_now="yes")
    desk.do("screen", asked="not_reached")
    others = [{"person": one, "role": "parent", "part": "unknown", "near": True} for one in (MOTHER, FATHER)]
    desk.do("note_persons", exposed="p-child", others=others, more="no")
    assert {person: one.word for person, one in plan(desk).items()} == {MOTHER: "may", FATHER: "may_not"}
