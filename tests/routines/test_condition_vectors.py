"""The published test vectors of the condition language: this engine is held to them as any other would be."""

import json
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import TypedDict, cast

import pytest

from stegvis import definitions
from stegvis.routines.condition import BadCondition, parse
from stegvis.routines.facttypes import FactType, Kind, Scope, Value


class RawType(TypedDict, total=False):
    kind: Kind
    options: list[str]
    multiple: bool
    rows: "dict[str, RawType]"


class Case(TypedDict):
    note: str
    condition: str | Mapping[str, Value]
    facts: dict[str, Value]
    expect: bool | None


class Refused(TypedDict):
    condition: str | Mapping[str, Value]
    rule: str


class Vectors(TypedDict):
    format: int
    scope: dict[str, RawType]
    cases: list[Case]
    refused: list[Refused]


VECTORS = cast(
    "Vectors", json.loads(files(definitions).joinpath("schema", "condition-vectors.json").read_text("utf-8"))
)


def typed(raw: Mapping[str, RawType]) -> Scope:
    return {
        name: FactType(
            kind=one.get("kind", "text"),
            options=tuple(one.get("options", ())),
            rows=typed(one.get("rows", {})),
            multiple=one.get("multiple", False),
        )
        for name, one in raw.items()
    }


SCOPE = typed(VECTORS["scope"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['note']}: {case['condition']}"[:70])
def test_a_case_comes_out_as_published(case: Case) -> None:
    condition = parse(case["condition"], SCOPE)
    assert condition.evaluate(case["facts"]) is case["expect"]
    assert (condition.why(case["facts"]) == ()) is (case["expect"] is True)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: f"{case['rule']}: {case['condition']}"[:70])
def test_a_condition_is_refused_by_the_published_rule(case: Refused) -> None:
    with pytest.raises(BadCondition) as caught:
        parse(case["condition"], SCOPE)
    assert case["rule"] in {problem.rule for problem in caught.value.problems}


def test_the_vectors_cover_the_language() -> None:
    assert VECTORS["format"] == 1
    assert set(Counter(case["expect"] for case in VECTORS["cases"]).keys()) == {True, False, None}
    kinds = {kind.kind for kind in SCOPE.values()}
    assert kinds == {"choice", "boolean", "number", "text", "date", "instant", "person", "actor", "list"}
    assert {case["rule"] for case in VECTORS["refused"]} == {
        "guard-syntax",
        "guard-not-allowed",
        "guard-unknown-name",
        "guard-unknown-option",
        "guard-name-taken",
        "guard-type",
        "guard-too-large",
        "guard-too-deep",
    }
