"""A terminal, line by line: nothing is drawn, nothing moves, and a line that is being written is never lost.

Lines are read through readline where there is one: the system's own line input cuts a line at 4095 bytes, and throws
the unfinished one away when the terminal goes. Nothing is put into any history.
"""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Final

try:
    import readline as _readline
except ImportError:  # not everywhere
    _readline = None

readline: Final[ModuleType | None] = _readline

_LEAVING: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


NOTED: Final = 0.1
"""Seconds between two looks at the line that is being written."""


class Lost(Exception):
    """The terminal is gone, or the reader has broken off.

    Attributes:
        typed: the line that was being written.
        signal: which signal said so; 0 when there is nothing more to read.
    """

    def __init__(self, typed: str, signal: int) -> None:
        self.typed, self.signal = typed, signal
        super().__init__()


class Terminal:
    """Reads lines. Made by ``terminal``, which puts the signals back."""

    def __init__(self) -> None:
        self._reading = False
        self._left = 0
        self._noted = ""
        # Asked now: a terminal that is gone is none.
        self._edits = readline is not None and sys.stdin.isatty()

    def line(self, prompt: str) -> str:
        """The next line.

        Raises:
            Lost: there will be none.
        """
        if self._left:
            raise Lost("", self._left)
        self._reading, self._noted = True, ""
        self._note(NOTED)
        try:
            return input(prompt)
        except EOFError:
            raise Lost(self._noted, 0) from None
        finally:
            self._note(0)
            self._reading = False

    def _note(self, every: float) -> None:
        """Take note of the line now and then: readline forgets it when the terminal is gone before the signal comes."""
        if self._edits and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, every, every)

    def noting(self, *_: object) -> None:
        """Take note of the line that is being written."""
        if self._reading:
            self._noted = self._typed()

    def left(self, number: int, _: FrameType | None) -> None:
        """Take note of a signal; what is being stored is stored first."""
        if not self._reading:
            self._left = number
            return
        self._reading = False
        raise Lost(self._typed() or self._noted, number)

    def _typed(self) -> str:
        """The line that is being written."""
        return readline.get_line_buffer() if readline is not None and self._edits else ""


@contextmanager
def terminal() -> Generator[Terminal]:
    """A terminal whose loss is heard of."""
    one = Terminal()
    if readline is not None:
        readline.set_auto_history(False)
    before = {number: signal.signal(number, one.left) for number in _LEAVING}
    if hasattr(signal, "SIGALRM"):
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, one.noting)
    try:
        yield one
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
