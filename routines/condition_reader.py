"""Reads a condition from what a definition says, or refuses it with every problem that is in it.

A condition is either text with Python's look, ``protection.need == 'immediate' and not child.heard``, or a mapping:
``{and: [..]}``, ``{or: [..]}``, ``{not: c}``, ``{each: list, as: row, holds: c, where: c}``, the same with ``any``.
Text is first cut into the few tokens that the language has; only what passes is given to ``ast``, so that Python's
parser never meets deep nesting, escapes, prefixes, floats or a keyword that we have no use for.
"""

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from .condition_tree import And, Comparison, Constant, Flag, Name, Node, Not, Operator, Or, Quantified
from .errors import Detail, StegvisError
from .facttypes import FactType, Scope, Value

MAX_TEXT = 5_000
MAX_NODES = 500
MAX_DEPTH = 50
MAX_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8785)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: a stable rule id, and where in the text it is, counted in characters from 0.

    ``details`` may hold ``name``, ``kind``, ``other`` (a kind) and ``at`` (the place in a mapping, ``and.1.holds``).
    """

    rule: str
    offset: int | None = None
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail], hash=False)


class BadCondition(StegvisError):
    """The condition cannot be used; each problem says what to change."""

    code = "bad_condition"
    exit = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(None, rule=problems[0].rule, problems=len(problems))
        self.problems: tuple[Problem, ...] = problems


def read(source: str | Mapping[str, Value], scope: Scope) -> Node:
    """Read a condition whose names are those of the scope. Raises BadCondition."""
    reader = _Reader(scope)
    try:
        node = reader.part(source, depth=1, at="")
    except _Stop:
        node = None
    if node is None or reader.problems:
        raise BadCondition(tuple(reader.problems))
    return node


_TOKEN = re.compile(
    r"""[ \t\r\n]+
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,3})(?![\w.'"])
    | (?P<number>\d{1,16})(?![\w.])
    | (?P<text>'[^'\\\n\r]*'|"[^"\\\n\r]*")(?![\w'"])
    | (?P<open>[(\[]) | (?P<close>[)\]])
    | (?P<prefix>-)
    | ==|!=|<=|>=|<|>|,""",
    re.VERBOSE | re.ASCII,
)
_WORD = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_SHOWN = re.compile(r"[A-Za-z_][\w.]{0,127}", re.ASCII)
_OWN_KEYWORDS = frozenset({"and", "or", "not", "in", "True", "False"})
_CONSTANTS = {"true": True, "false": False}
_OPERATORS: Mapping[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_ORDERED = frozenset({"number", "date", "instant"})
_KEYS = {"and": {"and"}, "or": {"or"}, "not": {"not"}, "each": {"each", "as", "holds"}, "any": {"any", "as", "holds"}}


class _Stop(Exception):
    """Nothing more can be said about this condition."""


class _Wrong(Exception):
    """A comparison is refused for this reason, at this part of the text."""

    def __init__(self, rule: str, node: ast.expr, **details: Detail) -> None:
        super().__init__(rule)
        self.rule = rule
        self.node = node
        self.details = details


class _Reader:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.rows: dict[str, Name] = {}
        self.problems: list[Problem] = []
        self.nodes = 0
        self.length = 0

    def problem(self, rule: str, offset: int | None = None, *, at: str = "", **details: Detail) -> None:
        self.problems.append(Problem(rule, offset, {**details, "at": at} if at else details))

    def count(self, depth: int, at: str) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.problem("guard-too-large", at=at)
            raise _Stop
        if depth > MAX_DEPTH:
            self.problem("guard-too-deep", at=at)
            raise _Stop

    def part(self, source: Value, *, depth: int, at: str) -> Node | None:
        if isinstance(source, str):
            return _Text(self, source, at).read(depth)
        self.count(depth, at)
        if not isinstance(source, Mapping):
            self.problem("guard-syntax", at=at)
            return None
        keys = set(source)
        match next((key for key, needed in _KEYS.items() if needed <= keys <= needed | {"where"}), None):
            case "and" | "or" as key if keys == {key}:
                return self.several(source[key], key, depth=depth, at=at)
            case "not" if keys == {"not"}:
                part = self.part(source["not"], depth=depth + 1, at=_below(at, "not"))
                return None if part is None else Not(part)
            case "each" | "any" as key:
                return self.quantified(source, key, depth=depth, at=at)
            case _:
                self.problem("guard-syntax", at=at)
                return None

    def several(self, source: Value, key: str, *, depth: int, at: str) -> Node | None:
        if not isinstance(source, list | tuple) or not source:
            self.problem("guard-syntax", at=_below(at, key))
            return None
        parts = [self.part(s, depth=depth + 1, at=_below(at, f"{key}.{i}")) for i, s in enumerate(source)]
        found = tuple(part for part in parts if part is not None)
        return (And if key == "and" else Or)(found) if len(found) == len(parts) else None

    def quantified(self, source: Mapping[str, Value], key: str, *, depth: int, at: str) -> Node | None:
        over = self.list_name(source[key], _below(at, key))
        variable = self.variable(source["as"], _below(at, "as"))
        if over is None or variable is None:
            return None
        self.rows[variable] = over
        try:
            # `where` first, in the order in which a person reads it and the problems are told
            where = self.part(source["where"], depth=depth + 1, at=_below(at, "where")) if "where" in source else None
            holds = self.part(source["holds"], depth=depth + 1, at=_below(at, "holds"))
        finally:
            del self.rows[variable]
        return None if holds is None else Quantified(key == "each", over, variable, holds, where)

    def list_name(self, source: Value, at: str) -> Name | None:
        name = self.look_up(source) if isinstance(source, str) else None
        if name is None:
            self.problem("guard-unknown-name", at=at, name=_shown(source))
        elif name.type.kind != "list":
            self.problem("guard-type", at=at, name=name.text, kind=name.type.kind, other="list")
            name = None
        return name

    def variable(self, source: Value, at: str) -> str | None:
        if not isinstance(source, str) or not _WORD.fullmatch(source) or keyword.iskeyword(source):
            self.problem("guard-syntax", at=at)
        elif source in _CONSTANTS or source in self.rows or any(n.split(".")[0] == source for n in self.scope):
            self.problem("guard-name-taken", at=at, name=source)
        else:
            return source
        return None

    def look_up(self, text: str) -> Name | None:
        if (kind := self.scope.get(text)) is not None:
            return Name(text, text, text, kind)
        variable, _, column = text.partition(".")
        if (over := self.rows.get(variable)) is None or (kind := over.type.rows.get(column)) is None:
            return None
        return Name(text, f"{over.path}.{column}", over.root, kind)


class _Text:
    """One string of a condition."""

    def __init__(self, reader: _Reader, source: str, at: str) -> None:
        self.reader = reader
        self.source = source
        self.at = at
        self.line = b""

    def read(self, depth: int) -> Node | None:
        self.reader.length += len(self.source)
        if self.reader.length > MAX_TEXT:
            self.reader.problem("guard-too-large", at=self.at)
            raise _Stop
        if not self.source.strip():
            self.refuse("guard-syntax", 0)
            return None
        if not self.fits():
            return None
        # One line inside brackets: an indented or folded text reads as any other, and columns are offsets plus one.
        line = "(" + re.sub(r"[\t\r\n]", " ", self.source) + ")"
        self.line = line.encode()
        try:
            tree = ast.parse(line, mode="eval")
        except SyntaxError as error:
            column = None if error.offset is None else min(max(error.offset - 2, 0), len(self.source))
            self.reader.problem("guard-syntax", column, at=self.at)
            return None
        return self.condition(tree.body, depth)

    def fits(self) -> bool:
        """Whether the text is made of our tokens and no deeper than allowed, before any parser sees it."""
        runs = [0]  # for each open bracket, how many prefixes stand waiting for what follows
        place, after_text = 0, False
        while place < len(self.source):
            token = _TOKEN.match(self.source, place)
            if token is None:
                rule = "guard-syntax" if self.source[place] in "'\"" else "guard-not-allowed"
                return self.refuse(rule, place)
            if not _is_ours(token):
                return self.refuse("guard-not-allowed", place)
            # Python would join two texts side by side into one, as when a comma is forgotten.
            if (token["close"] and len(runs) == 1) or (token["text"] and after_text):
                return self.refuse("guard-syntax", place)
            _deepen(runs, token)
            if sum(runs) + len(runs) > MAX_DEPTH:
                return self.refuse("guard-too-deep", place)
            place = token.end()
            after_text = bool(token["text"]) or (after_text and token.group().isspace())
        return len(runs) == 1 or self.refuse("guard-syntax", len(self.source))

    def refuse(self, rule: str, offset: int, **details: Detail) -> bool:
        self.reader.problem(rule, offset, at=self.at, **details)
        return False

    def offset(self, node: ast.expr) -> int:
        return max(len(self.line[: node.col_offset].decode()) - 1, 0)

    def written(self, node: ast.expr) -> str:
        return self.line[node.col_offset : node.end_col_offset].decode()

    def condition(self, node: ast.expr, depth: int) -> Node | None:
        self.reader.count(depth, self.at)
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.condition(value, depth + 1) for value in values]
                found = tuple(part for part in parts if part is not None)
                if len(found) != len(parts):
                    return None
                return (And if isinstance(op, ast.And) else Or)(found)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                part = self.condition(operand, depth + 1)
                return None if part is None else Not(part)
            case _:
                try:
                    return self.leaf(node)
                except _Wrong as wrong:
                    self.refuse(wrong.rule, self.offset(wrong.node), **wrong.details)
                    return None

    def leaf(self, node: ast.expr) -> Node:
        match node:
            case ast.Name() | ast.Attribute():
                name = self.name(node)
                if name.type.kind != "boolean":
                    raise _Wrong("guard-type", node, name=name.text, kind=name.type.kind, other="boolean")
                return Flag(name)
            case ast.Compare(left=ast.Constant() as left, ops=[ast.In() | ast.NotIn() as op], comparators=[right]):
                return self.membership(left, op, right)
            case ast.Compare(left=ast.Name() | ast.Attribute() as left, ops=[op], comparators=[right]):
                return self.comparison(self.name(left), _OPERATORS[type(op)], right)
            case _:
                raise _Wrong("guard-not-allowed", node)

    def membership(self, left: ast.Constant, op: ast.cmpop, right: ast.expr) -> Node:
        name = self.name(right)
        if not name.type.multiple:
            raise _Wrong("guard-type", right, name=name.text, kind=name.type.kind, other="choice")
        return Comparison(name, "has" if isinstance(op, ast.In) else "has not", self.constant(left, name.type))

    def comparison(self, name: Name, op: Operator, right: ast.expr) -> Node:
        kind = name.type.kind
        if kind == "list" or name.type.multiple:
            raise _Wrong("guard-type", right, name=name.text, kind=kind)
        if op in ("in", "not in"):
            return Comparison(name, op, self.constants(right, name.type))
        if op not in ("==", "!=") and kind not in _ORDERED:
            raise _Wrong("guard-type", right, name=name.text, kind=kind)
        if isinstance(right, ast.Name | ast.Attribute) and self.written(right) not in _CONSTANTS:
            return Comparison(name, op, self.like(self.name(right), name, right))
        constant = self.constant(right, name.type)
        return Flag(name, (op == "==") is constant) if isinstance(constant, bool) else Comparison(name, op, constant)

    def like(self, other: Name, name: Name, node: ast.expr) -> Name:
        apart = name.type.kind == "choice" and not set(name.type.options) & set(other.type.options)
        if other.type.kind != name.type.kind or other.type.multiple or apart:
            raise _Wrong("guard-type", node, name=other.text, kind=other.type.kind, other=name.type.kind)
        return other

    def name(self, node: ast.expr) -> Name:
        if not isinstance(node, ast.Name | ast.Attribute) or self.written(node) in _CONSTANTS:
            raise _Wrong("guard-not-allowed", node)
        if (name := self.reader.look_up(self.written(node))) is None:
            raise _Wrong("guard-unknown-name", node, name=_shown(self.written(node)))
        return name

    def constants(self, node: ast.expr, kind: FactType) -> tuple[Constant, ...]:
        match node:
            case ast.Tuple(elts=items) | ast.List(elts=items) if items and kind.kind != "boolean":
                return tuple(self.constant(item, kind) for item in items)
            case _:
                raise _Wrong("guard-type", node, kind=kind.kind)

    def constant(self, node: ast.expr, kind: FactType) -> Constant:
        self.reader.count(1, self.at)
        match node:
            case ast.Constant(value=bool() | int() | str() as value):
                pass
            case ast.Name(id=("true" | "false") as word):
                value = _CONSTANTS[word]
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if type(value) is int:
                value = -value
            case _:
                raise _Wrong("guard-not-allowed", node)
        if kind.kind == "choice" and isinstance(value, str) and value not in kind.options:
            raise _Wrong("guard-unknown-option", node, kind=kind.kind)
        if not _is_one(value, kind):
            raise _Wrong("guard-type", node, kind=kind.kind)
        return value


def _is_one(value: Constant, kind: FactType) -> bool:
    """Whether the constant can be compared with a fact of this type; a date has to be in the calendar."""
    if kind.kind == "choice":
        return isinstance(value, str)
    if not kind.known(value):
        return False
    if kind.kind == "number":
        return abs(int(value)) <= MAX_NUMBER
    if kind.kind in ("date", "instant"):
        try:
            (date if kind.kind == "date" else datetime).fromisoformat(str(value))
        except ValueError:
            return False
    return True


def _is_ours(token: re.Match[str]) -> bool:
    word = token.group()
    if token["name"]:
        return not keyword.iskeyword(word) or word in _OWN_KEYWORDS
    return not token["text"] or word.isprintable()


def _deepen(runs: list[int], token: re.Match[str]) -> None:
    if token.group() == "not" or token["prefix"]:
        runs[-1] += 1
    elif token["open"]:
        runs.append(0)
    elif token["close"]:
        runs.pop()
        runs[-1] = 0
    elif token["name"] or token["number"] or token["text"]:
        runs[-1] = 0


def _below(at: str, step: str) -> str:
    return f"{at}.{step}" if at else step


def _shown(source: object) -> str | None:
    """A name may be told; anything else that stood in its place may not."""
    return source if isinstance(source, str) and _SHOWN.fullmatch(source) else None
