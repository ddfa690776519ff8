"""`stegvis verify --processes`: several processes find what one finds, and a reader sees how far they have come."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stegvis.adapters.cli.screen import Screen
from stegvis.adapters.cli.watching import OFTEN, watching
from stegvis.engine import verify

from .attacks import opened
from .commands import File


@pytest.fixture
def file(tmp_path: Path) -> File:
    made = File(tmp_path)
    for _ in range(4):
        made.open()
    return made


def test_two_processes_find_what_one_finds(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(opened(file.db)) as database:
        assert database.execute("UPDATE stegvis_record SET body = x'7b7d' WHERE idx IN (1, 3)").rowcount
        database.commit()
    one = file.say("verify", "--without-keys", "--json")
    assert one.exit == 1
    monkeypatch.setattr(verify, "SPAN", 1)
    two = file.say("verify", "--without-keys", "--processes", "2", "--json")
    assert (two.exit, two.json) == (one.exit, one.json)


@pytest.mark.parametrize("count", ["0", "-1", "61"])
def test_an_impossible_number_of_processes_is_refused(file: File, count: str) -> None:
    refused = file.say("verify", "--processes", count, "--json")
    assert (refused.exit, refused.codes) == (2, {"bad_processes"})


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_whoever_looks_sees_a_bar_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        for as_json in (True, False):
            with watching(Screen("en", as_json=as_json)) as watch:
                assert list(watch("verifying_log", range(OFTEN * 2), OFTEN * 2)) == list(range(OFTEN * 2))
            terminal.write("|")
            terminal.flush()
        seen = b""
        while seen.count(b"|") < 2:  # a terminal gives what it has, which may be less than what was written
            seen += os.read(reader, 100_000)
    os.close(reader)
    silent, shown, *_ = seen.decode().split("|")
    assert silent == ""
    assert "Checking the log" in shown
