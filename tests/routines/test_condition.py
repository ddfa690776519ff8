"""Conditions: what they mean, what keeps them from being true, how they are said, and what is refused."""

import sys
import time
from importlib.resources import files
from typing import cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis import definitions
from stegvis.routines.condition import BadCondition, Condition, Leaf, Problem, parse
from stegvis.routines.condition_reader import MAX_DEPTH, MAX_NODES, MAX_TEXT
from stegvis.routines.facttypes import FactType, Scope, Value

from ..often import often
from .guards import SCOPE, WRONG, Joined, Tree, Turned, facts, meaning, source, trees, truth

FACTS = facts(SCOPE)
MIXED = facts(SCOPE, wrong=WRONG)


def read(tree: Tree) -> Condition:
    return parse(cast("str | dict[str, Value]", source(tree)), SCOPE)


# What a condition means


@often(400)
@given(trees(), MIXED)
def test_a_condition_means_what_an_independent_reading_says(tree: Tree, known: dict[str, Value]) -> None:
    assert read(tree).evaluate(known) is truth(meaning(tree, known))


@settings(deadline=None)
@given(trees(variables=()), FACTS)
def test_text_and_mapping_mean_the_same(tree: Tree, known: dict[str, Value]) -> None:
    text = cast("str", source(tree, as_text=True))
    assert parse(text, SCOPE).evaluate(known) is read(tree).evaluate(known)


@settings(deadline=None)
@given(trees(depth=2), trees(depth=2), MIXED)
def test_kleene_laws(one: Tree, two: Tree, known: dict[str, Value]) -> None:
    def judge(tree: Tree) -> bool | None:
        return read(tree).evaluate(known)

    assert judge(Turned(Turned(one))) is judge(one)
    assert judge(Turned(Joined("and", [one, two]))) is judge(Joined("or", [Turned(one), Turned(two)]))
    assert judge(Turned(Joined("or", [one, two]))) is judge(Joined("and", [Turned(one), Turned(two)]))
    assert judge(Joined("and", [one, two])) is judge(Joined("and", [two, one]))
    assert judge(Joined("or", [one, Joined("and", [one, two])])) is judge(one)
    excluded = judge(Joined("or", [one, Turned(one)]))
    assert excluded is (None if judge(one) is None else True)


@often(200)
@given(trees(), FACTS, FACTS)
def test_learning_a_fact_never_turns_true_into_false(
    tree: Tree, known: dict[str, Value], learned: dict[str, Value]
) -> None:
    condition = read(tree)
    more = {**learned, **{name: value for name, value in known.items() if value is not None}}
    before = condition.evaluate(known)
    assert before is None or condition.evaluate(more) is before


@settings(deadline=None)
@given(trees(), FACTS)
def test_only_the_facts_it_names_matter(tree: Tree, known: dict[str, Value]) -> None:
    condition = read(tree)
    named = {name: known[name] for name in condition.names & known.keys()}
    assert condition.evaluate(named) is condition.evaluate(known)


@settings(deadline=None)
@given(trees(), MIXED)
def test_its_canonical_spelling_is_read_as_the_same(tree: Tree, known: dict[str, Value]) -> None:
    condition = read(tree)
    again = parse(cast("str | dict[str, Value]", condition.source), SCOPE)
    assert again.source == condition.source
    assert again.evaluate(known) is condition.evaluate(known)


def test_a_field_missing_in_one_row_is_not_taken_from_the_facts_or_another_row() -> None:
    condition = parse({"any": "family.children", "as": "k", "holds": "k.heard"}, SCOPE)
    known: dict[str, Value] = {"k.heard": True, "family.children": [{"heard": False}, {}]}
    assert condition.evaluate(known) is None


def test_two_are_equal_when_they_say_the_same_of_the_same() -> None:
    one, same = parse("open and visit.safe", SCOPE), parse("(open)\nand visit.safe", SCOPE)
    assert (one == same, len({one, same})) == (True, 1)
    assert one != parse("visit.safe and open", SCOPE)


# What keeps it from being true


@often(300)
@given(trees(), MIXED)
def test_every_condition_that_is_not_true_has_a_reason_and_a_true_one_none(tree: Tree, known: dict[str, Value]) -> None:
    condition = read(tree)
    reasons = condition.why(known)
    assert (condition.evaluate(known) is True) is (reasons == ())
    assert all(leaf.names and leaf.names <= condition.names for leaf in reasons)
    if condition.evaluate(known) is None:
        assert any(leaf.outcome == "unknown" for leaf in reasons)
    if condition.evaluate(known) is False:
        assert any(leaf.outcome == "false" for leaf in reasons)


@settings(deadline=None)
@given(trees(), FACTS, FACTS)
def test_nothing_but_the_reasons_can_make_it_true(tree: Tree, known: dict[str, Value], other: dict[str, Value]) -> None:
    """Facts that no reason rests on may change as they like, but for the rows: the condition does not become true.

    A reason inside a list's rows stands as long as the rows do; it does not name the list as well.
    """
    condition = read(tree)
    held = frozenset[str]().union(*(leaf.names for leaf in condition.why(known)))
    if held:
        held |= {name for name in condition.names if SCOPE[name].kind == "list"}
        kept = {name: value for name, value in known.items() if name in held}
        moved = {name: value for name, value in other.items() if name not in held}
        assert condition.evaluate({**kept, **moved}) is not True


def test_the_reasons_are_the_leaves_with_the_polarity_wanted() -> None:
    condition = parse("visit.safe and not (open or visit.count >= 3) and visit.colour == 'red'", SCOPE)
    reasons = condition.why({"visit.safe": True, "open": True, "visit.count": 1})
    assert [(leaf.outcome, set(leaf.names)) for leaf in reasons] == [
        ("false", {"open"}),
        ("unknown", {"visit.colour"}),
    ]
    assert say(reasons[0], "en") == "This is needed: the answer to “Open?” is no"
    assert say(reasons[1], "sv") == "Det här är inte känt ännu: svaret på ”Färg” är Röd"


def test_reasons_inside_rows_tell_the_row_and_those_outside_are_told_once() -> None:
    condition = parse(
        {"each": "family.children", "as": "k", "where": "k.age < 18", "holds": "k.heard and open"},
        SCOPE,
    )
    known: dict[str, Value] = {
        "open": False,
        "family.children": [{"age": 20}, {"age": 5, "heard": False}, {"heard": True}, {"age": 5, "heard": True}],
    }
    found = [(leaf.rows, leaf.outcome, set(leaf.names)) for leaf in condition.why(known)]
    assert found == [
        ((1,), "false", {"family.children"}),
        ((), "false", {"open"}),
        ((2,), "unknown", {"family.children"}),
    ]
    assert say(condition.why(known)[0], "sv") == "Rad 2. Det här krävs: svaret på ”Hörd?” är ja"


@pytest.mark.parametrize(("rows", "outcome"), [([], "false"), (None, "unknown"), ([{"age": 30}], "false")])
def test_a_list_without_the_rows_needed_is_itself_the_reason(rows: Value, outcome: str) -> None:
    condition = parse({"any": "family.children", "as": "k", "where": "k.age < 18", "holds": "k.heard"}, SCOPE)
    (leaf,) = condition.why({"family.children": rows})
    assert (leaf.outcome, leaf.names, leaf.rows) == (outcome, {"family.children"}, ())
    assert "Barn" in say(leaf, "sv")


# How it is said

TEXTS = cast(
    "dict[str, dict[str, str]]",
    yaml.safe_load(files(definitions).joinpath("texts", "conditions.yaml").read_text("utf-8")),
)
TITLES = {
    "open": {"sv": "Öppen?", "en": "Open?"},
    "visit.colour": {"sv": "Färg", "en": "Colour"},
    "visit.on": {"sv": "Besöksdag", "en": "Day of visit"},
    "visit.count": {"sv": "Antal", "en": "Number"},
    "visit.signs": {"sv": "Tecken", "en": "Signs"},
    "family.children": {"sv": "Barn", "en": "Children"},
    "family.children.heard": {"sv": "Hörd?", "en": "Heard?"},
    "family.children.age": {"sv": "Ålder", "en": "Age"},
}


def say(said: Condition | Leaf, language: str) -> str:
    return said.text(
        words={phrase: by[language] for phrase, by in TEXTS.items()},
        titles={path: by[language] for path, by in TITLES.items()},
        options={("visit.colour", "red"): {"sv": "Röd", "en": "Red"}[language]},
    )


@pytest.mark.parametrize(
    ("condition", "swedish", "english"),
    [
        (
            "visit.colour == 'red' and not open",
            "svaret på ”Färg” är Röd och svaret på ”Öppen?” är nej",
            "the answer to “Colour” is Red and the answer to “Open?” is no",
        ),
        (
            "not (visit.colour in ('red', 'blue') or visit.count < 3)",
            "svaret på ”Färg” är något annat än Röd eller blue och Antal är minst 3",
            "the answer to “Colour” is something other than Red or blue and Number is at least 3",
        ),
        (
            "visit.on <= '2026-01-02' and (open or 'red' not in visit.signs)",
            "Besöksdag är senast 2026-01-02 och (svaret på ”Öppen?” är ja eller Tecken omfattar inte red)",
            "Day of visit is 2026-01-02 at the latest and (the answer to “Open?” is yes or Signs does not include red)",
        ),
        (
            {"not": {"any": "family.children", "as": "k", "where": "k.age < 18", "holds": "not k.heard"}},
            "för alla i Barn, där Ålder är mindre än 18, gäller att svaret på ”Hörd?” är ja",
            "for everyone in Children where Age is less than 18, the answer to “Heard?” is yes",
        ),
    ],
)
def test_a_condition_says_itself_in_plain_words(condition: str, swedish: str, english: str) -> None:
    parsed = parse(condition, SCOPE)
    assert (say(parsed, "sv"), say(parsed, "en")) == (swedish, english)


@settings(deadline=None)
@given(trees(), MIXED, st.sampled_from(["sv", "en"]))
def test_everything_can_be_said_in_both_languages(tree: Tree, known: dict[str, Value], language: str) -> None:
    condition = read(tree)
    said = [say(condition, language), *(say(leaf, language) for leaf in condition.why(known))]
    assert all(text and "{" not in text for text in said)


# What is refused


def rules(condition: object) -> list[str]:
    with pytest.raises(BadCondition) as caught:
        parse(cast("str", condition), SCOPE)
    return [problem.rule for problem in caught.value.problems]


def test_every_problem_is_told_with_its_place() -> None:
    with pytest.raises(BadCondition) as caught:
        parse({"and": ["open", "visit.safe and (nope == 1 or visit.count == 'x')"]}, SCOPE)
    first, second = caught.value.problems
    assert (first.rule, first.offset, first.details) == ("guard-unknown-name", 16, {"name": "nope", "at": "and.1"})
    assert (second.rule, second.offset) == ("guard-type", 44)


def test_offsets_count_characters_also_after_other_letters() -> None:
    with pytest.raises(BadCondition) as caught:
        parse("visit.note == 'åäö' and nope", SCOPE)
    assert caught.value.problems[0].offset == len("visit.note == 'åäö' and ")


def test_an_error_does_not_repeat_what_was_written() -> None:
    with pytest.raises(BadCondition) as caught:
        parse({"each": "Kim Ek, 070", "as": "Kim Ek", "holds": "visit.colour == 'Kim Ek'"}, SCOPE)
    assert "Kim" not in str(caught.value) + repr(caught.value.problems)


def test_limits_are_exact() -> None:
    parse(" or ".join(["open"] * (MAX_NODES - 1)), SCOPE)
    assert rules(" or ".join(["open"] * MAX_NODES)) == ["guard-too-large"]
    parse("not " * (MAX_DEPTH - 1) + "open", SCOPE)
    assert rules("not " * MAX_DEPTH + "open") == ["guard-too-deep"]
    parse("open" + " " * (MAX_TEXT - 4), SCOPE)
    assert rules("open" + " " * (MAX_TEXT - 3)) == ["guard-too-large"]


def nested(depth: int) -> Value:
    condition: Value = "open"
    for _ in range(depth):
        condition = {"not": condition}
    return condition


HOSTILE = [
    "(" * 2_500 + "open" + ")" * 2_400,
    "(" * 4_999,
    "[" * 4_999,
    "not " * 1_249,
    "-" * 4_990 + "1",
    "visit.count in " + "[" * 2_000 + "]" * 2_000,
    "open" + ".a" * 2_000,
    "visit.count == " + "9" * 4_900,
    "open if " * 600,
    "lambda: " * 600,
    "await " * 800,
    "__import__('os').system('id')",
    "open.__class__.__mro__",
    "().__class__",
    "f'{open}'",
    "[x for x in open]",
    "(open := 1)",
    "open\x00",
    "visit.note == '\u202e'",
    "visit.note == '\ud800'",
    "open" * 1_000_000,
    nested(100_000),
    {"and": ["open"] * 1_000_000},
    {"or": [{"and": [f"n{i}" for i in range(400)]} for _ in range(400)]},
]


_heard: list[str] = []


def _listen(event: str, _: object) -> None:
    if event in ("import", "exec", "open"):
        _heard.append(event)


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """What Python reports of imports, code run and files opened. A hook cannot be taken away again: there is one."""
    sys.addaudithook(_listen)
    return _heard


@pytest.mark.parametrize("condition", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_at_once_and_touches_nothing(condition: Value, heard: list[str]) -> None:
    heard.clear()
    started = time.process_time()
    found = problems(condition, SCOPE)
    spent, events = time.process_time() - started, list(heard)
    assert 0 < len(found) <= MAX_NODES + 1
    assert (events, spent < 1) == ([], True)


def problems(condition: object, scope: Scope) -> list[Problem]:
    try:
        parse(cast("str", condition), scope)
    except BadCondition as error:
        return list(error.problems)
    return []


LETTERS = st.text(alphabet=st.sampled_from(list("()[].,'\"\\<>=!-+:notinadre 1åé\n\t")), max_size=60)


@often(300)
@given(LETTERS | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    scope = {"a": FactType("boolean"), "n": FactType("number"), "t": FactType("text")}
    found = problems(text, scope)
    assert all(problem.offset is None or 0 <= problem.offset <= len(text) for problem in found)
    assert found or parse(text, scope).evaluate({}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["open", "k.age", "family.children", "k", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["and", "or", "not", "each", "any", "as", "holds", "where", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_any_mapping_is_read_or_refused(condition: object) -> None:
    assert all(problem.rule.startswith("guard-") for problem in problems(condition, SCOPE))
