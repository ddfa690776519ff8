"""Bring a database written by an earlier stegvis up to this one."""

from io import StringIO
from pathlib import Path

from .schema import LATEST, VERSION_TABLE, check
from .sqlite import Database, path_of


def migrate(where: str | Path, *, sql: bool = False) -> str:
    """Run the migrations that are missing, all or none. A host's own tables in the same file are left alone.

    Needs the ``migrations`` extra. Take a copy of the file first.

    Args:
        where: a path, or ``sqlite:///`` and a path.
        sql: change nothing; answer the SQL that would be run.

    Returns:
        The SQL when ``sql``, else nothing but the empty text.

    Raises:
        StoreError: ``newer_schema``, and see :class:`stegvis.adapters.sql.sqlite.Database`.
    """
    # Here, since a store must open without the extra.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    text = StringIO()
    config = Config(output_buffer=text)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    database = Database(path_of(where))
    database.touch()
    with database.begin() as connection:
        config.attributes["connection"] = connection
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        found = context.get_current_revision()
        if found is not None and found > LATEST:
            check(found)
        command.upgrade(config, f"{found or 'base'}:head" if sql else "head", sql=sql)
    database.close()
    return text.getvalue() if sql else ""
