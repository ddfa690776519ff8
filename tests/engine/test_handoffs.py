"""Hand-offs between organisations: sent once, received once, answered, with only what was declared."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.ports import OutboxRow
from stegvis.engine.values import Head, Message
from stegvis.routines.errors import BadInput, NotFound, StegvisError

from .toys import ADVISOR, CENTRE, HEAD, INTAKE, KURATOR, LEADER, SCHOOL, SOCIAL, TEACHER, WORKER, Data, World, toys


def waiting(world: World, organisation: str) -> list[Message]:
    """What lies in an organisation's outbox, opened."""
    return [world.engine.files.message(organisation, row) for row in world.store.outbox(organisation)]


def records(world: World, organisation: str, case: str) -> list[Head]:
    return [cast("Head", orjson.loads(row.body)) for row in world.store.case_records(organisation, case)]


def told(world: World, **first: Any) -> str:
    """A lantern that has told the social services; the message waits."""
    case = world.lantern(**first)
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    world.take(case, "tell", KURATOR)
    return case


def sent(world: World) -> tuple[str, str]:
    """A ferry that has been sent, and the pier's case."""
    ferry = world.ferry(note="tung last")
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    return ferry, world.received(CENTRE)


# ---- report ---------------------------------------------------------------------------------------------------------


def test_a_report_is_received_when_it_arrives_with_only_what_was_declared() -> None:
    world = World()
    lantern = told(world, child=True)
    (message,) = waiting(world, SCHOOL)
    assert (message.kind, message.sender, message.receiver, message.basis) == ("report", SCHOOL, SOCIAL, "report_duty")
    assert dict(message.facts) == {"seen.account": "Vi såg lyktan.", "seen.need": "high"}
    world.clock.turn(minutes=7)
    watch = world.run(world.received(SOCIAL), INTAKE)
    assert watch.state == "received"
    assert watch.facts == {
        "seen.account": "Vi såg lyktan.",
        "seen.need": "high",
        "seen.channel": "digital",
        "seen.received": "2026-03-02T08:07:00.000000Z",
        "seen.protected": "unknown",
    }
    assert watch.person is None
    assert watch.origin is not None
    assert watch.origin[:3] == (message.id, "report", SCHOOL)
    run = world.run(lantern, KURATOR)
    assert run.facts["status.tell"] == "received"
    assert run.state == "told"


def test_both_logs_name_the_hand_off_and_its_basis() -> None:
    world = World()
    lantern = told(world)
    watch = world.received(SOCIAL)
    out, into = records(world, SCHOOL, lantern), records(world, SOCIAL, watch)
    assert "hof" in out[-2]
    assert "hof" in out[-1]
    assert "hof" in into[0]
    assert out[-2]["hof"]["id"] == into[0]["hof"]["id"] == out[-1]["hof"].get("about")
    assert (out[-2]["hof"]["dir"], into[0]["hof"]["dir"], out[-1]["hof"]["dir"]) == ("sent", "received", "answered")
    assert (out[-2]["hof"]["org"], into[0]["hof"]["org"]) == (SOCIAL, SCHOOL)
    assert out[-2].get("basis") == into[0].get("basis") == ["report_duty"]
    assert into[0]["actor"] == "clock"
    assert into[0].get("person") is None


@pytest.mark.parametrize(("said", "travels"), [(True, "yes"), (False, "no"), (None, "unknown")])
def test_protected_identity_always_travels(*, said: bool | None, travels: str) -> None:
    world = World()
    told(world, protected=said)
    (message,) = waiting(world, SCHOOL)
    assert message.protected_identity == travels
    assert world.run(world.received(SOCIAL), INTAKE).facts["seen.protected"] == travels


@pytest.mark.parametrize("flag", ["yes", "no", "unknown"])
def test_protected_identity_travels_as_it_was_chosen(flag: str) -> None:
    world = World()
    ferry = world.ferry(hidden=flag)
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    assert world.run(world.received(CENTRE), ADVISOR).facts["crate.hidden"] == flag


def test_nobody_has_to_have_the_right_to_receive_a_report_and_missing_answers_do_not_stop_it() -> None:
    def stricter(data: dict[str, Data]) -> None:
        data["watch"]["open"]["by"] = ["team_leader"]
        data["watch"]["forms"]["seen"]["fields"]["account"]["required"] = True
        del data["lantern"]["states"]["burning"]["transitions"]["tell"]["handoff"]["carries"]["seen.account"]

    world = World(toys(stricter))
    told(world)
    watch = world.run(world.received(SOCIAL), INTAKE)
    assert watch.state == "received"
    assert "seen.account" not in watch.facts


def test_what_cannot_be_read_is_left_out_and_named() -> None:
    def other(data: dict[str, Data]) -> None:
        data["watch"]["forms"]["seen"]["fields"]["need"]["of"] = {"red": {"sv": "Röd"}, "blue": {"sv": "Blå"}}
        data["watch"]["forms"]["seen"]["fields"]["account"]["longest"] = 5

    world = World(toys(other))
    told(world)
    watch = world.received(SOCIAL)
    assert not {"seen.need", "seen.account"} & set(world.run(watch, INTAKE).facts)
    (opening,) = records(world, SOCIAL, watch)
    assert opening.get("why") == ["not_a_choice:need", "too_long:account"]
    steps = world.engine.replay(watch, actor=INTAKE).steps
    assert [step.verdict for step in steps] == ["reproduced"]


# ---- however often --------------------------------------------------------------------------------------------------


def snapshot(world: World) -> list[tuple[str, str, object]]:
    return [
        (organisation, case, world.store.load(organisation, case))
        for organisation in (SCHOOL, SOCIAL, CENTRE)
        for case in world.store.cases(organisation)
    ]


@settings(deadline=None, max_examples=25)
@given(times=st.lists(st.integers(0, 3000), max_size=4))
def test_a_message_is_received_once_however_often_and_whenever_it_comes(times: list[int]) -> None:
    world = World()
    told(world)
    (message,) = waiting(world, SCHOOL)
    first = world.engine.receive(message)
    world.deliver()
    before = snapshot(world)
    for minutes in times:
        world.clock.turn(minutes=minutes)
        assert world.engine.receive(message) == first
        assert world.engine.deliver(SCHOOL) == 0
    assert snapshot(world) == before


class Fails(Exception):
    """The process dies here."""


def test_a_crash_between_receiving_and_crossing_out_delivers_again_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    told(world)

    def die(*_: object) -> None:
        raise Fails

    with monkeypatch.context() as dying:
        dying.setattr(world.store, "delivered", die)
        with pytest.raises(Fails):
            world.engine.deliver(SCHOOL)
    assert len(world.store.outbox(SCHOOL)) == 1
    before = snapshot(world)
    world.clock.turn(days=3)
    again = Engine(world.library, world.store, clock=world.clock)
    assert again.deliver(SCHOOL) == 1
    assert world.store.outbox(SCHOOL) == []
    assert snapshot(world) == before


def test_replies_come_once_too() -> None:
    world = World()
    ferry, pier = sent(world)
    world.take(pier, "accept", ADVISOR)
    (message,) = waiting(world, CENTRE)
    first = world.engine.receive(message)
    world.clock.turn(hours=1)
    assert world.engine.receive(message) == first
    assert [head.get("hof", {}).get("status") for head in records(world, SOCIAL, ferry)].count("accepted") == 1


def test_one_message_that_cannot_be_delivered_stops_no_other() -> None:
    heard: list[tuple[str, Mapping[str, object]]] = []

    def hear(name: str, said: Mapping[str, object]) -> None:
        heard.append((name, said))

    def closed(data: dict[str, Data]) -> None:
        data["watch"]["receives"] = None

    world = World(toys(closed))
    world.engine = Engine(world.library, world.store, clock=world.clock, tell=hear)
    told(world)
    ferry = world.ferry()
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    world.clock.turn(minutes=1)
    heard.clear()
    assert world.engine.deliver(SCHOOL) == 0
    assert world.engine.deliver(SOCIAL) == 1
    assert [name for name, _ in heard].count("handoff.undelivered") == 1
    (_, said), *_ = [one for one in heard if one[0] == "handoff.undelivered"]
    assert said["code"] == "not_receivable"
    assert len(world.store.outbox(SCHOOL)) == 1


def test_messages_of_one_instant_are_delivered_in_the_order_they_were_sent() -> None:
    world = World()
    lantern = told(world)
    world.take(lantern, "ask", KURATOR)
    kinds = [message.kind for message in waiting(world, SCHOOL)]
    assert kinds == ["report", "consultation"]
    world.deliver()
    assert world.store.outbox(SCHOOL) == []


# ---- consultation and reply -----------------------------------------------------------------------------------------


def test_a_consultation_goes_into_the_run_that_the_report_opened_and_its_answer_comes_back() -> None:
    world = World()
    lantern = told(world, child=True)
    watch = world.received(SOCIAL)
    world.take(lantern, "ask", KURATOR)
    (message,) = waiting(world, SCHOOL)
    assert (message.kind, dict(message.facts)) == ("consultation", {"handed.asked": True})
    world.deliver()
    assert list(world.store.cases(SOCIAL)) == [watch]
    assert world.run(watch, INTAKE).facts["handed.asked"] is True
    with pytest.raises(Refused, match="no_holder"):
        world.take(watch, "answer", INTAKE, form={"may": True})
    world.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    assert world.run(watch, INTAKE).holder == INTAKE.id
    world.take(watch, "answer", INTAKE, form={"may": True})
    assert "handed.said" not in world.run(lantern, KURATOR).facts
    with pytest.raises(Refused, match=r"reasons=(not_available|not_known)"):
        world.take(lantern, "finish", KURATOR)
    world.deliver()
    assert world.run(lantern, KURATOR).facts["handed.said"] is True
    world.take(lantern, "finish", KURATOR)
    assert world.state(lantern, KURATOR) == "out"


def test_a_consultation_never_holds_up_the_one_who_asks() -> None:
    world = World()
    lantern = told(world)
    world.take(lantern, "ask", KURATOR)
    assert world.state(lantern, KURATOR) == "told"
    assert world.run(lantern, KURATOR).due == {}


def test_an_answer_that_cannot_be_read_is_left_out_and_named() -> None:
    world = World()
    lantern = told(world)
    watch = world.received(SOCIAL)
    world.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    world.take(watch, "answer", INTAKE, form={"may": True})
    (message,) = waiting(world, SOCIAL)
    odd = message._replace(facts={"handed.said": "kanske", "handed.secret": 1, "look.wind": 3})
    world.engine.receive(odd)
    facts = world.run(lantern, KURATOR).facts
    assert "handed.said" not in facts
    assert "handed.secret" not in facts
    assert facts["look.wind"] == 3
    *_, last = records(world, SCHOOL, lantern)
    assert last.get("why") == ["not_boolean:said", "unknown_field:?"]


@pytest.mark.parametrize("forger", [CENTRE, SCHOOL])
def test_only_whom_a_hand_off_went_to_may_answer_it(forger: str) -> None:
    world = World()
    lantern = told(world)
    watch = world.received(SOCIAL)
    world.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    world.take(watch, "answer", INTAKE, form={"may": True})
    (message,) = waiting(world, SOCIAL)
    before = world.case(lantern, KURATOR)
    with pytest.raises(BadInput, match="not_a_party"):
        world.engine.receive(message._replace(id="0" * 32, sender=forger))
    assert world.case(lantern, KURATOR) == before
    world.deliver()
    assert world.run(lantern, KURATOR).facts["handed.said"] is True


def test_only_whom_a_hand_off_came_from_may_ask_about_it() -> None:
    world = World()
    lantern = told(world)
    watch = world.received(SOCIAL)
    world.take(lantern, "ask", KURATOR)
    (message,) = waiting(world, SCHOOL)
    before = world.case(watch, INTAKE)
    with pytest.raises(BadInput, match="not_a_party"):
        world.engine.receive(message._replace(id="0" * 32, sender=CENTRE))
    assert world.case(watch, INTAKE) == before


# ---- referral and transfer ------------------------------------------------------------------------------------------


def kind(of: str) -> Callable[[dict[str, Data]], None]:
    def edit(data: dict[str, Data]) -> None:
        data["ferry"]["states"]["light"]["transitions"]["send"]["handoff"]["kind"] = of
        data["pier"]["receives"]["kind"] = of

    return edit


@pytest.mark.parametrize("of", ["report", "consultation", "referral", "transfer"])
def test_each_kind_opens_the_receivers_routine_and_says_which_it_is(of: str) -> None:
    world = World(toys(kind(of)))
    _, pier = sent(world)
    run = world.run(pier, ADVISOR)
    assert run.origin is not None
    assert run.origin.kind == of
    assert run.facts == {"crate.tons": 5, "crate.label": "tung last", "crate.hidden": "yes"}


def test_a_kind_that_the_routine_does_not_receive_stays_in_the_outbox() -> None:
    def edit(data: dict[str, Data]) -> None:
        data["ferry"]["states"]["light"]["transitions"]["send"]["handoff"]["kind"] = "transfer"

    world = World(toys(edit))
    ferry = world.ferry()
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    with pytest.raises(BadInput, match="not_receivable"):
        world.engine.receive(waiting(world, SOCIAL)[0])
    assert world.engine.deliver(SOCIAL) == 0
    assert list(world.store.cases(CENTRE)) == []


@pytest.mark.parametrize(
    ("steps", "status", "then"),
    [
        (["accept"], "accepted", "go_on"),
        (["accept", "finish"], "done", "go_on"),
        (["refuse"], "rejected", "try_again"),
    ],
)
def test_a_referral_waits_for_its_answer_and_goes_on_by_it(steps: list[str], status: str, then: str) -> None:
    world = World()
    ferry, pier = sent(world)
    assert world.run(ferry, WORKER).facts["status.send"] == "received"
    for early in ("go_on", "try_again"):
        with pytest.raises(Refused, match="reasons=guard"):
            world.take(ferry, early, WORKER)
    for step in steps:
        world.take(pier, step, ADVISOR)
    world.deliver()
    run = world.run(ferry, WORKER)
    assert run.facts["status.send"] == status
    assert [one.status for one in run.sent.values()] == [status]
    world.take(ferry, then, WORKER)
    assert {step.verdict for step in world.engine.replay(ferry, actor=WORKER).steps} == {"reproduced"}
    assert {step.verdict for step in world.engine.replay(pier, actor=ADVISOR).steps} == {"reproduced"}


def test_a_referral_that_was_taken_back_is_so_at_both_ends_whatever_is_answered_later() -> None:
    world = World()
    ferry, pier = sent(world)
    world.take(ferry, "take_back", WORKER)
    assert [one.status for one in world.run(ferry, WORKER).sent.values()] == ["revoked"]
    world.deliver()
    assert world.run(pier, ADVISOR).facts["status.open"] == "revoked"
    world.take(pier, "accept", ADVISOR)
    world.deliver()
    run = world.run(ferry, WORKER)
    assert [one.status for one in run.sent.values()] == ["revoked"]
    assert run.facts["status.send"] == "revoked"


def test_a_new_referral_after_a_no_has_a_status_of_its_own() -> None:
    world = World()
    ferry, pier = sent(world)
    world.take(pier, "refuse", ADVISOR)
    world.deliver()
    world.take(ferry, "try_again", WORKER)
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    assert world.run(ferry, WORKER).facts["status.send"] == "sent"
    with pytest.raises(Refused, match="reasons=guard"):
        world.take(ferry, "try_again", WORKER)
    assert sorted(one.status for one in world.run(ferry, WORKER).sent.values()) == ["rejected", "sent"]


# ---- two runs that mirror each other --------------------------------------------------------------------------------


def mirrored(data: dict[str, Data]) -> None:
    """The ferry tells the pier on, after it has sent."""
    tell = {
        "title": {"sv": "Säg mer", "en": "Tell more"},
        "by": ["social_worker"],
        "in": ["moored", "light", "sent"],
        "form": "storm",
        "reply": {"basis": "report_duty", "status": "done", "about": ["send"], "carries": {"seen": "storm.seen"}},
        "to": "here",
    }
    data["ferry"]["shared"]["tell_on"] = tell
    data["pier"]["handed"] = {"seen": {"type": "text", "title": {"sv": "Det som syntes", "en": "What was seen"}}}


def test_whoever_handed_over_tells_on_to_the_run_that_it_opened_and_the_status_stays_at_home() -> None:
    world = World(toys(mirrored))
    ferry, pier = sent(world)
    world.take(pier, "accept", ADVISOR)
    world.deliver()
    world.take(ferry, "tell_on", WORKER, form={"seen": "dimma"})
    (message,) = waiting(world, SOCIAL)
    assert (message.kind, message.receiver, message.status) == ("reply", CENTRE, None)
    assert dict(message.facts) == {"handed.seen": "dimma"}
    assert message.about in world.run(ferry, WORKER).sent
    world.deliver()
    run = world.run(pier, ADVISOR)
    assert run.facts["handed.seen"] == "dimma"
    assert "status.open" not in run.facts
    assert [one.status for one in world.run(ferry, WORKER).sent.values()] == ["accepted"]
    assert {step.verdict for step in world.engine.replay(ferry, actor=WORKER).steps} == {"reproduced"}
    assert {step.verdict for step in world.engine.replay(pier, actor=ADVISOR).steps} == {"reproduced"}


def test_before_anything_is_handed_over_there_is_nobody_to_tell() -> None:
    world = World(toys(mirrored))
    ferry = world.ferry()
    world.take(ferry, "tell_on", WORKER, form={"seen": "dimma"})
    assert waiting(world, SOCIAL) == []


@pytest.mark.parametrize("closed", ["refuse", "take_back"])
def test_whoever_turned_it_down_or_had_it_taken_back_hears_no_more(closed: str) -> None:
    world = World(toys(mirrored))
    ferry, pier = sent(world)
    world.take(*((pier, "refuse", ADVISOR) if closed == "refuse" else (ferry, "take_back", WORKER)))
    world.deliver()
    world.take(ferry, "tell_on", WORKER, form={"seen": "dimma"})
    assert waiting(world, SOCIAL) == []
    assert "handed.seen" not in world.run(pier, ADVISOR).facts


# ---- what does not fit ----------------------------------------------------------------------------------------------


def test_an_answer_to_what_was_never_sent_is_not_taken_in() -> None:
    world = World()
    sent(world)
    stray = Message("0" * 32, "reply", CENTRE, SOCIAL, "report_duty", "x", "unknown", None, "f" * 32, "accepted", {})
    with pytest.raises(NotFound, match="unknown_handoff"):
        world.engine.receive(stray)


def test_a_hand_off_to_a_kind_of_organisation_that_is_not_there_is_refused_and_changes_nothing() -> None:
    def edit(data: dict[str, Data]) -> None:
        data["ferry"]["states"]["light"]["transitions"]["send"]["handoff"]["to"] = "moon"

    world = World(toys(edit))
    ferry = world.ferry()
    world.loaded(ferry)
    version = world.case(ferry, WORKER).version
    with pytest.raises(NotFound, match="unknown_receiver"):
        world.take(ferry, "send", WORKER)
    assert world.case(ferry, WORKER).version == version
    assert world.store.outbox(SOCIAL) == []


def test_nothing_of_a_message_stands_open_in_the_outbox() -> None:
    world = World()
    told(world, account="Alma Ek bor på Storgatan")
    (row,) = world.store.outbox(SCHOOL)
    for word in ("Alma", "Storgatan", "high"):
        assert word.encode() not in b"|".join(part if isinstance(part, bytes) else part.encode() for part in cells(row))


def cells(row: OutboxRow) -> Iterator[str | bytes]:
    yield from row


def test_those_who_may_not_send_do_not_send() -> None:
    world = World()
    lantern = world.lantern()
    world.take(lantern, "look", KURATOR, form={"flame": "high", "wind": 3})
    with pytest.raises(StegvisError, match="reasons=role"):
        world.take(lantern, "tell", HEAD)
    assert world.store.outbox(SCHOOL) == []
    world.take(lantern, "tell", TEACHER)
    assert len(world.store.outbox(SCHOOL)) == 1
