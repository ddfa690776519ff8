"""Beside the steps of a case: another case and back, a correction, an obstacle passed with a reason. All logged."""

from collections.abc import Callable

import orjson
import pytest

from stegvis.engine.values import Actor
from stegvis.routines.library import shipped

from .talks import COLLEAGUE, COUNSELLOR, TEACHER, TRANSCRIPTS, Room, Script, hold, reading, transcript
from .test_transcripts import WRITE

HEAD = Actor("u-9", roles={"head_teacher"}, unit="ledning", organisation="skola")
REPORT = {
    "account": "Hon får inte välja själv",
    "consider_before_contact": "Kusinen hör",
    "honour": True,
    "about": "child",
    "child_identity": "Elev i 9 A",
    "protected_identity": "no",
    "duty": "duty_19_1",
    "reporter": "Kuratorn",
}
TONIGHT = {
    "fetches": "Socialtjänsten",
    "sleeps": "Det avgör socialtjänsten",
    "channel": "Skolsköterskans rum",
    "knows_112": True,
    "next_contact": "2026-03-04T08:15+01:00",
}
STORM = {"flame": ["1"], "wind": ["30"]}


def outcomes(room: Room, case: str) -> dict[str, str]:
    *_, row = room.engine.store.case_records("skola", case)
    return {guard["id"]: guard["out"] for guard in orjson.loads(row.body).get("guards", [])}


def test_an_obstacle_is_passed_with_a_reason_that_is_sealed_and_the_passing_is_logged() -> None:
    room = Room()
    case = room.lantern()
    script = Script(room, case, COUNSELLOR, ["look"], {**STORM, "pass_why": ["Vi står i lä."]})
    heard = hold(room.dialogue(case).talk(), script)
    assert heard.about.count("pass_why") == 1
    assert "Du får gå förbi det här." in heard.text
    (run,) = room.engine.case(case, actor=COUNSELLOR).runs.values()
    assert (run.state, outcomes(room, case)) == ("burning", {"strong": "overridden"})
    *_, row = room.engine.store.case_records("skola", case)
    assert "lä".encode() not in row.body
    assert room.engine.replay(case, actor=COUNSELLOR).sound


def test_without_a_reason_nothing_is_passed_and_the_answers_are_kept() -> None:
    room = Room()
    case = room.lantern()
    script = Script(room, case, COUNSELLOR, ["look"], {**STORM, "pass_why": [""], "check": ["ja", "s"]})
    heard = hold(room.dialogue(case).talk(), script)
    assert "Steget togs inte." in heard.text
    assert room.engine.case(case, actor=COUNSELLOR).version == 1
    draft = room.draft(case, "look") or {}
    assert (draft["flame"], draft["wind"]) == ("high", 30)


def test_a_closed_step_is_chosen_past_its_obstacle_only_by_whoever_may_pass_it() -> None:
    room = Room(shipped())
    case = room.engine.open("suspicion", actor=TEACHER, form={"danger": False}, person="p-1", key=room.key()).id
    room.engine.take(case, "report", actor=COUNSELLOR, form=REPORT, key=room.key())
    room.engine.deliver("skola")
    room.engine.deliver("socialtjanst")
    room.engine.take(case, "tonight", actor=COUNSELLOR, form=TONIGHT, key=room.key())
    room.engine.take(case, "confirm_receipt", actor=COUNSELLOR, form={"how": "phone"}, key=room.key())
    nobody = hold(room.dialogue(case, TEACHER).talk(), reading("o", "q"))
    assert "inget hinder som du får gå förbi" in nobody.text
    answers = {
        "pass": ["1"],
        "why": ["Flyttad", ""],
        "adult_at_school": ["ja"],
        "pass_why": ["Socialtjänsten möter henne."],
    }
    heard = hold(room.dialogue(case, HEAD).talk(), Script(room, case, HEAD, ["o"], answers))
    assert "Avsluta skolans del" in heard.text.split("stängda av hinder")[1]
    assert "pass_why" in heard.about
    assert outcomes(room, case)["pupil_met"] == "overridden"
    assert room.engine.case(case, actor=HEAD).runs


def test_an_answer_is_corrected_from_within_with_a_reason_and_the_old_one_stays() -> None:
    room = Room()
    case = room.lantern()
    hold(room.dialogue(case).talk(), Script(room, case, COUNSELLOR, ["look"], {"flame": ["1"], "wind": ["3"]}))
    script = Script(
        room,
        case,
        COUNSELLOR,
        ["e"],
        {"look.wind": ["4"], "mend_why": ["Jag läste fel"], "mend_sure": ["ja"]},
    )
    facts = [one.fact for one in room.engine.guide(case, actor=COUNSELLOR).facts if not one.hidden]
    script.answers["mend"] = iter([str(facts.index("look.wind") + 1)])
    heard = hold(room.dialogue(case).talk(), script)
    (run,) = room.engine.case(case, actor=COUNSELLOR).runs.values()
    assert run.facts["look.wind"] == 4
    assert "Rättat. Version 3." in heard.text
    assert "Förut: 3. Nu: 4. Rätta?" in heard.text
    assert room.engine.replay(case, actor=COUNSELLOR).sound


@pytest.mark.parametrize(
    "script",
    [
        ("e", ""),
        ("e", "99"),
        ("e", "1", "b"),
        ("e", "1", "1", ""),
        ("e", "1", "1", "Fel", "nej"),
        ("e", "1", "vet inte"),
    ],
)
def test_a_correction_that_is_not_finished_changes_nothing(script: tuple[str, ...]) -> None:
    room = Room()
    case = room.lantern()
    hold(room.dialogue(case).talk(), Script(room, case, COUNSELLOR, ["look"], {"flame": ["1"], "wind": ["3"]}))
    heard = hold(room.dialogue(case).talk(), reading(*script, "q"))
    assert "Inget ändrades." in heard.text
    assert room.engine.case(case, actor=COUNSELLOR).version == 2


def test_another_case_is_followed_from_within_and_the_way_back_is_there() -> None:
    room = Room()
    first = room.lantern()
    room.clock.jump(minutes=1)
    second = room.lantern()
    heard = hold(room.dialogue(first).talk(), reading("m", "1", "m", "1", "m", "", "q"))
    assert heard.about == ["choice", "mine", "choice", "mine", "choice", "mine", "choice"]
    assert f"Nu följer du ärende {second}." in heard.text
    assert f"1. Tillbaka till ärende {first}" in heard.text
    assert f"Nu följer du ärende {first}." in heard.text
    assert "Du är kvar i samma ärende." in heard.text


def test_a_step_after_the_switch_is_taken_in_the_case_that_is_followed_now() -> None:
    room = Room()
    first = room.lantern()
    room.clock.jump(minutes=1)
    second = room.lantern()
    talk = room.dialogue(first)
    script = Script(room, second, COUNSELLOR, ["m", "look"], {"mine": ["1"], "flame": ["1"], "wind": ["3"]})
    hold(talk.talk(), script)
    assert [room.engine.case(one, actor=COUNSELLOR).version for one in (first, second)] == [1, 2]


def detours() -> str:
    room = Room()
    first = room.lantern()
    room.clock.jump(minutes=1)
    room.lantern(COLLEAGUE)
    script = Script(
        room,
        first,
        COUNSELLOR,
        ["look", "e", "m", "m", "o"],
        {
            **STORM,
            "pass_why": ["Vi står i lä."],
            "mend": ["2"],
            "look.wind": ["3"],
            "mend_why": ["Fel mätare"],
            "mend_sure": ["yes"],
            "mine": ["1", "1"],
        },
    )
    return transcript(hold(room.dialogue(first, lang="en").talk(), script), 80)


@pytest.mark.parametrize("made", [detours])
def test_a_talk_with_detours_stands_as_it_was_kept(made: Callable[[], str]) -> None:
    path = TRANSCRIPTS / f"{made.__name__}.txt"
    if WRITE:
        path.write_text(made(), "utf-8")
    assert path.read_text("utf-8") == made(), "if the change is meant: STEGVIS_WRITE_TRANSCRIPTS=1"
