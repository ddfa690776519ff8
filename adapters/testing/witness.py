"""A witness to an engine at work: after every command it looks at what is stored and says what should not be so.

It keeps the plainest model of every run (``plain.py``), moves it by what was accepted, and holds the live case, the
records, the indexes and the refusals against it.
"""

# ruff: noqa: S101  # a witness speaks in asserts, each with what it saw

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import orjson

from stegvis.engine.engine import Engine
from stegvis.engine.evolve import evolve, fold
from stegvis.engine.machine import motor
from stegvis.engine.ports import DeadlineRow, Loaded, OutboxRow, RecordRow
from stegvis.engine.sealing import opened
from stegvis.engine.snapshot import case_of
from stegvis.engine.values import Actor, Case, Event, Reason, Run
from stegvis.routines.library import Library
from stegvis.routines.model import Routine
from stegvis.routines.rules import Rules, allowed, steps_of

from . import plain
from .plain import AGAIN, Attempt, Objection, PlainRun, Way
from .truth import Facts, Value, day_of, text_of

CLOCK_ROLES = frozenset({"clock"})


class Picture(NamedTuple):
    """Everything stored for an organisation but its access stream."""

    cases: Mapping[str, Loaded | None]
    chain: int
    deadlines: Sequence[DeadlineRow]
    outbox: Sequence[OutboxRow]


@dataclass
class Parcel:
    """A hand-off or reply as it should arrive."""

    kind: str
    sender: str
    about: str | None
    status: str | None
    flag: str
    facts: Facts
    receiver: str = ""


@dataclass
class Witness:
    """Looks on.

    Attributes:
        engine: the engine that is watched.
        secret: a word that may stand in no record, reason or unsealed cell.
        runs: the model of each run, by id.
        parcels: what was sent, by id of the hand-off.
    """

    engine: Engine
    secret: str
    runs: dict[str, PlainRun] = field(default_factory=dict[str, PlainRun])
    parcels: dict[str, Parcel] = field(default_factory=dict[str, Parcel])
    folded: dict[str, Case] = field(default_factory=dict[str, Case])
    blind: dict[str, Case] = field(default_factory=dict[str, Case])
    receipts: set[str] = field(default_factory=set[str])
    """Hand-offs that were received, and whose receipt has not come back."""
    read: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def library(self) -> Library:
        return self.engine.library

    @property
    def organisations(self) -> Iterable[str]:
        return self.library.organisations.organisations

    def origin(self, organisation: str) -> str:
        """The name of an organisation's log."""
        return self.library.organisations.organisations[organisation].origin

    # ---- what is stored ---------------------------------------------------------------------------------------------

    def pictures(self) -> Mapping[str, Picture]:
        """What is stored now, to be compared with later."""
        return {name: self._picture(name) for name in self.organisations}

    def _picture(self, organisation: str) -> Picture:
        store = self.engine.store
        cases = {case: store.load(organisation, case) for case in store.cases(organisation)}
        chain = sum(loaded.case.version for loaded in cases.values() if loaded is not None)
        return Picture(cases, chain, store.deadlines(organisation), store.outbox(organisation))

    def new_rows(self, organisation: str) -> list[RecordRow]:
        """What has been logged since the last look; the secret stands in none of it."""
        found = list(self.engine.store.log(organisation, after=self.read.get(organisation, 0)))
        for index, row in found:
            self.read[organisation] = index
            cells = row.body + (row.payload or b"")
            assert self.secret.encode() not in cells, "what somebody wrote stands open in the log"
        return [row for _, row in found]

    def live(self, organisation: str, case: str) -> Case:
        """The case as the store has it."""
        loaded = self.engine.store.load(organisation, case)
        assert loaded is not None, "the case is gone"
        for cell in (loaded.case.shared, *(run.snapshot for run in loaded.runs)):
            assert self.secret.encode() not in cell, "what somebody wrote stands open in a snapshot"
        stands = case_of(loaded, self.engine.keys, self.origin(organisation), organisation)
        assert stands is not None, "a snapshot is not of this version"
        return stands

    # ---- refusals ---------------------------------------------------------------------------------------------------

    def refused(self, reasons: Sequence[Reason], objections: Sequence[Objection], *, sound: bool) -> None:
        """A refusal has reasons, each in two languages with a remedy, and tells everything that stands in the way.

        Args:
            reasons: what the engine said.
            objections: what the model found.
            sound: whether the model looked at everything, so that it must have found something.
        """
        assert reasons, "refused without a reason"
        for one in reasons:
            for text in (one.text("sv"), one.says.en, one.remedy("sv"), one.do.en):
                assert (text or "").strip(), f"{one.code}: a reason without words or without a remedy"
                assert "{" not in str(text), f"{one.code}: a place was left unfilled"
                assert self.secret not in str(text), f"{one.code}: a reason says what somebody wrote"
        for objection in objections:
            assert any(_tells(one, objection) for one in reasons), f"a reason was forgotten: {objection}"
        assert objections or not sound, f"refused though nothing stands in the way: {[one.code for one in reasons]}"

    def denied(self, before: Mapping[str, Picture], actor: Actor, reasons: Sequence[Reason]) -> None:
        """What was refused changed nothing, and was noted with its codes."""
        assert self.pictures() == before, "a refused command changed what is stored"
        rows = self.new_rows(actor.organisation)
        assert rows, "a refusal was not noted"
        assert all(row.cseq is None for row in rows), "a refusal reached the case chain"
        said = cast("dict[str, Any]", orjson.loads(rows[-1].body))
        assert said["type"] == "transition.denied", "a refusal was not noted"
        noted = (said["actor"], said["why"])
        assert noted == (actor.id, sorted({one.code for one in reasons})), "a refusal was noted with other reasons"

    # ---- acceptances ------------------------------------------------------------------------------------------------

    def events(self, organisation: str, case: str) -> list[Event]:
        """The case's new events, each folded in turn and held against what the store has after the last."""
        key = f"{organisation}/{case}"
        before = self.folded.get(key)
        rows = list(self.engine.store.case_records(organisation, case, after=before.version if before else 0))
        log = self.origin(organisation)
        events = [opened(row, self.engine.keys, log, case) for row in rows]
        for event in events:
            self.folded[key] = evolve(self.folded.get(key), event)
            self.blind[key] = evolve(self.blind.get(key), Event(event.head, None))
        assert self.folded[key] == self.live(organisation, case), "the fold of the log is not the live case"
        assert _bare(self.folded[key]) == _bare(self.blind[key]), "states or deadlines need a key to be folded"
        return events

    def opening(self, event: Event, attempt: Attempt | None, actor: Actor, *, missing: bool) -> PlainRun:
        """Start the model of a run that a record opens, and hold the record against it."""
        head = event.head
        rules = self.library.pinned(head["def"])
        assert rules is not None
        powers = plain.powers_of(self.library)
        run = PlainRun(head["run"], head.get("case", ""), head["org"], rules.routine, head["hap"], powers=powers)
        run.person = head.get("person")
        hof = head.get("hof")
        run.origin = hof["id"] if hof is not None else None
        self.runs[run.id] = run
        if attempt is None:  # it came from another organisation
            assert run.origin is not None
            facts = _arrived(rules.routine, self.parcels[run.origin], head["at"])
            lost = {one.partition(":")[2] for one in head.get("why", ())}
            facts = {fact: value for fact, value in facts.items() if fact.partition(".")[2] not in lost}
            attempt = Attempt(plain.opening(rules.routine), actor, facts, {}, self.engine.clock(), {})
            form, fields = plain.fields_of(self.library, rules.routine, attempt.way, attempt.now)
            missing = plain.left_out(run, fields, form, attempt)
            self.receipts.add(run.origin)
        self.step(run, event, attempt, missing=missing)
        return run

    def beginning(self, run: PlainRun, events: Sequence[Event], attempt: Attempt) -> None:
        """Hold the run that a step begins, if any, against the model: with nothing answered, and with this holder."""
        way, actor, now = attempt.way, attempt.actor, self.engine.clock()
        begins = way.step.begins if way.kind in {"step", "approve"} else None
        assert [event.head["rtn"] for event in events] == ([begins] if begins else []), "a step began something else"
        for event in events:
            rules = self.library.pinned(event.head["def"])
            assert rules is not None
            assert event.head.get("begun") == run.id, "a record does not say what began the run"
            fresh = PlainRun("", run.case, run.organisation, rules.routine, event.head["hap"], person=run.person)
            counted = plain.counted(self.runs.values(), fresh, now)
            first = Attempt(plain.opening(rules.routine), actor, {}, {}, now, counted)
            form, fields = plain.fields_of(self.library, rules.routine, first.way, now)
            opened = self.opening(event, first, actor, missing=plain.left_out(fresh, fields, form, first))
            assert opened.person == run.person, "a run was begun about somebody else"
            opened.holder = run.holder

    def step(self, run: PlainRun, event: Event, attempt: Attempt, *, missing: bool) -> None:
        """Hold the record of a step against the model, and move the model."""
        head, way, actor = event.head, attempt.way, attempt.actor
        leads = plain.target(run, attempt)
        objections = list(plain.guards_object(run, attempt))
        if actor.roles != CLOCK_ROLES or run.state:
            objections += plain.who_objects(run, way, actor)
            assert {head["role"]} <= _roles(way, actor), "the role in the record is not one that may take the step"
        assert not objections, f"accepted {way.trigger} in spite of {objections}"
        assert (head.get("trg"), head.get("from", ""), head.get("to")) == (way.trigger, run.state, leads), (
            f"the step led elsewhere than the routine says: {head.get('to')} and not {leads}"
        )
        assert head["actor"] == actor.id, "a step was recorded in somebody else's name"
        given = cast("Facts", (event.body or {}).get("facts", {}))
        self._guards(event, attempt)
        status = self._sends(run, event, attempt)
        assert given == {**plain.given_by(run, attempt), **status}, "what was recorded is not what was answered"
        had = run.holder
        plain.move(run, attempt, happened=head["hap"], missing=missing)
        run.facts.update(status)
        self._along(run, event, had)
        broken = plain.broken_properties(run)
        assert not broken, f"a declared property does not hold: {broken}"

    def beside(self, run: PlainRun) -> list[PlainRun]:
        """The runs of the same case that have not ended."""
        mine = [one for one in self.runs.values() if (one.case, one.organisation) == (run.case, run.organisation)]
        return [one for one in mine if one.ended is None]

    def _along(self, run: PlainRun, event: Event, had: str | None) -> None:
        """Runs that this one began go with it to a new holder, and no others do."""
        begins = {step.begins for _, step in steps_of(run.routine)}
        beside = [one for one in self.beside(run) if one is not run and one.routine.routine in begins]
        going = {one.id for one in beside if one.holder in {None, had}} if "hold" in event.head else set[str]()
        assert set(event.head.get("along", ())) == going, "other runs went along than those that this one began"
        for one in beside:
            one.holder = run.holder if one.id in going else one.holder

    def _guards(self, event: Event, attempt: Attempt) -> None:
        outs = {one["id"]: one["out"] for one in event.head.get("guards", ())}
        wanted = {one.id for one in attempt.way.step.require} if attempt.way.kind in AGAIN else set[str]()
        assert outs.keys() == wanted, "a record leaves out a guard"
        for name, out in outs.items():
            assert out == "true" or (out == "overridden" and plain.may_override(attempt, name)), f"{name} is {out}"

    def _sends(self, run: PlainRun, event: Event, attempt: Attempt) -> dict[str, Value]:
        """Remember what a step should send, and answer what the sender knows of it.

        A step that sends nothing has no hand-off in its record.
        """
        step, hof = attempt.way.step, event.head.get("hof")
        if hof is not None and hof["dir"] == "received":
            return {}
        sends = attempt.way.kind in {"step", "approve"} and bool(run.state)
        parcel = _parcel(run, attempt, self._flag(run, plain.seen(run, attempt))) if sends else None
        assert (parcel is None) == (hof is None), "a hand-off and its record do not go together"
        if parcel is None or hof is None:
            return {}
        parcel.receiver = self._receiver(run, step.handoff.to if step.handoff is not None else None, parcel)
        assert hof["org"] == parcel.receiver, "a hand-off goes to somebody else"
        self.parcels[hof["id"]] = parcel
        if parcel.about is None:
            run.sent.append((attempt.way.base, hof["id"]))
        elif parcel.status == "revoked":
            run.revoked.add(parcel.about)
        return {f"status.{step.revokes or attempt.way.base}": parcel.status or "sent"}

    def _flag(self, run: PlainRun, facts: Facts) -> str:
        """What the whole file says of a protected identity, the more careful answer first."""
        mine = [one for one in self.runs.values() if (one.organisation, one.case) == (run.organisation, run.case)]
        said: list[Value] = []
        for one in mine:
            known = facts if one is run else one.facts
            asked = one.routine.protected_identity
            said += [known[name] for name in (asked, "identity.handed") if name is not None and name in known]
        words = [_word(one) for one in said]
        return "yes" if "yes" in words else "no" if words and set(words) == {"no"} else "unknown"

    def _receiver(self, run: PlainRun, kind: str | None, parcel: Parcel) -> str:
        if kind is not None:
            return next(name for name, one in self.library.organisations.organisations.items() if one.kind == kind)
        about = self.parcels[parcel.about or ""]
        return about.sender if parcel.about == run.origin else about.receiver

    def answered(self, event: Event) -> None:
        """A reply, or a consultation about an earlier hand-off, has arrived."""
        head, run = event.head, self.runs[event.head["run"]]
        hof = head.get("hof")
        assert hof is not None
        parcel = self.parcels.get(hof["id"])
        if parcel is None:  # nobody took a step that sent it: it must be the receipt of a hand-off that has arrived
            about = hof.get("about", "")
            assert about in self.receipts, "a reply arrived that nobody sent"
            self.receipts.remove(about)
            parcel = Parcel("reply", hof["org"], about, "received", self.parcels[about].flag, {})
        facts = {name: value for name, value in parcel.facts.items() if name.partition(".")[2] in run.routine.handed}
        mine = next((step for step, id in run.sent if id == parcel.about), None)
        if mine is None and parcel.status is not None and run.origin == parcel.about:
            mine = "open"
        if mine is not None and parcel.status is not None and parcel.about not in run.revoked:
            facts[f"status.{mine}"] = parcel.status
            # Where two answers came, the later one holds.
            (run.rejected.add if parcel.status == "rejected" else run.rejected.discard)(parcel.about or "")
        if parcel.flag == "yes":
            kept = _kept(run.routine)
            if kept is not None and run.facts.get(kept) != "yes":
                facts[kept] = "yes"
            facts["identity.handed"] = "yes"
        given = cast("Facts", (event.body or {}).get("facts", {}))
        assert given == facts, "a reply did not bring what was sent"
        run.facts.update(given)

    # ---- always -----------------------------------------------------------------------------------------------------

    def stands(self, organisation: str, case: str) -> None:
        """Every run of a case is as the model says, and can still come to an end."""
        live = self.live(organisation, case)
        mine = {run.id: run for run in self.runs.values() if run.case == case and run.organisation == organisation}
        assert live.runs.keys() == mine.keys(), "a run came or went without a record"
        count = len(list(self.engine.store.case_records(organisation, case)))
        assert live.version == count, "the version is not the number of records"
        for run in live.runs.values():
            _same(mine[run.id], run)
            rules = self.library.pinned(run.rules)
            assert rules is not None
            assert run.state in reaches_end(rules), f"no end can be reached from {run.state}"

    def audit(self, organisation: str) -> None:
        """The log verifies, every case replays, and the deadline index is what a rebuild makes."""
        store = self.engine.store
        assert (faults := self.engine.verify(organisation)) == [], f"the log does not verify: {faults}"
        auditor = Actor("auditor", roles={"auditor"}, unit="audit", organisation=organisation)
        for case in list(store.cases(organisation)):
            replay = self.engine.replay(case, actor=auditor)
            assert replay.sound, [(one.version, one.trigger, one.kind) for one in replay.steps] + list(replay.faults)
            rows, log = list(store.case_records(organisation, case)), self.origin(organisation)
            assert fold(opened(row, self.engine.keys, log, case) for row in rows) == self.live(organisation, case)
        index = store.deadlines(organisation)
        self.engine.rebuild(organisation)
        assert store.deadlines(organisation) == index, "the deadline index is not what a rebuild makes"
        self.new_rows(organisation)


def motor_equals_table(rules: Rules) -> None:
    """Every step of the table, fired by the motor, leads where the table says."""
    for state, moves in rules.moves.items():
        for trigger, move in moves.items():
            for number, branch in enumerate(move.branches):
                assert motor(rules).fire(state, trigger, number) == branch.target, (
                    f"the motor leads elsewhere than the table: {trigger} from {state}, branch {number}"
                )


_ENDS: dict[str, frozenset[str]] = {}


def reaches_end(rules: Rules) -> frozenset[str]:
    """The states from which steps lead to an end."""
    if rules.digest not in _ENDS:
        found = {name for name, spot in rules.spots.items() if spot.ends}
        while True:
            moves = rules.moves.items()
            more = {name for name, out in moves for move in out.values() if found & set(move.targets)} - found
            if not more:
                break
            found |= more
        _ENDS[rules.digest] = frozenset(found)
    return _ENDS[rules.digest]


def _roles(way: Way, actor: Actor) -> frozenset[str]:
    eyes = way.step.four_eyes
    second = way.kind in {"approve", "reject", "review"} and eyes is not None
    return allowed(frozenset(eyes.by if second and eyes is not None else way.step.by), actor.roles)


def _tells(one: Reason, objection: Objection) -> bool:
    return one.code in objection.codes and (objection.about in {None, one.about} or one.about is None)


def _bare(case: Case) -> Iterator[object]:
    runs = case.runs.values()
    return cast(
        "Iterator[object]", [case.version, *((run.id, run.state, run.due, run.ended, run.owed) for run in runs)]
    )


def _same(run: PlainRun, live: Run) -> None:
    """The live run is as the model says."""
    assert live.state == run.state, "a state moved without a record"
    assert (live.person, live.holder) == (run.person, run.holder), "the case is about or with somebody else"
    assert live.ended == run.ended, "the run ended at another time"
    assert live.facts == run.facts, "the facts are not those that were answered"
    assert live.owed == run.owed, "what is owed is not what the steps taken say"
    assert set(live.due) == run.running, f"deadlines that run are not those that should: {set(live.due) ^ run.running}"
    pending = (live.pending.actor, dict(live.pending.form)) if live.pending is not None else None
    assert pending == run.proposed, "what waits for a second person is not what was proposed"
    for name, due in live.due.items():
        deadline = run.routine.deadlines[name]
        critical = run.facts.get(deadline.or_before or "")
        assert not isinstance(critical, str) or due.critical == critical, f"{name}: the critical time was lost"
        assert due.shown <= min(due.internal, due.critical or due.internal), f"{name}: shown later than it is"


def _arrived(routine: Routine, parcel: Parcel, at: str) -> dict[str, Value]:
    """The answers with which a hand-off should open its routine."""
    form, receives = routine.opens.form, routine.receives
    assert receives is not None and receives.kind == parcel.kind, "a hand-off opened a routine that does not take it"  # noqa: PT018
    asked = routine.forms[form].fields if form is not None else {}
    facts = {fact: value for fact, value in parcel.facts.items() if fact.removeprefix(f"{form}.") in asked}
    facts |= {f"{form}.{name}": value for name, value in receives.sets.items()}
    if receives.arrived is not None:
        facts[f"{form}.{receives.arrived}"] = at
    if receives.protected_identity is not None:
        facts[f"{form}.{receives.protected_identity}"] = parcel.flag
    return facts


def _kept(routine: Routine) -> str | None:
    """The answer in which a routine keeps the flag of what it received."""
    name = routine.receives.protected_identity if routine.receives is not None else None
    return f"{routine.opens.form}.{name}" if name is not None else None


def _word(said: Value) -> str:
    return said if isinstance(said, str) else {True: "yes", False: "no"}.get(cast("bool", said), "unknown")


def _parcel(run: PlainRun, attempt: Attempt, known: str) -> Parcel | None:
    """What a step should send; ``known`` is what the file says of the identity of the person it is about."""
    step, facts = attempt.way.step, plain.seen(run, attempt)
    latest = {name: id for name, id in run.sent}  # noqa: C416 - the later of the same name wins
    if step.handoff is not None:
        hand = step.handoff
        asked = run.routine.protected_identity
        another = hand.protected_identity not in {None, asked} and (asked is not None or known != "yes")
        flag = _word(facts.get(hand.protected_identity or "")) if another else known
        carried = plain.carried(hand.carries, facts)
        about = latest[hand.about] if hand.about is not None else None
        return Parcel(hand.kind, run.organisation, about, None, flag, carried)
    if step.reply is not None:
        carried = {f"handed.{name}": value for name, value in plain.carried(step.reply.carries, facts).items()}
        gone = run.revoked | run.rejected
        on = [id for name, id in run.sent if name in step.reply.about and id not in gone]
        if run.origin is not None:
            return Parcel("reply", run.organisation, run.origin, step.reply.status, known, carried)
        return Parcel("reply", run.organisation, on[-1], None, known, carried) if on else None
    if step.revokes is not None:
        return Parcel("reply", run.organisation, latest[step.revokes], "revoked", known, {})
    return None


__all__ = ["Parcel", "Picture", "Witness", "day_of", "motor_equals_table", "reaches_end", "text_of"]
