"""What a party may read of its file: nothing protected goes out undecided, each omission is a decision of its own."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.extracts import Extract
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput
from stegvis.routines.library import SHIPPED

from ..often import often
from .toys import KURATOR, MANAGER, SCHOOL, SOCIAL, WORKER, Data, World, toys

SCHEMA = json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8"))
PARTY, OTHER_PARTY = "p-2", "p-9"
LAW = "case_material_secrecy"
DECIDER = Actor(
    "s-7",
    roles={"social_worker"},
    unit="barn",
    organisation=SOCIAL,
    delegations={"withhold_from_party"},
    qualified=True,
)


def parts(data: dict[str, Data]) -> None:
    """A ferry with an answer of every kind."""
    cargo = data["ferry"]["forms"]["cargo"]["fields"]
    del cargo["born"]["see"]
    cargo["note"] |= {"part": "protected"}
    for name, more in (
        ("ruling", {"part": "decision"}),
        ("harbour", {"part": "decision", "secrecy": "whereabouts"}),
        ("told", {"part": "assessment", "secrecy": "account"}),
        ("weather", {"part": "assessment"}),
    ):
        cargo[name] = {"type": "text", "title": {"sv": name, "en": name}, "required": False, **more}
    cargo["mate"] = {"type": "person", "title": {"sv": "mate", "en": "mate"}, "required": False}
    cargo["pilot"] = {"type": "actor", "title": {"sv": "pilot", "en": "pilot"}, "required": False}


GIVEN = {
    "note": "Barnet sade det.",
    "ruling": "Färjan går.",
    "harbour": "Norra hamnen",
    "told": "Grannen berättade.",
    "weather": "Det blåste.",
    "mate": OTHER_PARTY,
    "pilot": "s-3",
}
CLOSED = {
    "cargo.note": "closed_part",
    "cargo.harbour": "place",
    "cargo.mate": "names_another",
    "cargo.pilot": "names_staff",
}


def begun(**more: object) -> tuple[World, str]:
    world = World(toys(parts))
    return world, world.ferry(WORKER, **{**GIVEN, **more})


def run_of(world: World, case: str) -> str:
    return next(iter(world.case(case, WORKER).runs))


def decide(world: World, case: str, fact: str, out: str = "withheld", *, actor: Actor = DECIDER, **more: Any) -> None:
    form = {
        "who": more.get("party", PARTY),
        "run": more.get("run", run_of(world, case)),
        "fact": fact,
        "out": out,
        "law": more.get("law", LAW if out != "disclosed" else "case_material_insight"),
    }
    reason = more.get("reason", "Skada för barnet.")
    world.engine.change(case, "omit", actor=actor, key=world.key(), form=form, reason=reason)


def waits(world: World, case: str, party: str = PARTY) -> dict[str, str]:
    return {one.fact: one.why for one in world.engine.extracts.waiting(case, party=party, actor=WORKER)}


def facts(made: Extract) -> set[str]:
    return {line.fact for line in made.lines}


# ---- nothing goes out undecided -------------------------------------------------------------------------------------


def test_what_is_protected_waits_for_a_decision_and_nothing_goes_out_before() -> None:
    world, case = begun()
    assert waits(world, case) == CLOSED
    with pytest.raises(Refused) as no:
        world.engine.extract(case, party=PARTY, actor=WORKER)
    assert {(one.code, one.about) for one in no.value.reasons} == {("undecided", fact) for fact in CLOSED}
    made = world.engine.extract(case, party=PARTY, actor=WORKER, partial=True)
    assert facts(made).isdisjoint(CLOSED)
    assert {"cargo.ruling", "cargo.weather", "cargo.told", "cargo.arrived"} <= facts(made)
    assert {one.fact for one in made.waiting} == set(CLOSED)
    whole = made.text("sv") + json.dumps(made.json(), ensure_ascii=False)
    assert not [word for word in ("Barnet", "Norra", OTHER_PARTY, "s-3", "utelämnats", "waiting") if word in whole]


def test_to_another_person_than_the_one_it_is_about_less_is_open() -> None:
    world, case = begun()
    assert waits(world, case, OTHER_PARTY) == {
        **{fact: why for fact, why in CLOSED.items() if fact != "cargo.mate"},
        "cargo.told": "about_another",
        "cargo.weather": "leads_there",
        "cargo.goods": "leads_there",
    }


def test_free_text_goes_to_somebody_else_only_where_the_identity_is_known_not_to_be_protected() -> None:
    world, case = begun()
    leads = {fact for fact, why in waits(world, case, OTHER_PARTY).items() if why == "leads_there"}
    assert leads == {"cargo.weather", "cargo.goods"}
    assert "leads_there" not in waits(world, case, PARTY).values(), "it is the person's own"
    assert leads.isdisjoint(facts(world.engine.extract(case, party=OTHER_PARTY, actor=WORKER, partial=True)))
    check = {"level": "none", "source": "population_register", "checked": "2026-03-02"}
    world.engine.change(case, "identity", actor=WORKER, key=world.key(), form=check)
    assert leads.isdisjoint(waits(world, case, OTHER_PARTY))
    assert leads <= facts(world.engine.extract(case, party=OTHER_PARTY, actor=WORKER, partial=True))
    world.engine.change(
        case, "identity", actor=WORKER, key=world.key(), form={**check, "level": "confidentiality_mark"}
    )
    assert leads <= waits(world, case, OTHER_PARTY).keys()
    decide(world, case, "cargo.weather", "disclosed", party=OTHER_PARTY)
    assert "cargo.weather" in facts(world.engine.extract(case, party=OTHER_PARTY, actor=WORKER, partial=True))


def test_each_omission_is_a_decision_of_its_own_and_then_the_extract_is_made() -> None:
    world, case = begun()
    decide(world, case, "cargo.note")
    decide(world, case, "cargo.harbour", "withheld_silently", law="secret_whereabouts")
    decide(world, case, "cargo.mate", "withheld_silently", law="reporter_identity_secrecy")
    assert waits(world, case) == {"cargo.pilot": "names_staff"}
    decide(world, case, "cargo.pilot", "disclosed")
    made = world.engine.extract(case, party=PARTY, actor=WORKER)
    assert made.waiting == ()
    assert facts(made) & set(CLOSED) == {"cargo.pilot"}
    assert made.told
    assert "Uppgifter har utelämnats" in made.text("sv")
    *_, row = world.store.case_records(SOCIAL, case)
    said, validator = json.loads(row.body), jsonschema.Draft7Validator(SCHEMA)
    assert not list(validator.iter_errors(said))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    assert (said["trg"], said["dlg"], said["basis"]) == ("omit", "withhold_from_party", ["case_material_insight"])
    assert said["ord"]["level"] == "officer"
    assert (said["set"]["fact"], said["set"]["out"], said["set"]["who"]) == ("cargo.pilot", "disclosed", PARTY)
    assert "Skada" not in row.body.decode()
    assert world.engine.replay(case, actor=WORKER).count("reproduced") == 5
    assert world.engine.verify(SOCIAL) == []


def test_it_is_said_that_something_is_left_out_only_where_a_decision_lets_it_be_said() -> None:
    world, case = begun(harbour=None, mate=None, pilot=None)
    decide(world, case, "cargo.note", "withheld_silently")
    made = world.engine.extract(case, party=PARTY, actor=WORKER)
    assert (made.told, "utelämnats" in made.text("sv"), made.json()["told"]) == (False, False, False)
    decide(world, case, "cargo.weather")
    assert world.engine.extract(case, party=PARTY, actor=WORKER).told


def test_the_latest_decision_holds_and_one_for_another_party_does_not() -> None:
    world, case = begun(harbour=None, pilot=None)
    decide(world, case, "cargo.mate", party=OTHER_PARTY, law="reporter_identity_secrecy")
    assert waits(world, case) == {"cargo.note": "closed_part", "cargo.mate": "names_another"}
    decide(world, case, "cargo.note", "disclosed")
    decide(world, case, "cargo.mate")
    assert "cargo.note" in facts(world.engine.extract(case, party=PARTY, actor=WORKER))
    decide(world, case, "cargo.note")
    assert "cargo.note" not in facts(world.engine.extract(case, party=PARTY, actor=WORKER))


def test_what_is_open_can_be_withheld_but_never_the_decision_itself() -> None:
    world, case = begun()
    decide(world, case, "cargo.weather")
    assert "cargo.weather" not in facts(world.engine.extract(case, party=PARTY, actor=WORKER, partial=True))
    with pytest.raises(Refused, match="reasons=decision_is_open"):
        decide(world, case, "cargo.ruling")
    decide(world, case, "cargo.harbour", law="shelter_address")


# ---- who decides, on what ground ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({"law": "case_material_insight"}, "not_a_ground"),
        ({"law": "no_such_law"}, "not_a_ground"),
        ({"out": "disclosed", "law": LAW}, "not_a_ground"),
        ({"reason": "  "}, "omission_reason"),
        ({"reason": None}, "omission_reason"),
        ({"reason": "x" * 2001}, "omission_reason"),
        ({"party": "p-77"}, "not_in_case"),
        ({"run": "0" * 32}, "nothing_to_omit"),
        ({"fact": "cargo.born"}, "nothing_to_omit"),
        ({"fact": "cargo.none"}, "nothing_to_omit"),
        ({"actor": WORKER}, "delegation"),
    ],
)
def test_every_omission_needs_a_ground_a_reason_a_power_and_something_to_omit(more: dict[str, Any], codes: str) -> None:
    world, case = begun()
    arguments: dict[str, Any] = {"fact": "cargo.note", **more}
    with pytest.raises(Refused, match=f"reasons={codes}"):
        decide(world, case, **arguments)
    assert world.case(case, WORKER).version == 1


@pytest.mark.parametrize("form", [{}, {"who": PARTY}, {"who": "Alma Ek"}, {"out": "away"}, {"fact": 3}])
def test_what_cannot_be_read_is_no_decision(form: dict[str, object]) -> None:
    world, case = begun()
    whole = {"who": PARTY, "run": run_of(world, case), "fact": "cargo.note", "out": "withheld", "law": LAW}
    asked = {**whole, **form} if form.get("who") != PARTY and form else form
    with pytest.raises(BadInput):
        world.engine.change(case, "omit", actor=DECIDER, key="k", form=asked, reason="x")


def test_who_may_not_read_an_answer_neither_decides_about_it_nor_makes_the_whole_extract() -> None:
    def hidden(data: dict[str, Data]) -> None:
        parts(data)
        data["ferry"]["forms"]["cargo"]["fields"]["note"]["see"] = ["unit_manager"]

    world = World(toys(hidden))
    case = world.ferry(note="Barnet sade det.")
    said: list[tuple[str, ...]] = []
    for one in (case, world.ferry()):
        with pytest.raises(Refused) as no:
            decide(world, one, "cargo.note")
        said.append(tuple(reason.code for reason in no.value.reasons))
        assert waits(world, one) == {}
        with pytest.raises(Refused, match="reasons=not_all_readable"):
            world.engine.extract(one, party=PARTY, actor=WORKER)
        assert "Barnet" not in world.engine.extract(one, party=PARTY, actor=WORKER, partial=True).text()
    assert said[0] == said[1]
    with pytest.raises(Refused, match="undecided"):
        world.engine.extract(case, party=PARTY, actor=MANAGER)


def test_the_party_is_somebody_whom_the_case_names() -> None:
    world, case = begun()
    for party in ("p-77", "s-3"):
        with pytest.raises(Refused, match="not_in_case"):
            world.engine.extract(case, party=party, actor=WORKER)
    with pytest.raises(BadInput, match="not_a_reference"):
        world.engine.extract(case, party="Alma Ek", actor=WORKER)


def test_where_nothing_is_laid_down_no_extract_is_made() -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(Refused, match="no_extracts"):
        world.engine.extract(case, party="p-1", actor=KURATOR)
    with pytest.raises(Refused, match="no_extracts"):
        world.engine.change(case, "omit", actor=KURATOR, key="k", form={}, reason="x")
    assert KURATOR.organisation == SCHOOL


# ---- on the record --------------------------------------------------------------------------------------------------


def test_the_export_is_noted_with_its_digest_before_it_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world, case = begun()
    made = world.engine.extract(case, party=PARTY, actor=WORKER, partial=True)
    *_, (_, row) = world.store.log(SOCIAL)
    said, validator = json.loads(row.body), jsonschema.Draft7Validator(SCHEMA)
    assert not list(validator.iter_errors(said))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    assert (said["type"], said["case"], said["of"], said["seen"]) == ("export", case, PARTY, made.digest)
    world.clock.turn(hours=1)
    assert world.engine.extract(case, party=PARTY, actor=WORKER, partial=True).digest == made.digest

    def fail(*_: object) -> None:
        raise OSError("no log")

    monkeypatch.setattr(world.store, "note", fail)
    with pytest.raises(OSError, match="no log"):
        world.engine.extract(case, party=PARTY, actor=WORKER, partial=True)


def test_a_refused_extract_is_noted_too() -> None:
    world, case = begun()
    with pytest.raises(Refused):
        world.engine.extract(case, party=PARTY, actor=WORKER)
    *_, (_, row) = world.store.log(SOCIAL)
    assert (json.loads(row.body)["trg"], json.loads(row.body)["why"]) == ("extract", ["undecided"])


@often(40)
@given(
    given_facts=st.sets(st.sampled_from(sorted(GIVEN))),
    decisions=st.lists(
        st.tuples(
            st.sampled_from(["cargo.note", "cargo.harbour", "cargo.told", "cargo.mate", "cargo.weather"]),
            st.sampled_from(["withheld", "withheld_silently", "disclosed"]),
            st.sampled_from([PARTY, OTHER_PARTY]),
        ),
        max_size=6,
    ),
    party=st.sampled_from([PARTY, OTHER_PARTY]),
)
def test_only_what_is_open_or_let_out_goes_out_whatever_was_decided(
    given_facts: set[str], decisions: list[tuple[str, str, str]], party: str
) -> None:
    world = World(toys(parts))
    case = world.ferry(WORKER, **{name: GIVEN[name] for name in given_facts | {"mate"}})
    latest: dict[str, str] = {}
    for fact, out, who in decisions:
        try:
            decide(world, case, fact, out, party=who)
        except Refused:
            continue
        if who == party:
            latest[fact] = out
    made = world.engine.extract(case, party=party, actor=WORKER, partial=True)
    closed = set(CLOSED) - ({"cargo.mate"} if party == OTHER_PARTY else set())
    closed |= {"cargo.told", "cargo.weather"} if party == OTHER_PARTY else set()
    for fact in (f"cargo.{name}" for name in given_facts | {"mate"}):
        out = latest.get(fact)
        assert (fact in facts(made)) is (out == "disclosed" if out is not None else fact not in closed), fact
    assert made.told is ("withheld" in latest.values())
    assert world.engine.replay(case, actor=WORKER).sound
