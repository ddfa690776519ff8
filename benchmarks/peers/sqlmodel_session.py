"""SQLModel as its tutorial uses it: a session a step; get the case, change it, add what happened, commit."""

import json
from pathlib import Path
from time import perf_counter

from sqlalchemy.pool import StaticPool
from sqlmodel import Field, Session, SQLModel, create_engine

from ..story import stories
from .level import hold


class CaseRow(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    state: str
    version: int = 0
    data: str = "{}"


class StepRow(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(index=True)
    trigger: str
    actor: str
    form: str


def run(folder: Path, level: str, cases: int) -> float:
    """Take the steps of that many cases of each story; microseconds a step."""
    hold(level)
    engine = create_engine(f"sqlite:///{folder / 'cases.db'}", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    begun: list[tuple[int, int]] = []
    with Session(engine) as session:
        for number in range(cases * len(stories())):
            case = CaseRow(state="open")
            session.add(case)
            session.commit()
            assert case.id is not None
            begun.append((number % len(stories()), case.id))
    steps = 0
    start = perf_counter()
    for number, id in begun:
        for step in stories()[number].steps:
            form = json.dumps(step.form)
            with Session(engine) as session:
                case = session.get_one(CaseRow, id)
                case.state, case.version, case.data = step.trigger, case.version + 1, form
                session.add(case)
                session.add(StepRow(case_id=id, trigger=step.trigger, actor=step.actor.id, form=form))
                session.commit()
            steps += 1
    spent = perf_counter() - start
    engine.dispose()
    return spent / steps * 1e6
