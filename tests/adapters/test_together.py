"""The host's rows and ours, stored together or not at all."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.sql import together
from stegvis.adapters.sql.joined import JoinedStore
from stegvis.adapters.testing import StoreContract
from stegvis.adapters.testing.store_contract import everything
from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Store
from stegvis.routines.errors import StoreError

from ..engine.toys import KURATOR, SCHOOL, plain_toys
from .forking import ended, in_child
from .office import KINDS, Kind, Office, Undo, fails, refuses

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(params=KINDS)
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    with closing(Office(tmp_path / "cases.db", request.param)) as office:
        yield office


class TestJoinedStore(StoreContract):
    @pytest.fixture
    def store(self, office: Office) -> Iterator[Store]:
        with together(office.engine, office.host) as ours:
            assert isinstance(ours.store, JoinedStore)
            yield ours.store
            inside = [everything(ours.store, one) for one in ("school", "social_services")]
        assert [everything(office.store, one) for one in ("school", "social_services")] == inside


# -- together or not at all


def test_both_are_stored_when_the_block_ends(office: Office) -> None:
    with together(office.engine, office.host) as ours:
        office.place(1)
        case = office.open(ours)
        office.look(ours, case, "k-1")
        assert office.placed == office.log == office.told == []
        assert office.remembered == 0
        office.place(2)
    assert office.placed == [1, 2]
    assert office.told == [("case.open", 1), ("transition", 2)]
    assert office.remembered == 2
    assert office.version(case) == 2
    office.sound()


def test_neither_is_stored_when_something_is_raised(office: Office) -> None:
    case = office.open()
    office.told.clear()
    with fails(Undo, office) as ours:
        office.place(1)
        assert office.look(ours, case, "k-1") == 2
        assert ours.guide(case, actor=KURATOR).actions
        raise Undo
    assert office.placed == office.told == []
    assert office.version(case) == 1
    assert office.log == ["case.open", "read"]
    with together(office.engine, office.host) as ours:
        assert office.look(ours, case, "k-1") == 2
    assert office.version(case) == 2
    office.sound()


def test_what_the_host_did_before_the_block_belongs_to_it(office: Office) -> None:
    office.place(1)
    with fails(Undo, office):
        raise Undo
    assert office.placed == []
    office.place(2)
    with together(office.engine, office.host) as ours:
        office.open(ours)
    assert office.placed == [2]


def test_a_refusal_takes_nothing_of_the_others_along(office: Office) -> None:
    case = office.open()
    with together(office.engine, office.host) as ours:
        office.place(1)
        office.look(ours, case, "k-1")
        with refuses():
            office.storm(ours, case, "k-2")
        office.look(ours, case, "k-3")
    assert office.placed == [1]
    assert office.log == ["case.open", "transition", "transition.denied", "transition"]
    office.sound()


def test_a_refusal_that_undoes_the_block_is_noted_all_the_same(office: Office) -> None:
    case = office.open()
    with fails(Refused, office) as ours:
        office.place(1)
        office.storm(ours, case, "k-1")
    assert office.placed == []
    assert office.log == ["case.open", "transition.denied"]
    office.sound()


def test_a_refusal_that_cannot_be_noted_is_not_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    case = office.open()

    def full(*_: object) -> None:
        raise StoreError("full")

    with fails("full", office) as ours:
        monkeypatch.setattr(office.store, "note", full)
        office.storm(ours, case, "k-1")
    assert office.log == ["case.open"]


def test_a_definition_that_a_savepoint_took_along_is_kept_again(office: Office) -> None:
    with together(office.engine, office.host) as ours:
        office.run("SAVEPOINT mine")
        office.open(ours)
        office.run("ROLLBACK TO mine")
        case = office.open(ours)
        office.look(ours, case, "k-1")
    assert office.log == ["case.open", "transition"]
    assert office.engine.replay(case, actor=KURATOR).sound
    assert office.store.mark("", f"guidance-{plain_toys().versions['lantern'][0].digest}") is not None
    assert office.told == [("case.open", 1), ("transition", 2)]
    office.sound()


Act: TypeAlias = Literal["host", "look", "storm", "guide", "undone"]
ACTS: tuple[Act, ...] = ("host", "look", "storm", "guide", "undone")


def act(office: Office, ours: Engine, case: str, doing: Act, number: int) -> None:
    match doing:
        case "host":
            office.place(number)
        case "look":
            office.look(ours, case, f"k-{number}")
        case "storm":
            with refuses():
                office.storm(ours, case, f"s-{number}")
        case "guide":
            ours.guide(case, actor=KURATOR)
        case "undone":
            office.run("SAVEPOINT mine")
            for one in ("host", "look", "storm"):
                act(office, ours, case, one, number)
            office.run("ROLLBACK TO mine")


def block(office: Office, case: str, acts: Sequence[tuple[int, Act]], *, kept: bool) -> None:
    try:
        with together(office.engine, office.host) as ours:
            for number, doing in acts:
                act(office, ours, case, doing, number)
            if not kept:
                raise Undo
    except Undo:
        pass


@given(
    kind=st.sampled_from(KINDS),
    blocks=st.lists(st.tuples(st.lists(st.sampled_from(ACTS), max_size=6), st.booleans()), max_size=8),
)
@settings(deadline=None, max_examples=30)
def test_any_blocks_leave_what_the_plainest_model_leaves(
    kind: Kind, blocks: Sequence[tuple[Sequence[Act], bool]]
) -> None:
    with TemporaryDirectory() as folder, closing(Office(Path(folder) / "cases.db", kind)) as office:
        case, number, accesses, version = office.open(), 0, 0, 1
        placed: list[int] = []
        for acts, kept in blocks:
            numbered = list(enumerate(acts, number))
            number += len(acts) + 1
            block(office, case, numbered, kept=kept)
            accesses += sum(doing in ("storm", "guide", "undone") for doing in acts)
            if kept:
                version += acts.count("look")
                placed += [one for one, doing in numbered if doing == "host"]
            # The engine of every day: what it holds of the case must not be what was rolled back.
            version += 1
            assert office.look(office.engine, case, f"k-{number - 1}") == version
        assert office.placed == placed
        assert office.told == [("case.open", 1), *(("transition", n) for n in range(2, version + 1))]
        assert len(office.log) == version + accesses
        office.sound()
        assert office.engine.replay(case, actor=KURATOR).sound


def test_the_same_key_is_answered_once_it_is_stored_and_only_then(office: Office) -> None:
    case = office.open()
    with fails(Undo, office) as ours:
        office.look(ours, case, "k-1")
        raise Undo
    for _ in range(2):
        with together(office.engine, office.host) as ours:
            assert office.look(ours, case, "k-1") == 2
            assert office.look(ours, case, "k-1") == 2
    assert office.version(case) == 2


def test_organisations_that_hand_over_inside_a_block_do_so_together_with_it(office: Office) -> None:
    case = office.open()
    form = {"flame": "high", "wind": 3}
    for kept in (False, True):
        block_ = together(office.engine, office.host) if kept else fails(Undo, office)
        with block_ as ours:
            ours.take(case, "look", actor=KURATOR, form=form, key="k-1")
            ours.take(case, "tell", actor=KURATOR, key="k-2")
            assert ours.deliver(SCHOOL) == 1
            if not kept:
                raise Undo
        assert len(list(office.store.cases("socialtjanst"))) == int(kept)
        assert office.store.outbox(SCHOOL) == []
    assert office.engine.verify("socialtjanst") == []
    office.sound()


# -- killed


@forks
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("moment", "stored"), [("commit", False), ("settle", True), ("rollback", False), ("note", False)]
)
def test_a_killed_process_leaves_both_or_neither(tmp_path: Path, kind: Kind, moment: str, stored: bool) -> None:
    file = tmp_path / "cases.db"
    with closing(Office(file)) as before:
        case = before.open()

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        office = Office(file, kind)
        with together(office.engine, office.host) as ours:
            office.place(1)
            office.look(ours, case, "k-1")
            joined: Any = ours.store
            if moment == "commit":
                die()
            if moment == "note":
                vars(office.store)["note"] = die
                office.storm(ours, case, "k-2")
            joined.settle = die
            if moment == "rollback":
                raise Undo

    assert ended(in_child(work)) == -signal.SIGKILL
    with closing(Office(file)) as after:
        assert after.placed == ([1] if stored else [])
        assert after.log == ["case.open", *(["transition"] if stored else [])]
        assert after.version(case) == (2 if stored else 1)
        after.sound()


@forks
@given(kind=st.sampled_from(KINDS), seconds=st.floats(0, 0.06))
@settings(deadline=None, max_examples=12)
def test_killed_at_any_moment_host_and_case_agree(kind: Kind, seconds: float) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "cases.db"
        with closing(Office(file)) as before:
            case = before.open()
        told, tell = os.pipe()

        def work() -> None:
            office = Office(file, kind)
            os.write(tell, b".")
            for number in range(1, 1000):
                with together(office.engine, office.host) as ours:
                    office.place(number)
                    office.look(ours, case, f"k-{number}")
                os.write(tell, b".")

        child = in_child(work)
        os.close(tell)
        assert os.read(told, 1) == b"."
        threading.Event().wait(seconds)
        os.kill(child, signal.SIGKILL)
        assert ended(child) == -signal.SIGKILL
        acknowledged = len(os.read(told, 10_000))
        os.close(told)
        with closing(Office(file)) as after:
            assert after.version(case) == len(after.placed) + 1
            assert len(after.placed) in (acknowledged, acknowledged + 1)
            after.sound()
