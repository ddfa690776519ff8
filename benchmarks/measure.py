"""How everything here is measured: contenders in turn, a new order each round, ratios taken inside the round.

The machine may be shared and slow down for a while; a ratio of two figures of the same round hardly notices.
"""

import gc
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ALLOWED = 0.15
"""How much a gate may be missed by before the run fails: what ratios were seen to differ between quiet runs."""


@dataclass(frozen=True)
class Figure:
    """One line of a table.

    Attributes:
        name: what was measured.
        micros: microseconds each, by round.
        ratios: this over the floor, or the floor over this, by round; empty for the floor itself.
        gate: what the median ratio is held to; None when it is printed beside.
    """

    name: str
    micros: Sequence[float]
    ratios: Sequence[float] = ()
    gate: float | None = None

    def missed(self, *, low: bool) -> bool:
        """Whether the gate is missed by more than is allowed; ``low``: lower ratios are better."""
        if self.gate is None:
            return False
        ratio = statistics.median(self.ratios)
        return ratio > self.gate * (1 + ALLOWED) if low else ratio < self.gate * (1 - ALLOWED)


@dataclass(frozen=True)
class Limit:
    """A figure that is held to a number of its own, not to a floor.

    Attributes:
        name, found, unit: what was measured, how much it was, and of what.
        most: what it is held to; None when it is printed beside.
    """

    name: str
    found: float
    most: float | None
    unit: str

    @property
    def missed(self) -> bool:
        """Whether it is missed by more than is allowed."""
        return self.most is not None and self.found > self.most * (1 + ALLOWED)


@dataclass(frozen=True)
class Table:
    """What was measured against one floor, which is the first figure.

    Attributes:
        title, unit: what the table is about; what one of the things measured is.
        notes: what a reader must know to read it right.
        low: the ratio is time over the floor's time, so lower is better; else it is the share of the floor's speed.
    """

    title: str
    unit: str
    notes: Sequence[str]
    figures: Sequence[Figure]
    low: bool

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.missed(low=self.low)]


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every contender once a round, in a new order each round; what each answered, by name."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    chance = random.Random(7)
    for _ in range(rounds):
        chance.shuffle(order)
        for name in order:
            gc.collect()
            found[name].append(contenders[name]())
    return found


def figures(found: Mapping[str, Sequence[float]], *, low: bool, gates: Mapping[str, float]) -> list[Figure]:
    """The figures of one table; the first contender is the floor."""
    floor, *others = found
    made = [Figure(floor, found[floor])]
    for name in others:
        pairs = zip(found[name], found[floor], strict=True)
        ratios = [mine / least if low else least / mine for mine, least in pairs]
        made.append(Figure(name, found[name], ratios, gates.get(name)))
    return made


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The median between its quartiles."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
