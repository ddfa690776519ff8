"""The schema: how a fresh one is made, and whether the one found is ours to use."""

from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table

from stegvis.routines.errors import StoreError

from .tables import metadata

LATEST: Final = "0003"
"""Newest migration in this package. Numbers are padded so that they sort as text."""

VERSION_TABLE: Final = "stegvis_version"

# Alembic's own table, made the way Alembic makes it, so that a fresh file can be migrated without having been migrated.
_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def _guard(table: str, act: str, when: str = "") -> str:
    return (
        f"CREATE TRIGGER stegvis_{table}_no_{act.lower()} BEFORE {act} ON stegvis_{table}{when}"
        f" BEGIN SELECT RAISE(ABORT, 'a {table} is kept as it is'); END"
    )


_THERE: Final = " OR ".join(
    f"EXISTS (SELECT 1 FROM stegvis_record WHERE org = NEW.org AND {same})"  # noqa: S608 - constants
    for same in ("idx = NEW.idx", "id = NEW.id", "case_id = NEW.case_id AND cseq = NEW.cseq")
)
"""Whether a record would take another's place: REPLACE drops what stands there without asking the guard on DELETE."""

# Against accidents, not against an intruder: who can write the file can drop a trigger. What counts as evidence is
# the log's tree.
GUARDS: Final = (
    _guard("record", "UPDATE"),
    _guard("record", "DELETE"),
    _guard("record", "INSERT", f" WHEN {_THERE}"),
    _guard("definition", "UPDATE"),
    _guard("definition", "DELETE"),
    _guard("definition", "INSERT", " WHEN EXISTS (SELECT 1 FROM stegvis_definition WHERE digest = NEW.digest)"),
)


def create(connection: Connection) -> None:
    """Make the newest schema, inside the caller's transaction, unless somebody was faster."""
    if connection.dialect.has_table(connection, VERSION_TABLE):
        return
    metadata.create_all(connection, checkfirst=False)
    for guard in GUARDS:
        connection.exec_driver_sql(guard)
    _version.create(connection, checkfirst=False)
    connection.execute(_version.insert(), {"version_num": LATEST})


def check(found: str | None) -> None:
    """Let only the newest schema through.

    Raises:
        StoreError: ``newer_schema``: written by a later stegvis, install that one; ``older_schema``: run ``migrate``.
    """
    if found is None or found < LATEST:
        raise StoreError("older_schema", found=found, wanted=LATEST)
    if found > LATEST:
        raise StoreError("newer_schema", found=found, wanted=LATEST)
