"""A mapping whose values are made when somebody first asks for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class OnDemand(Mapping[K, V]):
    """Values by keys that are known beforehand; each is made once, whoever of several threads asks first.

    Args:
        keys: all there are.
        make: makes the value of a key. What it raises, whoever asked gets, and the next to ask tries again.
    """

    __slots__ = ("_keys", "_lock", "_made", "_make")

    def __init__(self, keys: Iterable[K], make: Callable[[K], V]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make
        self._made: dict[K, V] = {}
        self._lock = RLock()

    def __getitem__(self, key: K) -> V:
        try:
            return self._made[key]
        except KeyError:
            if key not in self._keys:
                raise
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(key)
            return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def laid_over(under: Mapping[K, V], over: Mapping[K, V]) -> Mapping[K, V]:
    """Both, with ``over`` in place of ``under`` where both have a key; nothing is made that nobody asks for."""
    return OnDemand((*under, *over), lambda key: over[key] if key in over else under[key])
