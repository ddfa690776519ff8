"""Facts: questions are whole, are given before they are read, and what is protected does not reach a decision."""

from collections.abc import Iterable, Iterator
from typing import get_args

from ..form import Field
from ..model import Start
from ..registers import Secrecy
from ..rules import Move, Rules
from .flow import Flow, Have, during, sources
from .page import Path
from .places import Asked, Step, Subject, conditions

_ONLY = {
    "of": ("choice",),
    "multiple": ("choice",),
    "rows": ("list",),
    "least": ("number",),
    "most": ("number",),
    "longest": ("text",),
    "past": ("date", "instant"),
}
_IDLE_IN_ROWS = {"when": "when", "see": "see", "feeds_from": "from"}
_CLASSES: tuple[str, ...] = get_args(Secrecy)


def fields(about: Subject) -> None:
    """What each question says of itself, and what may be asked at that kind of organisation."""
    for asked in about.fields:
        _whole(about, asked)
        _secrecy(about, asked)
        source = _protected(about, asked)
        if source is not None:
            about.page.value("decision-from-protected", (*asked.path, "from"), name=asked.name, source=source)
    used = {step.step.form for step in about.steps}
    for form in about.routine.forms:
        if form not in used:
            about.page.warn("form-unused", ("forms", form), name=form)


def _whole(about: Subject, asked: Asked) -> None:
    field, page = asked.field, about.page
    if field.type == "choice" and field.of is None:
        page.key("field-no-options", asked.path, name=asked.name)
    if field.type == "list" and field.rows is None:
        page.key("field-no-rows", asked.path, name=asked.name)
    for key, kinds in _ONLY.items():
        if key in field.model_fields_set and field.type not in kinds:
            page.key("field-key-idle", (*asked.path, key), key=key, kind=field.type)
    for key, alias in _IDLE_IN_ROWS.items():
        if asked.row and key in field.model_fields_set:
            page.key("field-key-idle", (*asked.path, alias), key=alias, kind="list")
    if field.least is not None and field.most is not None and field.most < field.least:
        page.value("field-range", (*asked.path, "most"), least=field.least, most=field.most)


def _secrecy(about: Subject, asked: Asked) -> None:
    secrecy, path = asked.field.secrecy, (*asked.path, "secrecy")
    if secrecy not in _CLASSES:
        about.page.value("secrecy-unknown", path, name=secrecy, expected=", ".join(_CLASSES))
        return
    for name in about.routine.organisation:
        kind = about.world.organisations.kinds.get(name)
        if kind is not None and secrecy not in kind.secrecy:
            about.page.value("secrecy-not-here", path, name=secrecy, organisation=name)


def _protected(about: Subject, asked: Asked) -> str | None:
    """The protected field that a decision field is fed from, over any number of steps."""
    if asked.field.part != "decision":
        return None
    named = {f"{one.form or 'handed'}.{one.name}": one.field for one in about.fields if not one.row}
    field: Field | None = asked.field
    seen: set[str] = set()
    while field is not None and field.feeds_from is not None and field.feeds_from not in seen:
        source = field.feeds_from
        seen.add(source)
        field = named.get(source)
        if field is not None and field.part == "protected":
            return source
    return None


def order(about: Subject, rules: Rules, flow: Flow) -> None:
    """A fact is read only where some way has led past a form that asks for it."""
    by_step: dict[str, list[Move]] = {}
    for move in flow.taken.values():
        if move.kind in {"step", "propose", "approve"}:
            by_step.setdefault(move.base, []).append(move)
    have = {step.path: _have(step, by_step.get(step.name, ()), rules, flow) for step in about.steps}
    anywhere = frozenset[str]().union(*flow.have.values())
    for said in conditions(about):
        there = _there(said.path, about, rules, flow, have)
        if there is not None:
            names = sorted(about.parsed(said.source).names)
            _unset(about, rules, said.path, names, there)
    for path, fact, there in _others(about, have, anywhere):
        if there is not None:
            _unset(about, rules, path, [fact], there)


def _unset(about: Subject, rules: Rules, path: Path, names: Iterable[str], have: Have) -> None:
    for fact in dict.fromkeys(stored for name in names for stored in _stored(rules, name)):
        if not all(source in have for source in sources(rules, fact)):
            about.page.value("field-read-before-set", path, name=fact)


def _stored(rules: Rules, name: str) -> Iterator[str]:
    """The facts that one rests on, as they were given."""
    one = rules.routine.derived.get(name)
    if one is None:
        yield name
        return
    for source in (one.age_group, one.since, one.known):
        if source is not None:
            yield from _stored(rules, source)
    condition = rules.derived[name]
    if condition is not None:
        for inner in sorted(condition.names):
            yield from _stored(rules, inner)


def _have(step: Step, moves: Iterable[Move], rules: Rules, flow: Flow) -> Have | None:
    """What may be known at a declared step, over all the states it can be taken in; None when nothing leads there."""
    found = [
        during(rules, move, flow.have.get(move.source, frozenset()))
        for move in moves
        if (rules.spots[move.source].origin in step.states if move.source else step.path == ("open",))
    ]
    return frozenset[str]().union(*found) if found else None


def _there(path: Path, about: Subject, rules: Rules, flow: Flow, have: dict[Path, Have | None]) -> Have | None:
    """What may be known where the condition at this place is judged."""
    if path[0] == "forms":
        moves = [move for move in flow.taken.values() if move.form == path[1]]
    elif path[0] == "deadlines":
        start = about.routine.deadlines[str(path[1])].starts[int(path[3])]
        on = start.on if isinstance(start, Start) else start
        moves = [one for one in flow.taken.values() if on in _called(one)]
    else:
        return next((one for place, one in have.items() if path[: len(place)] == place), None)
    found = [during(rules, move, flow.have.get(move.source, frozenset())) for move in moves]
    return frozenset[str]().union(*found) if found else None


def _called(move: Move) -> tuple[str, ...]:
    """The names under which a deadline knows a compiled step."""
    if move.kind == "propose":
        return (f"{move.base}.propose",)
    return (move.base, move.trigger) if move.kind == "approve" else (move.trigger,)


def _others(about: Subject, have: dict[Path, Have | None], anywhere: Have) -> Iterator[tuple[Path, str, Have | None]]:
    """Facts that are named outside conditions."""
    for step in about.steps:
        yield from ((path, fact, have[step.path]) for path, fact in _named(step))
    for name, deadline in about.routine.deadlines.items():
        for key, fact in (("from", deadline.origin), ("or_before", deadline.or_before)):
            if fact is not None:
                yield ("deadlines", name, key), fact, anywhere


def _named(step: Step) -> Iterator[tuple[Path, str]]:
    one, path = step.step, step.path
    if one.assigns is not None:
        yield (*path, "assigns"), one.assigns
    if one.identifies is not None:
        yield (*path, "identifies"), one.identifies
    if one.prolongs is not None:
        yield (*path, "prolongs", "until"), one.prolongs.until
    if one.handoff is not None:
        yield from (((*path, "handoff", "carries", to), fact) for to, fact in one.handoff.carries.items())
        if one.handoff.protected_identity is not None:
            yield (*path, "handoff", "protected_identity"), one.handoff.protected_identity
    if one.reply is not None:
        yield from (((*path, "reply", "carries", to), fact) for to, fact in one.reply.carries.items())
