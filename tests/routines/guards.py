"""Random conditions and facts, and what the conditions mean, worked out apart from the library.

Truth is a number here: 0 false, 1 not known, 2 true, so that and is min, or is max and not is 2 - x.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import strategies as st

from stegvis.routines.facttypes import FactType, Scope, Value

OPTIONS = ("red", "green", "blue")
TOY = {"price": FactType("number")}
CHILD = {
    "age": FactType("number"),
    "heard": FactType("boolean"),
    "likes": FactType("choice", OPTIONS),
    "toys": FactType("list", rows=TOY),
}
SCOPE: Scope = {
    "open": FactType("boolean"),
    "visit.safe": FactType("boolean"),
    "visit.colour": FactType("choice", OPTIONS),
    "visit.paint": FactType("choice", ("green", "blue")),
    "visit.signs": FactType("choice", OPTIONS, multiple=True),
    "visit.count": FactType("number"),
    "visit.limit": FactType("number"),
    "visit.on": FactType("date"),
    "visit.note": FactType("text"),
    "visit.by": FactType("actor"),
    "visit.host": FactType("actor"),
    "family.children": FactType("list", rows=CHILD),
    "family.pets": FactType("list", rows={"age": FactType("number"), "calm": FactType("boolean")}),
}

View: TypeAlias = Mapping[str, Value]
"""The facts, and under the name of each row variable in use its row."""


@dataclass(frozen=True)
class Test:
    __test__ = False
    text: str
    judge: Callable[[View], int]


@dataclass(frozen=True)
class Turned:
    part: "Tree"


@dataclass(frozen=True)
class Joined:
    word: str
    parts: Sequence["Tree"]


@dataclass(frozen=True)
class Rows:
    word: str
    over: str
    variable: str
    holds: "Tree"
    where: "Tree | None"


Tree: TypeAlias = Test | Turned | Joined | Rows


def meaning(tree: Tree, view: View) -> int:
    match tree:
        case Test():
            return tree.judge(view)
        case Turned(part):
            return 2 - meaning(part, view)
        case Joined(word, parts):
            return (min if word == "and" else max)(meaning(part, view) for part in parts)
        case Rows():
            rows = look(tree.over, view)
            if not isinstance(rows, list):
                return 1
            found = [2 if tree.word == "each" else 0]
            for row in rows:
                inner = {**view, tree.variable: row}
                chosen = 2 if tree.where is None else meaning(tree.where, inner)
                if chosen:
                    found.append(meaning(tree.holds, inner) if chosen == 2 else 1)
            return min(found) if tree.word == "each" else max(found)


def look(name: str, view: View) -> Value:
    first, _, rest = name.partition(".")
    if name in SCOPE:
        return view.get(name)
    row = view.get(first)
    return row.get(rest) if isinstance(row, dict) else None


def truth(number: int) -> bool | None:
    return (False, None, True)[number]


def source(tree: Tree, *, as_text: bool = False) -> Value:
    match tree:
        case Test(text):
            return text
        case Turned(part) if as_text:
            return f"not ({source(part, as_text=True)})"
        case Turned(part):
            return {"not": source(part)}
        case Joined(word, parts) if as_text:
            return f" {word} ".join(f"({source(part, as_text=True)})" for part in parts)
        case Joined(word, parts):
            return {word: [source(part) for part in parts]}
        case Rows():
            said: dict[str, Value] = {tree.word: tree.over, "as": tree.variable, "holds": source(tree.holds)}
            return said if tree.where is None else {**said, "where": source(tree.where)}


def _is(kind: FactType, value: Value) -> bool:
    match kind.kind:
        case "boolean":
            return value is True or value is False
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "choice" if kind.multiple:
            return isinstance(value, list) and all(isinstance(v, str) and v in kind.options for v in value)
        case "choice":
            return isinstance(value, str) and value in kind.options
        case "date":
            return isinstance(value, str) and len(value) == len("2026-01-01") and value[4] == "-"
        case _:
            return isinstance(value, str)


def _order(left: Value, right: Value) -> int:
    if isinstance(left, int) and isinstance(right, int):
        return (left > right) - (left < right)
    return (str(left) > str(right)) - (str(left) < str(right))


_SIGNS: Mapping[str, tuple[int, ...]] = {
    "==": (0,),
    "!=": (-1, 1),
    "<": (-1,),
    "<=": (-1, 0),
    ">": (1,),
    ">=": (0, 1),
}


def _compare(name: str, kind: FactType, op: str, right: Callable[[View], Value], text: str) -> Test:
    def judge(view: View) -> int:
        one, two = look(name, view), right(view)
        return 2 * (_order(one, two) in _SIGNS[op]) if _is(kind, one) and two is not None else 1

    return Test(f"{name} {op} {text}", judge)


def _member(name: str, kind: FactType, constants: Sequence[Value], *, among: bool) -> Test:
    def judge(view: View) -> int:
        value = look(name, view)
        return 2 * ((value in constants) is among) if _is(kind, value) else 1

    return Test(f"{name} {'in' if among else 'not in'} [{', '.join(map(repr, constants))}]", judge)


def _has(name: str, kind: FactType, option: str, *, among: bool) -> Test:
    def judge(view: View) -> int:
        value = look(name, view)
        return 2 * ((isinstance(value, list) and option in value) is among) if _is(kind, value) else 1

    return Test(f"'{option}' {'in' if among else 'not in'} {name}", judge)


def _flag(name: str, kind: FactType) -> Test:
    def judge(view: View) -> int:
        value = look(name, view)
        return 2 * (value is True) if _is(kind, value) else 1

    return Test(name, judge)


CONSTANTS: Mapping[str, tuple[Value, ...]] = {
    "number": (1, 2, 3),
    "date": ("2026-01-02", "2026-01-03"),
    "text": ("", "hello"),
    "actor": ("u1", "u2"),
}


def _tests(name: str, kind: FactType, names: Mapping[str, FactType]) -> list[Test]:
    """Every comparison that can be made with this name on the left."""
    if kind.kind == "boolean":
        return [_flag(name, kind)]
    if kind.multiple:
        return [_has(name, kind, option, among=among) for option in kind.options for among in (True, False)]
    constants = kind.options or CONSTANTS[kind.kind]
    ops = tuple(_SIGNS) if kind.kind in ("number", "date") else ("==", "!=")
    others = [other for other, one in names.items() if one.kind == kind.kind and not one.multiple]
    return [
        *(_compare(name, kind, op, lambda _, c=c: c, repr(c)) for op in ops for c in constants),
        *(_member(name, kind, constants[:2], among=among) for among in (True, False)),
        *(_beside(name, kind, op, other, names[other]) for other in others for op in ops),
    ]


def _beside(name: str, kind: FactType, op: str, other: str, its: FactType) -> Test:
    """Each of two facts is held to its own type: a choice of three can be another than a choice of two has."""
    return _compare(name, kind, op, lambda view: v if _is(its, v := look(other, view)) else None, other)


@st.composite
def trees(draw: st.DrawFn, scope: Scope = SCOPE, *, depth: int = 3, variables: Sequence[str] = ("k", "m")) -> Tree:
    """A random condition; without ``variables`` it asks about no rows."""
    return _tree(draw, scope, depth, variables)


def _tree(draw: st.DrawFn, names: Mapping[str, FactType], depth: int, variables: Sequence[str]) -> Tree:
    lists = [name for name, kind in names.items() if kind.kind == "list"]
    shapes = ["test", "not", "and", "or", *(["each", "any"] if lists and variables else [])]
    shape = draw(st.sampled_from(shapes)) if depth else "test"
    match shape:
        case "test":
            name = draw(st.sampled_from([name for name in names if name not in lists]))
            found = _tests(name, names[name], names)
            return found[draw(st.integers(0, len(found) - 1))]
        case "not":
            return Turned(_tree(draw, names, depth - 1, variables))
        case "and" | "or":
            return Joined(shape, [_tree(draw, names, depth - 1, variables) for _ in range(draw(st.integers(1, 3)))])
        case _:
            over, variable = draw(st.sampled_from(lists)), variables[0]
            seen = {**names, **{f"{variable}.{column}": kind for column, kind in names[over].rows.items()}}
            holds = _tree(draw, seen, depth - 1, variables[1:])
            where = _tree(draw, seen, depth - 1, variables[1:]) if draw(st.booleans()) else None
            return Rows(shape, over, variable, holds, where)


def values(kind: FactType) -> st.SearchStrategy[Value]:
    """Known values of a type."""
    match kind.kind:
        case "boolean":
            return st.booleans()
        case "number":
            return st.integers(0, 4)
        case "choice" if kind.multiple:
            return st.lists(st.sampled_from(kind.options), unique=True)
        case "choice":
            return st.sampled_from(kind.options)
        case "date":
            return st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"])
        case "list":
            return st.lists(facts(kind.rows), max_size=3)
        case _:
            return st.sampled_from([*CONSTANTS[kind.kind], "else"])


WRONG: tuple[Value, ...] = (None, 0, 1, True, "", "red", "purple", "20260101", [], [1], [None], ["red", 2], {})


def facts(scope: Mapping[str, FactType], *, wrong: Sequence[Value] = (None,)) -> st.SearchStrategy[dict[str, Value]]:
    """Facts of which any may be absent, not known or, where asked for, of another type."""
    return st.fixed_dictionaries(
        {}, optional={name: values(kind) | st.sampled_from(wrong) for name, kind in scope.items()}
    )
