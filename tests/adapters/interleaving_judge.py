"""The judge of an interleaving: goes through what was stored, and asks of every answer whether it could have been."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple, cast

import orjson

from stegvis.adapters.testing import plain
from stegvis.adapters.testing.clock import START, SeededEntropy
from stegvis.adapters.testing.plain import Attempt, Objection, PlainRun, Way
from stegvis.adapters.testing.truth import text_of
from stegvis.adapters.testing.witness import Witness
from stegvis.engine.answers import Receipt
from stegvis.engine.engine import Engine
from stegvis.engine.evolve import evolve
from stegvis.engine.instants import moment_of
from stegvis.engine.ports import RecordRow, Store
from stegvis.engine.sealing import opened
from stegvis.engine.values import Actor, Event
from stegvis.routines.library import Library

from .interleavings import CLOCK, SCHOOL, SECRET, SOCIAL, Asked, Did, Kind, Line, Plan, Said, Story


class Stood(NamedTuple):
    """Where things stood after a commit."""

    run: PlainRun
    version: int
    at: str
    actor: str
    ahead: int
    """Of the clock that wrote it."""
    passed: int


class Judge:
    """Goes through a story commit by commit, then asks of every answer whether it could have been."""

    def __init__(self, library: Library, store: Store, story: Story, plan: Plan) -> None:
        self.engine = Engine(library, store, clock=lambda: START + timedelta(days=400), entropy=SeededEntropy(99))
        self.witness = Witness(self.engine, SECRET)
        self.library, self.store, self.story, self.plan = library, store, story, plan
        self.rows: dict[str, list[tuple[int, RecordRow]]] = {}
        self.stood: list[Stood] = []
        """Where the case stood before the first commit, and after each."""
        self.receipts: dict[Asked, Receipt] = {}
        self.did: dict[Asked, Did] = {}
        """Keyed commands that were taken."""

    def judge(self) -> None:
        """Find whatever should not be so."""
        self.rows = {name: list(self.store.log(name, after=after)) for name, after in self.story.sizes.items()}
        self.replay()
        self.every_answer_could_have_been()
        self.the_log_holds_that_and_no_more()
        self.what_stands_is_what_was_logged()

    # -- what was accepted, one after the other

    def replay(self) -> None:
        for did in self.story.before:
            self.follow(did, {row.id: row for row in self.store.case_records(did.organisation, did.case)})
        self.did.clear()
        del self.stood[:-1]
        rows = {row.id: row for log in self.rows.values() for _, row in log}
        for did in self.story.commits:
            assert set(did.records) <= rows.keys(), "what was committed is not in the log"
            self.follow(did, rows)

    def follow(self, did: Did, rows: Mapping[str, RecordRow]) -> None:
        witness, by, case = self.witness, did.by, self.story.case
        key = f"{did.organisation}/{did.case}"
        for id in did.records:
            row = rows[id]
            event = opened(row, self.engine.keys, witness.origin(did.organisation), did.case)
            before = witness.folded.get(key)
            version = before.version if before else 0
            told = by.command.expect in {None, version} or id != did.records[0]
            assert told, "a step was taken on another version than the one that was looked at"
            assert row.cseq == version + 1, "a commit did not follow on the one before it"
            witness.folded[key] = evolve(before, event)
            self.event(did, event)
        stands = witness.folded[f"{SCHOOL}/{case.id}"]
        run = _copy(witness.runs[case.run])
        ahead = self.plan.ahead[by.worker] if did.case == case.id else self.stood[-1].ahead
        passed = did.at if did.case == case.id else self.stood[-1].passed
        self.stood.append(Stood(run, stands.version, stands.at, stands.actor, ahead, passed))
        if by.command.line.kind in {"open", "beside", "take", "correct"}:
            assert by not in self.did, "one command was taken twice"
            self.did[by] = did

    def event(self, did: Did, event: Event) -> None:
        head, witness, line = event.head, self.witness, did.by.command.line
        assert head["type"] in TYPES[line.kind], f"{line.kind} made a record of type {head['type']}"
        if line.kind not in {"tick", "deliver"}:
            assert head["actor"] == line.actor.id, "a step was recorded in somebody else's name"
        match head["type"]:
            case "case.open" | "run.open":
                known = [one.origin for one in witness.runs.values() if one.origin is not None]
                if line.kind == "deliver":
                    # It arrived when it was taken up, a moment before it was judged.
                    arrived = str(cast("Mapping[str, Any]", (event.body or {})["facts"])["seen.received"])
                    assert arrived <= head["at"], "a hand-off was received before it arrived"
                    taken_up = event._replace(head=cast("Any", {**head, "at": arrived}))
                    run = witness.opening(taken_up, None, CLOCK, missing=False)
                    assert run.origin not in known, "a hand-off was received twice"
                else:
                    routine = self.library.versions[line.name][0].routine
                    attempt = self.attempt(line, PlainRun("", "", SCHOOL, routine, head["at"]), head["at"])
                    witness.opening(event, attempt, line.actor, missing=False)
            case "transition":
                run = witness.runs[head["run"]]
                attempt = self.attempt(line, run, head["at"])
                witness.step(run, event, attempt, missing=_missing(self.library, run, attempt))
            case "correction":
                run = witness.runs[head["run"]]
                given = cast("Mapping[str, Any]", (event.body or {})["facts"])
                assert given == line.form, "what was corrected is not what was said"
                run.facts.update(given)
            case "handoff.answered":
                witness.answered(event)
            case _:
                pass

    def attempt(self, line: Line, run: PlainRun, at: str) -> Attempt:
        way = plain.opening(run.routine) if not run.state else plain.ways(run.routine, run.state).get(line.name)
        assert way is not None, f"{line.name} was taken in {run.state}, where it does not exist"
        return self._attempt(way, line, run, at)

    def _attempt(self, way: Way, line: Line, run: PlainRun, at: str) -> Attempt:
        form, _ = plain.fields_of(self.library, run.routine, way, moment_of(at))
        given = {f"{form}.{name}": value for name, value in line.form.items()}
        return Attempt(way, line.actor, given, {}, moment_of(at), {})

    # -- what was answered

    def every_answer_could_have_been(self) -> None:
        for asked in self.story.asked:
            if asked.said is None:
                continue
            mine = self.did.get(asked)
            key = self.accepted(asked)
            match asked.said.kind:
                case "done":
                    self.receipt(asked, asked.said.receipt, key)
                case "count":
                    self.counted(asked, asked.said)
                case _:
                    assert mine is None, f"{asked.said.kind} was answered to what was stored"
                    self.refusal(asked, asked.said, key)

    def accepted(self, asked: Asked) -> tuple[int, Did] | None:
        """The commit that took the command's key, and its place."""
        line, key, _ = asked.command
        for place, did in enumerate(self.story.commits, 1):
            other = did.by.command
            if did.by in self.did and (other.line.actor.id, other.key) == (line.actor.id, key):
                return place, did
        return None

    def receipt(self, asked: Asked, receipt: Receipt | None, key: tuple[int, Did] | None) -> None:
        assert receipt is not None
        assert key is not None, "a receipt tells of what was never stored"
        place, did = key
        assert did.by.command[:2] == asked.command[:2], "a key got the receipt of another command"
        assert place <= asked.ended, "a receipt was there before its commit"
        folded = self.witness.folded[f"{did.organisation}/{did.case}"]
        assert receipt.id == did.case
        assert receipt.record == did.records[-1], "a receipt names another record"
        rows = [row for _, row in self.rows[SCHOOL] if row.id == receipt.record]
        assert len(rows) == 1, "a receipt's record is not in the log exactly once"
        assert receipt.version == rows[0].cseq, "a receipt tells another version"
        assert receipt.version <= folded.version
        state = self.stood[place].run.state if receipt.run == self.story.case.run else "lit"
        assert receipt.state == state, "a receipt tells another state"
        again = self.receipts.setdefault(did.by, receipt)
        assert receipt == again, "the same command got another answer the second time"

    def counted(self, asked: Asked, said: Said) -> None:
        mine = [did for did in self.story.commits if did.by is asked]
        match asked.command.line.kind:
            case "tick":
                assert said.number == len(mine), "the clock counted other cases than it changed"
            case "verify":
                assert not said.number, f"a log in use does not verify: {said.reasons}"
            case _:
                pass

    def refusal(self, asked: Asked, said: Said, key: tuple[int, Did] | None) -> None:
        last = asked.ended
        if key is not None:
            place, did = key
            same = did.by.command[:2] == asked.command[:2]
            if said.kind == "reused":
                assert not same, "a command is told that its own key was used"
                assert place <= asked.ended
                return
            assert place > asked.begun or said.kind == "bad", "a key that was taken before was judged anew"
            # As it was before the key was taken: after that, its answer is the only one.
            last = min(last, place - 1)
        assert said.kind != "reused", "a key that nobody used was told to be used"
        moments = [self.stood[place] for place in range(asked.begun, last + 1)]
        assert any(self.right(asked, said, moment) for moment in moments), (
            f"{asked.command.line.kind} {asked.command.line.name} was answered {said.kind} {list(said.reasons)}"
            f" {dict(said.details)}, which was right at no moment since it was asked"
        )

    def right(self, asked: Asked, said: Said, stood: Stood) -> bool:
        line, _, expect = asked.command
        if said.kind == "stale":
            told = {"version": stood.version, "at": stood.at, "actor": stood.actor}
            return dict(said.details) == told and expect is not None and expect != stood.version
        if said.kind == "bad":
            behind = text_of(START + timedelta(microseconds=stood.passed, seconds=self.plan.ahead[asked.worker]))
            return said.details == {"reason": "clock_going_back", "last": stood.at} and behind < stood.at
        if expect is not None and expect != stood.version:
            return False
        objections = self.objections(line, stood.run, asked)
        codes = [code for code, _ in said.reasons]
        if not line.sound:
            return True
        return bool(objections) and all(one.codes & set(codes) for one in objections)

    def objections(self, line: Line, run: PlainRun, asked: Asked) -> list[Objection]:
        """What the model says stands in the way."""
        at = text_of(START + timedelta(microseconds=self.story.passed))
        if line.kind in {"open", "beside"}:
            routine = self.library.versions[line.name][0].routine
            new = PlainRun("", "", SCHOOL, routine, at)
            return list(plain.who_objects(new, plain.opening(routine), line.actor))
        if line.kind == "correct":
            found = [] if line.actor.roles & set(run.routine.correct.by) else [Objection(frozenset({"role"}))]
            return found + [Objection(frozenset({"nothing_to_correct"})) for fact in line.form if fact not in run.facts]
        way = plain.ways(run.routine, run.state).get(line.name)
        if way is None:
            return [Objection(frozenset({"not_here", "ended", "unknown_step"}))]
        attempt = self._attempt(way, line, run, at)
        found = [*plain.who_objects(run, way, line.actor), *plain.guards_object(run, attempt)]
        if _missing(self.library, run, attempt) and not way.step.complete_later:
            found.append(Objection(frozenset({"missing"})))
        return found

    # -- what is stored

    def the_log_holds_that_and_no_more(self) -> None:
        chained = Counter(id for did in self.story.commits for id in did.records)
        denied: Counter[str] = Counter()
        for name, log in self.rows.items():
            begun = self.story.sizes[name] + 1
            assert [index for index, _ in log] == list(range(begun, begun + len(log)))
            for _, row in log:
                said = cast("dict[str, Any]", orjson.loads(row.body))
                if row.cseq is not None:
                    chained[row.id] -= 1
                    assert chained[row.id] == 0, "a record is in the log that no commit put there, or twice"
                else:
                    assert said["type"] == "transition.denied", "something else was noted than a refusal"
                    denied[said["actor"]] += 1
                assert SECRET.encode() not in row.body + (row.payload or b"")
        assert not any(chained.values())
        refused = Counter(
            one.command.line.actor.id for one in self.story.asked if one.said is not None and one.said.kind == "refused"
        )
        cut_off = Counter(one.command.line.actor.id for one in self.story.asked if one.said is None)
        for actor in {*denied, *refused}:
            noted = denied[actor] - refused[actor]
            assert 0 <= noted <= cut_off[actor], "a refusal left another trace than one access record"
        taken = {(did.by.command.line.actor.id, did.by.command.key) for did in self.did.values()}
        for asked in self.story.asked:
            line, key, _ = asked.command
            known = self.store.answer(SCHOOL, line.actor.id, key)
            assert known is None or (line.actor.id, key) in taken, "a key was used up by what was not accepted"
            assert known is not None or (line.actor.id, key) not in taken, "a key was not kept with what was accepted"

    def what_stands_is_what_was_logged(self) -> None:
        witness, engine = self.witness, self.engine
        for key, folded in witness.folded.items():
            organisation, _, case = key.partition("/")
            assert witness.live(organisation, case) == folded, "the fold of the log is not the live case"
            witness.stands(organisation, case)
            rows = list(self.store.case_records(organisation, case))
            assert len({(row.id, row.cseq) for row in rows}) == folded.version, "the version counts something else"
            auditor = Actor("auditor", roles={"auditor"}, unit="audit", organisation=organisation)
            replay = engine.replay(case, actor=auditor)
            assert replay.sound, [(one.version, one.kind) for one in replay.steps] + list(replay.faults)
        for name in (SCHOOL, SOCIAL):
            assert (faults := engine.verify(name)) == [], f"the log does not verify: {faults}"
            index = self.store.deadlines(name)
            engine.rebuild(name)
            assert self.store.deadlines(name) == index, "the deadline index is not what a rebuild makes"
        for id, parcel in witness.parcels.items():
            assert self.store.sent(parcel.sender, id) is not None, (
                "a hand-off is recorded and was not put in the outbox"
            )


TYPES: Mapping[Kind, frozenset[str]] = {
    "open": frozenset({"case.open"}),
    "beside": frozenset({"run.open"}),
    "take": frozenset({"transition"}),
    "correct": frozenset({"correction"}),
    "tick": frozenset({"deadline"}),
    "deliver": frozenset({"case.open", "handoff.answered"}),
    "rebuild": frozenset(),
    "verify": frozenset(),
}


def _copy(run: PlainRun) -> PlainRun:
    return replace(
        run, facts=dict(run.facts), owed=dict(run.owed), running=set(run.running), sent=list(run.sent),
        revoked=set(run.revoked), trace=list(run.trace), entered=list(run.entered),
    )  # fmt: skip


def _missing(library: Library, run: PlainRun, attempt: Attempt) -> bool:
    form, fields = plain.fields_of(library, run.routine, attempt.way, attempt.now)
    return plain.left_out(run, fields, form, attempt)
