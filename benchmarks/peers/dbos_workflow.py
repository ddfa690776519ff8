"""DBOS as its tutorial uses it: a workflow a case, a checkpointed step a step."""

import json
import logging
from pathlib import Path
from time import perf_counter

from dbos import DBOS, DBOSConfig

from ..story import stories
from .level import hold


@DBOS.step()
def take(trigger: str, actor: str, form: str) -> str:
    return f"{actor}:{trigger}:{len(form)}"


@DBOS.workflow()
def case(number: int) -> int:
    story = stories()[number]
    for step in story.steps:
        take(step.trigger, step.actor.id, json.dumps(step.form))
    return len(story.steps)


def run(folder: Path, level: str, cases: int) -> float:
    """Take the steps of that many cases of each story; microseconds a step, starting the workflow shared out."""
    hold(level)
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{folder / 'cases.db'}",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS(config=config)
    DBOS.launch()
    start = perf_counter()
    steps = sum(case(number % len(stories())) for number in range(cases * len(stories())))
    spent = perf_counter() - start
    DBOS.destroy()
    return spent / steps * 1e6
