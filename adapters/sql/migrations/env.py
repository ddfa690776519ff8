"""Runs migrations on the connection that ``migrate`` hands over, inside its transaction."""

from alembic import context

from stegvis.adapters.sql.schema import VERSION_TABLE
from stegvis.adapters.sql.tables import metadata

_connection = context.config.attributes["connection"]

if context.is_offline_mode():
    # The dialect has a place here once there is a second one.
    context.configure(dialect_name="sqlite", version_table=VERSION_TABLE, literal_binds=True, transactional_ddl=True)
else:
    context.configure(
        connection=_connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
        transactional_ddl=True,
        # The database may be a host's own; what is not ours is none of our business.
        include_name=lambda name, kind, _parents: kind != "table" or name in metadata.tables,
    )

with context.begin_transaction():
    context.run_migrations()
