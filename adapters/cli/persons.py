"""The commands about persons: a protected identity, how somebody may be reached, who in the family may be contacted."""

from collections.abc import Mapping
from pathlib import Path

from stegvis.engine.answers import Refused
from stegvis.engine.guide_view import plain_json
from stegvis.engine.identity import identity_view
from stegvis.engine.persons import UNKNOWN
from stegvis.engine.values import Actor
from stegvis.routines.persons import Noting

from .desk import Desk, actor, desk
from .errors import told
from .forms import Fields, answers, fresh_key, question_json, question_lines, repeatable
from .options import ACTING, GOOD, Acting, Answers
from .screen import shipped_words


def protected(
    case: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    key: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Show or note whether the person's identity is protected."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        if set_ or form is not None:
            fields = _fields(at.library.persons.identity)
            return _noted(at, who, case, "identity", fields, answers(fields, set_, form), key)
        shown = identity_view(at.library, at.engine.case(case, actor=who).identity or UNKNOWN)
        at.screen.document({"identity": plain_json(shown)})
        at.screen.line(shown.says(at.screen.lang))
        return GOOD


def channel(
    case: str,
    person: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    reveal: bool = False,
    key: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Show or set how somebody may be reached."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        if set_ or form is not None:
            fields = _fields(at.library.persons.channel)
            given = {**answers(fields, set_, form), "person": person}
            return _noted(at, who, case, "channel", fields, given, key)
        shown = at.engine.persons.channel(case, person, actor=who, reveal=reveal)
        at.screen.document({"channel": shown.json()})
        at.screen.lines(shown.text(at.screen.lang).splitlines())
        return GOOD


def contacts(case: str, /, *, acting: Acting = ACTING) -> int:
    """Show who in the family may be contacted."""
    with desk(acting) as at:
        shown = at.engine.persons.contacts(case, actor=actor(acting, at.library))
        at.screen.document({"contacts": shown.json()})
        at.screen.lines(shown.text(at.screen.lang).splitlines())
        return GOOD


def _fields(noting: Noting | None) -> Fields:
    return noting.form.fields if noting is not None else {}


def _noted(  # noqa: PLR0917 - the parts of one command
    at: Desk, who: Actor, case: str, kind: str, fields: Fields, given: Mapping[str, object], key: str | None
) -> int:
    used = key or fresh_key()
    try:
        with repeatable(used):
            receipt = at.engine.change(case, kind, actor=who, key=used, form=given)
    except Refused as no:
        form = any(one.kind in {"missing", "invalid"} for one in no.reasons)
        lines = question_lines(fields, at.screen) if form else ()
        return at.screen.fail(told(no, shipped_words()), lines, {"questions": question_json(fields) if form else []})
    at.screen.document({"case": receipt.id, "version": receipt.version, "record": receipt.record, "key": used})
    at.screen.say("noted", version=receipt.version)
    return GOOD
