"""What the disk under a file allows, asked where SQLite's own answer does not tell."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

_INDEX: Final = 64 * 1024
"""Bytes that SQLite makes beside a file in WAL mode before anybody can read it, with some to spare."""


def writable(path: Path) -> bool:
    """Whether a file that is there, and the folder it lies in, may be written to.

    SQLite would open the file for reading all the same, and leave read-only files beside it that stay when the
    permission is back.
    """
    return not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def out_of_room(error: sqlite3.Error, path: Path) -> bool:
    """Whether an input/output error before anything was written is a full disk, which SQLite does not say here."""
    if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_IOERR_SHMSIZE:
        return False
    try:
        return shutil.disk_usage(path.parent).free < _INDEX
    except OSError:
        return False
