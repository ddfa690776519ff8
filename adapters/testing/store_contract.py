"""What every store promises, as tests to inherit. They only use the port, so they hold for any database."""

# ruff: noqa: S101, PLR2004  # a contract speaks in asserts, and its names say what they hold

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from stegvis.engine.ports import Commit, Store
from stegvis.routines.errors import Broken, KeyReused, Stale, StegvisError

from . import rows
from .store_model import compare

E = TypeVar("E", bound=StegvisError)

HERE, THERE = "school", "social_services"
"""Two organisations that share the store under test."""


def raised(kind: type[E], act: Callable[[], object]) -> E:
    """What the act raises; it must raise that."""
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


class StoreContract:
    """Inherit, and give a fixture ``store`` that answers a fresh store for each test."""

    # -- a case and its versions

    def test_a_case_nobody_opened_is_not_there(self, store: Store) -> None:
        assert store.load(HERE, "c-1") is store.head(HERE, "c-1") is None
        assert list(store.case_records(HERE, "c-1")) == []
        assert list(store.cases(HERE)) == []

    def test_what_was_committed_is_loaded_whole(self, store: Store) -> None:
        commit = rows.step(HERE, "c-1", 1)
        store.commit(commit)
        assert store.load(HERE, "c-1") == (store.head(HERE, "c-1"), commit.runs) == (commit.case, commit.runs)
        assert list(store.case_records(HERE, "c-1")) == list(commit.records)
        assert list(store.cases(HERE)) == ["c-1"]

    def test_a_case_without_runs_is_still_a_case(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1)._replace(runs=()))
        assert store.load(HERE, "c-1") == (rows.standing("c-1", 1), ())

    def test_runs_come_in_the_order_they_were_opened_and_stay_until_changed(self, store: Store) -> None:
        late, early = rows.run("r-1", opened=rows.instant(2)), rows.run("r-2", opened=rows.instant(1))
        same_time = rows.run("r-0", opened=rows.instant(2))
        store.commit(rows.step(HERE, "c-1", 1)._replace(runs=(late, early)))
        moved = early._replace(state="closed", ended=rows.instant(3))
        store.commit(rows.step(HERE, "c-1", 2)._replace(runs=(moved, same_time)))
        loaded = store.load(HERE, "c-1")
        assert loaded is not None
        assert loaded.runs == (moved, same_time, late)

    def test_a_stale_version_is_refused_with_who_and_when(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1))
        store.commit(rows.step(HERE, "c-1", 2, actor="u-2"))
        before = list(store.log(HERE))
        for expected in (0, 1, 3):
            late = rows.step(HERE, "c-1", 3)._replace(expected=expected, records=(rows.link("c-1", 9),))
            error = raised(Stale, lambda commit=late: store.commit(commit))
            assert error.details == {"version": 2, "at": rows.DAY, "actor": "u-2"}
        assert list(store.log(HERE)) == before

    def test_a_version_of_a_case_nobody_opened_is_stale(self, store: Store) -> None:
        error = raised(Stale, lambda: store.commit(rows.step(HERE, "c-1", 2)))
        assert error.details["version"] == 0
        assert list(store.log(HERE)) == []

    def test_of_threads_racing_for_a_version_exactly_one_wins(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1))
        for version in range(2, 12):
            said = _race(
                lambda name, at=version: store.commit(
                    rows.step(HERE, "c-1", at, actor=name)._replace(records=(rows.link("c-1", at, id=f"{at}.{name}"),))
                )
            )
            loaded = store.load(HERE, "c-1")
            assert loaded is not None
            assert (loaded.case.version, said[loaded.case.actor]) == (version, None)
            (loser,) = [error for error in said.values() if error is not None]
            assert isinstance(loser, Stale)
            assert loser.details == {"version": version, "at": rows.DAY, "actor": loaded.case.actor}
        assert [row.cseq for row in store.case_records(HERE, "c-1")] == list(range(1, 12))

    def test_a_reader_never_sees_half_a_commit(self, store: Store) -> None:
        def both(version: int) -> Commit:
            return rows.step(HERE, "c-1", version)._replace(
                runs=(rows.run("r-1", state=str(version)), rows.run("r-2", state=str(version)))
            )

        store.commit(both(1))
        writer = threading.Thread(target=lambda: [store.commit(both(version)) for version in range(2, 60)])
        writer.start()
        while writer.is_alive():
            loaded = store.load(HERE, "c-1")
            assert loaded is not None
            assert {run.state for run in loaded.runs} == {str(loaded.case.version)}
        writer.join()
        loaded = store.load(HERE, "c-1")
        assert loaded is not None
        assert loaded.case.version == 59

    # -- all or nothing

    def test_a_commit_that_cannot_be_whole_leaves_nothing(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1, key="k-1")._replace(outbox=(rows.posted("m-1", "c-1"),)))
        good = rows.step(HERE, "c-1", 2, key="k-2")._replace(
            deadlines=(rows.deadline("c-1", "reply"),), outbox=(rows.posted("m-2", "c-1"),)
        )
        spoilt = (
            good._replace(records=(rows.link("c-1", 2), rows.link("c-1", 3, id="c-1.1"))),  # an id of the log
            good._replace(records=(rows.link("c-1", 2), rows.link("c-1", 3, id="c-1.2"))),  # an id of its own
            good._replace(records=(rows.link("c-1", 2), rows.link("c-1", 1, id="x"))),  # a place in the chain
            good._replace(records=(rows.link("c-1", 2), rows.link("c-1", 2, id="x"))),  # the same, its own
            good._replace(outbox=(rows.posted("m-2", "c-1"), rows.posted("m-1", "c-1"))),
            good._replace(outbox=(rows.posted("m-2", "c-1"), rows.posted("m-2", "c-1"))),
        )
        before = everything(store)
        for commit in spoilt:
            assert raised(Broken, lambda commit=commit: store.commit(commit)).reason == "id_taken"
            assert everything(store) == before
            assert store.answer(HERE, "u-1", "k-2") is None
        store.commit(good)
        assert store.answer(HERE, "u-1", "k-2") == good.answer

    # -- idempotency

    def test_an_answer_is_kept_for_its_actor_and_key(self, store: Store) -> None:
        commit = rows.step(HERE, "c-1", 1, key="k-1")
        store.commit(commit)
        assert store.answer(HERE, "u-1", "k-1") == commit.answer
        assert store.answer(HERE, "u-2", "k-1") is None
        assert store.answer(HERE, "u-1", "k-2") is None

    def test_a_taken_key_is_refused_before_the_version_is_looked_at(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1, key="k-1"))
        for again in (rows.step(HERE, "c-1", 1, key="k-1"), rows.step(HERE, "c-2", 1, key="k-1")):
            raised(KeyReused, lambda commit=again: store.commit(commit))
        assert list(store.cases(HERE)) == ["c-1"]
        store.commit(rows.step(HERE, "c-2", 1, actor="u-2", key="k-1"))

    def test_a_refused_commit_does_not_use_up_its_key(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1))
        raised(Stale, lambda: store.commit(rows.step(HERE, "c-1", 1, key="k-1")))
        assert store.answer(HERE, "u-1", "k-1") is None
        store.commit(rows.step(HERE, "c-1", 2, key="k-1"))

    # -- the log and its two sequences

    def test_the_log_counts_both_sequences_without_gaps(self, store: Store) -> None:
        store.note(HERE, (rows.access("a-1"), rows.access("a-2", case="unknown")))
        store.commit(rows.step(HERE, "c-1", 1))
        raised(Stale, lambda: store.commit(rows.step(HERE, "c-1", 1)))
        raised(Broken, lambda: store.note(HERE, (rows.access("a-3"), rows.access("a-1"))))
        store.note(HERE, (rows.access("a-3", case="c-1"),))
        assert [row.id for row in store.looks(HERE, "c-1")] == ["a-3"]
        assert [row.id for row in store.looks(HERE, "unknown")] == ["a-2"]
        store.note(HERE, ())
        store.commit(rows.step(HERE, "c-1", 2))
        expected = [
            rows.access("a-1"),
            rows.access("a-2", case="unknown"),
            rows.link("c-1", 1),
            rows.access("a-3", case="c-1"),
            rows.link("c-1", 2),
        ]
        assert list(store.log(HERE)) == list(enumerate(expected, 1))
        assert list(store.log(HERE, after=3)) == list(enumerate(expected, 1))[3:]
        assert list(store.log(HERE, after=5)) == []
        bare = [row._replace(unit=None, payload=None) for row in expected]
        assert list(store.log(HERE, after=1, payloads=False)) == list(enumerate(bare, 1))[1:]

    def test_the_chain_leaves_the_access_stream_out(self, store: Store) -> None:
        for version in range(1, 5):
            store.commit(rows.step(HERE, "c-1", version))
            store.note(HERE, (rows.access(f"a-{version}", case="c-1"),))
        assert [row.cseq for row in store.case_records(HERE, "c-1")] == [1, 2, 3, 4]
        assert [row.cseq for row in store.case_records(HERE, "c-1", after=2)] == [3, 4]
        assert list(store.case_records(HERE, "c-1", after=4)) == []

    def test_the_heads_of_all_cases_come_with_where_the_log_ends(self, store: Store) -> None:
        assert store.case_heads(HERE) == (0, [])
        store.note(HERE, (rows.access("a-1"),))
        assert store.case_heads(HERE) == (1, [])
        store.commit(rows.step(HERE, "c-2", 1))
        store.commit(rows.step(HERE, "c-1", 1))
        store.commit(rows.step(HERE, "c-1", 2))
        store.note(HERE, (rows.access("a-2", case="c-1"),))
        heads = [(case, version, rows.standing(case, version).head) for case, version in (("c-1", 2), ("c-2", 1))]
        assert store.case_heads(HERE) == (5, heads)
        assert list(store.ends(HERE)) == heads

    def test_the_size_of_a_log_is_its_last_index(self, store: Store) -> None:
        assert store.size(HERE) == 0
        store.commit(rows.step(HERE, "c-1", 1))
        store.note(HERE, (rows.access("a-1"),))
        assert store.size(HERE) == 2

    def test_a_stretch_of_a_log_is_read(self, store: Store) -> None:
        store.note(HERE, [rows.access(f"a-{number}") for number in range(5)])
        whole = list(store.log(HERE))
        for after in range(6):
            for until in range(7):
                assert list(store.log(HERE, after=after, until=until)) == whole[after:until]

    def test_access_to_a_case_does_not_move_it(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1))
        before = store.load(HERE, "c-1")
        store.note(HERE, (rows.access("a-1", case="c-1"),))
        assert store.load(HERE, "c-1") == before
        store.commit(rows.step(HERE, "c-1", 2))

    def test_rows_may_lack_unit_and_payload(self, store: Store) -> None:
        kinds = (
            rows.link("c-1", 1)._replace(unit=None, payload=None),
            rows.link("c-1", 2)._replace(payload=None),
            rows.link("c-1", 3)._replace(payload=b""),
        )
        store.commit(rows.step(HERE, "c-1", 1)._replace(case=rows.standing("c-1", 3), records=kinds))
        assert list(store.case_records(HERE, "c-1")) == list(kinds)

    def test_an_iteration_ends_where_the_log_ended_when_it_began(self, store: Store) -> None:
        for version in range(1, 4):
            store.commit(rows.step(HERE, "c-1", version))
        seen: list[int] = []
        for index, row in store.log(HERE):
            store.note(HERE, (rows.access(f"read {row.id}"),))
            seen.append(index)
        assert seen == [1, 2, 3]
        versions: list[int | None] = []
        for row in store.case_records(HERE, "c-1"):
            store.commit(rows.step(HERE, "c-1", 4 + len(versions)))
            versions.append(row.cseq)
        assert versions == [1, 2, 3]
        for case in store.cases(HERE):
            store.commit(rows.step(HERE, f"{case}{case}", 1))
        assert len(list(store.cases(HERE))) == 2
        assert len(list(store.log(HERE))) == 10

    # -- deadlines

    def test_deadlines_come_by_when_the_clock_is_next_needed(self, store: Store) -> None:
        late, early = rows.deadline("c-1", "a", at=rows.instant(9)), rows.deadline("c-1", "b", at=rows.instant(1))
        same = rows.deadline("c-2", "a", at=rows.instant(1))
        done = rows.deadline("c-2", "b", at=rows.instant(0), stage="done")
        store.commit(rows.step(HERE, "c-1", 1)._replace(deadlines=(late, early)))
        store.commit(rows.step(HERE, "c-2", 1)._replace(deadlines=(done, same)))
        assert store.deadlines(HERE) == [done, early, same, late]
        assert store.deadlines(HERE, until=rows.instant(9)) == [early, same, late]
        assert store.deadlines(HERE, until=rows.instant(8)) == [early, same]
        assert store.deadlines(HERE, until=rows.instant(0)) == []
        assert store.deadlines(HERE, case="c-2") == [done, same]
        assert store.deadlines(HERE, case="c-2", until=rows.instant(1)) == [same]
        assert store.deadlines(HERE, case="c-3") == []

    def test_a_deadline_is_moved_or_closed_by_run_and_name(self, store: Store) -> None:
        mine, other = rows.deadline("c-1", "a", run="r-1"), rows.deadline("c-1", "a", run="r-2")
        elsewhere = rows.deadline("c-2", "a", run="r-1")
        store.commit(rows.step(HERE, "c-1", 1)._replace(deadlines=(mine, other)))
        store.commit(rows.step(HERE, "c-2", 1)._replace(deadlines=(elsewhere,)))
        moved = mine._replace(next=rows.instant(30), stage="pass")
        store.commit(rows.step(HERE, "c-1", 2)._replace(deadlines=(moved,), closed=(("r-2", "a"), ("r-9", "none"))))
        assert store.deadlines(HERE) == [moved, elsewhere]

    def test_a_deadline_closed_and_set_in_one_commit_is_set(self, store: Store) -> None:
        store.commit(rows.step(HERE, "c-1", 1)._replace(deadlines=(rows.deadline("c-1", "a"),)))
        again = rows.deadline("c-1", "a", at=rows.instant(5))
        store.commit(rows.step(HERE, "c-1", 2)._replace(closed=(("r-1", "a"),), deadlines=(again,)))
        assert store.deadlines(HERE) == [again]

    def test_the_deadline_index_can_be_made_anew(self, store: Store) -> None:
        kept, other = rows.deadline("c-1", "a"), rows.deadline("c-2", "a")
        for organisation in (HERE, THERE):
            store.commit(rows.step(organisation, "c-1", 1)._replace(deadlines=(kept,)))
            store.commit(rows.step(organisation, "c-2", 1)._replace(deadlines=(other,)))
        new = [rows.deadline("c-1", "b"), rows.deadline("c-1", "c")]
        store.replace_deadlines(HERE, "c-1", new, expected=1)
        assert store.deadlines(HERE) == [*new, other]
        assert store.deadlines(THERE) == [kept, other]
        store.replace_deadlines(HERE, "c-1", (), expected=1)
        assert store.deadlines(HERE) == [other]

    def test_the_deadlines_of_a_case_that_somebody_has_moved_are_not_made_anew(self, store: Store) -> None:
        kept = rows.deadline("c-1", "a")
        store.commit(rows.step(HERE, "c-1", 1)._replace(deadlines=(kept,)))
        store.commit(rows.step(HERE, "c-1", 2))
        for version in (0, 1, 3):
            stale = raised(Stale, lambda version=version: store.replace_deadlines(HERE, "c-1", (), expected=version))
            assert stale.details == {"version": 2, "at": rows.DAY, "actor": "u-1"}
        assert store.deadlines(HERE) == [kept]
        raised(Stale, lambda: store.replace_deadlines(HERE, "c-9", (), expected=1))
        lost = rows.deadline("c-9", "a")
        store.replace_deadlines(HERE, "c-9", (lost,), expected=0)
        assert store.deadlines(HERE) == [kept, lost]
        store.replace_deadlines(HERE, "c-9", (), expected=0)
        assert store.deadlines(HERE) == [kept]

    # -- runs before this one

    def test_earlier_runs_are_counted_by_person_routine_state_and_end(self, store: Store) -> None:
        ended = [
            rows.run("r-1", state="no_concern", ended=rows.instant(10)),
            rows.run("r-2", state="no_concern", ended=rows.instant(20)),
            rows.run("r-3", state="reported", ended=rows.instant(30)),
            rows.run("r-4", state="no_concern", ended=rows.instant(30), person="p-2"),
            rows.run("r-5", state="no_concern", ended=rows.instant(30), routine="suspicion"),
            rows.run("r-6", state="no_concern", ended=rows.instant(30), person=None),
            rows.run("r-7", state="no_concern"),
        ]
        for number, run in enumerate(ended):
            store.commit(rows.step(HERE, f"c-{number}", 1)._replace(runs=(run,)))
        store.commit(rows.step(THERE, "c-9", 1)._replace(runs=(ended[0],)))

        def count(*states: str, since: int = 0, but: str = "") -> int:
            return store.earlier(
                HERE, person="p-1", routine="report", states=states, since=rows.instant(since), but=but
            )

        assert count("no_concern") == 2
        assert count("no_concern", "reported") == 3
        assert count("no_concern", since=20) == 1
        assert count("no_concern", since=21) == 0
        assert count("no_concern", but="r-1") == 1
        assert count("received") == count() == 0
        back = ended[0]._replace(state="received", ended=None)
        store.commit(rows.step(HERE, "c-0", 2)._replace(runs=(back,)))
        assert count("no_concern") == 1

    # -- hand-offs

    def test_the_outbox_holds_what_is_not_delivered_in_the_order_sent(self, store: Store) -> None:
        late, early = rows.posted("m-1", "c-1", at=rows.instant(2)), rows.posted("m-3", "c-1", at=rows.instant(1))
        same = rows.posted("m-2", "c-1", at=rows.instant(2))
        store.commit(rows.step(HERE, "c-1", 1)._replace(outbox=(same, late, early)))
        assert store.outbox(HERE) == [same, late, early]
        for _ in range(2):
            store.delivered(HERE, "m-1", rows.instant(3))
        store.delivered(THERE, "m-2", rows.instant(3))
        assert store.outbox(HERE) == [same, early]
        assert store.sent(HERE, "m-1") == late
        assert store.sent(HERE, "m-2") == same
        assert store.sent(THERE, "m-1") is store.sent(HERE, "m-9") is None

    # -- drafts

    def test_a_draft_is_kept_for_its_actor_and_step_in_place_of_the_one_before(self, store: Store) -> None:
        old, new = rows.draft("c-1", "look"), rows.draft("c-1", "look", version=2, at=rows.instant(9))
        others = (
            rows.draft("c-1", "look", actor="u-2"),
            rows.draft("c-1", "look", run="r-2"),
            rows.draft("c-1", "tell"),
            rows.draft("c-2", "look"),
        )
        for row in (old, *others, new):
            store.keep_draft(HERE, row)
        store.keep_draft(THERE, old)
        assert set(store.drafts(HERE)) == {new, *others}
        assert store.drafts(HERE, actor="u-2") == [others[0]]
        assert set(store.drafts(HERE, case="c-1")) == {new, *others[:3]}
        assert store.drafts(HERE, case="c-1", actor="u-2") == [others[0]]
        assert store.drafts(HERE, case="c-3") == store.drafts(HERE, actor="u-3") == []
        assert store.drafts(THERE) == [old]

    def test_drafts_come_by_when_they_were_saved(self, store: Store) -> None:
        late, early = rows.draft("c-1", "look", at=rows.instant(2)), rows.draft("c-2", "look", at=rows.instant(1))
        same = rows.draft("c-1", "tell", at=rows.instant(2))
        for row in (same, late, early):
            store.keep_draft(HERE, row)
        assert store.drafts(HERE) == store.drafts(HERE, actor="u-1") == [early, late, same]
        assert store.drafts(HERE, case="c-1") == [late, same]

    def test_a_commit_uses_up_the_drafts_that_it_names_or_none(self, store: Store) -> None:
        used, kept = rows.draft("c-1", "look"), rows.draft("c-1", "look", actor="u-2")
        elsewhere = rows.draft("c-2", "look")
        for row in (used, kept, elsewhere):
            store.keep_draft(HERE, row)
        store.keep_draft(THERE, used)
        spent = (("r-1", "look", "u-1"), ("r-9", "none", "u-1"))
        raised(Stale, lambda: store.commit(rows.step(HERE, "c-1", 2)._replace(spent=spent)))
        assert used in store.drafts(HERE)
        store.commit(rows.step(HERE, "c-1", 1)._replace(spent=spent))
        assert set(store.drafts(HERE)) == {kept, elsewhere}
        assert store.drafts(THERE) == [used]

    def test_a_draft_is_thrown_away_once(self, store: Store) -> None:
        one, other = rows.draft("c-1", "look"), rows.draft("c-1", "look", actor="u-2")
        for row in (one, other):
            store.keep_draft(HERE, row)
        assert not store.drop_draft(THERE, *one[:4])
        assert store.drop_draft(HERE, *one[:4])
        assert not store.drop_draft(HERE, *one[:4])
        assert store.drafts(HERE) == [other]

    def test_drafts_whose_time_is_up_are_swept(self, store: Store) -> None:
        gone = [rows.draft("c-1", f"step{n}", expires=rows.instant(n)) for n in range(3)]
        kept = rows.draft("c-1", "look", expires=rows.instant(3))
        for row in (*gone, kept):
            store.keep_draft(HERE, row)
        store.keep_draft(THERE, gone[0])
        assert store.sweep_drafts(HERE, rows.instant(2)) == 3
        assert store.sweep_drafts(HERE, rows.instant(2)) == 0
        assert store.drafts(HERE) == [kept]
        assert store.drafts(THERE) == [gone[0]]

    # -- definitions and marks

    def test_a_definition_is_kept_for_ever(self, store: Store) -> None:
        assert store.definition("d-1") is None
        for _ in range(2):
            store.publish("d-1", "rules", b"{}")
        store.publish("d-2", "law", b"[]")
        for kind, body in (("rules", b"[]"), ("law", b"{}")):
            error = raised(Broken, lambda kind=kind, body=body: store.publish("d-1", kind, body))
            assert error.reason == "definition_differs"
        assert store.definition("d-1") == ("rules", b"{}")
        assert store.definition("d-2") == ("law", b"[]")

    def test_a_mark_is_the_last_that_was_set(self, store: Store) -> None:
        assert store.mark(HERE, "clock") is None
        for value in ("1", "2"):
            store.set_mark(HERE, "clock", value)
        store.set_mark(HERE, "other", "3")
        assert store.mark(HERE, "clock") == "2"
        assert store.mark(THERE, "clock") is None

    def test_the_keys_beside_a_store_open_what_they_sealed(self, store: Store) -> None:
        store.keys.ensure(HERE, "unit")
        cell = store.keys.seal(HERE, "unit", b"text", b"place")
        assert b"text" not in cell
        store.keys.ensure(HERE, "unit")
        assert store.keys.open(HERE, "unit", cell, b"place") == b"text"

    # -- all of it

    def test_organisations_see_nothing_of_each_other(self, store: Store) -> None:
        def fill(organisation: str, state: str) -> None:
            run = rows.run("r-1", state=state, ended=rows.DAY)
            store.note(organisation, (rows.access("a-1", case="c-1"),))
            store.commit(
                rows.step(organisation, "c-1", 1, key="k-1")._replace(
                    runs=(run,), deadlines=(rows.deadline("c-1", state),), outbox=(rows.posted("m-1", "c-1"),)
                )
            )
            store.set_mark(organisation, "clock", state)
            store.keep_draft(organisation, rows.draft("c-1", state))

        empty = everything(store, THERE)
        fill(HERE, "here")
        assert everything(store, THERE) == empty
        here = everything(store, HERE)
        fill(THERE, "there")
        store.delivered(THERE, "m-1", rows.DAY)
        store.sweep_drafts(THERE, rows.DAY)
        assert everything(store, HERE) == here

    def test_any_order_of_calls_gives_what_the_plainest_model_gives(self, store: Store) -> None:
        compare(store)


def everything(store: Store, organisation: str = HERE) -> list[object]:
    """Everything that an organisation can see."""
    cases = list(store.cases(organisation))
    return [
        list(store.log(organisation)),
        [store.load(organisation, case) for case in cases],
        [list(store.case_records(organisation, case)) for case in cases],
        store.looks(organisation, "c-1"),
        store.load(organisation, "c-1"),
        store.deadlines(organisation),
        store.outbox(organisation),
        store.answer(organisation, "u-1", "k-1"),
        store.case_heads(organisation),
        store.mark(organisation, "clock"),
        store.drafts(organisation),
        store.earlier(organisation, person="p-1", routine="report", states=["here", "there"], since="", but=""),
    ]


def _race(act: Callable[[str], object]) -> dict[str, StegvisError | None]:
    """Let two threads do it at once; answers what each of them raised."""
    said: dict[str, StegvisError | None] = {}
    gate = threading.Barrier(2)

    def go(name: str) -> None:
        gate.wait()
        try:
            act(name)
        except StegvisError as error:
            said[name] = error
        else:
            said[name] = None

    threads = [threading.Thread(target=go, args=(name,)) for name in ("u-1", "u-2")]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return said
