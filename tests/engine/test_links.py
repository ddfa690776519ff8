"""Cases of one family belong together behind a barrier: who does not have both learns of neither from the other."""

from collections.abc import Callable

import orjson
import pytest

from stegvis.engine.answers import Refused
from stegvis.engine.ports import Commit
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, StoreError

from .orders import ordered
from .toys import LEADER, MANAGER, SOCIAL, World

HOLDER = Actor("s-22", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
FRIEND = Actor("s-23", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
COMMITTEE = Actor("s-31", roles={"committee"}, unit="namnd", organisation=SOCIAL)
AUDITOR = Actor("s-21", roles={"auditor"}, unit="kansli", organisation=SOCIAL)
SEEN = {"channel": "phone", "received": "2026-03-02T07:00:00Z"}
UNKNOWN = "f" * 32


@pytest.fixture
def world() -> World:
    return World(ordered())


def held(world: World, holder: Actor = HOLDER) -> str:
    case = world.open("watch", FRIEND, SEEN).id
    world.take(case, "hand_out", LEADER, form={"officer": holder.id})
    return case


def tied(world: World) -> tuple[str, str]:
    """A child's case and a brother's, both with the same officer."""
    child, brother = held(world), held(world)
    world.engine.links.tie(child, brother, actor=HOLDER, key=world.key())
    return child, brother


def links(world: World, case: str, actor: Actor) -> tuple[str, ...]:
    return world.engine.links.of(case, actor=actor)


def test_who_has_both_sees_that_they_belong_together_from_either(world: World) -> None:
    child, brother = tied(world)
    assert links(world, child, HOLDER) == (brother,)
    assert links(world, brother, HOLDER) == (child,)


def test_who_has_one_or_oversees_both_learns_nothing(world: World) -> None:
    child, brother = tied(world)
    world.engine.change(child, "name", actor=HOLDER, key=world.key(), form={"who": FRIEND.id})
    world.engine.change(child, "bias", actor=FRIEND, key=world.key(), form={"out": "clear"})
    for actor in (FRIEND, COMMITTEE, LEADER):
        assert links(world, child, actor) == ()
    world.engine.change(brother, "name", actor=HOLDER, key=world.key(), form={"who": FRIEND.id})
    world.engine.change(brother, "bias", actor=FRIEND, key=world.key(), form={"out": "clear"})
    assert links(world, child, FRIEND) == (brother,)
    world.engine.change(brother, "unname", actor=HOLDER, key=world.key(), form={"who": FRIEND.id})
    assert links(world, child, FRIEND) == ()


def test_nothing_else_says_a_word_of_it(world: World) -> None:
    child, brother = tied(world)
    before = sum(1 for _ in world.store.log(SOCIAL))
    engine = world.engine
    looks: list[Callable[[Actor], object]] = [
        lambda one: (guide := engine.guide(child, actor=one), guide.text("sv"), guide.text("en")),
        lambda one: engine.case(child, actor=one),
        lambda one: engine.explain(child, "answer", actor=one),
        lambda one: engine.replay(child, actor=one),
        lambda one: engine.who(child, actor=one),
        lambda one: engine.drafts.list(actor=one),
    ]
    for actor in (HOLDER, COMMITTEE, LEADER, AUDITOR):
        for look in looks:
            try:
                said = repr(look(actor))
            except Refused as no:
                said = repr(no.reasons)
            assert brother not in said
    assert sum(1 for _ in world.store.log(SOCIAL)) > before
    for row in world.store.case_records(SOCIAL, child):
        assert brother.encode() not in row.body
        assert b"link" not in row.body


def test_it_is_sealed_and_found_again_by_an_engine_that_has_nothing_at_hand(world: World) -> None:
    child, brother = tied(world)
    other = World(world.library, world.store, seed=1)
    assert links(other, child, HOLDER) == (brother,)
    assert other.engine.verify(SOCIAL) == []
    assert other.engine.replay(child, actor=HOLDER).sound


def test_what_is_taken_back_is_gone_from_both(world: World) -> None:
    child, brother = tied(world)
    world.engine.links.untie(brother, child, actor=HOLDER, key=world.key())
    assert links(world, child, HOLDER) == links(world, brother, HOLDER) == ()


def test_half_a_link_does_not_show_and_the_same_call_completes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, brother = held(world), held(world)
    commit = world.store.commit

    def fails(one: Commit) -> None:
        if one.case.case == brother:
            raise StoreError("full")
        commit(one)

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "commit", fails)
        with pytest.raises(StoreError):
            world.engine.links.tie(child, brother, actor=HOLDER, key="k-half")
    assert links(world, child, HOLDER) == ()
    first = world.engine.links.tie(child, brother, actor=HOLDER, key="k-half")
    assert links(world, child, HOLDER) == (brother,)
    assert world.engine.links.tie(child, brother, actor=HOLDER, key="k-half") == first


def test_who_may_not_in_one_of_them_leaves_nothing_in_the_other(world: World) -> None:
    mine, theirs = held(world), held(world, FRIEND)
    version = world.case(mine, HOLDER).version
    for other in (theirs, UNKNOWN):
        with pytest.raises(Refused) as no:
            world.engine.links.tie(mine, other, actor=HOLDER, key=world.key())
        assert [one.code for one in no.value.reasons] == ["unknown_case"]
    with pytest.raises(Refused):
        world.engine.links.tie(theirs, mine, actor=LEADER, key=world.key())
    assert world.case(mine, HOLDER).version == version


def test_each_link_that_is_shown_is_noted_before(world: World) -> None:
    child, brother = tied(world)
    before = sum(1 for _ in world.store.log(SOCIAL))
    links(world, child, HOLDER)
    noted = [orjson.loads(row.body) for _, row in world.store.log(SOCIAL, after=before)]
    assert [one.get("case") for one in noted] == [None, child, brother]
    assert {one["trg"] for one in noted} == {"links"}


@pytest.mark.parametrize("form", [{}, {"link": "x"}, {"link": "f" * 31}, {"link": 1}, {"other": UNKNOWN}])
def test_what_is_no_link_is_told(world: World, form: dict[str, object]) -> None:
    case = held(world)
    with pytest.raises(BadInput):
        world.engine.change(case, "apart", actor=HOLDER, key=world.key(), form=form)
    with pytest.raises(BadInput):
        world.engine.links.tie(case, case, actor=HOLDER, key=world.key())


def test_where_cases_are_open_to_all_nothing_is_kept_apart() -> None:
    world = World()
    case, other = (world.open("watch", FRIEND, SEEN).id for _ in range(2))
    with pytest.raises(Refused) as no:
        world.engine.links.tie(case, other, actor=MANAGER, key=world.key())
    assert [one.code for one in no.value.reasons] == ["open_to_all"]
