"""Drafts: what people have begun to answer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "stegvis_draft",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("expires", sa.Text(), nullable=False),
        sa.Column("cell", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org", "case_id", "run", "step", "actor"),
        sqlite_strict=True,
    )
    op.create_index("stegvis_draft_actor", "stegvis_draft", ["org", "actor"])
    op.create_index("stegvis_draft_expires", "stegvis_draft", ["org", "expires"])
