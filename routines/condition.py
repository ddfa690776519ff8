"""Conditions: guards as data, judged whole and in three values.

A condition is true, false or not known yet (``None``), by strong Kleene logic: what is unknown makes neither a
condition nor its negation true. A fact that is absent, ``None`` or of another type than its form says is unknown, so
that whatever is wrong with stored values fails closed and never raises. ``each`` over no rows is true, ``any`` false;
a row for which ``where`` is false is left out, and one for which it is unknown is itself in doubt.

What every condition means is held by the test vectors in definitions/schema/condition-vectors.json.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from .condition_reader import BadCondition, Problem, read
from .condition_tree import (
    And,
    Comparison,
    Constant,
    Flag,
    Name,
    Node,
    Not,
    Operator,
    Or,
    Quantified,
    names_in,
    settled,
    spelled,
)
from .condition_words import Speech
from .facttypes import Facts, Scope, Value

__all__ = ["BadCondition", "Condition", "Leaf", "Problem", "parse", "whole"]

Truth: TypeAlias = bool | None
Judge: TypeAlias = Callable[[Facts], Truth]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part that keeps a condition from being true: a comparison, a boolean, or a list without the rows needed.

    outcome  ``false``, or ``unknown`` when a fact is not known yet
    names    the facts it rests on; for a field in a list's rows, the list
    rows     for a part inside each or any, which row, counted from 0, outermost list first
    """

    part: Flag | Comparison | Quantified
    outcome: Literal["false", "unknown"]
    names: frozenset[str]
    rows: tuple[int, ...] = ()

    def text(
        self, *, words: Mapping[str, str], titles: Mapping[str, str], options: Mapping[tuple[str, str], str]
    ) -> str:
        """What is needed, or not known yet, as a sentence without a full stop. See ``Condition.text``."""
        speech = Speech(words=words, titles=titles, options=options)
        said = speech.phrase("needed" if self.outcome == "false" else "unknown", condition=speech.say(self.part))
        return speech.phrase("row", row=self.rows[-1] + 1, said=said) if self.rows else said


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been read and checked. Two are equal when they are spelled alike over the same types."""

    tree: Node
    names: frozenset[str] = field(compare=False)
    """The facts it reads; what is read in rows counts as reading the list."""
    source: Value = field(compare=False)
    """Its canonical spelling, plain JSON; reading it again gives the same condition."""
    evaluate: Judge = field(compare=False, repr=False)
    """``evaluate(facts)``: True, False, or None when it is not known yet. Never raises for a value in the facts."""

    def why(self, facts: Facts) -> tuple[Leaf, ...]:
        """Every part that keeps the condition from being true, in the order written; none when it is true.

        A negated part comes turned round: what ``not child.heard`` lacks is told as ``child.heard`` being false.
        """
        return tuple(dict.fromkeys(_blame(settled(self.tree), facts, ())[1]))

    def text(
        self, *, words: Mapping[str, str], titles: Mapping[str, str], options: Mapping[tuple[str, str], str]
    ) -> str:
        """The condition in plain words, in the one language of the three mappings (see ``Speech``)."""
        return Speech(words=words, titles=titles, options=options).say(self.tree)


def parse(source: str | Mapping[str, Value], scope: Scope) -> Condition:
    """Read a condition over the facts of the scope.

    Raises:
        BadCondition: with every problem found.
    """
    return whole(read(source, scope))


def whole(tree: Node) -> Condition:
    """The condition of a tree that was read, or that was put together from such trees."""
    names = frozenset(name.root for name in names_in(tree))
    return Condition(tree=tree, names=names, source=spelled(tree), evaluate=compiled(settled(tree)))


def compiled(node: Node) -> Judge:
    """A function that judges a settled condition, made once so that judging walks no tree."""
    match node:
        case Flag(name, wanted):
            return _flag(name.text, wanted=wanted)
        case Comparison(name, op, right):
            return _between(name, op, right) if isinstance(right, Name) else _against(name, op, right)
        case And(parts):
            return _joined(tuple(map(compiled, parts)), decisive=False)
        case Or(parts):
            return _joined(tuple(map(compiled, parts)), decisive=True)
        case Quantified():
            return _quantified(node)
        case Not():  # pragma: no cover - a settled condition holds none
            raise AssertionError(node)


def _joined(parts: tuple[Judge, ...], *, decisive: bool) -> Judge:
    """And (a false part decides) or or (a true part decides)."""
    otherwise = not decisive

    def judge(facts: Facts) -> Truth:
        outcome: Truth = otherwise
        for part in parts:
            one = part(facts)
            if one is decisive:
                return decisive
            if one is None:
                outcome = None
        return outcome

    return judge


def _flag(name: str, *, wanted: bool) -> Judge:
    def judge(facts: Facts) -> Truth:
        value = facts.get(name)
        if value is wanted:
            return True
        return False if value is not None and type(value) is bool else None

    return judge


_ORDER: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _against(name: Name, op: Operator, right: Constant | tuple[Constant, ...]) -> Judge:
    text, known, kind = name.text, name.type.known, name.type.kind
    if kind == "choice" and not name.type.multiple:
        return _choice(text, {option: _holds(option, op, right) for option in name.type.options})
    if kind == "number" and op in _ORDER:
        return _number(text, _ORDER[op], right)

    def judge(facts: Facts) -> Truth:
        value = facts.get(text)
        return _holds(value, op, right) if known(value) else None

    return judge


def _choice(name: str, answers: Mapping[str, bool]) -> Judge:
    answer = answers.get

    def judge(facts: Facts) -> Truth:
        value = facts.get(name)
        return answer(value) if isinstance(value, str) else None

    return judge


def _number(name: str, compare: Callable[[object, object], bool], right: object) -> Judge:
    def judge(facts: Facts) -> Truth:
        value = facts.get(name)
        return compare(value, right) if type(value) is int else None

    return judge


def _between(name: Name, op: Operator, other: Name) -> Judge:
    def judge(facts: Facts) -> Truth:
        left, right = facts.get(name.text), facts.get(other.text)
        return _ORDER[op](left, right) if name.type.known(left) and other.type.known(right) else None

    return judge


def _holds(value: object, op: Operator, right: Constant | tuple[Constant, ...]) -> bool:
    """One comparison between a known value and what is written."""
    match op:
        case "in" | "not in":
            return (value in cast("tuple[Constant, ...]", right)) is (op == "in")
        case "has" | "has not":
            return (right in cast("Sequence[object]", value)) is (op == "has")
        case _:
            return _ORDER[op](value, right)


def _quantified(node: Quantified) -> Judge:
    holds = compiled(node.holds)
    where = None if node.where is None else compiled(node.where)
    every, decisive, look = node.every, not node.every, _looking(node)

    def judge(facts: Facts) -> Truth:
        rows = look(facts)
        if rows is None:
            return None
        outcome: Truth = every
        for within in rows:
            chosen = True if where is None else where(within)
            if chosen is False:
                continue
            one = None if chosen is None else holds(within)
            if one is decisive:
                return decisive
            if one is None:
                outcome = None
        return outcome

    return judge


def _looking(node: Quantified) -> Callable[[Facts], Sequence[Facts] | None]:
    """A function that answers what the part reads, as seen from within each row; None when the list is not known."""
    over, known = node.over.text, node.over.type.known
    columns = [(f"{node.variable}.{column}", column) for column in node.over.type.rows]
    read = {name.text for part in (node.holds, node.where) if part is not None for name in names_in(part)}
    outside = sorted(read - {name for name, _ in columns})
    inside = [(name, column) for name, column in columns if name in read]

    def look(facts: Facts) -> Sequence[Facts] | None:
        rows = facts.get(over)
        if not known(rows):
            return None
        around = {name: facts.get(name) for name in outside}
        return [
            {**around, **{name: row.get(column) for name, column in inside}} if isinstance(row, Mapping) else around
            for row in cast("Sequence[Value]", rows)
        ]

    return look


def _blame(node: Node, facts: Facts, rows: tuple[int, ...]) -> tuple[Truth, list[Leaf]]:
    """How a settled condition comes out, and what keeps it from being true."""
    match node:
        case Flag() | Comparison():
            outcome = compiled(node)(facts)
            return outcome, [] if outcome else [_leaf(node, outcome, rows)]
        case And(parts) | Or(parts):
            judged = [_blame(part, facts, rows) for part in parts]
            outcome = _joined_outcome([one for one, _ in judged], decisive=isinstance(node, Or))
            return outcome, [] if outcome else [leaf for _, leaves in judged for leaf in leaves]
        case Quantified():
            return _blame_rows(node, facts, rows)
        case Not():  # pragma: no cover - a settled condition holds none
            raise AssertionError(node)


def _blame_rows(node: Quantified, facts: Facts, rows: tuple[int, ...]) -> tuple[Truth, list[Leaf]]:
    seen = _looking(node)(facts)
    if seen is None:
        return None, [_leaf(node, None, rows)]
    judged: list[tuple[Truth, list[Leaf]]] = []
    for number, within in enumerate(seen):
        here = (*rows, number)
        chosen, doubts = (True, []) if node.where is None else _blame(node.where, within, here)
        if chosen:
            judged.append(_blame(node.holds, within, here))
        elif chosen is None:
            judged.append((None, [leaf for leaf in doubts if leaf.outcome == "unknown"]))
    outcome = _joined_outcome([one for one, _ in judged], decisive=not node.every)
    if not judged and not outcome:
        return outcome, [_leaf(node, outcome, rows)]
    return outcome, [] if outcome else [leaf for _, leaves in judged for leaf in leaves]


def _joined_outcome(outcomes: list[Truth], *, decisive: bool) -> Truth:
    if decisive in outcomes:
        return decisive
    return None if None in outcomes else not decisive


def _leaf(part: Flag | Comparison | Quantified, outcome: Truth, rows: tuple[int, ...]) -> Leaf:
    names = [part.over] if isinstance(part, Quantified) else list(names_in(part))
    # What reads no row is the same whichever row asks, and is told once.
    rows = rows if any(name.text != name.root for name in names) else ()
    return Leaf(part, "unknown" if outcome is None else "false", frozenset(name.root for name in names), rows)
