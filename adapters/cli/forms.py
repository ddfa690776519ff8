"""Answers from the command line, read by the form that asks for them; what cannot be read goes on to the engine as is.

The engine is the one to say what is wrong with an answer, in the same words as on every other surface.
"""

import secrets
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import cast

import orjson

from stegvis.engine.decide import rules_of, run_of
from stegvis.engine.engine import Engine
from stegvis.engine.instants import local_day
from stegvis.engine.values import Case
from stegvis.routines.errors import BadInput, Broken, SealError, StoreError
from stegvis.routines.form import Field
from stegvis.routines.library import Library

from .screen import Screen

Fields = Mapping[str, Field]

_BOOLEAN = {"ja": True, "yes": True, "true": True, "nej": False, "no": False, "false": False}
LARGEST_FILE = 1_000_000
LONGEST_NUMBER = 18
"""Characters; what is longer is no number that a form takes, and its length could make reading it slow."""


def fields_of(engine: Engine, case: Case, step: str, run: str | None) -> Fields:
    """What a step asks: from where the case stands, else from wherever it can be taken; nothing when it never can.

    A command that is sent again comes when the case has moved on, and its answers must be read as they were the first
    time, or its key would seem to be used for another command.
    """
    library = engine.files.library_for(case)
    runs = [(one, rules_of(library, one)) for one in ([run_of(case, run)] if run else case.runs.values())]
    here = (rules.move(one.state, step) for one, rules in runs if one.ended is None or run)
    elsewhere = (moves.get(step) for _, rules in runs for moves in rules.moves.values())
    move = next((one for one in chain(here, elsewhere) if one is not None), None)
    if move is None:
        return {}
    acute = next((rules.routine.acute for _, rules in runs if rules.routine.acute is not None), None)
    return opening(library, acute.routine, engine) if move.kind == "acute" and acute is not None else move.fields


def facts_of(engine: Engine, case: Case, run: str | None) -> Fields:
    """The answers that can be corrected in a run, or in any of the case, by fact."""
    library = engine.files.library_for(case)
    runs = [run_of(case, run)] if run else list(case.runs.values())
    forms = {name: form for one in runs for name, form in rules_of(library, one).routine.forms.items()}
    return {f"{form}.{name}": field for form, asked in forms.items() for name, field in asked.fields.items()}


def opening(library: Library, routine: str, engine: Engine) -> Fields:
    """What the opening of a routine asks.

    Raises:
        NotFound: ``unknown_routine``, ``routine_not_valid``.
    """
    return library.routine(routine, local_day(engine.clock())).opening.fields


def answers(fields: Fields, said: Sequence[str], file: Path | None) -> dict[str, object]:
    """The answers of ``--form`` and ``--set``; where both answer a question, ``--set`` holds.

    Raises:
        BadInput: ``not_a_pair``, ``repeated_field``, ``stdin_twice``, ``cannot_read_file``, ``bad_json``, ``not_utf8``.
    """
    given: dict[str, object] = _file(file) if file is not None else {}
    pairs = list(split(said))
    if sum(value == "-" for _, value in pairs) > 1:
        raise BadInput("stdin_twice")
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(_stdin() if value == "-" else value)
    for name, values in grouped.items():
        given[name] = _typed(fields.get(name), values)
    return given


def split(said: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``name=value`` in two.

    Raises:
        BadInput: ``not_a_pair``.
    """
    for one in said:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise BadInput("not_a_pair")
        yield name, value


def _typed(field: Field | None, said: Sequence[str]) -> object:
    if field is not None and field.type == "choice" and field.multiple:
        return list(said)
    if len(said) > 1:
        raise BadInput("repeated_field")
    text = said[0]
    if field is not None and field.type == "boolean":
        return _BOOLEAN.get(text.lower(), text)
    if field is not None and field.type == "number":
        return int(text) if text.removeprefix("-").isdecimal() and len(text) <= LONGEST_NUMBER else text
    return text


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").rstrip("\n")
    except UnicodeDecodeError:
        raise BadInput("not_utf8") from None


def _file(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput("cannot_read_file", errno=error.errno) from None
    if len(body) > LARGEST_FILE:
        raise BadInput("file_too_large", largest=LARGEST_FILE)
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadInput("bad_json") from None
    if not isinstance(said, dict):
        raise BadInput("bad_json")
    return cast("dict[str, object]", said)


@contextmanager
def repeatable(key: str) -> Generator[None]:
    """Let an error that leaves open whether a command was taken say under which key it may be sent again."""
    try:
        yield
    except (StoreError, SealError, Broken) as error:
        error.details = {**error.details, "key": key}
        raise


def fresh_key() -> str:
    """A new idempotency key: so many random digits that none of them are taken for a personal number."""
    return f"cli-{secrets.token_hex(16)}"


def question_lines(fields: Fields, screen: Screen) -> Iterator[str]:
    """What a form asks, with the names and values that ``--set`` takes."""
    if fields:
        yield screen.word("questions")
    for name, field in fields.items():
        kind = screen.word(f"types.{'choices' if field.multiple else field.type}")
        note = "" if field.required and field.when is None else ", " + _note(field, screen)
        yield f"  {name} ({kind}{note}): {field.title(screen.lang)}"
        for option, title in (field.of or {}).items():
            yield f"    {option} = {title(screen.lang)}"
        for column, inner in (field.rows or {}).items():
            yield f"    {column} ({screen.word(f'types.{inner.type}')}): {inner.title(screen.lang)}"


def _note(field: Field, screen: Screen) -> str:
    return screen.word("conditional" if field.when is not None else "optional")


def question_json(fields: Fields) -> list[dict[str, object]]:
    """What a form asks, as JSON values."""
    return [
        {
            "name": name,
            "title": field.title,
            "type": field.type,
            "multiple": field.multiple,
            "required": field.required,
            "conditional": field.when is not None,
            "options": dict(field.of or {}),
            "rows": question_json(field.rows or {}),
        }
        for name, field in fields.items()
    ]
