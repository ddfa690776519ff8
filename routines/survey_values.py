"""Which values are enough to try: for each fact that some conditions read, values that between them decide everything.

Equality and order are all that a condition can ask, so a few values stand for all others: each constant, and between,
before and after the constants as many values as there are facts compared with one another. A list can always be cut
down to the rows that make an ``any`` true or an ``each`` false, one for each place that asks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, combinations, islice, product
from math import prod
from random import Random

from .condition import Judge, compiled
from .condition_tree import Comparison, Constant, Name, Node, Quantified, names_in, settled, walk
from .facttypes import Facts, FactType, Kind, Scope, Value

ENOUGH = 5_000
"""No more values than this are made for one fact."""
_DEEP = 3
"""So many rows are tried of a list that is compared with itself, where no number of rows is known to be enough."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values to try for one fact; ``whole`` says that no other value could bring out anything more."""

    name: str
    values: tuple[Value, ...]
    whole: bool
    cost: int = 0
    """Judgements that ``given`` takes."""

    def given(self, known: Facts) -> Iterator[Value]:
        """The values worth trying when so much is known of the other facts."""
        del known
        return iter(self.values)

    def pick(self, chance: Random) -> Value:
        return chance.choice(self.values)


@dataclass(frozen=True, slots=True)
class Lists(Domain):
    """The lists of up to ``most`` different rows; ``values`` are the rows."""

    most: int = 0
    asks: tuple[Judge, ...] = ()
    """Each part that asks about the rows. What a list answers is the least or the greatest of what its rows do."""

    def given(self, known: Facts) -> Iterator[Value]:
        """Of rows that give every part the same answer, one is enough."""
        alike: dict[tuple[object, ...], Value] = {}
        for number, row in enumerate(self.values):
            answers = tuple(ask({**known, self.name: [row]}) for ask in self.asks)
            alike.setdefault((number,) if not answers or None in answers else answers, row)
        rows = tuple(alike.values())
        return (list(some) for n in range(min(self.most, len(rows)) + 1) for some in combinations(rows, n))

    def pick(self, chance: Random) -> Value:
        return [chance.choice(self.values) for _ in range(chance.randint(0, self.most) if self.values else 0)]


def domains(nodes: Sequence[Node], scope: Scope) -> tuple[Domain, ...]:
    """One domain for each fact that is read, in the order in which they are first read, lists last."""
    reading = _Reading(nodes)
    facts = [name for name in reading.names.values() if name.path == name.root]
    found = [_domain(name.path, scope.get(name.path, name.type), reading) for name in facts]
    return tuple(sorted(found, key=lambda domain: isinstance(domain, Lists)))


class _Reading:
    """What the conditions say about each path."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.names = names = {name.path: name for node in nodes for name in names_in(node)}
        self.constants: dict[str, set[Constant]] = {path: set() for path in names}
        self.group: dict[str, set[str]] = {path: {path} for path in names}
        """The paths that are compared with one another, over any number of steps."""
        self.places: dict[str, list[tuple[str, ...]]] = {path: [] for path in names}
        """For each list, the lists around each place that asks about its rows."""
        self.asks: dict[str, list[Judge]] = {path: [] for path in names}
        for part, around in chain.from_iterable(map(walk, nodes)):
            if isinstance(part, Comparison):
                self.note(part)
            elif isinstance(part, Quantified):
                self.places[part.over.path].append(tuple(outer.over.path for outer in around))
                self.asks[part.over.path].append(compiled(settled(part)))

    def note(self, part: Comparison) -> None:
        match part.right:
            case Name(path=other):
                joined = self.group[part.name.path] | self.group[other]
                self.group.update(dict.fromkeys(joined, joined))
            case tuple() as several:
                self.constants[part.name.path].update(several)
            case constant:
                self.constants[part.name.path].add(constant)

    def rows(self, path: str, seen: tuple[str, ...] = ()) -> int | None:
        """How many rows are enough for a list, or None when no number is known."""
        if path in seen:
            return None
        total = 0
        for place in self.places[path]:
            # A list in a row is looked at one row at a time: the lists that it stands in do not multiply.
            counts = [self.rows(outer, (*seen, path)) for outer in place if not path.startswith(f"{outer}.")]
            known = [count for count in counts if count is not None]
            if len(known) < len(counts):
                return None
            total += prod(known)
        return total

    def copies(self, path: str) -> int:
        """In how many places at once a value may stand: one for a fact, one in each row for a field."""
        lists = [outer for outer in self.places if self.places[outer] and path.startswith(f"{outer}.")]
        return prod(self.rows(outer) or _DEEP for outer in lists)


def _domain(path: str, kind: FactType, reading: _Reading) -> Domain:
    if kind.kind == "list":
        return _lists(path, kind, reading)
    if kind.multiple:
        named = sorted(str(option) for option in reading.constants[path])
        return _cut(path, (list(chosen) for n in range(len(named) + 1) for chosen in combinations(named, n)))
    if kind.kind == "boolean":
        return Domain(path, (True, False), whole=True)
    group = reading.group[path]
    constants = {constant for other in group for constant in reading.constants[other]}
    room = sum(map(reading.copies, group)) if len(group) > 1 else 1
    if kind.kind == "choice":
        others = [option for option in kind.options if option not in constants]
        named = [option for option in kind.options if option in constants]
        return Domain(path, (*named, *(others if len(group) > 1 else others[:1])), whole=True)
    if kind.kind in _COUNTED:
        return _cut(path, _around(constants, room, *_COUNTED[kind.kind]))
    others = islice((text for n in range(room + len(constants)) if (text := f"other-{n}") not in constants), room)
    return _cut(path, chain(sorted(map(str, constants)), others))


def _lists(path: str, kind: FactType, reading: _Reading) -> Domain:
    count = reading.rows(path)
    most = _DEEP if count is None else count
    fields = _fields(path, kind, reading)
    names = [field.name.rpartition(".")[2] for field in fields]
    rows = _cut(path, (dict(zip(names, row, strict=True)) for row in product(*(field.values for field in fields))))
    whole = rows.whole and count is not None and all(field.whole for field in fields)
    if path != reading.names[path].root:
        lists = (list(some) for n in range(min(most, len(rows.values)) + 1) for some in combinations(rows.values, n))
        domain = _cut(path, lists)
        return Domain(path, domain.values, whole and domain.whole)
    asks = () if any(reading.places[path]) else tuple(reading.asks[path])
    return Lists(path, rows.values, whole, len(rows.values) * len(asks), most=most, asks=asks)


def _fields(path: str, kind: FactType, reading: _Reading) -> list[Domain]:
    """A domain for each field of a list that is read."""
    read = [name for name in reading.names.values() if name.path.rpartition(".")[0] == path]
    return [_domain(name.path, kind.rows.get(name.path.rpartition(".")[2], name.type), reading) for name in read]


def _cut(path: str, values: Iterable[Value]) -> Domain:
    kept = tuple(islice(values, ENOUGH + 1))
    return Domain(path, kept[:ENOUGH], whole=len(kept) <= ENOUGH)


def _around(
    constants: Iterable[Constant],
    room: int,
    number: Callable[[Constant | None], int],
    spell: Callable[[int], Value],
) -> Iterator[Value]:
    """The constants, and next to each ``room`` values on either side."""
    numbers = [number(constant) for constant in constants] or [number(None)]
    near = sorted({n + step for n in numbers for step in range(-room, room + 1)})
    return (value for value in map(spell, near) if value is not None)


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - counted from and to, never compared with the clock
_MICROSECOND = timedelta(microseconds=1)


def _day(value: Constant | None) -> int:
    return date.fromisoformat(str(value)).toordinal() if value else date(2026, 1, 1).toordinal()


def _spelled_day(day: int) -> Value:
    return date.fromordinal(day).isoformat() if 1 <= day <= date.max.toordinal() else None


def _instant(value: Constant | None) -> int:
    text = str(value or "2026-01-01T00:00:00.000000Z")
    return (datetime.fromisoformat(text.removesuffix("Z")) - _EPOCH) // _MICROSECOND


def _spelled_instant(count: int) -> Value:
    try:
        return f"{(_EPOCH + count * _MICROSECOND).isoformat(timespec='microseconds')}Z"
    except OverflowError:
        return None


_COUNTED: Mapping[Kind, tuple[Callable[[Constant | None], int], Callable[[int], Value]]] = {
    "number": (lambda value: int(str(value or 0)), lambda count: count),
    "date": (_day, _spelled_day),
    "instant": (_instant, _spelled_instant),
}
