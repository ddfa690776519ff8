"""The signer never contradicts itself, whatever becomes of the database, the disk or another process."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.audit.checkpoints import AuditLog, Made
from stegvis.adapters.audit.note import Checkpoint, read_checkpoint, read_vkey, signed_by
from stegvis.adapters.audit.policy import read_policy
from stegvis.adapters.audit.signer import SignerFolder, SigningKey
from stegvis.adapters.audit.sinks import read_notes
from stegvis.adapters.audit.tree import Frontier, Tree, consistent
from stegvis.adapters.audit.verify import compare, head_entry, heads_root
from stegvis.adapters.memory import MemoryStore
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash, seal_access
from stegvis.engine.verify import verify_log
from stegvis.routines.errors import BadInput, Broken, NotFound, SealError, StegvisError, StoreError
from stegvis.routines.library import SHIPPED

from ..engine.plays import Player
from ..engine.toys import SCHOOL

ORIGIN = "kommun.example/skola"
NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
RECORD: Any = jsonschema.Draft7Validator(json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8")))


def clock() -> datetime:
    return NOW


def row(number: int) -> RecordRow:
    record = seal_access({"type": "read", "org": SCHOOL, "number": number}, ORIGIN, os.urandom, clock)
    return RecordRow(record.id, None, None, record.body, record.leaf, None, None)


class Desk:
    """A log in memory, so that it can be rewritten, and its signer on disk."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        self.folder = folder
        self.log = AuditLog(self.store, SCHOOL, ORIGIN, folder)

    def grow(self, count: int) -> None:
        self.store.note(SCHOOL, [row(number) for number in range(count)])

    def sign(self, **more: Any) -> Made:
        return self.log.checkpoint(clock, os.urandom, **more)

    @property
    def records(self) -> list[RecordRow]:
        return self.store._organisations[SCHOOL].log

    def types(self) -> list[str]:
        return [orjson.loads(one.body)["type"] for one in self.records]


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "signer")
    made.grow(5)
    return made


@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=5))
@settings(deadline=None, max_examples=6)
def test_each_checkpoint_begins_with_the_one_before_and_is_the_root_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int]
) -> None:
    at = Desk(tmp_path_factory.mktemp("signer"))
    before = 0
    for count in counts:
        at.grow(count)
        made = at.sign()
        tree = Tree(leaf_hash(one.body) for one in at.records)
        assert (made.size, made.root) == (len(tree), tree.root(len(tree)))
        assert made.grown == made.size - before
        assert list(at.log.tiles.leaves(made.size)) == [one.leaf for one in at.records]
        policy = read_policy((at.folder / "policy").read_bytes())
        assert policy.checkpoint(made.note) == read_checkpoint(made.note.text)
        if before:
            proof = tree.consistency(before, made.size)
            assert consistent(before, tree.root(before), made.size, made.root, proof)
        before = made.size


def test_a_log_that_is_shorter_than_what_was_signed_is_not_signed(at: Desk) -> None:
    size = at.sign().size
    gone = at.records[-2:]
    del at.records[-2:]
    with pytest.raises(Broken, match="signed_further") as error:
        at.sign()
    assert error.value.details["size"] == size
    at.grow(3)
    with pytest.raises(Broken, match="signed_other"):
        at.sign()
    at.records[-3:] = gone
    assert at.sign().size == size


def test_after_an_accepted_loss_a_signer_begins_anew_under_another_key(at: Desk) -> None:
    old = read_vkey(at.sign().new_key or "")
    del at.records[-2:]
    at.folder.rename(at.folder.with_name("aside"))
    after = at.sign()
    assert read_vkey(after.new_key or "") != old
    assert signed_by(after.note, [old]) == []
    kept = read_checkpoint(read_notes((at.folder.with_name("aside") / "checkpoints").read_bytes())[0].text)
    assert compare(at.records, [kept]).bad is not None


def test_what_was_changed_before_is_never_signed_over(at: Desk) -> None:
    """An edit far back is the auditor's to find: the signer goes on from what it knows, so that they can."""
    first = read_checkpoint(at.sign().note.text)
    at.records[1] = row(99)
    at.grow(2)
    after = read_checkpoint(at.sign().note.text)
    for checkpoint in (first, after):
        assert compare(at.records, [checkpoint], at.log.tiles.leaves(checkpoint.size)).bad == ("record_differs", 2, 2)


def test_leaves_that_were_kept_of_a_longer_log_serve_an_older_checkpoint(at: Desk) -> None:
    at.sign()
    leaves = [one.leaf for one in at.records]
    tree = Tree(leaves)
    older = Checkpoint(ORIGIN, 3, tree.root(3))
    assert compare(at.records[:2], [older], leaves).bad == ("log_short", 3, 3)
    assert compare([*at.records[:1], row(9), *at.records[2:]], [older], leaves).bad == ("record_differs", 2, 2)
    # Leaves of another log are no help, and do no harm.
    assert compare(at.records[:2], [older], [bytes(32)] * 9).bad == ("log_short", 1, 3)
    assert compare(at.records, [older], [bytes(32)] * 9).bad is None


def test_a_record_that_is_not_what_its_leaf_says_is_not_signed(at: Desk) -> None:
    at.sign()
    at.grow(3)
    at.records[-2] = at.records[-2]._replace(leaf=bytes(32))
    with pytest.raises(Broken, match="cannot_sign") as error:
        at.sign()
    assert error.value.details["index"] == len(at.records) - 1


def test_a_gap_is_not_signed(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def gapped(organisation: str, *, after: int = 0, payloads: bool = True) -> Iterator[tuple[int, RecordRow]]:
        found = MemoryStore.log(at.store, organisation, after=after, payloads=payloads)
        return ((index + (index > 3), one) for index, one in found)

    monkeypatch.setattr(at.store, "log", gapped)
    with pytest.raises(Broken, match="cannot_sign"):
        at.sign()


def test_the_same_log_gets_the_same_words(at: Desk) -> None:
    first, again = at.sign(), at.sign()
    assert first.note == again.note
    assert (again.grown, again.new_key) == (0, None)
    assert (at.folder / "checkpoints").read_bytes() == first.note.bytes() + b"\n"


def test_the_keys_are_readable_by_their_owner_alone(at: Desk) -> None:
    at.sign()
    (path,) = (at.folder / "keys").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert text.startswith(f"PRIVATE+KEY+{ORIGIN}+{path.stem}+")
    path.chmod(0o640)
    with pytest.raises(SealError, match="key_file_exposed"):
        at.sign()
    path.chmod(0o600)
    for bad in ("", text[:-1], text.replace(path.stem, "00000000"), text.replace("PRIVATE", "private"), text * 2):
        path.write_text(bad)
        with pytest.raises(SealError, match="signing_key_damaged"):
            at.sign()
    path.write_text(text)
    secret = text.split("+", 4)[4].strip()  # it may hold a plus itself
    assert secret not in repr(SigningKey(path))
    assert secret not in (at.folder / "last").read_text()


def test_a_signer_that_has_lost_its_key_or_its_memory_does_not_begin_again(at: Desk) -> None:
    at.sign()
    key, last = next((at.folder / "keys").iterdir()), at.folder / "last"
    aside = key.with_suffix(".away")
    key.rename(aside)
    with pytest.raises(SealError, match="no_signing_key"):
        at.sign()
    aside.rename(key)
    memory = last.read_bytes()
    last.unlink()
    with pytest.raises(StoreError, match="signer_memory_missing"):
        at.sign()
    said = json.loads(memory)
    changed: list[dict[str, Any]] = [
        {"size": said["size"] + 1},
        {"peaks": []},
        {"leaf": 1},
        {"note": "x"},
        {"size": "a"},
    ]
    changed += [{"peaks": ["00" * 32] * len(said["peaks"])}, {"note": said["note"].replace(ORIGIN, "a")}]
    for one in changed:
        last.write_text(json.dumps({**said, **one}))
        with pytest.raises(StoreError, match="signer_memory_damaged"):
            at.sign()
    last.write_bytes(memory[:-9])
    with pytest.raises(StoreError, match="signer_memory_damaged"):
        at.sign()
    last.write_bytes(memory)
    assert at.sign().grown == 0


def test_a_key_of_another_log_does_not_sign_for_this_one(at: Desk) -> None:
    at.sign()
    SigningKey.create(at.folder / "keys", "kommun.example/annan")
    with pytest.raises(SealError, match="no_signing_key"):
        at.sign()


def test_tiles_that_were_lost_are_made_anew(at: Desk) -> None:
    at.sign()
    for path in (at.folder / "tile" / "0" / "000.p").iterdir():
        path.unlink()
    at.grow(1)
    size = at.sign().size
    assert list(at.log.tiles.leaves(size)) == [one.leaf for one in at.records]


def test_keys_overlap_and_the_log_says_so(at: Desk) -> None:
    first = read_vkey(at.sign().new_key or "")
    second = read_vkey(at.sign(new_key=True).new_key or "")
    assert at.sign().new_key is None
    last = at.sign(retire=first.id.hex())
    assert signed_by(last.note, [first, second]) == sorted([first, second], key=lambda one: one.id)
    at.grow(1)
    assert signed_by(at.sign().note, [first, second]) == [second]
    said = [orjson.loads(one.body) for one in at.records]
    config = [(one["why"], one["vkey"]) for one in said if one["type"] == "config"]
    assert config == [
        (["key_added"], first.vkey()),
        (["key_added"], second.vkey()),
        (["key_retired"], first.vkey()),
    ]
    assert all(RECORD.is_valid(one) for one in said if one["type"] == "config")
    policy = read_policy((at.folder / "policy").read_bytes())
    assert set(policy.logs) == {first, second}


def test_a_key_that_is_not_there_or_is_the_only_one_stays(at: Desk) -> None:
    only = read_vkey(at.sign().new_key or "").id.hex()
    before = len(at.records)
    with pytest.raises(BadInput, match="last_key"):
        at.sign(retire=only)
    with pytest.raises(NotFound, match="unknown_key") as error:
        at.sign(retire="00000000")
    assert error.value.details["known"] == only
    assert len(at.records) == before


@pytest.mark.parametrize("stopped", range(12))
def test_stopped_anywhere_it_goes_on_and_never_says_two_things_of_one_size(
    at: Desk, monkeypatch: pytest.MonkeyPatch, stopped: int
) -> None:
    """Whichever sync to the disk fails: what was handed out stays true, and the next try gets there."""
    seen: dict[int, bytes] = {}
    left = stopped
    real = os.fsync

    def fails(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(5, "no")
        real(handle)

    for _ in range(2):
        at.grow(2)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            with suppress(StegvisError):
                at.sign(heads_every=timedelta(0))
        made = at.sign()
        checkpoint = read_checkpoint(made.note.text)
        assert seen.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
        assert (at.folder / "checkpoint").read_bytes() == made.note.bytes()
        assert compare(at.records, [checkpoint], at.log.tiles.leaves(checkpoint.size)).bad is None


def test_threads_that_sign_at_once_say_the_same_of_each_size(at: Desk) -> None:
    made: list[Made] = []

    def work() -> None:
        log = AuditLog(at.store, SCHOOL, ORIGIN, at.folder)
        for _ in range(4):
            at.grow(1)
            made.append(log.checkpoint(clock, os.urandom))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 12
    roots = {(one.size, one.root) for one in made}
    assert len({size for size, _ in roots}) == len(roots)
    tree = Tree(one.leaf for one in at.records)
    assert all(tree.root(size) == root for size, root in roots)


def test_who_waits_in_vain_for_another_signer_is_told(at: Desk) -> None:
    at.sign()
    with at.log.signer.alone(), pytest.raises(StoreError, match="signer_busy"), at.log.signer.alone(0.05):
        pass


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="signer_unwritable"), SignerFolder(tmp_path / "file" / "in", ORIGIN).alone():
        pass


# Case heads


class Later:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def played(seed: int, folder: Path) -> tuple[Player, AuditLog]:
    player = Player(seed).play(25)
    while not any(organisation == SCHOOL for organisation, _ in player.cases()):
        player.play(5)
    origin = player.world.engine.files.origin(SCHOOL)
    return player, AuditLog(player.world.store, SCHOOL, origin, folder)


def test_once_a_day_the_log_says_where_every_case_stands(tmp_path: Path) -> None:
    player, log = played(3, tmp_path)
    later, store = Later(), player.world.store
    for hours, expected in ((0, 1), (1, 1), (23, 1), (24, 1), (25, 2)):
        later.now = NOW + timedelta(hours=hours)
        if hours == 25:
            player.play(10)
        log.checkpoint(later, os.urandom)
        rows = [one for _, one in store.log(SCHOOL)]
        said = [orjson.loads(one.body) for one in rows if b'"case.heads"' in one.body]
        # After a day without anything new there is nothing to say.
        assert len(said) == expected, hours
    assert all(RECORD.is_valid(one) for one in said)
    assert compare(rows, []).bad is None
    assert list(verify_log(store, SCHOOL, log.origin)) == []
    last = said[-1]
    ends: dict[str, tuple[int, bytes]] = {}
    for one in rows[: last["upto"]]:
        if one.case is not None and one.cseq is not None:
            ends[one.case] = (one.cseq, one.leaf)
    tree = Tree(leaf_hash(head_entry(case, *ends[case])) for case in sorted(ends))
    assert (last["count"], last["root"]) == (len(ends), tree.root(len(ends)).hex())
    assert head_entry("ab", 3, b"\1") == b'["ab",3,"01"]'


@given(data=st.data())
@settings(deadline=None, max_examples=8)
def test_a_false_word_on_the_cases_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    player, log = played(data.draw(st.integers(0, 5)), tmp_path_factory.mktemp("heads"))
    log.checkpoint(clock, os.urandom)
    rows = [one for _, one in player.world.store.log(SCHOOL)]
    place, honest = next((at, one) for at, one in enumerate(rows) if b'"case.heads"' in one.body)
    said = orjson.loads(honest.body)
    change = data.draw(
        st.sampled_from(
            [
                {"count": said["count"] + 1},
                {"root": "00" * 32},
                {"upto": said["upto"] - 1, "root": said["root"][::-1]},
                {"upto": place + 1},
                {"upto": 10**9},
                {"upto": -(10**6)},
                {"upto": "1"},
                {"count": None},
            ]
        )
    )
    body = orjson.dumps({**said, **change}, option=orjson.OPT_SORT_KEYS)
    forged = [*rows[:place], honest._replace(body=body), *rows[place + 1 :]]
    assert compare(forged, []).bad == ("heads_differ", place + 1, place + 1)
    broken = honest._replace(body=body[:-1])
    assert compare([*rows[:place], broken, *rows[place + 1 :]], []).bad == ("heads_differ", place + 1, place + 1)


def test_work_that_came_between_does_not_make_the_word_false(tmp_path: Path) -> None:
    player, log = played(1, tmp_path)
    store = player.world.store
    upto, heads = store.case_heads(SCHOOL)
    player.play(20)
    root = heads_root(heads).hex()
    log._say(clock, os.urandom, {"type": "case.heads", "upto": upto, "count": len(heads), "root": root})
    rows = [one for _, one in store.log(SCHOOL)]
    assert len(rows) > upto + 1
    assert compare(rows, []).bad is None
    assert heads_root(reversed(heads)).hex() == root
    assert heads_root([]) == Frontier().root()


def test_an_empty_log_can_be_signed(tmp_path: Path) -> None:
    at = Desk(tmp_path)
    assert at.sign().size == 1
    assert at.types() == ["config"]
