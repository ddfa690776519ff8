"""eventsourcing as its tutorial uses it: get the aggregate from the repository, call a command, save."""

import json
from pathlib import Path
from time import perf_counter
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from ..story import stories
from .level import hold


class CaseFile(Aggregate):
    @event("Opened")
    def __init__(self, form: str) -> None:
        self.state = "open"
        self.forms = [form]

    @event("Stepped")
    def step(self, trigger: str, actor: str, form: str) -> None:
        self.state, self.actor = trigger, actor
        self.forms.append(form)


class Cases(Application[UUID]):
    def open(self, form: str) -> UUID:
        case = CaseFile(form)
        self.save(case)
        return case.id

    def take(self, id: UUID, trigger: str, actor: str, form: str) -> None:
        case: CaseFile = self.repository.get(id)
        case.step(trigger=trigger, actor=actor, form=form)
        self.save(case)


def run(folder: Path, level: str, cases: int) -> float:
    """Take the steps of that many cases of each story; microseconds a step."""
    hold(level)
    file = str(folder / "cases.db")
    app = Cases(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": file})
    begun = [(story, app.open(json.dumps(story.opening.form))) for _ in range(cases) for story in stories()]
    steps = 0
    start = perf_counter()
    for story, id in begun:
        for step in story.steps:
            app.take(id, step.trigger, step.actor.id, json.dumps(step.form))
            steps += 1
    spent = perf_counter() - start
    app.close()
    return spent / steps * 1e6
