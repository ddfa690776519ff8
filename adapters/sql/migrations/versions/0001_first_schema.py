"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "stegvis_answer",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org", "actor", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stegvis_case",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("shared", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org", "case_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "stegvis_deadline",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("deadline", sa.Text(), nullable=False),
        sa.Column("due", sa.Text(), nullable=False),
        sa.Column("legal", sa.Text(), nullable=True),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org", "case_id", "run", "deadline"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "stegvis_deadline_next",
        "stegvis_deadline",
        ["org", "next"],
        sqlite_where=sa.text("stage <> 'done'"),
        postgresql_where=sa.text("stage <> 'done'"),
    )
    op.create_table(
        "stegvis_definition",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_strict=True,
    )
    op.create_table(
        "stegvis_mark",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org", "name"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stegvis_outbox",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("dest", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("cell", sa.LargeBinary(), nullable=False),
        sa.Column("delivered", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("org", "id"),
        sqlite_strict=True,
    )
    op.create_index(
        "stegvis_outbox_waiting",
        "stegvis_outbox",
        ["org", "seq"],
        sqlite_where=sa.text("delivered IS NULL"),
        postgresql_where=sa.text("delivered IS NULL"),
    )
    op.create_table(
        "stegvis_record",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("cseq", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org", "idx"),
        sa.UniqueConstraint("org", "id"),
        sa.UniqueConstraint("org", "case_id", "cseq"),
        sqlite_strict=True,
    )
    op.create_table(
        "stegvis_payload",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("cell", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["org", "idx"], ["stegvis_record.org", "stegvis_record.idx"]),
        sa.PrimaryKeyConstraint("org", "idx"),
        sqlite_strict=True,
    )
    op.create_table(
        "stegvis_run",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("routine", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("opened", sa.Text(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["org", "case_id"], ["stegvis_case.org", "stegvis_case.case_id"]),
        sa.PrimaryKeyConstraint("org", "case_id", "run"),
        sqlite_strict=True,
    )
    op.create_index(
        "stegvis_run_earlier",
        "stegvis_run",
        ["org", "person", "routine", "state", "ended", "run"],
        sqlite_where=sa.text("ended IS NOT NULL"),
        postgresql_where=sa.text("ended IS NOT NULL"),
    )
    # Written out, since a released migration must not change when the package's guards do.
    for table, act, when in (
        ("record", "UPDATE", ""),
        ("record", "DELETE", ""),
        ("definition", "UPDATE", ""),
        ("definition", "DELETE", ""),
        ("definition", "INSERT", " WHEN EXISTS (SELECT 1 FROM stegvis_definition WHERE digest = NEW.digest)"),
    ):
        op.execute(
            f"CREATE TRIGGER stegvis_{table}_no_{act.lower()} BEFORE {act} ON stegvis_{table}{when}"
            f" BEGIN SELECT RAISE(ABORT, 'a {table} is kept as it is'); END"
        )
