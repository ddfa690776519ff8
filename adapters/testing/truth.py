"""What conditions and derived facts mean, worked out apart from the engine, so that the engine can be held to it.

Slow and plain on purpose: it walks the definition's own words at every question. Truth is a number, 0 false, 1 not
known and 2 true, so that ``and`` is min, ``or`` is max and ``not`` is 2 - x.
"""

import ast
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from stegvis.routines.facttypes import FactType, Scope, Value
from stegvis.routines.model import Condition, Derived, Routine

FALSE, UNKNOWN, TRUE = 0, 1, 2
Facts: TypeAlias = Mapping[str, Value]

_STOCKHOLM = ZoneInfo("Europe/Stockholm")
_COMPARE: Mapping[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_PATTERNS = {"date": r"\d{4}-\d\d-\d\d", "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"}


@dataclass(frozen=True)
class Truths:
    """The meaning of conditions over the facts of one routine."""

    scope: Scope

    def of(self, condition: Condition, facts: Facts) -> int:
        """How a condition comes out: FALSE, UNKNOWN or TRUE."""
        return self._part(condition, facts, {})

    def _part(self, said: object, facts: Facts, rows: Mapping[str, tuple[FactType, Value]]) -> int:
        if isinstance(said, str):
            tree = ast.parse(f"({said.strip()})", mode="eval").body
            return _Text(self.scope, facts, rows).judge(tree)
        parts = cast("Mapping[str, Any]", said)
        if "not" in parts:
            return TRUE - self._part(parts["not"], facts, rows)
        if "and" in parts:
            return min(self._part(part, facts, rows) for part in parts["and"])
        if "or" in parts:
            return max(self._part(part, facts, rows) for part in parts["or"])
        return self._rows(parts, facts, rows)

    def _rows(self, parts: Mapping[str, Any], facts: Facts, rows: Mapping[str, tuple[FactType, Value]]) -> int:
        every = "each" in parts
        kind, value = _Text(self.scope, facts, rows).look_up(parts["each" if every else "any"])
        if not isinstance(value, list | tuple):
            return UNKNOWN
        judged = [TRUE if every else FALSE]
        for row in cast("Sequence[Value]", value):
            inside = {**rows, parts["as"]: (kind, row)}
            chosen = self._part(parts["where"], facts, inside) if "where" in parts else TRUE
            if chosen != FALSE:
                judged.append(UNKNOWN if chosen == UNKNOWN else self._part(parts["holds"], facts, inside))
        return min(judged) if every else max(judged)


@dataclass(frozen=True)
class _Text:
    """One text of a condition, among rows that each and any look at."""

    scope: Scope
    facts: Facts
    rows: Mapping[str, tuple[FactType, Value]]

    def look_up(self, name: str) -> tuple[FactType, Value]:
        if name in self.scope:
            return self.scope[name], self.facts.get(name)
        variable, _, column = name.partition(".")
        kind, row = self.rows[variable]
        return kind.rows[column], row.get(column) if isinstance(row, Mapping) else None

    def judge(self, node: ast.expr) -> int:
        match node:
            case ast.BoolOp(op=op, values=values):
                return (min if isinstance(op, ast.And) else max)(self.judge(value) for value in values)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return TRUE - self.judge(inner)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compare(left, op, right)
            case _:
                value = self.value(node)
                return TRUE if value is True else FALSE if value is False else UNKNOWN

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> int:
        one, other = self.value(left), self.value(right)
        if one is None or other is None:
            return UNKNOWN
        if isinstance(op, ast.In | ast.NotIn):
            inside = one in cast("Sequence[object]", other)
            return TRUE if inside is isinstance(op, ast.In) else FALSE
        return TRUE if _COMPARE[type(op)](one, other) else FALSE

    def value(self, node: ast.expr) -> Value:
        """A constant, or the value of a name when it is known and of its type."""
        match node:
            case ast.Constant(value=value):
                return cast("Value", value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
                return -number
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.value(item) for item in items]
            case ast.Name(id=("true" | "false") as word):
                return word == "true"
            case _:
                kind, value = self.look_up(ast.unparse(node))
                return value if _fits(kind, value) else None


def _fits(kind: FactType, value: object) -> bool:
    if kind.multiple:
        return isinstance(value, list | tuple) and all(one in kind.options for one in cast("Sequence[str]", value))
    match kind.kind:
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "choice":
            return isinstance(value, str) and value in kind.options
        case "date" | "instant":
            return isinstance(value, str) and re.fullmatch(_PATTERNS[kind.kind], value) is not None
        case "list":
            return isinstance(value, list | tuple)
        case _:
            return isinstance(value, str)


def with_derived(routine: Routine, scope: Scope, facts: Facts, now: datetime, counted: Mapping[str, int]) -> Facts:
    """The facts with every derived one beside them; ``counted`` holds those that count earlier runs."""
    known: dict[str, Value] = dict(facts)
    truths = Truths(scope)
    for name, one in routine.derived.items():
        value = counted.get(name) if one.earlier is not None else _derived(truths, one, known, now)
        if value is not None:
            known[name] = value
    return known


def _derived(truths: Truths, one: Derived, known: Facts, now: datetime) -> Value:
    if one.known is not None:
        return known.get(one.known) is not None
    if one.holds is not None:
        return {FALSE: False, UNKNOWN: None, TRUE: True}[truths.of(one.holds, known)]
    source = known.get(one.age_group or one.since or "")
    if not isinstance(source, str):
        return None
    today = day_of(now)
    if one.age_group is not None:
        years = relativedelta(today, date.fromisoformat(source)).years
        born = date.fromisoformat(source)
        if (born.month, born.day) == (2, 29) and (today.month, today.day) == (2, 28):
            years = today.year - born.year - 1  # the birthday is 1 March in a year without 29 February
        return "under_12" if years < 12 else _band(years)  # noqa: PLR2004 - SoL counts from twelve
    if "T" not in source:
        return (today - date.fromisoformat(source)).days
    return int((now - datetime.fromisoformat(source)).total_seconds() // 3600)


def _band(years: int) -> str:
    return next(name for limit, name in ((15, "12_14"), (18, "15_17"), (21, "18_20"), (999, "adult")) if years < limit)


def day_of(now: datetime) -> date:
    """The day it is in Stockholm."""
    return now.astimezone(_STOCKHOLM).date()


def text_of(moment: datetime) -> str:
    """An instant in the one form in which stegvis keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def last_instant(said: str) -> str:
    """An instant, or the last one in Stockholm of a date, as text."""
    return said if "T" in said else text_of(datetime.combine(date.fromisoformat(said), time.max, _STOCKHOLM))


def constants(said: object) -> Iterator[tuple[str, Value]]:
    """Each name in a condition with each constant that it is compared with: where an answer begins to matter."""
    if isinstance(said, str):
        for node in ast.walk(ast.parse(f"({said.strip()})", mode="eval")):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                names = [ast.unparse(side) for side in sides if isinstance(side, ast.Name | ast.Attribute)]
                values = [one.value for side in sides for one in ast.walk(side) if isinstance(one, ast.Constant)]
                yield from ((name, cast("Value", value)) for name in names for value in values)
    elif isinstance(said, Mapping):
        for part in cast("Mapping[str, object]", said).values():
            yield from constants(part) if not isinstance(part, str) or " " in part else ()
    elif isinstance(said, list | tuple):
        for part in cast("Sequence[object]", said):
            yield from constants(part)
