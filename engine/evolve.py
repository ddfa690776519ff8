"""evolve: what happened, folded into where the case stands. Needs no rules, no law and no key.

An event whose body is sealed (or erased) still moves states and deadlines exactly; only the facts stay unknown.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, cast

from stegvis.routines.errors import Broken
from stegvis.routines.form import Value

from .casewide import folded
from .values import Case, Due, DueChange, Event, Facts, HandOffHead, Head, Origin, Pending, Run, Sent

_NOTHING: Mapping[str, object] = {}

# Made from a whole tuple, which takes half as long: folding a log makes one of each for every record.
_case: Final[Callable[[tuple[object, ...]], Case]] = partial(tuple.__new__, Case)  # pyright: ignore[reportUnknownMemberType]
_run: Final[Callable[[tuple[object, ...]], Run]] = partial(tuple.__new__, Run)  # pyright: ignore[reportUnknownMemberType]


def evolve(case: Case | None, event: Event) -> Case:
    """The case after the event.

    Raises:
        Broken: ``no_case`` or ``no_run``, when an event concerns what was never opened.
    """
    head = event.head
    body = event.body or _NOTHING
    kind = head["type"]
    if case is None:
        if kind != "case.open":
            raise Broken("no_case")
        run = _opened(head, body, 1)
        return Case(
            head.get("case", ""), head["org"], 1, head["at"], head["actor"], head.get("acute", False), {run.id: run}
        )
    version = case.version + 1
    if kind == "case.change":
        return folded(case, head, body)._replace(version=version, at=head["at"], actor=head["actor"])
    if kind == "run.open":
        run = _opened(head, body, version)
    else:
        before = case.runs.get(head["run"])
        if before is None:
            raise Broken("no_run")
        run = _moved(before, head, body, version)
    return _case(
        (
            case.id,
            case.organisation,
            version,
            head["at"],
            head["actor"],
            case.acute or head.get("acute", False),
            {**case.runs, run.id: run, **_along(case, head)} if "along" in head else {**case.runs, run.id: run},
            case.access,
            case.identity,
            case.channels,
        )
    )


def _along(case: Case, head: Head) -> Mapping[str, Run]:
    """Other runs of the case that went to the same holder as this one."""
    holder, unit = head.get("hold"), head["unit"]
    return {id: case.runs[id]._replace(holder=holder, unit=unit) for id in head.get("along", ()) if id in case.runs}


def fold(events: Iterable[Event]) -> Case | None:
    """Where a case stands after all its events."""
    case: Case | None = None
    for event in events:
        case = evolve(case, event)
    return case


def _opened(head: Head, body: Mapping[str, object], version: int) -> Run:
    facts = cast("Mapping[str, Value]", body.get("facts", _NOTHING))
    hof = head.get("hof")
    origin = Origin(hof["id"], hof["kind"], hof["org"]) if hof is not None and hof["dir"] == "received" else None
    hap = head["hap"]
    owed = dict.fromkeys(head.get("owed", ()), (head["actor"],))
    return Run(
        head["run"],
        head["rtn"],
        head["def"],
        head.get("to", ""),
        head.get("person"),
        hap,
        hap if head.get("end", False) else None,
        facts,
        _clocks(_NO_DUE, head.get("due", ())),
        holder=head.get("hold"),
        owed=owed,
        sent=_handed({}, head, hof) if hof is not None else {},
        origin=origin,
        said=dict.fromkeys(facts, version),
        unit=head["unit"],
        opener=head["actor"],
    )


_NO_DUE: Mapping[str, Due] = {}


def _clocks(due: Mapping[str, Due], changes: Iterable[DueChange]) -> Mapping[str, Due]:
    clocks = dict(due)
    for change in changes:
        if "closed" in change:
            clocks.pop(change["id"], None)
        else:
            get = change.get
            clocks[change["id"]] = Due(
                get("shown", ""),
                get("internal", ""),
                get("legal"),
                get("crit"),
                get("law", ""),
                get("since", ""),
                get("passed", False),
                get("reminded", 0),
                get("moved", False),
                get("lapsed", False),
            )
    return clocks


def _moved(run: Run, head: Head, body: Mapping[str, object], version: int) -> Run:
    # Unpacked and packed again in one go: folding a whole log comes down to this function.
    (id, routine, rules, state, person, begun, ended, facts, due, holder, pending, owed, sent, origin, mended, said) = (
        run[:16]
    )
    unit, opener = run.unit, run.opener
    target = head.get("to", state)
    if target != state:
        pending = ended = None
    if head.get("end", False):
        ended = run.ended or head["hap"]
    given = cast("Mapping[str, Value]", body.get("facts", _NOTHING))
    if head.get("step") == "propose":
        pending = Pending(head.get("trg", ""), head["actor"], head["role"], head["at"], given)
    elif given or "form" in body:
        facts = {**_kept(facts, body.get("form")), **given}
        said = {**said, **dict.fromkeys(given, version)}
        if "corr" in head:
            mended = {**mended, **dict.fromkeys(given, head.get("corr", ""))}
    if "due" in head:
        due = _clocks(due, head["due"])
    if "hof" in head:
        sent = _handed(sent, head, head["hof"])
        origin = _heard(origin, head["hof"])
    if "owed" in head or "paid" in head:
        owed = _owing(owed, head)
    person = head.get("person", person)
    if "hold" in head:
        holder, unit = head["hold"], head["unit"]
    return _run(
        (
            id,
            routine,
            rules,
            target,
            person,
            begun,
            ended,
            facts,
            due,
            holder,
            pending,
            owed,
            sent,
            origin,
            mended,
            said,
            unit,
            opener,
        )
    )


def _kept(facts: Facts, form: object) -> Facts:
    """The facts without the earlier answers of a form that was answered anew."""
    if form is None:
        return facts
    mark = f"{form}."
    return {name: value for name, value in facts.items() if not name.startswith(mark)}


def _owing(owed: Mapping[str, tuple[str, ...]], head: Head) -> Mapping[str, tuple[str, ...]]:
    doer, paid = head["actor"], head.get("paid", ())
    more = {name: tuple(dict.fromkeys((*owed.get(name, ()), doer))) for name in head.get("owed", ())}
    return {name: actors for name, actors in {**owed, **more}.items() if name not in paid}


def _handed(sent: Mapping[str, Sent], head: Head, hof: HandOffHead) -> Mapping[str, Sent]:
    """What became of the run's hand-offs: one more sent, or an answer to an earlier one."""
    if hof["dir"] == "sent" and "about" not in hof:
        basis = head.get("basis", ("",))[-1]
        one = Sent(head.get("trg", ""), hof["kind"], hof["org"], hof.get("status", "sent"), basis)
        return {**sent, hof["id"]: one}
    about, status = hof.get("about", ""), hof.get("status")
    if about in sent:
        one = sent[about]
        return {**sent, about: one._replace(status=status or one.status, heard=max(one.heard, hof.get("at", "")))}
    return sent


def _heard(origin: Origin | None, hof: HandOffHead) -> Origin | None:
    """Where the run came from, and when its sender was last heard of."""
    if origin is None or hof["dir"] != "answered" or hof.get("about") != origin.id:
        return origin
    return origin._replace(heard=max(origin.heard, hof.get("at", "")))
