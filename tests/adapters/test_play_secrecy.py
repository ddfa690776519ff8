"""A told story keeps what it is told of: in each of its steps stand only words that its actor may read, or has written.

Every text in a story is a word of its own. Who may read it is worked out here anew, from the questions alone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .commands import OVERLAY, say

PEOPLE = {
    "kurator": ("u-1", "school_counsellor", "elevhalsa", "skola"),
    "larare": ("u-3", "school_employee", "sjuan", "skola"),
    "rektor": ("u-2", "head_teacher", "ledning", "skola"),
    "mottagare": ("s-1", "intake_worker", "mottag", "socialtjanst"),
}
WORD = re.compile(r"ord\d{3}slut")
CHECKED = {"checked": "2026-03-01", "source": "population_register"}
CLOSED = {"voicemail": False, "letters": False, "messages": False}
KINDS = (
    *("look", "look", "reveal", "note", "smoke", "windy", "explain"),
    *("mend_account", "mend_line", "none", "stated", "channel", "tell"),
)

moves = st.lists(st.tuples(st.sampled_from(sorted(PEOPLE)), st.sampled_from(KINDS)), min_size=1, max_size=9)
Step = dict[str, Any]


class Told:
    """A story, and for each of its steps the words that may stand in it."""

    def __init__(self, protected: bool | None, drawn: Sequence[tuple[str, str]]) -> None:
        self.steps: list[Step] = []
        self.may: list[set[str]] = []
        self.shut = protected is not False
        self.number = 0
        self.ours: set[str] = set()
        """Words that only those who work with the child read; ``all`` read the rest."""
        self.all: set[str] = set()
        first = self.word(self.ours)
        known = {} if protected is None else {"protected": protected}
        self.add("kurator", {"open": "lantern", "case": "lykta", "form": {"account": first, **known}})
        for who, kind in drawn:
            self.move(who, kind, first)

    def word(self, *of: set[str]) -> str:
        self.number += 1
        one = f"ord{self.number:03}slut"
        for words in of:
            words.add(one)
        return one

    def add(self, who: str, step: Step) -> None:
        own = set(WORD.findall(json.dumps({name: one for name, one in step.items() if name != "then"})))
        school, near = PEOPLE[who][3] == "skola", who in {"kurator", "larare"}
        read = self.all | self.ours if near else self.all
        self.may.append(own | read if school and not self.shut else own)
        self.steps.append({"who": who, **step})

    def move(self, who: str, kind: str, first: str) -> None:
        here: Step = {"case": "lykta"}
        match kind:
            case "look":
                self.add(who, {"look": True, **here, "then": {"shows": [first]}})
            case "reveal":
                self.add(who, {"look": True, "reveal": ["first.account"], **here, "then": {"hides": [first]}})
            case "note":
                self.add(who, {"take": "note", **here, "form": {"line": self.word(self.all)}})
            case "smoke" | "windy":
                wind = 3 if kind == "smoke" else 30
                self.add(who, {"take": "look", **here, "form": self.smoke(wind)})
            case "explain":
                self.add(who, {"explain": "look", **here, "form": self.smoke(3)})
            case "mend_account":
                self.add(who, {"correct": {"first.account": self.word(self.ours)}, "reason": self.word(), **here})
            case "mend_line":
                self.add(who, {"correct": {"note.line": self.word(self.all)}, "reason": self.word(), **here})
            case "none" | "stated":
                self.add("kurator", {"change": "identity", **here, "form": {"level": kind, **CHECKED}})
                self.shut = kind == "stated"
            case "channel":
                way = {"kind": "phone", "where": self.word(), "hours": self.word()}
                form = {"person": "p-1", "ways": [way], "code_word": self.word(), **CLOSED}
                self.add("kurator", {"change": "channel", **here, "form": form})
            case _:
                self.add("kurator", {"take": "look", **here, "form": {"flame": "high", "wind": 3}})
                self.add("kurator", {"take": "tell", **here})

    def smoke(self, wind: int) -> dict[str, object]:
        return {"flame": "low", "wind": wind, "smoke": self.word(self.all)}

    def write(self, file: Path) -> Path:
        actors: Mapping[str, object] = {
            name: {"title": {"sv": name, "en": name}, "id": id, "roles": [role], "unit": unit, "organisation": place}
            for name, (id, role, unit, place) in PEOPLE.items()
        }
        title = {"sv": "En saga", "en": "A tale"}
        story = {"format": 1, "title": title, "tells": title, "start": "2026-03-02T09:00+01:00", "actors": actors}
        file.write_text(json.dumps({**story, "steps": self.steps}), "utf-8")
        return file


def check(protected: bool | None, drawn: Sequence[tuple[str, str]], lang: str = "sv") -> int:
    """How many words somebody was rightly shown that they had not written just then."""
    story = Told(protected, drawn)
    with TemporaryDirectory() as folder:
        file = story.write(Path(folder) / "story.yaml")
        printed = say("play", file, "--definitions", OVERLAY, "--lang", lang)
        document = say("play", file, "--definitions", OVERLAY, "--json")
    assert "bad_definition" not in document.out, document.out
    before, *steps = re.split(r"^(?:Steg|Step) \d+ · .*$", printed.out, flags=re.MULTILINE)
    last, _, proof = steps[-1].partition("Loggen kontrolleras" if lang == "sv" else "The log is verified")
    assert proof, printed.out[-2000:]
    assert len(steps) == len(story.steps)
    rightly = 0
    for number, said in enumerate([*steps[:-1], last]):
        seen = set(WORD.findall(said))
        assert seen <= story.may[number], ("printed", story.steps[number])
        rightly += len(seen - set(WORD.findall(json.dumps(story.steps[number]))))
    # Nobody in the story is asked to prove it: an auditor is, who reads what everybody may.
    everybody = set[str]() if story.shut else story.all
    assert set(WORD.findall(before + proof + printed.err)) <= everybody, "printed"
    assert set(WORD.findall(document.out + document.err)) <= everybody, "json"
    return rightly


@settings(deadline=None, max_examples=8)
@given(protected=st.sampled_from([True, False, None]), drawn=moves, lang=st.sampled_from(["sv", "en"]))
def test_a_played_story_shows_nobody_a_word_that_they_may_not_read(
    protected: bool | None,
    drawn: Sequence[tuple[str, str]],
    lang: str,
) -> None:
    check(protected, drawn, lang)


ALL = (
    *(("larare", "note"), ("kurator", "mend_account"), ("kurator", "mend_line"), ("kurator", "smoke")),
    *((who, "look") for who in PEOPLE),
)


def test_what_they_may_read_is_shown() -> None:
    assert check(protected=False, drawn=ALL) > 0


def nothing(*_: object) -> bool:
    return False


def everything(*_: object) -> bool:
    return True


PLANTS = {
    "hidden from who looks": ("guide.hidden", nothing, True, ALL, "printed"),
    "hidden from who proves": (
        "guide.hidden",
        nothing,
        None,
        (("larare", "note"), ("kurator", "mend_line")),
        "json|printed",
    ),
    "kept to some roles": ("guide.may_see", everything, False, ALL, "printed"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_words_would_be_found_if_they_were_printed(monkeypatch: pytest.MonkeyPatch, plant: str) -> None:
    """The test above, with a check taken away: it must fail."""
    judged, instead, protected, drawn, where = PLANTS[plant]
    monkeypatch.setattr(f"stegvis.engine.{judged}", instead)
    with pytest.raises(AssertionError, match=where):
        check(protected, drawn)
