"""The picture of a routine as lines of text: what a screen reader reads, and what the other pictures are held to."""

from collections.abc import Iterator
from datetime import date

from ..errors import StegvisError
from ..law import LawBook
from ..text import Lang, Text
from .chart import Box, Chart, Choice, Way


def listing(chart: Chart, law: LawBook, on: date, lang: Lang = "sv", *, here: str | None = None) -> Iterator[str]:
    """Every state with its steps, numbered as in the drawn picture.

    Args:
        chart: what is to be told.
        law, on: whose citations, as they stood that day.
        lang: in which language.
        here: the state where a case stands, if one is to be marked.
    """
    say = Say(chart, lang)
    yield chart.title(lang)
    yield say("version", routine=chart.routine, label=chart.label) + ". " + chart.adopted(lang) + "."
    yield say("law_on", on=on.isoformat()) + "."
    yield ""
    yield from _choice(chart.opening, say, law, on, lang, head=f"{say('start')}. {chart.opening.title(lang)}")
    for box in chart.boxes:
        yield ""
        yield from _box(box, say, law, on, lang, here=here)
    if chart.shared:
        yield ""
        yield say("shared")
        for choice in chart.shared:
            yield from _choice(choice, say, law, on, lang)
    if chart.limits:
        yield ""
        yield say("deadlines")
        for limit in chart.limits:
            yield f"  {limit.title(lang)}. {says(law, limit.law, on, lang)} {cited(law, limit.law, on, lang)}."
    if chart.acute is not None:
        yield ""
        yield say("acute", title=chart.acute(lang))


def cited(law: LawBook, name: str, on: date, lang: Lang) -> str:
    """Where a law stands that day; its own title where it is not in force."""
    try:
        return law.citation(name, on, lang)
    except StegvisError:
        return law.laws[name].title(lang)


def says(law: LawBook, name: str, on: date, lang: Lang) -> str:
    """What a law says that day, in our own words; nothing where it is not in force."""
    try:
        return law.at(name, on).says(lang)
    except StegvisError:
        return ""


class Say:
    """Speaks the pictures' own words in one language."""

    def __init__(self, chart: Chart, lang: Lang) -> None:
        self.words = chart.words
        self.lang: Lang = lang

    def __call__(self, word: str, **places: object) -> str:
        text = self.words[f"pictures.{word}"](self.lang)
        for name, value in places.items():
            text = text.replace("{" + name + "}", value(self.lang) if isinstance(value, Text) else str(value))
        return text


def _box(box: Box, say: Say, law: LawBook, on: date, lang: Lang, *, here: str | None) -> Iterator[str]:
    marks = [say("end")] if box.mark == "end" else [say("waiting")] if box.mark == "waiting" else []
    marks += [say("here")] if box.state == here else []
    yield f"{box.number}. " + "".join(f"{mark}. " for mark in marks) + box.says(lang)
    for never in box.never:
        yield f"    {say('never')}: {never(lang)}"
    for choice in box.choices:
        yield from _choice(choice, say, law, on, lang)
    if box.shared:
        yield "  " + say("shared_here", numbers=", ".join(box.shared))


def _choice(choice: Choice, say: Say, law: LawBook, on: date, lang: Lang, *, head: str | None = None) -> Iterator[str]:
    yield head or f"  {choice.number} {choice.title(lang)}"
    for line in facts_of(choice, say, law, on, lang):
        yield f"      {line}"


def facts_of(choice: Choice, say: Say, law: LawBook, on: date, lang: Lang) -> Iterator[str]:
    """What is to be known of a step, a line each."""
    if choice.boxes:
        yield say("taken_in", numbers=", ".join(map(str, choice.boxes)))
    yield say("who", who=choice.who)
    if choice.second is not None:
        yield choice.second(lang)
    if choice.sends is not None:
        yield choice.sends(lang)
    for guard in choice.guards:
        yield say("needs", condition=guard)
    for way in choice.ways:
        yield way_text(way, say)
    for word, deadlines in (("meets", choice.meets), ("starts", choice.starts)):
        for deadline in deadlines:
            yield say(word, deadline=deadline)
    for never in choice.never:
        yield f"{say('never')}: {never(lang)}"
    if choice.final:
        yield say("final")
    if choice.laws:
        yield say("law", law="; ".join(cited(law, name, on, lang) for name in choice.laws))


def way_text(way: Way, say: Say) -> str:
    """Where a step leads, and when, in words."""
    to = str(way.to) if way.to is not None else say("stays")
    if way.when is None:
        return say("leads", to=to)
    if way.when(say.lang) == say("otherwise"):
        return say("leads_otherwise", to=to)
    return say("leads_if", to=to, condition=way.when)
