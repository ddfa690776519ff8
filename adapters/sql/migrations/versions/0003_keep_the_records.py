"""A guard against INSERT OR REPLACE into the log, from whatever connection."""

from alembic import op

revision = "0003"
down_revision = "0002"

_THERE = " OR ".join(
    f"EXISTS (SELECT 1 FROM stegvis_record WHERE org = NEW.org AND {same})"  # noqa: S608 - constants
    for same in ("idx = NEW.idx", "id = NEW.id", "case_id = NEW.case_id AND cseq = NEW.cseq")
)


def upgrade() -> None:
    """Make the trigger."""
    op.execute(
        "CREATE TRIGGER stegvis_record_no_insert BEFORE INSERT ON stegvis_record"
        f" WHEN {_THERE}"
        " BEGIN SELECT RAISE(ABORT, 'a record is kept as it is'); END"
    )
