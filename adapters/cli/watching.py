"""How far a long check has come, on standard error, for whoever looks there: nothing is drawn where nobody does."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from .screen import Screen

T = TypeVar("T")

OFTEN: Final = 1000
"""How many are counted between two changes of what is drawn: drawing takes longer than reading a record."""


class Watch(Protocol):
    """Counts what goes through."""

    def __call__(self, what: str, over: Iterable[T], total: int, *, each: int = 1) -> Iterable[T]:
        """The same, and a bar while it lasts.

        Args:
            what: one of the command line's texts.
            total: how much there is in all.
            each: how much of that one is.
        """
        ...


@contextmanager
def watching(screen: Screen) -> Generator[Watch]:
    """Bars on standard error, if that is a terminal and nobody has asked for JSON."""
    if screen.as_json or not sys.stderr.isatty():
        yield _unwatched
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal to draw on
    from rich.progress import Progress  # noqa: PLC0415 - the same

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def watched(what: str, over: Iterable[T], total: int, *, each: int = 1) -> Iterator[T]:
            task = progress.add_task(screen.word(what), total=total)
            waiting = 0
            for one in over:
                waiting += each
                if waiting >= OFTEN:
                    progress.advance(task, waiting)
                    waiting = 0
                yield one
            progress.remove_task(task)

        yield watched


def _unwatched(what: str, over: Iterable[T], total: int, *, each: int = 1) -> Iterable[T]:
    del what, total, each
    return over
