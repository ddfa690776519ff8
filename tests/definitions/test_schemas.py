"""The published schemas: made from the models, draft 7, and of one mind with the models about every file."""

import json
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from stegvis.routines.checks.page import Page
from stegvis.routines.checks.shape import shaped
from stegvis.routines.library import SHIPPED
from stegvis.routines.reader import Document, Json, read, read_file
from stegvis.routines.schema import FILES, schema
from stegvis.routines.sources import Sources

from ..often import often

CORPUS = Path(__file__).parent / "corpus"
GOOD = CORPUS / "good"
DRAFT_7 = {
    *("$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions", "description"),
    *("enum", "format", "items", "maxLength", "maximum", "minItems", "minLength", "minProperties", "minimum"),
    *("pattern", "patternProperties", "properties", "propertyNames", "required", "title", "type"),
}


class Validator(Protocol):
    """What is used here of a validator, whose own types are partly unknown."""

    def is_valid(self, instance: object) -> bool: ...


def validator(kind: str) -> Validator:
    return cast("Validator", Draft7Validator(json.loads(schema(kind)), format_checker=FormatChecker(["date"])))


VALIDATORS = {kind: validator(kind) for kind in FILES}


def kind_of(file: Path) -> str:
    if file.parent.name == "routines" and re.search(r"^extends:", file.read_text(encoding="utf-8"), re.MULTILINE):
        return "variant"
    return {"routines": "routine", "texts": "texts"}.get(file.parent.name, file.stem)


def definitions(directory: Path) -> list[Path]:
    """Every definition file but scenarios, whose schema belongs to them."""
    return [file for file in sorted(directory.rglob("*.yaml")) if file.parent.name != "scenarios"]


def by_schema(kind: str, data: object) -> bool:
    return VALIDATORS[kind].is_valid(data)


def by_model(kind: str, data: object) -> bool:
    """Whether the data has the model's shape. What does not agree with itself is no matter of shape."""
    page = Page(Document("x", cast("Json", data), (None, None, None)), Sources([]))
    shaped(page, FILES[kind])
    return {finding.rule for finding in page.findings} <= {"shape-disagrees"}


def published(kind: str) -> Path:
    file = SHIPPED / "schema" / f"{kind}.json"
    if os.environ.get("STEGVIS_WRITE_SCHEMAS") == "1":
        file.write_bytes(schema(kind))
    return file


@pytest.mark.parametrize("kind", FILES)
def test_a_published_schema_is_what_its_model_gives(kind: str) -> None:
    assert published(kind).read_bytes() == schema(kind), "write them with STEGVIS_WRITE_SCHEMAS=1"


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_in_draft_7_and_says_what_each_part_is(kind: str) -> None:
    data = json.loads(schema(kind))
    Draft7Validator.check_schema(data)
    assert keywords(data) <= DRAFT_7
    assert all(part.get("description") for part in [data, *data.get("definitions", {}).values()])


def keywords(value: object, *, names: bool = False) -> set[str]:
    if isinstance(value, list):
        return set[str]().union(*(keywords(one) for one in cast("list[object]", value)))
    if not isinstance(value, dict):
        return set()
    inside = cast("dict[str, object]", value)
    named = {"properties", "patternProperties", "definitions"}
    read = {key: one for key, one in inside.items() if names or key != "default"}
    found = [keywords(one, names=not names and key in named) for key, one in read.items()]
    return set[str]().union(*found, set() if names else inside)


def test_nothing_stands_beside_a_reference_where_it_would_not_be_read() -> None:
    def walk(value: object) -> None:
        if isinstance(value, dict):
            inside = cast("dict[str, object]", value)
            assert "$ref" not in inside or set(inside) == {"$ref"}
            for one in inside.values():
                walk(one)
        elif isinstance(value, list):
            for one in cast("list[object]", value):
                walk(one)

    for kind in FILES:
        walk(json.loads(schema(kind)))


@pytest.mark.parametrize("file", definitions(SHIPPED), ids=lambda file: file.name)
def test_a_shipped_file_names_its_schema_and_has_its_shape(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named is not None
    assert (file.parent / named[1]).resolve() == SHIPPED / "schema" / f"{kind_of(file)}.json"
    assert by_schema(kind_of(file), read_file(file).data)


@pytest.mark.parametrize("file", definitions(GOOD), ids=lambda file: file.name)
def test_a_good_file_is_taken_by_both(file: Path) -> None:
    data = read_file(file).data
    assert by_schema(kind_of(file), data)
    assert by_model(kind_of(file), data)


def test_the_broken_files_of_the_corpus_are_judged_alike() -> None:
    refused: set[str] = set()
    for fault in cast("list[dict[str, Any]]", read_file(CORPUS / "faults.yaml").data):
        text = (GOOD / fault["file"]).read_text(encoding="utf-8")
        for change in fault["changes"]:
            text = text.replace(change["old"], change["new"])
        data = read(text.replace("¤", "").encode(), "x").data
        kind = kind_of(GOOD / fault["file"])
        taken = by_model(kind, data)
        assert by_schema(kind, data) is taken, fault["rule"]
        refused |= set() if taken else {fault["rule"]}
    shape = {"bad-date", "bad-duration", "bad-name", "bad-text", "empty", "missing-key", "not-a-choice"}
    shape |= {"out-of-range", "too-few", "too-long", "unknown-key", "wrong-type"}
    assert refused == {"text-missing-sv", *(f"shape-{rule}" for rule in shape)}


FILES_OF = {file: (kind_of(file), read_file(file).data) for file in definitions(GOOD)}
WORDS = sorted({word for _, data in FILES_OF.values() for word in re.findall(r"[a-z_]+", json.dumps(data))})
TEXT = (
    st.sampled_from(WORDS)
    | st.sampled_from(["2023-02-30", "2024-02-29", "P1D", "PT0H", "1:2", "12:60", "+46 8", "here", "x.y", "x.approve"])
    # Patterns are those of ECMA 262, where $ is the end of the text; to Python it is also the place before a last \n.
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
)
LEAF = st.none() | st.booleans() | st.integers(-3, 400) | TEXT
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2))


def places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


PLACES = {file: places(data) for file, (_, data) in FILES_OF.items()}


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Json]:
    """A good file with one to three values left out, put in place of others, added, or moved to other keys."""
    file = draw(st.sampled_from(sorted(FILES_OF)))
    kind, data = FILES_OF[file]
    data = deepcopy(data)
    for path in draw(st.lists(st.sampled_from(PLACES[file]), min_size=1, max_size=3)):
        mutate(draw, data, path)
    return kind, data


def mutate(draw: st.DrawFn, data: Json, path: tuple[str | int, ...]) -> None:
    if not path:
        return
    inside = found(data, path[:-1])
    key = path[-1]
    how = draw(st.sampled_from(["drop", "put", "add", "rename", "copy"]))
    if isinstance(inside, dict) and isinstance(key, str) and key in inside:
        if how in {"drop", "rename"}:
            value = inside.pop(key)
            if how == "rename":
                inside[draw(TEXT)] = value
        elif how == "add":
            inside[draw(TEXT)] = cast("Json", draw(VALUE))
        else:
            inside[key] = cast("Json", draw(VALUE)) if how == "put" else deepcopy(found(data, draw_path(draw, data)))
    elif isinstance(inside, list) and isinstance(key, int) and key < len(inside):
        if how == "drop":
            del inside[key]
        else:
            inside[key] = cast("Json", draw(VALUE))


def draw_path(draw: st.DrawFn, data: Json) -> tuple[str | int, ...]:
    return draw(st.sampled_from(places(data)))


def found(data: Json, path: tuple[str | int, ...]) -> Json:
    for step in path:
        match data, step:
            case dict() as inside, str() if step in inside:
                data = inside[step]
            case list() as inside, int() if step < len(inside):
                data = inside[step]
            case _:
                return None
    return data


@often(400)
@given(mutated())
def test_schema_and_model_take_and_refuse_the_same(case: tuple[str, Json]) -> None:
    kind, data = case
    assert by_schema(kind, data) is by_model(kind, data)


def test_both_verdicts_come_about() -> None:
    """The mutations above are worth something only when some pass and some do not."""
    verdicts: Mapping[bool, list[int]] = {True: [], False: []}

    @settings(deadline=None, max_examples=100, database=None, derandomize=True)
    @given(mutated())
    def look(case: tuple[str, Json]) -> None:
        verdicts[by_model(*case)].append(1)

    look()
    assert min(len(found) for found in verdicts.values()) >= 10


def test_true_is_no_format_though_it_equals_one() -> None:
    for kind, data in FILES_OF.values():
        if isinstance(data, dict) and "format" in data:
            assert not by_model(kind, {**data, "format": True})
            assert not by_schema(kind, {**data, "format": True})
            assert by_model(kind, data)
