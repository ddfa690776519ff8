"""Everything the command line can say has its words in both languages, and the reference says the same."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stegvis
from stegvis.adapters.cli.app import COMMANDS, build
from stegvis.adapters.cli.reference import help_of, reference
from stegvis.adapters.cli.screen import Screen, shipped_words
from stegvis.routines.errors import StegvisError

from .commands import say

ROOT = Path(__file__).parents[2]
FOLDERS = ("routines", "engine", "adapters")
LONGEST = 25
"""Words in a sentence."""


@cache
def modules() -> dict[str, ast.Module]:
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and "testing" not in path.parts
    }


def everything_loaded() -> None:
    for folder in ("routines", "engine", "adapters"):
        package = importlib.import_module(f"stegvis.{folder}")
        for module in pkgutil.walk_packages(package.__path__, f"stegvis.{folder}."):
            if not re.search(r"\.(migrations|testing|__main__)", module.name):
                importlib.import_module(module.name)


def families(of: type[StegvisError] = StegvisError) -> Iterator[type[StegvisError]]:
    yield of
    for below in of.__subclasses__():
        yield from families(below)


@cache
def raised() -> dict[str, str]:
    """Every literal code that an error is raised with, and where; also those that a table gives by a foreign code."""
    everything_loaded()
    names = {*(family.__name__ for family in families()), "Loss"}
    found = {family.code: family.__module__ for family in families() if family.__module__.startswith("stegvis.")}
    for where, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                found.update({code: where for first in node.args[:1] for code in literals(first)})
            if isinstance(node, ast.Assign | ast.AnnAssign) and re.search(
                r"_MEANING|_REASONS|_USAGE", ast.unparse(node).split("=")[0]
            ):
                found.update(dict.fromkeys(literals(node.value), where))
    return found


def literals(node: ast.AST | None) -> Iterator[str]:
    """The text constants in an expression, but for those that are asked about or looked up by."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (one for branch in (node.body, node.orelse) for one in literals(branch))
    elif isinstance(node, ast.Dict):
        yield from (one for value in node.values for one in literals(value))
    elif isinstance(node, ast.Tuple):
        yield from (one for element in node.elts for one in literals(element))


def test_every_code_that_is_raised_has_a_sentence_and_a_remedy() -> None:
    codes = raised()
    assert {
        "stale_version",
        "locked",
        "read_only",
        "newer_schema",
        "keys_damaged",
        "no_actor",
        "unknown_option",
    } <= set(codes)
    words = shipped_words()
    without = {code: where for code, where in codes.items() if f"errors.{code}.says" not in words}
    assert not without
    assert {name.split(".")[1] for name in words if name.startswith("errors.")} >= set(codes)


def read_codes() -> set[str]:
    """The codes with which reading an instant ends, which the command line passes on."""
    tree = modules()["routines/form.py"]
    reading = next(one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "read_instant")
    calls = [one for one in ast.walk(reading) if isinstance(one, ast.Call) and ast.unparse(one.func) == "Rejected"]
    return {code for call in calls for code in literals(call.args[0])}


def test_no_text_is_kept_for_an_error_that_nobody_raises() -> None:
    known = {name.split(".")[1] for name in shipped_words() if name.startswith("errors.")}
    # Raised under a name of their own, or by the command line for what another library raised.
    assert known - set(raised()) <= {"unexpected", "bad_argument", *read_codes()}


def test_every_fault_that_verify_finds_has_a_sentence() -> None:
    words = shipped_words()
    tree = modules()["engine/verify.py"]
    calls = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and ast.unparse(one.func) in {"Fault", "found.append"}
    ]
    yields = [one.value for one in ast.walk(tree) if isinstance(one, ast.Yield) and isinstance(one.value, ast.Constant)]
    codes = {code for one in [*(call.args[0] for call in calls), *yields] for code in literals(one)}
    assert {"gap", "leaf_differs", "deadlines_differ"} <= codes
    assert {code for code in codes if f"cli.faults.{code}" not in words} == set()


@pytest.mark.parametrize("catalogue", ["cli", "errors"])
def test_texts_are_in_both_languages_with_the_same_places_and_short_sentences(catalogue: str) -> None:
    for name, text in shipped_words().items():
        if not name.startswith(f"{catalogue}."):
            continue
        assert text.en is not None, name
        assert sorted(re.findall(r"\{\w+\}", text.sv)) == sorted(re.findall(r"\{\w+\}", text.en)), name
        for sentence in re.split(r"[.:;] ", f"{text.sv} . {text.en}"):
            assert len(sentence.split()) <= LONGEST, (name, sentence)


def test_places_of_an_error_are_filled_by_what_it_is_raised_with() -> None:
    """``{places}`` of a text are names of details; a misspelt one would be shown in braces."""
    given: dict[str, set[str]] = {}
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for code in (one for first in node.args[:1] for one in literals(first)):
                    given.setdefault(code, set()).update(one.arg for one in node.keywords if one.arg)
    usual = {"argument", "command", "field", "findings", "version", "at", "actor", "last"}
    for name, text in shipped_words().items():
        if name.startswith("errors."):
            code = name.split(".")[1]
            assert set(re.findall(r"\{(\w+)\}", text.sv)) <= given.get(code, set()) | usual | {"kind", "place"}, name


# Help


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("lang", ["sv", "en"])
def test_every_command_and_option_has_help(command: str, lang: str) -> None:
    said = say(*command.split(), "--help", "--lang", lang) if command else say("--help", STEGVIS_LANG=lang)
    assert (said.exit, said.err) == (0, "")
    lines = [line for line in said.out.splitlines() if line.startswith("  ")]
    assert len(lines) > 3
    for name, text in zip(lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(r"  (--)?[\w-]+( [\w=]+)?", name), name
        assert re.fullmatch(r"    \S.+[.\w-]", text), (name, text)


def test_no_help_is_kept_for_what_is_not_there() -> None:
    options: set[str] = set()
    shown = {line.strip() for line in help_of("").splitlines() if line.startswith("  ") and not line.startswith("   ")}
    for command in COMMANDS:
        lines = [line.split()[0] for line in help_of(command).splitlines() if re.match(r"  \S", line)]
        options |= {f"{command}.{line.strip('-').lower()}" for line in lines}
    for name in shipped_words():
        parts = name.split(".")
        if parts[:2] == ["cli", "commands"]:
            assert parts[2] in {*COMMANDS, "help", "version"}, name
            assert parts[3] != "options" or f"{parts[2]}.{parts[4]}" in options, name
        if parts[:2] == ["cli", "options"] and parts[2] not in {"help", "version"}:
            assert any(one.endswith(f".{parts[2]}") for one in options), name
    assert {"--help", "--version", *COMMANDS} == shown


def test_the_commands_are_where_the_table_says() -> None:
    app = build(Screen("sv"))
    for name, where in COMMANDS.items():
        module, _, function = where.partition(":")
        assert callable(getattr(importlib.import_module(f"stegvis.adapters.cli.{module}"), function))
        assert name in app


def test_the_reference_page_is_what_the_program_says() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert page == reference(), "python -m stegvis.adapters.cli.reference > docs/cli.md"


def test_the_version() -> None:
    assert say("--version").out.strip() == stegvis.__version__
