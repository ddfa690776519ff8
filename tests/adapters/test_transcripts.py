"""Talks from start to end as they stood on the screen. To write them anew after a change that is meant:

STEGVIS_WRITE_TRANSCRIPTS=1 .venv/bin/pytest tests/adapters/test_transcripts.py
"""

import os
from collections.abc import Callable

import pytest

from stegvis.adapters.cli.answering import Said
from stegvis.routines.library import shipped

from .talks import COLLEAGUE, COUNSELLOR, TEACHER, TRANSCRIPTS, Room, Script, hold, reading, transcript

WRITE = os.environ.get("STEGVIS_WRITE_TRANSCRIPTS") == "1"


def suspicion(room: Room) -> str:
    return room.engine.open("suspicion", actor=TEACHER, form={"danger": False}, person="p-1", key=room.key()).id


SUSPICION = {
    "place": ["i klassrummet", ""],
    "changes_at": ["i dag", "i dag kl. 15.10"],
    "changes_how": ["1"],
    "seen": ["Eleven säger att hen inte vågar gå hem.", "Brodern väntar utanför.", ""],
    "arose": ["3"],
    "check": ["?", "1", "ja"],
}


def swedish() -> str:
    room = Room(shipped())
    case = suspicion(room)
    script = Script(room, case, TEACHER, ["?", "l", "r", "v", "open.complete", "h", "v", "q"], SUSPICION)
    return transcript(hold(room.dialogue(case, TEACHER).talk(), script), 80)


def english() -> str:
    room = Room(shipped())
    case = suspicion(room)
    answers = {
        **SUSPICION,
        "changes_at": ["3/5", "today at 15:10"],
        "check": ["0", "yes"],
        "happened": ["3 days ago", "for two hours", "b"],
    }
    answers["right"] = ["yes"]
    script = Script(room, case, TEACHER, ["?", "open.complete", "h", "q"], answers)
    return transcript(hold(room.dialogue(case, TEACHER, "en").talk(), script), 80)


def narrow() -> str:
    room = Room(shipped())
    case = suspicion(room)
    script = Script(room, case, TEACHER, ["report", "q"], {"check": ["ja", "s"]})
    return transcript(hold(room.dialogue(case, TEACHER).talk(), script), 40)


def two_people() -> str:
    """Two counsellors, two terminals, one case: a line each, marked with who sits there."""
    room = Room()
    case = room.lantern()
    told = list[str]()
    people = {who.id: room.dialogue(case, who).talk() for who in (COUNSELLOR, COLLEAGUE)}
    said = {who: next(talk) for who, talk in people.items()}

    def line(who: str, text: str) -> None:
        room.clock.jump(minutes=1)
        told.extend([f"{who}| {one}" for one in (*said[who].lines, f"{said[who].prompt}{text}")])
        said[who] = people[who].send(text)

    numbers = {
        one.trigger: str(n)
        for n, one in enumerate((a for a in room.engine.guide(case, actor=COUNSELLOR).actions if a.open), 1)
    }
    line("u-1", numbers["look"])
    line("u-1", "1")
    line("u-4", numbers["note"])
    line("u-4", "Lyktan står i fönstret.")
    line("u-4", "")
    line("u-4", "ja")
    line("u-1", "4")
    line("u-1", "h")
    line("u-1", numbers["look"])
    line("u-1", "ja")
    for text in ("jag", "vet inte", "nej", "ja"):
        line("u-1", text)
    told.extend(f"u-1| {one}" for one in said["u-1"].lines)
    return "\n".join(line.rstrip() for line in told) + "\n"


def broken_off() -> str:
    """The terminal goes in the middle of a line, and somebody goes on the next day."""
    room = Room(shipped())
    case = suspicion(room)
    number = str(
        [one.trigger for one in room.engine.guide(case, actor=TEACHER).actions if one.open].index("open.complete") + 1
    )
    first = room.dialogue(case, TEACHER)
    before = hold(first.talk(), reading(number, "i klassrummet", "", "", "Eleven säger"))
    assert first.lost("att hen inte") is not None
    room.clock.jump(days=1)
    answers = {"seen": ["Eleven säger att hen inte vågar gå hem.", ""]}
    script = Script(room, case, TEACHER, ["open.complete"], answers)
    after = hold(room.dialogue(case, TEACHER).talk(), script)
    return f"{transcript(before, 80)}\n~~~ 2026-03-03 ~~~\n\n{transcript(after, 80)}"


WHOLE = {
    "danger": ["do not know", "no"],
    "arose": ["3"],
    "account": ["She says that she will be married in the summer.", ""],
    "consider_before_contact": ["Her brother reads her telephone.", ""],
    "honour": ["yes"],
    "about": ["1"],
    "child_identity": ["A pupil in 9 A"],
    "protected_identity": ["2"],
    "duty": ["1"],
    "reporter": ["The counsellor"],
    "fetches": ["Social services come before the day ends"],
    "sleeps": ["Social services decide"],
    "channel": ["In the school nurse's room", ""],
    "knows_112": ["yes"],
    "next_contact": ["4 March 2026 at 8:15"],
    "how": ["2", "1"],
    "worse": ["no"],
    "why": ["Social services have taken over", ""],
    "adult_at_school": ["yes"],
}
"""What a member of staff answers who has never seen the routine; by question, in whatever step it comes."""


def start_to_end(width: int) -> str:
    """A worry is noted, reported and handed over, in English, by somebody who reads what stands there."""
    room = Room(shipped())
    dialogue = room.dialogue("", lang="en")
    steps = ["?", "report", "r", "tonight", "confirm_receipt", "follow_up", "close", "h", "q"]
    script = Script(room, "", COUNSELLOR, steps, {**WHOLE, "check": ["yes", "1", "yes"]})

    def read(said: Said) -> str:
        script.case = dialogue.case
        room.engine.deliver("skola")
        return script(said)

    return transcript(hold(dialogue.opening("suspicion", person="p-1"), read), width)


def start_to_end_80() -> str:
    return start_to_end(80)


def start_to_end_40() -> str:
    return start_to_end(40)


@pytest.mark.parametrize("made", [swedish, english, narrow, two_people, broken_off, start_to_end_80, start_to_end_40])
def test_a_talk_stands_as_it_was_kept(made: Callable[[], str]) -> None:
    path = TRANSCRIPTS / f"{made.__name__}.txt"
    text = made()
    if WRITE:
        TRANSCRIPTS.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, "if the change is meant: STEGVIS_WRITE_TRANSCRIPTS=1"


def test_somebody_who_has_never_seen_it_comes_to_the_end_in_english() -> None:
    text = start_to_end(80)
    assert "Reported, social services have taken over" in text
    assert text.count("It cannot be done yet") == 1, "only until it is known whether there is danger"


@pytest.mark.parametrize("made", [narrow, start_to_end_40])
def test_no_line_is_wider_than_forty_columns_unless_it_is_one_word(made: Callable[[], str]) -> None:
    for line in made().splitlines():
        assert len(line) <= 40 or " " not in line.strip()
