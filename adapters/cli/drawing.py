"""The command that draws a routine, and shows on the drawing where a case stands."""

from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from stegvis.engine.engine import now_utc
from stegvis.engine.instants import local_day
from stegvis.engine.persons import IdentityView
from stegvis.routines.errors import BadInput
from stegvis.routines.library import Library
from stegvis.routines.pictures.chart import chart
from stegvis.routines.pictures.listing import listing
from stegvis.routines.pictures.mermaid import mermaid
from stegvis.routines.pictures.page import page
from stegvis.routines.pictures.svg import svg
from stegvis.routines.rules import Rules
from stegvis.routines.text import Lang, Text

from .desk import actor, desk, library, screen
from .options import ACTING, GOOD, Acting

Drawing: TypeAlias = Literal["text", "mermaid", "svg", "html"]


class _Shown(NamedTuple):
    """Which rules are drawn, and what is marked on the drawing."""

    library: Library
    rules: Rules
    here: str | None = None
    closed: tuple[str, ...] = ()
    identity: IdentityView | None = None


def diagram(
    routine: str | None = None,
    /,
    *,
    case: str | None = None,
    run: str | None = None,
    drawn: Drawing = "text",
    as_of: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Draw a routine; or the one that a case follows, with where it stands."""
    day = _day(as_of)
    if (routine is None) is (case is None):
        raise BadInput("routine_or_case")
    if case is not None:
        shown = _of_case(case, run, acting)
    else:
        known = library(acting)
        shown = _Shown(known, known.routine(routine or "", day))
    at = screen(acting)
    lines = list(_drawn(shown, drawn, day, at.lang))
    digests: dict[str, object] = {
        "routine": shown.rules.id,
        "rules": shown.rules.digest,
        "guidance": shown.rules.guidance,
    }
    if shown.identity is not None:
        digests["identity"] = shown.identity
    at.document({**digests, "as": drawn, "here": shown.here, "drawing": "\n".join(lines) + "\n"})
    if drawn == "text":
        at.lines(lines)
    elif not at.as_json:
        at.line("\n".join(lines), whole=True)
    return GOOD


def _of_case(case: str, run: str | None, acting: Acting) -> _Shown:
    with desk(acting) as at:
        who = actor(acting, at.library)
        guide = at.engine.guide(case, actor=who, run=run)
        stands = at.engine.case(case, actor=who)
        known = at.engine.files.library_for(stands)
        rules = known.by_digest[stands.runs[guide.run].rules]
        closed = tuple(one.trigger for one in guide.actions if not one.open)
        return _Shown(known, rules, rules.spots[guide.state].origin, closed, guide.identity)


def _drawn(shown: _Shown, drawn: Drawing, day: date, lang: Lang) -> Iterator[str]:
    whole, law = chart(shown.library, shown.rules), shown.library.law
    if shown.identity is not None:
        # A drawing of a case is a view of the case: its title begins with the word, in every form it is drawn in.
        first = shown.library.words[f"identity.short.{shown.identity.level}"]
        whole = whole._replace(
            title=Text(sv=f"{first('sv')} {whole.title('sv')}", en=f"{first('en')} {whole.title('en')}")
        )
    if drawn == "text":
        yield from listing(whole, law, day, lang, here=shown.here)
    elif drawn == "mermaid":
        yield from mermaid(whole, lang, here=shown.here)
    elif drawn == "svg":
        yield svg(whole, lang, here=shown.here, closed=shown.closed).rstrip("\n")
    else:
        yield page(whole, law, day, lang, here=shown.here, closed=shown.closed).rstrip("\n")


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text is not None else local_day(now_utc())
    except ValueError:
        raise BadInput("not_date", field="--as-of") from None
