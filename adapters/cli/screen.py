"""What is printed: plain lines, one after the other, or one JSON document. No colour, no cursor, no boxes."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import IO

import orjson

from stegvis.engine.guide_view import plain_json
from stegvis.routines.errors import StegvisError
from stegvis.routines.library import SHIPPED
from stegvis.routines.sources import Sources, words_of
from stegvis.routines.text import Lang, Text, Words, fill

from .errors import Told


@lru_cache(maxsize=1)
def shipped_words() -> Words:
    """The texts that come with stegvis; a municipality's own reach people through the library."""
    return words_of(Sources([SHIPPED]))


def language(chosen: Lang | None = None) -> Lang:
    """The language asked for, else that of STEGVIS_LANG, else Swedish."""
    return chosen or ("en" if os.environ.get("STEGVIS_LANG", "").lower().startswith("en") else "sv")


def wrapped(line: str, width: int | None) -> Iterator[str]:
    """A line broken between words so that it fits, each part as far in as the first."""
    if width is None or len(line) <= width:
        yield line
        return
    inner = line.lstrip()
    indent = " " * min(len(line) - len(inner), width // 4)
    marked = re.match(r"- |[0-9]{1,3}\. ", inner)
    hanging = indent + " " * (len(marked[0]) if marked is not None else 0)
    yield from textwrap.wrap(
        inner, width, initial_indent=indent, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _width(out: IO[str]) -> int | None:
    """How many columns there are; None when nobody looks at the lines and nobody has said."""
    if not out.isatty() and "COLUMNS" not in os.environ:
        return None
    return max(20, shutil.get_terminal_size().columns)


class Screen:
    """Prints a command's answer in one language: its lines, or with ``as_json`` its document and nothing else.

    ``width`` is how many columns there are, the terminal's when left out.
    """

    def __init__(self, lang: Lang, *, as_json: bool = False, width: int | None = None) -> None:
        self.lang: Lang = lang
        self.as_json = as_json
        self.width = width

    def word(self, name: str, /, **places: Text | str | int) -> str:
        """One of the command line's own texts."""
        return fill(shipped_words()[f"cli.{name}"], places)(self.lang)

    def say(self, name: str, /, **places: Text | str | int) -> None:
        """Print one of the command line's own texts."""
        self.line(self.word(name, **places))

    def line(self, line: str = "", *, whole: bool = False) -> None:
        """Print a line; ``whole`` never breaks it, so that it can be copied."""
        if not self.as_json:
            _print(sys.stdout, [line], None if whole else self.width or _width(sys.stdout))

    def lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.line(line)

    def document(self, data: Mapping[str, object]) -> None:
        """Print the answer as JSON, if that was asked for."""
        if self.as_json:
            said = orjson.dumps(plain_json(data), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
            _put(sys.stdout, [said.decode()])

    def fail(self, told: Told, lines: Iterable[str] = (), more: Mapping[str, object] | None = None) -> int:
        """Say what went wrong and what to do: on standard error, or as the JSON document. Answers the exit status."""
        if self.as_json and told.code != "not_shown":
            self.document({"error": {**told.json(), **(more or {})}})
        else:
            _print(sys.stderr, [*told.lines(shipped_words(), self.lang), *lines], self.width or _width(sys.stderr))
        return told.exit

    def missing_extra(self) -> int:
        """Say that the command line's own packages are not installed."""
        _print(sys.stderr, [self.word("extra_missing")], _width(sys.stderr))
        return 2


def _print(out: IO[str], lines: Iterable[str], width: int | None) -> None:
    _put(out, (part for line in lines for part in wrapped(line, width)))


def _put(out: IO[str], lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line, file=out)
        out.flush()
    except BrokenPipeError:
        raise  # whoever read has had enough, and nothing is wrong
    except OSError as error:
        raise StegvisError("not_shown", errno=error.errno) from None
