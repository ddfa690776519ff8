"""What must hold of a scenario before it is played: its shape, its clock, and that every name in it means something.

A name that means nothing would make an expectation such as ``not_sees`` hold for ever, so names are checked first.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, cast

import orjson
from pydantic import ValidationError

from .findings import BadDefinition, Finding
from .library import Library
from .limits import ZONE
from .model import OPEN
from .orders import CHANGES
from .reader import Document
from .scenario import (
    ACTIONS,
    Acting,
    Change,
    Correct,
    Deliver,
    Explain,
    Open,
    Scenario,
    Seen,
    Step,
    Take,
    Tell,
    Then,
    Tick,
    later,
)

Path = tuple[str | int, ...]

_SHAPE = {"extra_forbidden": "scenario-key", "missing": "scenario-missing", "union_tag_not_found": "scenario-action"}


class Names(NamedTuple):
    """Every name that some routine of a library uses."""

    steps: frozenset[str]
    states: frozenset[str]
    deadlines: frozenset[str]
    facts: frozenset[str]


def read_scenario(document: Document, library: Library) -> Scenario:
    """The scenario in a document that ``reader`` has read, checked against the definitions it is about.

    Raises:
        BadDefinition: with every finding.
    """
    try:
        # Through JSON, where strict models still take a list as a tuple.
        scenario = Scenario.model_validate_json(orjson.dumps(document.data))
    except ValidationError as fault:
        raise BadDefinition(_shape(document, fault)) from None
    findings = [*_times(document, scenario), *_names(document, scenario, library)]
    if findings:
        raise BadDefinition(findings)
    return scenario


def instants(scenario: Scenario) -> Iterator[datetime]:
    """When each step happens, on the Swedish clock."""
    now = datetime.fromisoformat(scenario.start).astimezone(ZONE)
    for step in scenario.steps:
        if step.at is not None:
            now = datetime.fromisoformat(step.at).astimezone(ZONE)
        elif step.after is not None:
            now = later(now, step.after)
        yield now


def _finding(document: Document, rule: str, path: Path, /, *, key: bool = False, **details: str | int) -> Finding:
    return Finding(rule, document.name, document.key_mark(path) if key else document.mark(path), path, details)


def _shape(document: Document, fault: ValidationError) -> Iterator[Finding]:
    for error in fault.errors(include_url=False, include_context=False, include_input=False):
        loc = error["loc"]
        # After the number of a step pydantic names the kind of step, which is no place in the file.
        path: Path = (*loc[:2], *loc[3:]) if len(loc) > 2 and loc[0] == "steps" else tuple(loc)  # noqa: PLR2004
        rule = _SHAPE.get(error["type"], "scenario-value")
        if rule == "scenario-action":
            yield _finding(document, rule, path, actions=", ".join(ACTIONS))
        elif rule != "scenario-value":
            yield _finding(document, rule, path, key=True, name=_shown(path[-1] if path else "?"))
        else:
            yield _finding(document, rule, path, name=".".join(_shown(part) for part in path), problem=error["type"])


def _shown(part: str | int) -> str:
    text = str(part)
    return text if len(text) <= 64 else text[:63] + "…"  # noqa: PLR2004


def _times(document: Document, scenario: Scenario) -> Iterator[Finding]:
    written: list[tuple[Path, str]] = [(("start",), scenario.start)]
    written += [(("steps", number, "at"), step.at) for number, step in enumerate(scenario.steps) if step.at is not None]
    for path, text in written:
        moment = datetime.fromisoformat(text)
        swedish = moment.astimezone(ZONE)
        if swedish.utcoffset() != moment.utcoffset():
            yield _finding(document, "scenario-offset", path, offset=f"{swedish:%z}"[:3] + ":" + f"{swedish:%z}"[3:])
    before = datetime.fromisoformat(scenario.start)
    for number, moment in enumerate(instants(scenario)):
        if moment < before:
            yield _finding(document, "scenario-clock-back", ("steps", number, "at"))
        before = moment


def names_of(library: Library) -> Names:
    """Every name that some routine of the library uses."""
    versions = [one for versions in library.versions.values() for one in versions]
    return Names(
        steps=frozenset(trigger for one in versions for moves in one.moves.values() for trigger in moves),
        states=frozenset(state for one in versions for state in one.spots),
        deadlines=frozenset(name for one in versions for name in one.routine.deadlines),
        facts=frozenset(fact for one in versions for fact in one.scope),
    )


class _Naming:
    """Looks up names, and collects what is not found."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []

    def each(self, kind: str, known: Collection[str], path: Path, names: Iterable[str], *, keys: bool = False) -> None:
        for number, name in enumerate(names):
            if name not in known:
                where = (*path, name) if keys else (*path, number)
                self.findings.append(_finding(self.document, f"scenario-unknown-{kind}", where, key=keys, name=name))

    def one(self, kind: str, known: Collection[str], path: Path, name: str | None) -> None:
        if name is not None and name not in known:
            self.findings.append(_finding(self.document, f"scenario-unknown-{kind}", path, name=name))

    def looks(self, step: Acting, path: Path, looked: set[tuple[str, str]]) -> None:
        if isinstance(step, Take | Correct) and step.last_look and (step.who, step.case) not in looked:
            self.findings.append(_finding(self.document, "scenario-never-looked", (*path, "last_look")))
        if not isinstance(step, Open):
            looked.add((step.who, step.case))

    def planted(self, then: Seen, path: Path, written: str) -> None:
        for key in ("shows", "hides"):
            for place, words in enumerate(cast("tuple[str, ...]", getattr(then, key))):
                if words not in written:
                    self.findings.append(_finding(self.document, "scenario-not-planted", (*path, key, place)))


def _names(document: Document, scenario: Scenario, library: Library) -> list[Finding]:
    naming, names = _Naming(document), names_of(library)
    organisations = library.organisations.organisations
    for name, person in scenario.actors.items():
        path = ("actors", name)
        naming.each("role", library.roles.roles, (*path, "roles"), person.roles)
        naming.each("delegation", library.roles.delegations, (*path, "delegations"), person.delegations)
        naming.one("organisation", organisations, (*path, "organisation"), person.organisation)
    cases: set[str] = set()
    looked: set[tuple[str, str]] = set()
    written = orjson.dumps([_answers(step) for step in scenario.steps]).decode()
    for number, step in enumerate(scenario.steps):
        path = ("steps", number)
        if isinstance(step, Tell):
            continue
        naming.one("routine", library.versions, (*path, "run"), step.run)
        if isinstance(step, Open | Deliver) and step.case is not None:
            cases.add(step.case)
        if isinstance(step, Acting):
            naming.one("actor", scenario.actors, (*path, "who"), step.who)
            naming.looks(step, path, looked)
        naming.one("case", cases, (*path, "case"), step.case)
        _action(naming, names, library, path, step)
        _outcome(naming, names, library, (*path, "then"), step.then)
        naming.one("actor", scenario.actors, (*path, "then", "holder"), step.then.holder)
        if step.case is None and step.then.model_fields_set - {"delivered", "changed"}:
            naming.findings.append(_finding(document, "scenario-no-case", (*path, "then"), key=True))
        if isinstance(step.then, Seen):
            naming.planted(step.then, (*path, "then"), written)
    return naming.findings


def _answers(step: Step) -> object:
    if isinstance(step, Correct):
        return step.correct
    if isinstance(step, Change):
        return [step.reason, step.form]
    return step.form if isinstance(step, Open | Take) else None


def _action(naming: _Naming, names: Names, library: Library, path: Path, step: Step) -> None:
    match step:
        case Open():
            naming.one("routine", library.versions, (*path, "open"), step.open)
        case Take():
            naming.one("step", names.steps, (*path, "take"), step.take)
        case Explain():
            naming.one("step", names.steps, (*path, "explain"), step.explain)
        case Correct():
            naming.each("fact", names.facts, (*path, "correct"), step.correct, keys=True)
        case Change():
            naming.one("change", CHANGES, (*path, "change"), step.change)
        case Deliver():
            naming.one("organisation", library.organisations.organisations, (*path, "deliver"), step.deliver)
        case Tick():
            naming.one("organisation", library.organisations.organisations, (*path, "tick"), step.tick)
        case _:
            pass


def _outcome(naming: _Naming, names: Names, library: Library, path: Path, then: Then) -> None:
    naming.one("state", names.states, (*path, "state"), then.state)
    naming.each("routine", library.versions, (*path, "runs"), then.runs, keys=True)
    for routine, state in then.runs.items():
        naming.one("state", names.states, (*path, "runs", routine), state)
    naming.each("deadline", names.deadlines, (*path, "deadlines"), then.deadlines, keys=True)
    for name, deadline in then.deadlines.items():
        if deadline is not None:
            naming.one("law", library.law.laws, (*path, "deadlines", name, "law"), deadline.law)
    naming.each("deadline", names.deadlines, (*path, "met"), then.met, keys=True)
    naming.each("step", names.steps, (*path, "sent"), then.sent, keys=True)
    naming.each("step", names.steps, (*path, "owed"), then.owed or ())
    if isinstance(then, Seen):
        naming.each("step", names.steps, (*path, "open"), then.open)
        naming.each("step", names.steps, (*path, "closed"), then.closed, keys=True)
        naming.each("step", names.steps, (*path, "cites"), then.cites, keys=True)
        naming.each("fact", names.facts, (*path, "corrected"), then.corrected, keys=True)
        for fact, steps in then.corrected.items():
            naming.each("step", names.steps | {OPEN}, (*path, "corrected", fact), steps)
        naming.each("fact", names.facts, (*path, "sees"), then.sees)
        naming.each("fact", names.facts, (*path, "hidden"), then.hidden)
        naming.each("fact", names.facts, (*path, "not_sees"), then.not_sees)
