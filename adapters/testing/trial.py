"""One try at a routine: who, what they answer, what the model says of it, and holding the engine to that."""

# ruff: noqa: S101, PT017  # a trial speaks in asserts, each with what it saw

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, cast

from hypothesis import assume, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor, Event
from stegvis.routines.facttypes import Value
from stegvis.routines.library import Library
from stegvis.routines.rules import Rules

from ..memory import MemoryStore
from . import plain
from .answers import PLANTED, Filled, Setting, ages_of, limits_of, right_answers, wrong_answers
from .clock import FakeClock, SeededEntropy
from .people import people
from .plain import Attempt, Objection, PlainRun, Way
from .truth import FALSE, TRUE, day_of, text_of
from .witness import Witness, motor_equals_table

PERSONS = ("p-1", "p-2")
REASON = f"{PLANTED} måste"
_EAGER = 5
_OVER = frozenset({"no_override", "override_role"})
"""What is said of a guard that somebody may not step over."""


@dataclass
class Try:
    """What somebody is about to do, and what the model says of it."""

    run: PlainRun
    way: Way
    """The step that is tried; for acute danger the attempt is at what it opens."""
    attempt: Attempt
    filled: Filled
    objections: list[Objection]
    missing: bool
    opens: PlainRun | None = None
    """For acute danger, the run that opens beside."""


class Trial(RuleBasedStateMachine):
    """An engine with a fake clock, people to try it, and a witness."""

    library: ClassVar[Library]
    versions: ClassVar[Sequence[Rules]]
    opens: ClassVar[Sequence[str]]

    @staticmethod
    def new_store() -> Store:
        """An empty store for one example."""
        return MemoryStore()

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.engine = Engine(self.library, self.new_store(), clock=self.clock, entropy=SeededEntropy(), tell=self.told)
        self.witness = Witness(self.engine, PLANTED)
        routines = [rules.routine for rules in self.versions]
        self.people = people(self.library, routines)
        self.limits = {routine.routine: limits_of(routine) for routine in routines}
        self.keys = 0
        self.last: tuple[Callable[[Mapping[str, object]], Receipt], Mapping[str, object], Receipt] | None = None
        for rules in self.versions:
            motor_equals_table(rules)

    def told(self, _: str, said: Mapping[str, str | int]) -> None:
        """The operational log: it hears no word of what somebody wrote."""
        assert not any(PLANTED in str(value) for value in said.values()), "the operational log heard a secret"

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def key(self) -> str:
        self.keys += 1
        return f"k-{self.keys}"

    def setting(self, run: PlainRun) -> Setting:
        routine = run.routine
        staff = [actor.id for actor in self.people if actor.organisation == run.organisation]
        # A hand-off may have opened a run where nobody who is tried works; an answer names somebody all the same.
        staff = staff or [actor.id for actor in self.people]
        return Setting(self.clock(), staff, PERSONS, self.limits.get(routine.routine, {}), ages_of(routine))

    def filled(self, data: st.DataObject, run: PlainRun, way: Way, *, sound: bool) -> tuple[Filled, dict[str, Value]]:
        """A form for a step, and its answers by fact; wrong in one place unless ``sound``."""
        now = self.clock()
        form, fields = plain.fields_of(self.library, run.routine, way, now)
        counted = plain.counted(self.witness.runs.values(), run, now)
        if not fields:
            wrong = not sound and way.kind != "approve"
            return (Filled({PLANTED: 1}, "unknown") if wrong else Filled({})), {}

        def asked(name: str, given: Mapping[str, Value]) -> bool | None:
            known = {f"{form}.{one}": value for one, value in given.items()}
            tried = Attempt(way, self.people[0], known, {}, now, counted)
            return {TRUE: True, FALSE: False}.get(plain.is_asked(run, fields[name], tried))

        right = data.draw(right_answers(fields, self.setting(run), form, asked))
        late = way.step.complete_later and way.kind in {"step", "propose", "complete"}
        if late and way.kind != "complete" and right and data.draw(st.integers(0, 3)) == 0:
            # in a hurry: some of the form is left for afterwards, as long as the rest still agrees with itself
            left = data.draw(st.sampled_from(sorted(right)))
            rest = {name: value for name, value in right.items() if name != left}
            right = rest if all(asked(name, rest) is not False for name in rest) else right
        filled = Filled(right) if sound else data.draw(wrong_answers(fields, right, late=late))
        return filled, {f"{form}.{name}": value for name, value in right.items()}

    def attempt(self, data: st.DataObject, run: PlainRun, way: Way, actor: Actor, *, eager: bool = False) -> Try:
        """Fill in the form, choose what to step over, and ask the model."""
        now, opens = self.clock(), None
        judged, asks = run, way
        if way.kind == "acute" and run.routine.acute is not None:
            other = self.library.routine(run.routine.acute.routine, day_of(now)).routine
            opens = PlainRun("", run.case, run.organisation, other, text_of(now), person=run.person, powers=run.powers)
            judged, asks = opens, plain.opening(other)
        sound = eager or data.draw(st.integers(0, 3)) > 0
        counted = plain.counted(self.witness.runs.values(), judged, now)
        legal = self.legal(run)
        filled, attempt, blocked = Filled({}), Attempt(asks, actor, {}, {}, now, counted, legal), list[Objection]()
        for _ in range(_EAGER if eager else 1):
            filled, given = self.filled(data, judged, asks, sound=sound)
            attempt = attempt._replace(given=given)
            blocked = list(plain.guards_object(judged, attempt))
            if not blocked:
                break
        over = {one.about: REASON for one in blocked if one.about is not None}
        if over and data.draw(st.booleans()):
            attempt = attempt._replace(overrides=cast("Mapping[str, str]", over))
        objections = list(plain.who_objects(run, way, actor))
        if opens is not None:
            # who may raise an alarm is for the routine that runs to say, not for the one that opens
            objections += [one for one in plain.who_objects(judged, asks, actor) if "role" not in one.codes]
        if filled.wrong is None:
            objections += plain.guards_object(judged, attempt)
            objections += _overstepped(attempt)
            if plain.names_another(self.witness.runs.values(), judged, attempt):
                objections.append(Objection(frozenset({"one_person_a_case"})))
        begins = way.step.begins if way.kind in plain.AGAIN else None
        if any(one.routine.routine == begins for one in self.witness.beside(run)):
            objections.append(Objection(frozenset({"already_begun"})))
        form, fields = plain.fields_of(self.library, judged.routine, asks, now)
        missing = plain.left_out(judged, fields, form, attempt)
        return Try(run, way, attempt, filled, objections, missing, opens)

    def legal(self, run: PlainRun) -> dict[str, str]:
        """Until when the law gives time, for each deadline that runs."""
        case = self.witness.folded.get(f"{run.organisation}/{run.case}")
        if case is None or run.id not in case.runs:
            return {}
        return {name: one.legal or one.internal for name, one in case.runs[run.id].due.items()}

    def fit(self, run: PlainRun, way: Way) -> list[Actor]:
        """Those who may take the step."""
        mine = [actor for actor in self.people if actor.organisation == run.organisation]
        return [actor for actor in mine if not list(plain.who_objects(run, way, actor))]

    def somebody(self, data: st.DataObject, run: PlainRun, way: Way, *, eager: bool) -> Actor:
        """Mostly somebody who may, now and then anybody at all."""
        fit = self.fit(run, way) if eager or data.draw(st.booleans()) else []
        return self.one(data, fit or self.people)

    def one(self, data: st.DataObject, among: Sequence[Actor]) -> Actor:
        """One of these people; drawn by id, so that a failing example reads well."""
        named = {f"{actor.organisation}/{actor.id}": actor for actor in among}
        return named[data.draw(st.sampled_from(list(named)))]

    # ---- trying -----------------------------------------------------------------------------------------------------

    def open(self, data: st.DataObject, *, eager: bool) -> None:
        name = data.draw(st.sampled_from(self.opens))
        routine = self.library.routine(name, day_of(self.clock())).routine
        run = PlainRun("", "", "", routine, text_of(self.clock()), powers=plain.powers_of(self.library))
        run.person = data.draw(st.sampled_from([None, *PERSONS]))
        way = plain.opening(routine)
        kinds = self.library.organisations.organisations
        home = next((one for one in kinds if kinds[one].kind in routine.organisation), "")
        run.organisation = home
        actor = self.somebody(data, run, way, eager=eager)
        run.organisation = actor.organisation
        tried = self.attempt(data, run, way, actor, eager=eager)
        case = None
        mine = sorted({one.case for one in self.witness.runs.values() if one.organisation == actor.organisation})
        if mine and data.draw(st.booleans()):
            case = data.draw(st.sampled_from(mine))
            if run.person is not None and {one.person for one in self.witness.runs.values() if one.case == case} - {
                None,
                run.person,
            }:
                tried.objections.append(Objection(frozenset({"one_person_a_case"})))
            there = [one.routine for one in self.witness.runs.values() if one.case == case]
            if any(one.routine in routine.apart or routine.routine in one.apart for one in there):
                tried.objections.append(Objection(frozenset({"own_case"})))
        # an opening steps over no guard: the door takes no overrides there
        if tried.attempt.overrides:
            tried.attempt = tried.attempt._replace(overrides={})
            tried.objections = [one for one in tried.objections if not one.codes & _OVER]
            tried.objections += [] if tried.filled.wrong else list(plain.guards_object(run, tried.attempt))
        # whoever comes from elsewhere is told that, and nothing about the rest
        if kinds[actor.organisation].kind not in routine.organisation:
            tried.objections = [Objection(frozenset({"organisation"}))]
        key, engine = self.key(), self.engine

        def act(form: Mapping[str, object]) -> Receipt:
            return engine.open(name, actor=actor, form=form, key=key, person=run.person, case=case)

        self.do(tried, act, None)

    def take(self, data: st.DataObject, *, eager: bool) -> None:
        """Try a step that there is; when eager, by somebody who may and with a form that the guards let through."""
        run = self.some_run(data)
        here = plain.ways(run.routine, run.state)
        late = {name for name, way in here.items() if way.kind in {"review", "complete"} and name not in run.owed}
        likely = [name for name in here if name not in late]
        if eager:
            likely = [name for name in likely if self.fit(run, here[name])]
            if data.draw(st.integers(0, 3)):  # what has not been done yet leads on
                likely = [name for name in likely if name not in run.trace] or likely
        if not (likely if eager else here):
            return
        tried: Try | None = None
        for _ in range(_EAGER if eager else 1):
            among = likely if likely and (eager or not late or data.draw(st.integers(0, 9))) else sorted(late)
            way = here[data.draw(st.sampled_from(among))]
            actor = self.somebody(data, run, way, eager=eager)
            tried = self.attempt(data, run, way, actor, eager=eager)
            if not tried.objections:
                break
        if tried is not None:
            self.taking(data, tried)

    def taking(self, data: st.DataObject, tried: Try) -> None:
        """Ask, then take the step."""
        run, way, actor = tried.run, tried.way, tried.attempt.actor
        note(f"{run.routine.routine} {run.state} -> {way.trigger} by {actor.id} {dict(tried.filled.form)}")
        self.asking(tried)
        key, engine, overrides = self.key(), self.engine, tried.attempt.overrides
        expect = self.witness.folded[f"{run.organisation}/{run.case}"].version if data.draw(st.booleans()) else None
        earlier = timedelta(hours=data.draw(st.sampled_from([0, 0, 0, 1, 48])))
        happened = self.clock() - earlier if earlier else None

        def act(form: Mapping[str, object]) -> Receipt:
            return engine.take(
                run.case, way.trigger, actor=actor, key=key, form=form, run=run.id, overrides=overrides,
                expect=expect, happened=happened,
            )  # fmt: skip

        self.do(tried, act, run)

    def some_run(self, data: st.DataObject) -> PlainRun:
        runs = list(self.witness.runs.values())
        assume(runs)
        going = [number for number, run in enumerate(runs) if run.ended is None]
        among = going if going and data.draw(st.integers(0, 9)) else range(len(runs))
        return runs[data.draw(st.sampled_from(among))]

    def do(self, tried: Try, act: Callable[[Mapping[str, object]], Receipt], run: PlainRun | None) -> None:
        """Do it, and hold what came of it against the model."""
        witness, actor = self.witness, tried.attempt.actor
        outsider = run is not None and actor.organisation != run.organisation
        objections = [Objection(frozenset({"unknown_case"}))] if outsider else tried.objections
        for organisation in witness.organisations:
            witness.new_rows(organisation)
        before = witness.pictures()
        try:
            receipt = act(tried.filled.form)
        except Refused as no:
            assert PLANTED not in f"{no!r} {no}", "an exception says what somebody wrote"
            witness.refused(no.reasons, objections, sound=tried.filled.wrong is None)
            witness.denied(before, actor, no.reasons)
            return
        assert tried.filled.wrong is None, f"a wrong form was taken: {tried.filled.wrong}"
        assert not objections, f"accepted in spite of {objections}"
        self.last = act, tried.filled.form, receipt
        events = witness.events(actor.organisation, receipt.id)
        self.follow(tried, events, run)
        witness.new_rows(actor.organisation)
        version = witness.folded[f"{actor.organisation}/{receipt.id}"].version
        assert receipt.version == version, "a receipt tells another version"
        assert receipt.state == witness.runs[receipt.run].state, "a receipt tells another state"
        witness.stands(actor.organisation, receipt.id)

    def follow(self, tried: Try, events: Sequence[Event], run: PlainRun | None) -> None:
        """Move the model by the records of one accepted command."""
        actor = tried.attempt.actor
        if run is None:
            (event,) = events
            self.witness.opening(event, tried.attempt, actor, missing=tried.missing)
        elif tried.opens is None:
            *first, event = events
            self.witness.beginning(run, first, tried.attempt)
            self.witness.step(run, event, tried.attempt, missing=tried.missing)
        else:
            flag, event = events
            assert flag.head.get("acute"), "acute danger did not flag the case"
            assert flag.head.get("to") == run.state, "acute danger moved the run that it interrupts"
            plain.move(run, tried.attempt._replace(way=tried.way, given={}), happened=flag.head["hap"], missing=False)
            self.witness.opening(event, tried.attempt, actor, missing=tried.missing)

    def asking(self, tried: Try) -> None:
        """Asking first must answer what doing will."""
        run, actor, way = tried.run, tried.attempt.actor, tried.way
        if actor.organisation != run.organisation or tried.attempt.overrides:
            return
        said = self.engine.explain(run.case, way.trigger, actor=actor, form=tried.filled.form, run=run.id)
        stands_in_the_way = bool(tried.objections) or tried.filled.wrong is not None
        assert said.allowed is not stands_in_the_way, (
            f"explain says {[one.code for one in said.reasons]}, the model {tried.objections}, {tried.filled.wrong}"
        )
        if said.reasons:
            self.witness.refused(said.reasons, tried.objections, sound=False)
        before = self.engine.explain(run.case, way.trigger, actor=actor, run=run.id)
        assert before.allowed or not said.allowed, "a step is shown closed though a form would open it"
        guide = self.engine.guide(run.case, actor=actor, run=run.id)
        for action in guide.actions:
            assert action.open is (not action.reasons), "a step is shown open with reasons, or closed without"
            if not action.questions:
                answer_ = self.engine.explain(run.case, action.trigger, actor=actor, form={}, run=run.id)
                assert answer_.allowed is action.open, f"guide and explain disagree on {action.trigger}"
                told = [one.code for one in action.reasons]
                assert [one.code for one in answer_.reasons] == told, "guide and explain give other reasons"
        mine = next((action for action in guide.actions if action.trigger == way.trigger), None)
        assert mine is None or mine.open is before.allowed, "guide and explain disagree"


def _overstepped(attempt: Attempt) -> list[Objection]:
    """Guards that somebody tried to step over and may not."""
    return [Objection(_OVER, name) for name in attempt.overrides if not plain.may_override(attempt, name)]
