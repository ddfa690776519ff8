"""The testing kit for routines: it holds where routines hold, and it finds each of the faults planted here."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis import definitions
from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing import plain
from stegvis.adapters.testing.answers import PLANTED, Filled, Setting, limits_of, right_answers, wrong_answers
from stegvis.adapters.testing.clock import START, FakeClock, SeededEntropy
from stegvis.adapters.testing.people import people
from stegvis.adapters.testing.plain import PlainRun
from stegvis.adapters.testing.routine_machine import hold, routine_machine
from stegvis.adapters.testing.truth import Truths, text_of, with_derived
from stegvis.engine import clocks, decide, handoffs, judge, machine
from stegvis.engine.answers import Answer, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.instants import local_day
from stegvis.engine.values import Accepted, Actor, Decision, Denied
from stegvis.routines import condition
from stegvis.routines.facttypes import FactType
from stegvis.routines.form import Field, Questions
from stegvis.routines.library import SHIPPED, Library, assemble
from stegvis.routines.model import Property
from stegvis.routines.rules import Rules, compile_routine
from stegvis.routines.sources import Sources, builtin_of

TOY = Path(__file__).parents[1] / "engine" / "toy"
SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))


def invented() -> Library:
    """The invented routines with the shipped law, registers and texts, compiled anew."""
    sources = Sources([SHIPPED, TOY])
    documents = [sources.document(f"routines/{path.name}") for path in sorted((TOY / "routines").glob("*.yaml"))]
    builtin = builtin_of(sources)
    return assemble(sources, [compile_routine(cast("Any", document.data), builtin) for document in documents])


toy = lru_cache(maxsize=1)(invented)


# ---- it holds where routines hold


@pytest.mark.parametrize(
    ("routines", "opens"),
    [(("lantern", "watch"), ("lantern",)), (("ferry", "pier", "alarm"), ("ferry",))],
    ids=lambda names: names[0],
)
def test_the_invented_routines_hold(routines: tuple[str, ...], opens: tuple[str, ...]) -> None:
    hold(routine_machine(toy(), *routines, opens=opens), examples=12, steps=15)


@pytest.mark.deep
@pytest.mark.parametrize("routines", [("lantern", "watch"), ("ferry", "pier", "alarm")], ids=lambda names: names[0])
def test_the_invented_routines_hold_for_long(routines: tuple[str, ...]) -> None:
    machine = routine_machine(toy(), *routines, opens=routines[:1])
    hold(machine, examples=max(5, int(250 * SCALE)), steps=40, chance=SCALE >= 1)


@pytest.mark.deep
def test_every_step_of_the_lantern_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gets nowhere would find nothing."""
    taken: set[tuple[str, str]] = set()
    original = plain.move

    def move(run: PlainRun, attempt: plain.Attempt, *, happened: str, missing: bool) -> None:
        taken.add((run.state, attempt.way.trigger))
        original(run, attempt, happened=happened, missing=missing)

    monkeypatch.setattr(plain, "move", move)
    hold(routine_machine(toy(), "lantern", "watch", opens=("lantern",)), examples=80, steps=20)
    (rules,) = toy().versions["lantern"]
    steps = {(state, trigger) for state, moves in rules.moves.items() for trigger in moves if "." not in trigger}
    assert len(steps - taken) <= 2, steps - taken  # to finish takes four steps by others, and their answer


def test_a_review_of_a_step_that_waits_for_its_form_is_answered_whole() -> None:
    """Found by the machine: what may wait is the step's own form, not what the second person answers about it."""
    engine = Engine(toy(), MemoryStore(), clock=FakeClock(), entropy=SeededEntropy())
    worker = Actor("u-1", roles={"social_worker"}, unit="unit", organisation="socialtjanst")
    manager = Actor("u-2", roles={"unit_manager"}, unit="unit", organisation="socialtjanst")
    case = engine.open("alarm", actor=worker, form={}, key="k-1")
    half = {"agrees": True}
    with pytest.raises(Refused) as refused:
        engine.take(case.id, "open.review", actor=manager, form=half, key="k-2")
    assert [one.code for one in refused.value.reasons] == ["missing"]
    engine.take(case.id, "open.review", actor=manager, form={**half, "note": "Rätt."}, key="k-3")


# ---- it finds faults


def always(answer: object) -> Callable[..., Any]:
    """Something that answers the same whatever it is asked."""

    def said(*_: object, **__: object) -> object:
        return answer

    return said


def _guards_skipped(patch: pytest.MonkeyPatch) -> None:
    def guards(ask: object, rules: object, move: object, found: judge.Judgement, *_: object) -> None:
        for guard in cast("Any", move).guards:
            found.guards.append({"id": guard.guard.id, "ver": guard.version, "out": "true"})

    patch.setattr(judge, "_guards", guards)


def _the_doer_approves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(judge, "_second", always(None))


def _a_deadline_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "changes", always([]))


def _a_deadline_left_running(patch: pytest.MonkeyPatch) -> None:
    original = clocks.changes

    def changes(counting: clocks.Counting, move: Any, running: Any) -> list[Any]:
        return [one for one in original(counting, move, running) if "closed" not in one]

    patch.setattr(decide, "changes", changes)


def _in_decide(patch: pytest.MonkeyPatch, change: Callable[[Decision], Decision]) -> None:
    original = decide.decide

    def decided(*args: Any) -> Decision:
        return change(original(*args))

    for name, module in list(sys.modules.items()):
        if name.startswith("stegvis.engine.") and vars(module).get("decide") is original:
            patch.setattr(module, "decide", decided)


def _a_reason_forgotten(patch: pytest.MonkeyPatch) -> None:
    _in_decide(patch, lambda one: Denied(one.reasons[:1]) if isinstance(one, Denied) else one)


def _no_reason_at_all(patch: pytest.MonkeyPatch) -> None:
    _in_decide(patch, lambda one: Denied(()) if isinstance(one, Denied) else one)


def _no_remedy(patch: pytest.MonkeyPatch) -> None:
    def bare(one: Decision) -> Decision:
        if isinstance(one, Accepted):
            return one
        return Denied(tuple(r._replace(do=r.do.model_construct(sv="", en="")) for r in one.reasons))

    _in_decide(patch, bare)


def _unknown_taken_as_true(patch: pytest.MonkeyPatch) -> None:
    original = condition.compiled

    def compiled(node: Any) -> Callable[[Any], bool]:
        judge_ = original(node)
        return lambda facts: judge_(facts) is not False

    patch.setattr(condition, "compiled", compiled)


def _another_target(patch: pytest.MonkeyPatch) -> None:
    def fire(_: machine.Motor, state: str, *__: object) -> str:
        return state

    patch.setattr(machine.Motor, "fire", fire)


def _another_branch(patch: pytest.MonkeyPatch) -> None:
    original = judge._lead

    def lead(ask: Any, rules: Rules, move: Any, found: judge.Judgement) -> None:
        original(ask, rules, move, found)
        if found.target:
            found.branch = len(move.branches) - 1

    patch.setattr(judge, "_lead", lead)


def _explain_says_yes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "explain", always(Answer(allowed=True, reasons=())))


def _everything_refused(patch: pytest.MonkeyPatch) -> None:
    original = judge.judge

    def judged(ask: Any, rules: Rules, move: Any, run: Any) -> judge.Judgement:
        found = original(ask, rules, move, run)
        if run is not None and not found.reasons:
            found.reasons.append(judge.reason(ask.library, "nothing_owed", "not_yet"))
        return found

    patch.setattr(decide, "judge", judged)


def _an_answer_lost(patch: pytest.MonkeyPatch) -> None:
    original = judge._read

    def read(ask: Any, move: Any, run: Any, found: judge.Judgement) -> Any:
        problems = original(ask, move, run, found)
        found.given = {name: value for name, value in found.given.items() if name != "look.lamp"}
        return problems

    patch.setattr(judge, "_read", read)


def _in_note(patch: pytest.MonkeyPatch, change: Callable[[MemoryStore, str], bool]) -> None:
    """Do something else, or something more, when a refusal is noted."""
    original = MemoryStore.note

    def note(self: MemoryStore, organisation: str, rows: Any) -> None:
        if b"transition.denied" not in rows[0].body or change(self, organisation):
            original(self, organisation, rows)

    patch.setattr(MemoryStore, "note", note)


def _a_refusal_writes(patch: pytest.MonkeyPatch) -> None:
    def lose(store: MemoryStore, organisation: str) -> bool:
        for case in list(store.cases(organisation)):
            head = store.head(organisation, case)
            store.replace_deadlines(organisation, case, [], expected=head.version if head is not None else 0)
        return True

    _in_note(patch, lose)


def _a_refusal_unnoted(patch: pytest.MonkeyPatch) -> None:
    _in_note(patch, always(False))


def _a_secret_told(patch: pytest.MonkeyPatch) -> None:
    original = decide._head

    def head(kind: str, ask: Any, rules: Rules) -> Any:
        made = original(kind, ask, rules)
        made["why"] = [str(value) for value in ask.command.form.values()]
        return made

    patch.setattr(decide, "_head", head)


def _a_hand_off_half_empty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handoffs, "_carried", always({}))


FOUND: Mapping[Callable[[pytest.MonkeyPatch], None], str] = {
    _guards_skipped: "explain says|in spite of",
    _the_doer_approves: "explain says",
    _a_deadline_dropped: "deadlines that run",
    _a_deadline_left_running: "deadlines that run",
    _a_reason_forgotten: "a reason was forgotten",
    _no_reason_at_all: "without a reason|explain says",
    _no_remedy: "without a remedy",
    _unknown_taken_as_true: "explain says|in spite of|led elsewhere",
    _another_target: "the motor leads elsewhere",
    _another_branch: "led elsewhere",
    _explain_says_yes: "explain says|guide and explain disagree",
    _everything_refused: "explain says|nothing stands in the way",
    _an_answer_lost: "not what was answered",
    _a_refusal_writes: "a refused command changed|changed what is stored",
    _a_refusal_unnoted: "a refusal was not noted",
    _a_secret_told: "stands open in the log",
    _a_hand_off_half_empty: "not what was answered|did not bring",
}
"""Each planted fault, and what the machine says when it finds it."""


@pytest.mark.deep
@pytest.mark.parametrize("mutant", FOUND, ids=lambda mutant: mutant.__name__.strip("_"))
def test_a_planted_fault_is_found(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    library = invented()  # compiled with the fault, if it lies there
    monkeypatch.setattr(machine, "_motors", {})
    with pytest.raises(AssertionError, match=FOUND[mutant]):
        hold(routine_machine(library, "lantern", "watch", opens=("lantern",)), examples=200, steps=20, shrink=False)


# ---- what it is made of

VECTORS: Mapping[str, Any] = json.loads(
    files(definitions).joinpath("schema", "condition-vectors.json").read_text("utf-8")
)


def typed(raw: Mapping[str, Any]) -> dict[str, FactType]:
    return {
        name: FactType(
            kind=one["kind"],
            options=tuple(one.get("options", ())),
            rows=typed(one.get("rows", {})),
            multiple=one.get("multiple", False),
        )
        for name, one in raw.items()
    }


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['note']}: {case['condition']}"[:70])
def test_the_kits_own_reading_of_conditions_is_the_published_one(case: Mapping[str, Any]) -> None:
    found = Truths(typed(VECTORS["scope"])).of(case["condition"], case["facts"])
    assert {0: False, 1: None, 2: True}[found] is case["expect"]


def test_the_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    assert clock() == clock() == START
    assert clock.jump(days=1, minutes=2) == clock() == START + timedelta(days=1, minutes=2)
    with pytest.raises(ValueError, match="back"):
        clock.jump(seconds=-1)
    assert clock.set(START) == clock() == START
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(datetime(2026, 3, 2))  # noqa: DTZ001 - the fault looked for


def test_seeded_chance_is_the_same_twice_and_never_repeats_itself() -> None:
    first, second, other = SeededEntropy(7), SeededEntropy(7), SeededEntropy(8)
    drawn = [first(size) for size in (1, 16, 16, 33, 64)]
    assert drawn == [second(size) for size in (1, 16, 16, 33, 64)]
    assert [len(one) for one in drawn] == [1, 16, 16, 33, 64]
    assert drawn[1] != drawn[2]
    assert drawn != [other(size) for size in (1, 16, 16, 33, 64)]


def test_people_cover_every_role_power_and_lack() -> None:
    routines = [toy().versions[name][0].routine for name in ("lantern", "watch")]
    found = people(toy(), routines)
    assert len({actor.id for actor in found}) == len(found)
    by_role = {
        role: [one for one in found if list(one.roles) == [role]] for role in ("school_counsellor", "team_leader")
    }
    for actors in by_role.values():
        assert sum(bool(one.delegations) and one.qualified for one in actors) == 2
        assert any(not one.delegations for one in actors)
        assert any(not one.qualified for one in actors)
    assert any(not one.roles for one in found)
    assert {one.organisation for one in found} == {"skola", "socialtjanst", "resurscentrum"}


FIELDS: Mapping[str, Field] = {
    f"{form}.{name}": one
    for rules in (toy().versions[name][0] for name in ("lantern", "watch", "ferry"))
    for form, asked in rules.routine.forms.items()
    for name, one in asked.fields.items()
}


def _fields() -> dict[str, Field]:
    return {name.replace(".", "_"): one for name, one in FIELDS.items()}


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_right_answers_are_read_and_wrong_ones_are_not(data: st.DataObject) -> None:
    rules, now = toy().versions["ferry"][0], START
    setting = Setting(now, limits=limits_of(rules.routine))
    right = data.draw(right_answers(_fields(), setting))
    read, problems = Questions(_fields()).read(right, now=text_of(now), today=local_day(now).isoformat())
    assert not problems
    assert read == right
    assert all(one in right for one, field in _fields().items() if field.required)
    wrong: Filled = data.draw(wrong_answers(_fields(), right))
    assert wrong.wrong is not None
    read, problems = Questions(_fields()).read(wrong.form, now=text_of(now), today=local_day(now).isoformat())
    assert problems or any(one not in read for one, field in _fields().items() if field.required)


def test_answers_stand_at_the_limits_that_guards_care_about() -> None:
    rules = toy().versions["lantern"][0]
    setting = Setting(START, limits=limits_of(rules.routine))
    drawn: set[object] = set()

    @settings(max_examples=100, database=None, derandomize=True, deadline=None)
    @given(right_answers(rules.routine.forms["look"].fields, setting, "look"))
    def draw(answers: Mapping[str, object]) -> None:
        drawn.add(answers["wind"])

    draw()
    assert {9, 10, 11, 0, 60} <= drawn


def test_ages_are_counted_as_the_engine_counts_them() -> None:
    rules = toy().versions["lantern"][0]
    for born, on, band in (
        ("2014-03-03", "2026-03-02", "under_12"),
        ("2014-03-02", "2026-03-02", "12_14"),
        ("2008-02-29", "2026-02-28", "15_17"),
        ("2008-02-29", "2026-03-01", "18_20"),
        ("1990-01-01", "2026-03-01", "adult"),
    ):
        now = datetime.fromisoformat(on).replace(hour=12, tzinfo=UTC)
        facts = with_derived(rules.routine, dict(rules.scope), {"first.born": born}, now, {})
        assert facts["age"] == band


@pytest.mark.deep
def test_the_examples_on_the_page_run(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for number, example in enumerate(examples):
        (tmp_path / f"test_example_{number}.py").write_text(example, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", "."]
    done = subprocess.run([*command, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "5 passed" in done.stdout


def test_a_property_that_the_history_breaks_is_named() -> None:
    rules = toy().versions["lantern"][0]
    says = rules.routine.title
    properties = (
        Property(id="look_first", says=says, never="tell", before="look"),
        Property(id="never_out", says=says, never_state="out"),
    )
    routine = rules.routine.model_copy(update={"properties": properties})
    run = PlainRun("r", "c", "skola", routine, text_of(START))
    run.trace = ["open", "look", "tell"]
    assert plain.broken_properties(run) == []
    run.trace = ["open", "tell", "look"]
    run.entered = ["lit", "out"]
    assert plain.broken_properties(run) == ["look_first", "never_out"]


def test_the_planted_word_is_in_every_text() -> None:
    text = FIELDS["first.account"]

    @settings(max_examples=20, database=None, derandomize=True)
    @given(right_answers({"account": text}, Setting(START)))
    def draw(answers: Mapping[str, object]) -> None:
        assert PLANTED in str(answers["account"])

    draw()
