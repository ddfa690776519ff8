"""Who gets into a case, on what ground, and what whoever does not get in learns: nothing at all."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.engine.access import Ground, Kept, enter
from stegvis.engine.answers import Refused
from stegvis.engine.instants import text_of
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, StegvisError

from ..often import often
from .orders import SERVICES, ordered
from .toys import (
    COLLEAGUE,
    HEAD,
    INTAKE,
    KURATOR,
    LEADER,
    MANAGER,
    OTHER,
    SOCIAL,
    TEACHER,
    WORKER,
    World,
)

FAR = Actor("s-20", roles={"social_worker", "intake_worker"}, unit="ekonomi", organisation=SOCIAL)
AUDITOR = Actor("s-21", roles={"auditor"}, unit="kansli", organisation=SOCIAL)
HOLDER = Actor("s-22", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
NEAR = Actor("s-23", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
SECOND = Actor("s-24", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL, qualified=True)
BOSS = Actor("s-25", roles={"unit_manager"}, unit="mottagning", organisation=SOCIAL)
SEEN = {"channel": "phone", "received": "2026-03-02T07:00:00Z"}
UNKNOWN = "f" * 32


def ground(world: World, case: str, actor: Actor, purpose: Any = "work") -> str:
    found: Ground | Kept = enter(world.library, world.case(case, actor), actor, text_of(world.clock()), purpose)
    return found.on if isinstance(found, Ground) else found


def codes(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as no:
        act()
    return [one.code for one in no.value.reasons]


def change(world: World, case: str, kind: str, actor: Actor, *, reason: str | None = None, **form: object) -> None:
    world.engine.change(case, kind, actor=actor, key=world.key(), form=form, reason=reason)


@pytest.fixture
def world() -> World:
    return World(ordered())


def opened(world: World) -> str:
    """A case that nobody has yet."""
    return world.open("watch", NEAR, SEEN).id


def assigned(world: World) -> str:
    """A case that somebody has: opened in the unit, then given to them by its leader."""
    case = opened(world)
    world.take(case, "hand_out", LEADER, form={"officer": HOLDER.id})
    return case


# ---- grounds ------------------------------------------------------------------------------------------------------


def test_before_somebody_has_it_a_case_is_its_units_with_a_role_in_the_routine(world: World) -> None:
    case = opened(world)
    assert ground(world, case, HOLDER) == ground(world, case, NEAR) == "unit"
    assert ground(world, case, FAR) == "unknown_case"
    here = Actor("s-30", roles={"social_worker"}, unit="mottagning", organisation=SOCIAL)
    assert ground(world, case, here) == "unknown_case"


def test_once_somebody_has_it_the_unit_is_out_and_who_oversees_is_not(world: World) -> None:
    case = assigned(world)
    assert ground(world, case, HOLDER) == "holder"
    assert ground(world, case, NEAR) == "unknown_case"
    assert ground(world, case, BOSS) == ground(world, case, LEADER) == "overseer"
    assert ground(world, case, MANAGER) == "unknown_case"
    committee = Actor("s-31", roles={"committee"}, unit="namnd", organisation=SOCIAL)
    assert ground(world, case, committee) == "overseer"


def test_a_case_that_was_handed_over_is_the_receiving_units(world: World) -> None:
    lantern = world.lantern()
    world.take(lantern, "look", KURATOR, form={"flame": "high", "wind": 3})
    world.take(lantern, "tell", KURATOR)
    case = world.received(SOCIAL)
    assert ground(world, case, INTAKE) == "unit"
    assert ground(world, case, FAR) == "unknown_case"
    everywhere = World(ordered(social_services={"unheld": "unit"}), world.store, seed=9)
    assert ground(everywhere, case, FAR) == "unit"
    world.take(case, "hand_out", LEADER, form={"officer": WORKER.id})
    assert [run.unit for run in world.case(case, LEADER).runs.values()] == [LEADER.unit]
    assert ground(world, case, WORKER) == "holder"
    assert ground(world, case, INTAKE) == "unknown_case"
    assert ground(world, case, LEADER) == "overseer"
    assert world.engine.replay(case, actor=LEADER).sound
    assert world.engine.verify(SOCIAL) == []


def test_where_only_the_opener_works_colleagues_do_not() -> None:
    world = World(ordered(school={"unheld": "opener", "oversees": {"organisation": ["head_teacher"]}}))
    case = world.lantern()
    assert [ground(world, case, one) for one in (KURATOR, COLLEAGUE, TEACHER, HEAD)] == [
        "opener",
        "unknown_case",
        "unknown_case",
        "overseer",
    ]


def test_somebody_named_gets_in_after_saying_that_they_are_not_biased(world: World) -> None:
    case = assigned(world)
    change(world, case, "name", HOLDER, who=FAR.id)
    assert codes(lambda: world.engine.guide(case, actor=FAR)) == ["bias_first"]
    change(world, case, "bias", FAR, out="clear")
    assert world.engine.guide(case, actor=FAR).case == case
    change(world, case, "unname", BOSS, who=FAR.id)
    assert codes(lambda: world.engine.guide(case, actor=FAR)) == ["unknown_case"]


def test_a_stand_in_is_in_on_their_days_and_takes_the_holders_steps(world: World) -> None:
    case = assigned(world)
    change(world, case, "stand_in", LEADER, who=SECOND.id, first="2026-03-02", last="2026-03-03")
    unable = Actor(SECOND.id, roles=SECOND.roles, unit=SECOND.unit, organisation=SOCIAL)
    assert codes(lambda: world.engine.guide(case, actor=unable)) == ["qualified"]
    world.clock.turn(days=2)
    assert codes(lambda: world.engine.guide(case, actor=SECOND)) == ["unknown_case"]
    world.clock.turn(days=-1)
    assert codes(lambda: world.take(case, "answer", LEADER, form={"may": True})) == ["role", "not_holder"]
    assert world.engine.explain(case, "answer", actor=SECOND).allowed
    world.take(case, "answer", SECOND, form={"may": True})
    *_, row = world.store.case_records(SOCIAL, case)
    said = orjson.loads(row.body)
    assert said["acc"] == {"on": "stand_in", "qual": True, "def": world.library.orders["access"].digest}
    assert world.engine.replay(case, actor=LEADER).count("divergent") == 0
    change(world, case, "end_stand_in", LEADER, who=SECOND.id)
    assert codes(lambda: world.engine.guide(case, actor=SECOND)) == ["unknown_case"]
    assert codes(lambda: change(world, case, "end_stand_in", LEADER, who=SECOND.id)) == ["not_let_in"]


def test_days_that_have_passed_are_no_days(world: World) -> None:
    case = assigned(world)
    for first, last in (("2026-03-01", "2026-03-01"), ("2026-03-09", "2026-03-08")):
        with pytest.raises(Refused, match="days_passed"):
            change(world, case, "stand_in", BOSS, who=OTHER.id, first=first, last=last)
    with pytest.raises(BadInput, match="not_date"):
        change(world, case, "stand_in", BOSS, who=OTHER.id, first="2026-02-30", last="2026-03-08")


# ---- bias ---------------------------------------------------------------------------------------------------------


def test_who_declares_a_conflict_is_out_from_then_on_whatever_the_ground(world: World) -> None:
    case = assigned(world)
    with pytest.raises(Refused, match="change_reason"):
        change(world, case, "bias", HOLDER, out="conflict")
    change(world, case, "bias", HOLDER, out="conflict", reason="Min kusin")
    for act in (
        lambda: world.engine.guide(case, actor=HOLDER),
        lambda: change(world, case, "bias", HOLDER, out="clear"),
        lambda: change(world, case, "break_glass", HOLDER, reason="Måste in"),
        lambda: world.take(case, "answer", HOLDER),
    ):
        assert codes(act) == ["barred"]
    assert world.engine.due(HOLDER) == []
    change(world, case, "bias", BOSS, who=HOLDER.id, out="clear", reason="Prövat, inte jävig")
    assert world.engine.guide(case, actor=HOLDER).case == case
    assert world.engine.replay(case, actor=HOLDER).sound


@pytest.mark.parametrize("who", [HOLDER, BOSS])
def test_a_case_whose_holder_is_biased_stands_on_the_list_of_who_can_give_it_to_another(
    world: World, who: Actor
) -> None:
    """Found by trying: nobody had it on a list, and nobody would have seen its deadlines."""
    case = assigned(world)

    def listed(actor: Actor) -> list[tuple[str, str | None, bool]]:
        return [(one.case, one.holder, one.biased) for one in world.engine.following.tasks(actor=actor)]

    assert (listed(HOLDER), listed(LEADER), listed(BOSS)) == ([(case, HOLDER.id, False)], [], [])
    change(world, case, "bias", who, who=HOLDER.id, out="conflict", reason="Min kusin")
    assert listed(HOLDER) == []
    assert listed(LEADER) == listed(BOSS) == [(case, HOLDER.id, True)]
    change(world, case, "bias", BOSS, who=HOLDER.id, out="clear", reason="Prövat, inte jävig")
    assert (listed(HOLDER), listed(LEADER), listed(BOSS)) == ([(case, HOLDER.id, False)], [], [])


def test_a_school_case_whose_opener_is_biased_stands_on_the_list_of_who_oversees_it() -> None:
    school = {"unheld": "opener", "oversees": {"organisation": ["head_teacher"]}}
    world = World(ordered(school=school))
    case = world.lantern()
    assert [one.case for one in world.engine.following.tasks(actor=KURATOR)] == [case]
    assert world.engine.following.tasks(actor=HEAD) == []
    change(world, case, "bias", KURATOR, out="conflict", reason="Granne")
    assert world.engine.following.tasks(actor=KURATOR) == []
    assert [(one.case, one.biased) for one in world.engine.following.tasks(actor=HEAD)] == [(case, True)]


def test_who_is_barred_by_another_learns_nothing_of_the_case(world: World) -> None:
    case = opened(world)
    change(world, case, "bias", BOSS, who=NEAR.id, out="conflict", reason="Granne")
    assert codes(lambda: world.engine.guide(case, actor=NEAR)) == ["unknown_case"]
    assert codes(lambda: change(world, case, "bias", SECOND, who=NEAR.id, out="clear", reason="x")) == ["role"]


# ---- an alarm, and an opened glass ----------------------------------------------------------------------------------


def test_an_alarm_in_ones_own_unit_is_never_stopped(world: World) -> None:
    case = assigned(world)
    change(world, case, "bias", BOSS, who=NEAR.id, out="conflict", reason="Granne")
    assert ground(world, case, NEAR, "acute") == "acute"
    assert ground(world, case, SECOND, "acute") == "acute"
    assert ground(world, case, FAR, "acute") == "unknown_case"
    assert ground(world, case, HOLDER, "acute") == "holder"


def test_breaking_the_glass_lets_in_for_a_time_and_stands_on_the_managers_list(world: World) -> None:
    case = assigned(world)
    assert world.engine.openings(actor=BOSS) == []
    with pytest.raises(BadInput, match="reason_missing"):
        change(world, case, "break_glass", FAR, reason=" ")
    change(world, case, "break_glass", FAR, reason="Jourfall, ingen annan nås")
    assert world.engine.guide(case, actor=FAR).case == case
    (one,) = world.engine.openings(actor=BOSS, reveal=True)
    assert (one.case, one.actor, one.unit, one.why) == (case, FAR.id, FAR.unit, "Jourfall, ingen annan nås")
    assert one.until == text_of(world.clock() + timedelta(hours=2))
    assert codes(lambda: world.engine.openings(actor=FAR)) == ["role"]
    assert codes(lambda: change(world, case, "see_opening", FAR, of=one.opening)) == ["role"]
    world.clock.turn(hours=3)
    assert codes(lambda: world.engine.guide(case, actor=FAR)) == ["unknown_case"]
    change(world, case, "see_opening", BOSS, of=one.opening)
    assert world.engine.openings(actor=BOSS) == []
    assert codes(lambda: change(world, case, "see_opening", BOSS, of=one.opening)) == ["no_opening"]
    assert world.engine.verify(SOCIAL) == []
    assert world.engine.replay(case, actor=BOSS).sound
    before = world.store.deadlines(SOCIAL)
    world.engine.rebuild(SOCIAL)
    assert world.store.deadlines(SOCIAL) == before


def test_who_broke_the_glass_does_not_look_after_it() -> None:
    both = {**SERVICES, "break_glass": {**_glass(), "by": ["unit_manager"]}}
    world = World(ordered(social_services=both))
    case = opened(world)
    change(world, case, "break_glass", BOSS, reason="Prov")
    assert codes(lambda: change(world, case, "see_opening", BOSS, of="2")) == ["not_yourself"]


def _glass() -> Mapping[str, object]:
    glass = SERVICES["break_glass"]
    assert isinstance(glass, dict)
    return glass  # pyright: ignore[reportUnknownVariableType]


def test_the_glass_is_not_broken_from_another_organisation_nor_by_a_role_that_may_not(world: World) -> None:
    case = assigned(world)
    assert codes(lambda: change(world, case, "break_glass", KURATOR, reason="Nyfiken")) == ["unknown_case"]
    assert codes(lambda: change(world, case, "break_glass", AUDITOR, reason="Nyfiken")) == ["unknown_case"]
    assert codes(lambda: change(world, UNKNOWN, "break_glass", FAR, reason="Nyfiken")) == ["unknown_case"]
    assert codes(lambda: change(world, case, "break_glass", BOSS, reason="Nyfiken")) == ["role"]


# ---- nothing to be learned ----------------------------------------------------------------------------------------


class Asked:
    """A store that writes down what it is asked."""

    def __init__(self, store: Any) -> None:
        self.store, self.said = store, list[str]()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if callable(found) and name != "keys":
            self.said.append(name)
        return found


LOOKS: Mapping[str, Callable[[World, str, Actor], object]] = {
    "guide": lambda world, case, actor: world.engine.guide(case, actor=actor),
    "explain": lambda world, case, actor: world.engine.explain(case, "answer", actor=actor),
    "case": lambda world, case, actor: world.engine.case(case, actor=actor),
    "replay": lambda world, case, actor: world.engine.replay(case, actor=actor),
    "who": lambda world, case, actor: world.engine.who(case, actor=actor),
    "take": lambda world, case, actor: world.take(case, "answer", actor),
    "stale": lambda world, case, actor: world.take(case, "answer", actor, expect=99),
    "no run": lambda world, case, actor: world.take(case, "answer", actor, run="f" * 32),
    "acute": lambda world, case, actor: world.take(case, "acute", actor),
    "correct": lambda world, case, actor: world.engine.correct(case, {}, reason="x", actor=actor, key=world.key()),
    "open": lambda world, case, actor: world.open("watch", actor, SEEN, case=case),
    "name": lambda world, case, actor: change(world, case, "name", actor, who="s-1"),
    "bias": lambda world, case, actor: change(world, case, "bias", actor, out="clear"),
    "glass": lambda world, case, actor: change(world, case, "break_glass", actor, reason="x"),
}


def answer(world: World, case: str, actor: Actor, act: Callable[[World, str, Actor], object]) -> object:
    """What somebody is told, what the store is asked, and what is noted; ids and chance apart."""
    asked = Asked(world.store)
    engine, count = world.engine, sum(1 for _ in world.store.log(actor.organisation))
    engine.store = engine.files.store = asked  # pyright: ignore[reportAttributeAccessIssue]
    try:
        act(world, case, actor)
        told: object = "shown"
    except StegvisError as error:
        reasons = getattr(error, "reasons", ())
        told = (type(error), error.reason, dict(error.details), reasons, str(error))
    finally:
        engine.store = engine.files.store = asked.store
    noted: list[object] = []
    for _, row in world.store.log(actor.organisation, after=count):
        said = orjson.loads(row.body)
        noted.append((len(row.body), {name: one for name, one in said.items() if name not in {"id", "n", "rec"}}))
    return told, asked.said, orjson.dumps(noted).replace(case.encode(), b"?")


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("name", LOOKS)
def test_a_case_one_may_not_know_of_and_one_that_is_not_there_answer_alike(name: str, *, cached: bool) -> None:
    world = World(ordered())
    case = assigned(world)
    change(world, case, "bias", BOSS, who=NEAR.id, out="conflict", reason="Granne")
    strangers = [KURATOR, AUDITOR if name not in {"replay", "who"} else KURATOR]
    strangers += [FAR] if name != "glass" else []
    strangers += [NEAR] if name != "acute" else []
    for number, actor in enumerate(strangers, 1):
        if not cached:
            world = World(world.library, world.store, seed=number)
        there, nowhere = (answer(world, one, actor, LOOKS[name]) for one in (case, UNKNOWN))
        assert there == nowhere


def test_the_comparison_above_does_see_a_difference(world: World) -> None:
    case = assigned(world)
    assert answer(world, case, HOLDER, LOOKS["guide"]) != answer(world, UNKNOWN, HOLDER, LOOKS["guide"])


@often(40)
@given(data=st.data())
def test_nobody_without_a_ground_sees_anything_and_every_case_shown_was_noted_before(data: st.DataObject) -> None:
    world = World(ordered())
    draw = data.draw
    units, roles = st.sampled_from(["barn", "mottagning", "ekonomi"]), ["social_worker", "intake_worker", "team_leader"]
    roles += ["unit_manager", "committee", "auditor"]
    staff = [
        Actor(
            f"a-{number}",
            roles=set(draw(st.lists(st.sampled_from(roles), min_size=1, max_size=2))),
            unit=draw(units),
            organisation=SOCIAL,
            qualified=draw(st.booleans()),
        )
        for number in range(5)
    ]
    cases: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        who = draw(st.sampled_from([one.id for one in staff]))
        opener = Actor(who, roles={"intake_worker"}, unit=draw(units), organisation=SOCIAL)
        cases.append(world.open("watch", opener, SEEN).id)
        if draw(st.booleans()):
            leader = Actor("a-9", roles={"team_leader"}, unit=opener.unit, organisation=SOCIAL)
            world.take(cases[-1], "hand_out", leader, form={"officer": draw(st.sampled_from(staff)).id})
    for _ in range(draw(st.integers(0, 6))):
        case, whom, by = draw(st.sampled_from(cases)), draw(st.sampled_from(staff)), draw(st.sampled_from(staff))
        kind, form = draw(
            st.sampled_from(
                [
                    ("name", {"who": whom.id}),
                    ("stand_in", {"who": whom.id, "first": "2026-03-02", "last": "2026-03-02"}),
                    ("bias", {"out": "conflict"}),
                    ("bias", {"out": "clear"}),
                    ("bias", {"out": "conflict", "who": whom.id}),
                    ("break_glass", {}),
                ]
            )
        )
        try:
            change(world, case, kind, by, reason="Skäl", **form)
        except Refused:
            continue
    for actor in staff:
        for case in cases:
            held = world.case(case, actor)
            may = isinstance(enter(world.library, held, actor, text_of(world.clock()), "work"), Ground)
            log = isinstance(enter(world.library, held, actor, text_of(world.clock()), "prove"), Ground)
            for name in ("guide", "explain", "case", "replay", "who"):
                before = sum(1 for _ in world.store.log(SOCIAL))
                try:
                    LOOKS[name](world, case, actor)
                    shown = True
                except Refused:
                    shown = False
                noted = [orjson.loads(row.body) for _, row in world.store.log(SOCIAL, after=before)]
                assert not shown or (log if name in {"replay", "who"} else may)
                assert shown or name == "who" or not (log if name == "replay" else may)
                assert [one["case"] for one in noted] == [case]
                assert noted[0]["type"] == ("read" if shown else "transition.denied")
        listed = world.engine.due(actor)
        assert {row.case for row in listed} <= {
            one for one in cases if isinstance(ground_of(world, one, actor), Ground)
        }


def ground_of(world: World, case: str, actor: Actor) -> Ground | Kept:
    return enter(world.library, world.case(case, actor), actor, text_of(world.clock()))
