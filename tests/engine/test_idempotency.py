"""The same key and content give the same answer; other content is refused; a refusal uses no key up."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Receipt, Refused
from stegvis.routines.errors import BadInput, KeyReused, Stale

from .toys import COLLEAGUE, FIRST, KURATOR, LEADER, SCHOOL, SOCIAL, TEACHER, WORKER, World

LOOK = {"flame": "high", "wind": 3}


def commands(world: World) -> dict[str, Callable[[str], Receipt]]:
    """One command of every kind that people give, each under the key it is given."""
    lantern, ferry, alarmed = world.lantern(), world.ferry(), world.ferry()
    engine = world.engine
    return {
        "open": lambda key: engine.open("lantern", actor=KURATOR, form=FIRST, key=key, person="p-1"),
        "open beside": lambda key: engine.open("lantern", actor=KURATOR, form=FIRST, key=key, case=lantern),
        "take": lambda key: engine.take(lantern, "look", actor=KURATOR, form=LOOK, key=key, run=first(world, lantern)),
        "stay": lambda key: engine.take(ferry, "own", actor=WORKER, form={"who": "p-2"}, key=key),
        "propose": lambda key: engine.take(ferry, "load", actor=WORKER, form={"tons": 3}, key=key),
        "correct": lambda key: engine.correct(
            lantern, {"first.born": "2013-01-01"}, reason="fel", actor=KURATOR, key=key, run=first(world, lantern)
        ),
        "acute": lambda key: engine.take(alarmed, "acute", actor=WORKER, form={"what": "fara"}, key=key),
    }


def first(world: World, case: str) -> str:
    return next(iter(world.case(case, KURATOR).runs))


KINDS = ["open", "open beside", "take", "stay", "propose", "correct", "acute"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_key_gets_the_same_answer_and_changes_nothing(kind: str) -> None:
    world = World()
    command = commands(world)[kind]
    answered = command("k-same")
    log = {one: len(list(world.store.log(one))) for one in (SCHOOL, SOCIAL)}
    for _ in range(3):
        world.clock.turn(days=2)
        assert command("k-same") == answered
    assert {one: len(list(world.store.log(one))) for one in (SCHOOL, SOCIAL)} == log


def test_the_answer_stays_when_the_case_has_moved_on() -> None:
    world = World()
    case = world.lantern()
    answered = world.take(case, "note", KURATOR, form={"line": "en"}, key="k-note")
    corrected = world.engine.correct(case, {"first.born": "2013-01-01"}, reason="fel", actor=KURATOR, key="k-corr")
    world.take(case, "look", KURATOR, form=LOOK)
    assert world.take(case, "note", KURATOR, form={"line": "en"}, key="k-note") == answered
    assert answered.state == "lit"
    again = world.engine.correct(case, {"first.born": "2013-01-01"}, reason="fel", actor=KURATOR, key="k-corr")
    assert again == corrected
    assert (again.state, again.version) == ("lit", 3)


OTHERS: list[dict[str, Any]] = [
    {"form": {"line": "två"}},
    {"trigger": "look", "form": LOOK},
    {"overrides": {"strong": "x"}},
    {"happened": "earlier"},
    {"form": {"line": "en", "more": 1}},
    {"form": {}},
]


@pytest.mark.parametrize("other", OTHERS)
def test_the_same_key_with_other_content_is_refused(other: dict[str, Any]) -> None:
    world = World()
    case = world.lantern()
    world.take(case, "note", KURATOR, form={"line": "en"}, key="k-1x")
    said: dict[str, Any] = {"trigger": "note", "form": {"line": "en"}, **other}
    if said.get("happened"):
        said["happened"] = world.clock.now
    world.clock.turn(minutes=1)
    with pytest.raises(KeyReused):
        world.take(case, said.pop("trigger"), KURATOR, key="k-1x", **said)
    assert world.case(case, KURATOR).version == 2


def test_a_key_is_its_actors_own() -> None:
    world = World()
    case = world.lantern()
    one = world.take(case, "note", KURATOR, form={"line": "en"}, key="k-1x")
    two = world.take(case, "note", COLLEAGUE, form={"line": "två"}, key="k-1x")
    assert (one.version, two.version) == (2, 3)


def test_a_refusal_uses_no_key_up() -> None:
    world = World()
    case = world.lantern()
    for form in ({"flame": "high", "wind": 30}, {"flame": "low"}, {"wind": "x"}):
        with pytest.raises(Refused):
            world.take(case, "look", KURATOR, form=form, key="k-look")
    assert world.take(case, "look", KURATOR, form=LOOK, key="k-look").state == "burning"


@pytest.mark.parametrize("key", ["", "Alma Ek", "å", "20100505-1238", "a" * 129, "k/1", " k"])
def test_a_key_is_a_reference_and_nothing_that_could_name_somebody(key: str) -> None:
    world = World()
    with pytest.raises(BadInput, match="not_a_reference") as caught:
        world.engine.open("lantern", actor=KURATOR, form=FIRST, key=key)
    assert key == "" or key not in str(caught.value)
    assert list(world.store.log(SCHOOL)) == []


def test_what_rested_on_an_answer_is_told_alike_though_the_same_correction_was_made_again_later() -> None:
    world = World()
    case = world.lantern()
    low = {"flame": "low", "wind": 3, "smoke": "x"}

    def correct(key: str) -> Receipt:
        return world.engine.correct(case, {"look.wind": 4}, reason="fel", actor=KURATOR, key=key)

    world.take(case, "look", KURATOR, form=low)
    first = correct("k-first")
    world.take(case, "look", KURATOR, form=low)
    second = correct("k-second")
    assert [[one.version for one in receipt.rested] for receipt in (first, second)] == [[2], [4]]
    assert correct("k-first") == first
    assert correct("k-second") == second


# ---- versions -------------------------------------------------------------------------------------------------------


def test_who_says_which_version_they_looked_at_is_told_when_it_has_moved_and_by_whom() -> None:
    world = World()
    case = world.lantern()
    world.clock.turn(minutes=5)
    world.take(case, "note", COLLEAGUE, form={"line": "en"})
    with pytest.raises(Stale) as caught:
        world.take(case, "note", KURATOR, form={"line": "två"}, expect=1)
    assert caught.value.details == {"version": 2, "at": "2026-03-02T08:05:00.000000Z", "actor": COLLEAGUE.id}
    assert world.take(case, "note", KURATOR, form={"line": "två"}, expect=2).version == 3


# ---- threads --------------------------------------------------------------------------------------------------------


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """What each answers or raises, all started together."""
    start = threading.Barrier(len(acts))
    answers: list[object] = [None] * len(acts)

    def run(place: int) -> None:
        start.wait()
        try:
            answers[place] = acts[place]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("round_", range(5))
def test_threads_with_the_same_key_get_one_answer(round_: int) -> None:
    world = World(seed=round_)
    case = world.lantern()
    answers = at_once([lambda: world.take(case, "note", KURATOR, form={"line": "en"}, key="k-one") for _ in range(8)])
    assert len(set(answers)) == 1, answers
    assert isinstance(answers[0], Receipt)
    assert world.case(case, KURATOR).version == 2


def test_threads_with_one_key_and_different_content_let_one_through() -> None:
    world = World()
    case = world.lantern()
    acts = [
        lambda line=line: world.take(case, "note", KURATOR, form={"line": f"rad {line}"}, key="k-one")
        for line in range(6)
    ]
    answers = at_once([*acts])
    assert sum(isinstance(one, Receipt) for one in answers) == 1
    assert sum(isinstance(one, KeyReused) for one in answers) == 5
    assert world.case(case, KURATOR).version == 2


def test_threads_on_one_case_are_judged_one_after_the_other_and_none_is_lost() -> None:
    world = World()
    case = world.lantern()
    acts = [
        lambda line=line: world.take(case, "note", KURATOR, form={"line": f"rad {line}"}, key=f"k-line-{line}")
        for line in range(5)
    ]
    answers = at_once([*acts])
    assert all(isinstance(one, Receipt) for one in answers), answers
    assert sorted(one.version for one in answers if isinstance(one, Receipt)) == [2, 3, 4, 5, 6]
    assert world.engine.verify(SCHOOL) == []


def test_threads_that_name_the_version_they_saw_let_one_through() -> None:
    world = World()
    case = world.lantern()
    acts = [
        lambda line=line: world.take(
            case, "note", KURATOR, form={"line": f"rad {line}"}, key=f"k-line-{line}", expect=1
        )
        for line in range(5)
    ]
    answers = at_once([*acts])
    assert sum(isinstance(one, Receipt) for one in answers) == 1
    assert sum(isinstance(one, Stale) for one in answers) == 4


def test_threads_ticking_and_taking_leave_a_log_that_holds_together() -> None:
    world = World()
    cases = [world.ferry() for _ in range(3)]
    world.clock.turn(days=20)

    def take(case: str, key: str) -> object:
        return world.engine.take(case, "own", actor=LEADER, form={"who": "p-2"}, key=key)

    acts: list[Callable[[], object]] = [lambda: world.engine.tick(SOCIAL) for _ in range(3)]
    acts += [lambda case=case, key=f"k-t-{number}": take(case, key) for number, case in enumerate(cases)]
    answers = at_once(acts)
    assert not [one for one in answers if isinstance(one, Exception)], answers
    assert world.engine.verify(SOCIAL) == []
    for case in cases:
        assert world.engine.replay(case, actor=LEADER).sound
        assert world.run(case, LEADER).due["inspection"].passed


@settings(deadline=None, max_examples=30)
@given(form=st.dictionaries(st.sampled_from(["account", "born", "child"]), st.sampled_from(["x", "2014-05-05", True])))
def test_the_order_in_which_answers_are_given_makes_no_other_command(form: dict[str, object]) -> None:
    world = World()
    whole = {**FIRST, **form}
    try:
        one = world.engine.open("lantern", actor=KURATOR, form=whole, key="k-order")
    except Refused:
        return
    other = dict(reversed(list(whole.items())))
    assert world.engine.open("lantern", actor=KURATOR, form=other, key="k-order") == one


def test_what_one_engine_has_at_hand_is_old_once_another_has_moved_the_case() -> None:
    here = World()
    there = World(store=here.store, seed=1)
    case = here.lantern()
    for world in (here, there):
        world.take(case, "note", TEACHER, form={"line": "Vi såg."})
    version = here.case(case, KURATOR).version
    here.take(case, "look", KURATOR, form=LOOK, key="moved")
    with pytest.raises(Refused, match="not_here"):
        there.take(case, "look", KURATOR, form=LOOK)
    with pytest.raises(Stale):
        there.take(case, "note", TEACHER, form={"line": "Sent."}, expect=version)
    assert there.take(case, "look", KURATOR, form=LOOK, key="moved").version == version + 1
    assert there.take(case, "note", TEACHER, form={"line": "I tid."}).version == version + 2
    assert here.engine.verify(SCHOOL) == []
