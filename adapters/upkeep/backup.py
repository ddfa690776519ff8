"""A backup (säkerhetskopia) of a store, taken while people work, and how it is put back.

The database and the keys are copied to two places that nobody should hold both of, and the key-encryption key to
neither unless asked. The database goes first: a key is durable before its first record, so keys copied later open every
cell of the database copied earlier.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from stegvis.engine.engine import Engine
from stegvis.engine.sealing import bound
from stegvis.routines.errors import BadInput, Broken, SealError, StoreError
from stegvis.routines.library import Library, shipped

from ..head_file import HeadFile
from ..head_file import beside as head_beside
from ..key_file import KeyFile, sync_directory
from ..keys import KeyRing, beside
from ..sql.heads import origin_of
from ..sql.sqlite import PATIENCE, meaning
from ..sql.store import SQL, SqlStore

_LEFT_OVERS: Final = ("", "-wal", "-shm", "-journal")


class Backup(NamedTuple):
    """What was copied where."""

    database: Path
    keys: Path | None
    key_file: Path | None
    records: Mapping[str, int]
    """How long each organisation's log is in the copy."""


class Restored(NamedTuple):
    """What was put back."""

    database: Path
    keys: Path
    records: Mapping[str, int]
    """How long each organisation's log is, with the record that says it was put back."""
    lost: Mapping[str, int]
    """How many acknowledged records are not there, for each organisation that lacks any, as far as anybody knows."""


def backup(
    database: Path,
    to: Path,
    *,
    keys_to: Path | None = None,
    key_file: Path | None = None,
    key_file_to: Path | None = None,
) -> Backup:
    """Copy a store as it stands at one moment; whoever works in it neither waits nor notices.

    Args:
        database: the case file.
        to: the copy, a new file; one file, whole and checked.
        keys_to: where its keys go, a new file in another folder. Without it they are not copied.
        key_file: the key-encryption key, where it does not lie beside the database.
        key_file_to: where that goes, in a third folder. Whoever holds all three copies reads everything.

    Raises:
        BadInput: ``file_exists``, ``kept_together``.
        StoreError: ``cannot_open``, ``not_stegvis``, ``full``, ``io``, ``locked``, ``no_directory``.
        SealError: the key file is missing or damaged. Broken: ``backup_damaged``.
    """
    folders = [path.absolute().parent for path in (to, keys_to, key_file_to) if path is not None]
    if len(set(folders)) < len(folders):
        raise BadInput("kept_together")
    copy_database(database, to)
    keys, kek = beside(database)
    if keys_to is not None:
        copy_database(keys, keys_to)
    if key_file_to is not None:
        _copy_key(key_file or kek, key_file_to)
    return Backup(to, keys_to, key_file_to, _records(to))


def restore(
    database: Path,
    keys: Path,
    to: Path,
    *,
    key_file: Path | None = None,
    reason: str = "restored_backup",
    library: Library | None = None,
) -> Restored:
    """Put a backup back under a name that is free, verified before it is there and once more when it is.

    Everything happens in a folder of its own beside ``to`` until all is verified. A head file that survived at ``to``
    tells how much was lost. The access stream of each organisation gets a ``restore`` record.

    Args:
        database, keys: the two copies; they are only read.
        to: the case file to be. Nothing is ever overwritten.
        key_file: the key-encryption key; beside ``to`` when left out. It is read and stays where it is.
        reason: why, as a code; it stands in the log.
        library: the definitions to verify with; the shipped ones when left out.

    Raises:
        BadInput: ``file_exists``, ``not_a_code``. NotFound: ``unknown_organisation``.
        SealError: the key file is missing (``key_file_missing``), or is not the one of these keys (``wrong_key``).
        Broken: ``backup_damaged``: with how many faults, and the code of the first.
        StoreError: as a store does.
    """
    known = library or shipped()
    kek = KeyFile(key_file or beside(to).kek)
    _free(to, beside(to).keys)
    head = head_beside(to)
    before = HeadFile(head).read()
    with _workshop(to) as shop:
        copy = shop / to.name
        copy_database(database, copy)
        _records(copy)  # an empty file would pass as the beginning of a store
        copy_database(keys, beside(copy).keys)
        if before is not None:
            shutil.copyfile(head, head_beside(copy))
        with closing(SqlStore(copy, accept_loss=reason)) as store:
            _verify(store, kek, known)
        os.link(beside(copy).keys, beside(to).keys)
        os.link(copy, to)
        head_beside(copy).replace(head)
        sync_directory(to)
    with closing(SqlStore(to)) as store:
        _verify(store, kek, known)
    records = _records(to)
    kept = {name: size - 1 for name, size in records.items()}
    lost = {
        name: one.size - kept.get(name, 0)
        for name, one in (before.heads.items() if before is not None else ())
        if one.size > kept.get(name, 0)
    }
    return Restored(to, beside(to).keys, records, lost)


def copy_database(source: Path, to: Path) -> None:
    """Copy an SQLite file that may be in use, to one whole file of its owner's alone, durable and checked.

    Raises:
        BadInput: ``file_exists``. Broken: ``backup_damaged``. StoreError: and there is no copy.
    """
    if not source.is_file():
        raise StoreError("cannot_open")
    if not to.absolute().parent.is_dir():
        raise StoreError("no_directory")
    draft = to.with_name(f".{to.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _copy_pages(source, draft)
            _publish(draft, to)
        finally:
            for ending in _LEFT_OVERS:
                draft.with_name(draft.name + ending).unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise meaning(error) from error
    except OSError as error:
        raise StoreError("io", errno=error.errno) from error


def cells_that_do_not_open(store: SqlStore, keys: KeyRing) -> list[str]:
    """Try the newest cell of every retention unit; the codes of what was wrong."""
    wrong: list[str] = []
    for _, body, unit, case, record, cell in store.database.rows(SQL.newest_cells):
        log = origin_of(body)
        try:
            keys.open(log, unit, cell, bound(log, case, record))
        except SealError as error:
            wrong.append(error.reason)
    return wrong


def _copy_pages(source: Path, to: Path) -> None:
    with closing(_connect(source)) as old, closing(_connect(to)) as new:
        # Nobody reads the copy before it is synced as a whole.
        new.execute("PRAGMA synchronous = OFF")
        # All pages at once: one moment, which in WAL mode keeps no writer waiting.
        old.backup(new)
        # One file, which needs no other beside it to be whole.
        new.execute("PRAGMA journal_mode = DELETE")
        if new.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise Broken("backup_damaged", faults=1, first="integrity_check")


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)


def _publish(draft: Path, to: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(draft, to)
    except FileExistsError:
        raise BadInput("file_exists") from None
    sync_directory(to)


def _copy_key(key_file: Path, to: Path) -> None:
    KeyFile(key_file)  # a file that is no key is no backup of one
    try:
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput("file_exists") from None
    except OSError as error:
        raise StoreError("io", errno=error.errno) from error
    with os.fdopen(handle, "wb") as file:
        file.write(key_file.read_bytes())
        file.flush()
        os.fsync(handle)
    sync_directory(to)


def _free(*paths: Path) -> None:
    """Nothing may be there, not even a journal: SQLite would play an old one into the new file."""
    for path in paths:
        if any(path.with_name(path.name + ending).exists() for ending in _LEFT_OVERS):
            raise BadInput("file_exists")


@contextmanager
def _workshop(to: Path) -> Generator[Path]:
    if not to.absolute().parent.is_dir():
        raise StoreError("no_directory")
    shop = to.with_name(f".{to.name}.{secrets.token_hex(8)}")
    shop.mkdir(0o700)
    try:
        yield shop
    except FileExistsError:
        raise BadInput("file_exists") from None
    finally:
        with suppress(OSError):
            shutil.rmtree(shop)


def _verify(store: SqlStore, kek: KeyFile, library: Library) -> None:
    with closing(KeyRing(beside(store.database.path).keys, kek)) as keys:
        engine = Engine(library, store, keys=keys)
        faults = cells_that_do_not_open(store, keys)
        for organisation, *_ in store.database.rows(SQL.log_ends):
            faults += [fault.code for fault in engine.verify(organisation)]
    if faults:
        raise Broken("backup_damaged", faults=len(faults), first=faults[0])


def _records(database: Path) -> dict[str, int]:
    try:
        with closing(_connect(database)) as db:
            return {organisation: size for organisation, size, *_ in db.execute(SQL.log_ends)}
    except sqlite3.Error as error:
        raise StoreError("not_stegvis") from error
