"""Everything in memory: for tests, for trying out, and as the plainest statement of what a store promises."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from stegvis.engine.ports import (
    AnswerRow,
    CaseRow,
    Commit,
    DeadlineRow,
    DraftRow,
    Loaded,
    OutboxRow,
    RecordRow,
    RunRow,
    Sealer,
)
from stegvis.routines.errors import Broken, KeyReused, Stale

from .keys import MemoryKeys


class _Organisation:
    __slots__ = ("answers", "cases", "chains", "deadlines", "drafts", "ended", "log", "marks", "outbox", "records")

    def __init__(self) -> None:
        self.log: list[RecordRow] = []
        self.records: set[str] = set()
        self.chains: dict[str | None, dict[int, RecordRow]] = {}
        self.cases: dict[str, Loaded] = {}
        self.ended: dict[tuple[str | None, str], dict[tuple[str, str], RunRow]] = {}
        """By person and routine, then by case and run: the runs that have ended."""
        self.deadlines: dict[str, dict[tuple[str, str], DeadlineRow]] = {}
        self.outbox: dict[str, tuple[OutboxRow, str | None]] = {}
        self.drafts: dict[tuple[str, str, str, str], DraftRow] = {}
        self.answers: dict[tuple[str, str], AnswerRow] = {}
        self.marks: dict[str, str] = {}


class MemoryStore:
    """A store that forgets everything with the process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._organisations: dict[str, _Organisation] = {}
        self._definitions: dict[str, tuple[str, bytes]] = {}
        self.keys: Sealer = MemoryKeys()

    def head(self, organisation: str, case: str) -> CaseRow | None:
        loaded = self._of(organisation).cases.get(case)
        return loaded.case if loaded is not None else None

    def load(self, organisation: str, case: str) -> Loaded | None:
        return self._of(organisation).cases.get(case)

    def answer(self, organisation: str, actor: str, key: str) -> AnswerRow | None:
        return self._of(organisation).answers.get((actor, key))

    def commit(self, commit: Commit) -> None:
        # Whatever can be refused is looked at first, so that what follows cannot stop half-way.
        with self._lock:
            of, case, answer = self._of(commit.organisation), commit.case, commit.answer
            if answer is not None and (answer.actor, answer.key) in of.answers:
                raise KeyReused
            old = of.cases.get(case.case)
            if commit.expected != (old.case.version if old else 0):
                raise _stale(old)
            _check(of, commit.records)
            if commit.outbox:
                _check_outbox(of, commit.outbox)

            if answer is not None:
                of.answers[answer.actor, answer.key] = answer
            _move(of, old, commit)
            _append(of, commit.records)
            if commit.closed or commit.deadlines:
                still = of.deadlines.setdefault(case.case, {})
                for named in commit.closed:
                    still.pop(named, None)
                _put(of, commit.deadlines)
            for row in commit.outbox:
                of.outbox[row.id] = (row, None)
            for used in commit.spent:
                of.drafts.pop((case.case, *used), None)

    def note(self, organisation: str, rows: Sequence[RecordRow]) -> None:
        with self._lock:
            of = self._of(organisation)
            _check(of, rows)
            _append(of, rows)

    def case_records(self, organisation: str, case: str, *, after: int = 0) -> Iterator[RecordRow]:
        with self._lock:
            links = self._of(organisation).chains.get(case, {})
            found = [links[place] for place in sorted(links) if place > after]
        yield from found

    def looks(self, organisation: str, case: str) -> list[RecordRow]:
        with self._lock:
            return [row for row in self._of(organisation).log if row.case == case and row.cseq is None]

    def size(self, organisation: str) -> int:
        return len(self._of(organisation).log)

    def log(
        self, organisation: str, *, after: int = 0, until: int | None = None, payloads: bool = True
    ) -> Iterator[tuple[int, RecordRow]]:
        log = self._of(organisation).log
        for index in range(after, len(log) if until is None else min(until, len(log))):
            yield index + 1, log[index] if payloads else log[index]._replace(unit=None, payload=None)

    def cases(self, organisation: str) -> Iterator[str]:
        with self._lock:
            found = sorted(self._of(organisation).cases)
        yield from found

    def case_heads(self, organisation: str) -> tuple[int, list[tuple[str, int, bytes]]]:
        with self._lock:
            of = self._of(organisation)
            found = sorted((one.case.case, one.case.version, one.case.head) for one in of.cases.values())
            return len(of.log), found

    def ends(self, organisation: str) -> Iterator[tuple[str, int, bytes]]:
        yield from self.case_heads(organisation)[1]

    def deadlines(self, organisation: str, *, until: str | None = None, case: str | None = None) -> list[DeadlineRow]:
        with self._lock:
            indexed = self._of(organisation).deadlines
            groups = indexed.values() if case is None else (indexed.get(case, {}),)
            rows = list(chain.from_iterable(group.values() for group in groups))
        if until is not None:
            rows = [row for row in rows if row.stage != "done" and row.next <= until]
        return sorted(rows, key=lambda row: (row.next, row.case, row.run, row.deadline))

    def replace_deadlines(self, organisation: str, case: str, rows: Sequence[DeadlineRow], *, expected: int) -> None:
        with self._lock:
            of = self._of(organisation)
            old = of.cases.get(case)
            if expected != (old.case.version if old else 0):
                raise _stale(old)
            of.deadlines.pop(case, None)
            _put(of, rows)

    def earlier(
        self, organisation: str, *, person: str, routine: str, states: Sequence[str], since: str, but: str
    ) -> int:
        with self._lock:
            ended = self._of(organisation).ended.get((person, routine), {})
            return sum(
                run.state in states and run.ended is not None and run.ended >= since
                for run in ended.values()
                if run.run != but
            )

    def outbox(self, organisation: str) -> list[OutboxRow]:
        with self._lock:
            return [row for row, delivered in self._of(organisation).outbox.values() if delivered is None]

    def sent(self, organisation: str, id: str) -> OutboxRow | None:
        return self._of(organisation).outbox.get(id, (None, None))[0]

    def delivered(self, organisation: str, id: str, at: str) -> None:
        with self._lock:
            outbox = self._of(organisation).outbox
            row, delivered = outbox.get(id, (None, None))
            if row is not None and delivered is None:
                outbox[id] = (row, at)

    def keep_draft(self, organisation: str, row: DraftRow) -> None:
        with self._lock:
            self._of(organisation).drafts[row[:4]] = row

    def drafts(self, organisation: str, *, case: str | None = None, actor: str | None = None) -> list[DraftRow]:
        with self._lock:
            rows = list(self._of(organisation).drafts.values())
        rows = [row for row in rows if case in (None, row.case) and actor in (None, row.actor)]
        return sorted(rows, key=lambda row: (row.at, *row[:4]))

    def drop_draft(self, organisation: str, case: str, run: str, trigger: str, actor: str) -> bool:
        with self._lock:
            return self._of(organisation).drafts.pop((case, run, trigger, actor), None) is not None

    def sweep_drafts(self, organisation: str, until: str) -> int:
        with self._lock:
            drafts = self._of(organisation).drafts
            gone = [key for key, row in drafts.items() if row.expires <= until]
            for key in gone:
                del drafts[key]
            return len(gone)

    def publish(self, digest: str, kind: str, body: bytes) -> None:
        if self._definitions.setdefault(digest, (kind, body)) != (kind, body):
            raise Broken("definition_differs", digest=digest)

    def definition(self, digest: str) -> tuple[str, bytes] | None:
        return self._definitions.get(digest)

    def mark(self, organisation: str, name: str) -> str | None:
        return self._of(organisation).marks.get(name)

    def set_mark(self, organisation: str, name: str, value: str) -> None:
        self._of(organisation).marks[name] = value

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _of(self, organisation: str) -> _Organisation:
        try:
            return self._organisations[organisation]
        except KeyError:
            return self._organisations.setdefault(organisation, _Organisation())


def _stale(old: Loaded | None) -> Stale:
    if old is None:
        return Stale(version=0, at=None, actor=None)
    return Stale(version=old.case.version, at=old.case.at, actor=old.case.actor)


def _check(of: _Organisation, rows: Sequence[RecordRow]) -> None:
    """See that no id and no place in a chain is taken, by what is stored or by another of these rows."""
    for row in rows:
        if row.id in of.records or (row.cseq is not None and row.cseq in of.chains.get(row.case, ())):
            raise Broken("id_taken")
    if len(rows) > 1:
        places = [(row.case, row.cseq) for row in rows if row.cseq is not None]
        if len({row.id for row in rows}) < len(rows) or len(set(places)) < len(places):
            raise Broken("id_taken")


def _check_outbox(of: _Organisation, rows: Sequence[OutboxRow]) -> None:
    if len({row.id for row in rows}) < len(rows) or any(row.id in of.outbox for row in rows):
        raise Broken("id_taken")


def _append(of: _Organisation, rows: Sequence[RecordRow]) -> None:
    for row in rows:
        of.records.add(row.id)
        if row.cseq is not None:
            if row.case in of.chains:
                of.chains[row.case][row.cseq] = row
            else:
                of.chains[row.case] = {row.cseq: row}
        of.log.append(row)


def _move(of: _Organisation, old: Loaded | None, commit: Commit) -> None:
    case, new = commit.case.case, commit.runs
    before: tuple[RunRow, ...] = old.runs if old else ()
    match before, new:
        case _, ():
            runs = before
        case (was,), (now,) if was.run == now.run:
            runs = new
        case _:
            merged = {run.run: run for run in chain(before, new)}
            runs = tuple(sorted(merged.values(), key=lambda run: (run.opened, run.run)))
    of.cases[case] = Loaded(commit.case, runs)
    for run in before:
        if run.ended is not None:
            of.ended.get((run.person, run.routine), {}).pop((case, run.run), None)
    for run in runs:
        if run.ended is not None:
            of.ended.setdefault((run.person, run.routine), {})[case, run.run] = run


def _put(of: _Organisation, rows: Iterable[DeadlineRow]) -> None:
    for row in rows:
        of.deadlines.setdefault(row.case, {})[row.run, row.deadline] = row
