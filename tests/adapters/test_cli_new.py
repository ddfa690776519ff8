"""`stegvis new routine`: what it writes passes its checks, its story and its test, in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import say, spawned

FILES = {"routines/night_call.yaml", "scenarios/night_call.yaml", "test_night_call.py"}


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which a routine has been begun."""
    mine = tmp_path / "mine"
    assert say("new", "routine", "night_call", "--into", mine).exit == 0
    return mine


def test_it_writes_a_definition_a_story_and_a_test_that_name_the_routine(folder: Path) -> None:
    assert written(folder) == FILES
    for file in FILES:
        text = (folder / file).read_text("utf-8")
        assert "night_call" in text
        assert "new_routine" not in text


def test_it_has_no_error_and_no_warning_of_its_own(folder: Path) -> None:
    found = say("check", folder, "--json").json["findings"]
    assert [one for one in found if "night_call" in one["file"]] == []


def test_its_story_holds(folder: Path) -> None:
    told = say("play", folder / "scenarios" / "night_call.yaml", "--definitions", folder, "--json")
    (story,) = told.json["stories"]
    assert (told.exit, story["failures"], story["refusals"]) == (0, [], 1)


@pytest.mark.deep
def test_its_test_passes_where_nothing_else_is(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_night_call.py"],
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "routines" / "night_call.yaml").unlink()
    before = {name: (folder / name).read_bytes() for name in written(folder)}
    assert say("new", "routine", "night_call", "--into", folder, "--json").codes == {"file_exists"}
    assert {name: (folder / name).read_bytes() for name in written(folder)} == before


def test_a_name_that_cannot_be_used_writes_nothing(tmp_path: Path) -> None:
    for name, code in (("Natt", "bad_routine_name"), ("../up", "bad_routine_name"), ("report", "routine_name_taken")):
        assert say("new", "routine", name, "--into", tmp_path, "--json").codes == {code}
    assert say("new", "policy", "natt", "--into", tmp_path, "--json").codes == {"bad_argument"}
    assert written(tmp_path) == set()


def test_it_comes_with_what_is_installed(tmp_path: Path) -> None:
    assert spawned("new", "routine", "night_call", cwd=tmp_path).exit == 0
    assert written(tmp_path) == FILES


# -- one that is another but for something


def test_one_that_extends_another_says_only_how_it_differs(tmp_path: Path) -> None:
    assert say("new", "routine", "night_call", "--extends", "suspicion_hr", "--into", tmp_path).exit == 0
    assert written(tmp_path) == FILES - {"scenarios/night_call.yaml"}
    text = (tmp_path / "routines" / "night_call.yaml").read_text("utf-8")
    assert "\nroutine: night_call\nextends: suspicion_hr\n" in text
    assert "\norganisation: [hr]\n" in text


@pytest.mark.parametrize("other", ["night_watch", "../up"])
def test_one_that_extends_what_is_not_there_writes_nothing(tmp_path: Path, other: str) -> None:
    told = say("new", "routine", "night_call", "--extends", other, "--into", tmp_path, "--json")
    assert told.codes == {"unknown_routine"}
    assert written(tmp_path) == set()


@pytest.mark.deep
def test_one_that_extends_another_is_checked_drawn_printed_and_tried_like_any(tmp_path: Path) -> None:
    assert say("new", "routine", "night_call", "--extends", "suspicion_health", "--into", tmp_path).exit == 0
    assert [one for one in say("check", tmp_path, "--json").json["findings"] if "night_call" in one["file"]] == []
    for command in ("diagram", "print"):
        told = say(command, "night_call", "--definitions", tmp_path)
        assert told.exit == 0
        assert "Se till att patienten får tala ensam med dig" in " ".join(told.out.split())
    left = say("doctor", "--definitions", tmp_path, "--json").json["left"]
    assert [one["name"] for one in left if one["duty"] == "adopt" and one["name"] == "night_call"] == ["night_call"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_night_call.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout
    spoilt = tmp_path / "routines" / "night_call.yaml"
    spoilt.write_text(spoilt.read_text("utf-8") + "without: [states.noticed, states.nowhere]\n", "utf-8")
    (found,) = [one for one in say("check", tmp_path, "--json").json["findings"] if one["severity"] == "error"]
    line = spoilt.read_text("utf-8").count("\n")
    assert (found["rule"], found["file"], found["line"]) == ("variant-nothing-there", "routines/night_call.yaml", line)
