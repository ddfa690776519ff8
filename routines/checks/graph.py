"""States: each can be reached, and from each an end."""

from ..rules import Rules
from .flow import Edges, Flow, backwards, during, judged, onwards, possible, reach
from .page import Page


def states(page: Page, rules: Rules, flow: Flow) -> None:
    """Unreachable states, traps, and circles without an end."""
    for name in rules.routine.states:
        if name not in flow.came:
            page.key("state-unreachable", ("states", name), name=name)
    edges = onwards(flow.taken.values(), rules.spots)
    stuck = flow.came.keys() - _ending(rules, edges)
    away = {state: reach(edges, [state]) for state in stuck}
    # Only the states that nothing leads out of: those before them would say the same thing again.
    for bottom in {ahead for ahead in away.values() if all(away[one] == ahead for one in ahead)}:
        origins = {rules.spots[state].origin for state in bottom}
        first, *others = [name for name in rules.routine.states if name in origins]
        if others:
            page.key("state-no-end", ("states", first), name=first, others=", ".join([first, *others]))
        else:
            page.key("state-trap", ("states", first), name=first)


def stranded(rules: Rules) -> tuple[Flow, list[str]]:
    """The states from which an end is reached only by stepping over a guard, or not at all."""
    flow = judged(rules)
    free = [
        move
        for (state, _), move in flow.taken.items()
        if state and possible(rules, move, during(rules, move, flow.have[state]), overrides=False)
    ]
    ending = _ending(rules, onwards(free, rules.spots))
    return flow, [state for state in flow.came if state not in ending]


def _ending(rules: Rules, edges: Edges) -> frozenset[str]:
    """The states from which an end can be reached."""
    return reach(backwards(edges), [state for state, spot in rules.spots.items() if spot.ends])
