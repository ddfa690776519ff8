"""Surveys the ways out of a step before anybody takes them: what can never happen, what overlaps, what falls between.

The answers are exact, over the few values that decide (see survey_values.py). Facts are tried one at a time and the
conditions judged on what is known so far: since making a fact known never turns true into false, a branch that has
settled need not be looked into. A question that would take more judgements than the limit is tried on a fixed sample;
a sample that finds an example has answered it, one that does not leaves it open.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from .condition import Condition, Truth
from .condition_tree import walk
from .facttypes import Facts, Scope, Value
from .survey_values import Domain, domains

_PARTS = 16
"""Conditions of more parts than this together spend the limit faster."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a condition can be true, and whether it can be false, when all its facts are known.

    ``None`` is an open question, never "no": ask for ``is False``.
    """

    can_be_true: bool | None
    can_be_false: bool | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two conditions, by their places in the survey, and facts for which both are true."""

    first: int
    second: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class Survey:
    """``gap`` holds known facts for which no condition is true; None when there are none, or when not decided.

    ``decided`` is False when at least one question is open: a fault may remain that was not found.
    """

    reaches: tuple[Reach, ...]
    overlaps: tuple[Overlap, ...]
    gap: Facts | None
    decided: bool


def survey(conditions: Sequence[Condition], scope: Scope, *, otherwise: bool, limit: int = 200_000) -> Survey:
    """Survey alternatives.

    Args:
        scope: the type of each fact here; it may be narrower than the scope that the conditions were read in.
        otherwise: there is a way out when none is true, so that no gap is looked for.
        limit: judgements spent on each question, of which there are two for each condition, one for each pair and one
            for the gap; fewer when the conditions are large.
    """
    asked = _Asked(scope, limit)
    reaches = tuple(
        Reach(
            asked.possible([one], one.evaluate),
            asked.possible([one], lambda facts, one=one: _negated(one.evaluate(facts))),
        )
        for one in conditions
    )
    overlaps: list[Overlap] = []
    for (i, one), (j, two) in combinations(enumerate(conditions), 2):
        found = asked.find([one, two], lambda facts, pair=(one, two): _all(one.evaluate(facts) for one in pair))
        if found is not None:
            overlaps.append(Overlap(i, j, found))
    gap = None
    if not otherwise:
        gap = asked.find(conditions, lambda facts: _all(_negated(one.evaluate(facts)) for one in conditions))
    return Survey(reaches, tuple(overlaps), gap, asked.decided)


class _Asked:
    def __init__(self, scope: Scope, limit: int) -> None:
        self.scope = scope
        self.limit = limit
        self.decided = True

    def possible(self, conditions: Sequence[Condition], goal: Callable[[Facts], Truth]) -> bool | None:
        before, self.decided = self.decided, True
        found = self.find(conditions, goal) is not None
        answer = found if found or self.decided else None
        self.decided = self.decided and before
        return answer

    def find(self, conditions: Sequence[Condition], goal: Callable[[Facts], Truth]) -> Facts | None:
        """Known facts for which the goal is true; None when there are none or, with ``decided`` False, none found."""
        facts = domains([one.tree for one in conditions], self.scope)
        if any(next(domain.given({}), None) is None for domain in facts):
            return None  # a fact that can have no value is never known
        # Large conditions take longer to judge: they get fewer judgements, so that the limit bounds the time.
        limit = self.limit * _PARTS // max(_PARTS, sum(1 for one in conditions for _ in walk(one.tree)))
        searched = _search(facts, goal, limit)
        if searched is None:
            found = _sample(facts, goal, limit // 10)
            self.decided = self.decided and found is not None
            return found
        if not searched:
            self.decided = self.decided and all(domain.whole for domain in facts)
            return None
        return searched[0]


def _search(facts: Sequence[Domain], goal: Callable[[Facts], Truth], limit: int) -> list[Facts] | None:
    """The first example, or an empty list when there is none, or None when the limit was reached."""
    known: dict[str, Value] = {}
    ahead: list[Iterator[Value]] = []
    spent = 0
    while spent < limit:
        outcome = goal(known)
        spent += 1
        if outcome is True:
            return [{**{domain.name: next(domain.given({})) for domain in facts}, **known}]
        if outcome is None and len(ahead) < len(facts):
            domain = facts[len(ahead)]
            spent += domain.cost
            ahead.append(domain.given(known))
        if not _advance(facts, ahead, known):
            return []
    return None


def _advance(facts: Sequence[Domain], ahead: list[Iterator[Value]], known: dict[str, Value]) -> bool:
    """Take the next value of the last fact that has one left, forgetting those after it."""
    while ahead:
        name = facts[len(ahead) - 1].name
        for value in ahead[-1]:
            known[name] = value
            return True
        known.pop(name, None)
        ahead.pop()
    return False


def _sample(facts: Sequence[Domain], goal: Callable[[Facts], Truth], count: int) -> Facts | None:
    chance = Random(count)  # noqa: S311 - the same sample every time, and no secret
    for _ in range(count):
        known = {domain.name: domain.pick(chance) for domain in facts}
        if goal(known):
            return known
    return None


def _negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _all(truths: Iterator[Truth]) -> Truth:
    outcome: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            outcome = None
    return outcome
