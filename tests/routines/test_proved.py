"""What was checked is not checked again, and whatever else there is, is."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from stegvis.routines import proved
from stegvis.routines.checks import rounds
from stegvis.routines.checks.rounds import check
from stegvis.routines.errors import Broken
from stegvis.routines.findings import BadDefinition
from stegvis.routines.library import PROVED, SHIPPED, Library, assemble, load
from stegvis.routines.ondemand import OnDemand, laid_over
from stegvis.routines.proved import fingerprint, recall, remember
from stegvis.routines.sources import Sources, words_of

from .broken import GOOD


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Sources]:
    """Every time that definitions are checked."""
    seen: list[Sources] = []

    def counted(sources: Sources) -> object:
        seen.append(sources)
        return check(sources)

    monkeypatch.setattr(rounds, "check", counted)
    return seen


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """``STEGVIS_WRITE_SCHEMAS=1`` writes anew what was found without an error, if there is none."""
    if os.environ.get("STEGVIS_WRITE_SCHEMAS"):
        found, rules = check(Sources([SHIPPED]))
        assert [one for one in found if one.severity == "error"] == []
        remember(PROVED, fingerprint(Sources([SHIPPED])), rules)


def test_what_was_proved_is_what_is_shipped() -> None:
    known = recall(PROVED, fingerprint(Sources([SHIPPED])))
    assert known is not None, "a shipped definition has changed since its checks were written down"


@pytest.mark.deep
def test_what_was_proved_loads_as_what_is_checked(checks: list[Sources]) -> None:
    quick, whole = load(), assemble(Sources([SHIPPED]), check(Sources([SHIPPED])).rules.values())
    assert checks == []
    assert {wanted: rules.guidance for wanted, rules in quick.by_digest.items()} == {
        wanted: rules.guidance for wanted, rules in whole.by_digest.items()
    }
    assert {name: [one.digest for one in versions] for name, versions in quick.versions.items()} == {
        name: [one.digest for one in versions] for name, versions in whole.versions.items()
    }
    assert (quick.law_digest, quick.words, quick.builtin) == (whole.law_digest, whole.words, whole.builtin)
    assert next(iter(quick.versions["report"])) is quick.pinned(quick.versions["report"][0].digest)


def test_another_byte_a_file_more_or_a_file_less_is_another_fingerprint(tmp_path: Path) -> None:
    copied = tmp_path / "definitions"
    shutil.copytree(SHIPPED, copied)
    written = fingerprint(Sources([copied]))
    assert written == fingerprint(Sources([SHIPPED])) == fingerprint(Sources([SHIPPED, copied]))
    for file, text in (("law.yaml", "\n"), ("routines/another.yaml", ""), ("texts/cli.yaml", "# "), ("own.yaml", "")):
        before = (copied / file).read_bytes() if (copied / file).exists() else None
        with (copied / file).open("a", encoding="utf-8") as more:
            more.write(text)
        assert fingerprint(Sources([copied])) != written
        assert fingerprint(Sources([SHIPPED, copied])) != written
        (copied / file).unlink()
        assert (fingerprint(Sources([copied])) == written) == (before is None)
        if before is not None:
            (copied / file).write_bytes(before)
    assert fingerprint(Sources([copied])) == written


def test_a_folder_remembers_what_was_checked(tmp_path: Path, checks: list[Sources]) -> None:
    own, folder = tmp_path / "own", tmp_path / "to" / "remember"
    shutil.copytree(GOOD, own)

    def again() -> Library:
        return load(own, base=None, proved=folder)

    first, second = again(), again()
    assert len(checks) == 1
    assert {name: rules.guidance for name, rules in first.by_digest.items()} == {
        name: rules.guidance for name, rules in second.by_digest.items()
    }
    load(own, base=None)
    assert len(checks) == 2, "without a folder everything is checked"
    with (own / "law.yaml").open("a", encoding="utf-8") as more:
        more.write("\n")
    again()
    assert len(checks) == 3


def test_what_has_an_error_is_not_remembered(tmp_path: Path, checks: list[Sources]) -> None:
    own, folder = tmp_path / "own", tmp_path / "remember"
    shutil.copytree(GOOD, own)
    (own / "routines" / "broken.yaml").write_text("routine: broken\n", "utf-8")
    for times in (1, 2):
        with pytest.raises(BadDefinition):
            load(own, base=None, proved=folder)
        assert len(checks) == times
    assert not folder.exists()


def test_other_code_checks_again(tmp_path: Path, checks: list[Sources], monkeypatch: pytest.MonkeyPatch) -> None:
    load(GOOD, base=None, proved=tmp_path)
    monkeypatch.setattr(proved, "_code", lambda: "other")
    load(GOOD, base=None, proved=tmp_path)
    assert len(checks) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": "x", "routines": {}}', '{"routines": 3}'])
def test_a_torn_or_strange_note_is_none(tmp_path: Path, checks: list[Sources], text: str) -> None:
    load(GOOD, base=None, proved=tmp_path)
    (note,) = tmp_path.iterdir()
    note.write_text(text, "utf-8")
    load(GOOD, base=None, proved=tmp_path)
    assert len(checks) == 2


def test_where_nothing_can_be_remembered_everything_is_checked(tmp_path: Path, checks: list[Sources]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for times in (1, 2):
        load(GOOD, base=None, proved=tmp_path / "file" / "folder")
        assert len(checks) == times


def test_a_note_that_gives_a_routine_another_digest_is_not_believed(tmp_path: Path) -> None:
    """A run is never judged by rules other than those it was opened under."""
    named = load(GOOD, base=None, proved=tmp_path).versions["tower"][0].digest
    (note,) = tmp_path.iterdir()
    note.write_text(note.read_text("utf-8").replace(named, "0" * 64), "utf-8")
    tampered = load(GOOD, base=None, proved=tmp_path)
    for ask in (lambda: tampered.by_digest["0" * 64], lambda: tampered.versions["tower"]):
        with pytest.raises(Broken, match="definition_missing"):
            ask()
    assert tampered.versions["lamp"]


def test_a_value_is_made_once_and_only_when_asked_for() -> None:
    made: list[str] = []
    start = threading.Barrier(8)

    def make(key: str) -> object:
        made.append(key)
        return object()

    values = OnDemand(["a", "b"], make)
    assert (list(values), len(values), "a" in values, "c" in values, made) == (["a", "b"], 2, True, False, [])
    seen: list[object] = []

    def ask() -> None:
        start.wait()
        seen.append(values["a"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (made, len(set(map(id, seen)))) == (["a"], 1)
    with pytest.raises(KeyError):
        values["c"]
    over = laid_over(values, {"b": 1, "c": 2})
    assert (made, over["b"], over["c"], over["a"], list(over)) == (["a"], 1, 2, seen[0], ["a", "b", "c"])


def test_what_could_not_be_made_is_tried_again() -> None:
    tries = iter((OSError("torn"), None))

    def make(_: str) -> str:
        if (failure := next(tries)) is not None:
            raise failure
        return "made"

    values = OnDemand(["a"], make)
    with pytest.raises(OSError, match="torn"):
        values["a"]
    assert values["a"] == "made"


def test_texts_are_read_anew_when_their_bytes_differ(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for said in ("Först", "Sedan", "Först"):
        (tmp_path / "texts" / "own.yaml").write_text(f"greeting: {{ sv: {said} }}\n", "utf-8")
        assert words_of(Sources([tmp_path]))["own.greeting"].sv == said
