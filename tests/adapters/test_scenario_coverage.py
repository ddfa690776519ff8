"""What stories have hit of the routines: counted from what was seen, refused and recorded."""

import json
from pathlib import Path

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.scenario_coverage import KINDS, Coverage, Hit, everything
from stegvis.adapters.scenarios import REFERENCE, play
from stegvis.routines.library import shipped
from stegvis.routines.reader import read

from .commands import say


def covered(path: Path, cut: str | None = None) -> Coverage:
    """What a story has hit; with ``cut``, the story as far as the step before that text."""
    found = Coverage()
    text = path.read_text("utf-8")
    if cut is not None:
        text = text[: text.rindex("\n  - ", 0, text.index(cut))] + "\n"
    play(read(text.encode(), path.name), shipped(), MemoryStore(), coverage=found)
    return found


def test_nothing_is_hit_before_a_story_is_played() -> None:
    assert Coverage().missed(shipped()) == list(everything(shipped()))
    assert len(set(everything(shipped()))) == len(list(everything(shipped())))
    assert {one.kind for one in everything(shipped())} == set(KINDS)


def test_a_story_hits_what_it_shows_refuses_and_records_and_nothing_else() -> None:
    path = REFERENCE.with_name("guardian-is-the-threat.yaml")
    hits = covered(path).hits
    assert Hit("report", "refusal", "contact_guardian", "contact_open") in hits
    assert Hit("report", "step", "", "decide_contact") in hits
    assert Hit("report", "deadline", "", "contact_review") in hits
    assert {one.routine for one in hits} == {"report"}
    assert hits <= set(everything(shipped()))


def test_a_shorter_story_hits_no_more() -> None:
    path = REFERENCE.with_name("guardian-is-the-threat.yaml")
    whole, part = covered(path).hits, covered(path, "take: contact_guardian").hits
    assert part < whole
    assert not [one for one in part if one.where == "contact_guardian" and one.kind == "refusal"]


def test_the_command_line_counts_and_names_what_is_missing() -> None:
    told = say("play", "--quiet", "--coverage", "--json", REFERENCE)
    counted = json.loads(told.out)["coverage"]["suspicion"]
    hits = covered(REFERENCE).hits
    for kind in KINDS:
        one = counted[kind]
        assert one["of"] - one["hit"] == len(one["missed"])
        assert one["hit"] == sum(1 for hit in hits if (hit.routine, hit.kind) == ("suspicion", kind))
    lines = say("play", "--quiet", "--coverage", REFERENCE).out
    assert f"Frister som har startat: {counted['deadline']['hit']} av {counted['deadline']['of']}" in lines
    assert all(f"    - {name}" in lines for name in counted["deadline"]["missed"])
