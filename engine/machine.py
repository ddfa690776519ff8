"""The motor: ``transitions`` behind a door that lets only what is safe through.

One flat Machine per rules digest, no models, no automatic transitions, callables only (a string would be imported and
run). A step is fired on a throw-away carrier; the motor answers which state it leads to.
tests/engine/test_motor_traps.py pins each trap of the package that this module stays clear of.
"""

from collections.abc import Mapping
from typing import Any

from transitions import Event, Machine, MachineError

from stegvis.routines.rules import Rules


class Carrier:
    """What the motor moves: a state."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


class Step(Event):
    """One branch of a step: exactly one edge from a state, without conditions or callbacks: the core has judged it.

    It only moves. Nothing is queued, prepared, called back or logged, so no EventData is made. The machine is not asked
    whether it knows the state: Motor asks once, when it makes the edge.
    """

    def trigger(self, model: Carrier, *args: object, **kwargs: object) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] # noqa: ARG002
        edges = self.transitions.get(model.state)
        if not edges:
            raise MachineError(f"no step {self.name} from {model.state}")
        model.state = str(edges[0].dest)
        return True


class Motor:
    """Fires one step at a time for one compiled routine. Each branch of a step is an event of its own."""

    __slots__ = ("_events",)

    def __init__(self, rules: Rules) -> None:
        machine = _Machine(
            model=None,
            states=list(rules.spots),
            initial=next(iter(rules.spots)),
            auto_transitions=False,
            send_event=True,
        )
        for source, moves in rules.moves.items():
            for trigger, move in moves.items():
                for number, branch in enumerate(move.branches):
                    known = machine.get_state(branch.target)
                    machine.add_transition(f"{trigger}#{number}", source, known.name)
        self._events: Mapping[str, Any] = machine.events

    def fire(self, state: str, trigger: str, branch: int) -> str:
        """The state that the step leads to.

        Raises:
            transitions.MachineError: there is no such step from there.
        """
        carrier = Carrier(state)
        self._events[f"{trigger}#{branch}"].trigger(carrier)
        return carrier.state


class _Machine(Machine):
    event_cls = Step


_motors: dict[str, Motor] = {}


def motor(rules: Rules) -> Motor:
    """The motor of these rules; made once, since the same digest always makes the same machine."""
    found = _motors.get(rules.digest)
    if found is None:
        found = _motors.setdefault(rules.digest, Motor(rules))
    return found
