"""Runs the command line inside the test, on the invented routines, and says what it answered."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from platformdirs import user_cache_path

from stegvis.adapters.cli import desk
from stegvis.adapters.cli.app import run
from stegvis.routines.library import Library, load

OVERLAY = Path(__file__).parent / "overlay"
PLANTED = "Mumtaz-Ekbacken"
"""What somebody might type, in the wrong place too; it must never come back."""

COUNSELLOR = ("--actor", "u-1", "--role", "school_counsellor", "--unit", "elevhalsa", "--organisation", "skola")
HEAD = ("--actor", "u-2", "--role", "head_teacher", "--unit", "ledning", "--organisation", "skola")
INTAKE = ("--actor", "s-1", "--role", "intake_worker", "--unit", "mottag", "--organisation", "socialtjanst")
LEADER = ("--actor", "s-2", "--role", "team_leader", "--unit", "mottag", "--organisation", "socialtjanst")


class Said(NamedTuple):
    """What a command answered."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output, with nothing beside it."""
        assert not self.err
        return json.loads(self.out)

    @property
    def codes(self) -> set[str]:
        """The error's code and those of its reasons, from the JSON document."""
        error = self.json["error"]
        return {error["code"], *(one["code"] for one in error["reasons"])}


@contextmanager
def stdin(text: bytes) -> Generator[None]:
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8")):
        yield


def say(*arguments: str | Path, given: bytes = b"", **environment: str) -> Said:
    """Run a command in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STEGVIS_") and name != "COLUMNS"}
    with (
        patch.dict(os.environ, {**ours, **environment}, clear=True),
        patch.object(desk, "load", _loaded),
        stdin(given),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = run([str(one) for one in arguments])
    for stream in (out, err):
        stream.flush()
    return Said(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType] - bytes in memory


_loaded = lru_cache(load)
"""The same definitions are read once; nothing else is different."""


def overlaid() -> Library:
    """The shipped definitions with the invented routines laid over them, as the commands read them."""
    return _loaded(OVERLAY, proved=user_cache_path("stegvis") / "proved")


def spawned(*arguments: str | Path, cwd: Path, **environment: str) -> Said:
    """Run the installed command."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STEGVIS_")}
    done = subprocess.run(
        [Path(sys.executable).with_name("stegvis"), *arguments],
        cwd=cwd,
        env={**ours, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


class File:
    """A case file with the invented routines, and those who work in it."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "cases.db"
        self.place: tuple[str | Path, ...] = ("--db", self.db, "--definitions", OVERLAY)

    def say(self, *arguments: str | Path, who: tuple[str, ...] = (), given: bytes = b"", **environment: str) -> Said:
        return say(*arguments, *who, *self.place, given=given, **environment)

    def open(self, *more: str) -> str:
        """Light a lantern; answers the case."""
        said = self.say("open", "lantern", "--set", f"account={PLANTED}", *more, "--json", who=COUNSELLOR)
        assert said.exit == 0, said
        return said.json["case"]
