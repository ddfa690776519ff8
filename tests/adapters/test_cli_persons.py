"""Protected identity on the command line: a planted word comes back nowhere until somebody with the right asks."""

import json
from pathlib import Path

import pytest

from .commands import COUNSELLOR, HEAD, PLANTED, File

CHECKED = ("--set", "checked=2026-03-01", "--set", "source=population_register")
TEACHER = ("--actor", "u-3", "--role", "school_employee", "--unit", "sjuan", "--organisation", "skola")


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def channel(tmp_path: Path, **said: object) -> Path:
    way = {"kind": "phone", "where": PLANTED, "hours": PLANTED}
    whole = {
        "ways": [way],
        "code_word": PLANTED,
        "voicemail": False,
        "letters": False,
        "messages": False,
        "why": PLANTED,
    }
    path = tmp_path / "channel.json"
    path.write_text(json.dumps({**whole, **said}))
    return path


@pytest.mark.parametrize("how", [(), ("--json",), ("--lang", "en")])
def test_a_planted_word_is_in_no_command_log_or_file_name(file: File, tmp_path: Path, how: tuple[str, ...]) -> None:
    case, log = file.open("--person", "p-1"), tmp_path / "log.json"
    form = channel(tmp_path)
    assert file.say("channel", case, "p-1", "--form", form, *how, who=COUNSELLOR).exit == 0
    level = ("--set", "level=fictitious_identity")
    assert file.say("protected", case, *level, *CHECKED, *how, who=COUNSELLOR).exit == 0
    assert file.say("draft", case, "note", "--set", f"line={PLANTED}", *how, who=COUNSELLOR).exit == 0
    asked = [
        ("guide", case),
        ("explain", case, "look"),
        ("explain", case, "look", "--set", f"smoke={PLANTED}", "--set", "flame=x"),
        ("take", case, "look", "--set", f"flame={PLANTED}"),
        ("take", case, PLANTED),
        ("correct", case, "first.account", "--reason", PLANTED),
        ("guide", case, "--reveal", PLANTED),
        ("guide", case, "--reveal", "first.nothing"),
        ("guide", case, "--how", "export"),
        ("draft", case),
        ("draft", case, "note", "--of", "u-1"),
        ("due",),
        ("who", case),
        ("sample",),
        ("openings",),
        ("replay", case),
        ("protected", case),
        ("protected", case, "--set", f"level={PLANTED}"),
        ("contacts", case),
        ("channel", case, "p-1"),
        ("channel", case, PLANTED + " x"),
    ]
    for arguments in asked:
        said = file.say(*arguments, "--log", log, *how, who=HEAD)
        assert PLANTED not in said.out + said.err, arguments
    for command in (("verify",), ("tick",), ("deliver",), ("health",), ("backup", tmp_path / "copy")):
        said = file.say(*command, *how)
        assert PLANTED not in said.out + said.err, command
    form.unlink()
    for path in tmp_path.rglob("*"):
        assert PLANTED not in path.name
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes(), path


def test_what_is_asked_for_is_shown_to_who_may_see_it(file: File, tmp_path: Path) -> None:
    case = file.open("--person", "p-1")
    assert PLANTED in file.say("guide", case, "--reveal", "first.account", who=COUNSELLOR).out
    assert file.say("guide", case, "--reveal", "first.account", "--json", who=HEAD).codes == {
        "refused",
        "no_such_answer",
    }
    assert file.say("channel", case, "p-1", "--form", channel(tmp_path), who=COUNSELLOR).exit == 0
    assert PLANTED in file.say("channel", case, "p-1", "--reveal", who=HEAD).out
    (shown,) = file.say("channel", case, "p-1", "--reveal", "--json", who=HEAD).json["channel"]["ways"]
    assert shown["where"] == PLANTED


def test_the_word_stands_first(file: File) -> None:
    case = file.open("--set", "leaves=2030-05-03T14:30+02:00")
    for command in (
        ("guide", case),
        ("replay", case),
        ("contacts", case),
        ("channel", case, "p-1"),
        ("protected", case),
        ("explain", case, "look"),
    ):
        first = file.say(*command, "--lang", "en", who=HEAD).out.splitlines()[0]
        assert first == "PROTECTED IDENTITY: NOT KNOWN. Treat as protected.", command
    assert file.say("draft", case, "look", "--set", "wind=3", who=HEAD).exit == 0
    drawn = ("diagram", "--case", case)
    for command in (("due",), ("who", case), drawn, ("draft", case), ("draft", case, "look")):
        first = file.say(*command, "--lang", "en", who=HEAD).out.splitlines()[0]
        assert first.startswith("[NOT KNOWN WHETHER PROTECTED] "), command
    for way in ("mermaid", "svg", "html"):
        title = file.say(*drawn, "--drawn", way, "--lang", "en", who=HEAD).out.split("[NOT KNOWN WHETHER PROTECTED]")
        assert len(title) > 1, way
    assert file.say(*drawn, "--json", who=HEAD).json["identity"]["level"] == "unknown"
    assert "PROTECTED" not in file.say("diagram", "lantern", "--lang", "en").out
    assert next(iter(file.say("due", "--json", who=HEAD).json["deadlines"]))["identity"]["level"] == "unknown"


def test_who_notes_it_says_level_day_and_source(file: File) -> None:
    case = file.open()
    missing = file.say("protected", case, "--set", "level=none", "--json", who=COUNSELLOR)
    assert (missing.exit, missing.codes) == (2, {"refused", "missing"})
    assert [one["name"] for one in missing.json["error"]["questions"]] == ["level", "checked", "source"]
    refused = file.say("protected", case, "--set", "level=none", *CHECKED, "--json", who=TEACHER)
    assert (refused.exit, refused.codes) == (1, {"refused", "role"})
    done = file.say("protected", case, "--set", "level=none", *CHECKED, "--json", who=COUNSELLOR).json
    assert set(done) == {"case", "version", "record", "key"}
    assert file.say("protected", case, "--lang", "en", who=HEAD).out == (
        "Protected identity: NO. Checked 2026-03-01, source: the population register.\n"
    )
