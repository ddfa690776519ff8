"""Random plays of the toys: mostly what a routine allows, sometimes what it does not."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import cast

import orjson

from stegvis.engine.answers import Refused
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor, Case, Head, Run
from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.rules import Move

from .toys import ACTORS, CENTRE, SCHOOL, SOCIAL, World

ORGANISATIONS = (SCHOOL, SOCIAL, CENTRE)
PLANTED = ("Alma Ek", "Storgatan 7", "20100505-1238", "slagen igår", "Åsa")
"""What people may write, and what must never stand in the open."""


def answer(field: Field, chance: Random, *, wild: float = 0.03) -> object:
    """An answer to a field, now and then one that does not fit."""
    if chance.random() < wild:
        return chance.choice([None, "", "Åsa", -1, 10**9, True, [], {}, "2020-02-30", [{"x": 1}]])
    match field.type:
        case "text":
            return chance.choice(PLANTED)
        case "number":
            return chance.randint(field.least or 0, field.most or 50)
        case "boolean":
            return chance.random() < 0.7
        case "choice":
            options = sorted(field.of or {})
            return chance.sample(options, chance.randint(0, len(options))) if field.multiple else chance.choice(options)
        case "date":
            return f"20{chance.randint(8, 24):02}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        case "instant":
            return f"2026-0{chance.randint(1, 3)}-0{chance.randint(1, 2)}T0{chance.randint(0, 9)}:00:00Z"
        case "person":
            return f"p-{chance.randint(1, 3)}"
        case "actor":
            return chance.choice(ACTORS).id
        case "list":
            return [form(field.rows or {}, chance, wild=0) for _ in range(chance.randint(0, 2))]


def form(fields: Mapping[str, Field], chance: Random, *, wild: float = 0.03) -> dict[str, object]:
    asked = {
        name: field
        for name, field in fields.items()
        if chance.random() < (0.97 if field.required and field.when is None else 0.5)
    }
    return {name: answer(field, chance, wild=wild) for name, field in asked.items()}


def _weight(move: Move) -> int:
    """How often a step is tried: what leads on oftener than what leads back or stays."""
    return (
        8
        if move.kind in {"step", "approve"} and set(move.targets) != {move.source}
        else 2
        if move.kind != "acute"
        else 1
    )


class Player:
    """Plays the toys in a world of its own; ``done`` counts what was accepted and ``refused`` what was not."""

    def __init__(self, seed: int, *, library: Library | None = None, store: Store | None = None) -> None:
        self.chance = Random(seed)
        self.world = World(library, store, seed=seed)
        self.done = self.refused = 0

    def play(self, steps: int) -> "Player":
        for _ in range(steps):
            self.world.clock.turn(minutes=self.chance.randint(1, 90))
            try:
                self._one()
                self.done += 1
            except Refused:
                self.refused += 1
        return self

    def cases(self) -> list[tuple[str, str]]:
        return [(one, case) for one in ORGANISATIONS for case in self.world.store.cases(one)]

    def whole(self, organisation: str, case: str) -> Case:
        """The case as it stands."""
        held = self.world.engine.files.case(organisation, case)
        assert held is not None
        return held.case

    def heads(self, organisation: str, case: str) -> list[Head]:
        """What stands open in a case's records."""
        return [cast("Head", orjson.loads(row.body)) for row in self.world.store.case_records(organisation, case)]

    def _one(self) -> None:
        chance, world = self.chance, self.world
        cases = self.cases()
        kind = chance.random()
        if not cases or kind < 0.15:
            self._open()
        elif kind < 0.22:
            world.clock.now += timedelta(hours=chance.choice([1, 30, 24 * 12, 24 * 40]))
            world.engine.tick(chance.choice(ORGANISATIONS))
        elif kind < 0.32:
            world.deliver()
        else:
            organisation, case = chance.choice(cases)
            actors = [one for one in ACTORS if one.organisation == organisation]
            run = chance.choice(list(world.case(case, chance.choice(actors)).runs.values()))
            if kind < 0.38 and run.facts:
                self._correct(case, run, chance.choice(actors))
            else:
                self._take(case, run, actors)

    def _open(self) -> None:
        routine = self.chance.choice(["lantern", "ferry", "ferry", "watch"])
        rules = self.world.library.versions[routine][0]
        actor = self._able(rules.opening, list(ACTORS))
        person = self.chance.choice([None, "p-1", "p-2", "p-3", "p-4"])
        self.world.open(routine, actor, form(rules.opening.fields, self.chance), person=person)

    def _able(self, move: Move, actors: list[Actor]) -> Actor:
        able = [one for one in actors if move.by & {"everyone", *one.roles}] or actors
        return self.chance.choice(able if self.chance.random() < 0.9 else actors)

    def _take(self, case: str, run: Run, actors: list[Actor]) -> None:
        chance, rules = self.chance, self.world.library.by_digest[run.rules]
        moves = list(rules.moves[run.state].values())
        if chance.random() < 0.05:
            moves = [move for there in rules.moves.values() for move in there.values()]
        if not moves:
            return
        move = chance.choices(moves, [_weight(move) for move in moves])[0]
        fields = move.fields
        if move.kind == "acute":
            fields = self.world.library.versions["alarm"][0].opening.fields
        overrides = {guard.guard.id: "behövs" for guard in move.guards if chance.random() < 0.3}
        happened = self.world.clock.now - timedelta(minutes=chance.randint(0, 300)) if chance.random() < 0.2 else None
        self.world.take(
            case,
            move.trigger,
            self._able(move, actors),
            form=form(fields, chance),
            run=run.id,
            overrides=overrides,
            happened=happened,
        )

    def _correct(self, case: str, run: Run, actor: Actor) -> None:
        rules = self.world.library.by_digest[run.rules]
        fact = self.chance.choice(sorted(run.facts))
        asked, _, name = fact.partition(".")
        found = rules.routine.forms.get(asked)
        value = answer(found.fields[name], self.chance) if found is not None and name in found.fields else "x"
        self.world.engine.correct(
            case, {fact: value}, reason="fel datum", actor=actor, key=self.world.key(), run=run.id
        )
