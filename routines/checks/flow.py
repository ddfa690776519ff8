"""Where a run can get to, and what can be known there: the compiled steps followed from the opening.

What a state may know is gathered over every way into it, so that too much may be thought possible and never too little:
what is proved here about every way holds, and a way that is found may rest on answers that do not go together.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from ..condition import Condition
from ..condition_tree import And, Comparison, Flag, Name, Node, Not, Or, Quantified, settled
from ..rules import Branch, Move, Rules

Have: TypeAlias = frozenset[str]
"""The names of the forms that may have been answered, and ``step!`` for the steps that may have been taken."""


Edges: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Flow:
    """``came`` tells for each state that is reached the step that first led there, in order of nearness."""

    came: dict[str, Move]
    have: dict[str, Have]
    taken: dict[tuple[str, str], Move] = field(default_factory=dict[tuple[str, str], Move])
    """The steps that can be taken, by state and name."""

    def way(self, move: Move) -> str:
        """The shortest way that ends with this step, as the names of its steps."""
        names = [move.trigger]
        while move.source:
            move = self.came[move.source]
            names.append(move.trigger)
        return " > ".join(reversed(names))


def plain(rules: Rules) -> Flow:
    """Every step can be taken."""
    return _flow(rules, lambda _move, _have: True, lambda _branch, _have: True)


def judged(rules: Rules, *, without: str = "", overrides: bool = True) -> Flow:
    """A step can be taken when what its conditions read may be known.

    Args:
        without: a step that is never taken; see ``done``.
        overrides: guards that somebody may step over stop nobody.
    """
    gone = done(rules, without)

    def taken(move: Move, have: Have) -> bool:
        return move.trigger != gone and possible(rules, move, have, overrides=overrides)

    return _flow(rules, taken, lambda branch, have: branch.condition is None or may_hold(rules, branch.condition, have))


def possible(rules: Rules, move: Move, have: Have, *, overrides: bool) -> bool:
    """Whether nothing that is missing keeps the step from being taken."""
    if move.kind in {"complete", "review"} and f"{move.base}!" not in have:
        return False
    guards = [guard for guard in move.guards if not (overrides and guard.guard.override)]
    return all(may_hold(rules, guard.condition, have) for guard in guards)


def done(rules: Rules, name: str) -> str:
    """The compiled step with which a declared one has been done: its approval, when a second person is asked first."""
    if name.endswith(".propose"):
        return name.removesuffix(".propose")
    moves = (move for steps in rules.moves.values() for move in steps.values())
    return f"{name}.approve" if any(move.trigger == name and move.kind == "propose" for move in moves) else name


def during(rules: Rules, move: Move, have: Have) -> Have:
    """What may be known while the step is judged: what was, and its own answers."""
    form = move.step.form if move.kind == "approve" else move.form
    return have | {form} if form is not None and form in rules.routine.forms else have


def _after(rules: Rules, move: Move, have: Have) -> Have:
    if move.kind == "propose":
        return have
    later = during(rules, move, have)
    return later | {f"{move.base}!"} if move.kind in {"step", "approve"} else later


def _flow(rules: Rules, taken: Callable[[Move, Have], bool], leads: Callable[[Branch, Have], bool]) -> Flow:
    flow = Flow({}, {})
    waiting: deque[str] = deque()
    # What may be known only grows, so that a way once open stays so.
    open_: set[int] = set()

    def take(move: Move, have: Have) -> None:
        own = during(rules, move, have)
        if id(move) not in open_ and not taken(move, own):
            return
        open_.add(id(move))
        flow.taken[move.source, move.trigger] = move
        after = _after(rules, move, have)
        for branch in move.branches:
            if id(branch) in open_ or leads(branch, own):
                open_.add(id(branch))
                arrive(move, branch.target, after)

    def arrive(move: Move, state: str, after: Have) -> None:
        flow.came.setdefault(state, move)
        known = flow.have.get(state)
        if known is None or not after <= known:
            flow.have[state] = after | (known or frozenset())
            if state not in waiting:
                waiting.append(state)

    take(rules.opening, frozenset())
    while waiting:
        state = waiting.popleft()
        for move in rules.moves[state].values():
            take(move, flow.have[state])
    return flow


_settled = lru_cache(maxsize=4096)(settled)


def may_hold(rules: Rules, condition: Condition, have: Have) -> bool:
    """Whether a condition can be true when only this may be known."""
    return _holds(rules, _settled(condition.tree), have)


def _holds(rules: Rules, node: Node, have: Have) -> bool:
    match node:
        case And(parts):
            return all(_holds(rules, part, have) for part in parts)
        case Or(parts):
            return any(_holds(rules, part, have) for part in parts)
        case Quantified(over=over, holds=holds):
            return _there(rules, over, have) and (node.every or _holds(rules, holds, have))
        case Flag(name, wanted):
            return _flag(rules, name, have, wanted=wanted)
        case Comparison(name, _, right):
            return _there(rules, name, have) and (not isinstance(right, Name) or _there(rules, right, have))
        case Not():
            raise AssertionError(node)


def _flag(rules: Rules, name: Name, have: Have, *, wanted: bool) -> bool:
    derived = rules.routine.derived.get(name.root)
    if derived is not None and derived.known is not None:
        return not wanted or known(rules, derived.known, have)
    condition = rules.derived.get(name.root)
    if condition is not None:
        return _holds(rules, _settled(condition.tree, wanted=wanted), have)
    return _there(rules, name, have)


def _there(rules: Rules, name: Name, have: Have) -> bool:
    return known(rules, name.root, have)


def known(rules: Rules, fact: str, have: Have) -> bool:
    """Whether a fact may be known when this may be."""
    return all(source in have for source in sources(rules, fact))


def sources(rules: Rules, fact: str) -> Iterator[str]:
    """What has to be there before a fact can be known; nothing for what others hand over and what is counted."""
    form, _, name = fact.partition(".")
    if name and form == "status":
        yield f"{name}!"
    elif name and form != "handed":
        yield form
    elif not name:
        derived = rules.routine.derived[form]
        if derived.known is None:
            # what another reads is looked into where it is judged; here it is enough that it could be known at all
            for source in (derived.age_group, derived.since):
                if source is not None:
                    yield from sources(rules, source)


def reach(edges: Edges, starts: Iterable[str]) -> frozenset[str]:
    """Every state that can be got to from these, themselves among them."""
    waiting = list(starts)
    found = set(waiting)
    while waiting:
        for state in edges[waiting.pop()]:
            if state not in found:
                found.add(state)
                waiting.append(state)
    return frozenset(found)


def onwards(moves: Iterable[Move], states: Iterable[str]) -> Edges:
    """Where each state leads, by these steps."""
    edges: dict[str, list[str]] = {state: [] for state in states}
    for move in moves:
        if move.source in edges:
            edges[move.source].extend(move.targets)
    return edges


def backwards(edges: Edges) -> Edges:
    """From where each state is led to."""
    turned: dict[str, list[str]] = {state: [] for state in edges}
    for state, targets in edges.items():
        for target in targets:
            turned[target].append(state)
    return turned
