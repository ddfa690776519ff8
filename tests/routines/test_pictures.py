"""The pictures of a routine say what the routine does: nothing more, nothing less, and the same in every form."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stegvis.routines.library import Library, shipped
from stegvis.routines.pictures.chart import Chart, Choice, chart
from stegvis.routines.pictures.listing import listing
from stegvis.routines.pictures.mermaid import mermaid
from stegvis.routines.pictures.page import page
from stegvis.routines.pictures.svg import BOX, EDGE, TALL, svg
from stegvis.routines.rules import Rules
from stegvis.routines.text import Lang

from ..engine.toys import toys

HERE = Path(__file__).parent / "pictures"
DAY = date(2026, 11, 22)
SVG = "{http://www.w3.org/2000/svg}"
LANGUAGES: tuple[Lang, ...] = ("sv", "en")


def every() -> Iterator[tuple[Library, Rules]]:
    for library in (shipped(), toys()):
        for versions in library.versions.values():
            for rules in versions:
                yield library, rules


ROUTINES = {f"{rules.id}-{rules.routine.label}-{rules.digest[:4]}": (library, rules) for library, rules in every()}
each = pytest.mark.parametrize("routine", ROUTINES.values(), ids=list(ROUTINES))
Routine = tuple[Library, Rules]


def parsed(svg_text: str) -> ET.Element:
    return ET.fromstring(svg_text)  # noqa: S314 - we drew it


def boxes(svg_text: str) -> list[ET.Element]:
    """The frames of the states, the opening's first."""
    found = parsed(svg_text).iter(f"{SVG}rect")
    return [one for one in found if one.get("width") == str(BOX)]


def steps(drawn: Chart) -> dict[str, Choice]:
    return {one.number: one for one in drawn.choices()}


@each
def test_every_step_of_the_table_is_in_the_picture_and_leads_where_it_does(routine: Routine) -> None:
    _, rules = routine
    drawn = chart(*routine)
    numbers = {box.state: box.number for box in drawn.boxes}
    assert list(numbers) == list(rules.routine.states)
    for state, moves in rules.moves.items():
        if rules.spots[state].awaiting is not None:
            continue
        box = drawn.boxes[numbers[state] - 1]
        shown = {one.trigger: one for one in drawn.out_of(box)}
        wanted = {move.base: move for move in moves.values() if move.kind in {"step", "propose"}}
        assert shown.keys() == wanted.keys()
        for base, move in wanted.items():
            agreed = rules.moves[f"{state}.{base}"][f"{base}.approve"] if move.kind == "propose" else move
            assert set(shown[base].leads()) - {box.number} == {
                numbers[target] for target in agreed.targets if target != state
            }
    assert len(steps(drawn)) == len(list(drawn.choices())), "two steps share a number"


@each
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_listing_tells_of_every_state_step_condition_and_ban(routine: Routine, lang: Lang) -> None:
    library, _ = routine
    drawn = chart(*routine)
    text = "\n".join(listing(drawn, library.law, DAY, lang))
    for box in drawn.boxes:
        assert re.search(rf"^{box.number}\. .*{re.escape(box.says(lang))}$", text, re.MULTILINE)
        assert all(one(lang) in text for one in box.never)
    for choice in drawn.choices():
        assert choice.title(lang) in text
        assert all(one(lang) in text for one in (*choice.guards, *choice.never, *choice.meets, *choice.starts))
    assert "{" not in text, "a place was left unfilled"


@each
def test_the_drawing_shows_each_state_once_and_every_step_that_leads_away(routine: Routine) -> None:
    drawn = chart(*routine)
    root = parsed(svg(drawn))
    texts = " ".join("".join(one.itertext()) for one in root.iter(f"{SVG}text"))
    frames = boxes(svg(drawn))
    assert len(frames) == len(drawn.boxes) + 1
    for box in drawn.boxes:
        assert f"{box.number}. " in texts
    links = [one.get("href", "") for one in root.iter(f"{SVG}a")]
    away = ["0", *(one.number for box in drawn.boxes for one in drawn.out_of(box) if set(one.leads()) - {box.number})]
    assert links == [f"#step-{number}" for number in away]
    described = {root.get("aria-labelledby")}
    assert described == {"title description"}
    assert [(root.find(f"{SVG}{tag}")).text for tag in ("title", "desc")]  # type: ignore[union-attr]


@each
def test_no_state_is_cut_by_the_end_of_a_page_and_none_stands_upon_another(routine: Routine) -> None:
    text = svg(chart(*routine))
    root = parsed(text)
    page_height = int(int(root.get("width", "0")) * TALL)
    places = [(float(one.get("y", "")), float(one.get("height", ""))) for one in boxes(text)]
    for (y, height), (below, _) in pairwise(places):
        assert y + height < below
    for y, height in places:
        assert height > page_height or int(y // page_height) == int((y + height) // page_height)
    words = [float(one.get("y", "")) for one in root.iter(f"{SVG}text")]
    assert all(int((y - 13) // page_height) == int((y + 4) // page_height) for y in words), "words are cut"
    assert places[-1][0] + places[-1][1] < int(root.get("height", "0"))


@each
def test_no_border_runs_through_words(routine: Routine) -> None:
    """A step that cannot be undone has a border of its own; nothing else stands where it is drawn."""
    for link in parsed(svg(chart(*routine))).iter(f"{SVG}a"):
        frames = [(float(one.get("y", "")), float(one.get("height", ""))) for one in link.iter(f"{SVG}rect")]
        lines = [float(one.get("y", "")) for one in link.iter(f"{SVG}text")]
        for top, tall in frames:
            assert top + 10 < min(lines)
            assert max(lines) + 3 < top + tall
    for group in parsed(svg(chart(*routine))).iter(f"{SVG}g"):
        frames = [one for link in group.iter(f"{SVG}a") for one in link.findall(f"{SVG}rect")]
        words = [float(one.get("y", "")) for one in group.findall(f"{SVG}text")]
        words += [
            float(one.get("y", ""))
            for link in group.findall(f"{SVG}a")
            if link.find(f"{SVG}rect") is None
            for one in link.iter(f"{SVG}text")
        ]
        for frame in frames:
            top, bottom = float(frame.get("y", "")), float(frame.get("y", "")) + float(frame.get("height", ""))
            assert not [y for y in words if y - 9 < top < y + 2 or y - 9 < bottom < y + 2]


@each
def test_nothing_is_said_by_colour(routine: Routine) -> None:
    """Black, white and one grey line: what a grey print loses was never there."""
    library, _ = routine
    drawn = page(chart(*routine), library.law, DAY)
    assert {one.lower() for one in re.findall(r"#[0-9a-fA-F]{3,6}\b", drawn)} <= {"#000", "#fff", "#555"}
    assert not re.search(r"rgb\(|hsl\(|:\s*(red|green|blue|yellow|orange)\b", drawn)


@each
def test_every_state_says_who_has_something_to_do_there(routine: Routine) -> None:
    drawn = chart(*routine)
    text = " ".join("".join(one.itertext()) for one in parsed(svg(drawn, "en")).iter(f"{SVG}text"))
    for box in drawn.boxes:
        assert (box.who is None) is (box.mark == "end" or not list(drawn.out_of(box)))
        assert box.who is None or f"Who: {box.who('en')}" in text


@each
def test_lines_that_stand_upon_each_other_lead_to_the_same_state(routine: Routine) -> None:
    root = parsed(svg(chart(*routine)))
    lanes: dict[int, list[tuple[int, int]]] = {}
    for path in root.iter(f"{SVG}path"):
        found = re.fullmatch(r"M(\d+) (\d+)V(\d+)", path.get("d", ""))
        if found is not None:
            x, top, bottom = map(int, found.groups())
            assert EDGE + BOX < x < int(root.get("width", "0"))
            lanes.setdefault(x, []).append((top, bottom))
    for spans in lanes.values():
        for (_, bottom), (top, _) in pairwise(sorted(spans)):
            assert bottom < top


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        self.outside += [tag] if tag in {"script", "link", "img", "iframe"} or "src" in given else []


@each
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_link_of_the_page_leads_to_a_row_and_nothing_comes_from_elsewhere(routine: Routine, lang: Lang) -> None:
    library, _ = routine
    read = _Page()
    read.feed(page(chart(*routine), library.law, DAY, lang))
    assert len(set(read.ids)) == len(read.ids)
    assert {one.removeprefix("#") for one in read.links} <= set(read.ids)
    assert {f"step-{number}" for number in steps(chart(*routine))} <= set(read.ids)
    assert read.outside == []


@each
def test_mermaid_has_the_same_arrows(routine: Routine) -> None:
    drawn = chart(*routine)
    lines = list(mermaid(drawn))
    arrows = [re.fullmatch(r"  s(\d+) --> s(\d+) : (\S+) .+", line) for line in lines]
    told = {(int(one[1]), int(one[2]), one[3]) for one in arrows if one is not None}
    assert told == {
        (box.number, to, one.number)
        for box in drawn.boxes
        for one in drawn.out_of(box)
        for to in one.leads()
        if to != box.number
    }
    for line in lines[4:]:
        assert not set(line.split(" : ", 1)[-1]) & set(';#"') or line.lstrip().startswith("state"), line


def test_where_a_case_stands_is_marked_by_border_and_by_word() -> None:
    library, rules = toys(), toys().versions["lantern"][0]
    drawn = chart(library, rules)
    for box in drawn.boxes:
        closed = [one.trigger for one in drawn.out_of(box)]
        text = svg(drawn, here=box.state, closed=closed)
        wide = [place for place, one in enumerate(boxes(text)) if one.get("stroke-width") == "4.5"]
        assert wide == [box.number]
        assert f"{box.number}. NI ÄR HÄR." in text
        lines = list(listing(drawn, library.law, DAY, here=box.state))
        assert [line for line in lines if "NI ÄR HÄR" in line] == [
            line for line in lines if line.startswith(f"{box.number}. ")
        ]
        assert ("STÄNGT NU" in text) is any(set(one.leads()) - {box.number} for one in drawn.out_of(box))
    assert "NI ÄR HÄR" not in svg(drawn)


def test_ends_waits_and_what_cannot_be_undone_have_a_border_and_a_word_of_their_own() -> None:
    drawn = chart(shipped(), shipped().versions["suspicion"][0])
    text = svg(drawn)
    for box, frame in zip(drawn.boxes, boxes(text)[1:], strict=True):
        assert (frame.get("rx") == "16") is (box.mark == "end")
        assert (frame.get("stroke-dasharray") is not None) is (box.mark == "waiting")
        words = {"end": f"{box.number}. SLUT.", "waiting": f"{box.number}. VÄNTAR.", "work": f"{box.number}. "}
        assert words[box.mark] in text
    root = parsed(text)
    for link in root.iter(f"{SVG}a"):
        final = steps(drawn)[link.get("href", "").removeprefix("#step-")].final
        assert len(link.findall(f"{SVG}rect")) == (2 if final else 0)
        assert ("ÅNGRAS" in "".join(link.itertext())) is final


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", sorted(shipped().versions))
def test_the_heading_stands_whole_above_the_first_box(name: str, lang: Lang) -> None:
    drawn = chart(shipped(), shipped().versions[name][0])
    root = parsed(svg(drawn, lang))
    large = [one for one in root.iter(f"{SVG}text") if one.get("font-size") == "19"]
    assert " ".join(one.text or "" for one in large) == drawn.title(lang)
    assert all(float(one.get("y", "")) < float(boxes(svg(drawn, lang))[0].get("y", "")) for one in large)


def test_the_same_definition_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "from stegvis.routines.library import shipped; from stegvis.routines.pictures.chart import chart;"
        "from stegvis.routines.pictures.svg import svg; import hashlib;"
        "print(hashlib.sha256(svg(chart(shipped(), shipped().versions['report'][0])).encode()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_small_routine_is_drawn_as_it_was(lang: Lang) -> None:
    """The golden pictures of an invented routine; ``STEGVIS_WRITE_PICTURES=1`` draws them anew, to be looked at."""
    library = toys()
    drawn = chart(library, library.versions["lantern"][0])
    told = {
        f"lantern.{lang}.svg": svg(drawn, lang),
        f"lantern.{lang}.mmd": "\n".join(mermaid(drawn, lang)) + "\n",
        f"lantern.{lang}.txt": "\n".join(listing(drawn, library.law, DAY, lang)) + "\n",
    }
    for name, text in told.items():
        if os.environ.get("STEGVIS_WRITE_PICTURES"):
            (HERE / name).write_text(text, encoding="utf-8")
        assert (HERE / name).read_text(encoding="utf-8") == text, name
