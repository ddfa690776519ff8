"""The talk in a real terminal: lines as long as one likes, nothing drawn, and nothing lost when the terminal goes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stegvis.adapters.cli.terminal import NOTED

from .commands import COUNSELLOR, PLANTED, File, spawned

COMMAND = Path(sys.executable).with_name("stegvis")
WAIT = 60
"""Seconds until something is taken not to come."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal as POSIX has them")


class Window:
    """A terminal with the command running in it."""

    def __init__(self, *arguments: str | Path) -> None:
        self.master, slave = os.openpty()
        ours = {name: value for name, value in os.environ.items() if not name.startswith("STEGVIS_")}
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**ours, "TERM": "dumb", "COLUMNS": "40"},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def write(self, line: str, *, end: str = "\n") -> None:
        os.write(self.master, (line + end).encode())

    def until(self, words: str) -> str:
        """Everything up to some words."""
        os.set_blocking(self.master, False)
        stop = time.monotonic() + WAIT
        while words not in self.seen:
            assert time.monotonic() < stop, self.seen
            try:
                self.seen += os.read(self.master, 1 << 16).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:
                break
        assert words in self.seen, self.seen
        said, _, self.seen = self.seen.partition(words)
        return said

    def ended(self) -> int:
        return self.process.wait(WAIT)


@contextmanager
def window(*arguments: str | Path) -> Generator[Window]:
    one = Window(*arguments)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        os.close(one.master)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def choose(one: Window, title: str) -> None:
    said = one.until("Val: ")
    number = next(line.split(".")[0].strip() for line in said.splitlines() if line.strip().endswith(f". {title}"))
    one.write(number)
    one.until("Svar: ")


def kept(file: File, case: str, step: str, folder: Path) -> object:
    said = spawned("draft", case, step, *COUNSELLOR, *file.place, "--json", cwd=folder)
    return json.loads(said.out)["form"]


@pytest.mark.parametrize(
    "how", ["hangup", "end", *(pytest.param(one, marks=pytest.mark.deep) for one in ("killed", "interrupt"))]
)
def test_a_terminal_that_goes_loses_no_letter(file: File, tmp_path: Path, how: str) -> None:
    case = file.open()
    with window("guide", case, *COUNSELLOR, *file.place) as one:
        choose(one, "Skriv en rad")
        one.write(f"{PLANTED} hela")
        one.until("hela")
        if how == "end":
            one.write("\x04", end="")
            assert one.ended() == 0
        else:
            one.write("halva", end="")
            one.until("halva")
            number = {"hangup": signal.SIGHUP, "killed": signal.SIGTERM, "interrupt": signal.SIGINT}[how]
            one.process.send_signal(number)
            assert one.ended() == 128 + number
    line = f"{PLANTED} hela" + ("" if how == "end" else "\nhalva")
    assert kept(file, case, "note", tmp_path) == {"line": line}


@pytest.mark.deep
def test_a_connection_that_breaks_loses_no_letter(file: File, tmp_path: Path) -> None:
    case = file.open()
    with window("guide", case, *COUNSELLOR, *file.place) as one:
        choose(one, "Skriv en rad")
        one.write("halva", end="")
        one.until("halva")
        time.sleep(5 * NOTED)
        os.close(one.master)
        one.process.send_signal(signal.SIGHUP)  # as the kernel does to whoever has the terminal
        one.ended()
        one.master = os.open(os.devnull, os.O_RDONLY)
    assert kept(file, case, "note", tmp_path) == {"line": "halva"}


@pytest.mark.deep
def test_a_long_line_is_not_cut_and_nothing_is_drawn(file: File, tmp_path: Path) -> None:
    case = file.open()
    long = "Skyddsbedömning " * 240
    with window("guide", case, *COUNSELLOR, *file.place) as one:
        said = one.until("Val: ")
        assert "\x1b" not in said
        assert max(len(line.rstrip()) for line in said.splitlines()) <= 40
        one.seen = said + "Val: "
        choose(one, "Skriv en rad")
        one.write(long.strip())
        one.write("")
        one.until("Kontrollera")
        one.until("Svar: ")
        one.write("q")
        assert one.ended() == 0
    assert kept(file, case, "note", tmp_path) == {"line": long.strip()}


@pytest.mark.deep
def test_nothing_that_was_written_is_in_any_history(file: File, tmp_path: Path) -> None:
    case = file.open()
    with window("guide", case, *COUNSELLOR, *file.place) as one:
        choose(one, "Skriv en rad")
        one.write(PLANTED)
        one.until(PLANTED)
        one.write("\x10", end="")  # the key for the line before
        one.write("slut")
        one.until("slut")
        one.write("")
        one.until("Kontrollera")
        one.until("Svar: ")
        one.write("q")
        one.ended()
    assert kept(file, case, "note", tmp_path) == {"line": f"{PLANTED}\nslut"}
    for path in tmp_path.rglob("*"):
        assert PLANTED not in path.name
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes()


def test_where_there_is_no_terminal_it_is_shown_once(file: File, tmp_path: Path) -> None:
    case = file.open()
    said = spawned("guide", case, *COUNSELLOR, *file.place, cwd=tmp_path)
    assert (said.exit, "Val: " in said.out) == (0, False)
    said = file.say("guide", case, "--interactive", who=COUNSELLOR, given=b"?\nq\n")
    assert (said.exit, said.out.count("Val: ")) == (0, 2)
    assert file.say("guide", case, "--interactive", "--json", who=COUNSELLOR).codes == {"one_way_at_a_time"}
