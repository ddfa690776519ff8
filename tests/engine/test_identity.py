"""Protected identity: one fact of the person, known to every view, and what could lead to the person is hidden."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Refused
from stegvis.engine.evolve import fold
from stegvis.engine.identity import HANDED, identity_of
from stegvis.engine.persons import UNKNOWN, Identity
from stegvis.engine.ports import OutboxRow, RecordRow
from stegvis.engine.replay import rejudge
from stegvis.engine.sealing import opened, unseal
from stegvis.engine.values import Actor, Event, Message
from stegvis.routines.errors import StegvisError, StoreError
from stegvis.routines.library import Library
from stegvis.routines.persons import LEVELS, Level, PersonsOrder

from .orders import ordered
from .toys import (
    HEAD,
    INTAKE,
    KURATOR,
    LEADER,
    SCHOOL,
    SOCIAL,
    TEACHER,
    Data,
    World,
    asked_whether,
    asking_toys,
    toys,
)

CHECK = {"level": "protected_registration", "checked": "2026-03-01", "source": "population_register"}
CLOCK = Actor("u-9", roles={"auditor"}, unit="granskning", organisation=SCHOOL)
levels = st.sampled_from(sorted(LEVELS))


def strict() -> Library:
    """The toys that ask, where few may be shown what could lead to a protected person."""
    library = asking_toys()
    order = library.orders["persons"]
    few = order.says.model_copy(update={"reveal": ("school_counsellor", "head_teacher")})
    return replace(library, orders={**library.orders, "persons": order._replace(says=few)})


def note(world: World, case: str, actor: Actor = KURATOR, **said: object) -> None:
    world.engine.change(case, "identity", actor=actor, key=world.key(), form={**CHECK, **said})


def known(world: World, case: str, actor: Actor = KURATOR) -> Identity:
    found = world.engine.case(case, actor=actor).identity
    assert found is not None
    return found


def refused(act: Callable[[], object]) -> set[tuple[str, str | None]]:
    with pytest.raises(Refused) as no:
        act()
    return {(one.code, one.about) for one in no.value.reasons}


# ---- the fact -------------------------------------------------------------------------------------------------------


def test_where_nobody_has_looked_the_person_is_protected() -> None:
    world = World(strict())
    case = world.lantern()
    assert known(world, case) == UNKNOWN
    assert known(world, case).protected
    assert world.engine.guide(case, actor=KURATOR).text("en").splitlines()[0] == (
        "PROTECTED IDENTITY: NOT KNOWN. Treat as protected."
    )


@pytest.mark.parametrize(("said", "level"), [(True, "stated"), (False, "none")])
def test_an_answer_in_a_form_is_what_is_known_until_somebody_looks_it_up(*, said: bool, level: str) -> None:
    world = World(strict())
    case = world.lantern(protected=said)
    assert known(world, case) == Identity(cast("Level", level), version=1)
    note(world, case)
    assert known(world, case) == Identity("protected_registration", "2026-03-01", "population_register", 2)


@given(level=levels)
@settings(deadline=None, max_examples=12)
def test_what_was_looked_up_stands_first_in_every_view(level: str) -> None:
    world = World(strict())
    case = world.lantern()
    note(world, case, level=level)
    guide = world.engine.guide(case, actor=TEACHER)
    assert next(iter(guide.json())) == "identity"
    assert guide.identity.level == level
    assert guide.identity.protected is (level != "none")
    for lang in ("sv", "en"):
        first = guide.text(lang).splitlines()[0]
        assert first == guide.identity.says(lang)
        assert "2026-03-01" in first
    assert "folkbokföringen" in guide.text("sv").splitlines()[0]
    assert world.engine.replay(case, actor=KURATOR).identity == guide.identity
    (row,) = world.engine.due(KURATOR)
    assert (row[0].level, row.case) == (level, case)
    assert world.engine.persons.contacts(case, actor=KURATOR).identity == guide.identity
    assert world.engine.persons.channel(case, "p-1", actor=KURATOR).identity == guide.identity


@given(before=levels, said=st.sampled_from([True, False, None]))
@settings(deadline=None, max_examples=30)
def test_a_later_answer_may_tell_of_protection_and_never_take_it_away(before: str, *, said: bool | None) -> None:
    world = World(strict())
    case = world.lantern(protected=False)
    note(world, case, level=before)
    world.engine.correct(case, {"first.protected": said}, reason="x", actor=KURATOR, key="k") if said is not None else 0
    raised = said is True and before in {"none", "unknown"}
    assert known(world, case).level == ("stated" if raised else before)


def test_one_doubtful_answer_in_the_file_is_enough_to_protect() -> None:
    world = World(strict())
    told = world.open("watch", INTAKE, {"channel": "phone", "received": "2026-03-02T07:00:00Z", "protected": "no"}).id
    assert known(world, told, INTAKE).level == "none"
    form = {"channel": "phone", "received": "2026-03-02T07:00:00Z", "protected": "unknown"}
    world.open("watch", INTAKE, form, case=told)
    assert known(world, told, INTAKE).level == "unknown"


def test_what_is_noted_has_a_level_a_day_and_a_source_and_is_noted_by_those_who_may() -> None:
    world = World(strict())
    case = world.lantern()

    def change(actor: Actor = KURATOR, /, **form: object) -> Callable[[], object]:
        return lambda: world.engine.change(case, "identity", actor=actor, key=world.key(), form=form)

    assert refused(change()) == {("missing", "level"), ("missing", "checked"), ("missing", "source")}
    assert refused(change(**{**CHECK, "level": "secret"})) == {("not_a_choice", "level")}
    assert refused(change(**{**CHECK, "checked": "2026-03-03"})) == {("future", "checked")}
    assert refused(change(**CHECK, name="x")) == {("unknown_field", "?")}
    assert refused(change(TEACHER, **CHECK)) == {("role", None)}
    assert world.case(case, KURATOR).version == 1


def test_nobody_notes_anything_where_the_organisation_has_not_decided_who_may() -> None:
    library = strict()
    silent = library.orders["persons"]._replace(says=PersonsOrder(format=1))
    world = World(replace(library, orders={**library.orders, "persons": silent}))
    case = world.lantern(account="ordet")
    assert refused(lambda: note(world, case)) == {("role", None)}
    assert ("no_reveal", None) in refused(lambda: world.engine.guide(case, actor=KURATOR, reveal=["first.account"]))


def test_what_is_noted_is_an_event_that_is_sealed_and_folds_and_replays() -> None:
    world = World(strict())
    case = world.lantern()
    note(world, case)
    note(world, case, level="fictitious_identity", checked="2026-03-02", source="document")
    rows = list(world.store.case_records(SCHOOL, case))
    assert not any(level.encode() in row.body for row in rows for level in LEVELS - {"none", "unknown"})
    keys, log = world.engine.keys, "kommun.example/skola"
    whole = fold(opened(row, keys, log, case) for row in rows)
    assert whole == world.case(case, KURATOR)
    assert whole is not None
    assert whole.identity == Identity("fictitious_identity", "2026-03-02", "document", 3)
    blind = fold(unseal(row.body, None) for row in rows)
    assert blind is not None
    assert blind.identity == Identity("unknown", version=3), "what can no longer be read is not known"
    assert world.engine.replay(case, actor=KURATOR).sound
    assert [one.verdict for one in world.engine.replay(case, actor=KURATOR).steps] == ["reproduced"] * 3
    fresh = World(strict(), store=world.store)
    fresh.clock.now = world.clock.now + timedelta(hours=1)
    assert known(fresh, case) == whole.identity
    assert world.engine.verify(SCHOOL) == []


def test_rules_that_are_no_longer_there_tell_nothing() -> None:
    world = World(strict())
    case = world.case(world.lantern(protected=False), KURATOR)
    assert identity_of(world.library, case).level == "none"
    assert identity_of(toys(), case) == UNKNOWN


# ---- across the border ----------------------------------------------------------------------------------------------


def burning(world: World, **first: Any) -> str:
    case = world.lantern(**first)
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    return case


def waits(world: World, organisation: str) -> list[Message]:
    rows: list[OutboxRow] = world.store.outbox(organisation)
    return [world.engine.files.message(organisation, row) for row in rows]


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_the_flag_travels_as_the_file_knows_it_with_every_kind_of_message(level: str) -> None:
    world = World(strict())
    case = burning(world)
    note(world, case, level=level)
    flag = {"none": "no", "unknown": "unknown"}.get(level, "yes")
    world.take(case, "tell", KURATOR)
    assert [one.protected_identity for one in waits(world, SCHOOL)] == [flag]
    watch = world.received(SOCIAL)
    assert known(world, watch, INTAKE).flag == flag
    world.take(case, "ask", KURATOR)
    assert [(one.kind, one.protected_identity) for one in waits(world, SCHOOL)] == [("consultation", flag)]
    assert waits(world, SOCIAL) == []


def test_a_receipt_and_a_reply_carry_the_flag_and_the_sender_learns_of_it() -> None:
    world = World(strict())
    case = burning(world, protected=False)
    world.take(case, "tell", KURATOR)
    world.engine.deliver(SCHOOL)
    (receipt,) = waits(world, SOCIAL)
    assert (receipt.kind, receipt.protected_identity) == ("reply", "no")
    world.engine.deliver(SOCIAL)
    watch = next(iter(world.store.cases(SOCIAL)))
    note(world, watch, LEADER)
    world.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    world.take(watch, "answer", INTAKE, form={"may": True})
    (reply,) = waits(world, SOCIAL)
    assert (reply.kind, reply.protected_identity) == ("reply", "yes")
    assert known(world, case).level == "none"
    world.engine.deliver(SOCIAL)
    assert known(world, case).level == "stated"
    assert world.engine.replay(case, actor=KURATOR).sound
    assert "first.account" not in next(iter(world.engine.case(case, actor=KURATOR).runs.values())).facts


def asked_again(world: World, watch: str, flag: str) -> None:
    """The school asks about its report, and says what it knows."""
    (run,) = world.case(watch, INTAKE).runs.values()
    assert run.origin is not None
    question = Message(
        id=world.entropy(16).hex(),
        kind="consultation",
        sender=SCHOOL,
        receiver=SOCIAL,
        basis="report_duty",
        at="2026-03-02T08:00:00Z",
        protected_identity=flag,
        routine=None,
        about=run.origin.id,
        status=None,
        facts={},
    )
    world.engine.receive(question)


@given(before=levels, flags=st.lists(st.sampled_from(["yes", "no", "unknown"]), max_size=3))
@settings(deadline=None, max_examples=20)
def test_what_arrives_after_a_look_up_raises_and_never_lowers(before: str, flags: list[str]) -> None:
    world = World(strict())
    case = burning(world, protected=True)
    world.take(case, "tell", KURATOR)
    watch = world.received(SOCIAL)
    asked_again(world, watch, "yes")
    note(world, watch, LEADER, level=before)
    for flag in flags:
        asked_again(world, watch, flag)
    raised = "yes" in flags and before in {"none", "unknown"}
    assert known(world, watch, INTAKE).level == ("stated" if raised else before)
    # The school's own log has none of these questions, which are made here: judged by the receiver's log alone.
    rows = world.store.case_records(SOCIAL, watch)
    log = [world.engine.files.event(row, SOCIAL, watch) for row in rows]
    assert {verdict for verdict, _ in rejudge(world.engine.files.library_then, log)} == {"reproduced", "attested"}


def test_where_a_routine_does_not_say_whose_answer_it_is_what_was_looked_up_still_travels() -> None:
    world = World()
    case = burning(world, protected=False)
    note(world, case)
    world.take(case, "tell", KURATOR)
    assert [one.protected_identity for one in waits(world, SCHOOL)] == ["yes"]


def test_an_answer_that_an_earlier_version_raised_is_judged_as_it_was() -> None:
    """It kept the flag in the routine's own answer alone."""
    world = World()
    case = burning(world)
    world.take(case, "tell", KURATOR)
    watch = world.received(SOCIAL)
    asked_again(world, watch, "yes")
    log, keys = "kommun.example/socialtjanst", world.engine.keys
    events = [opened(row, keys, log, watch) for row in world.store.case_records(SOCIAL, watch)]
    assert (events[-1].body or {}).get("facts") == {"seen.protected": "yes", HANDED: "yes"}
    for facts, verdict in (({"seen.protected": "yes"}, "attested"), ({"seen.protected": "no"}, "divergent")):
        earlier = [*events[:-1], Event(events[-1].head, {"facts": facts})]
        assert list(rejudge(world.engine.files.library_then, earlier))[-1][0] == verdict


def test_what_is_asked_about_somebody_else_says_nothing_of_this_person() -> None:
    def another(data: dict[str, Data]) -> None:
        fields = data["lantern"]["forms"]["first"]["fields"]
        fields["other"] = {**fields["protected"]}
        data["lantern"]["states"]["burning"]["transitions"]["tell"]["handoff"]["protected_identity"] = "first.other"

    world = World(toys(asked_whether, another))
    case = burning(world, protected=True, other=False)
    world.take(case, "tell", KURATOR)
    assert [one.protected_identity for one in waits(world, SCHOOL)] == ["no"]


# ---- what is hidden -------------------------------------------------------------------------------------------------

SECRETS = ("Kvarngatan 3", "Lindskolan", "070-174 06 05")
secret = st.sampled_from(SECRETS)


def views(world: World, case: str, actor: Actor) -> str:
    """Everything that can be seen of a case without asking for what is hidden."""
    engine = world.engine
    attempts: list[Callable[[], object]] = [
        lambda: [engine.guide(case, actor=actor).text("sv"), engine.guide(case, actor=actor).text("en")],
        lambda: engine.guide(case, actor=actor).json(),
        lambda: engine.case(case, actor=actor),
        lambda: [engine.explain(case, step, actor=actor) for step in ("look", "put_out", "note", "tell")],
        lambda: engine.explain(case, "look", actor=actor, form={"flame": "low"}),
        lambda: engine.due(actor),
        lambda: engine.replay(case, actor=actor),
        lambda: [engine.persons.contacts(case, actor=actor).json(), engine.persons.contacts(case, actor=actor).text()],
        lambda: [engine.persons.channel(case, "p-1", actor=actor).json()],
        lambda: engine.persons.channel(case, "p-1", actor=actor).text("sv"),
        lambda: engine.guide(case, actor=actor, reveal=["first.nothing", "first.account"]).text(),
        lambda: engine.take(case, "look", actor=actor, key=world.key(), form={"flame": "x"}),
    ]
    said: list[str] = []
    for attempt in attempts:
        try:
            said.append(repr(attempt()))
        except StegvisError as error:
            said += [str(error), repr(error.args), repr(getattr(error, "reasons", ()))]
    said += [row.body.decode() for _, row in world.store.log(SCHOOL)]
    return "\n".join(said)


@given(
    level=levels,
    actor=st.sampled_from([KURATOR, TEACHER, HEAD, CLOCK]),
    word=secret,
    proposed=st.booleans(),
    list_=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_no_word_that_could_lead_to_a_protected_person_is_seen_unasked(
    level: str, actor: Actor, word: str, *, proposed: bool, list_: bool
) -> None:
    def more(data: dict[str, Data]) -> None:
        fields = data["lantern"]["forms"]["first"]["fields"]
        rows = {
            "where": {"type": "text", "title": {"sv": "Var"}},
            "count": {"type": "number", "title": {"sv": "Antal"}},
        }
        fields["places"] = {"type": "list", "title": {"sv": "Platser"}, "required": False, "rows": rows}
        fields["district"] = {
            "type": "choice",
            "title": {"sv": "Stadsdel"},
            "required": False,
            "locates": True,
            "of": {"north": {"sv": "Norra Kvarnen"}, "south": {"sv": "Södra Kvarnen"}},
        }

    world = World(toys(asked_whether, more))
    form: dict[str, Any] = {"district": "north"}
    if list_:
        form["places"] = [{"where": word, "count": 1}]
    case = world.lantern(account=word, **form)
    world.take(case, "note", KURATOR, form={"line": word})
    note(world, case, level=level)
    way = {"kind": "phone", "where": word, "hours": word}
    channel = {"person": "p-1", "ways": [way], "code_word": word, "why": word}
    channel |= {"voicemail": False, "letters": False, "messages": False}
    world.engine.change(case, "channel", actor=KURATOR, key=world.key(), form=channel)
    world.engine.correct(case, {"first.account": f"{word}!"}, reason=word, actor=KURATOR, key=world.key())
    if proposed:
        world.take(case, "put_out", KURATOR, form={"why": word})
    seen = views(world, case, actor)
    if level != "none":
        assert word not in seen
        assert "Norra Kvarnen" not in seen
        assert "north" not in seen
    elif actor in {KURATOR, TEACHER}:
        assert word in seen, "nothing is hidden of somebody who is not protected"


def test_a_list_is_shown_without_the_columns_that_could_lead_there() -> None:
    def more(data: dict[str, Data]) -> None:
        rows = {
            "where": {"type": "text", "title": {"sv": "Var"}},
            "count": {"type": "number", "title": {"sv": "Antal"}},
        }
        fields = data["lantern"]["forms"]["first"]["fields"]
        fields["places"] = {"type": "list", "title": {"sv": "Platser"}, "rows": rows}

    world = World(toys(asked_whether, more))
    case = world.lantern(places=[{"where": SECRETS[0], "count": 2}])
    (run,) = world.engine.case(case, actor=KURATOR).runs.values()
    assert run.facts["first.places"] == [{"count": 2}]
    (run,) = world.engine.case(case, actor=KURATOR, reveal=["first.places"]).runs.values()
    assert run.facts["first.places"] == [{"where": SECRETS[0], "count": 2}]


def test_a_hidden_answer_is_named_so_that_it_can_be_asked_for() -> None:
    world = World(strict())
    case = world.lantern(account=SECRETS[0], born="2011-05-05")
    guide = world.engine.guide(case, actor=KURATOR)
    views = {one.fact: one for one in guide.facts}
    assert views["first.account"].hidden
    assert views["first.account"].value("sv") == "dolt"
    assert not views["first.born"].hidden
    assert "  - Vad hände: dolt [first.account]" in guide.text("sv").splitlines()
    assert "loggas innan" in guide.text("sv")


def test_an_answer_that_is_declared_harmless_is_shown() -> None:
    world = World(
        toys(asked_whether, lambda data: data["lantern"]["forms"]["first"]["fields"]["account"].update(locates=False))
    )
    case = world.lantern(account="Bara ord")
    assert "Bara ord" in world.engine.guide(case, actor=KURATOR).text("sv")


def test_a_birthday_that_could_lead_there_is_not_told() -> None:
    world = World(
        toys(asked_whether, lambda data: data["lantern"]["forms"]["first"]["fields"]["born"].update(locates=True))
    )
    case = world.lantern(born="2011-05-05")
    assert "2026-05-05" not in world.engine.guide(case, actor=KURATOR).text("sv")
    assert "2026-05-05" in world.engine.guide(case, actor=KURATOR, reveal=["first.born"]).text("sv")


# ---- what is asked for ----------------------------------------------------------------------------------------------


def noted(world: World) -> list[dict[str, Any]]:
    return [orjson.loads(row.body) for _, row in world.store.log(SCHOOL) if row.cseq is None]


@pytest.mark.parametrize("ask", ["guide", "case"])
def test_what_is_asked_for_by_name_is_shown_and_noted_by_name(ask: str) -> None:
    world = World(strict())
    case = world.lantern(account=SECRETS[0])
    note(world, case)
    world.take(case, "note", KURATOR, form={"line": SECRETS[1]})
    shown = repr(getattr(world.engine, ask)(case, actor=KURATOR, reveal=["first.account"]))
    assert SECRETS[0] in shown
    assert SECRETS[1] not in shown
    last = noted(world)[-1]
    assert (last["type"], last["case"], last["fld"]) == ("read", case, ["first.account"])
    assert SECRETS[0] not in repr(world.engine.guide(case, actor=KURATOR))
    assert "fld" not in noted(world)[-1]


def test_who_may_not_be_shown_it_is_refused_with_who_may_and_learns_nothing() -> None:
    world = World(strict())
    case = world.lantern(account=SECRETS[0])
    assert refused(lambda: world.engine.guide(case, actor=TEACHER, reveal=["first.account"])) == {("no_reveal", None)}
    # the head teacher may reveal, and may not read that answer: the same as one that does not exist
    there = refused(lambda: world.engine.guide(case, actor=HEAD, reveal=["first.account"]))
    nowhere = refused(lambda: world.engine.case(case, actor=HEAD, reveal=["first.secret"]))
    assert there == nowhere == {("no_such_answer", None)}
    last = noted(world)[-1]
    assert (last["type"], last["trg"], last["why"]) == ("transition.denied", "reveal", ["no_such_answer"])
    assert refused(lambda: world.engine.persons.channel(case, "p-1", actor=TEACHER, reveal=True)) == {
        ("no_reveal", None)
    }


class Mute(MemoryStore):
    """A store whose access stream cannot be written."""

    mute = False

    def note(self, organisation: str, rows: Any) -> None:
        if self.mute:
            raise StoreError("io")
        super().note(organisation, rows)


def test_what_cannot_be_noted_is_not_shown() -> None:
    store = Mute()
    world = World(strict(), store=store)
    case = world.lantern(account=SECRETS[0])
    store.mute = True
    for look in (
        lambda: world.engine.guide(case, actor=KURATOR, reveal=["first.account"]),
        lambda: world.engine.case(case, actor=KURATOR, reveal=["first.account"]),
        lambda: world.engine.persons.channel(case, "p-1", actor=KURATOR, reveal=True),
        lambda: world.engine.persons.channel(case, "p-1", actor=KURATOR),
        lambda: world.engine.persons.contacts(case, actor=KURATOR),
    ):
        with pytest.raises(StoreError):
            look()


# ---- a safe channel -------------------------------------------------------------------------------------------------

WAY = {"kind": "phone", "where": SECRETS[2], "hours": "vardagar 9-11"}
CHANNEL: dict[str, object] = {
    "person": "p-1",
    "ways": [WAY],
    "code_word": "blåklocka",
    "voicemail": False,
    "letters": False,
    "messages": False,
}


def reach(world: World, case: str, actor: Actor = KURATOR, **said: object) -> None:
    world.engine.change(case, "channel", actor=actor, key=world.key(), form={**CHANNEL, **said})


def lines(world: World, case: str, actor: Actor = KURATOR, *, reveal: bool = True, person: str = "p-1") -> list[str]:
    return world.engine.persons.channel(case, person, actor=actor, reveal=reveal).text("sv").splitlines()


def test_where_nothing_is_set_nothing_is_allowed() -> None:
    world = World(strict())
    case = world.lantern()
    for person in ("p-1", "p-77"):
        shown = world.engine.persons.channel(case, person, actor=KURATOR)
        assert not any([shown.known, shown.usable, shown.voicemail, shown.letters, shown.messages])
        assert lines(world, case, person=person)[2:] == [
            "KONTAKTA INTE. Ingen väg är satt.",
            "INGET på telefonsvarare.",
            "INGA brev.",
            "INGET sms, ingen mejl, ingen digital post.",
        ]


def test_a_channel_is_read_from_top_to_bottom_by_somebody_about_to_call() -> None:
    world = World(strict())
    case = world.lantern()
    reach(world, case, why="Mamma läser posten")
    assert lines(world, case) == [
        "SKYDDADE PERSONUPPGIFTER: INTE KÄNT. Behandla som skyddade.",
        "Säker kontaktväg: p-1",
        "Ring: 070-174 06 05 · tider: vardagar 9-11",
        "Kodord: blåklocka",
        "INGET på telefonsvarare.",
        "INGA brev.",
        "INGET sms, ingen mejl, ingen digital post.",
        "Svarar någon annan: säg att du har ringt fel, lägg på och stäng vägen.",
        "Personen sa: Mamma läser posten",
        "Satt 2026-03-02 09:00 av u-1.",
    ]
    hidden = lines(world, case, reveal=False)
    assert "Nummer, tider och kodord är dolda. Be om dem. Det loggas innan de visas." in hidden
    assert not [line for line in hidden if SECRETS[2] in line or "blåklocka" in line or "Mamma" in line]
    assert noted(world)[-2]["fld"] == ["channel"]
    assert "fld" not in noted(world)[-1]


def test_a_channel_that_is_closed_shows_no_number_and_allows_nothing() -> None:
    world = World(strict())
    case = world.lantern()
    reach(world, case)
    reach(world, case, ways=[], letters=True, why="Vårdnadshavaren svarade")
    shown = world.engine.persons.channel(case, "p-1", actor=KURATOR, reveal=True)
    assert (shown.known, shown.usable, shown.letters, shown.ways, shown.code_word) == (True, False, False, (), None)
    assert "KONTAKTA INTE. Vägen är stängd." in lines(world, case)
    assert "INGA brev." in lines(world, case)
    assert world.case(case, KURATOR).version == 3, "the earlier one still stands in the log"


def test_a_channel_is_shown_whole_only_to_those_with_the_right_also_of_somebody_unprotected() -> None:
    world = World(strict())
    case = world.lantern()
    note(world, case, level="none")
    reach(world, case)
    assert SECRETS[2] in " ".join(lines(world, case, KURATOR, reveal=False))
    assert SECRETS[2] not in " ".join(lines(world, case, TEACHER, reveal=False))


def test_a_channel_is_checked_as_it_is_set_and_set_by_those_who_may() -> None:
    world = World(strict())
    case = world.lantern()
    assert refused(lambda: reach(world, case, TEACHER)) == {("role", None)}
    assert refused(lambda: reach(world, case, person="Alma Ek")) == {("not_a_reference", "person")}
    assert refused(lambda: reach(world, case, ways=[{"kind": "phone", "where": "x"}])) == {("missing", "ways[0].hours")}
    whole: dict[str, object] = {"person": "p-1", "ways": []}
    asked = refused(lambda: world.engine.change(case, "channel", actor=KURATOR, key="k-x", form=whole))
    assert asked == {("missing", name) for name in ("voicemail", "letters", "messages")}


def test_a_channel_is_sealed_and_folds_and_is_closed_when_it_can_no_longer_be_read() -> None:
    world = World(strict())
    case = world.lantern()
    reach(world, case)
    rows: list[RecordRow] = list(world.store.case_records(SCHOOL, case))
    events = [opened(row, world.engine.keys, "kommun.example/skola", case) for row in rows]
    assert fold(events) == world.case(case, KURATOR)
    assert world.engine.replay(case, actor=KURATOR).sound
    blind = fold([*events, Event(events[-1].head, None)])
    assert blind is not None
    assert blind.channels == {}
    fresh = World(strict(), store=world.store)
    fresh.clock.now = world.clock.now + timedelta(hours=1)
    assert lines(fresh, case) == lines(world, case)


def test_a_step_that_reaches_the_person_says_whether_there_is_a_safe_way() -> None:
    world = World(
        toys(lambda data: data["lantern"]["states"]["lit"]["transitions"]["look"].update(reaches_person=True))
    )
    case = world.lantern()

    def says(step: str) -> str | None:
        (action,) = [one for one in world.engine.guide(case, actor=KURATOR).actions if one.trigger == step]
        return action.channel("sv") if action.channel is not None else None

    assert says("note") is None
    assert (says("look") or "").startswith("Ingen säker kontaktväg: ring inte")
    reach(world, case, person="p-2")
    assert (says("look") or "").startswith("Ingen säker kontaktväg")
    reach(world, case)
    assert (says("look") or "").startswith("Läs den säkra kontaktvägen")
    assert (says("look") or "?") in world.engine.guide(case, actor=KURATOR).text("sv").replace("     ", "")


# ---- lists, drafts and opened glass ---------------------------------------------------------------------------------


def test_somebody_elses_draft_hides_what_the_guide_would_hide() -> None:
    def more(data: dict[str, Data]) -> None:
        fields = data["lantern"]["forms"]["look"]["fields"]
        rows = {"where": {"type": "text", "title": {"sv": "Var"}}}
        fields["places"] = {"type": "list", "title": {"sv": "Platser"}, "required": False, "rows": rows}

    world = World(toys(more))
    case = world.lantern()
    begun = {"flame": "low", "smoke": SECRETS[0], "places": [{"where": SECRETS[1]}]}
    world.engine.draft(case, "look", begun, actor=KURATOR)
    assert world.engine.drafts.show(case, "look", actor=KURATOR).form == begun
    assert world.engine.drafts.show(case, "look", actor=TEACHER, of=KURATOR.id).form == {"flame": "low"}
    note(world, case, level="none")
    assert world.engine.drafts.show(case, "look", actor=TEACHER, of=KURATOR.id).form == begun


def test_who_has_looked_and_the_sample_say_of_each_case_whether_it_is_protected() -> None:
    world = World(strict())
    one, other = world.lantern(), world.lantern()
    note(world, one)
    world.engine.guide(other, actor=KURATOR)
    looks = [*world.engine.who(one, actor=KURATOR), *world.engine.sample(actor=KURATOR).looks]
    seen = {look.case: look.identity.level for look in looks if look.identity is not None}
    assert seen[one] == "protected_registration"
    assert seen.get(other, "unknown") == "unknown"
    assert all((look.identity is None) is (look.case is None) for look in looks)


def test_the_reason_for_opened_glass_is_hidden_until_it_is_asked_for() -> None:
    world = World(ordered(asking_toys()))
    seen = {"channel": "phone", "received": "2026-03-02T07:00:00Z"}
    case = world.open("watch", INTAKE, seen).id
    far = Actor("s-9", roles={"social_worker"}, unit="vuxen", organisation=SOCIAL)
    boss = Actor("s-8", roles={"unit_manager"}, unit=INTAKE.unit, organisation=SOCIAL)
    world.engine.change(case, "break_glass", actor=far, key=world.key(), reason=SECRETS[0])
    (hidden,) = world.engine.openings(actor=boss)
    assert (hidden.why, hidden.hidden, hidden.identity.level) == (None, True, "unknown")
    (shown,) = world.engine.openings(actor=boss, reveal=True)
    assert (shown.why, shown.hidden) == (SECRETS[0], False)
    noted = [orjson.loads(row.body) for _, row in world.store.log(SOCIAL) if row.cseq is None]
    assert [one["fld"] for one in noted if "fld" in one] == [["opening.reason"]]
    note(world, case, LEADER, level="none")
    assert [one.why for one in world.engine.openings(actor=boss)] == [SECRETS[0]]


# ---- what is no step ------------------------------------------------------------------------------------------------


def test_a_word_that_names_no_step_is_not_repeated_in_the_log() -> None:
    world = World(strict())
    case, word = world.lantern(), "Mumtaz-Ekbacken"
    engine = world.engine
    attempts: list[Callable[[], object]] = [
        lambda: world.take(case, word, KURATOR),
        lambda: world.take("0" * 32, word, KURATOR),
        lambda: world.take("0" * 32, "look", KURATOR),
        lambda: engine.draft(case, word, {}, actor=KURATOR),
        lambda: engine.drafts.show(case, word, actor=KURATOR),
    ]
    for attempt in attempts:
        with pytest.raises(StegvisError):
            attempt()
    noted = [orjson.loads(row.body) for _, row in world.store.log(SCHOOL) if row.cseq is None]
    assert [one["trg"] for one in noted] == ["?", "?", "look", "?", "?"]
