"""Folding the log gives where the case stands: at every version, and without any key for states and deadlines."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.keys import MemoryKeys
from stegvis.engine.engine import Engine
from stegvis.engine.evolve import evolve, fold
from stegvis.engine.sealing import opened, unseal
from stegvis.engine.snapshot import case_of, case_row, deadline_rows, run_row
from stegvis.engine.values import Case, Event, Run
from stegvis.routines.errors import Broken

from .plays import Player
from .toys import KURATOR, SCHOOL, World

seeds = st.integers(0, 2**32)


def events(player: Player, organisation: str, case: str) -> list[Event]:
    store = player.world.store
    origin = player.world.library.organisations.organisations[organisation].origin
    return [opened(row, store.keys, origin, case) for row in store.case_records(organisation, case)]


def live(player: Player, organisation: str, case: str) -> Case:
    """Where the case stands, as the engine has it at hand and as its rows say; they agree."""
    world = player.world
    held = world.engine.files.case(organisation, case)
    read = Engine(world.library, world.store).files.case(organisation, case)
    assert held is not None
    assert held == read
    return held.case


def open_part(run: Run) -> tuple[object, ...]:
    """What is known of a run without any key."""
    return (
        *(run.id, run.routine, run.rules, run.state, run.person, run.opened, run.ended, run.due, run.holder),
        *(run.owed, run.sent, run.origin),
    )


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_the_fold_is_the_live_case_at_every_version(seed: int) -> None:
    player = Player(seed)
    for _ in range(15):
        player.play(2)
        for organisation, case in player.cases():
            assert fold(events(player, organisation, case)) == live(player, organisation, case)


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_without_payloads_states_and_deadlines_are_exact_and_facts_unknown(seed: int) -> None:
    player = Player(seed).play(30)
    for organisation, case in player.cases():
        rows = list(player.world.store.case_records(organisation, case))
        blind = fold(unseal(row.body, None) for row in rows)
        sighted = live(player, organisation, case)
        assert blind is not None
        assert (blind.version, blind.at, blind.actor, blind.acute) == (
            sighted.version,
            sighted.at,
            sighted.actor,
            sighted.acute,
        )
        for name, run in sighted.runs.items():
            assert open_part(blind.runs[name]) == open_part(run)
            assert not blind.runs[name].facts


@settings(deadline=None, max_examples=20)
@given(seed=seeds, data=st.data())
def test_the_fold_of_a_beginning_goes_on_to_the_end(seed: int, data: st.DataObject) -> None:
    player = Player(seed).play(20)
    cases = player.cases()
    organisation, case = data.draw(st.sampled_from(cases))
    whole: Sequence[Event] = events(player, organisation, case)
    cut = data.draw(st.integers(1, len(whole)))
    standing = fold(whole[:cut])
    assert standing is not None
    assert standing.version == cut
    for event in whole[cut:]:
        standing = evolve(standing, event)
    assert standing == live(player, organisation, case)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_a_snapshot_goes_out_and_comes_back_the_same(seed: int) -> None:
    player, keys = Player(seed).play(25), MemoryKeys()
    for organisation, name in player.cases():
        case, origin = live(player, organisation, name), "kommun.example/x"
        for unit in (case.id, *case.runs):
            keys.ensure(origin, unit)
        row = case_row(case, b"h" * 32, keys, origin)
        loaded = player.world.store.load(organisation, name)
        assert loaded is not None
        runs = tuple(run_row(run, keys, origin, case.id) for run in case.runs.values())
        assert case_of(loaded._replace(case=row, runs=runs), keys, origin, organisation) == case


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_the_deadline_index_is_what_the_cases_say_and_rebuilding_changes_nothing(seed: int) -> None:
    player = Player(seed).play(30)
    world = player.world
    for organisation in {one for one, _ in player.cases()}:
        kept = world.store.deadlines(organisation)
        said = [
            row
            for _, name in (one for one in player.cases() if one[0] == organisation)
            for run in live(player, organisation, name).runs.values()
            for row in deadline_rows(world.library.by_digest[run.rules], name, run)
        ]
        assert sorted(kept) == sorted(said)
        assert world.engine.rebuild(organisation) == len(kept)
        assert world.store.deadlines(organisation) == kept


def test_an_event_for_what_was_never_opened_cannot_be_folded() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "note", KURATOR, form={"line": "x"})
    opening, note = (unseal(row.body, None) for row in world.store.case_records(SCHOOL, case))
    with pytest.raises(Broken, match="no_case"):
        fold([note])
    stranger = Event({**note.head, "run": "0" * 32}, None)
    with pytest.raises(Broken, match="no_run"):
        fold([opening, stranger])
    assert fold([]) is None
