"""SpiffWorkflow as its examples use it: a BPMN of user tasks; run the ready one, save the serialised workflow."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from time import perf_counter

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from ..story import Story, stories
from .level import hold

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


def _bpmn(story: Story) -> bytes:
    """The main path of a routine as user tasks in a row."""
    names: Sequence[str] = ["start", *(step.trigger for step in story.steps), "end"]
    tasks = "".join(f'<userTask id="{name}" name="{name}"/>' for name in names[1:-1])
    flows = "".join(
        f'<sequenceFlow id="f{n}" sourceRef="{names[n]}" targetRef="{names[n + 1]}"/>' for n in range(len(names) - 1)
    )
    return (
        f'<definitions xmlns="{_BPMN}" targetNamespace="bench"><process id="{story.routine}" isExecutable="true">'
        f'<startEvent id="start"/>{tasks}<endEvent id="end"/>{flows}</process></definitions>'
    ).encode()


@lru_cache
def _spec(routine: str):  # noqa: ANN202 - its own type
    story = next(one for one in stories() if one.routine == routine)
    parser = BpmnParser()
    parser.add_bpmn_io(BytesIO(_bpmn(story)))
    return parser.get_spec(routine)


def run(folder: Path, level: str, cases: int) -> float:
    """Take the steps of that many cases of each story; microseconds a step."""
    hold(level)
    serializer = BpmnWorkflowSerializer()
    connection = sqlite3.connect(folder / "cases.db", isolation_level=None)
    connection.execute("CREATE TABLE workflow (id INTEGER PRIMARY KEY, body TEXT)")
    begun: list[tuple[Story, int, BpmnWorkflow]] = []
    for number in range(cases):
        for story in stories():
            workflow = BpmnWorkflow(_spec(story.routine))
            workflow.do_engine_steps()
            id = number * len(stories()) + stories().index(story)
            connection.execute("INSERT INTO workflow VALUES (?, ?)", (id, serializer.serialize_json(workflow)))
            begun.append((story, id, workflow))
    steps = 0
    start = perf_counter()
    for story, id, workflow in begun:
        for step in story.steps:
            (task,) = workflow.get_tasks(state=TaskState.READY, manual=True)
            task.set_data(**{step.trigger: step.form})
            task.run()
            workflow.do_engine_steps()
            saved = serializer.serialize_json(workflow)
            connection.execute("UPDATE workflow SET body = ? WHERE id = ?", (saved, id))
            steps += 1
    spent = perf_counter() - start
    connection.close()
    return spent / steps * 1e6
