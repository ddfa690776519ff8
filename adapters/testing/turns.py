"""Several workers over one store, one at a time, in an order that the test decides over.

A worker lets go before each call to its store, so whatever can happen between two calls can be made to happen, and
happens the same way again. Workers are threads of this process, or processes of their own, which may also be killed::

    def look(turn: Turn) -> None:
        store = cast("Store", Paced(MemoryStore(), turn))
        turn.tell(store.head("skola", case))

    for worker, said in take_turns([look, look], lambda waiting: (waiting[0], 0)):
        print(worker, said)

What is told comes out in the order in which it happened.
"""

import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import Pipe
from typing import Any, Final, Literal, NamedTuple, TypeAlias

PATIENCE: Final = 60.0
"""Seconds until a worker that was given its turn counts as stuck: it waits for something that another one holds."""

PACED: Final = frozenset(
    {
        "answer", "case_heads", "case_records", "cases", "commit", "deadlines", "delivered", "earlier", "head", "load",
        "log", "note", "outbox", "replace_deadlines", "sent", "set_mark",
    }
)  # fmt: skip
"""Calls before which a worker lets go: those that read or change what another worker may change."""

KILL: Final = "kill"
"""Answered instead of an instant: the worker's process is killed where it stands."""

Work: TypeAlias = "Callable[[Turn], None]"
Order: TypeAlias = Callable[[Sequence[int]], tuple[int, "int | Literal['kill']"]]
"""From the workers that wait: whose turn it is, and how many microseconds have passed since the beginning."""


class _Stopped(BaseException):
    """The test is over; whatever the worker is doing, it is to leave."""


class _Line(NamedTuple):
    """One end of a line between a worker and the test."""

    send: Callable[[object], None]
    receive: Callable[[], Any]


class Turn:
    """A worker's own end: it waits for its turn and tells what happened.

    Attributes:
        passed: microseconds that had passed when it last got its turn.
    """

    def __init__(self, line: _Line) -> None:
        self._line = line
        self.passed = 0

    def wait(self) -> None:
        """Let go until it is this worker's turn again."""
        self._line.send(("wait", None))
        passed = self._line.receive()
        if passed is None:
            raise _Stopped
        self.passed = passed

    def tell(self, said: object) -> None:
        """Tell the test something; between processes it must be picklable."""
        self._line.send(("said", said))

    def clock(self, start: datetime, ahead: timedelta = timedelta()) -> Callable[[], datetime]:
        """A clock that goes on while others have their turn, and may be ahead of theirs."""
        begun = start.astimezone(UTC) + ahead
        return lambda: begun + timedelta(microseconds=self.passed)


class Anybody:
    """The turn of whichever thread asks, for an engine that several threads work through."""

    def __init__(self) -> None:
        self._here = threading.local()

    def is_here(self, turn: Turn) -> None:
        """This thread is the one with that turn."""
        self._here.turn = turn

    @property
    def turn(self) -> Turn:
        return self._here.turn

    def wait(self) -> None:
        self.turn.wait()

    def tell(self, said: object) -> None:
        self.turn.tell(said)

    def clock(self, start: datetime) -> Callable[[], datetime]:
        """A clock that goes on for all of them alike."""
        begun = start.astimezone(UTC)
        return lambda: begun + timedelta(microseconds=self.turn.passed)


class Paced:
    """A store whose every call waits for its worker's turn.

    Args:
        store: the store itself, one's own or shared.
        turn: the worker's.
        committed: told each commit that was stored.
    """

    def __init__(self, store: object, turn: Turn | Anybody, committed: Callable[[Any], object] | None = None) -> None:
        self._store, self._turn, self._committed = store, turn, committed

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in PACED:
            return found

        def call(*values: Any, **named: Any) -> Any:
            self._turn.wait()
            answer = found(*values, **named)
            if name == "commit" and self._committed is not None:
                self._committed(values[0])
            # What is read lazily would be read in somebody else's turn.
            return iter(list(answer)) if isinstance(answer, Iterator) else answer  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

        return call


def take_turns(works: Sequence[Work], order: Order, *, processes: bool = False) -> Generator[tuple[int, Any]]:
    """Let workers work by turns until all are done; yields what each tells, as it happens.

    Args:
        works: what each worker does.
        order: whose turn it is next.
        processes: each worker is a forked process; ``order`` may answer ``KILL``.

    Raises:
        AssertionError: a worker raised something, or waits for another one although it has its turn.
    """
    workers = [_Process(work) if processes else _Thread(work) for work in works]
    try:
        waiting: dict[int, None] = {}
        for number, worker in enumerate(workers):
            yield from _heard(number, worker, waiting)
        while waiting:
            number, passed = order(list(waiting))
            del waiting[number]
            if passed == KILL:
                workers[number].kill()
                continue
            workers[number].send(passed)
            yield from _heard(number, workers[number], waiting)
    finally:
        for worker in workers:
            worker.stop()


def _heard(number: int, worker: "_Thread | _Process", waiting: dict[int, None]) -> Iterator[tuple[int, Any]]:
    while True:
        kind, said = worker.receive()
        if kind == "said":
            yield number, said
            continue
        if kind == "wait":
            waiting[number] = None
        elif said is not None:
            raise AssertionError(f"worker {number} stopped\n{said}")
        return


def _work(work: Work, line: _Line) -> None:
    turn, why = Turn(line), None
    try:
        turn.wait()
        work(turn)
    except _Stopped:
        return
    except BaseException:  # noqa: BLE001 - whatever it was, the test is to hear of it
        why = traceback.format_exc()
    line.send(("end", why))


class _Thread:
    def __init__(self, work: Work) -> None:
        to, back = queue.SimpleQueue[object](), queue.SimpleQueue[Any]()
        self.send, self._back = to.put, back
        self._thread = threading.Thread(target=_work, args=(work, _Line(back.put, to.get)), daemon=True)
        self._thread.start()

    def receive(self) -> tuple[str, Any]:
        try:
            return self._back.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("a worker is stuck in its turn") from None

    def kill(self) -> None:
        raise NotImplementedError("only a process can be killed")

    def stop(self) -> None:
        self.send(None)
        self._thread.join(PATIENCE)


class _Process:
    def __init__(self, work: Work) -> None:
        self._mine, theirs = Pipe()
        self._child: int | None = os.fork()
        if not self._child:
            self._mine.close()
            _alone(work, _Line(theirs.send, theirs.recv))
        theirs.close()
        self.send = self._mine.send

    def receive(self) -> tuple[str, Any]:
        if not self._mine.poll(PATIENCE):
            raise AssertionError("a worker is stuck in its turn")
        return self._mine.recv()

    def kill(self) -> None:
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = None

    def stop(self) -> None:
        self.kill()
        self._mine.close()


def _alone(work: Work, line: _Line) -> None:
    """The life of a child: it never goes on with its parent's business."""
    try:
        _work(work, line)
    finally:
        os._exit(0)
