"""The picture of a routine as Mermaid text, for pages that draw it themselves."""

from collections.abc import Iterator

from ..text import Lang
from .chart import Chart
from .listing import Say


def mermaid(chart: Chart, lang: Lang = "sv", *, here: str | None = None) -> Iterator[str]:
    """Lines of a state diagram, with the numbers of the listing on its arrows.

    Steps that stay where they are stand only in the listing. A routine's own title and words are quoted so that no
    sign in them means anything to Mermaid.
    """
    say = Say(chart, lang)
    yield "---"
    yield f'title: "{_plain(chart.title(lang))}. {_plain(say("version", routine=chart.routine, label=chart.label))}"'
    yield "---"
    yield "stateDiagram-v2"
    yield f"  accTitle: {_plain(chart.title(lang))}"
    yield f"  accDescr: {_plain(say('describes'))}"
    marks = {"end": say("end") + ". ", "waiting": say("waiting") + ". ", "work": ""}
    for box in chart.boxes:
        word = (say("here") + ". " if box.state == here else "") + marks[box.mark]
        yield f'  state "{box.number}. {_plain(word + box.says(lang))}" as s{box.number}'
    for to in chart.opening.leads():
        yield f"  [*] --> s{to} : {_plain(chart.opening.title(lang))}"
    for box in chart.boxes:
        for choice in chart.out_of(box):
            for to in choice.leads():
                if to != box.number:
                    yield f"  s{box.number} --> s{to} : {choice.number} {_plain(choice.title(lang))}"
        if box.mark == "end":
            yield f"  s{box.number} --> [*]"
    if here is not None:
        marked = [box.number for box in chart.boxes if box.state == here]
        yield "  classDef here stroke-width:5px"
        yield from (f"  class s{number} here" for number in marked)


def _plain(text: str) -> str:
    """Without what Mermaid or its front matter would take for a sign of its own."""
    return " ".join(text.replace('"', "”").replace(";", ",").replace("#", "nr ").replace(":", ",").split())
