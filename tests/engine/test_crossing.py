"""What came from another organisation is held against what that one's own log says that it sent."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stegvis.engine.crossing import messages_in
from stegvis.engine.replay import SenderSaid, Verdict, rejudge
from stegvis.engine.values import Event, HandOffHead, Message

from .plays import Player
from .toys import ADVISOR, CENTRE, SOCIAL, WORKER, World

ATTESTED, REPRODUCED = ("attested", None), ("reproduced", None)
Change = Callable[[Event], None]


def events(world: World, organisation: str, case: str) -> list[Event]:
    """The case's events, as they may be changed by a forger."""
    rows = world.store.case_records(organisation, case)
    return [deepcopy(world.engine.files.event(row, organisation, case)) for row in rows]


def senders(world: World, change: Callable[[list[Event]], list[Event]] = lambda said: said) -> SenderSaid:
    """The logs of all organisations, as they are at hand; ``change`` does something to each case that is read."""

    def sent(hof: HandOffHead) -> list[Message] | None:
        row = world.store.sent(hof["org"], hof["id"])
        if row is None:
            return []
        read = change(events(world, hof["org"], row.case))
        found = messages_in(world.engine.files.library_then, read, hof, sent)
        return None if found is None else list(found)

    return sent


def judged(world: World, log: list[Event], sent: SenderSaid) -> list[tuple[Verdict, str | None]]:
    return list(rejudge(world.engine.files.library_then, log, sent))


def answered() -> tuple[World, str]:
    """A ferry whose hand-off was received, taken on and done; each time the centre said so."""
    world = World()
    ferry = world.ferry(note="tung last")
    world.loaded(ferry)
    world.take(ferry, "send", WORKER)
    pier = world.received(CENTRE)
    world.deliver()
    world.take(pier, "accept", ADVISOR)
    world.deliver()
    return world, ferry


def handed(event: Event) -> dict[str, str]:
    """The hand-off that a record names; empty where it names none."""
    return cast("dict[str, str]", event.head.get("hof", {}))


def came(log: list[Event]) -> list[int]:
    return [place for place, event in enumerate(log) if handed(event).get("dir") in {"received", "answered"}]


def test_an_answer_is_reproduced_where_the_senders_log_is_at_hand_and_attested_elsewhere() -> None:
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)
    places = came(log)
    assert len(places) == 2
    alone = list(rejudge(world.engine.files.library_then, log))
    assert [alone[place] for place in places] == [ATTESTED, ATTESTED]
    both = judged(world, log, senders(world))
    assert both == [REPRODUCED] * len(log)
    assert {step.verdict for step in world.engine.replay(ferry, actor=WORKER).steps} == {"reproduced"}


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_an_honest_log_is_reproduced_whatever_time_the_machine_took(seed: int) -> None:
    """Found by interleavings: when a hand-off arrived is noted before the step, and was taken for the step's time."""
    player = Player(seed)
    player.world.clock.step = timedelta(microseconds=7)
    player.play(35)
    for organisation, case in player.cases():
        log = events(player.world, organisation, case)
        assert judged(player.world, log, senders(player.world)) == [REPRODUCED] * len(log)


def test_a_no_that_is_made_a_yes_in_the_receivers_own_log_is_found() -> None:
    """The answer is written over whole, as somebody could who has every key; nothing in the one log is wrong."""
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)
    place = came(log)[-1]
    handed(log[place])["status"] = "rejected"
    cast("Any", log[place].body)["facts"]["status.send"] = "rejected"
    assert list(rejudge(world.engine.files.library_then, log))[place] == ATTESTED
    assert judged(world, log, senders(world))[place] == ("divergent", "not_as_sent")


def _another(name: str, value: str) -> Change:
    return lambda event: handed(event).update({name: value})


FORGERIES: dict[str, tuple[Change, str]] = {
    "another hand-off": (_another("id", "0" * 32), "not_sent"),
    "from somebody else": (_another("org", "moon"), "not_a_party"),
    "sent at another time": (_another("at", "2099-01-01T00:00:00.000000Z"), "not_as_sent"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_is_said_of_an_answer_is_what_was_sent(forgery: str) -> None:
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)
    place = came(log)[-1]
    change, kind = FORGERIES[forgery]
    change(log[place])
    assert judged(world, log, senders(world))[place] == ("divergent", kind)


def test_an_answer_that_its_sender_never_sent_is_found() -> None:
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)
    place = came(log)[-1]

    def without(said: list[Event]) -> list[Event]:
        return [event for event in said if handed(event).get("id") != handed(log[place])["id"]]

    assert judged(world, log, senders(world, without))[place] == ("divergent", "not_sent")


def test_what_its_sender_keeps_sealed_stays_attested() -> None:
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)

    def sealed(said: list[Event]) -> list[Event]:
        return [event._replace(body=None) for event in said]

    found = judged(world, log, senders(world, sealed))
    assert [found[place] for place in came(log)] == [ATTESTED, ATTESTED]


def test_a_step_that_its_sender_cannot_have_taken_sent_nothing() -> None:
    world, ferry = answered()
    log = events(world, SOCIAL, ferry)
    place = came(log)[-1]

    def lied(said: list[Event]) -> list[Event]:
        for event in said:
            event.head["role"] = "nobody"
        return said

    assert judged(world, log, senders(world, lied))[place] == ("divergent", "not_sent")


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_no_word_of_what_came_can_be_changed_where_the_senders_log_is_at_hand(seed: int, data: st.DataObject) -> None:
    player = Player(seed).play(35)
    world = player.world
    logs = [events(world, organisation, case) for organisation, case in player.cases()]
    arrivals = [(log, place) for log in logs for place in came(log)]
    assume(arrivals)
    log, place = data.draw(st.sampled_from(arrivals))
    assert judged(world, log, senders(world))[place] == REPRODUCED
    facts = cast("dict[str, object]", cast("Any", log[place].body)["facts"])
    # What the receiver's own rules set on arrival is not the sender's.
    given_facts = sorted(name for name, value in facts.items() if isinstance(value, (str, int)))
    assume(given_facts)
    name = data.draw(st.sampled_from(given_facts))
    value = facts[name]
    facts[name] = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    assert judged(world, log, senders(world))[place][0] == "divergent"
    facts.clear()
    assert judged(world, log, senders(world))[place][0] == "divergent"
