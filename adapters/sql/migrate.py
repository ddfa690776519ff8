"""Bring a database written by an earlier stegvis up to this one."""

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stegvis.routines.errors import Broken, StoreError

from . import schema
from .sqlite import PATIENCE, Database, path_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(where: str | Path, *, sql: bool = False, patience: float = PATIENCE) -> str:
    """Run the migrations that are missing, all or none. A host's own tables in the same file are left alone.

    The file is checked before, and what refers to what once more after. Nobody else may have it open. Killed at any
    moment, it leaves the schema that was there. Needs the ``migrations`` extra. Take a backup first.

    Args:
        where: a path, or ``sqlite:///`` and a path.
        sql: change nothing; answer the SQL that would be run, one transaction.
        patience: seconds to wait until nobody else has the file open.

    Returns:
        The SQL when ``sql``, else nothing but the empty text.

    Raises:
        StoreError: ``newer_schema``; ``locked``: somebody has the file open; ``migrations_missing``; and see
            :class:`stegvis.adapters.sql.sqlite.Database`.
        Broken: ``damaged_file``, with how many faults; nothing was changed.
    """
    database = Database(path_of(where), patience=patience)
    found = _version(database)
    if sql:
        return _run(None, found, sql=True)
    if found != schema.LATEST:
        database.touch()
        with database.begin(alone=True) as connection:
            _check(connection, "integrity_check", "foreign_key_check")
            _run(connection, found, sql=False)
            _check(connection, "foreign_key_check")
    database.close()
    return ""


def pending(where: str | Path) -> list[str]:
    """The migrations that a file has not had, by number, in order.

    Raises:
        StoreError: ``newer_schema``, and see :class:`stegvis.adapters.sql.sqlite.Database`.
    """
    found = _version(Database(path_of(where))) or ""
    return [number for number in sorted(path.stem[:4] for path in SCRIPTS.glob("versions/0*.py")) if number > found]


def _version(database: Database) -> str | None:
    """The newest migration that the file has had; None before the first."""
    if not database.path.exists():
        return None
    try:
        if not database.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (schema.VERSION_TABLE,)):
            return None
        rows = database.rows(f"SELECT version_num FROM {schema.VERSION_TABLE}")  # noqa: S608 - a constant
    finally:
        database.close()
    if rows and rows[0][0] > schema.LATEST:
        schema.check(rows[0][0])
    return rows[0][0] if rows else None


def _run(connection: "Connection | None", found: str | None, *, sql: bool) -> str:
    if found == schema.LATEST:
        return ""
    try:
        # Here, since a store must open without the extra.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StoreError("migrations_missing") from error

    text = StringIO()
    config = Config(output_buffer=text)
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, f"{found or 'base'}:head" if sql else "head", sql=sql)
    return text.getvalue()


def _check(connection: "Connection", *pragmas: str) -> None:
    for pragma in pragmas:
        said = connection.exec_driver_sql(f"PRAGMA {pragma}").fetchall()
        # What a host's own rows refer to is the host's business.
        wrong = [row for row in said if row[0] != "ok" and (pragma == "integrity_check" or "stegvis_" in row[0])]
        if wrong:
            raise Broken("damaged_file", faults=len(wrong), first=pragma)
