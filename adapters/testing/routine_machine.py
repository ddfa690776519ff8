"""A routine under everything that can be done to it: any step, by anybody, in any order, at any time.

``routine_machine`` makes a hypothesis state machine of a library's routines. It opens runs, takes steps, fills in
forms rightly and wrongly, corrects, lets time pass, delivers hand-offs, repeats keys and looks at old versions; and
after each it holds the engine against the plainest model of the routine (``plain.py``, ``witness.py``)::

    from stegvis.adapters.testing.routine_machine import hold, routine_machine
    from stegvis.routines.library import shipped

    def test_the_report_routine_holds() -> None:
        hold(routine_machine(shipped(), "report"), examples=20, steps=30)

Needs the ``testing`` extra. docs/testing.md shows how to size it and how to read what it finds.
"""

# ruff: noqa: S101, PT017  # a machine speaks in asserts, each with what it saw

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from stegvis.engine.answers import Refused
from stegvis.engine.ports import Store
from stegvis.engine.values import Actor, Event
from stegvis.routines.errors import BadInput, KeyReused, Stale
from stegvis.routines.library import Library

from ..memory import MemoryStore
from . import plain
from .answers import PLANTED, answer
from .people import open_to_all
from .plain import Attempt, Objection
from .trial import REASON, Trial
from .truth import text_of

_JUMPS = (1, 1800, 3600, 6 * 3600, 24 * 3600, 3 * 86400, 15 * 86400, 130 * 86400, 400 * 86400)


class RoutineMachine(Trial):
    """Made by ``routine_machine``; subclass it to add rules of your own."""

    # ---- what is done -----------------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def first(self, data: st.DataObject) -> None:
        self.open(data, eager=True)

    @rule(data=st.data(), eager=st.booleans())
    def open_a_run(self, data: st.DataObject, eager: bool) -> None:  # noqa: FBT001 - drawn
        assume(len(self.witness.runs) < 5)  # noqa: PLR2004 - enough to cross, few enough to read
        self.open(data, eager=eager)

    @rule(data=st.data())
    def take_a_step(self, data: st.DataObject) -> None:
        self.take(data, eager=False)

    @rule(data=st.data(), steps=st.integers(1, 3))
    def get_on(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            self.take(data, eager=True)

    @rule(data=st.data(), steps=st.integers(2, 5))
    def get_far(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            self.take(data, eager=True)

    def take_what_is_not_there(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        here = plain.ways(run.routine, run.state)
        others = [name for state in run.routine.states for name in plain.ways(run.routine, state) if name not in here]
        trigger = data.draw(st.sampled_from([*dict.fromkeys(others), "no_such_step"]))
        actor = self.one(data, self.people)
        before = self._still(actor)
        try:
            self.engine.take(run.case, trigger, actor=actor, key=self.key(), run=run.id)
        except Refused as no:
            self.witness.refused(no.reasons, [], sound=False)
            self.witness.denied(before, actor, no.reasons)
        else:
            raise AssertionError(f"{trigger} was taken in {run.state}, where it does not exist")

    @rule(data=st.data())
    def correct_an_answer(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        forms = run.routine.forms
        facts = [
            fact for fact in run.facts
            if fact.partition(".")[0] in forms and fact.partition(".")[2] in forms[fact.partition(".")[0]].fields
        ]  # fmt: skip
        assume(facts)
        fact = data.draw(st.sampled_from(sorted(facts)))
        form, _, name = fact.partition(".")
        new = data.draw(answer(forms[form].fields[name], self.setting(run), fact))
        why = data.draw(st.sampled_from([REASON, REASON, " "]))
        mine = [actor for actor in self.people if actor.organisation == run.organisation]
        assume(mine)  # a hand-off may have opened a run where none of the routines tried has anybody at work
        fit = [actor for actor in mine if actor.roles & set(run.routine.correct.by)]
        actor = self.one(data, fit if fit and data.draw(st.booleans()) else mine)
        objections = list(plain.correction_objects(run, form, actor))
        objections += [] if why.strip() else [Objection(frozenset({"correction_reason"}))]
        before = self._still(actor)
        try:
            self.engine.correct(run.case, {fact: new}, reason=why, actor=actor, key=self.key(), run=run.id)
        except Refused as no:
            self.witness.refused(no.reasons, objections, sound=True)
            self.witness.denied(before, actor, no.reasons)
            return
        assert not objections, f"corrected in spite of {objections}"
        (event,) = self.witness.events(run.organisation, run.case)
        assert event.head["type"] == "correction", "a correction is not told as one"
        assert event.head.get("corr"), "a correction points at no record"
        run.facts[fact] = new
        self.witness.stands(run.organisation, run.case)

    def _still(self, actor: Actor) -> Mapping[str, Any]:
        self.witness.new_rows(actor.organisation)
        return self.witness.pictures()

    # ---- time, chance and other people ------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(_JUMPS), ticks=st.booleans())
    def time_passes(self, seconds: int, ticks: bool) -> None:  # noqa: FBT001 - drawn
        self.clock.jump(seconds=seconds)
        if ticks:
            self.tick()

    def tick(self) -> None:
        """Let the clock note what has passed, twice, and take what lapses."""
        now = text_of(self.clock())
        for organisation in {run.organisation for run in self.witness.runs.values()}:
            self.engine.tick(organisation)
            for case in {run.case for run in self.witness.runs.values() if run.organisation == organisation}:
                for event in self.witness.events(organisation, case):
                    self._by_clock(event)
                self.witness.stands(organisation, case)
                for run in self.witness.live(organisation, case).runs.values():
                    for name, due in run.due.items():
                        assert due.passed is (due.shown < now), f"the clock did not note that {name} has passed"
            before = self.witness.pictures()
            assert self.engine.tick(organisation) == 0, "the same instant was noted twice"
            assert self.witness.pictures() == before, "what should change nothing changed what is stored"
            self.witness.new_rows(organisation)

    def _by_clock(self, event: Event) -> None:
        if event.head["type"] == "deadline":
            return
        run = self.witness.runs[event.head["run"]]
        actor = Actor("clock", roles={"clock"}, unit="clock", organisation=run.organisation)
        way = plain.ways(run.routine, run.state)[event.head.get("trg", "")]
        lapses = {deadline.lapse for deadline in run.routine.deadlines.values()}
        assert way.trigger in lapses, f"the clock took {way.trigger}, which is no lapse"
        counted = plain.counted(self.witness.runs.values(), run, self.clock())
        self.witness.step(run, event, Attempt(way, actor, {}, {}, self.clock(), counted), missing=False)

    @rule()
    def hand_offs_arrive(self) -> None:
        witness, clock = self.witness, Actor("clock", roles={"clock"}, unit="clock", organisation="")
        for organisation in [*witness.organisations, *witness.organisations]:  # twice, for the receipts
            waiting = self.engine.store.outbox(organisation)
            for row in waiting:
                assert PLANTED.encode() not in row.cell, "what somebody wrote stands open in the outbox"
                assert row.to in witness.organisations, "a hand-off goes nowhere"
            self.engine.deliver(organisation)
            left = {row.id for row in self.engine.store.outbox(organisation)}
            assert not left & {row.id for row in waiting}, "a hand-off was not received"
            for to in dict.fromkeys(row.to for row in waiting):
                for case in list(self.engine.store.cases(to)):
                    for event in witness.events(to, case):
                        if event.head["type"] == "handoff.answered":
                            witness.answered(event)
                        else:
                            witness.opening(event, None, clock, missing=False)
                    witness.stands(to, case)
                witness.new_rows(to)

    @rule(data=st.data())
    def somebody_errs(self, data: st.DataObject) -> None:
        errs = [self.take_what_is_not_there, self.somebody_looks_at_an_old_version, self.the_clock_is_wrong]
        errs += [self.the_same_key_comes_again] if self.last is not None else []
        named = {err.__name__: err for err in errs}
        named[data.draw(st.sampled_from(list(named)))](data)

    def the_same_key_comes_again(self, _: st.DataObject) -> None:
        assert self.last is not None
        act, form, receipt = self.last
        before = self.witness.pictures()
        assert act(form) == receipt, "the same key gave another answer"
        try:
            act({**form, "something_else": 1})
        except KeyReused:
            pass
        else:
            raise AssertionError("a key was used for two commands")
        assert self.witness.pictures() == before, "a key that came again changed what is stored"

    def somebody_looks_at_an_old_version(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        ways = plain.ways(run.routine, run.state)
        assume(ways)
        way = ways[data.draw(st.sampled_from(list(ways)))]
        mine = [one for one in self.people if one.organisation == run.organisation]
        assume(mine)
        actor = mine[0]
        version = self.witness.folded[f"{run.organisation}/{run.case}"].version
        before = self.witness.pictures()
        old = data.draw(st.sampled_from([version - 1, version + 1]))
        try:
            self.engine.take(run.case, way.trigger, actor=actor, key=self.key(), run=run.id, expect=old)
        except Stale as stale:
            assert stale.details["version"] == version, "who looks at an old version is told another"
        else:
            raise AssertionError("a step was taken on an old version")
        assert self.witness.pictures() == before, "what should change nothing changed what is stored"

    def the_clock_is_wrong(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        ways = plain.ways(run.routine, run.state)
        assume(ways)
        way = ways[data.draw(st.sampled_from(list(ways)))]
        mine = [one for one in self.people if one.organisation == run.organisation]
        assume(mine)
        actor = mine[0]
        now, before = self.clock(), self.witness.pictures()
        future = data.draw(st.booleans())
        if not future:
            self.clock.set(now - timedelta(days=4000))
        try:
            happened = now + timedelta(seconds=1) if future else None
            self.engine.take(run.case, way.trigger, actor=actor, key=self.key(), run=run.id, happened=happened)
        except BadInput as wrong:
            assert wrong.reason in {"clock_going_back", "future_instant"}
        else:
            raise AssertionError("a step was taken at a time that cannot be")
        finally:
            self.clock.set(now)
        assert self.witness.pictures() == before, "what should change nothing changed what is stored"

    @rule()
    def an_auditor_comes(self) -> None:
        for organisation in {run.organisation for run in self.witness.runs.values()}:
            self.witness.audit(organisation)

    def teardown(self) -> None:
        """Whatever was done, the log verifies and replays."""
        if sys.exc_info()[0] is None:  # a story that has failed is not to fail again over it
            self.an_auditor_comes()
        self.engine.store.close()


def hold(
    machine: type[RoutineMachine], *, examples: int, steps: int, chance: bool = False, shrink: bool = True
) -> None:
    """Try the routines, and fail with the shortest story in which something should not be so.

    Args:
        machine: made by ``routine_machine``.
        examples: how many stories.
        steps: how many things are done in each.
        chance: other stories each time; the same ones when left out, so that a build says the same twice.
        shrink: look for the shortest story, which takes a while; otherwise fail with the first.
    """
    sized = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not chance,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(machine, settings=sized)  # pyright: ignore[reportUnknownMemberType] - untyped in hypothesis


def routine_machine(
    library: Library, *routines: str, opens: Sequence[str] = (), store: Callable[[], Store] = MemoryStore
) -> type[RoutineMachine]:
    """A state machine over some routines of a library, for ``run_state_machine_as_test`` or by its ``TestCase``.

    Args:
        library: such as ``shipped()`` or ``load(directory)``.
        routines: ids of the routines to try; hand-offs among them are followed.
        opens: those that staff open themselves; all of them when left out.
        store: makes an empty store for each example.
    """
    rules = [version for name in routines for version in library.versions[name]]
    body = {
        "library": open_to_all(library),
        "versions": rules,
        "opens": tuple(opens) or routines,
        "new_store": staticmethod(store),
    }
    return cast("type[RoutineMachine]", type(f"RoutineMachine_{'_'.join(routines)}", (RoutineMachine,), body))
