"""Reads a definition: YAML in, plain data with its places out, or every fault that was found.

The events of PyYAML's C parser are streamed into dict, list, str, int, bool and None by the core schema of YAML 1.2, so
that ``no``, ``on`` and ``2025-07-01`` stay the text somebody wrote. What YAML can say beyond that is refused: aliases,
anchors, tags, directives, several documents, floats, keys that are not text. So are characters that do not show.

Numbers are stricter than the core schema. ``0771``, ``+46`` and ``-0`` would lose what they were written with (in a
definition they are telephone numbers and codes), and ``0x1F`` and ``0o17`` are read differently by YAML 1.1 tools. All
are refused with the advice to put quotes round them.

Everything hostile is bounded: size before parsing; depth, values, length of a text and number of findings while events
stream. Nothing in a file can name, import, open or run anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from errno import errorcode
from itertools import islice
from pathlib import Path
from typing import Literal, NoReturn, Protocol, TypeAlias, cast

from yaml import CSafeLoader, MarkedYAMLError
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from .findings import BadDefinition, Finding, Mark

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"
"""What a definition can hold."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 20_000
"""Keys are not counted. A definition of 300 lines holds about 800 values."""
MAX_TEXT = 10_000
"""Characters in one key or value."""
MAX_INTEGER = 2**53 - 1
"""The largest integer every JSON reader keeps exactly (RFC 8785)."""
MAX_FINDINGS = 100
_SHOWN = 40

Rule: TypeAlias = Literal[
    "yaml-alias",
    "yaml-anchor",
    "yaml-bracket",
    "yaml-colon",
    "yaml-control-character",
    "yaml-depth",
    "yaml-directive",
    "yaml-documents",
    "yaml-duplicate-key",
    "yaml-empty",
    "yaml-encoding",
    "yaml-float",
    "yaml-integer-form",
    "yaml-integer-range",
    "yaml-key",
    "yaml-many-findings",
    "yaml-missing-colon",
    "yaml-quote",
    "yaml-reserved-character",
    "yaml-size",
    "yaml-syntax",
    "yaml-tab",
    "yaml-tag",
    "yaml-text-length",
    "yaml-unreadable",
    "yaml-values",
]

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_OTHER_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
# Controls; line breaks that YAML 1.1 counts and 1.2 does not; what turns the direction of writing, so that a reviewer
# sees another text than the program reads (CVE-2021-42574); byte order marks inside; code points that are no character.
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_DIRECTIVE = re.compile(r"(?:\A|(?<=[\r\n]))%")
_BOM = b"\xef\xbb\xbf"
_START = Mark(1, 1)

Place: TypeAlias = "tuple[Spot | None, Spot | None, dict[str, Place] | list[Place] | None]"
"""Where a value stands: its key's spot, its own (the parser always gives one), and the places inside it."""


class Spot(Protocol):
    """What the parser calls a mark, counted from 0. Kept as it is, for few are ever asked for."""

    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PlacedSpot:
    """A spot that says in which file it is, for a definition put together from several."""

    index: int
    line: int
    column: int
    file: str

    @classmethod
    def of(cls, spot: Spot | None, file: str) -> "PlacedSpot":
        """That spot, in that file unless it says another."""
        if isinstance(spot, PlacedSpot):
            return spot
        return cls(spot.index, spot.line, spot.column, file) if spot is not None else cls(0, 0, 0, file)


def _mark(spot: Spot | None) -> Mark:
    return Mark(spot.line + 1, spot.column + 1) if spot else _START


@dataclass(frozen=True, slots=True)
class Document:
    """A definition as plain data, and where in the file each part of it stands."""

    name: str
    data: Json
    marks: Place = field(repr=False, compare=False)

    def mark(self, path: Iterable[str | int] = ()) -> Mark:
        """The place of the value at ``path``, or of the nearest value round it that is in the file."""
        return _mark(self._nearest(path)[1])

    def key_mark(self, path: Iterable[str | int]) -> Mark:
        """The place of the key that leads to the value at ``path``, or to the nearest value round it.

        A value without a key, an item of a list or the whole file, answers with its own place.
        """
        key, value, _ = self._nearest(path)
        return _mark(key or value)

    def file(self, path: Iterable[str | int], *, key: bool = False) -> str:
        """The file in which that value stands, or the key that leads to it."""
        way, value, _ = self._nearest(path)
        spot = (way or value) if key else value
        return spot.file if isinstance(spot, PlacedSpot) else self.name

    def _nearest(self, path: Iterable[str | int]) -> Place:
        place = self.marks
        for step in path:
            match place[2], step:
                case dict() as inside, str() if step in inside:
                    place = inside[step]
                case list() as inside, int() if 0 <= step < len(inside):
                    place = inside[step]
                case _:
                    break
        return place


def read_file(path: Path, name: str | None = None) -> Document:
    """Reads the definition in a file. ``name`` is what findings call it, the path as given if None.

    Raises ``BadDefinition``, also when the file cannot be opened.
    """
    name = path.as_posix() if name is None else name
    return read(bytes_of(path, name), name)


def bytes_of(path: Path, name: str) -> bytes:
    """What a file holds, but never more than the size limit and one byte.

    Raises ``BadDefinition`` when it cannot be opened. ``name`` is what the finding calls it.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadDefinition(
            [_finding("yaml-unreadable", name, _START, code=errorcode.get(error.errno or 0, "?"))]
        ) from None


def read(text: bytes, name: str) -> Document:
    """Reads a definition in UTF-8, with or without a byte order mark. ``name`` is what findings call the file.

    Raises ``BadDefinition`` with everything found. A fault of encoding, size, depth or syntax ends the search.
    """
    text = _screened(text, name)
    stream = _Stream(text, name)
    try:
        data, marks = stream.document()
    except MarkedYAMLError as error:
        stream.stop(_syntax(error, text, name))
    if stream.findings:
        raise BadDefinition(stream.findings)
    return Document(name, data, marks)


def _finding(rule: Rule, name: str, mark: Mark, path: tuple[str | int, ...] = (), /, **details: str | int) -> Finding:
    return Finding(rule, name, mark, path, details)


class _Stream:
    """The events of one text, turned into data; collects findings on the way."""

    def __init__(self, text: bytes, name: str) -> None:
        # The parser answers None only after StreamEndEvent, and nothing here reads past that.
        self.event = cast("Callable[[], Event]", CSafeLoader(text).get_event)
        self.name = name
        self.findings: list[Finding] = []
        self.path: list[str | int] = []
        self.depth = 0
        self.values = 0

    def report(self, rule: Rule, spot: Spot | None, /, **details: str | int) -> None:
        self.findings.append(_finding(rule, self.name, _mark(spot), tuple(self.path), **details))
        if len(self.findings) >= MAX_FINDINGS:
            self.stop(_finding("yaml-many-findings", self.name, _mark(spot), tuple(self.path), limit=MAX_FINDINGS))

    def stop(self, finding: Finding) -> NoReturn:
        raise BadDefinition([*self.findings, finding])

    def stop_at(self, rule: Rule, spot: Spot | None, /, **details: str | int) -> NoReturn:
        self.stop(_finding(rule, self.name, _mark(spot), tuple(self.path), **details))

    def document(self) -> tuple[Json, Place]:
        self.event()
        if isinstance(self.event(), StreamEndEvent):
            self.stop_at("yaml-empty", None)
        root = self.event()
        if isinstance(root, ScalarEvent) and root.implicit[0] and not root.value:
            self.stop_at("yaml-empty", None)
        data, place = self.value(root, None)
        self.event()
        if isinstance(more := self.event(), DocumentStartEvent):
            self.stop_at("yaml-documents", more.start_mark)
        return data, place

    def value(self, event: Event, key: Spot | None) -> tuple[Json, Place]:
        self.values += 1
        if self.values > MAX_VALUES:
            self.stop_at("yaml-values", event.start_mark, limit=MAX_VALUES)
        if isinstance(event, ScalarEvent):
            return self.scalar(event), (key, event.start_mark, None)
        if isinstance(event, CollectionStartEvent):
            return self.collection(event, key)
        self.report("yaml-alias", event.start_mark, name=_shown(cast("AliasEvent", event).anchor or ""))
        return None, (key, event.start_mark, None)

    def collection(self, event: CollectionStartEvent, key: Spot | None) -> tuple[Json, Place]:
        self.refuse_extras(event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.stop_at("yaml-depth", event.start_mark, limit=MAX_DEPTH)
        data, inside = self.mapping() if isinstance(event, MappingStartEvent) else self.sequence()
        self.depth -= 1
        return data, (key, event.start_mark, inside)

    def mapping(self) -> tuple[dict[str, Json], dict[str, Place]]:
        data: dict[str, Json] = {}
        marks: dict[str, Place] = {}
        while not isinstance(event := self.event(), MappingEndEvent):
            spot = event.start_mark
            key = self.key(event)
            self.path.append("?" if key is None else key)
            value, place = self.value(self.event(), spot)
            if key is not None and (first := marks.setdefault(key, place)) is not place:
                self.report("yaml-duplicate-key", spot, key=_shown(key), first=_mark(first[0]).line)
            elif key is not None:
                data[key] = value
            self.path.pop()
        return data, marks

    def sequence(self) -> tuple[list[Json], list[Place]]:
        data: list[Json] = []
        marks: list[Place] = []
        while not isinstance(event := self.event(), SequenceEndEvent):
            self.path.append(len(data))
            value, place = self.value(event, None)
            data.append(value)
            marks.append(place)
            self.path.pop()
        return data, marks

    def key(self, event: Event) -> str | None:
        """The key, or None if it is no text; then it has been reported."""
        if isinstance(event, ScalarEvent):
            key = self.scalar(event)
            if not isinstance(key, str):
                self.report("yaml-key", event.start_mark, key=_shown(event.value))
                return None
            return key
        if not isinstance(event, AliasEvent):
            self.report("yaml-key", event.start_mark, key="?")
        self.value(event, None)
        return None

    def scalar(self, event: ScalarEvent) -> str | int | bool | None:
        text = event.value
        if event.tag is not None or event.anchor is not None:
            self.refuse_extras(event)
        if len(text) > MAX_TEXT:
            self.report("yaml-text-length", event.start_mark, length=len(text), limit=MAX_TEXT)
            return text[:MAX_TEXT]
        if event.implicit[0]:
            if text in _WORDS:
                return _WORDS[text]
            return self.number(text, event) if text[0] in _NUMBER_STARTS else text
        # The text of the file was searched whole; only an escape in double quotes can still hide a character.
        if event.style == '"' and (hidden := _HIDDEN.search(text)):
            self.report("yaml-control-character", event.start_mark, code=_code_point(hidden[0]))
            return _HIDDEN.sub("\ufffd", text)
        return text

    def number(self, text: str, event: ScalarEvent) -> str | int:
        """The integer, or the text if it is no number by the core schema. What is refused reads as its text."""
        if _INTEGER.fullmatch(text):
            if len(text) <= len(str(-MAX_INTEGER)) and abs(number := int(text)) <= MAX_INTEGER:
                return number
            self.report("yaml-integer-range", event.start_mark, value=_shown(text), limit=MAX_INTEGER)
        elif _OTHER_INTEGER.fullmatch(text):
            self.report("yaml-integer-form", event.start_mark, value=_shown(text))
        elif _FLOAT.fullmatch(text):
            self.report("yaml-float", event.start_mark, value=_shown(text))
        return text

    def refuse_extras(self, event: ScalarEvent | CollectionStartEvent) -> None:
        if event.anchor is not None:
            self.report("yaml-anchor", event.start_mark, name=_shown(event.anchor))
        if event.tag is not None:
            self.report("yaml-tag", event.start_mark, tag=_shown(event.tag))


def _shown(text: str) -> str:
    """As much of a name or number as a sentence has room for."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _screened(raw: bytes, name: str) -> bytes:
    """The text without its byte order mark, if the parser may see it: its size, encoding, characters and directives."""
    if len(raw) > MAX_BYTES:
        raise BadDefinition([_finding("yaml-size", name, _START, limit=MAX_BYTES)])
    raw = raw.removeprefix(_BOM)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        mark = _marks_in(before, [len(before)])[0]
        raise BadDefinition([_finding("yaml-encoding", name, mark, byte=f"{raw[error.start]:02X}")]) from None
    if hidden := list(islice(_HIDDEN.finditer(text), MAX_FINDINGS)):
        marks = _marks_in(text, [found.start() for found in hidden])
        raise BadDefinition(
            _finding("yaml-control-character", name, mark, code=_code_point(found[0]))
            for found, mark in zip(hidden, marks, strict=True)
        )
    # The parser takes time by the square of the number of directives, so it never sees one.
    if "%" in text and (directive := _DIRECTIVE.search(text)):
        raise BadDefinition([_finding("yaml-directive", name, _marks_in(text, [directive.start()])[0])])
    return raw


def _marks_in(text: str, offsets: list[int]) -> list[Mark]:
    """The places of rising ``offsets``; a line ends with LF, CR or both, as the parser has it."""
    marks: list[Mark] = []
    line, before = 1, 0
    for offset in offsets:
        feeds, returns, both = (text.count(end, before, offset) for end in ("\n", "\r", "\r\n"))
        line += feeds + returns - both
        start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
        marks.append(Mark(line, offset - start + 1))
        before = offset
    return marks


def _syntax(error: MarkedYAMLError, text: bytes, name: str) -> Finding:
    """The finding for what the parser could not read; the faults writers make most often have rules of their own."""
    source, begun, problem = text.decode(), error.context_mark, str(error.problem)
    end = error.problem_mark is None or error.problem_mark.index >= len(source)
    # At the end the parser counts one line that is not there.
    mark = _marks_in(source, [len(source)])[0] if end else _mark(error.problem_mark)
    opened = _mark(begun)
    match error.context, problem:
        case _, "mapping values are not allowed in this context":
            return _finding("yaml-colon", name, mark)
        case _, said if "tab character" in said:
            return _finding("yaml-tab", name, mark)
        case "while scanning a simple key", _:
            return _finding("yaml-missing-colon", name, opened)
        case "while scanning a quoted scalar", "found unexpected end of stream":
            return _finding("yaml-quote", name, opened)
        case "while parsing a flow mapping" | "while parsing a flow sequence", _:
            return _finding("yaml-bracket", name, opened if end else mark, opened=opened.line)
        case "while scanning for the next token", _ if error.problem_mark and not end:
            character = source[error.problem_mark.index]
            if character == "\t":
                return _finding("yaml-tab", name, mark)
            return _finding("yaml-reserved-character", name, mark, character=character)
        case _:
            return _finding("yaml-syntax", name, mark, problem=problem)
