"""The tables, on a registry of their own so that a host's ``SQLModel.metadata`` stays clean.

The classes are the declaration that everything else reads: a fresh schema, the compiled statements, the check that a
migrated schema is the same. They are never instantiated on the way of a command, and they validate nothing.

Each column order begins with what the store adds (``org``, sometimes ``idx`` or ``case_id``) and goes on as the row of
:mod:`stegvis.engine.ports` does, so that a row is bound as it stands.
"""

from typing import Any, ClassVar

from sqlalchemy import ForeignKeyConstraint, Index, Integer, LargeBinary, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import Field, SQLModel

metadata = MetaData()

# Strict, since a table class does not validate: SQLite itself refuses a value of another type.
_WIDE: dict[str, Any] = {"sqlite_strict": True}
# One B-tree instead of two, where rows are small and found by key. With blobs in the row it measured 15 % slower.
_SMALL: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _only(where: str) -> dict[str, Any]:
    return {"sqlite_where": text(where), "postgresql_where": text(where)}


class Base(SQLModel, registry=registry(metadata=metadata)):
    __table_args__: ClassVar[Any] = _WIDE

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        return f"stegvis_{cls.__name__.lower()}"


class Row(Base):
    """Everything but the definitions belongs to one organisation, named first in every key."""

    org: str = Field(sa_type=Text, primary_key=True)


class Record(Row, table=True):
    """An organisation's log. ``idx`` counts from 1 without gaps, across the case chains and the access stream."""

    __table_args__ = (UniqueConstraint("org", "id"), UniqueConstraint("org", "case_id", "cseq"), _WIDE)
    idx: int = Field(primary_key=True)
    id: str = Field(sa_type=Text)
    case_id: str | None = Field(sa_type=Text)
    cseq: int | None
    body: bytes = Field(sa_type=LargeBinary)
    leaf: bytes = Field(sa_type=LargeBinary)


class Payload(Row, table=True):
    """What people wrote, sealed. Apart from the record, which nothing may touch, because this must be erasable."""

    __table_args__ = (ForeignKeyConstraint(["org", "idx"], ["stegvis_record.org", "stegvis_record.idx"]), _WIDE)
    idx: int = Field(primary_key=True)
    unit: str | None = Field(sa_type=Text)
    cell: bytes | None = Field(sa_type=LargeBinary)


class Case(Row, table=True):
    """Where each case stands: a snapshot, and the lock that a command takes by naming its version."""

    case_id: str = Field(sa_type=Text, primary_key=True)
    version: int
    head: bytes = Field(sa_type=LargeBinary)
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    shared: bytes = Field(sa_type=LargeBinary)


class Run(Row, table=True):
    """Where each run stands. The index answers how often somebody has been here before."""

    __table_args__ = (
        ForeignKeyConstraint(["org", "case_id"], ["stegvis_case.org", "stegvis_case.case_id"]),
        Index("stegvis_run_earlier", "org", "person", "routine", "state", "ended", "run", **_only("ended IS NOT NULL")),
        _WIDE,
    )
    case_id: str = Field(sa_type=Text, primary_key=True)
    run: str = Field(sa_type=Text, primary_key=True)
    routine: str = Field(sa_type=Text)
    rules: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    person: str | None = Field(sa_type=Text)
    opened: str = Field(sa_type=Text)
    ended: str | None = Field(sa_type=Text)
    snapshot: bytes = Field(sa_type=LargeBinary)


class Deadline(Row, table=True):
    """Open deadlines: an index over the log. Those the clock is done with are left out of its own index."""

    __table_args__ = (
        Index("stegvis_deadline_next", "org", "next", **_only("stage <> 'done'")),
        _SMALL,
    )
    case_id: str = Field(sa_type=Text, primary_key=True)
    run: str = Field(sa_type=Text, primary_key=True)
    deadline: str = Field(sa_type=Text, primary_key=True)
    due: str = Field(sa_type=Text)
    legal: str | None = Field(sa_type=Text)
    next: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)


class Outbox(Row, table=True):
    """Hand-offs on their way to another organisation."""

    __table_args__ = (
        Index("stegvis_outbox_waiting", "org", "seq", **_only("delivered IS NULL")),
        _WIDE,
    )
    seq: int = Field(sa_type=Integer)
    """Place in the organisation's outbox: hand-offs leave in the order in which they were sent."""
    id: str = Field(sa_type=Text, primary_key=True)
    case_id: str = Field(sa_type=Text)
    run: str = Field(sa_type=Text)
    dest: str = Field(sa_type=Text)
    at: str = Field(sa_type=Text)
    cell: bytes = Field(sa_type=LargeBinary)
    delivered: str | None = Field(sa_type=Text)


class Draft(Row, table=True):
    """What people have begun to answer, sealed; apart from the case, and swept when it expires."""

    __table_args__ = (
        Index("stegvis_draft_actor", "org", "actor"),
        Index("stegvis_draft_expires", "org", "expires"),
        _WIDE,
    )
    case_id: str = Field(sa_type=Text, primary_key=True)
    run: str = Field(sa_type=Text, primary_key=True)
    step: str = Field(sa_type=Text, primary_key=True)
    actor: str = Field(sa_type=Text, primary_key=True)
    version: int
    at: str = Field(sa_type=Text)
    expires: str = Field(sa_type=Text)
    cell: bytes = Field(sa_type=LargeBinary)


class Answer(Row, table=True):
    """What each accepted idempotency key was answered."""

    __table_args__ = _SMALL
    actor: str = Field(sa_type=Text, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    digest: str = Field(sa_type=Text)
    case_id: str = Field(sa_type=Text)
    version: int
    record: str = Field(sa_type=Text)


class Mark(Row, table=True):
    """Small notes the engine keeps about itself."""

    __table_args__ = _SMALL
    name: str = Field(sa_type=Text, primary_key=True)
    value: str = Field(sa_type=Text)


class Definition(Base, table=True):
    """Canonical bytes of every rules, guidance and law text that a record names, kept for ever."""

    digest: str = Field(sa_type=Text, primary_key=True)
    kind: str = Field(sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)
