"""Drafts on the command line: saved as typed, shown to who may see them, taken into the step."""

from pathlib import Path

import pytest

from .commands import COUNSELLOR, HEAD, INTAKE, PLANTED, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_a_draft_is_saved_as_it_is_shown_and_taken(file: File) -> None:
    case = file.open("--set", "protected=nej")
    said = file.say("draft", case, "look", "--set", f"smoke={PLANTED}", "--set", "wind=many", who=COUNSELLOR)
    assert (said.exit, said.err) == (0, "")
    assert PLANTED not in said.out
    shown = file.say("draft", case, "look", "--json", who=COUNSELLOR).json
    assert shown["form"] == {"smoke": PLANTED, "wind": "many"}
    assert (shown["actor"], shown["version"], shown["moved"], shown["here"]) == ("u-1", 1, False, True)
    refused = file.say("take", case, "look", "--draft", "--set", "flame=low", "--json", who=COUNSELLOR)
    assert "not_number" in refused.codes
    taken = file.say("take", case, "look", "--draft", "--set", "flame=low", "--set", "wind=3", who=COUNSELLOR)
    assert (taken.exit, taken.err) == (0, "")
    assert file.say("draft", case, "look", "--json", who=COUNSELLOR).codes == {"no_draft"}
    facts = file.say("guide", case, "--json", who=COUNSELLOR).json["guide"]["facts"]
    assert PLANTED in {one["value"]["sv"] for one in facts}


def test_what_is_written_later_is_added_to_the_draft(file: File) -> None:
    case = file.open("--set", "protected=nej")
    for later in (f"smoke={PLANTED}", "wind=1", "wind=2"):
        assert file.say("draft", case, "look", "--set", later, who=COUNSELLOR).exit == 0
    shown = file.say("draft", case, "look", "--json", who=COUNSELLOR).json
    assert shown["form"] == {"smoke": PLANTED, "wind": 2}
    assert file.say("draft", case, "look", "--of", "u-1", "--json", who=HEAD).json["form"] == shown["form"]
    assert file.say("draft", case, "look", "--set", "smoke=", "--set", "wind=3", who=COUNSELLOR).exit == 0
    assert file.say("draft", case, "look", "--json", who=COUNSELLOR).json["form"] == {"wind": 3}


def test_drafts_are_listed_without_their_answers_and_thrown_away_by_their_own(file: File) -> None:
    case = file.open("--set", "protected=nej")
    assert file.say("draft", case, "look", "--set", f"smoke={PLANTED}", who=COUNSELLOR).exit == 0
    for one in ((), (case,)):
        said = file.say("draft", *one, who=COUNSELLOR)
        assert "look" in said.out
        assert PLANTED not in said.out
    assert file.say("draft", "--json", who=HEAD).json == {"drafts": []}
    (listed,) = file.say("draft", case, "--json", who=HEAD).json["drafts"]
    assert (listed["actor"], listed["form"]) == ("u-1", None)
    shown = file.say("draft", case, "look", "--of", "u-1", who=HEAD).out
    assert PLANTED in shown
    assert "Svar som du inte får läsa" in shown
    assert "Svar som du inte får läsa" not in file.say("draft", case, "look", who=COUNSELLOR).out
    assert file.say("draft", case, "look", "--discard", who=HEAD).exit == 1
    assert file.say("draft", case, "look", "--discard", "--json", who=COUNSELLOR).json == {"discarded": True}
    assert file.say("draft", "--json", who=COUNSELLOR).json == {"drafts": []}


def test_a_case_that_moved_on_is_told(file: File) -> None:
    case = file.open()
    assert file.say("draft", case, "look", "--set", "wind=1", who=COUNSELLOR).exit == 0
    assert file.say("take", case, "look", "--set", "flame=high", "--set", "wind=3", who=COUNSELLOR).exit == 0
    assert file.say("draft", case, "tell", "--set", "x=1", who=COUNSELLOR).exit == 0
    assert "ÄRENDET HAR ÄNDRATS" not in file.say("draft", case, "tell", who=COUNSELLOR).out
    assert file.say("draft", case, "look", "--set", "wind=1", who=COUNSELLOR).exit == 0
    assert file.say("take", case, "tell", who=COUNSELLOR).exit == 0
    said = file.say("draft", case, "look", who=COUNSELLOR).out
    assert "ÄRENDET HAR ÄNDRATS. Utkastet är från version 2, nu är det 3." in said
    assert "Steget finns inte i det nuvarande läget." in said


def test_what_would_move_the_cursor_is_written_out(file: File) -> None:
    case = file.open()
    saved = file.say("draft", case, "look", "--set", "smoke=-", given="a\x1b[2Jb\u202ec\nd".encode(), who=COUNSELLOR)
    assert saved.exit == 0
    shown = file.say("draft", case, "look", who=COUNSELLOR).out
    assert "  smoke = a\\u001b[2Jb\\u202ec\\nd\n" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    whole = file.say("draft", case, "look", "--json", who=COUNSELLOR).json
    assert whole["form"] == {"smoke": "a\x1b[2Jb\u202ec\nd"}


def test_half_a_character_does_not_break_the_document(file: File) -> None:
    case = file.open()
    assert file.say("draft", case, "look", "--set", "smoke=a\udcffb", who=COUNSELLOR).exit == 0
    assert file.say("draft", case, "look", "--json", who=COUNSELLOR).json["form"] == {"smoke": "a?b"}
    assert file.say("draft", case, "look", who=COUNSELLOR).exit == 0


@pytest.mark.parametrize(
    "more",
    [
        ("--discard",),
        ("--of", "u-1"),
        ("--set", "wind=1"),
        ("CASE", "--discard"),
        ("CASE", "look", "--discard", "--set", "wind=1"),
        ("CASE", "look", "--of", "u-2", "--set", "wind=1"),
    ],
)
def test_one_thing_at_a_time(file: File, more: tuple[str, ...]) -> None:
    case = file.open()
    said = file.say("draft", *(case if one == "CASE" else one for one in more), "--json", who=COUNSELLOR)
    assert (said.exit, said.codes) == (2, {"one_draft_at_a_time"})


def test_another_organisation_is_told_nothing(file: File) -> None:
    case = file.open()
    assert file.say("draft", case, "look", "--set", "wind=1", who=COUNSELLOR).exit == 0
    for wanted in (case, "0" * 32):
        said = file.say("draft", wanted, "look", "--of", "u-1", "--json", who=INTAKE)
        assert said.codes == {"refused", "unknown_case"}
