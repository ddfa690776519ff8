"""The survey's answers against trying everything, and what it says when everything is too much."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.routines.condition import Condition, parse
from stegvis.routines.facttypes import Facts, FactType, Scope, Value
from stegvis.routines.survey import Reach, Survey, survey

from ..often import often
from .guards import OPTIONS, Tree, source, trees

FLAT: Scope = {
    "open": FactType("boolean"),
    "colour": FactType("choice", OPTIONS),
    "paint": FactType("choice", ("green", "blue")),
    "signs": FactType("choice", OPTIONS, multiple=True),
    "count": FactType("number"),
    "limit": FactType("number"),
    "on": FactType("date"),
    "by": FactType("actor"),
    "host": FactType("actor"),
}
ROWS: Scope = {
    "open": FactType("boolean"),
    "limit": FactType("number"),
    "children": FactType("list", rows={"heard": FactType("boolean"), "age": FactType("number")}),
}
NESTED: Scope = {
    "open": FactType("boolean"),
    "children": FactType(
        "list", rows={"heard": FactType("boolean"), "toys": FactType("list", rows={"new": FactType("boolean")})}
    ),
}


def everything(kind: FactType) -> list[Value]:
    """Values on both sides of, between and equal to every constant in guards.CONSTANTS, and lists of up to two rows."""
    match kind.kind:
        case "boolean":
            return [False, True]
        case "number":
            return [-1, 0, 1, 2, 3, 4, 5]
        case "date":
            return ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
        case "choice" if kind.multiple:
            return [list(some) for n in range(4) for some in combinations(kind.options, n)]
        case "choice":
            return list(kind.options)
        case "list":
            every: list[Value] = list(assignments(kind.rows))
            return [list(some) for n in range(3) for some in combinations(every, n)]
        case _:
            return ["u1", "u2", "x", "y"]


def assignments(scope: Mapping[str, FactType]) -> Iterator[dict[str, Value]]:
    for values in product(*map(everything, scope.values())):
        yield dict(zip(scope, values, strict=True))


def read(tree: Tree, scope: Scope) -> Condition:
    return parse(cast("str | dict[str, Value]", source(tree)), scope)


def named(scope: Scope, conditions: Sequence[Condition]) -> Scope:
    return {name: kind for name, kind in scope.items() if any(name in one.names for one in conditions)}


def check(conditions: Sequence[Condition], scope: Scope) -> Survey:
    """That the survey misses nothing that trying everything finds, and that each example it gives is one."""
    answer = survey(conditions, scope, otherwise=False)
    overlapping = {(one.first, one.second): one.facts for one in answer.overlaps}
    seen_gap = False
    for facts in assignments(named(scope, conditions)):
        judged = [one.evaluate(facts) for one in conditions]
        for (i, truth), reach in zip(enumerate(judged), answer.reaches, strict=True):
            assert reach.can_be_true is True or truth is False, (i, facts)
            assert reach.can_be_false is True or truth is True, (i, facts)
        true = [i for i, truth in enumerate(judged) if truth]
        assert overlapping.keys() >= set(combinations(true, 2))
        seen_gap = seen_gap or not true
    assert answer.gap is not None or not seen_gap
    assert all(conditions[i].evaluate(facts) for pair, facts in overlapping.items() for i in pair)
    if answer.gap is not None:
        assert all(one.evaluate(answer.gap) is False for one in conditions)
    return answer


def prove(conditions: Sequence[Condition], scope: Scope) -> Survey:
    """The same, and that what the survey says is possible can be shown, wherever it has decided."""
    answer = check(conditions, scope)
    for one, reach in zip(conditions, answer.reaches, strict=True):
        again = survey([one, one], scope, otherwise=False)
        if answer.decided and again.decided:
            assert reach == Reach(bool(again.overlaps), again.gap is not None)
    return answer


@often(60)
@given(st.data())
def test_it_agrees_with_trying_everything(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(FLAT)), min_size=1, max_size=4, unique=True))
    scope = {name: FLAT[name] for name in names}
    drawn = data.draw(st.lists(trees(scope, depth=2), min_size=1, max_size=3))
    assert prove([read(tree, scope) for tree in drawn], scope).decided


@often(40)
@given(st.lists(trees(ROWS, variables=("k",)), min_size=1, max_size=2))
def test_it_agrees_with_trying_everything_over_rows(drawn: list[Tree]) -> None:
    prove([read(tree, ROWS) for tree in drawn], ROWS)


@settings(deadline=None, max_examples=25)
@given(trees(NESTED, depth=3))
def test_rows_within_rows_miss_nothing(drawn: Tree) -> None:
    check([read(drawn, NESTED)], NESTED)


CASE: Scope = {
    "need": FactType("choice", ("immediate", "later", "none")),
    "violence": FactType("boolean"),
    "age": FactType("number"),
    "mature_at": FactType("number"),
    "on": FactType("date"),
    "at": FactType("instant"),
    "note": FactType("text"),
    "first": FactType("actor"),
    "second": FactType("actor"),
    "third": FactType("actor"),
    "children": FactType("list", rows={"age": FactType("number"), "heard": FactType("boolean")}),
    "visits": FactType("list", rows={"age": FactType("number")}),
}
DIFFERENT = "first != second and second != third and first != third"


def ask(*sources: str | Mapping[str, Value], otherwise: bool = False) -> Survey:
    return survey([parse(one, CASE) for one in sources], CASE, otherwise=otherwise)


@pytest.mark.parametrize(
    ("condition", "reach"),
    [
        ("violence", Reach(can_be_true=True, can_be_false=True)),
        ("violence and not violence", Reach(can_be_true=False, can_be_false=True)),
        ("violence or not violence", Reach(can_be_true=True, can_be_false=False)),
        ("need in ('immediate', 'later', 'none')", Reach(can_be_true=True, can_be_false=False)),
        ("age > 3 and age < 5", Reach(can_be_true=True, can_be_false=True)),
        ("age > 3 and age < 4", Reach(can_be_true=False, can_be_false=True)),
        ("age < mature_at and mature_at < 5 and age > 3", Reach(can_be_true=False, can_be_false=True)),
        ("age < mature_at and mature_at < 6 and age > 3", Reach(can_be_true=True, can_be_false=True)),
        (DIFFERENT, Reach(can_be_true=True, can_be_false=True)),
        (f"{DIFFERENT} and first in ('u1', 'u2')", Reach(can_be_true=True, can_be_false=True)),
        (f"{DIFFERENT} and first == 'u1' and third in ('u1', 'u1')", Reach(can_be_true=False, can_be_false=True)),
        ("on < '0001-01-01'", Reach(can_be_true=False, can_be_false=True)),
        ("on <= '9999-12-31'", Reach(can_be_true=True, can_be_false=False)),
        ("on > '2026-02-28' and on < '2026-03-01'", Reach(can_be_true=False, can_be_false=True)),
        ("at > '9999-12-31T23:59:59.999999Z'", Reach(can_be_true=False, can_be_false=True)),
        ("at > '2026-03-29T00:00:00.000000Z'", Reach(can_be_true=True, can_be_false=True)),
        ("note == 'other-0' or note != 'x'", Reach(can_be_true=True, can_be_false=True)),
    ],
)
def test_what_can_never_be(condition: str, reach: Reach) -> None:
    answer = ask(condition, otherwise=True)
    assert (answer.reaches, answer.decided, answer.gap) == ((reach,), True, None)


def test_rows_enough_for_every_place_that_asks() -> None:
    kinds = [{"any": "children", "as": "k", "holds": f"k.age == {age}"} for age in range(4)]
    answer = ask({"and": [*kinds, {"each": "children", "as": "k", "holds": "k.heard"}]})
    assert answer.reaches == (Reach(can_be_true=True, can_be_false=True),)
    assert answer.decided
    some = {"any": "children", "as": "k", "holds": "k.heard"}
    none = ask({"and": [some, {"each": "children", "as": "k", "holds": "not k.heard"}]})
    assert none.reaches == (Reach(can_be_true=False, can_be_false=True),)


def test_rows_are_told_apart_by_what_another_list_may_hold() -> None:
    same = {"any": "visits", "as": "v", "holds": "k.age == v.age and v.age == 3"}
    answer = ask({"any": "children", "as": "k", "holds": same})
    assert answer.reaches == (Reach(can_be_true=True, can_be_false=True),)
    assert answer.decided


def test_overlap_and_gap_come_with_facts() -> None:
    answer = ask("need == 'immediate'", "need != 'none' and violence", "need == 'none' and age < 18")
    (overlap,) = answer.overlaps
    assert (overlap.first, overlap.second) == (0, 1)
    assert overlap.facts == {"need": "immediate", "violence": True}
    assert answer.gap is not None
    assert answer.gap.keys() == {"need", "violence", "age"}
    assert ask("violence", "not violence").gap is None


def test_many_facts_are_decided_although_their_values_are_too_many_to_count_through() -> None:
    scope = {f"f{i}": FactType("boolean") for i in range(60)}
    chain = [parse(" and ".join([*(f"not f{i}" for i in range(n)), f"f{n}"]), scope) for n in range(12)]
    last = parse(" and ".join(f"not f{i}" for i in range(12)), scope)
    answer = survey([*chain, last], scope, otherwise=False)
    assert (answer.overlaps, answer.gap, answer.decided) == ((), None, True)


def test_what_is_not_decided_is_said_so_and_never_called_impossible() -> None:
    scope = {f"f{i}": FactType("boolean") for i in range(40)}
    odd = " and ".join(f"(f{i} or f{(i * 7 + 3) % 40}) and (not f{i} or not f{(i * 11 + 5) % 40})" for i in range(40))
    condition = parse(f"{odd} and not (f0 or f1 or f2) and (f0 or f1 or f2)", scope)
    answer = survey([condition], scope, otherwise=True, limit=20)
    assert answer.reaches[0].can_be_true is None
    assert not answer.decided
    assert survey([condition], scope, otherwise=True, limit=20) == answer


def test_a_sample_may_still_find_an_example() -> None:
    scope = {f"f{i}": FactType("boolean") for i in range(30)}
    condition = parse(" or ".join(f"(not f{i} and f{(i + 15) % 30})" for i in range(15)), scope)
    answer = survey([condition], scope, otherwise=True, limit=100)
    assert answer.reaches[0].can_be_true is True


def test_a_list_compared_with_itself_is_never_called_decided_without_an_example() -> None:
    inner = {"any": "children", "as": "m", "holds": "k.age < m.age"}
    some = {"any": "children", "as": "k", "holds": "k.heard"}
    answer = ask({"and": [{"each": "children", "as": "k", "holds": inner}, some]}, otherwise=True)
    assert answer.reaches == (Reach(can_be_true=None, can_be_false=True),)
    assert not answer.decided


def test_a_narrower_scope_narrows_the_answer() -> None:
    condition = parse("need == 'later'", CASE)
    narrow = {"need": FactType("choice", ("immediate", "none"))}
    assert survey([condition], narrow, otherwise=True).reaches[0].can_be_true is False
    nothing: Facts | None = survey([condition], {"need": FactType("choice", ())}, otherwise=False).gap
    assert nothing is None
