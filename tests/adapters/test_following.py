"""Following a case over text: nothing typed is lost, nothing is guessed, nobody overwrites anybody."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.cli.answering import KEYS, Begun, Key, Questioner, Said
from stegvis.adapters.cli.dialogue import Dialogue
from stegvis.adapters.cli.voice import Voice
from stegvis.engine.answers import Refused
from stegvis.engine.values import Reason
from stegvis.routines.errors import NotFound
from stegvis.routines.form import Field
from stegvis.routines.library import shipped
from stegvis.routines.text import Lang, Text

from .talks import COLLEAGUE, COUNSELLOR, TEACHER, Room, Script, hold, lanterns, reading

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LOOK: Mapping[str, Sequence[str]] = {"flame": ["1"], "wind": ["3"]}
"""Answers with which the invented step can be taken."""


def number_of(room: Room, case: str, step: str) -> str:
    names = [one.trigger for one in room.engine.guide(case, actor=COUNSELLOR).actions if one.open]
    return str(names.index(step) + 1)


# Start to end


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_a_step_is_filled_in_checked_and_taken(lang: Lang) -> None:
    room = Room()
    case = room.lantern()
    heard = hold(room.dialogue(case, lang=lang).talk(), Script(room, case, COUNSELLOR, ["look"], LOOK))
    after = room.engine.case(case, actor=COUNSELLOR)
    (run,) = after.runs.values()
    assert (run.state, run.facts["look.flame"], run.facts["look.wind"]) == ("burning", "high", 3)
    assert heard.about[0] == "choice"
    assert "smoke" not in heard.about, "it is asked only when the flame is low"
    assert ("Klart: Se efter." if lang == "sv" else "Done: Look.") in heard.text


def test_a_question_that_depends_on_another_comes_when_that_is_answered_and_goes_with_it() -> None:
    room = Room()
    case = room.lantern()
    script = Script(
        room,
        case,
        COUNSELLOR,
        ["look"],
        {"flame": ["2", "1"], "wind": ["3"], "smoke": ["svart", ""], "check": ["1", "ja"]},
    )
    heard = hold(room.dialogue(case).talk(), script)
    (run,) = room.engine.case(case, actor=COUNSELLOR).runs.values()
    assert "smoke" in heard.about
    assert "look.smoke" not in run.facts
    assert run.state == "burning"


def test_what_is_not_understood_at_the_check_says_what_can_be_written_there() -> None:
    room = Room()
    case = room.lantern()
    script = Script(room, case, COUNSELLOR, ["look"], {**LOOK, "check": ["kanske", "99", "ja"]})
    heard = hold(room.dialogue(case).talk(), script)
    assert heard.text.count("Skriv ja, ett nummer mellan 0 och 5, eller en av bokstäverna.") == 2
    (run,) = room.engine.case(case, actor=COUNSELLOR).runs.values()
    assert run.state == "burning"


def test_what_happens_next_is_said_before_the_choice_and_closed_ones_say_every_reason() -> None:
    room = Room()
    case = room.lantern()
    first = next(room.dialogue(case, TEACHER).talk())
    text = "\n".join(first.lines)
    assert "Inte nu:" in text
    action = next(one for one in room.engine.guide(case, actor=TEACHER).actions if not one.open)
    for reason in action.reasons:
        assert reason.text("sv") in text
        assert reason.remedy("sv") in text
    assert "Det här händer sedan" in text
    assert "[" not in text, "names of steps are for commands"


def test_who_may_not_see_the_case_is_told_nothing() -> None:
    room = Room()
    case = room.lantern()
    stranger = TEACHER.__class__("s-1", roles={"social_worker"}, unit="barn", organisation="socialtjanst")
    with pytest.raises(Refused):
        next(room.dialogue(case, stranger).talk())


@pytest.mark.parametrize("key", ["?", "l", "r", "v", "h"])
def test_a_key_answers_and_the_question_is_asked_again(key: str) -> None:
    room = Room()
    case = room.lantern()
    number = number_of(room, case, "look")
    after = [""] if key == "v" else []
    heard = hold(room.dialogue(case).talk(), reading(key, *after, number, key, "1"))
    assert [one for one in heard.about if one != "reveal"] == ["choice", "choice", "flame", "flame", "wind"]


@pytest.mark.parametrize("asked", [False, True])
def test_a_hidden_answer_is_shown_only_when_asked_for_and_that_is_logged_first(asked: bool) -> None:
    room = Room()
    case = room.lantern()
    heard = hold(room.dialogue(case).talk(), reading("v", "1" if asked else "", "", "q"))
    assert heard.about == ["choice", "reveal", "reveal", "choice"] if asked else ["choice", "reveal", "choice"]
    assert ("Vi såg lyktan." in heard.text) is asked
    assert heard.lines[0] == "SKYDDADE PERSONUPPGIFTER: INTE KÄNT. Behandla som skyddade."
    logged = [row.body for row in room.engine.store.looks("skola", case)]
    assert any(b'"fld":["first.account"]' in body for body in logged) is asked


def test_back_asks_the_question_before_and_then_leaves_the_step() -> None:
    room = Room()
    case = room.lantern()
    number = number_of(room, case, "look")
    heard = hold(room.dialogue(case).talk(), reading(number, "1", "b", "b"))
    assert heard.about == ["choice", "flame", "wind", "flame", "choice"]


def test_a_refusal_says_why_and_keeps_the_answers() -> None:
    room = Room()
    case = room.lantern()
    script = Script(room, case, COUNSELLOR, ["look"], {"flame": ["1"], "wind": ["40", "5"], "check": ["ja", "2", "ja"]})
    heard = hold(room.dialogue(case).talk(), script)
    assert "Det blåser för mycket." in heard.text
    assert room.engine.case(case, actor=COUNSELLOR).version == 2


def test_later_entry_takes_both_clocks() -> None:
    room = Room()
    case = room.lantern()
    room.clock.jump(hours=5)
    script = Script(
        room, case, COUNSELLOR, ["look", "h"], {**LOOK, "check": ["0", "ja"], "happened": ["i dag kl. 12.30"]}
    )
    heard = hold(room.dialogue(case).talk(), script)
    (taken,) = [one for one in room.engine.following.way(case, actor=COUNSELLOR) if one.version == 2]
    assert taken.happened == "2026-03-02T11:30:00.000000Z"
    assert taken.recorded > taken.happened
    assert "kl. 12.30" in heard.text
    assert "Infört i dag" in heard.text


def test_a_case_is_opened_by_what_cannot_wait_and_followed() -> None:
    room = Room(shipped())
    dialogue = Dialogue(room.engine, TEACHER, lang="sv", keys=room.key)
    heard = hold(
        dialogue.opening("suspicion", person="p-1"), reading("?", "nej", "2", "0", "i dag kl. 08.30", "ja", "q")
    )
    assert heard.about == ["danger", "danger", "arose", "check", "happened", "check", "choice"]
    case = room.engine.case(dialogue.case, actor=TEACHER)
    (run,) = case.runs.values()
    assert (run.state, run.person, run.opened) == ("noticed", "p-1", "2026-03-02T07:30:00.000000Z")


@pytest.mark.parametrize("written", [["q"], ["nej", "q"], ["nej", "b"], ["nej"]])
def test_nothing_is_opened_before_it_is_said(written: list[str]) -> None:
    room = Room(shipped())
    dialogue = Dialogue(room.engine, TEACHER, lang="sv", keys=room.key)
    hold(dialogue.opening("suspicion"), reading(*written))
    assert dialogue.lost("something") is None
    assert list(room.engine.store.cases("skola")) == []


# Nothing typed is lost


lines = st.lists(
    st.one_of(
        st.sampled_from([*sorted(KEYS), "1", "2", "3", "ja", "nej", "", "vet inte", "kasta", "0"]), st.text(max_size=12)
    ),
    max_size=25,
)


@given(written=lines, typed=st.text(max_size=12))
@settings(deadline=None, max_examples=30)
def test_whatever_is_written_the_talk_goes_on_and_the_log_stays_whole(written: list[str], typed: str) -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    heard = hold(dialogue.talk(), reading(*written))
    if heard.about and len(heard.about) == len(written) + 1:
        dialogue.lost(typed)
    assert room.engine.verify("skola") == []
    assert room.engine.replay(case, actor=COUNSELLOR).sound


texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=2, max_size=30)


@given(story=st.lists(texts, min_size=1, max_size=4), typed=texts)
@settings(deadline=None, max_examples=20)
def test_a_line_that_was_being_written_is_in_the_draft(story: list[str], typed: str) -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    number = number_of(room, case, "note")
    heard = hold(dialogue.talk(), reading(number, *story))
    if heard.about[-1] != "line":
        return  # the text was one of the words for "do not know"
    assert dialogue.lost(typed) is not None
    assert room.draft(case, "note") == {"line": "\n".join([*(one.strip() for one in story), typed])}


@given(answers=st.lists(st.sampled_from(["1", "2", "3", "7", "vet inte", ""]), max_size=8))
@settings(deadline=None, max_examples=20)
def test_an_answer_is_a_draft_as_soon_as_it_is_given_and_taken_up_again(answers: list[str]) -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    number = number_of(room, case, "look")
    heard = hold(dialogue.talk(), reading(number, *answers))
    begun = dict(dialogue._begun.form)  # pyright: ignore[reportPrivateUsage] - what must not be lost
    if not begun or "check" in heard.about or heard.about[-1] == "choice":
        return
    assert room.draft(case, "look") == begun
    again = room.dialogue(case)
    next(talk := again.talk())
    talk.send(number)
    said = talk.send("ja")
    assert said.about == heard.about[-1]


def test_a_half_answer_of_another_kind_is_kept_and_asked_again() -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    number = number_of(room, case, "look")
    hold(dialogue.talk(), reading(number, "1"))
    dialogue.lost("3 m")
    assert room.draft(case, "look") == {"flame": "high", "wind": "3 m"}
    heard = hold(room.dialogue(case).talk(), reading(number, "ja", "5"))
    assert "Påbörjat: 3 m" in heard.text
    assert heard.about[:3] == ["choice", "draft", "wind"]


def test_rows_that_were_begun_are_kept_and_gone_on_with() -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    number = number_of(room, case, "look")
    hold(dialogue.talk(), reading(number, "1", "2", "", "", "ja", "p-7", "ja"))
    dialogue.lost("p-")
    assert room.draft(case, "look") == {
        "flame": "high",
        "wind": 2,
        "lamp": None,
        "colours": None,
        "seen": [{"who": "p-7"}, {"who": "p-"}],
    }


def test_nothing_is_kept_when_nothing_was_written() -> None:
    room = Room()
    case = room.lantern()
    dialogue = room.dialogue(case)
    hold(dialogue.talk(), reading(number_of(room, case, "look")))
    assert dialogue.lost("") is None
    with pytest.raises(NotFound):
        room.draft(case, "look")


@pytest.mark.parametrize(("word", "left"), [("kasta", None), ("nej", {"flame": "high"})])
def test_a_draft_is_thrown_away_only_when_told_to(word: str, left: object) -> None:
    room = Room()
    case = room.lantern()
    number = number_of(room, case, "look")
    hold(room.dialogue(case).talk(), reading(number, "1"))
    hold(room.dialogue(case).talk(), reading(number, word))
    kept = room.engine.drafts.list(actor=COUNSELLOR, case=case)
    assert (room.draft(case, "look") if kept else None) == left


# Two people on one case


def test_who_was_faster_is_named_while_answering_and_the_answers_are_kept() -> None:
    room = Room()
    case = room.lantern()
    number = number_of(room, case, "look")
    mine = room.dialogue(case).talk()
    next(mine)
    assert mine.send(number).about == "flame"
    assert mine.send("1").about == "wind"
    room.clock.jump(minutes=3)
    hold(room.dialogue(case, COLLEAGUE).talk(), Script(room, case, COLLEAGUE, ["note"], {"line": ["En rad"]}))
    said = mine.send("4")
    text = "\n".join(said.lines)
    assert said.about == "choice"
    assert "NÅGON HANN FÖRE. u-4 ändrade ärendet i dag måndag 2 mars kl." in text
    assert room.draft(case, "look") == {"flame": "high", "wind": 4}
    assert mine.send(number).about == "draft"
    assert mine.send("ja").about == "lamp"


def test_who_was_faster_is_named_when_sending_and_the_answers_are_kept() -> None:
    room = Room()
    case = room.lantern()
    number = number_of(room, case, "note")
    mine = room.dialogue(case).talk()
    next(mine)
    for line in (number, "Min rad"):
        mine.send(line)
    assert mine.send("").about == "check"
    hold(room.dialogue(case, COLLEAGUE).talk(), Script(room, case, COLLEAGUE, ["look"], LOOK))
    said = mine.send("ja")
    assert "NÅGON HANN FÖRE. u-4" in "\n".join(said.lines)
    assert room.draft(case, "note") == {"line": "Min rad"}
    # Where the run stands now the step is there too: the answers can be sent after all.
    number = number_of(room, case, "note")
    assert [mine.send(line).about for line in (number, "ja", "ja")] == ["draft", "check", "choice"]


def test_a_step_that_fails_on_the_way_is_taken_once_when_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from stegvis.routines.errors import StoreError  # noqa: PLC0415

    room = Room()
    case = room.lantern()
    mine = room.dialogue(case).talk()
    next(mine)
    for line in (number_of(room, case, "note"), "Min rad"):
        mine.send(line)
    mine.send("")
    take = room.engine.take

    def failing(*arguments: object, **more: object) -> object:
        take(*arguments, **more)  # pyright: ignore[reportArgumentType] - as it was called
        raise StoreError("locked")

    with monkeypatch.context() as broken:
        broken.setattr(room.engine, "take", failing)
        assert mine.send("ja").about == "check"
    assert mine.send("ja").about == "choice"
    assert room.engine.case(case, actor=COUNSELLOR).version == 2


# One question


def field(**more: object) -> Field:
    return Field.model_validate({"title": Text(sv="Fråga", en="Question"), **more}, strict=False)


def nothing_wrong(_: str, value: object) -> Sequence[Reason]:
    return ()


def asked(one: Field, *answers: str, lang: Lang = "sv") -> object:
    voice = Voice(lanterns().words, lang, lambda: NOW, "u-1")
    talk = Questioner(voice, {"it": one}, nothing_wrong, Begun({})).ask("it", 1)
    said: Said = next(talk)
    try:
        for answer in answers:
            said = talk.send(answer)
    except StopIteration as end:
        return end.value
    return said


@given(day=st.dates(NOW.date() - timedelta(360), NOW.date() - timedelta(3)), right=st.booleans())
@settings(deadline=None)
def test_a_day_whose_year_was_not_said_is_confirmed_first(day: object, right: bool) -> None:
    words = lanterns().words
    text = f"{day:%d} {words[f'dates.month_{day:%m}'.replace('_0', '_')].sv.partition('|')[0]}"
    said = asked(field(type="date", past=True), text)
    assert isinstance(said, Said)
    assert said.about == "right"
    came = asked(field(type="date", past=True), text, "ja" if right else "nej")
    assert came == str(day) if right else isinstance(came, Said)


def test_a_day_that_was_said_whole_is_read_back_and_not_asked_about() -> None:
    assert asked(field(type="date"), "i går") == "2026-03-01"
    assert asked(field(type="date"), "2 mars 2026") == "2026-03-02"


@pytest.mark.parametrize(("lang", "word"), [("sv", "vet inte"), ("en", "do not know"), ("en", "VET INTE")])
@pytest.mark.parametrize("kind", ["text", "boolean", "number", "date", "instant", "person"])
def test_not_knowing_is_an_answer(lang: Lang, word: str, kind: str) -> None:
    assert asked(field(type=kind), word, lang=lang) is None


@pytest.mark.parametrize(
    ("one", "written", "value"),
    [
        (field(type="boolean"), "j", True),
        (field(type="boolean"), "No", False),
        (field(type="number"), "-4", -4),
        (field(type="choice", of={"a": {"sv": "Ett"}, "b": {"sv": "Två"}}), "två", "b"),
        (field(type="choice", multiple=True, of={"a": {"sv": "Ett"}, "b": {"sv": "Två"}}), "2, 1 2", ["b", "a"]),
        (field(type="actor"), "jag", "u-1"),
        (field(type="instant"), "nu", "2026-03-02T09:00:00+01:00"),
        (field(type="text", longest=100), "en rad", "en rad"),
        (field(type="text", required=False), "", None),
    ],
)
def test_answers_become_what_the_form_asks_for(one: Field, written: str, value: object) -> None:
    assert asked(one, written) == value


@pytest.mark.parametrize(
    ("one", "written"),
    [
        (field(type="boolean"), "kanske"),
        (field(type="number"), "tre"),
        (field(type="number"), "9" * 400),
        (field(type="choice", of={"a": {"sv": "Ett"}, "b": {"sv": "Två"}}), "3"),
        (field(type="choice", of={"a": {"sv": "Ett"}, "b": {"sv": "Två"}}), "0"),
        (field(type="choice", multiple=True, of={"a": {"sv": "Ett"}, "b": {"sv": "Två"}}), "1 5"),
        (field(type="date"), "3 maj"),
        (field(type="instant"), "i går"),
        (field(type="text"), ""),
    ],
)
def test_what_is_no_answer_is_asked_again_with_a_sentence(one: Field, written: str) -> None:
    said = asked(one, written)
    assert isinstance(said, Said)
    assert said.lines


def test_a_key_is_no_answer_in_any_question() -> None:
    for kind in ("text", "boolean", "number", "date", "instant", "person", "actor"):
        for key in KEYS:
            assert asked(field(type=kind), key) == Key(key)
