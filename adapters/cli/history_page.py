"""A case's history as one page: self-contained, without script, read with a keyboard or a screen reader, or printed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from html import escape

from stegvis.engine.history import Entry, History, Limit, Standing
from stegvis.engine.saying import say_instant

from .proof import replay_ends
from .telling import Chosen, Say, between, differs, heading, parts, refused, stands, until

_STYLE = """
body { font: 1rem/1.5 sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; color: #111; background: #fff }
a { color: #0b3d91 }
a:focus, [tabindex]:focus { outline: 3px solid #0b3d91; outline-offset: 2px }
.skip { position: absolute; left: -100rem }
.skip:focus { position: static }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem }
caption { text-align: left; font-weight: bold; padding: .3rem 0 }
th, td { border: 1px solid #555; padding: .3rem .4rem; text-align: left; vertical-align: top }
article { border-top: 2px solid #555; padding: .5rem 0 1rem }
article:target { outline: 3px solid #0b3d91; outline-offset: 4px }
dl { display: grid; grid-template-columns: 12rem 1fr; gap: .2rem 1rem; margin: 0 }
dt { font-weight: bold }
dd { margin: 0; overflow-wrap: anywhere }
dd p { margin: 0 }
.gap { text-align: center }
.diverges { border-left: .5rem solid #8b0000; padding-left: .75rem }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem } }
@page { size: A4; margin: 15mm 13mm }
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt }
  nav, .skip, .ways { display: none }
  .wide { overflow: visible }
  a { color: #111; text-decoration: none }
  tr, dt, .gap { break-inside: avoid }
  h2, h3, .gap { break-after: avoid }
}
"""


def page(found: History, chosen: Chosen, say: Say) -> Iterator[str]:
    """A case's history as a page in one language.

    Args:
        found: the history, already without what its reader may not read.
        chosen: which steps are shown.
        say: says the texts.
    """
    shown = chosen.of(found)
    title = escape(say("page.title"))
    yield f'<!doctype html>\n<html lang="{say.lang}">\n<head><meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">\n'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    yield f"<title>{title}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
    yield f'<a class="skip" href="#steps">{escape(say("page.steps"))}</a>\n'
    yield f"<header><h1>{title}</h1>\n"
    yield _paragraph(found.identity.says(say.lang))
    yield _paragraph(say("page.case", case=found.replay.case, made=say_instant(found.made)))
    yield from (_paragraph(line.strip()) for line in replay_ends(found.replay, say.screen))
    yield "</header>\n"
    yield from _contents(found, say)
    yield '<main id="content">\n'
    yield from _asked(found, say)
    yield from _standing("now", say("page.now"), replace(found.now, limits=()), say)
    yield from _limits(found.now.limits, say)
    yield from _overview(shown, say)
    yield from _steps(found, shown, say)
    yield from _refused(found, say)
    yield "</main>\n</body>\n</html>\n"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"


def _contents(found: History, say: Say) -> Iterator[str]:
    places = ["now", "limits", "overview", "steps"] + (["refused"] if found.refusals else [])
    yield f'<nav aria-label="{escape(say("page.contents"))}"><ul>\n'
    for place in places:
        name = "limits" if place == "limits" else f"page.{place}"
        yield f'<li><a href="#{place}">{escape(say(name))}</a></li>\n'
    yield "</ul></nav>\n"


def _section(place: str, title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f'<section aria-labelledby="{place}"><h2 id="{place}">{escape(title)}</h2>\n<ul>\n'
    yield from (f"<li>{escape(line.strip())}</li>\n" for line in lines)
    yield "</ul></section>\n"


def _standing(place: str, title: str, standing: Standing, say: Say) -> Iterator[str]:
    yield f'<section aria-labelledby="{place}"><h2 id="{place}">{escape(title)}</h2>\n'
    for part in stands(standing, say):
        yield f"<h3>{escape(part.label)}</h3>\n"
        if part.lines:
            yield "<ul>\n" + "".join(f"<li>{escape(line)}</li>\n" for line in part.lines) + "</ul>\n"
    yield "</section>\n"


def _asked(found: History, say: Say) -> Iterator[str]:
    """Where the case stood at the instants that were asked for, and the difference between them."""
    if found.at is not None:
        yield from _standing("at", heading(found.at, say), found.at, say)
    for number, one in enumerate(found.between, 1):
        yield from _section(f"between-{number}", between(one, say), differs(one, say))
    for version, standing in found.after.items():
        yield from _standing(f"after-{version}", heading(standing, say, after=version), standing, say)


def _table(place: str, title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table whose first column names its rows; cells are HTML."""
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    yield f'<section aria-labelledby="{place}"><h2 id="{place}">{escape(title)}</h2>\n'
    yield f'<div class="wide" role="group" aria-labelledby="{place}" tabindex="0"><table>'
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        yield f'<tr><th scope="row">{first}</th>{cells}</tr>\n'
    yield "</tbody></table></div></section>\n"


def _limits(limits: Iterable[Limit], say: Say) -> Iterator[str]:
    rows = [
        (
            escape(one.title(say.lang)),
            escape(until(one.shown)),
            escape(say(f"outcome.{one.outcome}")),
            escape(one.law(say.lang)),
        )
        for one in limits
    ]
    if not rows:
        yield from _section("limits", say("limits"), [say("limits_none")])
        return
    columns = [say(f"page.{name}") for name in ("title_of", "until", "outcome", "law")]
    yield from _table("limits", say("limits"), columns, rows)


def _overview(shown: Iterable[Entry], say: Say) -> Iterator[str]:
    rows = [
        (
            f'<a href="#step-{one.step.version}">{one.step.version}</a>',
            escape(say_instant(one.step.happened)),
            escape(one.title(say.lang)),
            escape(f"{one.role(say.lang)} {one.step.actor}"),
            escape(say.verdict(one)),
        )
        for one in shown
    ]
    columns = [say(name) for name in ("page.number", "page.when", "page.what", "label.who", "page.verdict")]
    yield from _table("overview", say("page.overview"), columns, rows)


def _steps(found: History, shown: list[Entry], say: Say) -> Iterator[str]:
    numbers = {one.step.record: one.step.version for one in found.entries}
    yield f'<section aria-labelledby="steps"><h2 id="steps" tabindex="-1">{escape(say("page.steps"))}</h2>\n'
    for place, one in enumerate(shown):
        version = one.step.version
        if one.gap:
            yield f'<p class="gap">{escape(say("gap", count=one.gap))}</p>\n'
        mark = ' class="diverges"' if one.step.verdict == "divergent" else ""
        name = f"title-{version}"
        yield f'<article id="step-{version}" aria-labelledby="{name}"{mark}>\n'
        yield f'<h3 id="{name}">{version}. {escape(one.title(say.lang))}</h3>\n<dl>\n'
        for part in parts(one, numbers, say):
            lines = "".join(f"<p>{escape(line)}</p>" for line in part.lines)
            yield f"<dt>{escape(part.label)}</dt><dd>{lines}</dd>\n"
        yield "</dl>\n"
        near = [shown[other].step.version for other in (place - 1, place + 1) if 0 <= other < len(shown)]
        links = [f'<a href="#step-{other}">{escape(say("page.back", number=other))}</a>' for other in near]
        links.append(f'<a href="#overview">{escape(say("page.all"))}</a>')
        yield f'<p class="ways">{" &middot; ".join(links)}</p>\n</article>\n'
    yield "</section>\n"


def _refused(found: History, say: Say) -> Iterator[str]:
    if found.refusals:
        yield from _section("refused", say("page.refused"), (refused(one, say) for one in found.refusals))
