"""The commands of casework: open a run, look at the guide, ask about a step, take it."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import How
from stegvis.routines.errors import BadInput

from .desk import Desk, actor, desk, identity, instant
from .errors import reason_lines, speakable, told
from .following import begin, choose, follow, wanted
from .forms import Fields, answers, fields_of, fresh_key, opening, question_json, question_lines, repeatable, split
from .options import ACTING, GOOD, NO, Acting, Answers
from .screen import shipped_words


def open_(
    routine: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    person: str | None = None,
    case: str | None = None,
    happened: str | None = None,
    key: str | None = None,
    interactive: bool = False,
    acting: Acting = ACTING,
) -> int:
    """Open a run of a routine."""
    said = bool(set_) or any(one is not None for one in (form, case, happened, key))
    talking = wanted(interactive=interactive, once=said, json=acting.json)
    with desk(acting, create=True) as at:
        if talking:
            return begin(at, actor(acting, at.library), routine, person)
        who, fields = actor(acting, at.library), opening(at.library, routine, at.engine)
        given, used, when = answers(fields, set_, form), key or fresh_key(), instant(happened, "--happened")
        return _done(
            at,
            fields,
            used,
            lambda: at.engine.open(routine, actor=who, form=given, key=used, person=person, case=case, happened=when),
        )


def guide(
    case: str | None = None,
    /,
    *,
    run: str | None = None,
    how: How = "read",
    reveal: tuple[str, ...] = (),
    interactive: bool = False,
    once: bool = False,
    acting: Acting = ACTING,
) -> int:
    """Follow a case step by step, or show once what stands on the screen. Without a case one is chosen first."""
    talking = wanted(interactive=interactive, once=once or how != "read" or bool(reveal), json=acting.json)
    if case is None and not talking:
        raise BadInput("missing_argument", argument="CASE", command="stegvis guide")
    with desk(acting) as at:
        who = actor(acting, at.library)
        if case is None:
            return choose(at, who)
        if talking:
            return follow(at, who, case, run)
        shown = at.engine.guide(case, actor=who, run=run, how=how, reveal=reveal)
        at.screen.document({"guide": shown.json(), "digest": shown.digest})
        at.screen.lines(shown.text(at.screen.lang).splitlines())
        at.screen.line()
        at.screen.say("guide_version", version=shown.version, run=shown.run)
        at.screen.say("guide_digest", digest=shown.digest)
        at.screen.say("guide_next", case=case)
        return GOOD


def explain(
    case: str,
    step: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    run: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Say whether a step can be taken, and what it asks."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        stands = at.engine.case(case, actor=who)
        fields = fields_of(at.engine, stands, step, run)
        given = answers(fields, set_, form) if set_ or form is not None else None
        answer = at.engine.explain(case, step, actor=who, form=given, run=run)
        reasons = speakable(answer.reasons)
        known = identity(at, stands)
        at.screen.line(known.says(at.screen.lang))
        at.screen.document(
            {"identity": known, "allowed": answer.allowed, "reasons": reasons, "questions": question_json(fields)}
        )
        if answer.allowed:
            at.screen.say("allowed" if given is not None or not fields else "allowed_so_far")
        else:
            at.screen.say("not_allowed")
            for one in reasons:
                at.screen.lines(reason_lines(one, shipped_words(), at.screen.lang))
        at.screen.lines(question_lines(fields, at.screen))
        return GOOD if answer.allowed else NO


def take(
    case: str,
    step: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    expect: int | None = None,
    seen: str | None = None,
    override: tuple[str, ...] = (),
    happened: str | None = None,
    run: str | None = None,
    key: str | None = None,
    draft: bool = False,
    acting: Acting = ACTING,
) -> int:
    """Take a step."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        when, used, excused = instant(happened, "--happened"), key or fresh_key(), dict(split(override))
        fields = fields_of(at.engine, at.engine.case(case, actor=who), step, run)
        begun = at.engine.drafts.show(case, step, actor=who, run=run).form if draft else None
        given = {**(begun or {}), **answers(fields, set_, form)}
        return _done(
            at,
            fields,
            used,
            lambda: at.engine.take(
                case,
                step,
                actor=who,
                key=used,
                form=given,
                run=run,
                expect=expect,
                seen=seen,
                overrides=excused,
                happened=when,
            ),
        )


def _done(at: Desk, fields: Fields, key: str, act: Callable[[], Receipt]) -> int:
    """Do it, and say where the run stands now; a refusal over the form says what the form asks."""
    try:
        with repeatable(key):
            receipt = act()
    except Refused as no:
        form = any(one.kind in {"missing", "invalid"} for one in no.reasons)
        return at.screen.fail(
            told(no, shipped_words()),
            question_lines(fields, at.screen) if form else (),
            {"questions": question_json(fields) if form else []},
        )
    said = {name: value for name, value in asdict(receipt).items() if name != "rested"}
    at.screen.document({**said, "case": receipt.id, "key": key})
    at.screen.say("done", state=receipt.state, version=receipt.version)
    at.screen.say("done_case", case=receipt.id)
    at.screen.say("done_run", run=receipt.run)
    at.screen.say("done_key", key=key)
    return GOOD
