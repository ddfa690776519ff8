"""Scenarios: played on both stores, every wrong expectation found at its place, every malformed file told."""

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import cast

import orjson
import pytest
from jsonschema import Draft7Validator

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.scenario_coverage import Coverage
from stegvis.adapters.scenarios import REFERENCE, WHOLE_WAY, Played, play, play_reference
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor
from stegvis.routines.findings import BadDefinition, Finding, catalogue, say, what_to_do
from stegvis.routines.library import SHIPPED, Library, load, shipped
from stegvis.routines.reader import read, read_file
from stegvis.routines.scenario import schema

from .scenario_mutations import mutants

HERE = Path(__file__).parent
TOY = HERE / "scenarios" / "lantern.yaml"
STORIES = sorted((SHIPPED / "scenarios").glob("*.yaml"))
DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two invented routines alone, so that a change of the shipped ones cannot reach these tests."""
    base = tmp_path_factory.mktemp("toy") / "definitions"
    shutil.copytree(SHIPPED, base, ignore=shutil.ignore_patterns("routines", "scenarios", "access.yaml", "__pycache__"))
    (base / "routines").mkdir()
    for name in ("lantern.yaml", "watch.yaml"):
        shutil.copy(HERE.parent / "engine" / "toy" / "routines" / name, base / "routines")
    return load(base=base)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqlStore(tmp_path / "cases.db", synchronous="NORMAL")
    yield made
    made.close()


def told(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.file}:{one.mark.line}:{one.mark.column} {one.rule} {dict(one.details)}" for one in findings]


def clean(played: Played) -> None:
    assert told(played.failures) == []


def test_the_story_that_uses_every_kind_of_step_holds(toy: Library, store: Store) -> None:
    clean(play(TOY, toy, store))


@pytest.mark.deep
@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_every_shipped_story_holds(path: Path) -> None:
    clean(play(path, shipped(), MemoryStore()))


def test_all_stories_hold_in_one_file_with_sound_logs_and_leave_nothing_enforced_out(tmp_path: Path) -> None:
    store, covered = SqlStore(tmp_path / "cases.db", synchronous="NORMAL"), Coverage()
    played = [play(path, shipped(), store, coverage=covered) for path in STORIES]
    assert [told(one.failures) for one in played] == [[]] * len(STORIES)
    engine = Engine(shipped(), store)
    assert [fault for name in shipped().organisations.organisations for fault in engine.verify(name)] == []
    for place in (place for one in played for place in one.cases.values()):
        auditor = Actor("auditor", roles={"auditor"}, unit="granskning", organisation=place.organisation)
        assert engine.replay(place.id, actor=auditor).sound
    store.close()
    assert [one for one in covered.missed(shipped()) if one.kind in {"never", "deadline", "refusal"}] == []


def test_a_story_can_be_played_twice_in_the_same_store(toy: Library, store: Store) -> None:
    clean(play(TOY, toy, store))
    clean(play(TOY, toy, store))


def wrong(path: Path, library: Library) -> int:
    tried = 0
    for mutant in mutants(read_file(path, path.name), library):
        seen = play(mutant.document, library, MemoryStore()).failures
        marks = [(one, mutant.document.key_mark(one)) for one in mutant.paths]
        assert [(one.path, one.mark) for one in seen] == sorted(marks, key=lambda one: one[1]), told(seen)
        tried += len(marks)
    return tried


def test_every_wrong_expectation_is_found_at_its_line(toy: Library) -> None:
    assert wrong(TOY, toy) > 60


@pytest.mark.deep
@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_every_wrong_expectation_of_a_shipped_story_is_found_at_its_line(path: Path) -> None:
    assert wrong(path, shipped())


def test_a_wrong_expectation_is_told_in_words_without_what_people_wrote(toy: Library) -> None:
    text = TOY.read_text("utf-8").replace("state: lit\n      version: 1", "state: out\n      version: 2")
    seen = play(read(text.encode(), "a.yaml"), toy, MemoryStore()).failures
    words = catalogue(read_file(SHIPPED / "texts" / "findings.yaml").data)
    place = text[: text.index("state: out\n      version")].count("\n") + 1
    assert [(one.mark.line, say(one, words, "en")) for one in seen] == [
        (place, "The story expects out for state, but it became lit."),
        (place + 1, "The story expects 2 for version, but it became 1."),
    ]
    assert all("Storm" not in say(one, words, lang) for one in seen for lang in ("sv", "en"))


# What is printed


def lines(library: Library, path: Path, lang: str) -> str:
    printed: list[str] = []
    play(path, library, MemoryStore(), lang="en" if lang == "en" else "sv", show=printed.append)
    return "\n".join(printed)


def test_the_story_is_told_with_guides_refusals_and_remedies(toy: Library) -> None:
    swedish, english = lines(toy, TOY, "sv"), lines(toy, TOY, "en")
    for said in (
        "lördag 2026-03-28 23:50",
        "Du får inte:",
        "Vänta tills vinden lagt sig.",
        "Kuratorn väljer: Säg till",
    ):
        assert said in swedish
    for said in (
        "Saturday 2026-03-28 23:50",
        "You must not:",
        "Wait for the wind to fall.",
        "The counsellor chooses: Tell",
    ):
        assert said in english
    assert "{" not in swedish + english
    assert "DOES NOT HOLD" not in english


def test_what_a_reader_has_seen_is_counted_and_what_must_not_be_done_is_always_shown(toy: Library) -> None:
    english = lines(toy, TOY, "en")
    assert english.count("Do not ring home.") >= 3
    assert re.search(r"⋮ \d+ more, as before", english)
    assert english.count("Light the lantern") <= 1
    assert english.count("the rest of the guide is not shown here") >= 1


def test_a_told_story_is_the_same_each_time(toy: Library) -> None:
    assert lines(toy, TOY, "sv") == lines(toy, TOY, "sv")


def test_what_does_not_hold_is_told_where_it_happens(toy: Library) -> None:
    printed: list[str] = []
    text = TOY.read_text("utf-8").replace("state: lit\n      version: 1", "state: out\n      version: 1")
    play(read(text.encode(), "a.yaml"), toy, MemoryStore(), lang="en", show=printed.append)
    place = text[: text.index("state: out\n      version")].count("\n") + 1
    missed = [line.strip() for line in printed if "DOES NOT HOLD" in line]
    assert missed == [f"✗✗ DOES NOT HOLD: a.yaml:{place}: state, out / lit"]


# What is refused before anything is played


def findings(text: str, library: Library) -> list[tuple[str, int, int]]:
    with pytest.raises(BadDefinition) as caught:
        play(read(text.encode(), "a.yaml"), library, MemoryStore())
    words = catalogue(read_file(SHIPPED / "texts" / "findings.yaml").data)
    for one in caught.value.findings:
        for lang in ("sv", "en"):
            assert "{" not in say(one, words, lang) + what_to_do(one, words, lang)
    return [(one.rule, one.mark.line, one.mark.column) for one in caught.value.findings]


def marked(text: str) -> tuple[str, int, int]:
    """The text without its mark, and where the mark stood."""
    before, _, after = text.partition("§")
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


# § stands where the fault must be found.
BROKEN = [
    ("scenario-value", "format: 1\n", "format: §2\n"),
    ("scenario-key", "tells:", "§tales: {sv: Saga}\ntells:"),
    ("scenario-missing", "format: 1\n", "§format: 1\n", "tells:", "# tells:"),
    ("scenario-offset", '"2026-03-28T23:50+01:00"', '§"2026-03-28T23:50+02:00"'),
    ("scenario-unknown-role", "[head_teacher]", "[§headmaster]"),
    ("scenario-unknown-organisation", "ledning, organisation: skola", "ledning, organisation: §skolan"),
    ("scenario-unknown-delegation", "ledning, organ", "ledning, delegations: [§all], organ"),
    ("scenario-unknown-routine", "    open: lantern", "    open: §lamp"),
    ("scenario-unknown-state", "state: lit\n      version", "state: §lost\n      version"),
    ("scenario-unknown-deadline", "fill_in: null", "§filled_in: null"),
    ("scenario-unknown-law", "law: protection_assessment", "law: §protection"),
    ("scenario-unknown-actor", "  - after: PT10M\n    who: rektor", "  - after: PT10M\n    who: §vikarie"),
    ("scenario-unknown-case", "look: true\n    case: lykta\n    then:\n", "look: true\n    case: §lampa\n    then:\n"),
    ("scenario-not-planted", "hides: [Storm över sjön]", "hides: [§Stiltje]"),
    ("scenario-unknown-fact", "not_sees: [first.account]", "not_sees: [§first.acount]"),
    ("scenario-unknown-step", "take: tell", "take: §tall"),
    (
        "scenario-unknown-change",
        "look: true\n    case: lykta\n    then:\n",
        "change: §rename\n    case: lykta\n    then:\n",
    ),
    ("scenario-clock-back", "- after: P1D", '- at: §"2026-03-28T23:50+01:00"'),
    ("scenario-no-case", "    then: {changed: 0}", "    §then: {changed: 0, version: 1}"),
    ("scenario-action", "- tick: skola\n    then", "- §tick: skola\n    deliver: skola\n    then"),
    ("scenario-action", "steps:\n", "steps:\n  - §skola\n"),
    ("scenario-value", '"2026-03-28T23:50+01:00"', '§"2026-02-30T23:50+01:00"'),
    ("scenario-value", "- after: P1D", '- §after: P1D\n    at: "2026-04-01T08:00+02:00"'),
    ("scenario-never-looked", "who: kurator\n    take: tell", "who: mottagare\n    last_look: §true\n    take: tell"),
]


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: "-".join(fault[2].split()))
def test_a_malformed_story_is_told_with_its_place(fault: tuple[str, ...], toy: Library) -> None:
    rule, *changes = fault
    text = TOY.read_text("utf-8")
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    text, line, column = marked(text)
    assert (rule, line, column) in findings(text, toy)


def test_every_rule_about_scenarios_is_tried() -> None:
    words = catalogue(read_file(SHIPPED / "texts" / "findings.yaml").data)
    assert {rule for rule in words if rule.startswith("scenario-")} == {fault[0] for fault in BROKEN}


# What is published


def test_the_published_schema_is_the_models() -> None:
    published = (SHIPPED / "schema" / "scenario.json").read_bytes()
    assert published == orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    Draft7Validator.check_schema(orjson.loads(published))


def test_the_schema_and_the_models_agree_on_every_story() -> None:
    validator = Draft7Validator(orjson.loads((SHIPPED / "schema" / "scenario.json").read_bytes()))
    for path in (TOY, *STORIES):
        assert [error.message for error in validator.iter_errors(read_file(path).data)] == []  # pyright: ignore[reportUnknownMemberType]


SHAPES = {"scenario-action", "scenario-key", "scenario-missing", "scenario-value"}


@pytest.mark.parametrize(
    "fault",
    [one for one in BROKEN if one[0] in SHAPES and "02-30" not in one[2]],
    ids=lambda fault: "-".join(fault[2].split()),
)
def test_the_schema_refuses_the_shapes_that_the_models_refuse(fault: tuple[str, ...]) -> None:
    text = TOY.read_text("utf-8")
    for old, new in zip(fault[1::2], fault[2::2], strict=True):
        text = text.replace(old, new, 1)
    validator = Draft7Validator(orjson.loads((SHIPPED / "schema" / "scenario.json").read_bytes()))
    assert not validator.is_valid(read(marked(text)[0].encode(), "a.yaml").data)  # pyright: ignore[reportUnknownMemberType]


def test_the_reference_story_teaches_by_refusals() -> None:
    printed: list[str] = []
    played = play_reference(shipped(), MemoryStore(), show=printed.append)
    clean(played)
    assert played.steps >= 20
    assert played.refusals >= 3
    assert {place.organisation for place in played.cases.values()} == {"skola", "socialtjanst"}
    assert {"2026-04-07", "Du får inte:"} <= set(re.findall(r"2026-04-07|Du får inte:", "\n".join(printed)))


def test_there_are_stories_enough_and_a_third_of_them_go_wrong() -> None:
    """A story goes wrong where somebody is refused, a deadline is late, or a limit in law lapses."""
    texts = {path.stem: path.read_text("utf-8") for path in STORIES}
    of_the_five = [
        name
        for name, text in texts.items()
        if re.search(r"open: (suspicion|report|investigation|threat_assessment|coordinated_plan|support)", text)
    ]
    wrong = [name for name, text in texts.items() if re.search(r"refused:|: late\b|lapsed|passed: true", text)]
    late = [name for name, text in texts.items() if re.search(r": late\b|passed: true", text)]
    assert len(of_the_five) >= 30
    assert len(wrong) * 3 >= len(texts)
    assert len(late) >= 3


def test_the_long_story_goes_from_the_school_over_social_services_and_the_region_and_back() -> None:
    text = WHOLE_WAY.read_text("utf-8")
    homes = dict(re.findall(r"^  (\w+):\n(?:    .*\n)*?    organisation: (\w+)", text, re.MULTILINE))
    acting = [homes[who] for who in re.findall(r"who: (\w+)", text)]
    way = [one for one, _ in groupby(acting)]
    assert way[0] == "skola"
    assert way.index("socialtjanst") < way.index("region") < len(way) - 1 - way[::-1].index("skola")
    assert "take: decide_police" in text


def sentences(value: object) -> Iterator[str]:
    """Every sentence that a story tells its reader."""
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        for key, inner in parts.items():
            if key in {"title", "tells", "says"} and isinstance(inner, dict):
                texts = cast("dict[str, str]", inner)
                assert set(texts) == {"sv", "en"}, texts
                yield from (one for text in texts.values() for one in re.split(r"(?<=[.!?]) ", text))
            elif key != "form":
                yield from sentences(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from sentences(inner)


def test_stories_are_told_in_short_sentences_in_both_languages() -> None:
    for path in STORIES:
        assert [one for one in sentences(read_file(path).data) if len(one.split()) > 25] == [], path.name


# What the page says


def examples(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(examples("yaml scenario"))))
def test_every_story_on_the_page_holds(number: int, toy: Library, store: Store) -> None:
    clean(play(read(examples("yaml scenario")[number].encode(), "scenarios.md"), toy, store))


def test_the_code_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = examples("python")
    monkeypatch.chdir(tmp_path)
    shutil.copy(REFERENCE, tmp_path / "my-story.yaml")
    exec(compile(code, "scenarios.md", "exec"), {})  # noqa: S102 - our own page


def test_the_page_names_every_key() -> None:
    page = DOCS.read_text("utf-8")
    keys = {key for one in schema()["definitions"].values() for key in one.get("properties", {})} | set(
        schema()["properties"]
    )
    assert [key for key in sorted(keys) if f"`{key}" not in page and f"{key}:" not in page] == []
