"""A draft is kept as it is, for one actor and one step, sealed; it is no part of the case, and its time runs out."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.sql import SqlStore
from stegvis.engine.answers import Refused
from stegvis.engine.drafts import LARGEST, Draft
from stegvis.engine.ports import DraftRow
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, NotFound, SealError
from stegvis.routines.law import Period

from .plays import Player
from .test_leaks import PLANTED, absent, needles
from .toys import (
    ADVISOR,
    CENTRE,
    COLLEAGUE,
    HEAD,
    KURATOR,
    LEADER,
    MANAGER,
    SCHOOL,
    SOCIAL,
    TEACHER,
    WORKER,
    Data,
    World,
    asked_whether,
    toys,
)

LOOK = {"flame": "low", "wind": 3, "smoke": "tjock"}
ANYTHING: dict[str, object] = {"flame": "none of these", "wind": "a lot", "none": [1, {"x": None}], "": "\x00\u202e\r"}

texts = st.text(st.characters(), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def begun(world: World, case: str, form: dict[str, object] | None = None, actor: Actor = KURATOR) -> Draft:
    return world.engine.draft(case, "look", ANYTHING if form is None else form, actor=actor)


def access(world: World, case: str) -> list[dict[str, Any]]:
    """The access stream of a case."""
    said = [json.loads(row.body) for _, row in world.store.log(SCHOOL) if row.cseq is None and row.case == case]
    return cast("list[dict[str, Any]]", said)


# ---- kept as it is --------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(form=st.dictionaries(texts, values, max_size=4))
def test_what_is_shown_is_what_was_saved_to_the_last_character(form: dict[str, object]) -> None:
    world = World()
    case = world.lantern()
    saved = begun(world, case, form)
    shown = world.engine.drafts.show(case, "look", actor=KURATOR)
    assert shown == saved
    assert shown.form == form


def test_the_latest_draft_is_the_one_that_is_kept() -> None:
    world = World()
    case = world.lantern()
    first = begun(world, case)
    world.clock.turn(days=1)
    second = begun(world, case, {"wind": 4})
    assert second.expires > first.expires
    assert world.engine.drafts.show(case, "look", actor=KURATOR) == second
    assert len(world.engine.drafts.list(actor=KURATOR)) == 1


def test_a_draft_may_be_for_a_step_that_cannot_be_taken_now_or_not_by_this_actor() -> None:
    world = World()
    case = world.lantern()
    later = world.engine.draft(case, "finish", {}, actor=TEACHER)
    assert (later.here, later.form) == (False, {})
    assert begun(world, case, actor=TEACHER).here


def test_a_date_is_kept_as_text() -> None:
    world = World()
    assert begun(world, world.lantern(), {"on": date(2026, 3, 2)}).form == {"on": "2026-03-02"}


@pytest.mark.parametrize("form", [{"x": object()}, {"x": float("nan")}, {"x": {1, 2}}, {(1, 2): "x"}])
def test_what_is_no_json_is_no_draft(form: dict[str, object]) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(BadInput, match="not_plain"):
        begun(world, case, form)


def test_its_size_is_bounded_and_the_one_before_stays() -> None:
    world = World()
    case = world.lantern()
    room = LARGEST - len('{"smoke": ""}')
    kept = begun(world, case, {"smoke": "x" * room})
    for more in ("x" * (room + 1), "å" * (room // 2 + 1)):
        with pytest.raises(BadInput, match="draft_too_large"):
            begun(world, case, {"smoke": more})
    assert world.engine.drafts.show(case, "look", actor=KURATOR) == kept


@pytest.mark.parametrize("trigger", ["no_such_step", "open", "Alma Ek", "", "look.approve"])
def test_a_step_that_the_routine_does_not_have_has_no_drafts(trigger: str) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="unknown_step"):
        world.engine.draft(case, trigger, {}, actor=KURATOR)
    assert world.store.drafts(SCHOOL) == []
    assert access(world, case)[-1]["why"] == ["unknown_step"]
    assert "Alma" not in str(access(world, case))


# ---- no part of the case --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 9999))
def test_a_play_with_drafts_is_the_same_play(seed: int) -> None:
    """Every record of a play's cases stands the same, but for the keyed digests, whether or not drafts are saved."""
    bare, busy = Player(seed), Player(seed)
    for _ in range(20):
        bare.play(1)
        busy.play(1)
        assert bare.cases() == busy.cases()
        for organisation, case in busy.cases():
            whole = busy.whole(organisation, case)
            (run, *_) = whole.runs.values()
            rules = busy.world.library.by_digest[run.rules]
            who = {SCHOOL: KURATOR, SOCIAL: WORKER, CENTRE: ADVISOR}[organisation]
            for trigger in {name for moves in rules.moves.values() for name in moves}:
                busy.world.engine.draft(case, trigger, {"account": "x", "tons": 9}, actor=who, run=run.id)
            assert busy.whole(organisation, case) == bare.whole(organisation, case)
    for organisation, case in bare.cases():
        one, other = ([{**head, "cmd": ""} for head in two.heads(organisation, case)] for two in (bare, busy))
        # Links rest on the digests, which rest on keys that each store makes for itself.
        assert [{**head, "prev": ""} for head in one] == [{**head, "prev": ""} for head in other]
        assert busy.world.engine.verify(organisation) == []


def test_neither_the_guide_nor_a_guard_nor_a_hand_off_knows_of_a_draft() -> None:
    world = World()
    case = world.lantern()
    before, why = world.engine.guide(case, actor=KURATOR).digest, world.engine.explain(case, "look", actor=KURATOR)
    begun(world, case, {**LOOK, "wind": 50})
    assert world.engine.guide(case, actor=KURATOR).digest == before
    assert world.engine.explain(case, "look", actor=KURATOR) == why
    assert world.engine.case(case, actor=KURATOR).version == 1
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    world.engine.draft(case, "tell", {"flame": "hemligt"}, actor=KURATOR)
    world.take(case, "tell", KURATOR)
    (sent,) = world.store.outbox(SCHOOL)
    assert "hemligt" not in str(world.engine.files.message(SCHOOL, sent))
    assert world.engine.replay(case, actor=KURATOR).sound


# ---- used up, thrown away, swept ------------------------------------------------------------------------------------


def test_the_step_uses_up_the_draft_of_who_took_it_and_of_nobody_else() -> None:
    world = World()
    case = world.lantern()
    for actor in (KURATOR, COLLEAGUE):
        begun(world, case, actor=actor)
    world.engine.draft(case, "note", {"line": "x"}, actor=KURATOR)
    with pytest.raises(Refused):
        world.take(case, "look", KURATOR, form={"flame": "high", "wind": 30})
    assert len(world.store.drafts(SCHOOL)) == 3
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3}, key="k-look")
    left = [(row.trigger, row.actor) for row in world.store.drafts(SCHOOL)]
    assert sorted(left) == [("look", COLLEAGUE.id), ("note", KURATOR.id)]
    again = begun(world, case)
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3}, key="k-look")
    assert world.engine.drafts.show(case, "look", actor=KURATOR) == again


@pytest.mark.parametrize("trigger", ["put_out", "flee", "acute"])
def test_every_kind_of_step_uses_its_draft_up(trigger: str) -> None:
    forms = {"put_out": {"why": "x"}, "flee": LOOK, "acute": {"what": "x"}}
    world = World()
    case = world.ferry() if trigger == "acute" else world.lantern()
    who = WORKER if trigger == "acute" else KURATOR
    world.engine.draft(case, trigger, {"any": 1}, actor=who)
    world.take(case, trigger, who, form=forms[trigger])
    assert world.store.drafts(who.organisation) == []


def test_who_throws_a_draft_away_throws_their_own() -> None:
    world = World()
    case = world.lantern()
    begun(world, case, actor=COLLEAGUE)
    assert not world.engine.drafts.discard(case, "look", actor=KURATOR)
    begun(world, case)
    assert world.engine.drafts.discard(case, "look", actor=KURATOR)
    with pytest.raises(NotFound, match="no_draft"):
        world.engine.drafts.show(case, "look", actor=KURATOR)
    assert [row.actor for row in world.store.drafts(SCHOOL)] == [COLLEAGUE.id]


def test_a_draft_is_swept_when_the_law_book_says_and_is_not_shown_after_that() -> None:
    world = World()
    case = world.lantern()
    draft = begun(world, case)
    assert draft.expires == "2026-03-16T22:59:59.999999Z"
    world.clock.turn(days=14)
    assert world.engine.drafts.show(case, "look", actor=KURATOR).form == ANYTHING
    world.clock.turn(days=1)
    assert world.engine.drafts.list(actor=KURATOR) == world.engine.drafts.list(actor=KURATOR, case=case) == []
    with pytest.raises(NotFound, match="no_draft"):
        world.engine.drafts.show(case, "look", actor=KURATOR)
    assert len(world.store.drafts(SCHOOL)) == 1
    world.engine.tick(SOCIAL)
    assert len(world.store.drafts(SCHOOL)) == 1
    world.engine.tick(SCHOOL)
    assert world.store.drafts(SCHOOL) == []


def test_how_long_a_draft_is_kept_is_data() -> None:
    world = World()
    law = world.library.law
    kept = law.laws["draft_kept"]
    version = kept.versions[0].model_copy(update={"internal": Period(period="PT2H")})
    laws = {**law.laws, "draft_kept": kept.model_copy(update={"versions": (version,)})}
    hasty = World(replace(world.library, law=law.model_copy(update={"laws": laws})))
    assert begun(hasty, hasty.lantern()).expires == "2026-03-02T10:00:00.000000Z"


# ---- who may open it ------------------------------------------------------------------------------------------------


def test_opening_a_draft_is_a_read_that_names_whose_it_was() -> None:
    world = World()
    case = world.lantern()
    begun(world, case)
    shown = world.engine.drafts.show(case, "look", actor=COLLEAGUE, of=KURATOR.id)
    assert shown.actor == KURATOR.id
    said = access(world, case)[-1]
    assert (said["type"], said["trg"], said["actor"], said["of"]) == ("read", "look", COLLEAGUE.id, KURATOR.id)


def test_a_draft_whose_opening_cannot_be_noted_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    case = world.lantern()
    begun(world, case)
    monkeypatch.setattr(world.store, "note", _fail)
    for act in (
        lambda: world.engine.drafts.show(case, "look", actor=KURATOR),
        lambda: world.engine.drafts.list(actor=KURATOR),
        lambda: world.engine.drafts.list(actor=KURATOR, case=case),
    ):
        with pytest.raises(OSError, match="no log"):
            act()


def _fail(*_: object) -> None:
    raise OSError("no log")


def test_somebody_else_sees_only_the_answers_that_they_may_read() -> None:
    def secret(data: dict[str, Data]) -> None:
        data["lantern"]["forms"]["look"]["fields"]["smoke"]["see"] = ["school_counsellor"]
        data["alarm"]["forms"]["danger"]["fields"]["what"]["see"] = ["unit_manager"]

    world = World(toys(secret, asked_whether))
    case, whole = world.lantern(protected=False), dict[str, object](LOOK, Alma="y")
    begun(world, case, whole)
    show = world.engine.drafts.show
    assert show(case, "look", actor=KURATOR).form == whole
    assert show(case, "look", actor=COLLEAGUE, of=KURATOR.id).form == LOOK
    assert show(case, "look", actor=TEACHER, of=KURATOR.id).form == {"flame": "low", "wind": 3}
    ferry = world.ferry()
    looked_up = {"level": "none", "checked": "2026-03-01", "source": "authority"}
    world.engine.change(ferry, "identity", actor=WORKER, key=world.key(), form=looked_up)
    world.engine.draft(ferry, "acute", {"what": "x", "tons": 3}, actor=WORKER)
    assert show(ferry, "acute", actor=MANAGER, of=WORKER.id).form == {"what": "x"}
    assert show(ferry, "acute", actor=LEADER, of=WORKER.id).form == {}


def test_a_draft_in_a_case_that_is_not_yours_is_as_unknown_as_one_that_is_not_there() -> None:
    world = World()
    case = world.lantern()
    begun(world, case)
    said: list[list[tuple[str, object]]] = []
    for wanted in (case, "0" * 32):
        before = len(list(world.store.log(SOCIAL)))
        for act in (
            lambda case=wanted: world.engine.drafts.show(case, "look", actor=WORKER, of=KURATOR.id),
            lambda case=wanted: world.engine.draft(case, "look", {}, actor=WORKER),
            lambda case=wanted: world.engine.drafts.list(actor=WORKER, case=case),
            lambda case=wanted: world.engine.drafts.discard(case, "look", actor=WORKER),
        ):
            with pytest.raises(Refused, match="unknown_case"):
                act()
        rows = [json.loads(row.body) for _, row in list(world.store.log(SOCIAL))[before:]]
        said.append([(row["type"], row["why"]) for row in rows])
    assert said[0] == said[1]
    assert len(said[0]) == 4


def test_whose_is_a_key_and_never_a_name() -> None:
    world = World()
    with pytest.raises(BadInput, match="not_a_reference"):
        world.engine.drafts.show(world.lantern(), "look", actor=KURATOR, of="Alma Ek")


# ---- a case that moved on -------------------------------------------------------------------------------------------


def test_a_draft_of_a_case_that_moved_on_says_so() -> None:
    world = World()
    case = world.lantern()
    draft = begun(world, case)
    assert (draft.moved, draft.here) == (False, True)
    world.take(case, "note", TEACHER, form={"line": "x"})
    shown = world.engine.drafts.show(case, "look", actor=KURATOR)
    assert (shown.moved, shown.version, shown.now, shown.here) == (True, 1, 2, True)
    world.take(case, "look", COLLEAGUE, form={"flame": "high", "wind": 3})
    (listed,) = world.engine.drafts.list(actor=KURATOR)
    assert (listed.now, listed.here, listed.form) == (3, False, None)
    assert world.engine.drafts.list(actor=HEAD, case=case) == [listed]
    assert begun(world, case).moved is False


def test_a_step_in_two_runs_asks_which() -> None:
    world = World()
    case = world.lantern()
    other = world.open("lantern", KURATOR, {"account": "x"}, case=case, person="p-1").run
    with pytest.raises(BadInput, match="which_run"):
        begun(world, case)
    for run in world.case(case, KURATOR).runs:
        world.engine.draft(case, "look", {"in": run}, actor=KURATOR, run=run)
    with pytest.raises(BadInput, match="which_run"):
        world.engine.drafts.show(case, "look", actor=KURATOR)
    assert world.engine.drafts.show(case, "look", actor=KURATOR, run=other).form == {"in": other}
    assert world.engine.drafts.discard(case, "look", actor=KURATOR, run=other)
    assert len(world.engine.drafts.list(actor=KURATOR)) == 1


# ---- sealed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [name for name in DraftRow._fields if name != "cell"])
def test_a_draft_opens_only_where_it_was_saved(field: str) -> None:
    world = World()
    one, two = world.lantern(), world.lantern()
    begun(world, one)
    (row,) = world.store.drafts(SCHOOL)
    run = next(iter(world.case(two, KURATOR).runs))
    moved: dict[str, Any] = {
        "case": {"case": two},
        "run": {"case": two, "run": run},
        "trigger": {"trigger": "note"},
        "actor": {"actor": COLLEAGUE.id},
        "version": {"version": 7},
        "at": {"at": "2026-03-02T07:00:00.000000Z"},
        "expires": {"expires": "2027-03-02T07:00:00.000000Z"},
    }
    swapped = row._replace(**moved[field])
    world.store.drop_draft(SCHOOL, *row[:4])
    world.store.keep_draft(SCHOOL, swapped)
    if field == "case":
        # The run is none of that case's, so there is nothing to open.
        with pytest.raises(NotFound, match="no_draft"):
            world.engine.drafts.show(two, "look", actor=KURATOR)
        return
    actor = COLLEAGUE if field == "actor" else KURATOR
    with pytest.raises(SealError):
        world.engine.drafts.show(swapped.case, swapped.trigger, actor=actor)


def test_no_word_of_a_draft_stands_in_the_file_its_journal_or_the_keys(tmp_path: Path) -> None:
    found: dict[str, bytes] = {}

    def look(when: str) -> None:
        found.update({f"{when} {one.name}": one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()})

    with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
        world = World(store=store)
        case = world.lantern()
        for word in PLANTED:
            begun(world, case, {"smoke": word, word: [word]})
            assert word in str(world.engine.drafts.show(case, "look", actor=KURATOR).form)
        look("kept")
        world.clock.now += timedelta(days=20)
        world.engine.tick(SCHOOL)
        look("swept")
    look("closed")
    assert {"kept cases.db", "kept cases.db-wal", "swept cases.db"} <= set(found)
    absent(needles(iter(PLANTED)), found)
