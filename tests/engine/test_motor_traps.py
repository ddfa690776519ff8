"""What the motor's package does that engine/machine.py steers clear of.

Each test shows the trap as it is in the pinned version. One that fails after an upgrade says: look at machine.py again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from transitions import EventData, Machine, MachineError, Transition
from transitions.extensions import HierarchicalMachine

from stegvis.engine.machine import Motor, Step, motor
from stegvis.engine.values import Case
from stegvis.routines.rules import Rules

from .toys import Data, plain_toys, toys


class Carrier:
    """Anything with a state."""

    def __init__(self, state: str = "a") -> None:
        self.state = state


def machine(**more: Any) -> Machine:
    plain: dict[str, Any] = {"model": None, "states": ["a", "b"], "initial": "a", "auto_transitions": False}
    return cast("Any", Machine)(**{**plain, "send_event": True, **more})


def fire(made: Machine, trigger: str, carrier: object) -> bool:
    return cast("Any", made.events)[trigger].trigger(carrier)


# ---- the traps ------------------------------------------------------------------------------------------------------


def test_a_text_among_callbacks_is_imported_and_run() -> None:
    made = machine(send_event=False)
    made.add_transition("go", "a", "b", before="os.getcwd", conditions="os.path.isabs")
    # The condition is imported and called too: it complains of a missing argument, and would have run anything.
    with pytest.raises(TypeError):
        fire(made, "go", Carrier())


def test_automatic_transitions_are_a_back_door_to_every_state() -> None:
    made, carrier = machine(auto_transitions=True), Carrier()
    assert "to_b" in made.events
    assert fire(made, "to_b", carrier)
    assert carrier.state == "b"


@dataclass
class Same:
    number: int = 0


def test_an_equal_model_is_silently_not_registered() -> None:
    first, second = Same(), Same()
    made = machine(model=[first])
    made.add_model(second)
    assert len(made.models) == 1
    assert not hasattr(second, "state")


def test_unknown_targets_and_sources_pass_construction() -> None:
    made = machine()
    made.add_transition("go", "a", "nowhere")
    made.add_transition("leave", "elsewhere", "b")
    with pytest.raises(ValueError, match="nowhere"):
        fire(made, "go", Carrier())


def test_an_unknown_initial_state_is_added() -> None:
    assert "typo" in machine(initial="typo").states


def test_asking_runs_what_prepares() -> None:
    ran: list[str] = []

    def prepare(event: EventData) -> None:
        ran.append(event.event.name)

    model = Carrier()
    made = machine(model=[model])
    made.add_transition("go", "a", "b", prepare=prepare)
    assert cast("Any", model).may_go()
    assert ran
    assert model.state == "a"


def test_an_error_on_entering_leaves_the_new_state() -> None:
    def fail(_: EventData) -> None:
        raise RuntimeError

    made, carrier = machine(states=["a", {"name": "b", "on_enter": [fail]}]), Carrier()
    made.add_transition("go", "a", "b")
    with pytest.raises(RuntimeError):
        fire(made, "go", carrier)
    assert carrier.state == "b"


def test_a_false_guard_says_only_false_and_a_wrong_step_raises() -> None:
    def no(_: EventData) -> bool:
        return False

    made, carrier = machine(), Carrier()
    made.add_transition("go", "a", "b", conditions=no)
    made.add_transition("back", "b", "a")
    assert fire(made, "go", carrier) is False
    with pytest.raises(MachineError):
        fire(made, "back", carrier)
    assert carrier.state == "a"


def test_a_queued_trigger_answers_true_before_anything_has_happened() -> None:
    seen: list[tuple[bool, str]] = []
    carrier = Carrier()

    def inside(_: EventData) -> None:
        seen.append((fire(made, "back", carrier), carrier.state))

    made = machine(queued=True, states=["a", {"name": "b", "on_enter": [inside]}])
    made.add_transition("go", "a", "b")
    made.add_transition("back", "b", "a")
    fire(made, "go", carrier)
    assert seen == [(True, "b")]
    assert carrier.state == "a"


def test_a_model_with_a_method_of_the_triggers_name_keeps_its_own() -> None:
    class Reporting(Carrier):
        def report(self) -> str:
            return "mine"

    model = Reporting()
    made = machine(model=[model])
    made.add_transition("report", "a", "b")
    assert model.report() == "mine"
    assert model.state == "a"


def test_a_separator_in_a_state_name_breaks_nested_machines() -> None:
    states = ["calm", {"name": "threat_assessment", "initial": "open", "children": ["open"]}]
    with pytest.raises(KeyError, match="threat"):
        HierarchicalMachine(model=Carrier(), states=states, initial="threat_assessment", auto_transitions=False)


def test_a_nested_machine_keeps_its_scope_on_itself() -> None:
    # Why threads may not share it: where it is while it fires is written on the machine, not on the carrier.
    made = HierarchicalMachine(model=None, states=["a", {"name": "p", "children": ["in"]}], initial="a")
    with made("p"):
        assert made.prefix_path == ["p"]
    assert made.prefix_path == []


# ---- and the motor --------------------------------------------------------------------------------------------------


def parts(made: Motor) -> list[tuple[Step, Transition]]:
    return [(event, edge) for event in made._events.values() for edges in event.transitions.values() for edge in edges]


@pytest.fixture(params=["lantern", "watch", "ferry", "pier", "alarm"])
def rules(request: pytest.FixtureRequest) -> Rules:
    return plain_toys().versions[request.param][0]


def test_the_motor_holds_no_callback_no_condition_and_no_step_that_was_not_declared(rules: Rules) -> None:
    made = Motor(rules)
    declared = {
        f"{trigger}#{number}"
        for moves in rules.moves.values()
        for trigger, move in moves.items()
        for number in range(len(move.branches))
    }
    assert set(made._events) == declared
    for step, edge in parts(made):
        assert isinstance(step, Step)
        assert not any((edge.conditions, edge.before, edge.after, edge.prepare))
    machines = {id(event.machine): event.machine for event in made._events.values()}
    for one in machines.values():
        assert not one.models
        assert not one.has_queue
        assert not isinstance(one, HierarchicalMachine)


def test_names_that_look_like_something_to_import_are_only_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(data: dict[str, Data]) -> None:
        states = data["watch"]["states"]
        states["received"]["transitions"]["getcwd"] = states["received"]["transitions"].pop("hand_out")
        states["os"] = states.pop("closed")
        states["received"]["transitions"]["answer"]["to"] = "os"

    made = Motor(toys(rename).versions["watch"][0])
    monkeypatch.setattr("builtins.__import__", _refuse)
    assert made.fire("received", "answer", 0) == "os"
    assert made.fire("received", "getcwd", 0) == "received"


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError


def test_a_step_that_is_not_there_is_an_error_and_moves_nothing() -> None:
    made = motor(plain_toys().versions["lantern"][0])
    with pytest.raises(MachineError):
        made.fire("out", "look", 0)
    with pytest.raises(KeyError):
        made.fire("lit", "look", 7)


def test_the_same_rules_share_one_motor_and_others_have_their_own() -> None:
    lantern, watch = (plain_toys().versions[name][0] for name in ("lantern", "watch"))
    assert motor(lantern) is motor(lantern)
    assert motor(lantern) is not motor(watch)


def test_threads_share_one_motor() -> None:
    rules = plain_toys().versions["lantern"][0]
    made = Motor(rules)
    ways = [
        (state, trigger, number, branch.target)
        for state, moves in rules.moves.items()
        for trigger, move in moves.items()
        for number, branch in enumerate(move.branches)
    ]
    wrong: list[object] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        for _ in range(40):
            wrong.extend(way for way in ways if made.fire(*way[:3]) != way[3])

    together(run, 8)
    assert not wrong


def together(act: Callable[[], None], count: int) -> None:
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_case_is_a_plain_value_without_a_machine() -> None:
    assert not {name for name in dir(Case) if name.startswith(("may_", "to_", "is_"))}
