"""The picture of a routine as one page: the drawing, and beside it every step as a row of a table.

Self-contained: no script, no address of another host, its own style; made to be printed on A4.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from html import escape

from ..law import LawBook
from ..text import Lang
from .chart import Chart, Choice
from .listing import Say, cited, says, way_text
from .svg import svg

_STYLE = """
body { font: 1rem/1.45 sans-serif; margin: 1rem; max-width: 62rem; color: #000; background: #fff }
svg { display: block; max-width: 100%; height: auto }
svg a:focus text, svg a:hover text { text-decoration: underline }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; min-width: 56rem; table-layout: fixed; margin-bottom: 1.5rem }
th, td { border: 1px solid #555; padding: .3rem .4rem; text-align: left; vertical-align: top }
th, td { hyphens: auto; overflow-wrap: anywhere }
th:nth-child(1) { width: 5% }
th:nth-child(2) { width: 18% }
th:nth-child(3) { width: 24% }
th:nth-child(4) { width: 10% }
th:nth-child(5) { width: 20% }
th:nth-child(6) { width: 13% }
th:nth-child(7) { width: 10% }
tr:target { outline: 3px solid #000 }
p, td p { margin: 0 0 .3rem }
@page { size: A4; margin: 13.65mm 12mm }
@media print {
  body { margin: 0; max-width: none; font-size: 9pt }
  .screen { display: none }
  svg { width: 100% }
  .wide { overflow: visible }
  table { min-width: 0; font-size: 8pt }
  th, td { padding: 1mm }
  tr { break-inside: avoid }
  h2, h3 { break-after: avoid }
  .list { break-before: page }
}
"""
"""On paper the drawing comes first and fills the page's width, so that its pages end where ours do (``svg.TALL``)."""
_COLUMNS = ("step", "what", "condition", "next", "who", "deadline", "law")


def page(
    chart: Chart, law: LawBook, on: date, lang: Lang = "sv", *, here: str | None = None, closed: Iterable[str] = ()
) -> str:
    """One HTML page; arguments as for ``listing`` and ``svg``."""
    return "\n".join(_page(chart, law, on, lang, svg(chart, lang, here=here, closed=closed))) + "\n"


def _page(chart: Chart, law: LawBook, on: date, lang: Lang, drawing: str) -> Iterator[str]:
    say, title = Say(chart, lang), escape(chart.title(lang))
    yield "<!doctype html>"
    yield f'<html lang="{lang}">'
    yield '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head>"
    yield f'<body><main><h1 class="screen">{title}</h1>'
    stands = f"{say('version', routine=chart.routine, label=chart.label)}. {chart.adopted(lang)}."
    yield f'<p class="screen">{escape(stands)} {escape(say("law_on", on=on.isoformat()))}.</p>'
    yield drawing
    yield f'<h2 class="list">{escape(say("list"))}</h2>'
    yield f"<p>{escape(say('law_on', on=on.isoformat()))}.</p>"
    yield f"<h3>{escape(say('start'))}</h3>"
    yield from _table([chart.opening], say, law, on)
    for box in chart.boxes:
        yield f"<h3>{box.number}. {escape(box.says(lang))}</h3>"
        yield from (f"<p><strong>{escape(say('never'))}:</strong> {escape(one(lang))}</p>" for one in box.never)
        yield from _table(box.choices, say, law, on)
        if box.shared:
            links = ", ".join(f'<a href="#step-{number}">{number}</a>' for number in box.shared)
            yield f"<p>{say('shared_here', numbers=links)}</p>"
    if chart.shared:
        yield f"<h3>{escape(say('shared'))}</h3>"
        yield from _table(chart.shared, say, law, on)
    if chart.limits:
        yield f"<h2>{escape(say('deadlines'))}</h2><ul>"
        for limit in chart.limits:
            said = f"{limit.title(lang)}. {says(law, limit.law, on, lang)} {cited(law, limit.law, on, lang)}."
            yield f"<li>{escape(said)}</li>"
        yield "</ul>"
    if chart.acute is not None:
        yield f"<p><strong>{escape(say('acute', title=chart.acute))}</strong></p>"
    yield "</main></body></html>"


def _table(choices: Iterable[Choice], say: Say, law: LawBook, on: date) -> Iterator[str]:
    rows = list(choices)
    if not rows:
        return
    columns = "".join(f'<th scope="col">{escape(say(f"column_{one}"))}</th>' for one in _COLUMNS)
    yield f'<div class="wide"><table><thead><tr>{columns}</tr></thead><tbody>'
    for choice in rows:
        cells = "".join(f"<td>{_lines(lines)}</td>" for lines in _cells(choice, say, law, on))
        yield f'<tr id="step-{choice.number}"><th scope="row">{choice.number}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _cells(choice: Choice, say: Say, law: LawBook, on: date) -> Iterator[list[str]]:
    lang = say.lang
    what = [choice.title(lang), *(one(lang) for one in (choice.second, choice.sends) if one is not None)]
    what += [f"{say('never')}: {one(lang)}" for one in choice.never] + ([say("final")] if choice.final else [])
    what += [say("taken_in", numbers=", ".join(map(str, choice.boxes)))] if choice.boxes else []
    yield what
    yield [one(lang) for one in choice.guards]
    yield [way_text(way, say) for way in choice.ways]
    yield [choice.who(lang)]
    yield [say("meets", deadline=one) for one in choice.meets] + [say("starts", deadline=one) for one in choice.starts]
    yield [cited(law, name, on, lang) for name in choice.laws]


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(one)}</p>" for one in lines)
