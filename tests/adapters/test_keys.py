"""The sealing: what opens, what refuses, what outlives a process, and what must never be found on disk."""

import base64
import copy
import os
import pickle
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters import key_database
from stegvis.adapters.key_database import KeyRingMissing, NotCleaned
from stegvis.adapters.key_file import (
    KeyFile,
    KeyFileDamaged,
    KeyFileExists,
    KeyFileExposed,
    KeyFileMissing,
    KeyFileUnreadable,
    WrongKey,
)
from stegvis.adapters.keys import KeyRing, MemoryKeys, beside
from stegvis.engine.ports import Sealer
from stegvis.routines.errors import SealError

from .forking import ended, in_child

ORIGIN, UNIT, BOUND = "skola.example/log", "run-1", b"case-1|record-1"
WORDS = "hon sa att hon är rädd".encode()

Place: TypeAlias = tuple[str, str, bytes]
places: st.SearchStrategy[Place] = st.tuples(st.text(max_size=12), st.text(max_size=12), st.binary(max_size=40))
posix = pytest.mark.skipif(sys.platform == "win32", reason="file modes and fork are POSIX")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cases.db"


@pytest.fixture
def ring(database: Path) -> Iterator[KeyRing]:
    with KeyRing.at(database, create=True) as ring:
        yield ring


@pytest.fixture(params=["ring", "memory"])
def keys(request: pytest.FixtureRequest) -> Sealer:
    return MemoryKeys() if request.param == "memory" else request.getfixturevalue("ring")


def reason(refused: Callable[[], object]) -> str:
    with pytest.raises(SealError) as caught:
        refused()
    return caught.value.reason


class Watched:
    """A key-encryption key that remembers every data key it was handed."""

    def __init__(self, kek: KeyFile) -> None:
        self.id = kek.id
        self.kek = kek
        self.seen: set[bytes] = set()
        self.wrapped: set[bytes] = set()

    def wrap(self, key: bytes) -> bytes:
        self.seen.add(key)
        self.wrapped.add(wrapped := self.kek.wrap(key))
        return wrapped

    def unwrap(self, wrapped: bytes) -> bytes:
        return self.kek.unwrap(wrapped)


# What opens, and what does not


@settings(deadline=None)
@given(place=places, text=st.binary(max_size=400))
def test_a_cell_opens_to_what_was_sealed(place: Place, text: bytes) -> None:
    keys = MemoryKeys()
    origin, unit, bound = place
    keys.ensure(origin, unit)
    assert keys.open(origin, unit, keys.seal(origin, unit, text, bound), bound) == text


@settings(deadline=None)
@given(here=places, there=places, text=st.binary(max_size=40))
def test_a_cell_opens_nowhere_else(here: Place, there: Place, text: bytes) -> None:
    origin, unit, bound = here
    keys = MemoryKeys()
    keys.ensure(origin, unit)
    cell = keys.seal(origin, unit, text, bound)
    for elsewhere in {there, (unit, origin, bound), (origin, unit, bound + b"\0")} - {here}:
        keys.ensure(*elsewhere[:2])
        assert reason(lambda at=elsewhere: keys.open(at[0], at[1], cell, at[2])) == "bad_cell"


@pytest.mark.parametrize(
    ("origin", "unit", "bound"),
    [
        ("other", UNIT, BOUND),
        (ORIGIN, "run-2", BOUND),
        (ORIGIN, UNIT, BOUND + b"0"),
        (UNIT, ORIGIN, BOUND),
        pytest.param(ORIGIN[:-1], ORIGIN[-1] + UNIT, BOUND, id="border of origin and unit moved"),
        pytest.param(ORIGIN, UNIT + BOUND[:1].decode(), BOUND[1:], id="border of unit and bound moved"),
    ],
)
def test_associated_data_alone_hold_a_cell_in_its_place(
    database: Path, ring: KeyRing, origin: str, unit: str, bound: bytes
) -> None:
    """Even an attacker who gives two units the same data key cannot move a cell between them."""
    ring.ensure(ORIGIN, UNIT)
    cell = ring.seal(ORIGIN, UNIT, WORDS, BOUND)
    db = sqlite3.connect(beside(database).keys, isolation_level=None)
    db.execute("INSERT OR IGNORE INTO data_key SELECT ?, ?, kek, wrapped FROM data_key", (origin, unit))
    db.close()
    assert ring.open(ORIGIN, UNIT, cell, BOUND) == WORDS
    assert reason(lambda: ring.open(origin, unit, cell, bound)) == "bad_cell"


def test_every_flipped_bit_and_every_cut_is_noticed(keys: Sealer) -> None:
    keys.ensure(ORIGIN, UNIT)
    cell = keys.seal(ORIGIN, UNIT, WORDS, BOUND)
    assert keys.open(ORIGIN, UNIT, cell, BOUND) == WORDS
    flipped = [cell[: i // 8] + bytes([cell[i // 8] ^ 1 << i % 8]) + cell[i // 8 + 1 :] for i in range(8 * len(cell))]
    cut = [cell[:length] for length in range(len(cell))]
    for bad in [*flipped, *cut, cell + b"\0"]:
        assert reason(lambda bad=bad: keys.open(ORIGIN, UNIT, bad, BOUND)) == "bad_cell"


def test_without_ensure_there_is_no_key(keys: Sealer) -> None:
    assert reason(lambda: keys.seal(ORIGIN, UNIT, WORDS, BOUND)) == "no_key"
    assert reason(lambda: keys.open(ORIGIN, UNIT, b"\1" + bytes(60), BOUND)) == "no_key"


def test_ensure_twice_keeps_the_key(keys: Sealer) -> None:
    keys.ensure(ORIGIN, UNIT)
    cell = keys.seal(ORIGIN, UNIT, WORDS, BOUND)
    keys.ensure(ORIGIN, UNIT)
    assert keys.open(ORIGIN, UNIT, cell, BOUND) == WORDS


def test_two_keys_with_one_name_are_two_keys() -> None:
    here, there = MemoryKeys(), MemoryKeys()
    here.ensure(ORIGIN, UNIT)
    there.ensure(ORIGIN, UNIT)
    cell = here.seal(ORIGIN, UNIT, WORDS, BOUND)
    assert reason(lambda: there.open(ORIGIN, UNIT, cell, BOUND)) == "bad_cell"


def test_more_units_than_the_ring_keeps_ready_still_open(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stegvis.adapters.keys.CACHED_KEYS", 3)
    units = [f"run-{n}" for n in range(12)]
    with KeyRing.at(database, create=True) as small:
        for unit in units:
            small.ensure(ORIGIN, unit)
        cells = {unit: small.seal(ORIGIN, unit, unit.encode(), BOUND) for unit in units}
        assert all(small.open(ORIGIN, unit, cells[unit], BOUND) == unit.encode() for unit in units)


# The pair of files


def test_the_pair_stands_beside_the_database(database: Path, ring: KeyRing) -> None:
    assert beside(database) == (database.with_name("cases.db.keys"), database.with_name("cases.db.kek"))
    ring.ensure(ORIGIN, UNIT)
    cell = ring.seal(ORIGIN, UNIT, WORDS, BOUND)
    with KeyRing.at(database) as again:
        assert again.open(ORIGIN, UNIT, cell, BOUND) == WORDS


def test_the_key_file_can_be_moved_away(database: Path, tmp_path: Path) -> None:
    KeyRing.at(database, create=True).close()
    safe = tmp_path / "safe"
    safe.mkdir()
    elsewhere = beside(database).kek.rename(safe / "stegvis.kek")
    KeyRing.at(database, key_file=elsewhere).close()
    assert reason(lambda: KeyRing.at(database)) == "key_file_missing"


def test_nothing_is_made_unasked(database: Path) -> None:
    assert reason(lambda: KeyRing.at(database)) == "key_ring_missing"
    assert list(database.parent.iterdir()) == []


@pytest.mark.parametrize("used", [True, False])
def test_a_lost_key_file_is_loud_and_no_new_one_is_made(database: Path, used: bool) -> None:
    with KeyRing.at(database, create=True) as ring:
        if used:
            ring.ensure(ORIGIN, UNIT)
    beside(database).kek.unlink()
    for create in (False, True):
        with pytest.raises(KeyFileMissing, match="put it back"):
            KeyRing.at(database, create=create)
    assert not beside(database).kek.exists()


@pytest.mark.parametrize("emptied", [True, False])
def test_a_lost_key_database_is_loud_and_no_new_one_is_made(database: Path, emptied: bool) -> None:
    with KeyRing.at(database, create=True) as ring:
        ring.ensure(ORIGIN, UNIT)
    if emptied:
        beside(database).keys.write_bytes(b"")
    else:
        beside(database).keys.unlink()
    for create in (False, True):
        assert reason(lambda create=create: KeyRing.at(database, create=create)) == (
            "keys_damaged" if emptied else "key_ring_missing"
        )
    assert beside(database).keys.exists() == emptied


def test_a_creation_that_was_cut_short_is_finished(database: Path) -> None:
    """The process died after the database was made and before the key file: no key can have been lost."""
    KeyRing.at(database, create=True).close()
    beside(database).kek.unlink()
    with sqlite3.connect(beside(database).keys) as db:
        db.execute("DELETE FROM ring")
    db.close()
    assert reason(lambda: KeyRing.at(database)) == "key_file_missing"
    with KeyRing.at(database, create=True) as ring:
        ring.ensure(ORIGIN, UNIT)
    KeyRing.at(database).close()


def test_another_rings_key_is_refused(database: Path, tmp_path: Path) -> None:
    KeyRing.at(database, create=True).close()
    other = KeyFile.create(tmp_path / "other.kek")
    with pytest.raises(WrongKey) as caught:
        KeyRing.at(database, key_file=tmp_path / "other.kek", create=True)
    assert caught.value.details["found"] == other.id
    with pytest.raises(KeyRingMissing):
        KeyRing(tmp_path / "none.keys", other)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.kek"
    KeyFile.create(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileExists):
        KeyFile.create(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\n", b"ab" * 31, b"ab" * 33, b"xy" * 32, b"ab" * 32 + b"\nab", bytes(32)])
def test_a_key_file_of_the_wrong_length_or_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.kek"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileDamaged, match="backup"):
        KeyFile(path)


@posix
def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.kek"
    KeyFile.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o620, 0o601, 0o666):
        path.chmod(mode)
        with pytest.raises(KeyFileExposed, match="chmod 600"):
            KeyFile(path)
    path.chmod(0o400)
    assert KeyFile(path).id


def test_a_key_file_that_is_no_file_or_has_no_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnreadable):
        KeyFile(tmp_path)
    assert reason(lambda: KeyFile.create(tmp_path / "none" / "a.kek")) == "key_file_unwritable"


@posix
def test_a_key_database_that_turns_read_only_leaves_nothing_behind_that_stays_so() -> None:
    """As somebody whom the file system does not let do everything."""

    def as_nobody(directory: Path) -> None:
        if os.geteuid() == 0:
            os.chown(directory, 65534, 65534)
            os.setgid(65534)
            os.setuid(65534)
        database = directory / "cases.db"
        KeyRing.at(database, create=True).close()
        keys, _ = beside(database)
        for path in (keys, directory):
            before = path.stat().st_mode
            path.chmod(0o555 if path.is_dir() else 0o400)
            assert reason(lambda: KeyRing.at(database).ensure(ORIGIN, UNIT)) == "keys_read_only"
            path.chmod(before)
            with KeyRing.at(database) as ring:
                ring.ensure(ORIGIN, f"run-{path.is_dir()}")

    with tempfile.TemporaryDirectory() as directory:
        assert ended(in_child(lambda: as_nobody(Path(directory)))) == 0


@posix
def test_only_the_owner_can_read_any_of_the_files(ring: KeyRing, database: Path) -> None:
    ring.ensure(ORIGIN, UNIT)
    modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 4


# What must not be found


def test_no_key_and_no_plaintext_is_on_disk(database: Path) -> None:
    with KeyRing.at(database, create=True):
        kek = Watched(KeyFile(beside(database).kek))
    with KeyRing(beside(database).keys, kek) as ring:
        for n in range(50):
            ring.ensure(ORIGIN, f"run-{n}")
            ring.open(ORIGIN, f"run-{n}", ring.seal(ORIGIN, f"run-{n}", WORDS, BOUND), BOUND)
        found = b"".join(path.read_bytes() for path in database.parent.glob("cases.db.keys*"))
    found += beside(database).keys.read_bytes()
    assert len(kek.seen) == 50
    assert all(wrapped in found for wrapped in kek.wrapped), "the search itself must be able to find something"
    master = bytes.fromhex(beside(database).kek.read_text())
    for secret in {*kek.seen, master, WORDS}:
        for form in (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret)):
            assert form not in found


def test_nothing_prints_or_pickles_a_key(database: Path) -> None:
    keys = MemoryKeys()
    with KeyRing.at(database, create=True) as ring:
        file = KeyFile(beside(database).kek)
        for holder in (keys, ring, file):
            if not isinstance(holder, KeyFile):
                holder.ensure(ORIGIN, UNIT)
            said = f"{holder!r} {holder!s} {holder}"
            assert beside(database).kek.read_text().strip() not in said
            assert len(said) < 300
            for carry in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match="never pickled"):
                    carry(holder)
    assert repr(ring) == f"KeyRing(file='cases.db.keys', kek='{file.id}')"
    assert repr(keys) == "MemoryKeys(1 units)"


# Rotation


def test_rotation_opens_all_under_the_new_key_and_leaves_nothing_of_the_old(database: Path, tmp_path: Path) -> None:
    KeyRing.at(database, create=True).close()
    old = Watched(KeyFile(beside(database).kek))
    new = KeyFile.create(tmp_path / "new.kek")
    # A longer id moves rows between pages, which is when stale bytes could be left behind.
    new.id = new.id + "-" * 60
    units = [f"run-{n}" for n in range(300)]
    with KeyRing(beside(database).keys, old) as ring:
        for unit in units:
            ring.ensure(ORIGIN, unit)
        cells = {unit: ring.seal(ORIGIN, unit, WORDS, BOUND) for unit in units}
        assert ring.rotate(new) == len(units)
        on_disk = b"".join(path.read_bytes() for path in database.parent.glob("cases.db.keys*"))
        assert not any(wrapped in on_disk for wrapped in old.wrapped)
        assert old.id.encode() not in on_disk
        ring.ensure(ORIGIN, "after")
    with KeyRing(beside(database).keys, new) as again:
        assert all(again.open(ORIGIN, unit, cells[unit], BOUND) == WORDS for unit in units)
        again.ensure(ORIGIN, "after")
        assert again.rotate(new) == len(units) + 1
    assert reason(lambda: KeyRing.at(database)) == "wrong_key"


def test_a_ring_opened_before_a_rotation_makes_no_key_under_the_old_one(ring: KeyRing, database: Path) -> None:
    ring.ensure(ORIGIN, UNIT)
    cell = ring.seal(ORIGIN, UNIT, WORDS, BOUND)
    new = KeyFile.create(database.with_name("new.kek"))
    with KeyRing.at(database) as other:
        other.ensure(ORIGIN, "run-2")
        other.rotate(new)
    assert ring.open(ORIGIN, UNIT, cell, BOUND) == WORDS
    for late in (lambda: ring.ensure(ORIGIN, "run-3"), lambda: ring.ensure(ORIGIN, "run-2"), lambda: ring.rotate(new)):
        assert reason(late) == "wrong_key"
    with KeyRing.at(database, key_file=database.with_name("new.kek")) as again:
        assert reason(lambda: again.seal(ORIGIN, "run-3", WORDS, BOUND)) == "no_key"


class Forgetful(Watched):
    """Wraps, and after a while cannot give back what it wrapped."""

    def unwrap(self, wrapped: bytes) -> bytes:
        return self.kek.unwrap(wrapped) if len(self.seen) < 3 else bytes(32)


def test_a_rotation_that_fails_halfway_changes_nothing(ring: KeyRing, database: Path) -> None:
    cells: list[bytes] = []
    for n in range(5):
        ring.ensure(ORIGIN, f"run-{n}")
        cells.append(ring.seal(ORIGIN, f"run-{n}", WORDS, BOUND))
    assert reason(lambda: ring.rotate(Forgetful(KeyFile.create(database.with_name("new.kek"))))) == "wrong_key"
    ring.ensure(ORIGIN, "run-5")
    with KeyRing.at(database) as again:
        assert all(again.open(ORIGIN, f"run-{n}", cell, BOUND) == WORDS for n, cell in enumerate(cells))


def test_a_rotation_says_when_a_reader_keeps_the_old_pages(
    ring: KeyRing, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_database, "BUSY_SECONDS", 0.05)
    ring.ensure(ORIGIN, UNIT)
    new = KeyFile.create(database.with_name("new.kek"))
    reader = sqlite3.connect(beside(database).keys, isolation_level=None)
    with KeyRing.at(database) as hasty:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM data_key").fetchone()
        with pytest.raises(NotCleaned, match="again"):
            hasty.rotate(new)
        reader.close()
        assert hasty.rotate(new) == 1
