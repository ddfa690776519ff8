"""Conditions that can never be true or never false; ways out that overlap, that leave a gap, that nobody can come to.

What could not be decided is told with a warning, and never refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..condition import Condition
from ..condition_tree import And, Node, Not, names_in
from ..survey import Survey, survey
from .ground import Ground
from .page import Path
from .places import Step, Subject, conditions

LIMIT = 20_000
WORK = 1_000_000
"""Judgements for one question, and names looked up in them; a question that needs more is left undecided."""
MANY = 30
"""More alternatives than this are not compared with one another."""


class _Way(NamedTuple):
    path: Path
    node: Node


def choices(about: Subject) -> None:
    """Survey every condition alone, and every step's conditions together."""
    ground = Ground(about)
    never: set[Path] = set()
    known: dict[Node, tuple[bool | None, bool | None]] = {}
    for said in conditions(about):
        node = about.parsed(said.source).tree
        if node not in known:
            known[node] = _reach(ground, about.parsed(said.source))
        true, false = known[node]
        if true is False:
            never.add(said.path)
            about.page.value("guard-never-true", said.path)
        elif false is False:
            about.page.value("guard-never-false", said.path)
        elif true is None or false is None:
            about.page.warn("guard-undecided", said.path)
    for step in about.steps:
        _step(ground, step, never)


def _reach(ground: Ground, condition: Condition) -> tuple[bool | None, bool | None]:
    """Whether a condition can be true, and whether it can be false."""
    if ground.plain(condition.tree):
        reach = _survey(ground, [condition], otherwise=True).reaches[0]
        return reach.can_be_true, reach.can_be_false
    return _possible(ground, condition.tree), _possible(ground, Not(condition.tree))


def _survey(ground: Ground, conditions: Sequence[Condition], *, otherwise: bool) -> Survey:
    size = sum(1 for condition in conditions for _ in names_in(condition.tree))
    return survey(conditions, ground.about.scope, otherwise=otherwise, limit=min(LIMIT, WORK // max(size, 1)))


def _possible(ground: Ground, node: Node) -> bool | None:
    return _survey(ground, ground.ready([node]), otherwise=True).reaches[0].can_be_true


def together(ground: Ground, nodes: Sequence[Node]) -> bool:
    """Whether conditions can be true at once, as far as can be told."""
    return not nodes or _possible(ground, And(tuple(nodes))) is not False


def _step(ground: Ground, step: Step, never: set[Path]) -> None:
    about = ground.about
    held: list[Node] = []
    for number, guard in enumerate(step.step.require):
        if guard.override is None:
            if (*step.path, "require", number, "when") in never:
                return
            held.append(about.parsed(guard.when).tree)
    if len(held) > 1 and _possible(ground, And(tuple(held))) is False:
        about.page.key("step-never", step.path, name=step.name)
        return
    ways = _ways(about, step)
    if ways is not None and not any((*way.path, "when") in never for way in ways[0]):
        _branches(ground, step, ways[0], ways[1], held)


def _ways(about: Subject, step: Step) -> tuple[list[_Way], Path | None] | None:
    """The alternatives with a condition, and the place of the one without; None when they are not written so."""
    ways: list[_Way] = []
    otherwise: Path | None = None
    if isinstance(step.step.to, str):
        return None
    for number, target in enumerate(step.step.to):
        path = (*step.path, "to", number)
        if (target.when is None) is not target.otherwise or (target.otherwise and otherwise is not None):
            about.page.value("branch-unconditional", path, state=target.state)
            return None
        if target.when is None:
            otherwise = path
        else:
            ways.append(_Way(path, about.parsed(target.when).tree))
    return ways, otherwise


def _branches(ground: Ground, step: Step, ways: Sequence[_Way], otherwise: Path | None, held: list[Node]) -> None:
    page, place = ground.about.page, (*step.path, "to")
    if len(ways) > MANY:
        page.warn("guard-undecided", place)
        return
    # A survey looks for facts with which none is true: one more is true wherever a guard refuses, so that it looks
    # only among the facts with which the step can be taken at all.
    asked = ground.ready([And((*held, way.node)) if held else way.node for way in ways], held) if ways else []
    found = _survey(ground, asked, otherwise=False)
    doubted = (found.overlaps or found.gap is not None) and ground.tangled(asked)
    for overlap in found.overlaps if not doubted else ():
        if overlap.second < len(ways):
            path = (*ways[overlap.second].path, "when")
            numbers = {"first": overlap.first + 1, "second": overlap.second + 1}
            page.value("branches-overlap", path, numbers, example=ground.example(overlap.facts))
    for way, reach in zip(ways, found.reaches, strict=False):
        if reach.can_be_true is False:
            page.value("branch-never", way.path)
    if otherwise is None and found.gap is not None and not doubted:
        page.key("branches-gap", place, name=step.name, example=ground.example(found.gap))
    if otherwise is not None and ways and found.decided and found.gap is None:
        page.value("branch-never", otherwise)
    if doubted or not found.decided:
        page.warn("guard-undecided", place)
