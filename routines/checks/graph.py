"""States: each can be reached, and from each an end."""

from collections.abc import Iterable

from ..rules import Rules
from .flow import Flow, during, edges_of, judged, possible, reach
from .page import Page


def states(page: Page, rules: Rules, flow: Flow) -> None:
    """Unreachable states, traps, and circles without an end."""
    for name in rules.routine.states:
        if name not in flow.came:
            page.key("state-unreachable", ("states", name), name=name)
    moves = [move for steps in rules.moves.values() for move in steps.values()]
    edges = edges_of(moves, list(rules.spots))
    reached = {state: reach(edges, state) for state in flow.came}
    stuck = {state: away for state, away in reached.items() if not any(rules.spots[one].ends for one in away)}
    # Only the states that nothing leads out of: those before them would say the same thing again.
    bottoms = {away for away in stuck.values() if all(stuck[one] == away for one in away)}
    for bottom in bottoms:
        origins = {rules.spots[state].origin for state in bottom}
        ordered = [name for name in rules.routine.states if name in origins]
        if len(ordered) == 1:
            page.key("state-trap", ("states", ordered[0]), name=ordered[0])
        else:
            page.key("state-no-end", ("states", ordered[0]), name=ordered[0], others=", ".join(ordered))


def stranded(rules: Rules) -> tuple[Flow, list[str]]:
    """The states from which an end is reached only by stepping over a guard, or not at all."""
    flow = judged(rules)
    free = [
        move
        for (state, _), move in flow.taken.items()
        if state and possible(rules, move, during(rules, move, flow.have[state]), overrides=False)
    ]
    edges = edges_of(free, list(rules.spots))
    return flow, [state for state in flow.came if not _ends(rules, reach(edges, state))]


def _ends(rules: Rules, states_: Iterable[str]) -> bool:
    return any(rules.spots[state].ends for state in states_)
