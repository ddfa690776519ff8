"""Who is in a case, who has looked, a sample and the openings to be seen, on the command line."""

from pathlib import Path

import pytest

from .commands import COUNSELLOR, HEAD, File, Said

ORDER = """\
format: 1
kinds:
  school:
    unheld: opener
    oversees: {organisation: [head_teacher]}
    may: {name: [head_teacher], bar: [head_teacher], who: [head_teacher]}
    demands: {bias: [named]}
    audits: [auditor]
    break_glass: {by: [school_employee], lasts: break_glass_lasts, seen: break_glass_seen, announce: [head_teacher]}
"""
TEACHER = ("--actor", "u-7", "--role", "school_employee", "--unit", "ak-9", "--organisation", "skola")
AUDITOR = ("--actor", "g-1", "--role", "auditor", "--unit", "kansli", "--organisation", "skola")


@pytest.fixture
def file(tmp_path: Path) -> File:
    order = tmp_path / "order"
    order.mkdir()
    (order / "access.yaml").write_text(ORDER, "utf-8")
    made = File(tmp_path)
    made.place = (*made.place, "--definitions", order)
    return made


def changed(file: File, case: str, kind: str, *said: str, who: tuple[str, ...], given: bytes = b"") -> Said:
    pairs = [part for one in said for part in ("--set", one)]
    return file.say("change", case, kind, *pairs, who=who, given=given)


def test_somebody_is_let_in_says_that_they_are_clear_and_is_let_out(file: File) -> None:
    case = file.open()
    assert file.say("guide", case, "--json", who=TEACHER).codes == {"refused", "unknown_case"}
    assert changed(file, case, "name", "who=u-7", who=COUNSELLOR).exit == 1
    done = changed(file, case, "name", "who=u-7", who=HEAD)
    assert (done.exit, "Version 2" in done.out) == (0, True)
    assert file.say("guide", case, "--json", who=TEACHER).codes == {"refused", "bias_first"}
    assert changed(file, case, "bias", "out=clear", who=TEACHER).exit == 0
    assert file.say("guide", case, "--how", "print", who=TEACHER).exit == 0
    assert changed(file, case, "unname", "who=u-7", who=HEAD).exit == 0
    assert file.say("guide", case, "--json", who=TEACHER).codes == {"refused", "unknown_case"}
    assert changed(file, case, "rename", who=HEAD).exit == 2
    assert file.say("verify").exit == 0
    assert file.say("replay", case, who=AUDITOR).exit == 0


def test_a_broken_glass_is_read_with_its_reason_and_acknowledged(file: File) -> None:
    case = file.open()
    assert "Inga" in file.say("openings", who=HEAD).out
    assert changed(file, case, "break_glass", who=TEACHER).exit == 2
    assert changed(file, case, "break_glass", "reason=-", who=TEACHER, given="Någon står i dörren".encode()).exit == 0
    shown = file.say("openings", who=HEAD)
    assert "Någon står i dörren" not in shown.out
    assert "Någon står i dörren" in file.say("openings", "--reveal", who=HEAD).out
    (one,) = file.say("openings", "--json", who=HEAD).json["openings"]
    assert (one["case"], one["actor"], one["opening"]) == (case, "u-7", "2")
    assert file.say("openings", who=TEACHER).exit == 1
    assert changed(file, case, "see_opening", "of=2", who=HEAD).exit == 0
    assert file.say("openings", "--json", who=HEAD).json == {"openings": []}


def test_who_has_looked_and_a_sample_of_it(file: File) -> None:
    case = file.open()
    file.say("guide", case, "--how", "export", who=COUNSELLOR)
    file.say("guide", case, who=TEACHER)
    assert file.say("who", case, who=COUNSELLOR).exit == 1
    lines = file.say("who", case, "--lang", "en", who=HEAD).out.splitlines()
    assert [line.split(". ")[1] for line in lines[:3]] == ["Done", "Exported", "REFUSED"]
    assert "unknown_case" in lines[2]
    looks = file.say("who", case, "--json", who=AUDITOR).json["looks"]
    assert [one["kind"] for one in looks][:3] == ["step", "export", "refused"]

    first = file.say("sample", "--seed", "7", "--count", "2", "--json", who=AUDITOR).json
    assert (first["seed"], len(first["looks"])) == (7, 2)
    assert "7" in file.say("sample", "--seed", "7", who=AUDITOR).out.splitlines()[-1]
    assert file.say("sample", "--count", "0", "--json", who=AUDITOR).codes == {"out_of_range"}
    assert file.say("sample", who=HEAD).exit == 1
