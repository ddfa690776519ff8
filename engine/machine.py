"""The motor: ``transitions`` behind a door that lets only what is safe through.

One flat Machine per rules digest, no models, no automatic transitions, callables only (a string would be imported and
run). A step is fired on a throw-away carrier; the motor answers which state it leads to.
tests/engine/test_motor_traps.py pins each trap of the package that this module stays clear of.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from transitions import EventData, Machine

from stegvis.routines.rules import Rules


class Carrier:
    """What the motor moves: a state, and which branch the core chose."""

    __slots__ = ("branch", "state")

    def __init__(self, state: str, branch: int) -> None:
        self.state = state
        self.branch = branch


def _chosen(branch: int, event: EventData) -> bool:
    return cast("Carrier", event.model).branch == branch


class Motor:
    """Fires one step at a time for one compiled routine."""

    __slots__ = ("_events", "_machine")

    def __init__(self, rules: Rules) -> None:
        machine = Machine(
            model=None,
            states=list(rules.spots),
            initial=next(iter(rules.spots)),
            auto_transitions=False,
            send_event=True,
        )
        for source, moves in rules.moves.items():
            for trigger, move in moves.items():
                for number, branch in enumerate(move.branches):
                    machine.add_transition(trigger, source, branch.target, conditions=partial(_chosen, number))
        self._machine = machine
        self._events: Mapping[str, Any] = machine.events

    def fire(self, state: str, trigger: str, branch: int) -> str:
        """The state that the step leads to."""
        carrier = Carrier(state, branch)
        if not self._events[trigger].trigger(carrier):
            raise AssertionError(trigger)
        return carrier.state


_motors: dict[str, Motor] = {}


def motor(rules: Rules) -> Motor:
    """The motor of these rules; made once, since the same digest always makes the same machine."""
    found = _motors.get(rules.digest)
    if found is None:
        found = _motors.setdefault(rules.digest, Motor(rules))
    return found
