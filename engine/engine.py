"""Engine: the thin shell around the core. Load the case, decide, seal, store everything in one transaction, then tell.

One door: every change is a command through ``decide``. Asking (``guide``, ``explain``) goes through the same judgement,
has no effect on the case, and is noted in the access stream before anything is shown.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from stegvis.routines.errors import BadInput, Broken
from stegvis.routines.form import is_reference
from stegvis.routines.library import Library

from . import messages
from .answers import Answer, Receipt, Waiting
from .casewide import readable
from .corrections import of_command
from .decide import CLOCK, rules_of
from .desk import Desk, Telling
from .drafts import Draft, Drafts
from .files import Files
from .guide import Guide, guide
from .identity import identity_of, shown_to, sight
from .instants import local_day, text_of
from .links import Links
from .person_desk import Persons
from .ports import Clock, Entropy, Inbox, Sealer, Store, Transport
from .post import Collected, Post
from .values import Actor, Case, Command, Message

if TYPE_CHECKING:
    from .extracts import Extract, Extracts
    from .following import Following
    from .history import History
    from .oversight import Announced, Look, Oversight, Sample
    from .replay import Replay
    from .retelling import Retelling
    from .verify import Fault, Parts, Place

How: TypeAlias = Literal["read", "print", "export"]
"""What becomes of what is shown: it is read, printed (utskrift) or taken out of the system."""


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
        self.tell = tell
        self.files = Files(library, store, self.keys, clock, entropy)
        self._desk = Desk(self.files, tell)
        self._post = Post(self._desk, self.receive)
        self.drafts = Drafts(self._desk)
        self.links = Links(self._desk)
        self.persons = Persons(self._desk)

    def over(self, store: Store, tell: Telling | None) -> "Engine":
        """The same engine, with nothing at hand, over another view of its store.

        Args:
            store: what it works on; the keys stay those of this engine.
            tell: who is told instead.
        """
        entropy = self.files.entropy
        return Engine(self.library, store, keys=self.keys, clock=self.clock, entropy=entropy, tell=tell)

    @property
    def clock(self) -> Clock:
        """The clock that the engine was given."""
        return self.files.clock

    # What a step needs nothing of is loaded when somebody first asks for it.

    @cached_property
    def extracts(self) -> "Extracts":
        """What goes out to the parties of a case of its file."""
        from .extracts import Extracts  # noqa: PLC0415 - loaded when it is needed

        return Extracts(self._desk)

    @cached_property
    def following(self) -> "Following":
        """What surfaces that lead somebody through a routine ask for: lists of tasks, and forms as they are asked."""
        from .following import Following  # noqa: PLC0415 - as above

        return Following(self._desk)

    @cached_property
    def _oversight(self) -> "Oversight":
        from .oversight import Oversight  # noqa: PLC0415 - as above

        return Oversight(self._desk)

    @cached_property
    def _retelling(self) -> "Retelling":
        from .retelling import Retelling  # noqa: PLC0415 - as above

        return Retelling(self._desk, self.persons)

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
        return self._desk.do(command, actor, key, case)

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
        return self._desk.do(command, actor, key, case, expect=expect)

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

        Returns:
            A receipt whose ``rested`` names the steps that had rested on the old answers: a correction undoes nothing,
            so somebody has to look at them again.

        Raises:
            Refused, Stale, BadInput, NotFound, KeyReused, StoreError.
        """
        command = Command(kind="correct", run=run or "", trigger="correct", form=facts, reason=reason)
        receipt = self._desk.do(command, actor, key, case, expect=expect)
        mine = of_command(self._retelling.corrections(actor, case), receipt.version)
        return replace(receipt, rested=tuple(step for one in mine for step in one.rested))

    def change(
        self,
        case: str,
        kind: str,
        *,
        actor: Actor,
        key: str,
        form: Mapping[str, object] | None = None,
        reason: str | None = None,
        expect: int | None = None,
    ) -> Receipt:
        """Change something about the whole case, not about one run of it.

        Args:
            case, actor, key, expect: as in ``take``.
            kind: which change, see docs/access.md: ``name``, ``unname``, ``stand_in``, ``end_stand_in``, ``bias``,
                ``break_glass``, ``see_opening``; and docs/protected-identity.md: ``identity``, ``channel``.
            form: what it says, as those pages have it.
            reason: why, where it is asked for; kept sealed.

        Raises:
            Refused, Stale, BadInput, NotFound, KeyReused, StoreError.
        """
        readable(kind, reason)
        command = Command(kind="case", run="", trigger=kind, form=form or {}, reason=reason)
        return self._desk.do(command, actor, key, case, expect=expect)

    def draft(
        self, case: str, trigger: str, form: Mapping[str, object], *, actor: Actor, run: str | None = None
    ) -> Draft:
        """Keep what the actor has begun to answer, unchecked. See :meth:`stegvis.engine.drafts.Drafts.save`."""
        return self.drafts.save(case, trigger, form, actor=actor, run=run)

    def tick(self, organisation: str, now: datetime | None = None) -> int:
        """Let the clock run: remind, note what has passed, let lapse what lapses, sweep drafts that have expired.

        The same instant twice does nothing.

        Returns:
            How many cases were changed.

        Raises:
            NotFound: ``unknown_organisation``.
        """
        self.files.origin(organisation)
        moment = now if now is not None else self.clock()
        actor = Actor("clock", roles=CLOCK.roles, unit="clock", organisation=organisation)
        changed = 0
        for case in dict.fromkeys(row.case for row in self.store.deadlines(organisation, until=text_of(moment))):
            changed += self._desk.tick(actor, case, moment)
        self.store.sweep_drafts(organisation, text_of(moment))
        self.store.set_mark(organisation, "clock", text_of(moment))
        return changed

    # ---- asking ---------------------------------------------------------------------------------------------------

    def guide(
        self, case: str, *, actor: Actor, run: str | None = None, how: How = "read", reveal: Collection[str] = ()
    ) -> Guide:
        """What the actor sees of a run now. The look is noted before it is shown.

        Args:
            case, actor, run: which case, who looks, and which run where there are several.
            how: what becomes of it: it is read, printed or exported.
            reveal: facts to show though they could lead to somebody whose identity is, or may be, protected. Each is
                noted by name before it is shown.

        Raises:
            Refused: ``unknown_case``, the same for a case that is not there, one of another organisation, and one that
                the actor may not know of; ``barred``, ``bias_first``, ``qualified``; ``no_reveal``, ``no_such_answer``.
        """
        seen = self._desk.seen(case, actor)
        one = self._desk.lookups.run(self.files.library_for(seen.case), seen.case, run, None)
        looking = self._desk.looking(seen, one, actor)
        corrected = self._retelling.corrections(actor, case) if one.corrected else ()
        asked = self._desk.revealed(seen, [one], reveal, actor) if reveal else None
        clock = self.store.mark(actor.organisation, "clock")
        shown = guide(looking, seen.case, clock=clock, corrected=corrected, reveal=asked)
        self._desk.look(seen, actor, how, run=one.id, seen=shown.digest, fld=asked)
        return shown

    def explain(
        self, case: str, trigger: str, *, actor: Actor, form: Mapping[str, object] | None = None, run: str | None = None
    ) -> Answer:
        """Whether a step may be taken, and every reason why not. Without ``form`` the answers are left open.

        Raises:
            Refused: as ``guide``. NotFound: ``unknown_run``.
        """
        seen = self._desk.seen(case, actor)
        one = self._desk.lookups.run(self.files.library_for(seen.case), seen.case, run, trigger)
        self._desk.look(seen, actor, "read", run=one.id, trg=trigger if is_reference(trigger) else "?")
        reasons = self._desk.reasons(seen.case, self._desk.looking(seen, one, actor, trigger), form)
        return Answer(not reasons, tuple(reasons))

    def case(self, case: str, *, actor: Actor, how: How = "read", reveal: Collection[str] = ()) -> Case:
        """Where the case stands, for the host's own pages. Answers that the actor may not read are left out.

        So are, where the identity is or may be protected, those that could lead to the person, but for ``reveal``.

        Raises:
            Refused: as ``guide``.
        """
        seen = self._desk.seen(case, actor)
        found, library = seen.case, self.files.library_for(seen.case)
        runs = list(found.runs.values())
        asked = self._desk.revealed(seen, runs, reveal, actor) if reveal else None
        self._desk.look(seen, actor, how, fld=asked)
        identity = identity_of(library, found)
        look = sight(identity, asked or ())
        shown = {run.id: shown_to(rules_of(library, run), run, actor, look) for run in runs}
        return found._replace(identity=identity, channels={}, runs=shown, access=found.access._replace(links={}))

    def due(self, actor: Actor, *, until: datetime | None = None) -> list[Waiting]:
        """Running deadlines of the cases that the actor may see, by when the clock next has something to do.

        Each case shown is noted, all of them together, before the list is given.
        """
        last, now = text_of(until) if until is not None else None, self.clock()
        rows = [row for row in self.store.deadlines(actor.organisation, until=last) if row.run != row.case]
        grounds = self._desk.listed((row.case for row in rows), actor, now, "work")
        self._desk.looks("due", grounds, actor, now)
        return self.persons.waiting(actor, [row for row in rows if row.case in grounds])

    def extract(self, case: str, *, party: str, actor: Actor, partial: bool = False) -> "Extract":
        """What goes out to a party of its own file. See :meth:`stegvis.engine.extracts.Extracts.extract`."""
        return self.extracts.extract(case, party=party, actor=actor, partial=partial)

    # ---- proving --------------------------------------------------------------------------------------------------

    def replay(self, case: str, *, actor: Actor) -> "Replay":
        """Read a case again from its log and judge every step anew. The look is noted first.

        Raises:
            Refused: as ``guide``.
        """
        return self._retelling.replay(case, actor=actor)

    def history(
        self,
        case: str,
        *,
        actor: Actor,
        after: Sequence[int] = (),
        happened: datetime | None = None,
        known: datetime | None = None,
        between: tuple[datetime, datetime] | None = None,
    ) -> "History":
        """A case read again from its log as ``replay`` does, every step told whole. The look is noted first.

        Args:
            case, actor: which case, and who reads.
            after: versions after which to tell where the case stood.
            happened: tell where it stood by what had happened at that instant, with all that is known now.
            known: tell where it stood by what was known at that instant; with ``happened``, by what was known then of
                what had happened.
            between: two instants to tell the difference between, on the one clock and on the other.

        Raises:
            Refused: as ``guide``. BadInput: ``naive_instant``.
        """
        from .past import Clocks  # noqa: PLC0415 - as above
        from .retelling import Wanted  # noqa: PLC0415 - as above

        clocks = Clocks(_instant(happened), _instant(known)) if happened is not None or known is not None else None
        both = (text_of(between[0]), text_of(between[1])) if between is not None else None
        return self._retelling.history(case, Wanted(after, clocks, both), actor=actor)

    def who(self, case: str, *, actor: Actor) -> "list[Look]":
        """Who has looked at a case, acted in it or been refused it, in order of time. The look is noted first.

        Raises:
            Refused: as ``guide``; ``role``, for who may see the case and not who has looked.
        """
        return self._oversight.who(case, actor)

    def sample(
        self, *, actor: Actor, count: int = 20, seed: int | None = None, since: datetime | None = None
    ) -> "Sample":
        """Draw a sample of all looks in the actor's organisation; the seed is noted, so that anybody can draw it again.

        Raises:
            Refused: ``role``. BadInput: ``out_of_range`` (count).
        """
        return self._oversight.sample(actor, count=count, seed=seed, since=since)

    def take_out(self, what: str, make: Callable[[], str], *, actor: Actor, case: str | None = None) -> str:
        """Let an auditor take the organisation's log out of the system; noted with its digest before anybody has it.

        Args:
            what: kind of what is made, as a code.
            make: makes it where nobody sees it yet, and answers its SHA-256.
            actor: who takes it out.
            case: the case that it is of, where it is of one alone; ``make`` raises when there is no such case.

        Returns:
            The digest, once it is noted.

        Raises:
            Refused: ``role``; nothing was made. StoreError: it is not noted, and must not be handed over.
        """
        return self._oversight.take_out(what, make, actor, case)

    def openings(self, *, actor: Actor, reveal: bool = False) -> "list[Announced]":
        """The opened glass that somebody in the actor's place is still to look at, each with its reason.

        The reason is held back where the identity is, or may be, protected, unless ``reveal`` asks for it.

        Raises:
            Refused: ``role``.
        """
        return self._oversight.openings(actor, reveal=reveal)

    def _place(self, organisation: str, library: Library) -> "Place":
        from .verify import Place  # noqa: PLC0415 - as above

        return Place(self.store, library, self.keys, organisation, self.files.origin(organisation))

    def verify(
        self, organisation: str, *, parts: "Parts | None" = None, cases: Iterable[str] | None = None
    ) -> "list[Fault]":
        """Check an organisation's log, payloads and indexes against each other; an empty list means all is well.

        Args:
            parts: who reads the log itself, when not this process: see :func:`stegvis.engine.verify.verify_log`.
            cases: those that are opened; all of them otherwise.
        """
        from .verify import verify_case, verify_log  # noqa: PLC0415 - as above

        faults = list(verify_log(self.store, organisation, self.files.origin(organisation), parts=parts))
        for case in self.store.cases(organisation) if cases is None else cases:
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
        """Make the deadline index anew from what the cases say, case by case; how many rows it has.

        People may go on working meanwhile. A case whose index is right is left alone.
        """
        # The index first: a case that is opened after that is not taken for one that is gone.
        indexed = [row.case for row in self.store.deadlines(organisation)]
        cases = dict.fromkeys((*indexed, *self.store.cases(organisation)))
        return sum(self.files.reindex(organisation, case) for case in cases)

    # ---- hand-offs ------------------------------------------------------------------------------------------------

    def deliver(self, organisation: str, *, over: Transport | None = None) -> int:
        """Deliver what waits in an organisation's outbox; idempotent. How many messages were delivered now.

        What could not be is kept and holds up nothing else; ``tell`` hears of it. Receivers whose logs lie elsewhere
        (``elsewhere`` in organisations.yaml) are reached ``over`` a transport, those in this store need none.
        """
        return self._post.deliver(organisation, over)

    def collect(self, organisation: str, *, inbox: Inbox) -> Collected:
        """Receive what other stores have sent to an organisation of this one; idempotent.

        What came too early, such as a reply before the hand-off that it is about, waits in the inbox.

        Raises:
            NotFound: ``unknown_organisation``, ``organisation_elsewhere``. TransportError: the inbox cannot be used.
        """
        return self._post.collect(organisation, inbox)

    def receive(self, message: Message) -> Receipt:
        """Take in a hand-off or a reply. The same message twice gives the same receipt."""
        actor = Actor("clock", roles=CLOCK.roles, unit="clock", organisation=message.receiver)
        if message.kind == "reply" or message.about is not None:
            case, run = self._desk.lookups.linked(message)
            command = Command(kind="answered", run=run, trigger="answered", message=message)
            return self._desk.do(command, actor, f"handoff-{message.id}", case)
        rules = self.library.routine(message.routine or "", local_day(self.clock()))
        command = Command(
            kind="receive",
            run="",
            trigger=rules.id,
            form=messages.opening_form(rules, message, text_of(self.clock())),
            message=message,
        )
        return self._desk.do(command, actor, f"handoff-{message.id}", None)


def _instant(moment: datetime | None) -> str | None:
    return text_of(moment) if moment is not None else None
