"""The picture of a routine as SVG: boxes in one column, top to bottom, and lines at the side to where steps lead.

Black on white with no other colour, so that a grey print says as much. Each place a line can lead has one lane; a step
that leads there joins it with a dot. What a border says, a word says too. The same definition gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from ..text import Lang
from .chart import Box, Chart, Choice
from .listing import Say

BOX: Final = 560
"""Width of a box, in the picture's own units; about a third of a millimetre each when printed on A4."""
EDGE: Final = 20
LANE: Final = 11
LINE: Final = 17
HEADING: Final = 22
FRAME: Final = 7
"""Room above and below a step with a border of its own, so that no line runs through words."""
DEADLINES: Final = 2
"""How many deadlines of a step the drawing names; the rest are counted, and stand in the list."""
SIGNS: Final = 76
"""Characters a line of a box holds at 13 units a sign, counted generously: text is never measured, only counted."""
TALL: Final = 1.45
"""How much taller than wide a printed page is, margins apart. No box is cut by the end of a page."""

_ARROW: Final = "\N{RIGHTWARDS ARROW}"
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


class _Line(NamedTuple):
    text: str
    y: int
    bold: bool = False
    choice: Choice | None = None


class _Drawn(NamedTuple):
    """A box with its place: ``rows`` are the lines where a step leads away, with where to."""

    box: Box | None
    top: int
    bottom: int
    lines: Sequence[_Line]
    rows: Mapping[int, tuple[int, ...]]

    @property
    def entry(self) -> int:
        return self.top + LINE


class _Lane(NamedTuple):
    to: int
    top: int
    bottom: int
    sources: tuple[int, ...]


def svg(chart: Chart, lang: Lang = "sv", *, here: str | None = None, closed: Iterable[str] = ()) -> str:
    """The picture, with a heading, links to the rows of the list (``#step-3.2``), a title and a description.

    Args:
        chart: what is to be drawn.
        lang: in which language.
        here: the state where a case stands, if one is to be marked.
        closed: the steps that are closed there now, by trigger.
    """
    return _Picture(chart, lang, here, frozenset(closed)).drawn()


class _Picture:
    def __init__(self, chart: Chart, lang: Lang, here: str | None, closed: frozenset[str]) -> None:
        self.chart, self.here, self.closed = chart, here, closed
        self.lang: Lang = lang
        self.say = Say(chart, lang)
        self.heading = wrap(chart.title(lang), 60)
        # Lanes decide how wide the picture is, its width how tall a page is, and that where boxes stand; places in a
        # column do not depend on the width, so two rounds are enough.
        self.width = EDGE + BOX + EDGE * 2 + LANE * len(chart.boxes)
        placed = list(self._placed(None))
        lanes = _lanes(placed)
        self.width = EDGE + BOX + EDGE * 2 + LANE * max([1, *(lane + 1 for _, lane in lanes)])
        self.placed = list(self._placed(int(self.width * TALL)))
        self.lanes = _lanes(self.placed)
        self.height = self.placed[-1].bottom + EDGE * 2
        self._stubs = {(y, _place(place)) for lane, place in self.lanes for y in lane.sources}

    # ---- where things stand -----------------------------------------------------------------------------------------

    def _placed(self, page: int | None) -> Iterator[_Drawn]:
        y = 52 + HEADING * len(self.heading)
        for box in (None, *self.chart.boxes):
            drawn = self._box(box, y)
            # What stands below the last box stays with it.
            below = EDGE * 2 if box is self.chart.boxes[-1] else 6
            cut = page is not None and drawn.top // page != (drawn.bottom + below) // page
            if page is not None and cut and drawn.bottom - drawn.top + below < page:
                drawn = self._box(box, (drawn.top // page + 1) * page + 12)
            yield drawn
            y = drawn.bottom + 22

    def _box(self, box: Box | None, top: int) -> _Drawn:
        lines: list[_Line] = []
        rows: dict[int, tuple[int, ...]] = {}
        y = top + LINE + 4

        def add(text: str, *, bold: bool = False, choice: Choice | None = None, indent: int = 0) -> int:
            nonlocal y
            first = y
            for part in wrap(text, SIGNS - indent - 6 * bold):
                lines.append(_Line(" " * indent + part, y, bold, choice))
                y += LINE
            return first

        if box is None:
            opening = self.chart.opening
            rows[add(f"{self.say('start')}. {opening.title(self.lang)}", bold=True, choice=opening) - 4] = (
                opening.leads()
            )
        else:
            add(self._heading(box), bold=True)
            if box.who is not None:
                add(self.say("who", who=box.who))
            if box.never:
                add(f"{self.say('never')} ({len(box.never)})")
            stays = 0
            for choice in self.chart.out_of(box):
                leads = _away(choice, box.number)
                if leads:
                    y += FRAME if choice.final else 0
                    rows[add(self._step(choice, leads, box.number), choice=choice, indent=2) - 4] = leads
                    y += FRAME if choice.final else 0
                else:
                    stays += 1
            if stays:
                add(self.say("stay_here" if stays > 1 else "stays_here", count=stays), indent=2)
        return _Drawn(box, top, y - LINE + 12, lines, rows)

    def _heading(self, box: Box) -> str:
        marks = [self.say(box.mark)] if box.mark != "work" else []
        marks = [self.say("here"), *marks] if box.state == self.here else marks
        return " ".join([f"{box.number}.", *(f"{mark}." for mark in marks), box.says(self.lang)])

    def _step(self, choice: Choice, leads: Sequence[int], number: int) -> str:
        """A step that several boxes share tells of its deadlines in the first of them; the list tells of all."""
        parts = [f"{choice.number} {choice.title(self.lang)}"]
        if choice.meets and number == min(one for one in choice.boxes or (number,) if _away(choice, one)):
            titles = list(dict.fromkeys(one(self.lang) for one in choice.meets))
            told = titles[:DEADLINES]
            told += [self.say("more", count=more)] if (more := len(titles) - DEADLINES) > 0 else []
            parts.append(self.say("deadline", deadline="; ".join(told)))
        parts += [self.say("final")] if choice.final else []
        parts += [self.say("closed")] if choice.trigger in self.closed else []
        # No break inside, so that an arrow never stands without its number, nor the two on a line of their own.
        return ". ".join(parts) + f"{_NO_BREAK}{_ARROW}{_NO_BREAK}{f',{_NO_BREAK}'.join(map(str, leads))}"

    # ---- how they are drawn -----------------------------------------------------------------------------------------

    def drawn(self) -> str:
        chart, say = self.chart, self.say
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {self.width} {self.height}",
                "width": str(self.width),
                "height": str(self.height),
                "role": "img",
                "aria-labelledby": "title description",
                "lang": self.lang,
                "font-family": "sans-serif",
                "font-size": "13",
            },
        )
        _element(root, "title", chart.title(self.lang), id="title")
        _element(root, "desc", say("describes"), id="description")
        _element(root, "rect", width="100%", height="100%", fill="#fff")
        for number, part in enumerate(self.heading):
            _element(root, "text", part, x=EDGE, y=28 + HEADING * number, font_size=19, font_weight="bold")
        corner = f"{say('version', routine=chart.routine, label=chart.label)}. {chart.adopted(self.lang)}."
        _element(root, "text", corner, x=EDGE, y=28 + HEADING * len(self.heading))
        for lane, place in self.lanes:
            self._lane(root, lane, _place(place))
        for drawn in self.placed:
            self._frame(root, drawn)
        if chart.acute is not None:
            _element(root, "text", say("acute", title=chart.acute), x=EDGE, y=self.height - EDGE, font_weight="bold")
        ET.indent(root, " ")
        return ET.tostring(root, encoding="unicode") + "\n"

    def _frame(self, root: ET.Element, drawn: _Drawn) -> None:
        box = drawn.box
        group = ET.SubElement(root, "g")
        style: dict[str, object] = {"fill": "#fff", "stroke": "#000", "stroke_width": 1.4, "rx": 3}
        if box is None or box.mark == "end":
            style["rx"] = 16
        if box is not None and box.mark == "waiting":
            style["stroke_dasharray"] = "6 4"
        if box is not None and box.state == self.here:
            style["stroke_width"] = 4.5
        size: dict[str, object] = {"x": EDGE, "y": drawn.top, "width": BOX, "height": drawn.bottom - drawn.top}
        _element(group, "rect", **size, **style)
        for choice, together in groupby(drawn.lines, key=lambda line: line.choice):
            lines = list(together)
            holder = group
            if choice is not None:
                holder = ET.SubElement(group, "a", {"href": f"#step-{choice.number}"})
                if choice.final:
                    _double(holder, lines)
            for line in lines:
                weight = "bold" if line.bold else None
                _element(holder, "text", line.text.strip(), x=_left(line), y=line.y, font_weight=weight)

    def _lane(self, root: ET.Element, lane: _Lane, x: int) -> None:
        right = EDGE + BOX
        entry = next(one.entry for one in self.placed if one.box is not None and one.box.number == lane.to)
        group = ET.SubElement(root, "g", {"fill": "none", "stroke": "#000", "stroke-width": "1"})
        _element(group, "path", d=f"M{x} {lane.top}V{lane.bottom}")
        _element(group, "path", d=f"M{x} {entry}H{right + 7}")
        _element(group, "path", d=f"M{right} {entry}l9 -4v8z", fill="#000")
        for y in lane.sources:
            if x == max(other for where, other in self._stubs if where == y):
                _element(group, "path", d=f"M{right} {y}H{x}")
            _element(group, "circle", cx=x, cy=y, r=2.2, fill="#000")


def _away(choice: Choice, number: int) -> tuple[int, ...]:
    """The other boxes that a step leads to from this one."""
    return tuple(one for one in choice.leads() if one != number)


def _place(lane: int) -> int:
    return EDGE * 2 + BOX + LANE * lane


def _left(line: _Line) -> int:
    return EDGE + 12 + 6 * (len(line.text) - len(line.text.lstrip()))


def _double(holder: ET.Element, lines: Sequence[_Line]) -> None:
    """The double border of what cannot be undone."""
    left, top, tall = _left(lines[0]) - 8, lines[0].y - 18, LINE * len(lines) + 9
    for inner in (0, 3):
        _element(
            holder,
            "rect",
            x=left + inner,
            y=top + inner,
            width=BOX - 26 - 2 * inner,
            height=tall - 2 * inner,
            fill="none",
            stroke="#000",
            stroke_width=0.7,
        )


def _lanes(placed: Sequence[_Drawn]) -> list[tuple[_Lane, int]]:
    """One lane a place that is led to, the short ones next to the boxes, none upon another."""
    entries = {one.box.number: one.entry for one in placed if one.box is not None}
    sources: dict[int, list[int]] = {}
    for drawn in placed:
        for y, leads in drawn.rows.items():
            for to in leads:
                sources.setdefault(to, []).append(y)
    lanes = [_Lane(to, min(entries[to], *ys), max(entries[to], *ys), tuple(ys)) for to, ys in sorted(sources.items())]
    taken: list[list[_Lane]] = []
    found: list[tuple[_Lane, int]] = []
    for lane in sorted(lanes, key=lambda one: (one.bottom - one.top, one.to)):
        for place, others in enumerate(taken):
            if all(lane.bottom + 4 < other.top or other.bottom + 4 < lane.top for other in others):
                others.append(lane)
                found.append((lane, place))
                break
        else:
            taken.append([lane])
            found.append((lane, len(taken) - 1))
    return found


def _element(parent: ET.Element, tag: str, text: str | None = None, /, **attributes: object) -> ET.Element:
    given = {name.replace("_", "-"): str(value) for name, value in attributes.items() if value is not None}
    element = ET.SubElement(parent, tag, given)
    element.text = text
    return element
