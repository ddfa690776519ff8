"""Noting what holds of persons, whatever routine is running: a protected identity, a safe channel."""

from collections.abc import Mapping
from typing import cast

from stegvis.routines.form import Questions, Value
from stegvis.routines.persons import Noting

from .asking import Ask
from .granting import Change
from .persons import channel_said, identity_said
from .reasons import reason, roles_text
from .values import Case, Denied, Head, Reason


def identity(ask: Ask, case: Case) -> Change | Denied:
    """Note how the person's identity is protected, when it was looked up and where."""
    del case
    return _noted(ask, ask.library.persons.identity)


def identified(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case with what was looked up. What can no longer be read is not known."""
    del head
    return case._replace(identity=identity_said(_facts(body), case.version + 1))


def channel(ask: Ask, case: Case) -> Change | Denied:
    """Set how one person may be reached, or that nobody may contact them."""
    del case
    return _noted(ask, ask.library.persons.channel)


def channelled(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case with a way to a person. Where it can no longer be read whose it was, every way is closed."""
    said = _facts(body)
    person = said.get("person")
    if not isinstance(person, str):
        return case._replace(channels={})
    one = channel_said(said, head["actor"], head["at"], case.version + 1)
    return case._replace(channels={**case.channels, person: one})


def _facts(body: Mapping[str, object]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", body.get("facts", {}))


def _noted(ask: Ask, noting: Noting | None) -> Change | Denied:
    library, by = ask.library, frozenset(noting.by if noting is not None else ())
    reasons: list[Reason] = []
    mine = ask.actor.roles & by
    if not mine:
        reasons.append(reason(library, "role", "not_you", None, roles=roles_text(library, by)))
    given: dict[str, Value] = {}
    if noting is not None:
        given = _read(ask, noting, reasons)
    return Denied(tuple(reasons)) if reasons else Change(min(mine), {}, {"facts": given})


def _read(ask: Ask, noting: Noting, reasons: list[Reason]) -> dict[str, Value]:
    fields = noting.form.fields
    answers, problems = Questions(fields).read(ask.command.form, now=ask.at, today=ask.today)
    for problem in problems:
        field = fields.get(problem.field.partition("[")[0])
        title = field.title if field is not None else "?"
        kind = "missing" if problem.code == "missing" else "invalid"
        reasons.append(reason(ask.library, problem.code, kind, problem.field, field=title))
    named = {problem.field for problem in problems}
    reasons.extend(
        reason(ask.library, "missing", "missing", name, field=field.title)
        for name, field in fields.items()
        if field.required and name not in answers and name not in named
    )
    return answers
