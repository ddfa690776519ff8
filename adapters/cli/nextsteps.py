"""What to try after a story: commands that work as they stand, found by asking the engine what it would allow."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.instants import STOCKHOLM, local_day
from stegvis.engine.values import Actor
from stegvis.routines.form import Field
from stegvis.routines.scenario import Scenario

from ..scenarios import Played
from .desk import Desk
from .forms import Fields, answers, fields_of
from .options import Kept

TRIES = 6
"""How many times answers are added that the engine says are missing."""


class _Way(NamedTuple):
    """A step that an actor could take now, with answers that would do."""

    case: str
    actor: Actor
    step: str
    form: Mapping[str, str]


def suggestions(at: Desk, kept: Kept, told: Sequence[tuple[Scenario, Played]]) -> list[dict[str, str]]:
    """Commands to paste: what they are for, and how they are written."""
    engine = Engine(at.library, at.store)
    ways = _ways(engine, told)
    way = next(ways, None)
    if way is None:
        return []
    common = ["--db", str(kept.db.absolute()), *_definitions(kept), *_lang(kept)]
    person = [*_actor(way.actor), *common]
    said = [part for name, value in way.form.items() for part in ("--set", f"{name}={value}")]
    commands = {
        "guide": ["guide", way.case, *person],
        "explain": ["explain", way.case, way.step, *person],
        "take": ["take", way.case, way.step, *said, *person],
        "due": ["due", *person],
        "tick": ["tick", *common],
        "replay": ["replay", way.case, *person],
        "verify": ["verify", *common],
    }
    return [{"for": name, "command": shlex.join([*_program(), *command])} for name, command in commands.items()]


def _program() -> list[str]:
    """How this program was started, so that a pasted line starts the same one."""
    started = Path(sys.argv[0])
    if started.stem != "stegvis":
        return [sys.executable, "-m", __package__ or "stegvis"]
    found = shutil.which("stegvis")
    return ["stegvis" if found is not None and started.samefile(found) else str(started)]


def _ways(engine: Engine, told: Sequence[tuple[Scenario, Played]]) -> Iterator[_Way]:
    for scenario, played in told:
        for one in scenario.actors.values():
            actor = Actor(
                one.id,
                roles=set(one.roles),
                unit=one.unit,
                organisation=one.organisation,
                delegations=set(one.delegations),
                qualified=one.qualified,
            )
            for place in played.cases.values():
                if place.organisation == actor.organisation:
                    yield from _open(engine, place.id, actor)


def _open(engine: Engine, id_: str, actor: Actor) -> Iterator[_Way]:
    try:
        case = engine.case(id_, actor=actor)
    except Refused:
        return  # not a case of theirs
    for action in engine.guide(id_, actor=actor).actions:
        if not action.open or action.trigger == "acute":
            continue
        form = _filled(engine, id_, action.trigger, actor, fields_of(engine, case, action.trigger, None))
        if form is not None:
            yield _Way(id_, actor, action.trigger, form)


def _filled(engine: Engine, case: str, step: str, actor: Actor, fields: Fields) -> dict[str, str] | None:
    """Answers with which the engine allows the step: the required ones, and then those it says are missing."""
    wanted = [name for name, field in fields.items() if field.required and field.when is None]
    for _ in range(TRIES):
        examples = {name: _example(engine, actor, fields[name]) for name in wanted}
        given = {name: value for name, value in examples.items() if value is not None}
        pairs = [f"{name}={value}" for name, value in given.items()]
        answer = engine.explain(case, step, actor=actor, form=answers(fields, pairs, None))
        if answer.allowed:
            return given
        missing = [(one.about or "").rpartition(".")[2] for one in answer.reasons if one.code == "missing"]
        more = [name for name in missing if name in fields and name not in wanted]
        if not more or len(missing) < len(answer.reasons):
            return None
        wanted += more
    return None


def _example(engine: Engine, actor: Actor, field: Field) -> str | None:
    """An answer that fits the field, as ``--set`` takes it; None where only a file can give one."""
    now = engine.clock().astimezone(STOCKHOLM)
    moment = now - timedelta(minutes=1) if field.past else now + timedelta(days=1)
    examples = {
        "text": "Exempel",
        "boolean": "ja",
        "number": str(max(field.least or 0, 0)),
        "choice": next(iter(field.of or {}), None),
        "date": local_day(now).isoformat(),
        "instant": moment.isoformat(timespec="minutes"),
        "person": "p-1",
        "actor": actor.id,
    }
    return examples.get(field.type)


def _definitions(kept: Kept) -> list[str]:
    return [part for path in kept.definitions for part in ("--definitions", str(Path(path).absolute()))]


def _lang(kept: Kept) -> list[str]:
    return ["--lang", kept.lang] if kept.lang is not None else []


def _actor(actor: Actor) -> list[str]:
    said = ["--actor", actor.id, "--unit", actor.unit, "--organisation", actor.organisation]
    said += [part for role in sorted(actor.roles) for part in ("--role", role)]
    said += [part for power in sorted(actor.delegations) for part in ("--delegation", power)]
    return [*said, *(["--qualified"] if actor.qualified else [])]
