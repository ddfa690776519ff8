"""What does not have the shape of a definition: pydantic's errors, told as findings with their places.

Nothing that stands as a value in the file is told again; keys are, when they are names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..text import FactName, Name
from .page import Page, Path, Rule, at

_M = TypeVar("_M", bound=BaseModel)
_SHOWN = re.compile(r"[\w.-]{1,64}", re.ASCII)
_KINDS: Mapping[str, Rule] = {
    "extra_forbidden": "shape-unknown-key",
    "missing": "shape-missing-key",
    "string_too_short": "shape-empty",
    "string_too_long": "shape-too-long",
    "too_short": "shape-too-few",
    "literal_error": "shape-not-a-choice",
    "greater_than_equal": "shape-out-of-range",
    "less_than_equal": "shape-out-of-range",
    "value_error": "shape-disagrees",
    "date_parsing": "shape-bad-date",
    "date_from_datetime_parsing": "shape-bad-date",
    "date_from_datetime_inexact": "shape-bad-date",
}
_LIMITS = {"max_length": "limit", "le": "limit", "ge": "limit"}


@cache
def _names() -> frozenset[str]:
    return frozenset(str(one.json_schema()["pattern"]) for one in (TypeAdapter(Name), TypeAdapter(FactName)))


def shaped(page: Page, model: type[_M], path: Path = ()) -> _M | None:
    """What stands at the path as that model, or None after every fault in it has been told."""
    try:
        # Through JSON, where strict models still take a list as a tuple and a text as a date.
        return model.model_validate_json(orjson.dumps(at(page.document, path)))
    except ValidationError as fault:
        errors = fault.errors(include_url=False, include_input=False)
        found = _settled([_placed(page, path, error) for error in errors])
        for one in found:
            # Parts that are at fault are not counted, so that what holds them seems to have too few.
            inside = any(other.path[: len(one.path)] == one.path and other is not one for other in found)
            if not (one.error["type"] == "too_short" and inside):
                _tell(page, one)
        return None


@dataclass(frozen=True, slots=True)
class _Fault:
    """``way`` is where it is, with the alternatives tried on the way there as numbers into the path and their tags."""

    path: Path
    tags: tuple[tuple[int, str], ...]
    error: ErrorDetails


def _placed(page: Page, path: Path, error: ErrorDetails) -> _Fault:
    tags: list[tuple[int, str]] = []
    steps = list(error["loc"])
    for number, step in enumerate(steps):
        inside = at(page.document, path)
        last = number == len(steps) - 1
        here = isinstance(inside, dict) and (step in inside or (last and error["type"] == "missing"))
        if here or (isinstance(inside, list) and isinstance(step, int)):
            path = (*path, step)
        elif step != "[key]":
            tags.append((len(path), str(step)))
    return _Fault(path, tuple(tags), error)


def _settled(faults: Sequence[_Fault]) -> list[_Fault]:
    """Where one of several shapes could have stood, the faults of the one that comes nearest."""
    settled = [fault for fault in faults if not fault.tags]
    open_: dict[Path, dict[str, list[_Fault]]] = {}
    for fault in faults:
        if fault.tags:
            depth, tag = fault.tags[0]
            open_.setdefault(fault.path[:depth], {}).setdefault(tag, []).append(fault)
    for place, tried in open_.items():
        nearest = min(tried.values(), key=lambda them: (any(_rootless(one, place) for one in them), len(them)))
        settled.extend(_settled([_Fault(one.path, one.tags[1:], one.error) for one in nearest]))
    return settled


def _rootless(fault: _Fault, place: Path) -> bool:
    """Whether the fault is that something else altogether stands there."""
    return fault.path == place and fault.error["type"].endswith("_type")


def _tell(page: Page, fault: _Fault) -> None:
    error, path = fault.error, fault.path
    kind, context = error["type"], error.get("ctx", {})
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    details: dict[str, str | int] = {"key": key if _SHOWN.fullmatch(key) else "?"}
    rule = _KINDS.get(kind, "shape-wrong-type")
    if kind == "string_pattern_mismatch":
        rule = _pattern(str(context["pattern"]))
    elif key == "sv" and (kind in {"missing", "string_too_short"} or at(page.document, path) is None):
        rule, path = "text-missing-sv", path[:-1]
    elif kind == "literal_error":
        details["expected"] = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    elif kind == "value_error":
        details["why"] = str(context["error"])
    details |= {said: context[name] for name, said in _LIMITS.items() if name in context}
    if error["loc"][-1:] == ("[key]",) or kind in {"extra_forbidden", "missing"} or rule == "text-missing-sv":
        page.key(rule, path, details)
    else:
        page.value(rule, path, details)


def _pattern(pattern: str) -> Rule:
    if pattern in _names() or "approve" in pattern:
        return "shape-bad-name"
    if pattern.startswith("^P("):
        return "shape-bad-duration"
    return "shape-bad-date" if "-" in pattern and pattern.endswith("{2}$") else "shape-bad-text"
