"""Writes docs/cli.md from the help texts and the error texts: ``python -m stegvis.adapters.cli.reference``."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Final

from stegvis.routines.text import Text

from .app import COMMANDS, build
from .screen import Screen, shipped_words

WIDTH: Final = 100

INTRODUCTION: Final = """\
# The command line

`pip install 'stegvis[cli]'` brings the command `stegvis`. This page is generated from its help and its error texts.

- Answers are plain lines, one after the other, without colour or cursor movements. They break at the width of the
  terminal, and not at all in a pipe.
- With `--json` the answer, or the error, is one JSON document on standard output with both languages in it.
- `--lang en`, or `STEGVIS_LANG=en`, shows English. Swedish is the default.
- Exit status 0: good. 1: the answer is no. 2: something in the command must be corrected. 3: something is broken.
- An error goes to standard error, with its code in brackets and what to do. It never repeats what was typed.

**Who acts is taken on trust.** `--actor`, `--role`, `--unit`, `--organisation`, `--delegation` and `--qualified`, or a
JSON object in `STEGVIS_ACTOR` such as
`{"id": "u-17", "roles": ["school_counsellor"], "unit": "elevhalsan", "organisation": "skola"}`, say who sits there.
In a real system the host has signed the person in and vouches for them. An option goes before the environment.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_commands(), *_errors()]) + "\n"


def _commands() -> Iterator[str]:
    for name in COMMANDS:
        yield f"## stegvis {name}\n"
        yield f"```text\n{help_of(name).strip()}\n```\n"


def help_of(command: str) -> str:
    """What ``--help`` says of a command, in English, or of the whole for the empty text."""
    said = io.StringIO()
    with redirect_stdout(said):
        build(Screen("en", width=WIDTH))([*command.split(), "--help"])
    return said.getvalue()


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield "Refusals hold reasons of their own, each with its code: see definitions/texts/reasons.yaml.\n"
    yield "| code | what it says | what to do |\n|---|---|---|"
    words = shipped_words()
    for name in words:
        catalogue, code, part = [*name.split("."), ""][:3]
        if catalogue == "errors" and part == "says":
            yield f"| `{code}` | {_cell(words[name])} | {_cell(words[f'errors.{code}.do'])} |"


def _cell(text: Text) -> str:
    return text("en").replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
