"""Playing a story: everything it shows holds, the log is proved, and what it says to try next works as pasted."""

import re
import shlex
from pathlib import Path

import pytest

from .commands import OVERLAY, Said, say

CASES = 9
"""The cases of the whole way: school, two reports, plan twice, support twice, the brother, the question about him."""
SMALL = Path(__file__).parent / "overlay" / "scenarios" / "small.yaml"


@pytest.fixture(scope="module")
def whole_way(tmp_path_factory: pytest.TempPathFactory) -> Said:
    return say("play", "--db", tmp_path_factory.mktemp("play") / "cases.db", "--lang", "sv")


def pasted(said: Said) -> list[list[str]]:
    """The arguments of every line that is there to be copied."""
    lines = [line for line in said.out.splitlines() if " --db " in line]
    return [line[line.index("-m") + 2 :] if "-m" in line else line[1:] for line in map(shlex.split, lines)]


def test_the_whole_way_holds_and_is_proved(whole_way: Said) -> None:
    assert (whole_way.exit, whole_way.err) == (0, ""), whole_way.out[-3000:]
    assert whole_way.out.count("Loggen håller ihop") == CASES
    assert "HÅLLER INTE" not in whole_way.out
    refused = re.search(r"Nekade steg, som väntat: (\d+)", whole_way.out)
    assert refused is not None
    steps = re.search(r"Steg: (\d+)", whole_way.out)
    assert steps is not None
    assert int(steps[1]) >= 60
    assert int(refused[1]) >= int(steps[1]) / 5
    assert whole_way.out.count("Därför:") > whole_way.out.count("Det går inte")
    assert whole_way.out.count("Gör så här:") >= 3


def test_what_it_says_to_try_next_works(whole_way: Said) -> None:
    commands = pasted(whole_way)
    assert [one[0] for one in commands] == ["guide", "explain", "take", "due", "tick", "replay", "verify"]
    for command in commands:
        said = say(*command)
        assert (said.exit, said.err) == (0, ""), (command, said)
        assert said.out


def test_no_line_but_those_to_be_copied_is_wider_than_the_terminal() -> None:
    said = say("play", SMALL, "--definitions", OVERLAY, COLUMNS="40")
    assert said.exit == 0, said
    whole = [line for line in said.out.splitlines() if " --db " not in line and "cases.db" not in line]
    assert [line for line in whole if len(line) > 40 and " " in line.strip()] == []
    assert not re.search(r"[\x1b\r\b━│]", said.out)


def test_a_story_of_ones_own_is_played_in_a_file_of_its_own(tmp_path: Path) -> None:
    db = tmp_path / "small.db"
    said = say("play", SMALL, SMALL, "--definitions", OVERLAY, "--db", db, "--quiet", "--lang", "en")
    assert (said.exit, said.err) == (0, "")
    assert said.out.count("A light: holds.") == 2
    assert str(db) in said.out
    assert db.exists()


def test_the_document_of_a_story_has_all_of_it() -> None:
    found = say("play", SMALL, "--definitions", OVERLAY, "--json").json
    assert set(found) == {"stories", "verify", "replay", "file", "next"}
    (story,) = found["stories"]
    assert (story["steps"], story["refusals"], story["failures"]) == (4, 1, [])
    assert found["verify"]["sound"]
    assert all(one["sound"] for one in found["replay"])
    assert {one["for"] for one in found["next"]} >= {"guide", "take", "replay", "verify"}


def test_a_story_that_does_not_hold_says_where_and_ends_with_no(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SMALL.read_text("utf-8").replace("state: burning", "state: out"), "utf-8")
    said = say("play", wrong, "--definitions", OVERLAY, "--quiet")
    assert said.exit == 1
    line = next(n for n, text in enumerate(wrong.read_text("utf-8").splitlines(), 1) if "state: out" in text)
    assert f"wrong.yaml:{line}:" in said.out
    assert say("play", wrong, "--definitions", OVERLAY, "--json").json["stories"][0]["failures"][0]["line"] == line


def test_what_is_no_story_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("format: 1\n", "utf-8")
    assert "bad_definition" in say("play", tmp_path / "none.yaml", "--json").codes
    assert say("play", tmp_path / "gone.yaml").exit == 2
