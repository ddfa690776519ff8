"""Puts a peer's SQLite connections at the level that all are measured at, whatever it chooses by itself."""

import sqlite3
from typing import Any

_connect = sqlite3.connect


def hold(level: str) -> None:
    """Make every connection opened from now on WAL, at that synchronous level."""

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = _connect(*args, **kwargs)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    sqlite3.connect = connect
    sqlite3.dbapi2.connect = connect
