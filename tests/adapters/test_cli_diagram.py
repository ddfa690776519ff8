"""`stegvis diagram`: the picture of a routine, and of where a case stands in it."""

from pathlib import Path

import pytest

from .commands import COUNSELLOR, INTAKE, PLANTED, File, say


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_a_routine_is_told_as_text_and_drawn_in_three_ways() -> None:
    told = say("diagram", "suspicion")
    assert (told.exit, told.err) == (0, "")
    assert "1. Ring 112 nu" in told.out
    assert "1. Ring 112 now" in say("diagram", "suspicion", "--lang", "en").out
    assert say("diagram", "suspicion", "--drawn", "svg").out.startswith("<svg ")
    assert "stateDiagram-v2" in say("diagram", "suspicion", "--drawn", "mermaid").out
    assert say("diagram", "suspicion", "--drawn", "html").out.startswith("<!doctype html>")


def test_the_text_fits_forty_columns() -> None:
    told = say("diagram", "report", COLUMNS="40")
    assert max(map(len, told.out.splitlines())) <= 40


def test_a_day_chooses_the_version_and_the_law() -> None:
    assert "2026-01-15" in say("diagram", "report", "--as-of", "2026-01-15").out.splitlines()[2]
    assert say("diagram", "suspicion", "--as-of", "1999-01-01", "--json").codes == {"routine_not_valid"}
    assert say("diagram", "suspicion", "--as-of", "May", "--json").codes == {"not_date"}


def test_a_case_is_marked_where_it_stands_and_the_look_is_noted(file: File) -> None:
    case = file.open("--set", "protected=ja")
    told = file.say("diagram", "--case", case, who=COUNSELLOR)
    assert [line for line in told.out.splitlines() if "NI ÄR HÄR" in line] == ["1. NI ÄR HÄR. Se efter hur den brinner"]
    said = file.say("diagram", "--case", case, "--drawn", "svg", "--json", who=COUNSELLOR).json
    assert (said["routine"], said["as"], said["here"]) == ("lantern", "svg", "lit")
    assert "NI ÄR HÄR" in said["drawing"]
    assert file.say("who", case, "--json", who=COUNSELLOR).out.count('"read"') >= 2


def test_nothing_that_somebody_wrote_is_in_the_picture(file: File) -> None:
    case = file.open()
    for drawn in ("text", "mermaid", "svg", "html"):
        told = file.say("diagram", "--case", case, "--drawn", drawn, who=COUNSELLOR)
        assert told.exit == 0
        assert PLANTED not in told.out
        assert case not in told.out


def test_whoever_may_not_see_the_case_sees_no_picture_of_it(file: File) -> None:
    case = file.open()
    assert file.say("diagram", "--case", case, "--json", who=INTAKE).codes == {"refused", "unknown_case"}


def test_either_a_routine_or_a_case_is_asked_for() -> None:
    assert say("diagram", "--json").codes == {"routine_or_case"}
    assert say("diagram", "suspicion", "--case", "0" * 32, "--json").codes == {"routine_or_case"}
    assert say("diagram", "nothing", "--json").codes == {"unknown_routine"}
