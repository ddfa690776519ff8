"""Holds what a scenario expects against what came, and tells every difference in codes, instants and names only."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from stegvis.engine.guide import Guide
from stegvis.engine.instants import STOCKHOLM, local_day, moment_of
from stegvis.engine.values import Case, Due, Run
from stegvis.routines.findings import Finding
from stegvis.routines.library import Library
from stegvis.routines.reader import Document
from stegvis.routines.scenario import (
    ACTIONS,
    Acting,
    Code,
    Deadline,
    Deliver,
    Delivered,
    Seen,
    Then,
    Tick,
    Ticked,
    within_minute,
)

Codes = tuple[tuple[str, str | None], ...]
Path = tuple[str | int, ...]
Miss = tuple[Path, str, str]
"""Where in ``then``, what was expected, what was seen."""

NONE = "-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: the codes that refused it, and how things stand after it.

    ``run`` is the run that the step was about, ``guide`` what its actor sees now, ``count`` how much was delivered or
    changed, ``met`` how it closed deadlines, ``listed`` whether the case stands on the list that was read, ``reach``
    who can be reached in a safe way, ``contact`` what the contact plan says of whom.
    """

    now: datetime
    codes: Codes = ()
    case: Case | None = None
    run: Run | None = None
    guide: Guide | None = None
    count: int | None = None
    met: Mapping[str, str] = field(default_factory=dict[str, str])
    listed: bool | None = None
    reach: Mapping[str, bool] = field(default_factory=dict[str, bool])
    contact: Mapping[str, str] = field(default_factory=dict[str, str])


def failures(
    document: Document,
    number: int,
    step: Acting | Deliver | Tick,
    outcome: Outcome,
    *,
    library: Library,
    names: Mapping[str, str],
) -> Iterator[Finding]:
    """Every expectation of a step that does not hold. ``names``: what the scenario calls its actors, by their keys."""
    path: Path = ("steps", number)
    then = step.then
    refused = then.refused if isinstance(then, Seen) else None
    if refused is None and outcome.codes:
        action = next(one for one in ACTIONS if one in step.model_fields_set)
        yield _finding(document, (*path, action), action, "accepted", _codes(outcome.codes))
    for where, expected, seen in (*_refusal(refused, outcome.codes), *_misses(then, outcome, library, names)):
        yield _finding(document, (*path, "then", *where), ".".join(str(part) for part in where), expected, seen)


def _finding(document: Document, path: Path, what: str, expected: str, seen: str) -> Finding:
    details = {"what": what, "expected": expected, "seen": seen}
    return Finding("expectation", document.name, document.key_mark(path), path, details)


def _codes(codes: Codes) -> str:
    return ", ".join(code if about is None else f"{code} ({about})" for code, about in codes) or NONE


def _refusal(expected: tuple[str | Code, ...] | None, seen: Codes) -> Iterator[Miss]:
    """All the reasons, no more and no less."""
    if expected is None:
        return
    left = list(seen)
    wanted = [
        (number, (one, None) if isinstance(one, str) else (one.code, one.about)) for number, one in enumerate(expected)
    ]
    missed = False
    for number, (code, about) in sorted(wanted, key=lambda one: one[1][1] is None):
        fit = next((one for one in left if one[0] == code and about in {None, one[1]}), None)
        if fit is not None:
            left.remove(fit)
        else:
            missed = True
            yield ("refused", number), _codes(((code, about),)), _codes(seen)
    if left and not missed:
        yield ("refused",), _codes(tuple(one for _, one in wanted)), _codes(seen)


def _misses(then: Then, outcome: Outcome, library: Library, names: Mapping[str, str]) -> Iterator[Miss]:
    if isinstance(then, Delivered | Ticked):
        key = "delivered" if isinstance(then, Delivered) else "changed"
        wanted = then.delivered if isinstance(then, Delivered) else then.changed
        yield from _same(key, wanted, outcome.count)
    case, run = outcome.case, outcome.run
    yield from _same("version", then.version, case.version if case is not None else None)
    yield from _same("acute", then.acute, case.acute if case is not None else None)
    yield from _same("state", then.state, run.state if run is not None else None)
    yield from _same("ended", then.ended, run.ended is not None if run is not None else None)
    if "holder" in then.model_fields_set:
        holder = names.get(run.holder, "?") if run is not None and run.holder is not None else None
        if holder != then.holder:
            yield ("holder",), then.holder or NONE, holder or NONE
    for routine, state in then.runs.items():
        states = [one.state for one in case.runs.values() if one.routine == routine] if case is not None else []
        if state not in states:
            yield ("runs", routine), state, ", ".join(states) or NONE
    if run is not None or then.model_fields_set & {"deadlines", "met", "sent", "owed"}:
        yield from _of_run(then, outcome, library)
    if isinstance(then, Seen):
        yield from _same("listed", then.listed, outcome.listed)
        yield from _of_persons(then, outcome)
        yield from _of_guide(then, outcome.guide)


def _same(key: str, expected: object, seen: object) -> Iterator[Miss]:
    if expected is not None and expected != seen:
        yield (key,), _plain(expected), _plain(seen)


def _plain(value: object) -> str:
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _of_run(then: Then, outcome: Outcome, library: Library) -> Iterator[Miss]:
    run = outcome.run
    for name, deadline in then.deadlines.items():
        due = run.due.get(name) if run is not None else None
        if deadline is None or due is None:
            if (deadline is None) is not (due is None):
                yield (
                    ("deadlines", name),
                    "running" if deadline is not None else NONE,
                    "running" if due is not None else NONE,
                )
            continue
        yield from (
            ((("deadlines", name, *where)), wanted, seen)
            for where, wanted, seen in _deadline(deadline, due, outcome.now, library)
        )
    for name, how in then.met.items():
        if outcome.met.get(name) != how:
            yield ("met", name), how, outcome.met.get(name, NONE)
    statuses = {sent.trigger: sent.status for sent in run.sent.values()} if run is not None else {}
    for trigger, status in then.sent.items():
        if statuses.get(trigger) != status:
            yield ("sent", trigger), status, statuses.get(trigger, NONE)
    if then.owed is not None:
        owed = sorted(run.owed) if run is not None else []
        if sorted(then.owed) != owed:
            yield ("owed",), ", ".join(sorted(then.owed)) or NONE, ", ".join(owed) or NONE


def _deadline(expected: Deadline, due: Due, now: datetime, library: Library) -> Iterator[Miss]:
    for key in ("shown", "internal", "legal", "critical"):
        wanted, seen = getattr(expected, key), getattr(due, key)
        if key not in expected.model_fields_set:
            continue
        if (wanted is None) is not (seen is None) or (
            wanted is not None and not within_minute(wanted, moment_of(seen))
        ):
            yield (key,), wanted or NONE, _local(seen)
    for key in ("law", "passed", "moved"):
        yield from _same(key, getattr(expected, key), getattr(due, key))
    if expected.cites is not None:
        cited = library.law.citation(due.law, local_day(now))
        if expected.cites not in cited:
            yield ("cites",), expected.cites, cited


def _local(instant: str | None) -> str:
    return moment_of(instant).astimezone(STOCKHOLM).isoformat(timespec="seconds") if instant is not None else NONE


def _of_guide(then: Seen, guide: Guide | None) -> Iterator[Miss]:
    actions = {action.trigger: action for action in guide.actions} if guide is not None else {}
    for number, trigger in enumerate(then.open):
        action = actions.get(trigger)
        if action is None or not action.open:
            yield (
                ("open", number),
                "open",
                _codes(tuple((one.code, one.about) for one in action.reasons)) if action is not None else NONE,
            )
    for trigger, codes in then.closed.items():
        action = actions.get(trigger)
        seen = sorted(one.code for one in action.reasons) if action is not None else []
        if action is None or seen != sorted(codes):
            yield (
                ("closed", trigger),
                ", ".join(sorted(codes)),
                ", ".join(seen) or ("open" if action is not None else NONE),
            )
    for trigger, cited in then.cites.items():
        action = actions.get(trigger)
        laws = [law("sv") for law in action.law] if action is not None else []
        if not any(cited in law for law in laws):
            yield ("cites", trigger), cited, "; ".join(laws) or NONE
    mended = {one.fact: one.correction for one in guide.facts} if guide is not None else {}
    for fact, steps in then.corrected.items():
        found = mended.get(fact)
        rested = sorted(one.trigger for one in found.rested) if found is not None else []
        if found is None or rested != sorted(steps):
            yield ("corrected", fact), ", ".join(sorted(steps)) or NONE, ", ".join(rested) or NONE
    facts = {fact.fact for fact in guide.facts} if guide is not None else set[str]()
    yield from _known(then.sees, "sees", facts, guide, wanted=True)
    yield from _known(then.not_sees, "not_sees", facts, guide, wanted=False)
    held = {fact.fact for fact in guide.facts if fact.hidden} if guide is not None else set[str]()
    yield from _known(then.hidden, "hidden", held, guide, wanted=True)
    text = guide.text("sv") + guide.text("en") if guide is not None else ""
    yield from _known(then.shows, "shows", text, guide, wanted=True)
    yield from _known(then.hides, "hides", text, guide, wanted=False)


def _of_persons(then: Seen, outcome: Outcome) -> Iterator[Miss]:
    guide = outcome.guide
    yield from _same("identity", then.identity, guide.identity.level if guide is not None else None)
    for key, wanted, seen in (("reach", then.reach, outcome.reach), ("contact", then.contact, outcome.contact)):
        for person, expected in wanted.items():
            if seen.get(person) != expected:
                yield (key, person), _plain(expected), _plain(seen.get(person))


def _known(
    names: tuple[str, ...], key: str, there: Collection[str], guide: Guide | None, *, wanted: bool
) -> Iterator[Miss]:
    for number, name in enumerate(names):
        if guide is None or (name in there) is not wanted:
            yield (
                (key, number),
                "there" if wanted else "not there",
                NONE if guide is None else "not there" if wanted else "there",
            )
