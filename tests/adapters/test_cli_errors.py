"""Whatever goes wrong on the command line has a stable code, an exit status and a remedy, and repeats nothing."""

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stegvis.adapters.cli import desk
from stegvis.adapters.cli.forms import fresh_key
from stegvis.adapters.sql import SqlStore
from stegvis.adapters.sql.schema import VERSION_TABLE
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor
from stegvis.routines.form import holds_personal_number, is_reference

from .commands import COUNSELLOR, HEAD, INTAKE, OVERLAY, PLANTED, File, Said, overlaid, say, spawned
from .forking import ended, in_child

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.fixture(scope="module")
def lit(tmp_path_factory: pytest.TempPathFactory) -> tuple[File, str]:
    """A file with one case, which nothing that is refused can change."""
    file = File(tmp_path_factory.mktemp("lit"))
    return file, file.open()


def holds(said: Said, code: str, status: int) -> None:
    """In the document: the code, the status, and nothing that was typed."""
    error = said.json["error"]
    assert code in said.codes, said
    assert (said.exit, error["exit"]) == (status, status)
    assert error["says"]["sv"]
    assert error["says"]["en"]
    assert error["do"]["sv"]
    assert error["do"]["en"]
    assert set(error) >= {"code", "says", "do", "exit", "details", "reasons", "findings"}
    assert PLANTED not in said.out


def told(said: Said, code: str, status: int) -> None:
    """In words: on standard error only, with the code and what to do."""
    assert (said.exit, said.out) == (status, "")
    assert code in said.err
    assert "Gör så här" in said.err
    assert PLANTED not in said.err


LOOK = ("take", "CASE", "look")
WELL = ("--set", "flame=high", "--set", "wind=3")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()

STEPS: dict[str, tuple[tuple[str, ...], str, int]] = {
    "unknown case": (("guide", PLANTED), "unknown_case", 2),
    "unknown trigger": (("take", "CASE", PLANTED), "unknown_step", 2),
    "a trigger that is not here": (("take", "CASE", "tell"), "not_here", 1),
    "unknown run": ((*LOOK, "--run", PLANTED), "unknown_run", 2),
    "unknown field": ((*LOOK, *WELL, "--set", f"{PLANTED}=1"), "unknown_field", 2),
    "missing value": (LOOK, "missing", 2),
    "no such choice": ((*LOOK, "--set", f"flame={PLANTED}"), "not_a_choice", 2),
    "no number": ((*LOOK, "--set", f"wind={PLANTED}"), "not_number", 2),
    "a number too large": ((*LOOK, "--set", f"wind={'9' * 40}"), "not_number", 2),
    "a number out of range": ((*LOOK, "--set", "wind=61"), "out_of_range", 2),
    "a name for a reference": ((*LOOK, *WELL, "--set", f"lamp={PLANTED} Karlsson"), "not_a_reference", 2),
    "a personal number for a reference": ((*LOOK, *WELL, "--set", "lamp=811218-9876"), "not_a_reference", 2),
    "an answer that is not asked for": ((*LOOK, *WELL, "--set", f"smoke={PLANTED}"), "not_asked", 2),
    "text too long": (("take", "CASE", "note", "--set", f"line={PLANTED * 400}"), "too_long", 2),
    "control characters": (("take", "CASE", "note", "--set", f"line={PLANTED}\x1b[2J"), "control_characters", 2),
    "text that is no text": (("take", "CASE", "note", "--set", f"line={PLANTED}\udce5"), "not_plain", 2),
    "empty text": (("take", "CASE", "note", "--set", "line= "), "missing", 2),
    "a guard": ((*LOOK, "--set", "flame=high", "--set", "wind=30"), "guard", 1),
    "an override without a reason": (
        (*LOOK, "--set", "flame=high", "--set", "wind=30", "--override", "strong= "), "override_reason", 2
    ),
    "an override of nothing": ((*LOOK, *WELL, "--override", PLANTED), "not_a_pair", 2),
    "stale version": ((*LOOK, *WELL, "--expect", "9"), "stale_version", 1),
    "a version that is no number": ((*LOOK, *WELL, "--expect", PLANTED), "bad_argument", 2),
    "a naive instant": ((*LOOK, *WELL, "--happened", "2026-05-03T14:30"), "naive_instant", 2),
    "no instant": ((*LOOK, *WELL, "--happened", PLANTED), "not_instant", 2),
    "a future instant": ((*LOOK, *WELL, "--happened", TOMORROW), "future_instant", 2),
    "a key that is no key": ((*LOOK, *WELL, "--key", f"{PLANTED} 1"), "not_a_reference", 2),
    "no pair": ((*LOOK, "--set", PLANTED), "not_a_pair", 2),
    "twice the same": ((*LOOK, "--set", "wind=1", "--set", f"wind={PLANTED}"), "repeated_field", 2),
    "standard input twice": ((*LOOK, "--set", "flame=-", "--set", "wind=-"), "stdin_twice", 2),
    "no such file": ((*LOOK, "--form", f"/{PLANTED}.json"), "cannot_read_file", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_a_command_about_a_case_that_cannot_be_done(lit: tuple[File, str], name: str) -> None:
    arguments, code, status = STEPS[name]
    file, case = lit
    arguments = tuple(case if one == "CASE" else one for one in arguments)
    holds(file.say(*arguments, "--json", who=COUNSELLOR), code, status)
    told(file.say(*arguments, who=COUNSELLOR), code, status)


OPENINGS: dict[str, tuple[tuple[str | Path, ...], str, int]] = {
    "unknown routine": (("open", PLANTED), "unknown_routine", 2),
    "no answers": (("open", "lantern"), "missing", 2),
    "no date": (("open", "lantern", "--set", f"born={PLANTED}"), "not_date", 2),
    "a naive answer": (("open", "lantern", "--set", "leaves=2026-05-03T14:30"), "naive_instant", 2),
    "no instant for an answer": (("open", "lantern", "--set", f"leaves={PLANTED}"), "not_instant", 2),
    "neither yes nor no": (("open", "lantern", "--set", f"child={PLANTED}"), "not_boolean", 2),
    "a person by name": (("open", "lantern", "--person", f"{PLANTED} K"), "not_a_reference", 2),
    "somebody else's routine": (("open", "lantern", "--role", "head_teacher", "--set", "account=x"), "role", 1),
    "unknown option": (("open", "lantern", f"--{PLANTED}"), "unknown_option", 2),
    "too many words": (("open", "lantern", PLANTED), "too_many_arguments", 2),
    "too few words": (("open",), "missing_argument", 2),
    "an option twice": (("open", "lantern", "--person", "p-1", "--person", PLANTED), "repeated_argument", 2),
    "no such language": (("open", "lantern", "--lang", PLANTED), "bad_argument", 2),
    "unknown role": (("open", "lantern", "--role", PLANTED), "unknown_role", 2),
    "unknown delegation": (("open", "lantern", "--delegation", PLANTED), "unknown_delegation", 2),
    "no such folder": (("open", "lantern", "--definitions", f"/{PLANTED}"), "no_such_directory", 2),
    "a log that cannot be written": (("open", "lantern", "--log", f"/{PLANTED}/log"), "log_unwritable", 2),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_an_opening_that_cannot_be_done(lit: tuple[File, str], name: str) -> None:
    file, _ = lit
    arguments, code, status = OPENINGS[name]
    who = ("--actor", "u-1", "--unit", "elevhalsa", "--organisation", "skola")
    role = () if "--role" in arguments else ("--role", "school_counsellor")
    holds(file.say(*arguments, *role, "--json", who=who), code, status)
    told(file.say(*arguments, *role, who=who), code, status)


def test_unknown_commands() -> None:
    holds(say(PLANTED, "--json"), "unknown_command", 2)
    told(say(PLANTED), "unknown_command", 2)


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        ("", "no_actor"),
        (PLANTED, "bad_actor"),
        (json.dumps([PLANTED]), "bad_actor"),
        (
            json.dumps({"id": f"{PLANTED} K", "roles": ["auditor"], "unit": "u", "organisation": "skola"}),
            "not_a_reference",
        ),
        (json.dumps({"id": "u-1", "roles": PLANTED, "unit": "u", "organisation": "skola"}), "bad_actor"),
        (json.dumps({"id": "u-1", "roles": [PLANTED], "unit": "u", "organisation": "skola"}), "unknown_role"),
        (json.dumps({"id": "u-1", "roles": ["auditor"], "unit": "u", "organisation": PLANTED}), "unknown_organisation"),
        (json.dumps({"id": "u-1", "roles": ["auditor"], "unit": "u", "organisation": [1]}), "unknown_organisation"),
    ],
)
def test_who_acts_must_be_said(lit: tuple[File, str], actor: str, code: str) -> None:
    file, case = lit
    holds(file.say("guide", case, "--json", STEGVIS_ACTOR=actor), code, 2)
    told(file.say("guide", case, STEGVIS_ACTOR=actor), code, 2)


def test_the_same_key_with_other_content(file: File) -> None:
    case = file.open()
    note = ("take", case, "note", "--key", "k-1", "--json")
    first = file.say(*note, "--set", "line=ett", who=COUNSELLOR).json
    assert file.say(*note, "--set", "line=ett", who=COUNSELLOR).json == first
    holds(file.say(*note, "--set", f"line={PLANTED}", who=COUNSELLOR), "key_reused", 2)


def test_a_random_key_is_never_taken_for_a_personal_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command in some thousands was refused for the digits that its own key happened to hold."""
    digits = "8112189876".ljust(64, "f")

    def token_hex(size: int) -> str:
        return digits[: 2 * size]

    monkeypatch.setattr(secrets, "token_hex", token_hex)
    assert holds_personal_number(f"cli-{digits[:16]}")
    assert is_reference(fresh_key())


def test_an_option_that_comes_twice_is_named(file: File) -> None:
    said = file.say("open", "lantern", "--person", "p-1", "--person", PLANTED, who=COUNSELLOR)
    assert "--person" in said.err
    assert PLANTED not in said.err


def test_a_stale_version_says_who_and_when(lit: tuple[File, str]) -> None:
    file, case = lit
    said = file.say("take", case, "look", "--expect", "9", who=COUNSELLOR)
    details = file.say("take", case, "look", "--expect", "9", "--json", who=COUNSELLOR).json["error"]["details"]
    assert (details["actor"], details["version"]) == ("u-1", 1)
    assert "u-1" in said.err
    assert details["at"][:4] in said.err


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (PLANTED.encode(), "bad_json"),
        (json.dumps([PLANTED]).encode(), "bad_json"),
        (b'{"line": "\xff"}', "bad_json"),
        (b"{" + b" " * 1_000_001, "file_too_large"),
        (json.dumps({"line": {"a": PLANTED}}).encode(), "not_text"),
        (json.dumps({"line": 1.5}).encode(), "not_text"),
    ],
)
def test_a_file_of_answers_that_cannot_be_read(lit: tuple[File, str], tmp_path: Path, body: bytes, code: str) -> None:
    (file, case), answers = lit, tmp_path / "answers.json"
    answers.write_bytes(body)
    holds(file.say("take", case, "note", "--form", answers, "--json", who=COUNSELLOR), code, 2)


def test_standard_input_that_is_no_text(lit: tuple[File, str]) -> None:
    file, case = lit
    said = file.say("take", case, "note", "--set", "line=-", "--json", who=COUNSELLOR, given=b"\xff")
    holds(said, "not_utf8", 2)


def test_the_form_is_shown_when_answers_are_missing(lit: tuple[File, str]) -> None:
    file, case = lit
    said = file.say("take", case, "look", "--lang", "en", who=COUNSELLOR)
    assert "[missing: look.flame]" in said.err
    assert "high = High" in said.err
    error = file.say("take", case, "look", "--json", who=COUNSELLOR).json["error"]
    assert {one["name"] for one in error["questions"]} == {"flame", "wind", "lamp", "smoke", "colours", "seen"}


def test_a_case_of_another_organisation_is_no_other_than_one_that_is_not_there(lit: tuple[File, str]) -> None:
    file, case = lit
    assert file.say("guide", case, who=INTAKE) == file.say("guide", "0" * 32, who=INTAKE)


# The clock


def test_a_clock_that_goes_back(file: File) -> None:
    file.open()
    now = datetime.now(UTC)
    assert file.say("tick", "--now", now.isoformat()).exit == 0
    before = (now - timedelta(seconds=1)).isoformat()
    holds(file.say("tick", "--now", before, "--json"), "clock_going_back", 2)
    told(file.say("tick", "--now", before), "clock_going_back", 2)
    holds(file.say("tick", "--now", TOMORROW, "--json"), "future_instant", 2)
    holds(file.say("tick", "--now", "2026-05-03T14:30", "--json"), "naive_instant", 2)


def test_a_case_that_was_last_changed_in_the_future(file: File) -> None:
    with closing(SqlStore(file.db)) as store:
        engine = Engine(overlaid(), store, clock=lambda: datetime.now(UTC) + timedelta(days=9))
        actor = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")
        case = engine.open("lantern", actor=actor, form={"account": PLANTED}, key="k-1").id
    holds(file.say("take", case, "note", "--set", "line=x", "--json", who=COUNSELLOR), "clock_going_back", 2)


# The file


def test_no_case_file(tmp_path: Path) -> None:
    said = say("guide", "0" * 32, *COUNSELLOR, "--db", tmp_path / f"{PLANTED}.db", "--json")
    holds(said, "no_database", 2)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "cases.db").write_text(PLANTED * 100)
    holds(File(tmp_path).say("guide", "0" * 32, "--json", who=COUNSELLOR), "not_stegvis", 3)


def test_a_story_is_not_played_among_other_cases(file: File) -> None:
    file.open()
    holds(say("play", "--db", file.db, "--json"), "database_exists", 2)


@contextmanager
def writing(db: Path) -> Generator[None]:
    """Another process in the middle of a commit."""
    hold = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('BEGIN IMMEDIATE'); print('writing', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        yield
        other.communicate("")


def test_a_file_in_which_another_process_writes(file: File) -> None:
    case = file.open()
    with writing(file.db):
        said = spawned(
            "guide",
            case,
            *COUNSELLOR,
            "--db",
            str(file.db),
            "--definitions",
            str(OVERLAY),
            "--wait",
            "0.1",
            cwd=file.db.parent,
        )
    told(said, "locked", 3)
    assert spawned("verify", "--db", str(file.db), cwd=file.db.parent).exit == 0


def test_a_file_of_a_newer_stegvis(file: File) -> None:
    case = file.open()
    with closing(sqlite3.connect(file.db)) as db, db:
        db.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608  # a constant
    holds(file.say("guide", case, "--json", who=COUNSELLOR), "newer_schema", 3)
    told(file.say("take", case, "look", who=COUNSELLOR), "newer_schema", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs users as POSIX has them")
def test_a_file_that_may_only_be_read() -> None:
    """As somebody whom the file system does not let do everything."""

    def as_nobody(folder: Path) -> None:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            os.setgid(65534)
            os.setuid(65534)
        file = File(folder)
        case = file.open()
        file.db.chmod(0o444)
        holds(file.say("guide", case, "--json", who=COUNSELLOR), "read_only", 3)
        told(file.say("take", case, "look", who=COUNSELLOR), "read_only", 3)

    # Read before the change of user, who may not be let in where the definitions are.
    assert File(Path("/nowhere")).say("guide", "x", who=COUNSELLOR).exit == 2
    desk.shipped()
    with tempfile.TemporaryDirectory() as folder:
        assert ended(in_child(lambda: as_nobody(Path(folder)))) == 0


@pytest.mark.parametrize(("gone", "code"), [("keys", "key_ring_missing"), ("kek", "key_file_missing")])
def test_lost_keys(file: File, gone: str, code: str) -> None:
    case = file.open()
    file.db.with_name(f"cases.db.{gone}").unlink()
    holds(file.say("guide", case, "--json", who=COUNSELLOR), code, 3)


def test_an_exposed_key_file(file: File) -> None:
    case = file.open()
    file.db.with_name("cases.db.kek").chmod(0o644)
    told(file.say("guide", case, who=COUNSELLOR), "key_file_exposed", 3)


def test_a_definition_with_faults_is_told_by_place(file: File, tmp_path: Path) -> None:
    folder = tmp_path / "own" / "routines"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text(f"format: 1\nroutine: bad\n{PLANTED}: &a x\n", "utf-8")
    said = say("open", "bad", *HEAD, "--db", file.db, "--definitions", folder.parent)
    assert said.exit == 2
    assert "routines/bad.yaml:3:" in said.err


def test_what_nobody_foresaw_is_told_without_its_words(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    case = file.open()

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError(PLANTED)

    monkeypatch.setattr(Engine, "guide", fails)
    said = file.say("guide", case, "--json", who=COUNSELLOR)
    holds(said, "unexpected", 3)
    details = said.json["error"]["details"]
    assert details["kind"] == "ZeroDivisionError"
    assert details["place"].startswith("adapters/cli/casework.py:")


# -- what the machine does not do


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_answer_that_cannot_be_written_out_says_so(tmp_path: Path, form: tuple[str, ...]) -> None:
    file = File(tmp_path)
    command = Path(sys.executable).with_name("stegvis")
    arguments = ["open", "lantern", "--set", f"account={PLANTED}", *form, *COUNSELLOR, *file.place]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([command, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8")
    assert done.returncode == 3
    assert "Det som kommandot gjorde är gjort. [not_shown]" in done.stderr
    assert PLANTED not in done.stderr
    assert len(file.say("list", "--json", who=COUNSELLOR).json["tasks"]) == 1


def test_a_command_that_may_have_been_taken_says_its_key(lit: tuple[File, str]) -> None:
    file, case = lit
    with closing(sqlite3.connect(file.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        clear = ("change", case, "bias", "--set", "out=clear", "--wait", "0")
        said = file.say(*clear, "--key", "k-again", who=COUNSELLOR)
        document = file.say(*clear, "--json", who=COUNSELLOR).json
        other.execute("ROLLBACK")
    assert "[locked]" in said.err
    assert "Samma kommando igen: --key k-again" in said.err
    assert document["error"]["details"]["key"].startswith("cli-")
