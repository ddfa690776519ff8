"""Forms (blanketter): what a step asks, with typed fields, and the reading of what somebody answered.

Answers are kept as plain JSON values: choices and references as text, dates as ``YYYY-MM-DD``, instants as
``YYYY-MM-DDTHH:MM:SS.ffffffZ`` in UTC, numbers as whole numbers, lists as lists of rows. Nothing is ever echoed in a
problem: it names the field and what is wrong, never the value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import orjson
from pydantic import Field as Limits

from .facttypes import FactType, Kind, Value
from .text import FactName, Model, Name, Text

Given: TypeAlias = Mapping[str, object]

Part: TypeAlias = Literal["fact", "decision", "assessment", "protected"]
"""Which part of the file an answer belongs to: ``decision`` text a party may read (beslutstext), ``assessment`` is case
material (bedömning), ``protected`` is what must not reach the family (barnets ord, vistelse, uppgiftslämnare)."""

TEXT_LIMIT = 10_000
ROW_LIMIT = 50


class Field(Model):
    """One question. ``see`` names the roles that may read the answer; empty means everyone who may read the run.

    ``locates``: whether the answer could lead to the person (vistelse, skola, telefon). Free text can hold anything, so
    it does unless the definition says that it does not; other answers do where it says so.
    """

    type: Kind
    title: Text
    why: Text | None = None
    of: Annotated[dict[Name, Text], Limits(min_length=2)] | None = None
    multiple: bool = False
    rows: Annotated[dict[Name, "Field"], Limits(min_length=1)] | None = None
    required: bool = True
    when: str | dict[str, Any] | None = None
    part: Part = "fact"
    secrecy: Name = "ordinary"
    locates: bool | None = None
    see: tuple[Name, ...] = ()
    feeds_from: Annotated[FactName | None, Limits(alias="from")] = None
    past: bool = False
    longest: Annotated[int, Limits(ge=1, le=TEXT_LIMIT)] = 4_000
    least: int | None = None
    most: int | None = None


class Form(Model):
    """A set of questions asked together."""

    title: Text | None = None
    fields: Annotated[dict[Name, Field], Limits(min_length=1)]


_FIRST_YEAR, _LAST_YEAR = 1900, 2099
"""Both left out, so that counting from an instant near the edge stays within what limits are counted for."""
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")
_RANDOM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
"""128 bits in hex, also as a UUID: a few in ten thousand hold digits that would pass for a personal number."""
_IDENTITY = re.compile(r"(?<![0-9])(?:[0-9]{2})?([0-9]{2})(0[0-9]|1[0-2])([0-9]{2})[-+]?([0-9]{4})(?![0-9])")
_DAY = re.compile(r"[0-9]{6}")
"""What every personal number has: the day of birth."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Problem(NamedTuple):
    """What is wrong with one answer: a stable code and the field, never the value."""

    code: str
    field: str


class Rejected(Exception):
    """An answer cannot be read."""


def is_reference(value: object) -> bool:
    """Whether this is an opaque key: short, ASCII, and without anything that is a personal number (personnummer)."""
    return isinstance(value, str) and _REFERENCE.match(value) is not None and not holds_personal_number(value)


def holds_personal_number(text: str) -> bool:
    """Whether some digits are a personal or coordination number: a possible day, and the right check digit."""
    # Most keys have no six digits in a row, and are not looked at further.
    return _DAY.search(text) is not None and any(
        _is_personal_number("".join(found.groups())) for found in _IDENTITY.finditer(_RANDOM.sub("", text))
    )


def _is_personal_number(digits: str) -> bool:
    month, day = int(digits[2:4]), int(digits[4:6])
    coordination = 60  # a coordination number (samordningsnummer) has 60 added to the day
    possible = 1 <= month <= 12 and (1 <= day <= 31 or 1 <= day - coordination <= 31)  # noqa: PLR2004 - the calendar
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    return possible and sum(one // 10 + one % 10 for one in doubled) % 10 == 0


def instant_text(moment: datetime) -> str:
    """An aware instant in the one form that sorts as time does."""
    # orjson writes it three times as fast as datetime itself, on a path that every step takes several times.
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = str(orjson.dumps(moment, None, orjson.OPT_UTC_Z), "ascii")
    # A whole second comes without its fraction.
    return text[1:-1] if moment.microsecond else f"{text[1:-2]}.000000Z"


def read_instant(value: object) -> str:
    """The instant of an aware datetime or an ISO text with offset, as text; raises Rejected with a code."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Rejected("not_instant") from None
    if not isinstance(value, datetime):
        raise Rejected("not_instant")
    if value.tzinfo is None:
        raise Rejected("naive_instant")
    if not _FIRST_YEAR < value.year < _LAST_YEAR:
        raise Rejected("out_of_range")
    return instant_text(value)


def _read_date(value: object) -> str:
    if isinstance(value, str) and len(value) == 10:  # noqa: PLR2004 - the length of YYYY-MM-DD
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise Rejected("not_date") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Rejected("not_date")
    if not _FIRST_YEAR < value.year < _LAST_YEAR:
        raise Rejected("out_of_range")
    return value.isoformat()


Reader: TypeAlias = Callable[[object], Value]
"""Answers the value as it is kept; raises Rejected with a code."""


def _reader(field: Field) -> Reader | None:
    """What reads an answer to that question, made once so that reading asks the field nothing; None for a list."""
    match field.type:
        case "text":
            return _text(field.longest)
        case "number":
            return _number(field.least, field.most)
        case "boolean":
            return _read_boolean
        case "choice":
            return (_choices if field.multiple else _choice)(frozenset(field.of or ()))
        case "person" | "actor":
            return _read_reference
        case "date":
            return _read_date
        case "instant":
            return read_instant
        case "list":
            return None


def _text(longest: int) -> Reader:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Rejected("not_text")
        if len(value) > longest:
            raise Rejected("too_long")
        if not value.isprintable() and _CONTROL.search(value):
            raise Rejected("control_characters")
        if not value.strip():
            raise Rejected("missing")
        return value

    return read


def _number(least: int | None, most: int | None) -> Reader:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Rejected("not_number")
        if (least is not None and value < least) or (most is not None and value > most) or abs(value) >= 2**53:
            raise Rejected("out_of_range")
        return value

    return read


def _read_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Rejected("not_boolean")
    return value


def _choice(options: frozenset[str]) -> Reader:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in options:
            raise Rejected("not_a_choice")
        return value

    return read


def _choices(options: frozenset[str]) -> Reader:
    def read(value: object) -> list[str]:
        if not isinstance(value, list | tuple):
            raise Rejected("not_a_list")
        chosen = list[str]()
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(one, str) or one not in options or one in chosen:
                raise Rejected("not_a_choice")
            chosen.append(one)
        return chosen

    return read


def _read_reference(value: object) -> str:
    if not isinstance(value, str) or not is_reference(value):
        raise Rejected("not_a_reference")
    return value


class Questions:
    """A set of fields, ready to read answers to them. With ``form`` the answers are named as facts, ``form.field``."""

    __slots__ = ("_past", "_readers", "_rows")

    def __init__(self, fields: Mapping[str, Field], *, form: str | None = None) -> None:
        before = f"{form}." if form is not None else ""
        self._readers = {name: (before + name, _reader(one)) for name, one in fields.items()}
        self._past = {name: one.type == "date" for name, one in fields.items() if one.past}
        self._rows = {name: _Rows(one.rows or {}) for name, one in fields.items() if one.type == "list"}

    def read(self, given: Given, *, now: str, today: str, prefix: str = "") -> tuple[dict[str, Value], list[Problem]]:
        """Read every given answer against its field's type; whether fields are missing is asked elsewhere.

        Args:
            given: what was answered, by field name; None means "not known" and is left out.
            now, today: the present instant, and the local date, for fields that may not lie in the future.
            prefix: put before field names in problems, for rows of a list.
        """
        answers: dict[str, Value] = {}
        problems: list[Problem] = []
        readers, past = self._readers, self._past
        for name, value in given.items():
            known = readers.get(name)
            if known is None:
                problems.append(Problem("unknown_field", f"{prefix}?"))
            elif value is not None:
                fact, read = known
                try:
                    if read is None:
                        answers[fact] = self._rows[name].read(value, problems, now, today, prefix + name)
                        continue
                    answer = read(value)
                    if name in past and isinstance(answer, str) and answer > (today if past[name] else now):
                        raise Rejected("future")
                    answers[fact] = answer
                except Rejected as no:
                    problems.append(Problem(str(no), prefix + name))
        return answers, problems


class _Rows:
    """The rows of a list, each with the same questions."""

    __slots__ = ("_columns", "_required")

    def __init__(self, columns: Mapping[str, Field]) -> None:
        self._columns = Questions(columns)
        self._required = [name for name, column in columns.items() if column.required]

    def read(self, value: object, problems: list[Problem], now: str, today: str, prefix: str) -> list[dict[str, Value]]:
        if not isinstance(value, list | tuple):
            raise Rejected("not_a_list")
        if len(value) > ROW_LIMIT:  # pyright: ignore[reportUnknownArgumentType]
            raise Rejected("too_many_rows")
        rows: list[dict[str, Value]] = []
        for number, row in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if not isinstance(row, Mapping):
                raise Rejected("not_a_list")
            inside = f"{prefix}[{number}]."
            given = {str(k): v for k, v in row.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            answers, wrong = self._columns.read(given, now=now, today=today, prefix=inside)  # pyright: ignore[reportUnknownArgumentType]
            problems.extend(wrong)
            named = {problem.field for problem in wrong}
            problems.extend(
                Problem("missing", inside + name)
                for name in self._required
                if name not in answers and inside + name not in named
            )
            rows.append(answers)
        return rows


def fact_type(field: Field) -> FactType:
    """What a guard may ask of the field's answer."""
    rows = {name: fact_type(column) for name, column in (field.rows or {}).items()}
    return FactType(kind=field.type, options=tuple(field.of or ()), rows=rows, multiple=field.multiple)


def locates(field: Field) -> bool:
    """Whether an answer could lead to the person, and is hidden by default where the identity is protected."""
    return field.locates if field.locates is not None else field.type == "text"


def protected_fields(fields: Mapping[str, Field]) -> Sequence[str]:
    """Names of the fields whose answers must not reach a decision text."""
    return [name for name, field in fields.items() if field.part == "protected"]
