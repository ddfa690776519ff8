"""The installed command, as a shell meets it: statuses, streams, encodings, terminals and broken pipes."""

import os
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest

import stegvis

from .commands import File, say, spawned

COMMAND = Path(sys.executable).with_name("stegvis")


def test_good_answers_go_to_standard_output_and_errors_do_not(tmp_path: Path) -> None:
    good = spawned("--version", cwd=tmp_path)
    assert good == (0, f"{stegvis.__version__}\n", "")
    bad = spawned("guide", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (bad.exit, bad.out) == (2, "")
    assert "[missing_argument]" in bad.err


def test_a_command_looks_for_no_plugins_that_would_see_what_people_write() -> None:
    code = """
from stegvis.adapters.cli import main
from pydantic.plugin import _loader
try:
    main(["guide", "--help"])
finally:
    print(_loader._plugins)
"""
    env = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "None"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_reader_who_has_had_enough_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"'{COMMAND}' take --help | head -n 1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_without_its_extra_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['cyclopts'] = None; from stegvis.adapters.cli import main; main(['guide'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "stegvis[cli]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_load_what_they_need_and_no_more() -> None:
    script = (
        "import sys; from stegvis.adapters.cli.app import run; run(['--help']);"
        "print(sorted({'sqlalchemy', 'sqlmodel', 'structlog', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# In a terminal


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal as POSIX has them")
@pytest.mark.parametrize("json", [(), ("--json",)])
def test_long_work_shows_on_a_terminal_how_far_it_has_come(tmp_path: Path, json: tuple[str, ...]) -> None:
    file = File(tmp_path)
    file.open()
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal, redirect_stderr(terminal):
        said = say_with_terminal(file, *json)
        terminal.write(END)
        terminal.flush()
        seen = b""
        while END.encode() not in seen:  # a terminal gives what it has, which may be less than what was written
            seen += os.read(master, 1 << 16)
    os.close(master)
    assert said == 0
    assert ("Kontrollerar ärenden" in seen.decode()) is not bool(json)


END = "the end of it"


def say_with_terminal(file: File, *more: str) -> int:
    """As ``say``, but for standard error, which is the terminal."""
    from stegvis.adapters.cli.app import run  # noqa: PLC0415

    return run(["verify", *map(str, file.place), *more])


@pytest.mark.parametrize("width", ["40", "80"])
def test_help_fits_the_terminal(width: str) -> None:
    said = say("take", "--help", COLUMNS=width)
    assert max(len(line) for line in said.out.splitlines()) <= int(width)
    assert len(say("take", "--help").out.splitlines()) < len(said.out.splitlines())
