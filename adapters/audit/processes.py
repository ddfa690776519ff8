"""Checking a log with several processes: each reads spans of it from the file by itself, and writes nothing.

What one span cannot tell, whether a case's chain goes on where it left off, is held together by whoever asked.
"""

import signal
from collections.abc import Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from stegvis.engine.verify import Part, Parts, Span, check_span

from ..sql import SqlStore

MOST: Final = 60
"""Processes; some systems allow no more."""

_opened: list[SqlStore] = []
"""In a process of ours: the store that it reads."""


@contextmanager
def several(database: Path, processes: int) -> Generator[Parts]:
    """So many processes that check spans of the logs in a file, for ``verify_log``; they end with the block.

    Args:
        database: the file, which somebody has opened and found to be in order.
        processes: from 1 to ``MOST``.
    """
    # A fork would take the connections of this process along, and threads that do not exist there.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _open, (database,))

    def parts(spans: Iterable[Span]) -> Iterable[Part]:
        return pool.map(_check, spans)

    try:
        yield parts
    finally:
        pool.shutdown(cancel_futures=True)


def _open(database: Path) -> None:
    # Whoever breaks off breaks off the process that asked, and that one ends these.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = SqlStore(database)
    store.database.rows("PRAGMA query_only = ON")
    _opened.append(store)


def _check(span: Span) -> Part:
    return check_span(_opened[0], span)
