"""Engine: the thin shell around the core. Load the case, decide, seal, store everything in one transaction, then tell.

One door: every change is a command through ``decide``. Asking (``guide``, ``explain``) goes through the same judgement,
has no effect on the case, and is noted in the access stream before anything is shown.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stegvis.routines.errors import BadInput, Broken, KeyReused, NotFound, Stale, StegvisError
from stegvis.routines.form import is_reference
from stegvis.routines.library import Library
from stegvis.routines.periods import period
from stegvis.routines.rules import Rules

from . import messages
from .asking import Ask, asking
from .decide import CLOCK, decide, rules_of, run_of
from .evolve import fold
from .files import HELD, Files, Held
from .guide import Guide, guide
from .instants import local_day, text_of
from .judge import glance, shown_to
from .ports import AnswerRow, Clock, DeadlineRow, Entropy, Sealer, Store
from .reasons import reason
from .replay import Replay, rejudge, step_of
from .sealing import unseal
from .snapshot import deadline_rows
from .values import Accepted, Actor, Case, Command, Denied, Message, Reason, Run
from .verify import Fault, Place, verify_case, verify_log

Telling = Callable[[str, Mapping[str, str | int]], None]
"""Told after each commit: what happened (a code) and open keys; never what somebody wrote."""


TRIES = 5
"""How often a command is judged anew when somebody else was faster."""

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
        self.files = Files(library, store, self.keys, clock, entropy)
        self._tell = tell
        self._known: set[Actor] = set()

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
            changed += self._tick(actor, case, moment)
        self.store.set_mark(organisation, "clock", text_of(moment))
        return changed

    def _tick(self, actor: Actor, case: str, moment: datetime) -> bool:
        for _ in range(TRIES):
            held = self.files.case(actor.organisation, case)
            if held is None:
                raise Broken("deadline_without_case")
            if text_of(moment) < held.case.at:
                return False  # somebody's clock is ahead of this one; the next tick finds the case again
            fresh = self.entropy(16).hex()
            command = Command(kind="tick", run="", trigger="tick", case=case, fresh=fresh)
            decision = decide(self.files.library_for(held.case), held.case, command, actor, moment)
            if not isinstance(decision, Accepted) or not decision.events:
                return False
            try:
                self._done(decision, self.files.commit(actor.organisation, held, decision, None), actor)
            except Stale:
                continue
            return True
        return False

    # ---- asking ---------------------------------------------------------------------------------------------------

    def guide(self, case: str, *, actor: Actor, run: str | None = None) -> Guide:
        """What the actor sees of a run now. The look is noted before it is shown.

        Raises:
            Refused: ``unknown_case``, the same for a case that is not there and one of another organisation.
        """
        found = self._seen(case, actor)
        now = self.clock()
        one = self._run(self.files.library_for(found), found, run, None)
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
        found = self._seen(case, actor)
        now = self.clock()
        one = self._run(self.files.library_for(found), found, run, trigger)
        self._note(actor, "read", now, case=case, run=one.id, trg=trigger)
        reasons = self._reasons(found, self._looking(found, one, actor, now, trigger), form)
        return Answer(not reasons, tuple(reasons))

    def case(self, case: str, *, actor: Actor) -> Case:
        """Where the case stands, for the host's own pages; answers that the actor may not read are left out.

        Raises:
            Refused: ``unknown_case``.
        """
        found = self._seen(case, actor)
        self._note(actor, "read", self.clock(), case=case)
        library = self.files.library_for(found)
        return found._replace(
            runs={run.id: shown_to(rules_of(library, run), run, actor) for run in found.runs.values()}
        )

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
        found = self._seen(case, actor)
        self._note(actor, "read", self.clock(), case=case, trg="replay")
        place = self._place(actor.organisation, self.files.library_for(found))
        faults = [(fault.place, fault.code) for fault in verify_case(place, case)]
        rows = list(self.store.case_records(actor.organisation, case))
        events = [self.files.event(row, actor.organisation, case) for row in rows]
        verdicts = rejudge(self.files.library_then, events)
        steps = tuple(
            step_of(row.id, event.head, *verdict) for row, event, verdict in zip(rows, events, verdicts, strict=True)
        )
        after = fold(events)
        return Replay(
            case, steps, {run.id: run.state for run in after.runs.values()} if after is not None else {}, tuple(faults)
        )

    def _place(self, organisation: str, library: Library) -> Place:
        return Place(self.store, library, self.keys, organisation, self.files.origin(organisation))

    def verify(self, organisation: str) -> list[Fault]:
        """Check an organisation's log, payloads and indexes against each other; an empty list means all is well."""
        faults = list(verify_log(self.store, organisation, self.files.origin(organisation)))
        for case in self.store.cases(organisation):
            faults.extend(verify_case(self._place(organisation, self._library_of(organisation, case)), case))
        return faults

    def _library_of(self, organisation: str, case: str) -> Library:
        """The library with the rules of the case's runs, as far as they are kept; verify says what is missing."""
        loaded = self.store.load(organisation, case)
        try:
            return self.files.with_rules(run.rules for run in loaded.runs) if loaded is not None else self.library
        except Broken:
            return self.library

    def rebuild(self, organisation: str) -> int:
        """Make the deadline index anew from what the cases say; how many rows it has."""
        rows: list[DeadlineRow] = []
        for case in self.store.cases(organisation):
            held = self.files.case(organisation, case)
            if held is not None:
                library, runs = self.files.library_for(held.case), held.case.runs.values()
                rows.extend(row for run in runs for row in deadline_rows(rules_of(library, run), case, run))
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
            try:
                self.receive(self.files.message(organisation, row))
            except StegvisError as error:
                # It stays in the outbox, and the others are not held up; ``tell`` hears of it each time.
                self._say("handoff.undelivered", {"handoff": row.id, "to": row.to, "code": error.reason})
                continue
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
        self,
        command: Command,
        actor: Actor,
        key: str,
        case: str | None,
        *,
        expect: int | None = None,
        tries: int = TRIES,
    ) -> Receipt:
        self._vouched(actor)
        # The engine's own keys hold random digits, a few of which in ten thousand look like a personal number.
        if command.message is None and not is_reference(key):
            raise BadInput("not_a_reference", field="key")
        asked = self._digest(actor.organisation, messages.command_bytes(command, case))
        known = self.store.answer(actor.organisation, actor.id, key)
        if known is not None:
            return self._again(known, asked, actor)
        now = self.clock()
        held = self._held(actor, case, command, now)
        before = held.case if held is not None else None
        if before is not None and expect is not None and expect != before.version:
            messages.stale(before)
        library = self.files.library_for(before)
        whole = self._whole(command._replace(digest=asked), library, before, actor, now)
        decision = decide(library, before, whole, actor, now)
        if isinstance(decision, Denied):
            self._denied(actor, now, whole, case, decision.reasons)
            raise Refused(decision.reasons)
        try:
            told = self.files.commit(actor.organisation, held, decision, AnswerRow(actor.id, key, asked, "", 0, ""))
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
        return self._done(decision, told, actor)

    def _done(self, decision: Accepted, told: AnswerRow, actor: Actor) -> Receipt:
        head = decision.events[-1].head
        said = {"case": told.case, "run": head["run"], "version": told.version, "organisation": actor.organisation}
        self._say(head["type"], said)
        state = decision.case.runs[head["run"]].state if decision.case is not None else ""
        return Receipt(told.case, head["run"], told.version, state, told.record)

    def _say(self, event: str, said: Mapping[str, str | int]) -> None:
        if self._tell is not None:
            self._tell(event, said)

    def _vouched(self, actor: Actor) -> None:
        """What a host says of an actor stands open in every record: keys and known roles, never a name.

        Raises:
            BadInput: ``not_a_reference`` (id, unit), ``unknown_role``, ``unknown_delegation``.
        """
        if actor in self._known:
            return
        for field, value in (("actor", actor.id), ("unit", actor.unit)):
            if not is_reference(value):
                raise BadInput("not_a_reference", field=field)
        roles = self.library.roles
        if not actor.roles <= roles.roles.keys():
            raise BadInput("unknown_role")
        if not actor.delegations <= roles.delegations.keys():
            raise BadInput("unknown_delegation")
        if len(self._known) >= HELD:
            self._known.clear()
        self._known.add(actor)

    def _digest(self, organisation: str, said: bytes) -> str:
        """A digest that tells nothing: keyed, since a form of three boxes could be guessed from a bare one."""
        log = self.files.origin(organisation)
        self.keys.ensure(log, COMMANDS)
        return self.keys.mac(log, COMMANDS, said).hex()

    def _again(self, known: AnswerRow, asked: str, actor: Actor) -> Receipt:
        """The answer that the same command got the first time."""
        if known.digest != asked:
            raise KeyReused
        rows = self.store.case_records(actor.organisation, known.case)
        events = [unseal(row.body, None) for row in rows if (row.cseq or 0) <= known.version]
        then = fold(events)
        if then is None or then.version != known.version:
            raise Broken("answer_without_record")
        run = events[-1].head["run"]
        return Receipt(known.case, run, known.version, then.runs[run].state, known.record)

    def _whole(self, command: Command, library: Library, before: Case | None, actor: Actor, now: datetime) -> Command:
        """The command with everything the core may not make or look up itself."""
        fresh = self.entropy(16).hex()
        if command.kind in {"open", "receive"}:
            case = before.id if before is not None else self.entropy(16).hex()
            rules = library.routine(command.trigger, local_day(now))
            outside = self._outside(rules, rules.opening.derived, actor.organisation, command.person, now)
            run = self.entropy(16).hex()
            return command._replace(fresh=fresh, run=run, case=case, outside=outside)
        if before is None:
            raise NotFound("unknown_case")
        run = self._run(library, before, command.run, command.trigger if command.kind == "take" else None)
        if command.kind == "correct":
            wrong = self._record_of(before, run, command)
            return command._replace(fresh=fresh, run=run.id, case=before.id, corrects=wrong)
        rules = rules_of(library, run)
        move = rules.move(run.state, command.trigger)
        outside = self._outside(rules, move.derived, actor.organisation, run, now) if move is not None else {}
        return command._replace(fresh=fresh, run=run.id, case=before.id, outside=outside)

    def _record_of(self, case: Case, run: Run, command: Command) -> str | None:
        """The record that last answered the first corrected fact."""
        version = min((run.said[fact] for fact in command.form if fact in run.said), default=None)
        if version is None:
            return None
        for row in self.store.case_records(case.organisation, case.id, after=version - 1):
            return row.id
        return None

    def _outside(
        self, rules: Rules, derived: Sequence[str], organisation: str, about: Run | str | None, now: datetime
    ) -> dict[str, int]:
        """What derived facts need from other runs: how many earlier ones about the person ended so."""
        person, but = (about.person, about.id) if isinstance(about, Run) else (about, "")
        counted: dict[str, int] = {}
        for name in derived:
            one = rules.routine.derived[name].earlier
            if one is not None and person is not None:
                since = text_of(now - period(one.within))
                counted[name] = self.store.earlier(
                    organisation, person=person, routine=one.routine, states=one.ended, since=since, but=but
                )
        return counted

    def _held(self, actor: Actor, case: str | None, command: Command, now: datetime) -> Held | None:
        """The case at hand; an unknown one and one of another organisation answer alike, and are noted alike."""
        if case is None:
            return None
        held = self.files.case(actor.organisation, case) if _is_id(case) else None
        if held is None:
            no = (reason(self.library, "unknown_case", "unknown"),)
            self._denied(actor, now, command, case, no)
            raise Refused(no)
        return held

    def _seen(self, case: str, actor: Actor) -> Case:
        self._vouched(actor)
        held = self._held(actor, case, Command(kind="take", run="", trigger="guide"), self.clock())
        assert held is not None  # noqa: S101 - a case was asked for
        return held.case

    def _run(self, library: Library, case: Case, run: str | None, trigger: str | None) -> Run:
        """The run that is meant: the one named, the only one open, or the only one in which the step exists."""
        if run:
            return run_of(case, run)
        runs = list(case.runs.values())
        if len(runs) > 1:
            runs = [one for one in runs if one.ended is None] or runs
        if trigger is None or len(runs) == 1:
            return runs[-1]
        able = [one for one in runs if rules_of(library, one).move(one.state, trigger) is not None]
        if len(able) > 1:
            raise BadInput("which_run", count=len(able))
        return (able or runs)[0]

    def _looking(self, case: Case, run: Run, actor: Actor, now: datetime, trigger: str = "guide") -> Ask:
        """An actor looking at a run, with what derived facts need looked up."""
        library = self.files.library_for(case)
        rules = rules_of(library, run)
        outside = self._outside(rules, tuple(rules.routine.derived), actor.organisation, run, now)
        command = Command(kind="take", run=run.id, trigger=trigger, outside=outside)
        return asking(library, command, actor, now)

    def _reasons(self, case: Case, ask: Ask, form: Mapping[str, object] | None) -> Sequence[Reason]:
        run = run_of(case, ask.command.run)
        rules = rules_of(ask.library, run)
        move = rules.move(run.state, ask.command.trigger)
        if move is not None and form is None:
            return glance(ask, rules, move, run).reasons
        command = ask.command._replace(form=form or {}, fresh=self.entropy(16).hex(), case=case.id)
        decision = decide(ask.library, case, command, ask.actor, ask.now)
        return decision.reasons if isinstance(decision, Denied) else ()

    def _denied(
        self, actor: Actor, now: datetime, command: Command, case: str | None, reasons: Sequence[Reason]
    ) -> None:
        safe = case if case is not None and _is_id(case) else None
        trigger = command.trigger if is_reference(command.trigger) else "?"
        self._note(actor, "transition.denied", now, case=safe, trg=trigger, why=sorted({one.code for one in reasons}))

    def _note(self, actor: Actor, kind: str, now: datetime, **more: object) -> None:
        """Write into the access stream, before anything is shown; an unknown organisation has no log to write to."""
        self._vouched(actor)
        said = {name: value for name, value in more.items() if value is not None}
        self.files.note(actor, {"type": kind, "at": text_of(now), **said})

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


def _is_id(case: str) -> bool:
    """Whether it can be the id of a case: anything else is not looked up, and not repeated in the log."""
    return len(case) == 32 and set(case) <= set("0123456789abcdef")  # noqa: PLR2004 - 128 bits in hex
