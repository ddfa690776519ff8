"""Correcting on the command line: the new answer, the old one in the proof, and what had rested on it."""

from pathlib import Path

import pytest

from .commands import COUNSELLOR, HEAD, PLANTED, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.fixture
def looked(file: File) -> str:
    """A case in which somebody has looked at the flame."""
    case = file.open()
    look = ("flame=low", "wind=3", "smoke=x")
    said = file.say("take", case, "look", *(part for one in look for part in ("--set", one)), who=COUNSELLOR)
    assert said.exit == 0, said
    return case


def test_an_answer_is_corrected_and_the_steps_that_rested_on_it_are_told(file: File, looked: str) -> None:
    said = file.say("correct", looked, "look.wind=30", "--reason", PLANTED, "--lang", "en", who=COUNSELLOR)
    assert (said.exit, said.err) == (0, "")
    assert "Corrected. Version 3." in said.out
    assert "(WOULD HAVE COME OUT OTHERWISE)" in said.out
    assert PLANTED not in said.out
    shown = file.say("guide", looked, "--lang", "en", who=COUNSELLOR).out
    assert ": 30 (corrected 2" in shown
    assert "The old answer lay behind: " in shown
    proof = file.say("replay", looked, "--lang", "en", who=COUNSELLOR)
    assert proof.exit == 0
    assert "Before: 3. Now: 30." in proof.out


def test_the_document_names_the_steps_and_the_same_key_answers_the_same(file: File, looked: str) -> None:
    command = ("correct", looked, "look.wind=30", "look.flame=high", "--reason", "x", "--key", "k-c", "--json")
    first, again = (file.say(*command, who=COUNSELLOR).json for _ in range(2))
    assert first == again
    (one,) = first["rested"]
    assert (one["trigger"], one["facts"], one["how"]) == ("look", ["look.flame", "look.wind"], ["guard", "way"])
    assert one["otherwise"] is True
    assert first["version"] == 3


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ((), {"nothing_to_correct"}),
        (("look.wind=many",), {"not_number"}),
        ((f"{PLANTED}=1",), {"nothing_to_correct"}),
        (("look.wind",), {"not_a_pair"}),
    ],
)
def test_what_cannot_be_corrected_is_told_without_repeating_it(
    file: File, looked: str, facts: tuple[str, ...], codes: set[str]
) -> None:
    said = file.say("correct", looked, *facts, "--reason", "x", "--json", who=COUNSELLOR)
    assert codes <= said.codes
    assert PLANTED not in said.out


def test_who_may_not_correct_is_told_who_may(file: File, looked: str) -> None:
    assert "role" in file.say("correct", looked, "look.wind=4", "--reason", "x", "--json", who=HEAD).codes
    assert file.say("correct", looked, "look.wind=4", who=COUNSELLOR).exit == 2
