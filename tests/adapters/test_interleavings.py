"""Interleavings: whatever the order in which people's commands meet, it is as if they had come one after the other."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from stegvis.adapters import memory
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.sql import SqlStore
from stegvis.engine import desk, messages, verify
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.desk import Desk
from stegvis.engine.engine import Engine
from stegvis.engine.files import Files, Held
from stegvis.engine.ports import AnswerRow, Commit, Store
from stegvis.engine.values import Actor, Case, Command, Denied
from stegvis.routines.errors import Stale

from .interleaving_judge import Judge
from .interleavings import BEFORE, COLLEAGUE, KURATOR, LINES, SCHOOL, Line, Plan, begin, line_of, plans, play
from .test_routine_machine import always, toy

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
ANY = plans()
SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))


def in_memory(plan: Plan) -> None:
    """Play a plan, and judge what came of it."""
    store = MemoryStore()
    story = begin(toy(), plan, store)
    play(toy(), plan, lambda _: store, story)
    Judge(toy(), store, story, plan).judge()


def in_a_file(plan: Plan, *, processes: bool = False) -> None:
    """The same, each worker with connections and keys of its own to one file; it may be a process, and killed."""
    with TemporaryDirectory() as folder, ExitStack() as stack:

        def store(_: int) -> Store:
            opened = SqlStore(Path(folder) / "cases.db", synchronous="NORMAL")
            return stack.enter_context(closing(opened))

        quiet = store(0)
        story = begin(toy(), plan, quiet)
        stores = [store(number) for number in range(len(plan.works))] if not processes else []
        play(toy(), plan, store if processes else stores.__getitem__, story, processes=processes)
        Judge(toy(), quiet, story, plan).judge()
        quiet.close()
        with closing(SqlStore(Path(folder) / "cases.db")) as again:  # what the head file remembers is there
            assert Engine(toy(), again).verify(SCHOOL) == []


def in_processes(plan: Plan) -> None:
    in_a_file(plan, processes=True)


def hold(
    examples: int,
    *,
    tried: Callable[[Plan], None] = in_memory,
    chance: bool = False,
    shrink: bool = True,
    plans: SearchStrategy[Plan] = ANY,
) -> None:
    """Try so many plans, and fail with the shortest in which something should not be so."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not chance,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(plans)
    def holds(plan: Plan) -> None:
        tried(plan)

    holds()


# ---- it holds


def test_whatever_the_order_it_is_as_if_one_command_came_after_the_other() -> None:
    hold(40)


@pytest.mark.deep
def test_ten_thousand_interleavings() -> None:
    hold(int(10_000 * SCALE), chance=SCALE >= 1)


def test_it_is_so_on_a_file_that_each_has_opened() -> None:
    hold(15, tried=in_a_file)


@forks
def test_it_is_so_for_processes_of_which_one_is_killed() -> None:
    hold(6, tried=in_processes, plans=plans(kills=True))


@pytest.mark.deep
def test_interleavings_on_a_file() -> None:
    hold(max(1, int(200 * SCALE)), tried=in_a_file, chance=SCALE >= 1)


@forks
@pytest.mark.deep
def test_interleavings_of_processes_of_which_one_is_killed() -> None:
    hold(max(1, int(200 * SCALE)), tried=in_processes, plans=plans(kills=True), chance=SCALE >= 1)


# ---- it finds faults


def _in_commit(patch: pytest.MonkeyPatch, change: Callable[[MemoryStore, Commit], Commit]) -> None:
    original = MemoryStore.commit

    def commit(self: MemoryStore, commit: Commit) -> None:
        original(self, change(self, commit))

    patch.setattr(MemoryStore, "commit", commit)


def _version(store: MemoryStore, commit: Commit) -> int:
    head = store.head(commit.organisation, commit.case.case)
    return head.version if head is not None else 0


def _a_lost_update(patch: pytest.MonkeyPatch) -> None:
    """Whoever commits last wins."""
    patch.setattr(memory, "_check", always(None))
    _in_commit(patch, lambda store, commit: commit._replace(expected=_version(store, commit)))


def _the_case_at_hand_never_old(patch: pytest.MonkeyPatch) -> None:
    original = Files.case

    def case(self: Files, organisation: str, case: str) -> Held | None:
        return self._held.get((organisation, case)) or original(self, organisation, case)

    patch.setattr(Files, "case", case)


def _a_twin_turned_away(patch: pytest.MonkeyPatch) -> None:
    """The key is asked for once only, before the command is judged."""
    original, asked_for = Desk._twin, list[str]()

    def twin(self: Desk, actor: Actor, key: str, asked: str) -> Receipt | None:
        if any(one is asked for one in asked_for):
            return None
        asked_for.append(asked)
        return original(self, actor, key, asked)

    patch.setattr(Desk, "_twin", twin)


def _the_clock_read_too_early(patch: pytest.MonkeyPatch) -> None:
    original = Desk.do

    def do(self: Desk, *values: Any, **named: Any) -> Receipt:
        clock = self.files.clock
        moment = clock()
        self.files.clock = lambda: moment
        try:
            return original(self, *values, **named)
        finally:
            self.files.clock = clock

    patch.setattr(Desk, "do", do)


def _a_key_for_everybody(patch: pytest.MonkeyPatch) -> None:
    def answer(self: MemoryStore, organisation: str, actor: str, key: str) -> AnswerRow | None:
        return next((row for (_, one), row in self._of(organisation).answers.items() if one == key), None)

    patch.setattr(MemoryStore, "answer", answer)


def _a_key_for_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "_digest", always("0" * 64))


def _a_key_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """The same command twice is two commands."""
    _in_commit(patch, lambda _, commit: commit._replace(answer=None))


def _a_refusal_uses_the_key(patch: pytest.MonkeyPatch) -> None:
    original = Desk.do

    def do(self: Desk, command: Command, actor: Actor, key: str, case: str | None, **more: Any) -> Receipt:
        try:
            return original(self, command, actor, key, case, **more)
        except Refused:
            answers = cast("Any", self.files.store)._store._of(actor.organisation).answers
            answers.setdefault((actor.id, key), AnswerRow(actor.id, key, "", case or "", 1, ""))
            raise

    patch.setattr(Desk, "do", do)


def _the_answer_of_today(patch: pytest.MonkeyPatch) -> None:
    original = Desk._again

    def again(self: Desk, known: AnswerRow, asked: str, actor: Actor) -> Receipt:
        held = self.files.case(actor.organisation, known.case)
        assert held is not None
        return replace(original(self, known, asked, actor), version=held.case.version)

    patch.setattr(Desk, "_again", again)


def _another_state_in_the_receipt(patch: pytest.MonkeyPatch) -> None:
    original = Desk._again

    def again(self: Desk, known: AnswerRow, asked: str, actor: Actor) -> Receipt:
        receipt, held = original(self, known, asked, actor), self.files.case(actor.organisation, known.case)
        assert held is not None
        return replace(receipt, state=held.case.runs[receipt.run].state)

    patch.setattr(Desk, "_again", again)


def _the_version_looked_at_forgotten(patch: pytest.MonkeyPatch) -> None:
    original = Desk.do

    def do(self: Desk, *values: Any, **named: Any) -> Receipt:
        return original(self, *values, **{**named, "expect": None})

    patch.setattr(Desk, "do", do)


def _somebody_else_named(patch: pytest.MonkeyPatch) -> None:
    def stale(case: Case) -> None:
        raise Stale(version=case.version, at=case.at, actor="u-9")

    patch.setattr(messages, "stale", stale)


def _a_deadline_left_in_the_index(patch: pytest.MonkeyPatch) -> None:
    _in_commit(patch, lambda _, commit: commit._replace(closed=()))


def _a_snapshot_left_behind(patch: pytest.MonkeyPatch) -> None:
    _in_commit(patch, lambda _, commit: commit._replace(runs=commit.runs if commit.expected < 2 else ()))


def _a_version_too_many(patch: pytest.MonkeyPatch) -> None:
    def more(_: MemoryStore, commit: Commit) -> Commit:
        return commit._replace(case=commit.case._replace(version=commit.case.version + (commit.expected == 2)))

    _in_commit(patch, more)


def _a_link_to_nowhere(patch: pytest.MonkeyPatch) -> None:
    original = Files._records

    def records(self: Files, events: Any, case: Case, held: Held | None, log: str) -> Any:
        other = held._replace(row=held.row._replace(head=b"\0" * 32)) if held is not None else None
        return original(self, events, case, other, log)

    patch.setattr(Files, "_records", records)


def _a_record_logged_twice(patch: pytest.MonkeyPatch) -> None:
    original = memory._append

    def append(of: Any, rows: Any) -> None:
        original(of, rows)
        of.log.extend(row for row in rows if row.cseq is not None and row.cseq > 2)

    patch.setattr(memory, "_append", append)


def _a_refusal_noted_twice(patch: pytest.MonkeyPatch) -> None:
    original = Desk._denied

    def denied(self: Desk, *values: Any) -> None:
        original(self, *values)
        original(self, *values)

    patch.setattr(Desk, "_denied", denied)


def _a_refusal_in_the_chain(patch: pytest.MonkeyPatch) -> None:
    """A refused command is stored all the same."""
    patch.setattr(desk, "Denied", type("Nothing", (), {}))
    original = desk.decide

    def decided(*values: Any) -> Any:
        decision = original(*values)
        if isinstance(decision, Denied):
            return original(values[0], values[1], values[2]._replace(trigger="note", form={"line": "x"}), *values[3:])
        return decision

    patch.setattr(desk, "decide", decided)


def _an_index_made_of_yesterday(patch: pytest.MonkeyPatch) -> None:
    original = MemoryStore.replace_deadlines

    def replace_(self: MemoryStore, organisation: str, case: str, rows: Any, *, expected: int) -> None:
        head = self.head(organisation, case)
        original(self, organisation, case, rows, expected=head.version if head is not None else expected)

    patch.setattr(MemoryStore, "replace_deadlines", replace_)


def _a_step_taken_for_a_fault(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "_TRIES", 1)


def _a_step_taken_for_a_broken_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "_since", always(()))


def _a_hand_off_received_twice(patch: pytest.MonkeyPatch) -> None:
    original, number = Desk.do, count()

    def do(self: Desk, command: Command, actor: Actor, key: str, case: str | None, **more: Any) -> Receipt:
        return original(self, command, actor, f"{key}-{next(number)}" if command.message else key, case, **more)

    patch.setattr(Desk, "do", do)


def _a_hand_off_lost(patch: pytest.MonkeyPatch) -> None:
    _in_commit(patch, lambda _, commit: commit._replace(outbox=()))


class Found(NamedTuple):
    """What the judge says, and in which plans it finds the fault soonest."""

    says: str
    lines: Sequence[Line] = LINES
    before: Sequence[Sequence[Line]] = BEFORE


LOOKS, NOTES = line_of("look", KURATOR), line_of("note", KURATOR)
LIT = (BEFORE[0],)


FOUND: Mapping[Callable[[pytest.MonkeyPatch], None], Found] = {
    _a_lost_update: Found("did not follow on the one before"),
    _the_case_at_hand_never_old: Found("right at no moment"),
    _a_twin_turned_away: Found("right at no moment|its own key was used", (LOOKS,), LIT),
    _the_clock_read_too_early: Found("clock_going_back.*right at no moment", (NOTES, line_of("note", COLLEAGUE)), LIT),
    _a_key_for_everybody: Found(
        "nobody used|another command|never stored|used up", (NOTES, line_of("note", COLLEAGUE)), LIT
    ),
    _a_key_for_anything: Found("the receipt of another command", (LOOKS, NOTES), LIT),
    _a_key_for_nothing: Found("taken twice|judged anew|not kept"),
    _a_refusal_uses_the_key: Found("used up by what was not accepted|nobody used"),
    _the_answer_of_today: Found("tells another version", (NOTES,), LIT),
    _another_state_in_the_receipt: Found("tells another state", (LOOKS, NOTES), LIT),
    _the_version_looked_at_forgotten: Found(
        "on another version than the one", (NOTES, line_of("note", COLLEAGUE)), LIT
    ),
    _somebody_else_named: Found("u-9.*right at no moment"),
    _a_deadline_left_in_the_index: Found("deadlines_differ"),
    _a_snapshot_left_behind: Found("snapshot_differs|not the live case|right at no moment|in spite of"),
    _a_version_too_many: Found("did not follow|not the live case|head_differs"),
    _a_link_to_nowhere: Found("broken_link"),
    _a_record_logged_twice: Found("or twice|exactly once", (NOTES,), LIT),
    _a_refusal_noted_twice: Found("another trace than one"),
    _a_refusal_in_the_chain: Found("made a record|does not exist|not what was"),
    _an_index_made_of_yesterday: Found("deadlines_differ", (LOOKS, Line("rebuild")), LIT),
    _a_step_taken_for_a_fault: Found("a log in use does not verify.*differ", (LOOKS, Line("verify")), LIT),
    _a_step_taken_for_a_broken_log: Found("a log in use does not verify.*head_differs", (LOOKS, Line("verify")), LIT),
    _a_hand_off_received_twice: Found("received twice|that nobody sent", (Line("deliver"),)),
    _a_hand_off_lost: Found("handoff_missing|not put in the outbox"),
}
"""Each planted fault, and what the judge says when it finds it."""


@pytest.mark.deep
@pytest.mark.parametrize("mutant", FOUND, ids=lambda mutant: mutant.__name__.strip("_"))
def test_a_planted_fault_is_found(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    found = FOUND[mutant]
    with pytest.raises(AssertionError, match=f"(?s){found.says}"):
        hold(1500, shrink=False, plans=plans(lines=found.lines, before=found.before))
