"""Time and chance that a test decides over."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday morning, when nothing else is said."""


class FakeClock:
    """Answers the same instant until it is told to move. It never moves by itself, and goes back only when set back.

    Args:
        now: the first instant, aware.

    Example:
        >>> clock = FakeClock()
        >>> later = clock.jump(hours=3)
        >>> later == clock() and clock().hour
        11
    """

    def __init__(self, now: datetime = START) -> None:
        self.now = _aware(now)

    def __call__(self) -> datetime:
        return self.now

    def jump(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: float = 0) -> datetime:
        """Let time pass, and answer the new instant.

        Raises:
            ValueError: the jump goes backwards; use ``set`` for a clock that has gone wrong.
        """
        step = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if step < timedelta():
            raise ValueError("time does not go back by itself")
        self.now += step
        return self.now

    def set(self, now: datetime) -> datetime:
        """Put the clock at an instant, also an earlier one, and answer it."""
        self.now = _aware(now)
        return self.now


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC)


class SeededEntropy:
    """Bytes that look random and are the same for the same seed. For tests only: anybody can guess them."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed.to_bytes(16, "big", signed=True)
        self._drawn = 0

    def __call__(self, count: int) -> bytes:
        made = bytearray()
        while len(made) < count:
            self._drawn += 1
            made += sha256(self._seed + self._drawn.to_bytes(8, "big")).digest()
        return bytes(made[:count])
