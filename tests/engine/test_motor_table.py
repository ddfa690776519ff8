"""Live steps fire the motor, replay reads its table: they are one and the same, for every routine there is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.machine import Motor, motor
from stegvis.routines.digests import canonical
from stegvis.routines.library import shipped
from stegvis.routines.rules import Rules

from .toys import Data, plain_toys, toys


def every_rules() -> list[Rules]:
    return [*plain_toys().by_digest.values(), *shipped().by_digest.values()]


def test_the_motor_leads_where_the_table_says_for_every_state_step_and_branch() -> None:
    ways = 0
    for rules in every_rules():
        for state, moves in rules.moves.items():
            for trigger, move in moves.items():
                for number, branch in enumerate(move.branches):
                    assert motor(rules).fire(state, trigger, number) == branch.target
                    ways += 1
    assert ways > 60


def test_every_move_stands_where_it_starts_and_leads_to_a_state_that_is_there() -> None:
    for rules in every_rules():
        for state, moves in rules.moves.items():
            assert state in rules.spots
            for trigger, move in moves.items():
                assert (move.source, move.trigger) == (state, trigger)
                assert set(move.targets) <= set(rules.spots)
                assert move.branches


def test_after_the_end_only_a_step_that_the_routine_declares_there_leads_on() -> None:
    seen = 0
    for rules in every_rules():
        declared = {state: set(one.transitions) for state, one in rules.routine.states.items()}
        for name, step in rules.routine.shared.items():
            for state in step.states:
                declared[state].add(name)
        for spot in rules.spots.values():
            for move in rules.moves[spot.name].values() if spot.ends else ():
                leads_on = move.targets != (spot.name,)
                seen += leads_on
                assert not leads_on or (move.kind == "step" and move.base in declared[spot.name])
    assert seen, "an investigation can be opened again"


@settings(deadline=None)
@given(data=st.data())
def test_a_routine_with_steps_drawn_at_random_fires_as_its_table_says(data: st.DataObject) -> None:
    names = ["lit", "burning", "told", "out"]
    ways = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from(names[:3]), st.sampled_from(["one", "two", "three"])),
            st.lists(st.sampled_from([*names, "here"]), min_size=1, max_size=3),
            min_size=1,
        )
    )

    def draw(toy: dict[str, Data]) -> None:
        lantern = toy["lantern"]
        for (state, trigger), targets in ways.items():
            branches = [{"state": target, "when": "look.wind > 3"} for target in targets[:-1]]
            lantern["states"][state].setdefault("transitions", {})[trigger] = {
                "title": {"sv": "Steg"},
                "by": ["school_employee"],
                "to": [*branches, {"state": targets[-1], "otherwise": True}],
            }

    rules = toys(draw).versions["lantern"][0]
    made = Motor(rules)
    for (state, trigger), targets in ways.items():
        for number, target in enumerate(targets):
            assert made.fire(state, trigger, number) == (state if target == "here" else target)


@pytest.mark.parametrize("routine", ["lantern", "ferry"])
def test_the_same_data_makes_the_same_table(routine: str) -> None:
    one, two = toys().versions[routine][0], toys().versions[routine][0]
    assert one.digest == two.digest
    assert canonical({state: sorted(moves) for state, moves in one.moves.items()}) == canonical(
        {state: sorted(moves) for state, moves in two.moves.items()}
    )
