"""The published JSON Schemas of the definition files: what an editor checks and completes while somebody writes.

They are made from the models that definitions are read into, and kept in definitions/schema/. They hold to draft 7,
which is what most editors know, and tell the shape only: what names refer to is for ``checks/`` to find out.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias, cast

import orjson
from pydantic import BaseModel, ConfigDict, RootModel

from .delegation import DelegationOrder
from .digests import Json
from .form import Form
from .law import LawBook
from .model import Routine
from .orders import AccessOrder
from .party import PartyOrder
from .persons import PersonsOrder
from .registers import Contacts, Organisations, Roles, Terms
from .text import Format, Model, Text
from .variant import Variant
from .wording import Wording

Schema: TypeAlias = dict[str, Json]


class BuiltinForms(Model):
    """What the library itself asks."""

    rejection: Form
    review: Form


class BuiltinTitles(Model):
    """What the steps are called that are made from others; ``{step}`` is the title of the step they are made from."""

    approve: Text
    reject: Text
    withdraw: Text
    review: Text
    complete: Text


class BuiltinFile(Model):
    """What is asked when a second person approves, rejects or reviews a step, and what those steps are called."""

    format: Format
    titles: BuiltinTitles
    forms: BuiltinForms


class Texts(RootModel[dict[str, "Text | Texts"]]):
    """Texts of the library itself by code, in any number of levels."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, strict=True, defer_build=True)


FILES: Mapping[str, type[BaseModel]] = {
    "access": AccessOrder,
    "builtin": BuiltinFile,
    "contacts": Contacts,
    "delegation": DelegationOrder,
    "law": LawBook,
    "organisations": Organisations,
    "party": PartyOrder,
    "persons": PersonsOrder,
    "roles": Roles,
    "routine": Routine,
    "terms": Terms,
    "texts": Texts,
    "variant": Variant,
    "wording": Wording,
}
"""The model of each kind of file; ``routine``, ``variant`` and ``texts`` stand for every file of a folder."""


def schema(kind: str) -> bytes:
    """The JSON Schema of a kind of file, as it is kept in definitions/schema/."""
    made = cast("Schema", FILES[kind].model_json_schema(ref_template="#/definitions/{model}"))
    parts = cast("dict[str, Schema]", made.pop("$defs", {}))
    described = _part(made)
    if "$ref" in described:
        # In draft 7 nothing beside a reference is read.
        described = {"description": _said(FILES[kind].__doc__ or ""), "allOf": list[Json]([described])}
    whole: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": kind, **described}
    if parts:
        whole["definitions"] = {name: _part(part) for name, part in sorted(parts.items())}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n"


_KEPT_WHOLE = frozenset({"const", "default", "enum", "required"})
_NAMED = frozenset({"properties", "patternProperties"})


def _part(made: Schema) -> Schema:
    """A part of a schema in draft 7: references alone, patterns in ASCII, no names but those that are listed."""
    if "$ref" in made:
        return {"$ref": made["$ref"]}
    part: Schema = {}
    for key, value in made.items():
        if key in _NAMED and isinstance(value, dict):
            part[key] = {_pattern(name): _inner(one) for name, one in value.items()}
        elif key == "description" and isinstance(value, str):
            part[key] = _said(value)
        elif key == "pattern" and isinstance(value, str):
            part[key] = _pattern(value)
        elif key in _KEPT_WHOLE:
            part[key] = value
        elif key != "title":
            # A title made of the key's own name tells an editor nothing.
            part[key] = _inner(value)
    if "patternProperties" in part:
        part["additionalProperties"] = False
    if part.get("format") == "date":
        part["pattern"] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    return part


def _inner(value: Json) -> Json:
    if isinstance(value, dict):
        return _part(value)
    return [_inner(one) for one in value] if isinstance(value, list) else value


def _pattern(pattern: str) -> str:
    """In a pattern of JSON Schema as of ours, a digit is an ASCII one."""
    return pattern.replace(r"\d", "[0-9]")


def _said(text: str) -> str:
    """A docstring as one paragraph of plain text."""
    return re.sub(r"\s+", " ", text).replace("``", "")
