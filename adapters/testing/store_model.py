"""A store against the plainest model there is: what was accepted, in a list, asked again at every question."""

# ruff: noqa: S101  # as in the contract

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from stegvis.engine.ports import AnswerRow, Commit, DeadlineRow, DraftRow, Loaded, OutboxRow, RecordRow, RunRow, Store
from stegvis.routines.errors import Broken, KeyReused, Stale, StegvisError

from . import rows

CASES, RUNS, NAMES, KEYS, STATES = ("c-1", "c-2"), ("r-1", "r-2"), ("a", "b"), ("k-1", "k-2"), ("open", "closed")
ACTORS, STAGES = ("u-1", "u-2"), ("remind", "pass", "done")

_fresh = count()
_instants = st.integers(0, 9).map(rows.instant)
_records = st.integers(0, 12).map("record {}".format)
_drafts = st.tuples(st.sampled_from(RUNS), st.sampled_from(NAMES), st.sampled_from(ACTORS))
_deadlines = st.tuples(st.sampled_from(NAMES), st.sampled_from(RUNS), _instants, st.sampled_from(STAGES))


class Plain:
    """One organisation, remembered as what happened to it."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.records: list[RecordRow] = []
        self.deadlines: dict[tuple[str, str, str], DeadlineRow] = {}
        self.delivered: set[str] = set()
        self.begun: list[DraftRow] = []

    def refuses(self, commit: Commit) -> type[StegvisError] | None:
        if commit.answer and self.answer(commit.answer.actor, commit.answer.key):
            return KeyReused
        loaded = self.load(commit.case.case)
        if commit.expected != (loaded.case.version if loaded else 0):
            return Stale
        posts = [row.id for row in (*self.outbox(every=True), *commit.outbox)]
        if len(posts) > len(set(posts)) or self.clashes(commit.records):
            return Broken
        return None

    def clashes(self, new: Sequence[RecordRow]) -> bool:
        every = [*self.records, *new]
        places = [(row.case, row.cseq) for row in every if row.cseq is not None]
        return len({row.id for row in every}) < len(every) or len(set(places)) < len(places)

    def take(self, commit: Commit) -> None:
        self.commits.append(commit)
        self.records += commit.records
        for run, name in commit.closed:
            self.deadlines.pop((commit.case.case, run, name), None)
        for row in commit.deadlines:
            self.deadlines[row.case, row.run, row.deadline] = row
        self.begun = [row for row in self.begun if row.case != commit.case.case or row[1:4] not in commit.spent]

    def load(self, case: str) -> Loaded | None:
        ours = [commit for commit in self.commits if commit.case.case == case]
        if not ours:
            return None
        runs = {run.run: run for commit in ours for run in commit.runs}
        return Loaded(ours[-1].case, tuple(sorted(runs.values(), key=lambda run: (run.opened, run.run))))

    def answer(self, actor: str, key: str) -> AnswerRow | None:
        answers = [commit.answer for commit in self.commits if commit.answer]
        return next((row for row in answers if (row.actor, row.key) == (actor, key)), None)

    def outbox(self, *, every: bool = False) -> list[OutboxRow]:
        return [row for commit in self.commits for row in commit.outbox if every or row.id not in self.delivered]

    def due(self, until: str | None, case: str | None) -> list[DeadlineRow]:
        found = [row for row in self.deadlines.values() if case is None or row.case == case]
        if until is not None:
            found = [row for row in found if row.stage != "done" and row.next <= until]
        return sorted(found, key=lambda row: (row.next, row.case, row.run, row.deadline))

    def drafts(self, case: str | None, actor: str | None) -> list[DraftRow]:
        found = [row for row in self.begun if case in (None, row.case) and actor in (None, row.actor)]
        return sorted(found, key=lambda row: (row.at, *row[:4]))

    def earlier(self, states: Sequence[str], since: str, but: str) -> int:
        loaded = [self.load(case) for case in CASES]
        runs = [run for found in loaded if found for run in found.runs if run.run != but]
        return sum(run.state in states and run.ended is not None and run.ended >= since for run in runs)


class Compared(RuleBasedStateMachine):
    """Two organisations in one store, each beside its model."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        # A store keeps everything, so each example takes organisations nobody has used.
        self.models = {f"organisation {next(_fresh)}": Plain() for _ in range(2)}

    def at(self, place: int) -> tuple[str, Plain]:
        return list(self.models.items())[place]

    @rule(
        place=st.integers(0, 1),
        case=st.sampled_from(CASES),
        off=st.sampled_from((0, 0, 0, 1, -1)),
        runs=st.lists(st.tuples(st.sampled_from(RUNS), st.sampled_from(STATES), st.none() | _instants), max_size=2),
        ids=st.lists(_records, min_size=1, max_size=2),
        deadlines=st.lists(_deadlines, max_size=2),
        closed=st.lists(st.tuples(st.sampled_from(RUNS), st.sampled_from(NAMES)), max_size=1),
        posts=st.lists(st.tuples(st.integers(0, 5).map(str), _instants), max_size=2),
        key=st.none() | st.sampled_from(KEYS),
        actor=st.sampled_from(ACTORS),
        spent=st.lists(_drafts, max_size=1),
    )
    def commit(
        self,
        *,
        place: int,
        case: str,
        off: int,
        runs: list[tuple[str, str, str | None]],
        ids: list[str],
        deadlines: list[tuple[str, str, str, str]],
        closed: list[tuple[str, str]],
        posts: list[tuple[str, str]],
        key: str | None,
        actor: str,
        spent: list[tuple[str, str, str]],
    ) -> None:
        organisation, model = self.at(place)
        loaded = model.load(case)
        version = loaded.case.version if loaded else 0
        commit = Commit(
            organisation=organisation,
            expected=max(version + off, 0),
            case=rows.standing(case, version + len(ids), actor=actor),
            records=tuple(rows.link(case, version + n, id=id) for n, id in enumerate(ids, 1)),
            runs=tuple(_run(name, state, ended) for name, state, ended in runs),
            deadlines=tuple(
                rows.deadline(case, name, run=run, at=at, stage=stage) for name, run, at, stage in deadlines
            ),
            closed=tuple(closed),
            outbox=tuple(rows.posted(id, case, at=at) for id, at in posts),
            answer=rows.answered(key, case, version, actor=actor) if key else None,
            spent=tuple(spent),
        )
        expected = model.refuses(commit)
        refusal = _refusal(lambda: self.store.commit(commit))
        assert type(refusal) is (expected or type(None))
        if refusal is None:
            model.take(commit)
        elif loaded and expected is Stale:
            assert refusal.details == {"version": version, "at": loaded.case.at, "actor": loaded.case.actor}

    @rule(place=st.integers(0, 1), ids=st.lists(_records, max_size=3), case=st.none() | st.sampled_from(CASES))
    def note(self, *, place: int, ids: list[str], case: str | None) -> None:
        organisation, model = self.at(place)
        new = [rows.access(id, case=case) for id in ids]
        refusal = _refusal(lambda: self.store.note(organisation, new))
        assert (refusal is not None) == model.clashes(new)
        if refusal is None:
            model.records += new

    @rule(
        place=st.integers(0, 1),
        case=st.sampled_from(CASES),
        deadlines=st.lists(_deadlines, max_size=4),
        off=st.sampled_from((0, 0, 1, -1)),
    )
    def replace_deadlines(self, *, place: int, case: str, deadlines: list[tuple[str, str, str, str]], off: int) -> None:
        organisation, model = self.at(place)
        new = [rows.deadline(case, name, run=run, at=at, stage=stage) for name, run, at, stage in deadlines]
        loaded = model.load(case)
        version = loaded.case.version if loaded else 0
        refusal = _refusal(
            lambda: self.store.replace_deadlines(organisation, case, new, expected=max(version + off, 0))
        )
        assert type(refusal) is (Stale if max(version + off, 0) != version else type(None))
        if refusal is None:
            kept = {place: row for place, row in model.deadlines.items() if row.case != case}
            model.deadlines = {**kept, **{(row.case, row.run, row.deadline): row for row in new}}

    @rule(place=st.integers(0, 1), id=st.integers(0, 5).map(str))
    def deliver(self, *, place: int, id: str) -> None:
        organisation, model = self.at(place)
        self.store.delivered(organisation, id, rows.DAY)
        if id in [row.id for row in model.outbox(every=True)]:
            model.delivered.add(id)

    @rule(place=st.integers(0, 1), case=st.sampled_from(CASES), named=_drafts, at=_instants, expires=_instants)
    def keep_draft(self, *, place: int, case: str, named: tuple[str, str, str], at: str, expires: str) -> None:
        organisation, model = self.at(place)
        run, trigger, actor = named
        row = rows.draft(case, trigger, run=run, actor=actor, at=at, expires=expires)
        self.store.keep_draft(organisation, row)
        model.begun = [one for one in model.begun if one[:4] != row[:4]] + [row]

    @rule(place=st.integers(0, 1), case=st.sampled_from(CASES), named=_drafts)
    def drop_draft(self, *, place: int, case: str, named: tuple[str, str, str]) -> None:
        organisation, model = self.at(place)
        left = [row for row in model.begun if row[:4] != (case, *named)]
        assert self.store.drop_draft(organisation, case, *named) == (len(left) < len(model.begun))
        model.begun = left

    @rule(place=st.integers(0, 1), until=_instants)
    def sweep_drafts(self, *, place: int, until: str) -> None:
        organisation, model = self.at(place)
        left = [row for row in model.begun if row.expires > until]
        assert self.store.sweep_drafts(organisation, until) == len(model.begun) - len(left)
        model.begun = left

    @invariant()
    def everything_read_is_as_the_model_says(self) -> None:
        for organisation, model in self.models.items():
            assert list(self.store.log(organisation)) == list(enumerate(model.records, 1))
            assert self.store.outbox(organisation) == model.outbox()
            assert set(self.store.cases(organisation)) == {commit.case.case for commit in model.commits}
            for case in CASES:
                chain = [row for row in model.records if row.case == case and row.cseq is not None]
                loaded = model.load(case)
                assert self.store.load(organisation, case) == loaded
                assert self.store.head(organisation, case) == (loaded.case if loaded else None)
                assert list(self.store.case_records(organisation, case)) == chain
                assert list(self.store.case_records(organisation, case, after=1)) == chain[1:]
            for actor, key in ((actor, key) for actor in ACTORS for key in KEYS):
                assert self.store.answer(organisation, actor, key) == model.answer(actor, key)
            for case, actor in ((None, None), ("c-1", None), (None, "u-1"), ("c-1", "u-1")):
                assert self.store.drafts(organisation, case=case, actor=actor) == model.drafts(case, actor)
            for until, case in ((None, None), (rows.instant(4), None), (None, "c-1"), (rows.instant(4), "c-1")):
                assert self.store.deadlines(organisation, until=until, case=case) == model.due(until, case)
            for states, since, but in ((STATES, rows.instant(0), ""), (("closed",), rows.instant(5), "c-1")):
                counted: Any = self.store.earlier(
                    organisation, person="p-1", routine="report", states=states, since=since, but=but
                )
                assert counted == model.earlier(states, since, but)


def compare(store: Store, *, examples: int = 25, steps: int = 12) -> None:
    """Drive the store and the model through the same random calls, and fail on the first difference."""

    class Here(Compared):
        def __init__(self) -> None:
            super().__init__(store)

    run_state_machine_as_test(
        Here,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )


def _refusal(act: Callable[[], object]) -> StegvisError | None:
    try:
        act()
    except StegvisError as error:
        return error
    return None


def _run(name: str, state: str, ended: str | None) -> RunRow:
    # Opened by its name, since a run is opened once.
    return rows.run(name, state=state, opened=rows.instant(RUNS.index(name)), ended=ended)
