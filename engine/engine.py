"""Engine: the thin shell around the core. Load the case, decide, seal, store everything in one transaction, then tell.

One door: every change is a command through ``decide``. Asking (``guide``, ``explain``) goes through the same judgement,
has no effect on the case, and is noted in the access stream before anything is shown.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stegvis.routines.errors import BadInput, Broken, KeyReused, NotFound, Stale, StegvisError
from stegvis.routines.form import is_reference
from stegvis.routines.library import Library, restored
from stegvis.routines.periods import period
from stegvis.routines.rules import Rules

from . import messages
from .asking import Ask, asking
from .decide import CLOCK, decide, rules_of, run_of
from .evolve import fold
from .guide import Guide, guide
from .instants import local_day, text_of
from .judge import glance
from .ports import AnswerRow, Clock, Commit, DeadlineRow, Entropy, Loaded, OutboxRow, RecordRow, Sealer, Store
from .reasons import reason
from .replay import Replay, rejudge, step_of, with_rules
from .sealing import ChainHead, bound, seal, seal_access, unseal
from .snapshot import case_of, case_row, deadline_rows, run_row
from .values import Accepted, Actor, Case, Command, Denied, Event, Message, Reason, Run
from .verify import Fault, Place, opened, verify_case, verify_log

Telling = Callable[[str, Mapping[str, str | int]], None]
"""Told after each commit: what happened (a code) and open keys; never what somebody wrote."""


COMMANDS = "commands"
"""The unit whose key makes digests of commands."""


class Refused(StegvisError):
    """The routine says no; ``reasons`` holds every reason, each with what would remove it."""

    code = "refused"
    exit = 1

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons: tuple[Reason, ...] = tuple(reasons)
        super().__init__("refused", reasons=",".join(one.code for one in self.reasons))


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a step may be taken; every reason why not."""

    allowed: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an accepted command answers, the same each time its key is used.

    ``id`` is the case, ``state`` where the command's run stood after it.
    """

    id: str
    run: str
    version: int
    state: str
    record: str


def now_utc() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Engine:
    """Runs routines over a store.

    Args:
        library: the definitions, such as ``shipped()``.
        store: where the log and its indexes live.
        keys: seals what people wrote; the store's own keys when left out.
        clock, entropy: the machine's, unless a test says otherwise.
        tell: operational log, told after each commit.
    """

    def __init__(
        self,
        library: Library,
        store: Store,
        *,
        keys: Sealer | None = None,
        clock: Clock = now_utc,
        entropy: Entropy = os.urandom,
        tell: Telling | None = None,
    ) -> None:
        self.library = library
        self.store = store
        self.keys: Sealer = keys if keys is not None else store.keys
        self.clock = clock
        self.entropy = entropy
        self._tell = tell
        self._published: set[str] = set()
        self._restored: dict[str, Rules] = {}

    # ---- doing ----------------------------------------------------------------------------------------------------

    def open(
        self,
        routine: str,
        *,
        actor: Actor,
        form: Mapping[str, object],
        key: str,
        person: str | None = None,
        case: str | None = None,
        happened: datetime | None = None,
    ) -> Receipt:
        """Open a run of a routine, in a new case or in one that is there.

        Args:
            routine: the routine's id.
            actor: who opens it, as the host vouches for them.
            form: the opening form's answers by field name.
            key: idempotency key, the caller's own; the same key and content give the same answer.
            person: opaque key of the person the case is about.
            case: an open case of the same person; None for a new one.
            happened: when it happened, if earlier than now.

        Raises:
            Refused: with all the reasons. BadInput, NotFound, KeyReused, Stale, StoreError.
        """
        if person is not None and not is_reference(person):
            raise BadInput("not_a_reference", field="person")
        command = Command(kind="open", run="", trigger=routine, form=form, person=person, happened=_instant(happened))
        return self._do(command, actor, key, case)

    def take(
        self,
        case: str,
        trigger: str,
        *,
        actor: Actor,
        key: str,
        form: Mapping[str, object] | None = None,
        run: str | None = None,
        expect: int | None = None,
        seen: str | None = None,
        overrides: Mapping[str, str] | None = None,
        happened: datetime | None = None,
    ) -> Receipt:
        """Take a step.

        Args:
            case, trigger: which case, which step.
            actor, key, form, happened: as in ``open``.
            run: which run, where the case has several in which the step exists.
            expect: the version of the case that the actor looked at.
            seen: digest of the guide that stood on the screen.
            overrides: guard id -> reason, for a guard that the actor may step over.

        Raises:
            Refused: with all the reasons. Stale: the case has moved on; who and when.
            BadInput, NotFound, KeyReused, StoreError.
        """
        command = Command(
            kind="take",
            run=run or "",
            trigger=trigger,
            form=form or {},
            happened=_instant(happened),
            overrides=overrides or {},
            seen=seen,
        )
        return self._do(command, actor, key, case, expect=expect)

    def correct(
        self,
        case: str,
        facts: Mapping[str, object],
        *,
        reason: str,
        actor: Actor,
        key: str,
        run: str | None = None,
        expect: int | None = None,
    ) -> Receipt:
        """Correct answers (rättelse): the new ones point at the record of the old, which stays as it was.

        Raises:
            Refused, Stale, BadInput, NotFound, KeyReused, StoreError.
        """
        command = Command(kind="correct", run=run or "", trigger="correct", form=facts, reason=reason)
        return self._do(command, actor, key, case, expect=expect)

    def tick(self, organisation: str, now: datetime | None = None) -> int:
        """Let the clock run: remind, note what has passed, let lapse what lapses. The same instant twice does nothing.

        Returns:
            How many cases were changed.
        """
        moment = now if now is not None else self.clock()
        actor = Actor("clock", roles=CLOCK.roles, unit="clock", organisation=organisation)
        changed = 0
        for case in dict.fromkeys(row.case for row in self.store.deadlines(organisation, until=text_of(moment))):
            loaded, before = self._loaded(organisation, case)
            decision = decide(self._with(before), before, Command(kind="tick", run="", trigger="tick"), actor, moment)
            if isinstance(decision, Accepted) and decision.events:
                self._commit(actor, before, loaded, decision, None)
                changed += 1
        self.store.set_mark(organisation, "clock", text_of(moment))
        return changed

    # ---- asking ---------------------------------------------------------------------------------------------------

    def guide(self, case: str, *, actor: Actor, run: str | None = None) -> Guide:
        """What the actor sees of a run now. The look is noted before it is shown.

        Raises:
            Refused: ``unknown_case``, the same for a case that is not there and one of another organisation.
        """
        _, found = self._seen(case, actor)
        now = self.clock()
        one = self._run(found, run, None)
        looking = self._looking(found, one, actor, now)
        shown = guide(looking, found, clock=self.store.mark(actor.organisation, "clock"))
        self._note(actor, "read", now, case=case, run=one.id, seen=shown.digest)
        return shown

    def explain(
        self, case: str, trigger: str, *, actor: Actor, form: Mapping[str, object] | None = None, run: str | None = None
    ) -> Answer:
        """Whether a step may be taken, and every reason why not. Without ``form`` the answers are left open.

        Raises:
            Refused: ``unknown_case``. NotFound: ``unknown_run``.
        """
        _, found = self._seen(case, actor)
        now = self.clock()
        one = self._run(found, run, trigger)
        self._note(actor, "read", now, case=case, run=one.id, trg=trigger)
        reasons = self._reasons(found, self._looking(found, one, actor, now, trigger), form)
        return Answer(not reasons, tuple(reasons))

    def case(self, case: str, *, actor: Actor) -> Case:
        """Where the case stands: for tests, exports and the host's own pages. The look is noted.

        Raises:
            Refused: ``unknown_case``.
        """
        _, found = self._seen(case, actor)
        self._note(actor, "read", self.clock(), case=case)
        return found

    def due(self, actor: Actor, *, until: datetime | None = None) -> list[DeadlineRow]:
        """Running deadlines of the actor's organisation by when the clock next has something to do."""
        rows = self.store.deadlines(actor.organisation, until=text_of(until) if until is not None else None)
        self._note(actor, "search", self.clock(), trg="due")
        return rows

    # ---- proving --------------------------------------------------------------------------------------------------

    def replay(self, case: str, *, actor: Actor) -> Replay:
        """Read a case again from its log and judge every step anew. The look is noted first.

        Raises:
            Refused: ``unknown_case``.
        """
        _, found = self._seen(case, actor)
        self._note(actor, "read", self.clock(), case=case, trg="replay")
        organisation, log = actor.organisation, self.origin(actor.organisation)
        faults = [
            (fault.place, fault.code)
            for fault in verify_case(Place(self.store, self._with(found), self.keys, organisation, log), case)
        ]
        rows = list(self.store.case_records(organisation, case))
        events = [self._event(row, log, case) for row in rows]
        verdicts = rejudge(self._with(found), events)
        steps = tuple(
            step_of(row.id, event.head, verdict, kind)
            for row, event, (verdict, kind) in zip(rows, events, verdicts, strict=True)
        )
        after = fold(events)
        return Replay(
            case, steps, {run.id: run.state for run in after.runs.values()} if after is not None else {}, tuple(faults)
        )

    def _event(self, row: RecordRow, log: str, case: str) -> Event:
        try:
            return opened(row, self.keys, log, case)
        except StegvisError:
            return unseal(row.body, None)

    def verify(self, organisation: str) -> list[Fault]:
        """Check an organisation's log, payloads and indexes against each other; an empty list means all is well."""
        log = self.origin(organisation)
        faults = list(verify_log(self.store, organisation, log))
        for case in self.store.cases(organisation):
            loaded = self.store.load(organisation, case)
            assert loaded is not None  # noqa: S101 - just listed
            library = self._with_rules({run.rules for run in loaded.runs})
            faults.extend(verify_case(Place(self.store, library, self.keys, organisation, log), case))
        return faults

    def rebuild(self, organisation: str) -> int:
        """Make the deadline index anew from what the cases say; how many rows it has."""
        rows: list[DeadlineRow] = []
        for case in self.store.cases(organisation):
            _, found = self._loaded(organisation, case)
            library = self._with(found)
            rows.extend(row for run in found.runs.values() for row in deadline_rows(rules_of(library, run), case, run))
        self.store.replace_deadlines(organisation, rows)
        return len(rows)

    # ---- hand-offs ------------------------------------------------------------------------------------------------

    def deliver(self, organisation: str) -> int:
        """Deliver what waits in an organisation's outbox to receivers in the same store; idempotent.

        Returns:
            How many messages were delivered now.
        """
        sent = 0
        for row in self.store.outbox(organisation):
            self.receive(self._opened(organisation, row))
            self.store.delivered(organisation, row.id, text_of(self.clock()))
            sent += 1
        return sent

    def receive(self, message: Message) -> Receipt:
        """Take in a hand-off or a reply. The same message twice gives the same receipt."""
        actor = Actor("clock", roles=CLOCK.roles, unit="clock", organisation=message.receiver)
        if message.kind == "reply" or message.about is not None:
            case, run = self._linked(message)
            command = Command(kind="answered", run=run, trigger="answered", message=message)
            return self._do(command, actor, f"handoff-{message.id}", case)
        rules = self.library.routine(message.routine or "", local_day(self.clock()))
        command = Command(
            kind="receive",
            run="",
            trigger=rules.id,
            form=messages.opening_form(rules, message, text_of(self.clock())),
            message=message,
        )
        return self._do(command, actor, f"handoff-{message.id}", None)

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _do(
        self, command: Command, actor: Actor, key: str, case: str | None, *, expect: int | None = None, tries: int = 5
    ) -> Receipt:
        if not is_reference(key):
            raise BadInput("not_a_reference", field="key")
        asked = self._digest(actor.organisation, messages.command_bytes(command, case))
        known = self.store.answer(actor.organisation, actor.id, key)
        if known is not None:
            return self._again(known, asked, actor)
        now = self.clock()
        loaded, before = self._loaded_for(actor, case, command, now)
        if before is not None and expect is not None and expect != before.version:
            messages.stale(before)
        whole = self._whole(replace(command, digest=asked), before, actor, now)
        library = self._with(before)
        decision = decide(library, before, whole, actor, now)
        if isinstance(decision, Denied):
            self._denied(actor, now, whole, case, decision.reasons)
            raise Refused(decision.reasons)
        try:
            return self._commit(actor, before, loaded, decision, AnswerRow(actor.id, key, asked, "", 0, ""))
        except KeyReused:
            known = self.store.answer(actor.organisation, actor.id, key)
            if known is None:
                raise
            return self._again(known, asked, actor)
        except Stale:
            # Somebody was faster. Who did not say which version they looked at is judged anew on where the case stands.
            if expect is not None or case is None or tries == 0:
                raise
            return self._do(command, actor, key, case, tries=tries - 1)

    def _digest(self, organisation: str, said: bytes) -> str:
        """A digest that tells nothing: keyed, since a form of three boxes could be guessed from a bare one."""
        log = self.origin(organisation)
        self.keys.ensure(log, COMMANDS)
        return self.keys.mac(log, COMMANDS, said).hex()

    def _again(self, known: AnswerRow, asked: str, actor: Actor) -> Receipt:
        if known.digest != asked:
            raise KeyReused
        for row in self.store.case_records(actor.organisation, known.case, after=known.version - 1):
            run, state = messages.answered(row)
            return Receipt(known.case, run, known.version, state, known.record)
        raise Broken("answer_without_record")

    def _whole(self, command: Command, before: Case | None, actor: Actor, now: datetime) -> Command:
        """The command with everything the core may not make or look up itself."""
        fresh = self.entropy(16).hex()
        if command.kind in {"open", "receive"}:
            case = before.id if before is not None else self.entropy(16).hex()
            rules = self.library.routine(command.trigger, local_day(now))
            where = before if before is not None else actor.organisation
            outside = self._outside(rules, rules.opening.derived, where, command.person, now)
            return replace(command, fresh=fresh, run=self.entropy(16).hex(), case=case, outside=outside)
        if before is None:
            raise NotFound("unknown_case")
        run = self._run(before, command.run or None, command.trigger if command.kind == "take" else None)
        whole = replace(command, fresh=fresh, run=run.id, case=before.id)
        if command.kind == "correct":
            return replace(whole, corrects=self._record_of(before, run, command))
        rules = rules_of(self._with(before), run)
        move = rules.move(run.state, command.trigger)
        if move is None or not move.derived:
            return whole
        return replace(whole, outside=self._outside(rules, move.derived, before, run.person, now))

    def _record_of(self, case: Case, run: Run, command: Command) -> str | None:
        """The record that last answered the first corrected fact."""
        version = min((run.said[fact] for fact in command.form if fact in run.said), default=None)
        if version is None:
            return None
        for row in self.store.case_records(case.organisation, case.id, after=version - 1):
            return row.id
        return None

    def _outside(
        self, rules: Rules, derived: Sequence[str], case: Case | str, person: str | None, now: datetime
    ) -> dict[str, int]:
        """What derived facts need from other cases: how many earlier runs about the person ended so."""
        organisation, but = (case.organisation, case.id) if isinstance(case, Case) else (case, "")
        counted: dict[str, int] = {}
        for name in derived:
            one = rules.routine.derived[name].earlier
            if one is not None and person is not None:
                since = text_of(now - period(one.within))
                counted[name] = self.store.earlier(
                    organisation, person=person, routine=one.routine, states=one.ended, since=since, but=but
                )
        return counted

    def _loaded_for(
        self, actor: Actor, case: str | None, command: Command, now: datetime
    ) -> tuple[Loaded | None, Case | None]:
        if case is None:
            return None, None
        loaded = self.store.load(actor.organisation, case) if is_reference(case) or len(case) == 32 else None  # noqa: PLR2004
        if loaded is None:
            no = (reason(self.library, "unknown_case", "unknown"),)
            self._denied(actor, now, command, case, no)
            raise Refused(no)
        return loaded, case_of(loaded, self.keys, self.origin(actor.organisation), actor.organisation)

    def _seen(self, case: str, actor: Actor) -> tuple[Loaded, Case]:
        loaded, found = self._loaded_for(actor, case, Command(kind="take", run="", trigger="guide"), self.clock())
        assert loaded is not None and found is not None  # noqa: S101, PT018 - a case was asked for
        return loaded, found

    def _loaded(self, organisation: str, case: str) -> tuple[Loaded, Case]:
        loaded = self.store.load(organisation, case)
        if loaded is None:
            raise Broken("deadline_without_case")
        return loaded, case_of(loaded, self.keys, self.origin(organisation), organisation)

    def origin(self, organisation: str) -> str:
        """The name of an organisation's log.

        Raises:
            NotFound: ``unknown_organisation``.
        """
        found = self.library.organisations.organisations.get(organisation)
        if found is None:
            raise NotFound("unknown_organisation")
        return found.origin

    def _run(self, case: Case, run: str | None, trigger: str | None) -> Run:
        if run is not None:
            return run_of(case, run)
        open_runs = [one for one in case.runs.values() if one.ended is None] or list(case.runs.values())
        if trigger is not None and len(open_runs) > 1:
            library = self._with(case)
            open_runs = [
                one for one in open_runs if rules_of(library, one).move(one.state, trigger) is not None
            ] or open_runs[:1]
        if len(open_runs) > 1 and trigger is not None:
            raise BadInput("which_run", count=len(open_runs))
        return open_runs[-1] if trigger is None else open_runs[0]

    def _with(self, case: Case | None) -> Library:
        """The library, with the rules that the case's runs are pinned to, if need be from the store."""
        return self.library if case is None else self._with_rules({run.rules for run in case.runs.values()})

    def _with_rules(self, digests: set[str]) -> Library:
        gone = [wanted for wanted in digests if self.library.pinned(wanted) is None]
        if not gone:
            return self.library
        for wanted in gone:
            if wanted not in self._restored:
                self._restored[wanted] = self._restore(wanted)
        return with_rules(self.library, self._restored)

    def _restore(self, wanted: str) -> Rules:
        stored = self.store.definition(wanted)
        told = self.store.mark("", f"guidance-{wanted}")
        guidance = self.store.definition(told) if told is not None else None
        if stored is None or guidance is None:
            raise Broken("definition_missing", digest=wanted)
        return restored(stored[1], guidance[1], self.library.builtin)

    def _looking(self, case: Case, run: Run, actor: Actor, now: datetime, trigger: str = "guide") -> Ask:
        """An actor looking at a run, with what derived facts need looked up."""
        library = self._with(case)
        rules = rules_of(library, run)
        outside = self._outside(rules, tuple(rules.routine.derived), case, run.person, now)
        command = Command(kind="take", run=run.id, trigger=trigger, outside=outside)
        return asking(library, command, actor, now)

    def _reasons(self, case: Case, ask: Ask, form: Mapping[str, object] | None) -> Sequence[Reason]:
        run = run_of(case, ask.command.run)
        rules = rules_of(ask.library, run)
        move = rules.move(run.state, ask.command.trigger)
        if move is not None and form is None:
            return glance(ask, rules, move, run).reasons
        command = replace(ask.command, form=form or {}, fresh=self.entropy(16).hex(), case=case.id)
        decision = decide(ask.library, case, command, ask.actor, ask.now)
        return decision.reasons if isinstance(decision, Denied) else ()

    def _denied(
        self, actor: Actor, now: datetime, command: Command, case: str | None, reasons: Sequence[Reason]
    ) -> None:
        safe = case if case is not None and (is_reference(case) or len(case) == 32) else None  # noqa: PLR2004
        trigger = command.trigger if is_reference(command.trigger) else "?"
        self._note(actor, "transition.denied", now, case=safe, trg=trigger, why=sorted({one.code for one in reasons}))

    def _note(self, actor: Actor, kind: str, now: datetime, **more: object) -> None:
        """Write into the access stream, before anything is shown; an unknown organisation has no log to write to."""
        said: dict[str, object] = {
            "type": kind,
            "actor": actor.id,
            "unit": actor.unit,
            "org": actor.organisation,
            "at": text_of(now),
            "role": min(actor.roles) if actor.roles else None,
            **more,
        }
        head = {name: value for name, value in said.items() if value is not None}
        record = seal_access(head, self.origin(actor.organisation), self.entropy, self.clock)
        case = more.get("case")
        row = RecordRow(record.id, case if isinstance(case, str) else None, None, record.body, record.leaf, None, None)
        self.store.note(actor.organisation, [row])

    def _commit(
        self, actor: Actor, before: Case | None, loaded: Loaded | None, decision: Accepted, answer: AnswerRow | None
    ) -> Receipt:
        after = decision.case
        assert after is not None  # noqa: S101 - an accepted command has a case after it
        log = self.origin(actor.organisation)
        touched = list(dict.fromkeys(event.head["run"] for event in decision.events))
        for unit in touched if before is not None else [after.id, *touched]:
            self.keys.ensure(log, unit)
        records, leaf = self._records(decision.events, after, before, loaded, log)
        for event in decision.events:
            self._publish(event.head["def"], after)
        runs = [after.runs[run] for run in touched]
        changed = {
            run: {c["id"] for e in decision.events if e.head["run"] == run for c in e.head.get("due", ())}
            for run in touched
        }
        library = self._with(after)
        commit = Commit(
            organisation=actor.organisation,
            expected=before.version if before is not None else 0,
            case=case_row(after, leaf, self.keys, log),
            records=tuple(records),
            runs=tuple(run_row(run, self.keys, log, after.id) for run in runs),
            deadlines=tuple(
                row
                for run in runs
                if changed[run.id]
                for row in deadline_rows(rules_of(library, run), after.id, run, dict.fromkeys(changed[run.id]))
            ),
            closed=tuple((run.id, name) for run in runs for name in sorted(changed[run.id]) if name not in run.due),
            outbox=tuple(self._outbox(effect.message, after, touched[0], log) for effect in decision.effects),
            answer=answer._replace(case=after.id, version=after.version, record=records[-1].id)
            if answer is not None
            else None,
        )
        self.store.commit(commit)
        last = decision.events[-1].head
        if self._tell is not None:
            self._tell(
                last["type"],
                {"case": after.id, "run": last["run"], "version": after.version, "organisation": actor.organisation},
            )
        return Receipt(after.id, last["run"], after.version, after.runs[last["run"]].state, records[-1].id)

    def _records(
        self, events: Sequence[Event], after: Case, before: Case | None, loaded: Loaded | None, log: str
    ) -> tuple[list[RecordRow], bytes]:
        leaf = loaded.case.head if loaded is not None else None
        cseq = before.version if before is not None else 0
        rows: list[RecordRow] = []
        for event in events:
            record, payload = seal(event, ChainHead(log, after.id, cseq, leaf), self.entropy, self.clock)
            unit = event.head["run"]
            cell = self.keys.seal(log, unit, payload, bound(log, after.id, record.id))
            rows.append(RecordRow(record.id, after.id, record.cseq, record.body, record.leaf, unit, cell))
            leaf, cseq = record.leaf, cseq + 1
        assert leaf is not None  # noqa: S101 - at least one event
        return rows, leaf

    def _publish(self, rules_digest: str, case: Case) -> None:
        """Keep the canonical bytes of rules, guidance and law for ever, once."""
        if rules_digest in self._published:
            return
        rules = self._with(case).pinned(rules_digest)
        if rules is None:
            raise Broken("definition_missing", digest=rules_digest)
        self.store.publish(rules.digest, "rules", rules.rules_bytes)
        self.store.publish(rules.guidance, "guidance", rules.guidance_bytes)
        self.store.publish(self.library.law_digest, "law", self.library.law_bytes)
        self.store.set_mark("", f"guidance-{rules.digest}", rules.guidance)
        self._published.add(rules_digest)

    def _outbox(self, message: Message, case: Case, run: str, log: str) -> OutboxRow:
        self.keys.ensure(log, run)
        cell = self.keys.seal(log, run, messages.message_bytes(message), messages.bound_message(log, message.id))
        return OutboxRow(message.id, case.id, run, message.receiver, message.at, cell)

    def _opened(self, organisation: str, row: OutboxRow) -> Message:
        log = self.origin(organisation)
        return messages.message_of(self.keys.open(log, row.run, row.cell, messages.bound_message(log, row.id)))

    def _linked(self, message: Message) -> tuple[str, str]:
        """The case and run of the receiver that an earlier hand-off belongs to."""
        sent = self.store.sent(message.receiver, message.about or "")
        if sent is not None:
            return sent.case, sent.run
        opened = self.store.answer(message.receiver, CLOCK.id, f"handoff-{message.about}")
        if opened is None:
            raise NotFound("unknown_handoff")
        for row in self.store.case_records(message.receiver, opened.case, after=opened.version - 1):
            return opened.case, messages.answered(row)[0]
        raise Broken("answer_without_record")


def _instant(moment: datetime | None) -> str | None:
    return text_of(moment) if moment is not None else None
