"""What the checks prove, held against every way there is: routines made by chance, walked step by step."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stegvis.routines.checks.flow import done, judged, plain
from stegvis.routines.checks.graph import stranded
from stegvis.routines.checks.ground import Ground
from stegvis.routines.checks.page import Page
from stegvis.routines.checks.places import Subject, World, subject
from stegvis.routines.condition import parse
from stegvis.routines.facttypes import Facts, Value
from stegvis.routines.form import Form
from stegvis.routines.reader import Document
from stegvis.routines.rules import Builtin, Move, Rules, compile_routine
from stegvis.routines.sources import Sources
from stegvis.routines.text import Text

from ..often import often

STATES = ("s0", "s1", "s2", "s3", "end")
FORMS = ("f0", "f1", "f2")
STEPS = ("t0", "t1", "t2", "t3", "t4", "t5")
SAID = {"sv": "Text"}
ASKED: dict[str, Any] = {"fields": {"a": {"type": "boolean", "title": SAID}}}
BUILTIN = Builtin(
    {name: Form.model_validate({"fields": {"r": {"type": "text", "title": SAID}}}) for name in ("rejection", "review")},
    {name: Text(sv="Text") for name in ("approve", "reject", "withdraw", "review", "complete")},
)
CONDITIONS = st.sampled_from(
    [f"{form}.a" for form in FORMS]
    + [f"not {form}.a" for form in FORMS]
    + [f"knows_{form}" for form in FORMS]
    + [f"not knows_{form}" for form in FORMS]
    + ["f0.a and f1.a", "f0.a or f2.a", "both", "not both"]
)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    step: dict[str, Any] = {"title": SAID, "by": ["somebody"], "to": draw(st.sampled_from([*STATES, "here"]))}
    if draw(st.booleans()):
        step["form"] = draw(st.sampled_from(FORMS))
    guards = draw(st.lists(st.tuples(CONDITIONS, st.booleans()), max_size=2))
    step["require"] = [
        {"id": f"g{n}", "when": when, "says": SAID, "do": SAID, **({"override": {"by": ["somebody"]}} if free else {})}
        for n, (when, free) in enumerate(guards)
    ]
    match draw(st.integers(0, 5)):
        case 0:
            step["four_eyes"] = {"by": ["somebody"]}
        case 1:
            step["four_eyes"] = {"by": ["somebody"], "afterwards": True}
        case 2:
            step["complete_later"] = True
        case _:
            pass
    return step


@st.composite
def routines(draw: st.DrawFn) -> Rules:
    states: dict[str, Any] = {name: {"now": SAID, "why": SAID, "transitions": {}} for name in STATES}
    states["end"]["end"] = {"title": SAID}
    for name in STEPS:
        states[draw(st.sampled_from(STATES[:4]))]["transitions"][name] = draw(steps())
    return compile_routine(routine(states), BUILTIN)


def routine(states: dict[str, Any], forms: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    derived: dict[str, Any] = {f"knows_{form}": {"title": SAID, "known": f"{form}.a"} for form in FORMS}
    derived["both"] = {"title": SAID, "is": "f0.a and f1.a"}
    return {
        "format": 1,
        "routine": "made",
        "label": "2026.1",
        "title": SAID,
        "why": SAID,
        "adopted": None,
        "valid": {"from": "2026-01-01"},
        "organisation": ["house"],
        "subject": "person",
        "open": {"title": SAID, "by": ["somebody"], "to": "s0"},
        "states": states,
        "forms": forms or dict.fromkeys(FORMS, ASKED),
        "derived": derived,
        "correct": {"by": ["somebody"]},
        "retention": {"rule": "kept"},
        **more,
    }


Known = frozenset[tuple[str, bool]]
Place = tuple[str, Known, frozenset[str]]
"""A state, what has been answered, and the names of the compiled steps taken."""


def walked(rules: Rules, *, overrides: bool = True, without: str = "") -> tuple[set[Place], set[str]]:
    """Every place there is a way to, with every answer, and the names of every step that can be taken."""
    found: set[Place] = {("s0", frozenset(), frozenset())}
    taken: set[str] = set()
    waiting = list(found)
    while waiting:
        state, known, past = waiting.pop()
        for move in rules.moves[state].values():
            if move.trigger == without:
                continue
            for given_ in answers(move, known):
                if allowed(rules, move, given_, past, overrides=overrides):
                    taken.add(move.trigger)
                    kept = known if move.kind == "propose" else given_
                    mark = {move.base} if move.kind in {"step", "approve"} else set[str]()
                    place = (move.targets[0], kept, past | mark)
                    if place not in found:
                        found.add(place)
                        waiting.append(place)
    return found, taken


def answers(move: Move, known: Known) -> list[Known]:
    """What may be known while the step is judged: its form may be answered with yes, no or not at all."""
    form = move.step.form if move.kind in {"step", "propose", "approve", "complete"} else None
    if form is None:
        return [known]
    rest = frozenset(one for one in known if one[0] != form)
    return [known, rest | {(form, True)}, rest | {(form, False)}]


def allowed(rules: Rules, move: Move, known: Known, past: frozenset[str], *, overrides: bool) -> bool:
    if move.kind in {"complete", "review"} and move.base not in past:
        return False
    facts: dict[str, Value] = {f"{form}.a": value for form, value in known}
    facts |= {f"knows_{form}": f"{form}.a" in facts for form in FORMS}
    both = rules.derived["both"]
    assert both is not None
    facts["both"] = both.evaluate(facts)
    guards = [one for one in move.guards if not (overrides and one.guard.override)]
    return all(one.condition.evaluate(facts) is True for one in guards)


@often(150)
@given(routines())
def test_what_no_way_leads_to_is_not_reached_and_nothing_is_known_there_that_is_not_said(rules: Rules) -> None:
    found, taken = walked(rules)
    flow = judged(rules)
    assert {state for state, *_ in found} <= flow.came.keys() <= plain(rules).came.keys()
    assert taken <= {name for _, name in flow.taken}
    for state, known, past in found:
        assert {form for form, _ in known} | {f"{step}!" for step in past} <= flow.have[state]


@often(150)
@given(routines(), st.sampled_from(STEPS), st.sampled_from(STEPS), st.sampled_from(STATES))
def test_a_promise_that_is_proved_holds_on_every_way(rules: Rules, first: str, then: str, state: str) -> None:
    assume(first != then)
    found, taken = walked(rules, without=done(rules, first))
    flow = judged(rules, without=first)
    if not any(name == done(rules, then) for _, name in flow.taken):
        assert done(rules, then) not in taken
    if state not in flow.came:
        assert state not in {place[0] for place in found}


@often(100)
@given(routines())
def test_a_state_said_to_be_stranded_has_no_way_to_an_end_without_stepping_over_a_guard(rules: Rules) -> None:
    _, states = stranded(rules)
    reached, _ = walked(rules)
    edges: dict[str, set[str]] = {}
    for state, known, past in reached:
        for move in rules.moves[state].values():
            if any(allowed(rules, move, one, past, overrides=False) for one in answers(move, known)):
                edges.setdefault(state, set()).update(move.targets)
    for state in states:
        ahead, waiting = {state}, [state]
        while waiting:
            for target in edges.get(waiting.pop(), set()) - ahead:
                ahead.add(target)
                waiting.append(target)
        assert "end" not in ahead


# What is tried is what can happen ------------------------------------------------------------------------------------

FIELDS: dict[str, Any] = {
    "colour": {"type": "choice", "title": SAID, "of": {"red": SAID, "blue": SAID}},
    "shade": {"type": "choice", "title": SAID, "of": {"dark": SAID, "light": SAID}, "when": "q.colour == 'red'"},
    "count": {"type": "number", "title": SAID, "least": 0, "most": 2, "required": False},
}
EXTRA: dict[str, Any] = {
    "counted": {"title": SAID, "known": "q.count"},
    "deep": {"title": SAID, "is": "q.shade == 'dark' or q.count == 2"},
}
LEAVES = ["q.colour == 'red'", "q.shade == 'dark'", "q.count >= 1", "q.count != 2", "counted", "deep"]
Source = str | dict[str, Any]


def larger(part: st.SearchStrategy[Source]) -> st.SearchStrategy[Source]:
    several = st.lists(part, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"not": part}),
        st.fixed_dictionaries({"and": several}),
        st.fixed_dictionaries({"or": several}),
    )


PARTS: st.SearchStrategy[Source] = st.recursive(st.sampled_from(LEAVES), larger, max_leaves=5)


def ground() -> Ground:
    states: dict[str, Any] = {"s0": {"now": SAID, "why": SAID, "end": {"title": SAID}}}
    data = routine(states, {"q": {"fields": FIELDS}}, derived=EXTRA)
    rules = compile_routine(data, BUILTIN)
    return Ground(subject_of(rules))


def subject_of(rules: Rules) -> Subject:
    page = Page(Document("x", {}, (None, None, None)), Sources([]))
    nothing: Any = None
    return subject(page, rules.routine, World(nothing, nothing, nothing, nothing, BUILTIN, {}))


def worlds() -> list[tuple[Facts, Facts]]:
    """Every way to answer the form: as a survey tries it, with a value for every fact, and as the engine knows it."""
    found: list[tuple[Facts, Facts]] = []
    for colour, shade, count, counted in product(("red", "blue"), ("dark", "light"), (0, 1, 2), (True, False)):
        tried: dict[str, Value] = {"q.colour": colour, "q.shade": shade, "q.count": count, "counted": counted}
        known: dict[str, Value] = {"q.colour": colour, "counted": counted}
        known |= {"q.shade": shade} if colour == "red" else {}
        known |= {"q.count": count} if counted else {}
        deep = parse(EXTRA["deep"]["is"], GROUND.about.scope).evaluate(known)
        found.append((tried, {**known, "deep": deep}))
    return found


GROUND = ground()
WORLDS = worlds()


@settings(deadline=None)
@given(PARTS)
def test_a_condition_made_ready_is_true_exactly_where_it_is_true(source: Source) -> None:
    condition = parse(source, GROUND.about.scope)
    # Only what names `counted` is held to whether the number is known; the others take it to be.
    (ready,) = GROUND.ready([condition.tree])
    for tried, known in WORLDS:
        if "counted" in ready.names or known.get("q.count") is not None:
            assert ready.evaluate(tried) is (condition.evaluate(known) is True)


def test_a_condition_that_would_leave_the_limits_is_never_true() -> None:
    (ready,) = GROUND.ready([parse("q.count > 2", GROUND.about.scope).tree])
    assert not any(ready.evaluate({"q.count": count}) for count in range(-5, 9))
