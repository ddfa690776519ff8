"""The operational log holds codes and keys, and nothing else finds a way in."""

import io
from contextlib import redirect_stderr
from datetime import datetime
from pathlib import Path

import orjson
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.logging import FIELDS, structlog_tell

from .commands import COUNSELLOR, PLANTED, File

CASE, RUN = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def lines(told: bytes) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in told.splitlines()]


def test_a_line_says_what_was_committed() -> None:
    out = io.BytesIO()
    structlog_tell(out)("transition", {"case": CASE, "run": RUN, "version": 3, "organisation": "skola"})
    (line,) = lines(out.getvalue())
    assert datetime.fromisoformat(str(line.pop("timestamp"))).tzinfo is not None
    assert line == {"event": "transition", "case": CASE, "run": RUN, "version": 3, "organisation": "skola"}


anything = st.one_of(
    st.text(), st.integers(), st.booleans(), st.sampled_from([PLANTED, "19811218-9876", "anna@example.org"])
)


@given(event=st.text(), fields=st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text()), anything))
@settings(deadline=None)
def test_whatever_is_told_only_the_listed_fields_of_the_right_shape_are_written(
    event: str, fields: dict[str, str | int]
) -> None:
    out = io.BytesIO()
    structlog_tell(out)(event, fields)
    (line,) = lines(out.getvalue())
    assert line.keys() <= set(FIELDS)
    line.pop("timestamp")
    for name, value in line.items():
        assert value in {event, fields.get(name)}
    for planted in (PLANTED, "19811218-9876", "anna@example.org"):
        assert planted.encode() not in out.getvalue()


def test_what_a_host_has_set_up_for_itself_has_no_part_in_it() -> None:
    def leak(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**line, "who": PLANTED}

    structlog.configure(processors=[leak, structlog.processors.JSONRenderer()])
    try:
        with structlog.contextvars.bound_contextvars(who=PLANTED):
            out = io.BytesIO()
            structlog_tell(out)("transition", {"case": CASE})
    finally:
        structlog.reset_defaults()
    assert PLANTED.encode() not in out.getvalue()


def test_standard_error_is_where_it_goes_when_nothing_is_said() -> None:
    err = io.TextIOWrapper(io.BytesIO())
    with redirect_stderr(err):
        structlog_tell()("transition", {"version": 1})
    assert lines(err.buffer.getvalue())[0]["version"] == 1


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_the_command_line_is_quiet_until_asked(file: File, tmp_path: Path) -> None:
    log = tmp_path / "log"
    case = file.open()
    note = ("take", case, "note", "--set", f"line={PLANTED}")
    assert file.say(*note, who=COUNSELLOR).err == ""
    assert file.say(*note, "--log", log, who=COUNSELLOR).exit == 0
    assert file.say(*note, "--log", log, "--json", who=COUNSELLOR).exit == 0
    written = log.read_bytes()
    assert [(line["event"], line["case"], line["version"]) for line in lines(written)] == [
        ("transition", case, 3),
        ("transition", case, 4),
    ]
    assert PLANTED.encode() not in written
    assert log.stat().st_mode & 0o077 == 0
    shown = file.say(*note, "--log=-", who=COUNSELLOR)
    assert lines(shown.err.encode())[0]["version"] == 5
    assert PLANTED not in shown.err
