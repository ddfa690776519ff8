"""Alembic environment: what brings an older database up to this version."""
