"""Canonical bytes and the digests of a definition: rules and guidance.

Canonical JSON here is RFC 8785 within a profile (ASCII keys, no floats, whole numbers within 2**53), so orjson's sorted
output is it byte for byte. A routine's data is split in two before models fill in defaults: *rules* is what the engine
enforces, *guidance* is what people are told. ``join`` puts them together again, so that both can be stored for ever
and an old run can always be read under the words of its time.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import TypeAlias, cast

import orjson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

_TOLD = frozenset(
    {"title", "now", "why", "help", "says", "do", "text", "never", "call", "waiting", "label", "adopted", "valid"}
)
"""Keys whose value people are told; never part of the rules, except as a name people chose (inside ``_NAMED``)."""

_NAMED = frozenset(
    {
        "of",
        "fields",
        "rows",
        "states",
        "transitions",
        "shared",
        "forms",
        "handed",
        "derived",
        "deadlines",
        "carries",
        "sets",
    }
)
"""Keys whose children are names from the definition, so a child called ``title`` is no text."""


def canonical(value: object) -> bytes:
    """The one way of writing a value in the profile as bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, lower-case hex."""
    return sha256(canonical(value)).hexdigest()


def split(data: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """A routine's data as (rules, guidance): what was taken out by JSON pointer, and ``pointer#`` for an order."""
    told: dict[str, Json] = {}
    return cast("dict[str, Json]", _split(dict(data), "", told, names=False)), told


def _split(value: Json, pointer: str, told: dict[str, Json], *, names: bool) -> Json:
    if isinstance(value, list):
        return [_split(item, f"{pointer}/{number}", told, names=False) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Json] = {}
    if names and list(value) != sorted(value):
        told[f"{pointer}#"] = list[Json](value)
    for key, item in value.items():
        below = f"{pointer}/{key}"
        if key in _TOLD and not names:
            told[below] = item
        elif names and _is_text(item):
            told[below] = item
            kept[key] = None
        else:
            kept[key] = _split(item, below, told, names=key in _NAMED and not names)
    return kept


def _is_text(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= {"sv", "en"}
        and all(isinstance(v, str) for v in value.values())
    )


def join(rules: Json, guidance: Mapping[str, Json]) -> dict[str, Json]:
    """Puts back what ``split`` took out, and in the order it was written: people read questions in that order."""
    whole = cast("dict[str, Json]", orjson.loads(canonical(rules)))
    for pointer, value in sorted(guidance.items(), key=lambda told: told[0].endswith("#")):
        *way, last = pointer.removesuffix("#")[1:].split("/")
        place: Json = whole
        for step in way:
            if isinstance(place, list):
                place = cast("list[Json]", place)[int(step)]
            else:
                place = cast("dict[str, Json]", place)[step]
        inside = cast("dict[str, Json]", place)
        if pointer.endswith("#"):
            named = cast("dict[str, Json]", inside[last])
            inside[last] = {name: named[name] for name in cast("list[str]", value)}
        else:
            inside[last] = value
    return whole
