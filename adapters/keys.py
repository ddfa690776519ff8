"""The real sealing: AES-256-GCM under one random data key for each retention unit, and a ring that keeps those keys.

A cell is ``version byte | nonce (12) | ciphertext and tag``. Its associated data are origin, unit and ``bound``, each
after its length (4 bytes, big-endian), so that a cell opens only where it was sealed. Nonces are random (NIST
SP 800-38D, 8.2.2), asked of the operating system one at a time: a batch would save 0.4 us and could be used twice
after a fork. A key may seal 2**32 cells; a unit never comes near.

A data key is stored wrapped with AES-KWP (RFC 5649) under a key-encryption key that lives elsewhere: in a file
(``KeyFile``) or behind any ``KeyEncryption``. For ``cases.db`` the ring is ``cases.db.keys`` and the key file
``cases.db.kek``.

**Move the key file away** from the database it protects, to a place with a backup of its own, and say where with
``key_file``. Who holds both reads everything; who has lost the key file reads nothing, ever again.
"""

import hmac
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stegvis.routines.errors import SealError

from .key_database import KeyDatabase, KeyRingMissing, kek_in_use, wipe
from .key_file import KEY_BYTES, KeyEncryption, KeyFile, KeyFileExists, KeyFileMissing, Secret, WrongKey

NONCE_BYTES = 12
TAG_BYTES = 16
VERSION = b"\x01"

CACHED_KEYS = 4096
"""Data keys that a ring keeps ready, about 2.5 KiB each; the one longest unused goes first. A key in here outlives its
row in the file: a process forgets a destroyed key only when it closes the ring or ends."""


class Beside(NamedTuple):
    """The two files that belong to a database."""

    keys: Path
    kek: Path


def beside(database: Path) -> Beside:
    """Name the ring and the key file of a database: ``cases.db.keys`` and ``cases.db.kek`` for ``cases.db``."""
    return Beside(database.with_name(database.name + ".keys"), database.with_name(database.name + ".kek"))


class _DataKey(NamedTuple):
    cipher: AESGCM
    place: bytes
    """Origin and unit, as every cell under the key binds them."""
    digesting: bytes
    """A key of its own for keyed digests, derived from the data key; it opens nothing."""


class _Cells(Secret, ABC):
    """Seals and opens cells; where a unit's key comes from is for the subclass to say."""

    __slots__ = ()

    @abstractmethod
    def _key(self, origin: str, unit: str) -> _DataKey: ...

    def mac(self, origin: str, unit: str, text: bytes) -> bytes:
        """A keyed digest (HMAC-SHA-256) that nobody without the unit's key can guess the text from.

        Raises:
            SealError: ``no_key``.
        """
        return hmac.digest(self._key(origin, unit).digesting, text, "sha256")

    def seal(self, origin: str, unit: str, text: bytes, bound: bytes) -> bytes:
        """Encrypt ``text`` so that it opens only under the same origin, unit and ``bound``.

        Raises:
            SealError: ``no_key`` when ``ensure`` has not made the unit's key.
        """
        key = self._key(origin, unit)
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + key.cipher.encrypt(nonce, text, key.place + _measured(bound))

    def open(self, origin: str, unit: str, cell: bytes, bound: bytes) -> bytes:
        """Decrypt what ``seal`` answered.

        Raises:
            SealError: ``no_key``, or ``bad_cell`` for a cell that was changed, cut, moved or swapped.
        """
        key = self._key(origin, unit)
        if cell[:1] != VERSION or len(cell) < len(VERSION) + NONCE_BYTES + TAG_BYTES:
            raise SealError("bad_cell")
        nonce, sealed = cell[1 : 1 + NONCE_BYTES], cell[1 + NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, sealed, key.place + _measured(bound))
        except InvalidTag:
            raise SealError("bad_cell") from None


class MemoryKeys(_Cells):
    """The same sealing with keys in memory only, for tests: when it goes, so does all that it sealed."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], _DataKey] = {}

    def ensure(self, origin: str, unit: str) -> None:
        if (origin, unit) not in self._keys:
            # setdefault is atomic: when two threads come at once, one key stays.
            self._keys.setdefault((origin, unit), _data_key(origin, unit, secrets.token_bytes(KEY_BYTES)))

    def _key(self, origin: str, unit: str) -> _DataKey:
        try:
            return self._keys[origin, unit]
        except KeyError:
            raise SealError("no_key") from None

    def __repr__(self) -> str:
        return f"MemoryKeys({len(self._keys)} units)"


class KeyRing(_Cells):
    """Data keys in an SQLite file of their own, each wrapped under the key-encryption key ``kek``.

    Threads may share a ring, processes may share its file, and a ring may be carried over a fork. With ``create`` the
    database is made where there is none; prefer ``at``, which also watches over the key file.

    Raises:
        KeyRingMissing: there is no key database by that name, and ``create`` was not asked for.
        WrongKey: the ring is wrapped under another key-encryption key.
        KeyRingUnusable: ``keys_locked``, ``keys_read_only``, ``keys_full``, ``keys_damaged``, ``keys_newer``,
            ``keys_closed`` or ``keys_io``.
    """

    __slots__ = ("_cached", "_database", "_kek")

    def __init__(self, path: Path, kek: KeyEncryption, *, create: bool = False) -> None:
        self._kek = kek
        self._database = KeyDatabase.create(path) if create else KeyDatabase(path)
        self._cached: Callable[[str, str], _DataKey] = lru_cache(CACHED_KEYS)(self._load)
        try:
            with self._database.session() as db:
                db.execute("INSERT OR IGNORE INTO ring VALUES (1, ?)", (kek.id,))
                _check_kek(kek, kek_in_use(db))
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, database: Path, *, key_file: Path | None = None, create: bool = False) -> Self:
        """Open the ring that stands beside ``database``, with the key file beside it or at ``key_file``.

        ``create`` makes a pair only where there is neither. One without the other is a loss, never a beginning.

        Raises:
            KeyRingMissing, KeyFileMissing: one of the two is gone, or both without ``create``.
            SealError: as ``KeyFile`` and ``KeyRing`` do.
        """
        keys, kek = beside(database)
        kek = key_file or kek
        try:
            key = KeyFile(kek)
        except KeyFileMissing:
            if not create:
                if keys.exists():
                    raise
                raise KeyRingMissing(file=keys.name) from None
            # The database is made first, the key file second: a key file alone then always means a lost database, and
            # a database that has never known a key-encryption key may be given its first.
            with closing(KeyDatabase.create(keys)) as made, made.session() as db:
                unclaimed = kek_in_use(db) is None
            if unclaimed:
                with suppress(KeyFileExists):
                    KeyFile.create(kek)
            key = KeyFile(kek)
        return cls(keys, key)

    def ensure(self, origin: str, unit: str) -> None:
        """Make the unit's key if there is none; it is on disk, and has been read back, before this returns."""
        try:
            self._cached(origin, unit)
        except SealError as error:
            if error.reason != "no_key":
                raise
        else:
            return
        with self._database.session() as db:
            wrapped = self._kek.wrap(secrets.token_bytes(KEY_BYTES))
            # One statement: of several processes one key stays, and none goes in under a key-encryption key that
            # another process has just rotated away.
            db.execute(
                "INSERT OR IGNORE INTO data_key SELECT ?, ?, kek, ? FROM ring WHERE kek = ?",
                (origin, unit, wrapped, self._kek.id),
            )
            _check_kek(self._kek, kek_in_use(db))
        self._cached(origin, unit)

    def rotate(self, new: KeyEncryption) -> int:
        """Wrap every data key under ``new`` instead, all or none, and wipe what the old key had wrapped.

        Keep ``new`` where the ring will look for it, then destroy the old key: until then old backups still open.
        Other processes must open the ring again with ``new``. Takes about 10 us and 0.3 KiB of memory a key.

        Returns:
            How many data keys there are.

        Raises:
            WrongKey: this ring's key no longer is the one in use, or ``new`` cannot unwrap what it wraps.
            NotCleaned: all is rotated, but another process kept the old pages in use; rotate to ``new`` once more.
        """
        with self._database.session() as db:
            with db:
                db.execute("BEGIN IMMEDIATE")
                _check_kek(self._kek, kek_in_use(db))
                rows: list[tuple[str, str, bytes]] = db.execute("SELECT origin, unit, wrapped FROM data_key").fetchall()
                db.executemany(
                    "UPDATE data_key SET kek = ?, wrapped = ? WHERE origin = ? AND unit = ?",
                    ((new.id, _rewrapped(self._kek, new, wrapped), origin, unit) for origin, unit, wrapped in rows),
                )
                db.execute("UPDATE ring SET kek = ?", (new.id,))
            self._kek = new
            wipe(db)
        return len(rows)

    def close(self) -> None:
        """Forget every key and let go of the file."""
        self._cached = self._load
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"KeyRing(file={self._database.path.name!r}, kek={self._kek.id!r})"

    def _key(self, origin: str, unit: str) -> _DataKey:
        return self._cached(origin, unit)

    def _load(self, origin: str, unit: str) -> _DataKey:
        with self._database.session() as db:
            kek = self._kek
            row: tuple[str, bytes] | None = db.execute(
                "SELECT kek, wrapped FROM data_key WHERE origin = ? AND unit = ?", (origin, unit)
            ).fetchone()
        if row is None:
            raise SealError("no_key")
        _check_kek(kek, row[0])
        return _data_key(origin, unit, kek.unwrap(row[1]))


def _measured(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _data_key(origin: str, unit: str, key: bytes) -> _DataKey:
    if len(key) != KEY_BYTES:
        raise WrongKey(length=len(key))
    digesting = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"stegvis/digest/1").derive(key)
    return _DataKey(AESGCM(key), _measured(origin.encode()) + _measured(unit.encode()), digesting)


def _rewrapped(old: KeyEncryption, new: KeyEncryption, wrapped: bytes) -> bytes:
    key = old.unwrap(wrapped)
    again = new.wrap(key)
    # Asked before the old wrapping goes: a new key that cannot give the data key back would lose it for ever.
    if new.unwrap(again) != key:
        raise WrongKey(found=new.id)
    return again


def _check_kek(kek: KeyEncryption, expected: str | None) -> None:
    if kek.id != expected:
        raise WrongKey(expected=expected, found=kek.id)
