"""The published JSON Schemas of the definition files: what an editor checks and completes while somebody writes.

They are made from the models that definitions are read into, and kept in definitions/schema/. They hold to draft 7,
which is what most editors know, and tell the shape only: what names refer to is for ``checks/`` to find out.
"""

from collections.abc import Mapping
from typing import TypeAlias, cast

import orjson
from pydantic import BaseModel, ConfigDict, RootModel

from .digests import Json
from .form import Form
from .law import LawBook
from .model import Routine
from .registers import Contacts, Organisations, Roles, Terms
from .text import Model, Text

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

    format: int
    titles: BuiltinTitles
    forms: BuiltinForms


class Texts(RootModel[dict[str, "Text | Texts"]]):
    """Texts of the library itself by code, in any number of levels."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, strict=True)


FILES: Mapping[str, type[BaseModel]] = {
    "routine": Routine,
    "law": LawBook,
    "roles": Roles,
    "contacts": Contacts,
    "organisations": Organisations,
    "terms": Terms,
    "builtin": BuiltinFile,
    "texts": Texts,
}
"""The model of each kind of file; the first and the last stand for every file of a folder."""


def schema(kind: str) -> bytes:
    """The JSON Schema of a kind of file, as it is kept in definitions/schema/."""
    made = cast("Schema", FILES[kind].model_json_schema(mode="validation"))
    named = cast("dict[str, Schema]", made.pop("$defs", {}))
    whole: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": kind,
        **cast("Schema", _plain({**made, "title": kind})),
    }
    if named:
        whole["definitions"] = {name: _plain(one) for name, one in sorted(named.items())}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n"


def _plain(value: Json) -> Json:
    return value
