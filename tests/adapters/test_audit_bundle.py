"""Audit bundles: made after they are noted, checked by their own program where stegvis is not, broken in many ways."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from stegvis.adapters.audit.bundle import bundle
from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.sql import SqlStore
from stegvis.engine.answers import Refused
from stegvis.routines.digests import canonical
from stegvis.routines.errors import StegvisError, StoreError

from .attacks import opened
from .bundles import (
    AUDITOR,
    EARLIER,
    HERE,
    ORIGIN,
    SIZE,
    TEACHER,
    TRUE,
    WAYS,
    Broken,
    Open,
    Room,
    broken,
    flip,
    judged,
    key_too,
    room,
    verified,
)
from .signers import Key


class Made(NamedTuple):
    """A good bundle, and a masked one of the same log."""

    room: Room
    folder: Path
    masked: Path
    digests: tuple[str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Generator[Made]:
    at = tmp_path_factory.mktemp("bundle")
    rooms = room(at / "room")
    with closing(rooms.store):
        digests = rooms.bundle(at / "whole"), rooms.bundle(at / "masked", masked=True)
        yield Made(rooms, at / "whole", at / "masked", digests)


@pytest.fixture
def held(made: Made, tmp_path: Path) -> Open:
    """A copy to break."""
    return Open(Path(shutil.copytree(made.folder, tmp_path / "held")))


def test_a_good_bundle_is_good(made: Made) -> None:
    found = verified(made.folder)
    assert (found.exit, found.said["faults"], found.said["size"], found.said["origin"]) == (0, [], SIZE, ORIGIN)
    assert found.said["digest"] == made.digests[0]
    rows = [row for _, row in made.room.store.log(HERE, payloads=False)]
    assert Open(made.folder).lines == [row.body for row in rows[:SIZE]]
    noted = [json.loads(row.body) for row in rows[SIZE : SIZE + 2]]  # others of these tests may have noted more
    assert [(one["type"], one["trg"], one["actor"], one["seen"]) for one in noted] == [
        ("export", "bundle", AUDITOR.id, digest) for digest in made.digests
    ]


@pytest.fixture(scope="module")
def verdicts(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Broken]:
    """Every way tried, by one process for all; a process for each is for the deep tests."""
    at = tmp_path_factory.mktemp("broken")
    return judged(made.folder, {way: broken(made.folder, at / str(n), WAYS[way]) for n, way in enumerate(WAYS)})


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_bundle_is_found_and_the_first_bad_record_named(verdicts: dict[str, Broken], way: str) -> None:
    verdicts[way].found_as(WAYS[way])


def test_a_true_word_on_the_cases_is_no_fault(made: Made, tmp_path: Path) -> None:
    for way, do in TRUE.items():
        one = Open(Path(shutil.copytree(made.folder, tmp_path / way)))
        do(one)
        one.sums_anew()
    found = judged(made.folder, {way: Broken(tmp_path / way, (None, None)) for way in TRUE})
    good = [way for way, one in found.items() if one.verdict is not None and not one.verdict.said["faults"]]
    assert good == list(TRUE)


PEAK = """
import runpy, sys
main = runpy.run_path(sys.argv[1])["main"]
sys.argv = ["verify.py", sys.argv[2], "--json"]
assert main() == 0
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


@pytest.mark.deep
def test_memory_does_not_grow_with_the_records(made: Made, held: Open) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux says how much memory a process has had")
    look, peaks = json.loads(held.lines[-2]), list[int]()
    for count in (10_000, 50_000):
        more = [canonical({**look, "id": f"{number:032x}"}) for number in range(count - SIZE)]
        held.lines = [*Open(made.folder).lines, *more]
        key_too()(held)
        held.sums_anew()
        command = [sys.executable, "-I", "-S", "-c", PEAK, made.folder / "verify.py", held.folder]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        peaks.append(int(done.stdout.split()[-1]))
    # 40,000 records, some 20 MB. What grows are the names of the tiles.
    assert peaks[1] - peaks[0] < 2_000, peaks


def test_what_the_auditor_kept_outweighs_what_the_bundle_says(made: Made, held: Open, tmp_path: Path) -> None:
    """Whoever has a signing key can make another log; not one that goes on from a checkpoint held elsewhere."""
    (tmp_path / "policy").write_bytes(held.read("policy.txt"))
    (tmp_path / "kept").write_bytes(held.read("checkpoints").split(b"\n\nkommun")[0] + b"\n")
    mine = ("--policy", tmp_path / "policy", "--checkpoint", tmp_path / "kept")
    assert verified(made.folder, *mine).exit == 0
    WAYS["signed: a broken link"].do(held)
    held.sums_anew()
    assert verified(held.folder, *mine[:2]).codes == {"unsigned_checkpoint"}
    # The auditor trusts that key too; but not one record that was signed before may be another.
    trusted = f"log {Key(9, ORIGIN).verifier.vkey()}\n{Open(made.folder).read('policy.txt').decode()}"
    (tmp_path / "policy").write_text(trusted)
    held.write("records.jsonl", Open(made.folder).read("records.jsonl"))
    held.edit(2, actor="u-18")
    held.tree_anew()
    held.sign_anew()
    held.sums_anew()
    assert verified(held.folder, *mine[:2]).exit == 0
    found = verified(held.folder, *mine)
    assert (found.exit, found.codes, found.bad) == (1, {"record_differs"}, (1, EARLIER))


def test_a_checkpoint_newer_than_the_bundle_tells_that_it_is_old(made: Made, tmp_path: Path) -> None:
    note = Open(made.folder).read("checkpoint")
    older = Open(Path(shutil.copytree(made.folder, tmp_path / "older")))
    older.lines = older.lines[:7]
    older.tree_anew()
    for name in ("checkpoint", "checkpoints"):
        older.write(name, made.folder.joinpath("checkpoints").read_bytes().split(b"\n\nkommun")[0] + b"\n")
    for path in older.folder.glob("definitions/*"):
        if not any(path.stem.encode() in line for line in older.lines):
            path.unlink()
    older.sums_anew()
    assert verified(older.folder).exit == 0
    (tmp_path / "kept").write_bytes(note)
    found = verified(older.folder, "--checkpoint", tmp_path / "kept")
    assert (found.exit, found.codes, found.bad) == (1, {"log_short"}, (8, 8))


def test_a_masked_bundle_proves_the_records_that_it_does_not_hold(made: Made, tmp_path: Path) -> None:
    assert not (made.masked / "records.jsonl").exists()
    assert verified(made.masked, "--masked").exit == 0
    assert verified(made.masked).codes == {"file_missing"}  # who does not ask for less is not given less
    held = Open(Path(shutil.copytree(made.masked, tmp_path / "held")))
    flip("leaves.bin", 32 * 10)(held)
    held.sums_anew()
    found = verified(held.folder, "--masked")
    assert (found.exit, found.bad) == (1, (11, 11))


def test_it_is_the_auditors_alone_and_noted_before_it_is_there(made: Made, tmp_path: Path) -> None:
    made_by: list[str] = []
    with pytest.raises(Refused) as refused:
        made.room.engine.take_out("bundle", lambda: made_by.append("x") or "0" * 64, actor=TEACHER)
    assert ([one.code for one in refused.value.reasons], made_by) == (["role"], [])
    denied = json.loads([row.body for _, row in made.room.store.log(HERE)][-1])
    assert (denied["type"], denied["trg"], denied["why"]) == ("transition.denied", "bundle", ["role"])

    def no(make: Callable[[], str]) -> str:
        make()
        assert not (tmp_path / "new").exists()
        raise StoreError("full")

    with pytest.raises(StoreError):
        bundle(made.room.log, tmp_path / "new", no)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(made: Made, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "there", made.folder / "README"):
        with pytest.raises(StegvisError, match="file_exists"):
            made.room.bundle(target)
    with pytest.raises(StegvisError, match="cannot_write"):
        made.room.bundle(tmp_path / "nowhere" / "bundle")


def test_a_log_that_is_not_what_was_signed_is_not_bundled(tmp_path: Path) -> None:
    empty = Room(tmp_path)
    with closing(empty.store):
        with pytest.raises(StegvisError, match="no_checkpoint"):
            empty.bundle(tmp_path / "new")
        empty.work()
        empty.sign()
        for change, code in (
            ("DELETE FROM stegvis_record WHERE idx = 3", "signed_further"),
            ("UPDATE stegvis_record SET body = x'7b7d' WHERE idx = 1", "signed_other"),
        ):
            shutil.copytree(tmp_path, tmp_path.with_name("changed"))
            with closing(opened(tmp_path.with_name("changed") / "cases.db")) as database, database:
                database.execute(change)
            changed = AuditLog(SqlStore(tmp_path.with_name("changed") / "cases.db"), HERE, ORIGIN, tmp_path / "signer")
            with closing(changed.store), pytest.raises(StegvisError, match=code):
                bundle(changed, tmp_path / "new", lambda make: make())
            shutil.rmtree(tmp_path.with_name("changed"))
        assert not (tmp_path / "new").exists()


def test_without_openssl_it_cannot_be_told(made: Made, tmp_path: Path) -> None:
    program = [sys.executable, "-I", "-S", made.folder / "verify.py"]
    for path, folder in (("", made.folder), (os.environ["PATH"], tmp_path / "nowhere")):
        done = subprocess.run(
            [*program, folder], capture_output=True, encoding="utf-8", check=False, cwd=tmp_path, env={"PATH": path}
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
    broken = tmp_path / "openssl"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run(program, capture_output=True, check=False, cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 2


def test_people_read_what_it_says(made: Made, held: Open) -> None:
    def say(folder: Path, *more: str) -> str:
        command = [sys.executable, "-I", "-S", folder / "verify.py", *more]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=folder).stdout

    assert say(made.folder).startswith("ALLT ÄR SOM DET SKREVS UNDER.")
    assert Open(made.folder).read("policy.txt").split()[1].decode() in say(made.folder, "--lang", "en")
    WAYS["edited"].do(held)
    assert "First bad record: 5\n" in say(held.folder, "--lang", "en")
    readme = held.read("README").decode()
    assert [way.code for way in WAYS.values() if way.code not in readme] == []


def test_the_program_is_one_short_file_of_the_standard_library(made: Made) -> None:
    text = (made.folder / "verify.py").read_text("utf-8")
    assert len(text.splitlines()) < 400
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in names if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom) for node in names)
    assert modules <= set(sys.stdlib_module_names)
