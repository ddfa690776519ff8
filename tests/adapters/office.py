"""A host that keeps tables of its own in the case file, and hands in its connection in one of the forms it may have."""

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool
from sqlmodel import Field, Session, SQLModel

from stegvis.adapters.head_file import HeadFile, beside
from stegvis.adapters.sql import SqlStore, together
from stegvis.adapters.sql.host import Host
from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.routines.errors import StegvisError

from ..engine.toys import FIRST, KURATOR, SCHOOL, plain_toys

LOOK: Final = {"flame": "low", "wind": 3, "smoke": "svart"}
STORM: Final = {"flame": "low", "wind": 30, "smoke": "svart"}

Kind: TypeAlias = Literal["sqlite3", "connection", "session"]
KINDS: tuple[Kind, ...] = ("sqlite3", "connection", "session")


class Placement(SQLModel, table=True):
    """A row of the host's."""

    id: int = Field(primary_key=True)


class Undo(Exception):
    """The host has changed its mind."""


class Office:
    """The host, an engine over the same file, and the connection to hand in."""

    def __init__(self, file: Path, kind: Kind = "sqlite3") -> None:
        self.file, self.kind = file, kind
        self._stack = ExitStack()
        self.store = SqlStore(file, synchronous="NORMAL")
        self._stack.callback(self.store.close)
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS placement (id INTEGER PRIMARY KEY)")
        self.told: list[tuple[str, int]] = []
        self.engine = Engine(plain_toys(), self.store, tell=self._hear)
        self.host = self._connect()

    def _hear(self, event: str, said: Mapping[str, str | int]) -> None:
        self.told.append((event, int(said["version"])))

    def _connect(self) -> Host:
        if self.kind == "sqlite3":
            return self._stack.enter_context(closing(sqlite3.connect(self.file, check_same_thread=False)))
        engine = create_engine(f"sqlite:///{self.file}", poolclass=NullPool)
        self._stack.callback(engine.dispose)
        return self._stack.enter_context(engine.connect() if self.kind == "connection" else Session(engine))

    def run(self, sql: str) -> None:
        """What the host does itself."""
        match self.host:
            case sqlite3.Connection() as db:
                db.execute(sql)
            case Connection() as connection:
                connection.exec_driver_sql(sql)
            case session:
                session.execute(text(sql))

    def place(self, number: int) -> None:
        self.run(f"INSERT INTO placement VALUES ({int(number)})")  # noqa: S608 - a number

    @property
    def placed(self) -> list[int]:
        """The host's rows that are stored."""
        with closing(sqlite3.connect(self.file)) as db:
            return [number for (number,) in db.execute("SELECT id FROM placement ORDER BY id")]

    @property
    def log(self) -> list[str]:
        """What the log says happened."""
        return [json.loads(row.body)["type"] for _, row in self.store.log(SCHOOL)]

    @property
    def remembered(self) -> int:
        """How far the head file knows the log."""
        known = HeadFile(beside(self.file)).read()
        assert known is not None
        return known.heads[SCHOOL].size if SCHOOL in known.heads else 0

    def open(self, engine: Engine | None = None) -> str:
        return (engine or self.engine).open("lantern", actor=KURATOR, form=FIRST, person="p-1", key="open").id

    def look(self, engine: Engine, case: str, key: str) -> int:
        return engine.take(case, "look", actor=KURATOR, form=LOOK, key=key).version

    def storm(self, engine: Engine, case: str, key: str) -> None:
        """A step that is refused."""
        engine.take(case, "look", actor=KURATOR, form=STORM, key=key)

    def version(self, case: str) -> int:
        """Read by the engine of every day, which may hold the case from before."""
        held = self.engine.files.case(SCHOOL, case)
        assert held is not None
        return held.case.version

    def sound(self) -> None:
        """Whatever happened, log, indexes, keys and head file agree, and the file opens."""
        assert self.engine.verify(SCHOOL) == []
        assert self.remembered == len(self.log)
        SqlStore(self.file).close()

    def close(self) -> None:
        self._stack.close()


@contextmanager
def fails(why: type[Exception] | str, office: Office, host: Any = None) -> Generator[Engine]:
    """A block that what is raised must leave: of that kind, or of ours with that reason."""
    kind = StegvisError if isinstance(why, str) else why
    with pytest.raises(kind) as caught, together(office.engine, host if host is not None else office.host) as ours:
        yield ours
    assert not isinstance(why, str) or getattr(caught.value, "reason", None) == why


def begins_not(why: str, office: Office, host: Any) -> Mapping[str, object]:
    """A block that must not begin; answers the details."""
    with pytest.raises(StegvisError) as caught, together(office.engine, host):
        raise Undo
    assert caught.value.reason == why
    return caught.value.details


@contextmanager
def refuses() -> Generator[None]:
    """A step that the routine says no to."""
    with pytest.raises(Refused):
        yield
