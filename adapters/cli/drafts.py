"""The command of drafts: save, show, list and throw away what somebody has begun to answer."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import orjson

from stegvis.engine.drafts import Draft
from stegvis.engine.guide_view import plain_json
from stegvis.engine.saying import say_instant
from stegvis.routines.errors import BadInput, NotFound

from .desk import Desk, actor, desk, short
from .forms import answers, fields_of
from .options import ACTING, GOOD, NO, Acting, Answers


def draft(
    case: str | None = None,
    step: str | None = None,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    of: str | None = None,
    discard: bool = False,
    run: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Save, show, list or throw away a draft."""
    saving = bool(set_) or form is not None
    asked = saving + discard + (of is not None)
    if asked > 1 or (asked and step is None):
        raise BadInput("one_draft_at_a_time")
    with desk(acting) as at:
        who, drafts = actor(acting, at.library), at.engine.drafts
        if case is None or step is None:
            return _listed(at, drafts.list(actor=who, case=case))
        if discard:
            gone = drafts.discard(case, step, actor=who, run=run)
            at.screen.document({"discarded": gone})
            at.screen.say("draft_discarded" if gone else "draft_none")
            return GOOD if gone else NO
        if not saving:
            shown = _shown(at, drafts.show(case, step, actor=who, of=of, run=run))
            if of not in {None, who.id}:
                at.screen.say("draft_others")
            return shown
        fields = fields_of(at.engine, at.engine.case(case, actor=who), step, run)
        begun = dict[str, object]()
        with suppress(NotFound):
            begun.update(drafts.show(case, step, actor=who, run=run).form or {})
        written = {name: one for name, one in {**begun, **answers(fields, set_, form)}.items() if one != ""}
        kept = at.engine.draft(case, step, written, actor=who, run=run)
        at.screen.document(_json(kept))
        at.screen.say("draft_saved", expires=say_instant(kept.expires))
        return GOOD


def _listed(at: Desk, found: Sequence[Draft]) -> int:
    screen = at.screen
    screen.document({"drafts": [_json(one) for one in found]})
    if not found:
        screen.say("draft_none")
    for one in found:
        screen.lines(_about(one, at))
    return GOOD


def _shown(at: Desk, one: Draft) -> int:
    screen = at.screen
    screen.document(_json(one))
    screen.lines(_about(one, at))
    screen.lines(f"  {_visible(name)} = {_visible(value)}" for name, value in (one.form or {}).items())
    return GOOD


def _about(one: Draft, at: Desk) -> Iterator[str]:
    """Whose it is and until when, and whether the case has moved on from under it."""
    screen = at.screen
    yield f"{short(at, one.identity)} " + screen.word(
        "draft_line", step=one.trigger, case=one.case, who=one.actor, at=say_instant(one.at)
    )
    yield "  " + screen.word("draft_until", expires=say_instant(one.expires))
    if one.moved:
        yield "  " + screen.word("draft_moved", version=one.version, now=one.now)
    if not one.here:
        yield "  " + screen.word("draft_not_here")


def _visible(value: object) -> str:
    """A value with every character that would move the cursor or turn the line round written out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _json(one: Draft) -> dict[str, object]:
    """A draft as JSON values; half a character, which no JSON document can hold, becomes a question mark."""
    said = {**asdict(one), "moved": one.moved, "identity": plain_json(one.identity)}
    whole = json.dumps(said, ensure_ascii=False)
    return orjson.loads(whole.encode("utf-8", "replace"))
