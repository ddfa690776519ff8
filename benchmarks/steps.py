"""A step in memory, against one trigger of a bare ``transitions`` machine."""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from time import process_time
from typing import Any, NamedTuple

from transitions import EventData, Machine

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.asking import asking
from stegvis.engine.decide import decide, rules_of
from stegvis.engine.engine import Engine, now_utc
from stegvis.engine.judge import judge
from stegvis.engine.sealing import ChainHead, seal
from stegvis.engine.values import Accepted, Actor, Case, Command, Facts
from stegvis.routines.condition import Condition
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules

from .measure import Table, figures, interleaved
from .story import Story, begin, stories

FLOOR = "bare transitions trigger"
CORE = "decide and seal"
WHOLE = "Engine.take on MemoryStore"


class Taken(NamedTuple):
    """A step as the core is asked for it, and where it leads."""

    case: Case
    command: Command
    actor: Actor
    rules: Rules
    facts: Facts
    """What its guards read, derived facts among them."""
    source: str
    target: str


def standing(engine: Engine, story: Story, case: str) -> Case:
    """The case as it stands, whoever may see it."""
    held = engine.files.case(story.organisation, case)
    assert held is not None
    return held.case


def taken(library: Library, story: Story) -> list[Taken]:
    """Every step of a story, with the case as it stood before."""
    engine = Engine(library, MemoryStore())
    case = standing(engine, story, begin(engine, story, 1))
    steps: list[Taken] = []
    for number, step in enumerate(story.steps):
        run = next(iter(case.runs.values()))  # what the last step begins beside it is no part of the story
        rules = rules_of(library, run)
        command = Command("take", run.id, step.trigger, step.form, fresh="0" * 32, case=case.id, digest="0" * 64)
        move = rules.move(run.state, step.trigger)
        assert move is not None
        facts = judge(asking(library, command, step.actor, now_utc()), rules, move, run).facts
        engine.take(case.id, step.trigger, actor=step.actor, form=step.form, key=f"{number}")
        before, case = case, standing(engine, story, case.id)
        steps.append(Taken(before, command, step.actor, rules, facts, run.state, case.runs[run.id].state))
    return steps


# ---- the floor ----------------------------------------------------------------------------------------------------


class Carrier:
    """What the bare machine moves."""

    __slots__ = ("facts", "state")

    def __init__(self, state: str, facts: Facts) -> None:
        self.state = state
        self.facts = facts


def _asks(condition: Condition) -> Callable[[EventData], bool]:
    holds = condition.evaluate
    return lambda event: holds(event.model.facts) is True


def machine(rules: Rules) -> Machine:
    """A routine as a plain machine: one for all cases, its guards as callables, no model added to it."""
    made = Machine(
        model=None, states=list(rules.spots), initial=next(iter(rules.spots)), auto_transitions=False, send_event=True
    )
    for source, moves in rules.moves.items():
        for trigger, move in moves.items():
            guards = [_asks(guard.condition) for guard in move.guards]
            for branch in move.branches:
                leads = [_asks(branch.condition)] if branch.condition is not None else []
                made.add_transition(trigger, source, branch.target, conditions=[*guards, *leads])
    return made


def bare(steps: Sequence[Taken]) -> Callable[[int], float]:
    """Fire the steps of the stories on bare machines; the function answers seconds for so many."""
    machines = {one.rules.digest: machine(one.rules) for one in steps}
    fired = [
        (machines[one.rules.digest].events[one.command.trigger].trigger, Carrier(one.source, one.facts), one.source)
        for one in steps
    ]
    for (trigger, carrier, _), one in zip(fired, steps, strict=True):
        assert trigger(carrier)
        assert carrier.state == one.target

    def run(count: int) -> float:
        begun = process_time()
        for trigger, carrier, source in islice(cycle(fired), count):
            carrier.state = source
            trigger(carrier)
        return process_time() - begun

    return run


# ---- the contenders -----------------------------------------------------------------------------------------------


def core(library: Library, steps: Sequence[Taken]) -> Callable[[int], float]:
    """Decide each step and seal its record: canonical bytes, commitments, leaf hash; no cipher, no store."""
    log, leaf = "kommun.example/log", bytes(32)

    def run(count: int) -> float:
        begun = process_time()
        for case, command, actor, *_ in islice(cycle(steps), count):
            decision = decide(library, case, command, actor, now_utc())
            assert isinstance(decision, Accepted)
            for event in decision.events:
                seal(event, ChainHead(log, case.id, case.version, leaf), os.urandom, now_utc)
        return process_time() - begun

    return run


def whole(library: Library) -> Callable[[int], float]:
    """Take steps through the engine on a memory store, everything on; opening the cases is not counted."""

    def run(count: int) -> float:
        engine = Engine(library, MemoryStore())
        length = sum(len(story.steps) for story in stories())
        cases = [(story, begin(engine, story, n)) for n in range(count // length) for story in stories()]
        begun = process_time()
        for story, case in cases:
            for number, step in enumerate(story.steps):
                engine.take(case, step.trigger, actor=step.actor, form=step.form, key=f"{case[:8]}-{number}")
        return process_time() - begun

    return run


def step_in_memory(library: Library, *, rounds: int, count: int) -> Table:
    """Measure ``count`` steps of each contender a round; a multiple of the steps in both stories."""
    steps = [one for story in stories() for one in taken(library, story)]
    count = max(count // len(steps), 1) * len(steps)
    runs: Mapping[str, Any] = {FLOOR: bare(steps), CORE: core(library, steps), WHOLE: whole(library)}
    contenders = {name: lambda run=run: run(count) / count * 1e6 for name, run in runs.items()}
    return Table(
        "A step in memory",
        "step",
        (
            f"*{FLOOR}*: one shared Machine a routine, built from the same routine, send_event, no add_model.",
            "Its guards are the same, as callables over the same facts, derived ones ready-made.",
            f"*{CORE}*: roles, form, guards, move, deadlines, new case; the record's bytes, commitments and SHA-256.",
            f"*{WHOLE}*: all of it, with AES-GCM cells, idempotency, snapshot and deadline index.",
            "CPU time.",
        ),
        figures(interleaved(contenders, rounds), low=True, gates={CORE: 4.0}),
        low=True,
    )
