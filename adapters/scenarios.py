"""Plays a scenario on a real engine and store: acts, looks, and collects every expectation that does not hold.

The clock is the scenario's. Nobody acts without looking first, as on a screen: a step carries the version and the
digest of the guide that its actor saw. What failed is told as findings with file, line and column, in codes only.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.guide import Guide
from stegvis.engine.messages import head_of
from stegvis.engine.ports import Clock, Entropy, Sealer, Store
from stegvis.engine.snapshot import case_of
from stegvis.engine.values import Actor, Case, Reason, Run
from stegvis.routines.errors import BadInput, KeyReused, NotFound, Stale
from stegvis.routines.findings import Finding
from stegvis.routines.library import SHIPPED, Library
from stegvis.routines.reader import Document, read_file
from stegvis.routines.scenario import (
    Acting,
    Change,
    Correct,
    Deliver,
    Explain,
    Lists,
    Look,
    Open,
    Scenario,
    Take,
    Tell,
    Tick,
)
from stegvis.routines.scenario_checks import instants, read_scenario
from stegvis.routines.text import Lang

from .scenario_coverage import Coverage
from .scenario_expectations import Outcome, failures
from .scenario_story import Story

REFERENCE = SHIPPED / "scenarios" / "reference.yaml"
"""The reference story: from a school's suspicion to the decision to investigate."""
WHOLE_WAY = SHIPPED / "scenarios" / "the-whole-way.yaml"
"""The story that is played when none is named: school, social services, police, region, and back to the school."""

Show = Callable[[str], None]
"""Takes one line of what is told; ``print`` will do."""


class Place(NamedTuple):
    """Where a case of a scenario lies."""

    organisation: str
    id: str


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario: what did not hold, and the cases by the names the scenario gives them."""

    failures: tuple[Finding, ...]
    cases: Mapping[str, Place]
    steps: int
    refusals: int
    """How many refusals were expected and came."""


def play(
    what: Path | Document,
    library: Library,
    store: Store,
    *,
    lang: Lang = "sv",
    show: Show | None = None,
    keys: Sealer | None = None,
    entropy: Entropy = os.urandom,
    coverage: Coverage | None = None,
) -> Played:
    """Play a scenario.

    Args:
        what: its file, or a document that has been read.
        library: the definitions it is played on.
        store: where its cases are kept; they are new ones, also when it is played twice.
        lang, show: in which language, and to whom, the story is told line by line.
        keys, entropy: as for ``Engine``.
        coverage: gathers what the story hits of the routines.

    Raises:
        BadDefinition: the file cannot be read, or is no scenario for this library.
        StoreError, SealError, Broken.
    """
    document = read_file(what, what.name) if isinstance(what, Path) else what
    scenario = read_scenario(document, library)

    def engine(clock: Clock) -> Engine:
        return Engine(library, store, keys=keys, clock=clock, entropy=entropy)

    return _Stage(scenario, document, engine, Story(library, lang, show), coverage or Coverage()).play()


def play_reference(library: Library, store: Store, *, lang: Lang = "sv", show: Show | None = None) -> Played:
    """Play the reference story. Raises as ``play``."""
    return play(REFERENCE, library, store, lang=lang, show=show)


class _Stage:
    def __init__(
        self,
        scenario: Scenario,
        document: Document,
        engine: Callable[[Clock], Engine],
        story: Story,
        coverage: Coverage,
    ) -> None:
        self.scenario, self.document, self.story, self.coverage = scenario, document, story, coverage
        self.now = datetime.fromisoformat(scenario.start)
        self.engine = engine(lambda: self.now.astimezone(UTC))
        self.nonce = "".join(chr(ord("a") + byte % 26) for byte in self.engine.files.entropy(12))
        self.cases: dict[str, Place] = {}
        self.looked: dict[tuple[str, str], Guide] = {}
        self.actors = {
            name: Actor(
                one.id,
                roles=set(one.roles),
                unit=one.unit,
                organisation=one.organisation,
                delegations=set(one.delegations),
                qualified=one.qualified,
            )
            for name, one in scenario.actors.items()
        }
        self.names = {actor.id: name for name, actor in self.actors.items()}
        self.number = 0
        self.listed = False

    def play(self) -> Played:
        found: list[Finding] = []
        refusals = 0
        self.story.begin(self.scenario)
        for number, (step, moment) in enumerate(zip(self.scenario.steps, instants(self.scenario), strict=True)):
            self.number, self.now = number, moment
            self.story.step(number + 1, moment, step.says)
            if isinstance(step, Tell):
                continue
            outcome = self._acted(step) if isinstance(step, Acting) else self._passed(step)
            missed = list(failures(self.document, number, step, outcome, library=self.engine.library, names=self.names))
            found += missed
            refusals += bool(outcome.codes) and not missed
            for one in missed:
                self.story.failed(one)
        self._cleared()
        for place in self.cases.values():
            rows = self.engine.store.case_records(place.organisation, place.id)
            self.coverage.recorded(self.engine.library, map(head_of, rows))
        return Played(tuple(sorted(found)), dict(self.cases), len(self.scenario.steps), refusals)

    # ---- what somebody does ---------------------------------------------------------------------------------------

    def _acted(self, step: Acting) -> Outcome:
        actor, title = self.actors[step.who], self.scenario.actors[step.who].title
        place = self.cases.get(step.case)
        before = self._case(place)
        if before is None and not isinstance(step, Open):
            return Outcome(self.now, (("case", None),))
        run = self._run(before, step, _trigger(step))
        guide = self._looked(step, actor, place, run)
        reasons: tuple[Reason, ...] = ()
        codes: tuple[tuple[str, str | None], ...] = ()
        receipt: Receipt | None = None
        self.story.chooses(title, step, guide)
        try:
            receipt, reasons = self._does(step, actor, place, run, guide)
        except Refused as refused:
            reasons = refused.reasons
        except (BadInput, KeyReused, NotFound, Stale) as error:
            codes = ((error.reason, None),)
            self.story.error(error)
        if reasons:
            codes = tuple((one.code, one.about) for one in reasons)
            self.story.refused(reasons)
            self.coverage.refused(self.engine.library, step, run, self.now.date(), reasons)
        if receipt is not None and isinstance(step, Open):
            place = self.cases.setdefault(step.case, Place(actor.organisation, receipt.id))
        after = self._case(place)
        stands = self._run(
            after,
            step,
            None,
            receipt.run if receipt is not None and receipt.run else run.id if run is not None else None,
        )
        if receipt is not None and receipt.run and stands is not None:
            self.story.stands(stands)
        shown = self._shown(step, actor, place, stands)
        listed = self.listed if isinstance(step, Lists) and not codes else None
        met = self._met(place, before)
        return Outcome(self.now, codes, after, stands, shown, None, met, listed, *self._persons(step, actor, place))

    def _does(
        self, step: Acting, actor: Actor, place: Place | None, run: Run | None, guide: Guide | None
    ) -> tuple[Receipt | None, tuple[Reason, ...]]:
        engine, case, of = self.engine, place.id if place is not None else "", run.id if run is not None else None
        key = f"{self.nonce}-{self.number}"
        expect = guide.version if guide is not None else None
        match step:
            case Open():
                receipt = engine.open(
                    step.open,
                    actor=actor,
                    form=step.form,
                    key=self._key(step.key) or key,
                    person=step.person,
                    case=case or None,
                    happened=_moment(step.happened),
                )
            case Take():
                receipt = engine.take(
                    case,
                    step.take,
                    actor=actor,
                    key=self._key(step.key) or key,
                    form=step.form,
                    run=of,
                    expect=expect,
                    seen=guide.digest if guide is not None else None,
                    overrides=step.overrides,
                    happened=_moment(step.happened),
                )
            case Correct():
                receipt = engine.correct(
                    case,
                    step.correct,
                    reason=step.reason,
                    actor=actor,
                    key=self._key(step.key) or key,
                    run=of,
                    expect=expect,
                )
            case Change():
                receipt = engine.change(
                    case,
                    step.change,
                    actor=actor,
                    key=self._key(step.key) or key,
                    form=step.form,
                    reason=step.reason,
                )
            case Lists():
                self.listed = self._lists(step, actor, case)
                return None, ()
            case Explain():
                answer = engine.explain(case, step.explain, actor=actor, form=step.form, run=of)
                if answer.allowed:
                    self.story.allowed()
                return None, answer.reasons
            case _:
                asked = step.reveal if isinstance(step, Look) else ()
                if guide is None or asked:
                    engine.guide(case, actor=actor, run=of, reveal=asked)
                return None, ()
        return receipt, ()

    def _lists(self, step: Lists, actor: Actor, case: str) -> bool:
        """Whether the case stands on the list."""
        rows = self.engine.due(actor) if step.lists == "due" else self.engine.openings(actor=actor)
        self.story.listed(step, sum(1 for row in rows if row.case in {place.id for place in self.cases.values()}))
        return any(row.case == case for row in rows)

    def _key(self, written: str | None) -> str | None:
        return f"{self.nonce}-{written}" if written is not None else None

    def _looked(self, step: Acting, actor: Actor, place: Place | None, run: Run | None) -> Guide | None:
        """What the actor looks at before acting: the guide as it is now, or as it was when they last looked."""
        if place is None or isinstance(step, Open | Change | Lists):
            return None
        if isinstance(step, Take | Correct) and step.last_look:
            return self.looked.get((step.who, step.case))
        try:
            guide = self.engine.guide(place.id, actor=actor, run=run.id if run is not None else None)
        except (Refused, NotFound):
            return None
        self.looked[step.who, step.case] = guide
        self.coverage.shown(self._case(place), self.engine.library, guide)
        self.story.guide(self.scenario.actors[step.who].title, step, guide)
        return guide

    def _shown(self, step: Acting, actor: Actor, place: Place | None, run: Run | None) -> Guide | None:
        """What the actor sees afterwards, where the scenario expects something of it."""
        then = step.then
        wanted = (then.open, then.closed, then.sees, then.not_sees, then.shows, then.hides, then.cites, then.corrected)
        asked = step.reveal if isinstance(step, Look) else ()
        if place is None or run is None or not any((*wanted, then.identity, then.hidden)):
            return None
        try:
            guide = self.engine.guide(place.id, actor=actor, run=run.id, reveal=asked)
        except Refused:
            return None
        self.coverage.shown(self._case(place), self.engine.library, guide)
        return guide

    def _persons(self, step: Acting, actor: Actor, place: Place | None) -> tuple[dict[str, bool], dict[str, str]]:
        """Who can be reached in a safe way, and what the contact plan says, where the scenario asks."""
        then, persons = step.then, self.engine.persons
        if place is None or not (then.reach or then.contact):
            return {}, {}
        try:
            reach = {one: persons.channel(place.id, one, actor=actor).usable for one in then.reach}
            plan = persons.contacts(place.id, actor=actor).persons if then.contact else ()
        except Refused:
            return {}, {}
        return reach, {one.person or "home": one.word for one in plan}

    # ---- what happens by itself -----------------------------------------------------------------------------------

    def _passed(self, step: Deliver | Tick) -> Outcome:
        before = self._case(self.cases.get(step.case or ""))
        there, versions = self._everything(), self._versions()
        codes: tuple[tuple[str, str | None], ...] = ()
        count: int | None = None
        try:
            if isinstance(step, Deliver):
                count = self.engine.deliver(step.deliver)
            else:
                self.engine.tick(step.tick)
                count = sum(now != then for now, then in zip(self._versions(), versions, strict=True))
        except (BadInput, NotFound, Refused) as error:
            codes = ((error.reason, None),)
            self.story.error(error)
        else:
            self.story.passed(step, count)
        new = self._everything() - there
        if step.case is not None and step.case not in self.cases:
            if len(new) != 1:
                return Outcome(self.now, (*codes, ("cases", str(len(new)))), count=count)
            self.cases[step.case] = new.pop()
        place = self.cases.get(step.case or "")
        after = self._case(place)
        stands = self._run(after, step, None)
        if stands is not None:
            self.story.stands(stands)
        return Outcome(self.now, codes, after, stands, None, count, self._met(place, before))

    def _versions(self) -> list[int]:
        """The versions of this story's cases; a store may hold others, and the clock runs for all of them."""
        return [case.version for case in map(self._case, self.cases.values()) if case is not None]

    def _cleared(self) -> None:
        """Deliver what still waits, so that a story leaves nothing behind for the next one in the same store."""
        for name in self.engine.library.organisations.organisations:
            while self.engine.deliver(name):
                pass

    def _everything(self) -> set[Place]:
        return {
            Place(name, case)
            for name in self.engine.library.organisations.organisations
            for case in self.engine.store.cases(name)
        }

    # ---- what is there --------------------------------------------------------------------------------------------

    def _case(self, place: Place | None) -> Case | None:
        """The case as it stands, read past the door: checking an expectation is nobody's look."""
        loaded = self.engine.store.load(*place) if place is not None else None
        if place is None or loaded is None:
            return None
        origin = self.engine.library.organisations.organisations[place.organisation].origin
        return case_of(loaded, self.engine.keys, origin, place.organisation)

    def _run(
        self, case: Case | None, step: Acting | Deliver | Tick, trigger: str | None, named: str | None = None
    ) -> Run | None:
        """The run a step is about: that of the routine it names, the one it led to, or one where the step exists."""
        if case is None:
            return None
        runs = [run for run in case.runs.values() if step.run in {None, run.routine}]
        if step.run is None and named is not None:
            return case.runs[named]
        going = [run for run in runs if run.ended is None] or runs
        if trigger is not None and step.run is None:
            rules = self.engine.library
            fit = [
                run
                for run in going
                if (found := rules.pinned(run.rules)) is not None and found.move(run.state, trigger)
            ]
            going = fit[:1] or going
        return going[-1] if going else None

    def _met(self, place: Place | None, before: Case | None) -> Mapping[str, str]:
        """How the step closed deadlines, from its records."""
        if place is None:
            return {}
        rows = self.engine.store.case_records(
            place.organisation, place.id, after=before.version if before is not None else 0
        )
        return {one["id"]: one["closed"] for row in rows for one in head_of(row).get("due", ()) if "closed" in one}


def _trigger(step: Acting) -> str | None:
    return step.take if isinstance(step, Take) else step.explain if isinstance(step, Explain) else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
