"""A routine on paper: the page for the binder on the shelf, for when the system cannot be reached.

Text and HTML are two ways of writing the same parts. What must not be done, who to ring and by when come first; then
every situation with its steps, each with room to write, and for both clocks: when it happened and when it was entered.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from html import escape
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from ..errors import StegvisError
from ..form import Field
from ..library import Library
from ..rules import Move, Rules
from ..text import Lang, Text, fill
from .chart import Box, Chart, Choice, Way, chart
from .listing import cited, says

Kind: TypeAlias = Literal["title", "note", "heading", "situation", "step", "line", "item", "blank", "clocks"]
"""``clocks`` is one line with room for both: when it happened | when it was entered."""

_BLANK = "____________________"
_SHORT = 12
"""Characters of a digest that tell versions apart in a binder."""

_STYLE = """
body { font: 9pt/1.35 sans-serif; margin: 1rem; max-width: 48rem; color: #000; background: #fff }
h1 { font-size: 1.4em; margin: 0 } h2 { font-size: 1.15em; margin: .8em 0 .2em; border-bottom: 1px solid #000 }
h3 { font-size: 1em; margin: .7em 0 .1em } h4 { font-size: 1em; margin: .4em 0 0 }
p { margin: .1em 0 } ul { margin: .1em 0; padding-left: 1.3em } .note { font-weight: bold }
.blank { display: flex; gap: .4em } .blank span { flex: 1; border-bottom: 1px solid #000; min-width: 8em }
h1, h2, h3, h4 { break-after: avoid; overflow-wrap: anywhere } .blank { break-inside: avoid }
article + article { break-before: page }
@page { size: A4; margin: 12mm }
@media print {
  body { margin: 0; max-width: none }
  article { columns: 2; column-gap: 8mm }
  h1, .note { column-span: all }
}
"""
_SHEET = """
body { font-size: 8pt; line-height: 1.22 } h2 { margin: .5em 0 .1em } h3 { margin: .45em 0 0 }
h1 { font-size: 1.6em } .note { font-weight: normal } .clocks { break-inside: avoid }
@page { margin: 9mm }
@media print { article { column-gap: 6mm } }
"""
"""One sheet a routine, both sides at most: smaller, and closer together."""


class Part(NamedTuple):
    """One part of the page, whatever it is written as."""

    kind: Kind
    text: str


def parts(library: Library, rules: Rules, on: date, lang: Lang) -> Iterator[Part]:
    """The page of one routine.

    Args:
        library: whose contacts, law and words.
        rules: the routine.
        on: the day it is printed; the law is cited as it stands then.
        lang: in which language.
    """
    yield from Page(library, rules, on, lang).parts()


def sheet(library: Library, rules: Rules, on: date, lang: Lang) -> Iterator[Part]:
    """One routine on one sheet of paper; arguments as for ``parts``."""
    yield from Page(library, rules, on, lang).sheet()


def text(page: Iterable[Part]) -> Iterator[str]:
    """The page as lines of text."""
    for kind, said in page:
        match kind:
            case "heading" | "situation":
                yield ""
                yield said
            case "step":
                yield f"  {said}"
            case "item":
                yield f"  - {said}"
            case "blank":
                yield f"    {said} {_BLANK}"
            case "clocks":
                yield "    " + "  ".join(f"{one} {_BLANK}" for one in said.split("|"))
            case "line":
                yield f"    {said}"
            case _:
                yield said


def html(pages: Iterable[Iterable[Part]], title: str, lang: Lang, *, whole: bool = True) -> Iterator[str]:
    """Pages as one document to print: without script, without any address, each routine on paper of its own.

    Args:
        pages: the parts of each.
        title: of the document.
        lang: in which language they are.
        whole: else each is one sheet, set smaller.
    """
    yield "<!doctype html>"
    yield f'<html lang="{lang}">'
    yield '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}{'' if whole else _SHEET}</style></head><body><main>"
    for page in pages:
        yield "<article>"
        for kind, some in groupby(page, key=lambda part: part.kind):
            lines = [_html(part) for part in some]
            yield "\n".join(["<ul>", *lines, "</ul>"] if kind == "item" else lines)
        yield "</article>"
    yield "</main></body></html>"


def _html(part: Part) -> str:
    said = escape(part.text)
    match part.kind:
        case "title":
            return f"<h1>{said}</h1>"
        case "heading":
            return f"<h2>{said}</h2>"
        case "situation":
            return f"<h3>{said}</h3>"
        case "step":
            return f"<h4>{said}</h4>"
        case "item":
            return f"<li>{said}</li>"
        case "note":
            return f'<p class="note">{said}</p>'
        case "blank":
            return f'<p class="blank">{said}<span></span></p>'
        case "clocks":
            return '<p class="blank clocks">' + "".join(f"{one}<span></span>" for one in said.split("|")) + "</p>"
        case "line":
            return f"<p>{said}</p>"


class Page:
    """One routine, on its way to paper."""

    def __init__(self, library: Library, rules: Rules, on: date, lang: Lang) -> None:
        self.library, self.rules, self.on = library, rules, on
        self.lang: Lang = lang
        self.chart: Chart = chart(library, rules)

    def word(self, name: str, **places: Text | str | int) -> str:
        return fill(self.library.words[f"binder.{name}"], places)(self.lang)

    def sheet(self) -> Iterator[Part]:
        """The routine on one sheet of paper: what comes first, who and by when, what not to do, room for both clocks.

        Every state that has something to do in it, in order. A deadline stands where it can first be met; what is asked
        and what must hold stand in ``parts``.
        """
        whole, lang, routine = self.chart, self.lang, self.rules.routine
        yield Part("title", whole.title(lang))
        digests = {"rules": self.rules.digest[:_SHORT], "guidance": self.rules.guidance[:_SHORT]}
        version = self.word("version", label=whole.label, on=self.on.isoformat(), **digests)
        yield Part("note", f"{whole.adopted(lang)}. {version}")
        yield Part("note", " ".join(self.word(one) for one in ("when", "how", "lock")))
        yield Part("heading", self.word("first"))
        if whole.acute is not None:
            yield Part("line", whole.acute(lang) + ".")
        asked = next(iter(self.rules.opening.fields.values()), None)
        yield Part("blank", self.question(asked)) if asked is not None else Part("line", whole.opening.title(lang))
        yield from (Part("blank", self.word("question", title=self.word(one))) for one in ("case", "writer"))
        yield Part("heading", self.word("call"))
        for name in dict.fromkeys(one for state in routine.states.values() for one in state.call):
            number = self.library.contacts.contacts[name].number
            title = self.library.contacts.contacts[name].title
            yield Part("item", self.contact(name)) if number else Part("blank", self.word("question", title=title))
        working = [state for state in routine.states.values() if state.end is None]
        yield from self.items("never", dict.fromkeys(one.text(lang) for state in working for one in state.never))
        yield Part("heading", self.word("steps"))
        told = set[str]()
        for box in whole.boxes:
            if routine.states[box.state].end is None:
                yield from self.in_short(box, told)
        yield from (
            Part("line", f"{box.number}. {self.word('end', title=box.says)}")
            for box in whole.boxes
            if box.mark == "end"
        )

    def in_short(self, box: Box, told: set[str]) -> Iterator[Part]:
        lang, moves = self.lang, self.rules.moves[box.state]
        yield Part("situation", f"{box.number}. {self.rules.routine.states[box.state].now(lang)}")
        if box.who is not None:
            yield Part("line", self.word("who", who=box.who))
        for name in dict.fromkeys(name for move in moves.values() for name in move.meets):
            if name not in told:
                told.add(name)
                limit = self.rules.routine.deadlines[name]
                law = says(self.library.law, limit.law, self.on, lang)
                yield Part("line", self.word("by_when", title=limit.title, limit=law))
        for choice in self.chart.out_of(box):
            to = ", ".join(str(one) for one in choice.leads() if one != box.number)
            if to:
                yield Part("line", f"{choice.title(lang)}: {self.word('leads', to=to)}")
        yield Part("clocks", f"{self.word('happened_short')}:|{self.word('entered_short')}:")

    def parts(self) -> Iterator[Part]:
        whole, lang = self.chart, self.lang
        yield Part("title", self.word("heading", routine=whole.title))
        yield Part("note", whole.adopted(lang) + ".")
        digests = {"rules": self.rules.digest[:_SHORT], "guidance": self.rules.guidance[:_SHORT]}
        yield Part("note", self.word("version", label=whole.label, on=self.on.isoformat(), **digests))
        yield from (Part("note", self.word(one)) for one in ("when", "how", "lock"))
        if whole.acute is not None:
            yield Part("note", whole.acute(lang))
        yield from (Part("blank", self.word("question", title=self.word(one))) for one in ("case", "writer"))
        yield from self.first()
        yield Part("heading", self.word("steps"))
        yield Part("situation", self.word("start", title=whole.opening.title))
        yield from self.step(whole.opening, self.rules.opening)
        for box in whole.boxes:
            yield from self.situation(box)
        if whole.shared:
            yield Part("heading", self.word("shared"))
            for choice in whole.shared:
                yield from self.chosen(choice, whole.boxes[choice.boxes[0] - 1].state)

    def first(self) -> Iterator[Part]:
        """What is needed whatever happens: what not to do, who to ring, by when."""
        states = self.rules.routine.states.values()
        nevers = dict.fromkeys(one.text(self.lang) for state in states for one in state.never)
        yield from self.items("never", nevers)
        yield from self.items(
            "call", (self.contact(one) for one in dict.fromkeys(one for s in states for one in s.call))
        )
        yield from self.items("deadlines", (self.limit(one.title, one.law) for one in self.chart.limits))

    def items(self, heading: str, said: Iterable[str]) -> Iterator[Part]:
        lines = list(said)
        if lines:
            yield Part("heading", self.word(heading))
            yield from (Part("item", one) for one in lines)

    def contact(self, name: str) -> str:
        one = self.library.contacts.contacts[name]
        hours = f" ({one.hours(self.lang)})" if one.hours is not None else ""
        return f"{one.title(self.lang)}: {one.number or self.word('number_missing')}{hours}"

    def limit(self, title: Text, law: str) -> str:
        book, lang = self.library.law, self.lang
        said = [f"{title(lang)}.", says(book, law, self.on, lang)]
        try:
            start = book.at(law, self.on).counts_from
        except StegvisError:
            start = None
        said += [self.word("counts_from", what=start(lang).rstrip("."))] if start is not None else []
        return " ".join([*(one for one in said if one), f"{cited(book, law, self.on, lang)}."])

    def situation(self, box: Box) -> Iterator[Part]:
        lang, state = self.lang, self.rules.routine.states[box.state]
        now = state.now(lang) if state.end is None else self.word("end", title=state.end.title)
        yield Part("situation", f"{box.number}. {now}")
        yield Part("line", self.word("why", why=state.why))
        yield from (Part("line", f"{self.word('never')}: {one.text(lang)}") for one in state.never)
        for choice in box.choices:
            yield from self.chosen(choice, box.state)

    def chosen(self, choice: Choice, state: str) -> Iterator[Part]:
        yield Part("step", f"{choice.number} {choice.title(self.lang)}")
        yield from self.step(choice, self.rules.moves[state][choice.trigger])

    def step(self, choice: Choice, move: Move) -> Iterator[Part]:
        lang = self.lang
        if choice.boxes:
            yield Part("line", self.word("taken_in", numbers=", ".join(map(str, choice.boxes))))
        yield Part("line", self.word("who", who=choice.who))
        yield from (Part("line", one(lang)) for one in (choice.second, choice.sends) if one is not None)
        yield from (Part("line", self.word("needs", condition=one)) for one in choice.guards)
        yield from (Part("line", f"{self.word('never')}: {one(lang)}") for one in choice.never)
        yield from (Part("blank", self.question(one)) for one in move.fields.values())
        yield from (Part("blank", self.word("question", title=self.word(one))) for one in ("happened", "entered"))
        yield from (Part("line", self.way(one)) for one in choice.ways)

    def question(self, field: Field) -> str:
        lang = self.lang
        words = self.library.words
        options = [one(lang) for one in (field.of or {}).values()]
        options = [words["guide.yes"](lang), words["guide.no"](lang)] if field.type == "boolean" else options
        notes = [" / ".join(options)] if options else []
        notes += [one.title(lang) for one in (field.rows or {}).values()]
        notes += [] if field.required else [self.word("optional")]
        return self.word("question", title=field.title(lang) + (f" ({', '.join(notes)})" if notes else ""))

    def way(self, way: Way) -> str:
        to = str(way.to) if way.to is not None else self.word("stays")
        if way.when is None:
            return self.word("leads", to=to)
        if way.when(self.lang) == self.chart.words["pictures.otherwise"](self.lang):
            return self.word("leads_otherwise", to=to)
        return self.word("leads_if", to=to, condition=way.when)
