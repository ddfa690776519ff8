"""The parts a condition is made of, once it has been read and its names and types are settled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from .facttypes import FactType, Value

Constant: TypeAlias = str | int | bool
Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "has", "has not"]

OPPOSITE: dict[Operator, Operator] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "has": "has not",
    "has not": "has",
}


@dataclass(frozen=True, slots=True)
class Name:
    """A fact, or a field in the row that an enclosing each or any is looking at."""

    text: str
    """As it is written: ``protection.need``, ``child.age``."""
    path: str
    """From the facts and down: ``protection.need``, ``family.children.age``. Titles are looked up by it."""
    root: str
    """The fact it stands in: ``protection.need``, ``family.children``."""
    type: FactType


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean that should be true, or with ``wanted=False`` false."""

    name: Name
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Comparison:
    """``has`` asks whether a choice with several answers holds the option on the right."""

    name: Name
    op: Operator
    right: "Name | Constant | tuple[Constant, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


@dataclass(frozen=True, slots=True)
class And:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Quantified:
    """``each`` (every=True) or ``any`` row of a list for which ``where`` is true, or every row without one."""

    every: bool
    over: Name
    variable: str
    holds: "Node"
    where: "Node | None" = None


Node: TypeAlias = Flag | Comparison | Not | And | Or | Quantified


def settled(node: Node, *, wanted: bool = True) -> Node:
    """The same condition with every ``not`` moved inwards until it is gone, in three values as in two.

    With ``wanted=False``, its negation. What is left can be judged, blamed and put in words without counting negations.
    """
    match node:
        case Flag():
            return node if wanted else replace(node, wanted=not node.wanted)
        case Comparison():
            return node if wanted else replace(node, op=OPPOSITE[node.op])
        case Not(part):
            return settled(part, wanted=not wanted)
        case And(parts) | Or(parts):
            return (And if isinstance(node, And) is wanted else Or)(tuple(settled(p, wanted=wanted) for p in parts))
        case Quantified():
            # A row left out by `where`, or in doubt because of it, is so on both sides: `where` is not turned round.
            where = None if node.where is None else settled(node.where)
            return replace(node, every=node.every is wanted, holds=settled(node.holds, wanted=wanted), where=where)


def walk(node: Node, around: tuple[Quantified, ...] = ()) -> Iterator[tuple[Node, tuple[Quantified, ...]]]:
    """Every part in the order written, each with the each and any parts it stands in, outermost first."""
    yield node, around
    match node:
        case Flag() | Comparison():
            return
        case Not(part):
            yield from walk(part, around)
        case And(parts) | Or(parts):
            for part in parts:
                yield from walk(part, around)
        case Quantified():
            for part in (node.where, node.holds):
                if part is not None:
                    yield from walk(part, (*around, node))


def names_in(node: Node) -> Iterator[Name]:
    """Every name in the order written, row fields and lists among them; the same name may come again."""
    for part, _ in walk(node):
        match part:
            case Flag(name):
                yield name
            case Comparison(name, _, right):
                yield name
                if isinstance(right, Name):
                    yield right
            case Quantified():
                yield part.over
            case _:
                pass


def spelled(node: Node) -> Value:
    """The condition in its one canonical spelling: strings for comparisons, mappings for the rest."""
    match node:
        case Flag(name, wanted):
            return name.text if wanted else {"not": name.text}
        case Comparison(name, "has" | "has not" as op, right):
            return f"{_constant(right)} {'in' if op == 'has' else 'not in'} {name.text}"
        case Comparison(name, op, right):
            return f"{name.text} {op} {_constant(right)}"
        case Not(part):
            return {"not": spelled(part)}
        case And(parts):
            return {"and": [spelled(part) for part in parts]}
        case Or(parts):
            return {"or": [spelled(part) for part in parts]}
        case Quantified():
            said = {"each" if node.every else "any": node.over.text, "as": node.variable, "holds": spelled(node.holds)}
            return said if node.where is None else {**said, "where": spelled(node.where)}


def _constant(right: Name | Constant | tuple[Constant, ...]) -> str:
    match right:
        case Name(text):
            return text
        case tuple():
            return "[" + ", ".join(_constant(item) for item in right) + "]"
        case bool() | int():
            return str(right)
        case str():
            quote = '"' if "'" in right else "'"
            return f"{quote}{right}{quote}"
