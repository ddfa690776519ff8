"""From opening to proof on the command line: what stands on the screen, and what stands in the document."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from stegvis.adapters.sql import SqlStore
from stegvis.engine.sealing import leaf_hash

from .commands import COUNSELLOR, INTAKE, LEADER, PLANTED, File, say

ACTOR = json.dumps({"id": "u-1", "roles": ["school_counsellor"], "unit": "elevhalsa", "organisation": "skola"})


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.fixture
def reported(file: File) -> tuple[str, str]:
    """A case at the school that was handed over, and the one that it opened at the social services."""
    case = file.open("--set", "protected=ja")
    assert file.say("take", case, "look", "--set", "flame=high", "--set", "wind=3", who=COUNSELLOR).exit == 0
    assert file.say("take", case, "tell", who=COUNSELLOR).exit == 0
    assert file.say("deliver", "--json").json == {"delivered": {"skola": 1}, "waiting": {"skola": 0}}
    with closing(SqlStore(file.db)) as store:
        return case, next(store.cases("socialtjanst"))


def test_a_case_is_opened_looked_at_and_moved(file: File) -> None:
    opened = file.say(
        *("open", "lantern", "--set", "account=-", "--set", "born=2012-02-29", "--set", "child=JA", "--person", "p-1"),
        *("--set", "protected=nej"),
        *("--set", "leaves=2030-05-03T14:30+02:00", "--key", "k-1", "--json"),
        who=COUNSELLOR,
        given=f"{PLANTED}\nTvå rader.\n".encode(),
    ).json
    assert set(opened) == {"case", "id", "key", "record", "run", "state", "version"}
    assert (opened["state"], opened["version"], opened["key"]) == ("lit", 1, "k-1")
    case = opened["case"]

    seen = file.say("guide", case, "--json", who=COUNSELLOR).json
    facts = {one["fact"]: one["value"]["en"] for one in seen["guide"]["facts"]}
    assert facts["first.account"] == f"{PLANTED}\nTvå rader."
    assert (facts["first.child"], facts["first.leaves"]) == ("yes", "2030-05-03 14:30")

    look = (
        "take",
        case,
        "look",
        "--expect",
        "1",
        "--seen",
        seen["digest"],
        "--happened",
        datetime.now(UTC).isoformat(),
    )
    answers = ("flame=low", "wind=12", "smoke=ja", "lamp=u-7", "colours=red", "colours=blue")
    said = file.say(
        *look,
        *(part for one in answers for part in ("--set", one)),
        "--override",
        "strong=Det brådskar",
        who=COUNSELLOR,
    )
    assert (said.exit, said.err) == (0, "")
    assert "lit" in said.out
    facts = {
        one["fact"]: one["value"]["sv"]
        for one in file.say("guide", case, "--json", who=COUNSELLOR).json["guide"]["facts"]
    }
    assert facts["look.colours"] == "Röd, Blå"
    assert facts["look.smoke"] == "ja"
    with closing(SqlStore(file.db)) as store:
        bodies = [orjson.loads(row.body) for row in store.case_records("skola", case)]
    assert bodies[1]["seen"] == seen["digest"]


def test_the_guide_says_what_the_next_command_needs(file: File) -> None:
    case = file.open()
    digest = file.say("guide", case, "--json", who=COUNSELLOR).json["digest"]
    said = file.say("guide", case, "--lang", "en", who=COUNSELLOR)
    assert (said.exit, said.err) == (0, "")
    for part in ("See how it burns", "You must not", "[look]", "Version: 1.", digest, f"stegvis explain {case}"):
        assert part in said.out
    assert "Se efter hur den brinner" in file.say("guide", case, who=COUNSELLOR).out
    assert "See how it burns" in file.say("guide", case, who=COUNSELLOR, STEGVIS_LANG="en_GB.UTF-8").out


def test_answers_come_from_a_file_too_and_the_line_goes_before_it(file: File, tmp_path: Path) -> None:
    case, answers = file.open("--set", "protected=nej"), tmp_path / "answers.json"
    answers.write_text(
        json.dumps({"flame": "low", "wind": 3, "smoke": "lite", "seen": [{"who": "p-2"}, {"who": "p-3"}]})
    )
    assert file.say("take", case, "look", "--form", answers, "--set", "smoke=mycket", who=COUNSELLOR).exit == 0
    shown = file.say("guide", case, who=COUNSELLOR).out
    assert "Rök: mycket" in shown
    assert "Vilka såg den: 2 st" in shown


def test_asking_changes_nothing_and_agrees_with_taking(file: File) -> None:
    case = file.open()
    ask = ("explain", case, "look", "--json")
    unanswered = file.say(*ask, who=COUNSELLOR)
    assert (unanswered.exit, unanswered.json["allowed"]) == (0, True)
    assert {one["name"]: one["type"] for one in unanswered.json["questions"]}["wind"] == "number"
    windy = ("--set", "flame=high", "--set", "wind=30")
    no = file.say(*ask, *windy, who=COUNSELLOR)
    assert (no.exit, [one["code"] for one in no.json["reasons"]]) == (1, ["guard"])
    assert (
        file.say("take", case, "look", *windy, "--json", who=COUNSELLOR).json["error"]["reasons"] == no.json["reasons"]
    )
    assert "Det blåser för mycket." in file.say("explain", case, "look", *windy, who=COUNSELLOR).out
    assert file.say("guide", case, "--json", who=COUNSELLOR).json["guide"]["version"] == 1
    hostile = file.say("explain", case, "look", *windy, "--set", f"{PLANTED}=1", "--json", who=COUNSELLOR)
    assert PLANTED not in hostile.out


def test_the_questions_are_listed_as_the_line_takes_them(file: File) -> None:
    case = file.open()
    said = file.say("explain", case, "look", "--lang", "en", who=COUNSELLOR)
    for line in ("  flame (choose one): The flame", "    high = High", "  wind (whole number): Wind"):
        assert line in said.out.splitlines()


def test_who_acts_may_stand_in_the_environment(file: File) -> None:
    case = file.open()
    assert file.say("guide", case, STEGVIS_ACTOR=ACTOR).exit == 0
    other = file.say("guide", case, "--organisation", "fritid", "--json", STEGVIS_ACTOR=ACTOR)
    assert "unknown_case" in other.codes  # an option goes before the environment


def test_a_hand_off_is_delivered_answered_and_proved(file: File, reported: tuple[str, str]) -> None:
    case, received = reported
    assert file.say("deliver", "--json").json["delivered"]["skola"] == 0
    assert file.say("take", received, "hand_out", "--set", "officer=s-1", who=LEADER).exit == 0
    assert file.say("take", received, "answer", "--set", "may=yes", who=INTAKE).exit == 0
    assert "framlämnat, 1 st" in file.say("deliver", "--organisation", "socialtjanst").out

    replay = file.say("replay", case, "--json", who=COUNSELLOR)
    assert (replay.exit, replay.json["sound"]) == (0, True)
    assert {one["verdict"] for one in replay.json["steps"]} == {"reproduced"}
    assert "återskapat" in file.say("replay", case, who=COUNSELLOR).out
    verify = file.say("verify", "--json")
    assert verify.json == {
        "sound": True,
        "organisations": [
            {"organisation": name, "faults": [], "checkpoints": None} for name in ("skola", "socialtjanst")
        ],
    }
    assert "håller ihop" in file.say("verify", "--organisation", "skola").out


@pytest.mark.usefixtures("reported")
def test_what_people_wrote_lies_nowhere_in_the_clear(file: File) -> None:
    for path in file.db.parent.iterdir():
        assert PLANTED.encode() not in path.read_bytes(), path.name


# Time


def test_deadlines_are_said_in_words_with_when_the_clock_ran(file: File) -> None:
    leaves = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    case = file.open("--set", f"leaves={leaves}")
    said = file.say("due", who=COUNSELLOR)
    assert said.exit == 0
    assert "Se efter: " in said.out
    assert "4 timmar kvar" in said.out
    assert case in said.out
    assert "Klockan har inte gått ännu." in said.out
    rows = file.say("due", "--json", who=COUNSELLOR).json
    assert rows["clock"] is None
    assert {one["deadline"] for one in rows["deadlines"]} == {"watchful"}

    assert file.say("tick", "--json").json["changed"] == {"skola": 0}
    assert "Klockan gick senast" in file.say("due", who=COUNSELLOR).out
    assert file.say("due", "--until", "2020-01-01T00:00Z", "--json", who=COUNSELLOR).json["deadlines"] == []
    assert "Inga frister." in file.say("due", who=INTAKE).out


def test_a_broken_list_of_deadlines_is_found_and_made_anew(file: File) -> None:
    case = file.open()
    with closing(SqlStore(file.db)) as store:
        store.replace_deadlines("skola", case, [], expected=1)
    broken = file.say("verify", "--json")
    assert (broken.exit, broken.json["sound"]) == (1, False)
    assert broken.json["organisations"][0]["faults"][0]["code"] == "deadlines_differ"
    assert "stegvis rebuild" in file.say("verify").out
    assert file.say("rebuild", "--json").json == {"deadlines": {"skola": 1}}
    assert file.say("verify").exit == 0


def test_a_log_that_was_changed_is_not_called_whole(file: File) -> None:
    case = file.open()
    # A later record, for a changed end is refused as soon as the file is opened.
    assert file.say("guide", case, who=COUNSELLOR).exit == 0
    with closing(SqlStore(file.db)) as store:
        row = next(store.case_records("skola", case))
    body = row.body.replace(b'"u-1"', b'"u-9"')
    with closing(sqlite3.connect(file.db)) as db, db:
        # Somebody who owns the file and means to.
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("UPDATE stegvis_record SET body = ?, leaf = ? WHERE id = ?", (body, leaf_hash(body), row.id))
    assert file.say("verify").exit == 1
    replay = file.say("replay", case, who=COUNSELLOR)
    assert replay.exit == 1
    assert "LOGGEN HÅLLER INTE IHOP" in replay.out
    faults = file.say("replay", case, "--json", who=COUNSELLOR).json["faults"]
    assert faults
    assert all(set(one) == {"code", "version"} for one in faults)


def test_an_empty_file_says_so(file: File) -> None:
    SqlStore(file.db).close()
    for command in ("tick", "deliver", "rebuild", "verify"):
        assert file.say(command).out.strip().endswith("Filen har inga ärenden.")


# Checking definitions


def test_check_says_place_rule_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "bad.yaml").write_text("format: 1\nroutine: bad\nextra: 1\n", "utf-8")
    said = say("check", tmp_path, "--lang", "en")
    assert (said.exit, said.err) == (1, "")
    assert f"{tmp_path}/routines/bad.yaml:3:1 error " in said.out
    assert "Do this: " in said.out


@pytest.mark.deep
def test_check_says_the_same_as_json(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "bad.yaml").write_text("format: 1\nroutine: bad\nextra: 1\n", "utf-8")
    found = say("check", tmp_path, "--json")
    assert found.exit == 1
    assert found.json["errors"] > 0
    assert {"rule", "file", "line", "column", "says", "do", "severity"} <= set(found.json["findings"][0])


@pytest.mark.deep
def test_check_is_content_with_what_comes_along() -> None:
    said = say("check", "--as-of", "2026-05-03", "--json")
    assert (said.exit, said.json["errors"]) == (0, 0)


def test_check_wants_a_day_and_a_folder() -> None:
    assert say("check", "--as-of", "i maj").exit == 2
    assert say("check", "/nowhere").exit == 2


def test_a_command_that_is_sent_again_gets_its_answer_wherever_the_case_stands_by_then(file: File) -> None:
    case = file.open("--set", "protected=nej")
    look = ("take", case, "look", "--set", "flame=high", "--set", "wind=3", "--key", "k-look", "--json")
    first = file.say(*look, who=COUNSELLOR).json
    assert file.say(*look, who=COUNSELLOR).json == first
    assert file.say("take", case, "tell", who=COUNSELLOR).exit == 0
    assert "ended" in file.say(*look[:-2], "k-other", "--json", who=COUNSELLOR).codes
    assert file.say(*look, who=COUNSELLOR).json == first
    other = [one.replace("wind=3", "wind=4") for one in look]
    assert file.say(*other, who=COUNSELLOR).codes == {"key_reused"}
