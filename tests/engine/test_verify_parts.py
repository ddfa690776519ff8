"""A log that is read in parts gives the very faults that it gives whole, however it is cut and whoever reads it."""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.ports import RecordRow
from stegvis.engine.verify import Fault, Part, Span, check_span, verify_log

from ..adapters.attacks import ON_RECORDS
from .plays import Player
from .toys import SCHOOL


class Forged(MemoryStore):
    """What somebody has made of a log: any rows under any numbers, beside the cases as they were."""

    def __init__(self, honest: MemoryStore, rows: Sequence[tuple[int, RecordRow]], lost: str | None) -> None:
        super().__init__()
        self._organisations = honest._organisations
        self._definitions = {digest: one for digest, one in honest._definitions.items() if digest != lost}
        self._rows = rows

    def size(self, organisation: str) -> int:
        assert organisation == SCHOOL
        return max((index for index, _ in self._rows), default=0)

    def log(
        self, organisation: str, *, after: int = 0, until: int | None = None, payloads: bool = True
    ) -> Iterator[tuple[int, RecordRow]]:
        del payloads
        last = self.size(organisation) if until is None else until
        return (one for one in self._rows if after < one[0] <= last)


@lru_cache(maxsize=4)
def played(seed: int) -> tuple[MemoryStore, list[RecordRow], str]:
    """A store that somebody has worked in, a log in it, and the log's name."""
    world = Player(seed).play(40).world
    assert isinstance(world.store, MemoryStore)
    return world.store, [row for _, row in world.store.log(SCHOOL)], world.engine.files.origin(SCHOOL)


def cut(store: MemoryStore, at: Iterable[int], spans: Iterable[Span]) -> Iterator[Part]:
    """Read in other spans, each part packed and unpacked as on its way from another process."""
    for span in spans:
        edges = sorted({span.after, span.until, *(one for one in at if span.after < one < span.until)})
        for after, until in pairwise(edges):
            yield pickle.loads(pickle.dumps(check_span(store, span._replace(after=after, until=until))))  # noqa: S301


def by_place(faults: Iterable[Fault]) -> list[tuple[int, str, str]]:
    return sorted((fault.place, fault.code, fault.case or "") for fault in faults)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 3),
    kind=st.none() | st.sampled_from(sorted(ON_RECORDS)),
    chance=st.randoms(use_true_random=False),
    gaps=st.sets(st.integers(0, 60), max_size=3),
    lost=st.booleans(),
    at=st.sets(st.integers(1, 80), max_size=12),
)
def test_every_fault_is_found_wherever_a_log_is_cut(
    *, seed: int, kind: str | None, chance: Random, gaps: set[int], lost: bool, at: set[int]
) -> None:
    honest, rows, origin = played(seed)
    forged = rows if kind is None else ON_RECORDS[kind](chance, rows, played(seed + 4)[1]).rows
    numbered = [(index + sum(gap < index for gap in gaps), row) for index, row in enumerate(forged, 1)]
    store = Forged(honest, numbered, chance.choice(sorted(honest._definitions)) if lost else None)
    whole = by_place(verify_log(store, SCHOOL, origin))
    assert by_place(verify_log(store, SCHOOL, origin, parts=partial(cut, store, at))) == whole
    assert by_place(verify_log(store, SCHOOL, origin, parts=partial(cut, store, range(100)))) == whole
    if kind is None and not gaps and not lost:
        assert whole == []
