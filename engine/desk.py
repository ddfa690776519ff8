"""The desk: one command from its arrival to its receipt, one look from its request to its being noted."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, NoReturn

from stegvis.routines.errors import BadInput, Broken, KeyReused, NotFound, Stale
from stegvis.routines.form import is_reference
from stegvis.routines.orders import CHANGES

from . import messages
from .access import EVERYBODY, Ground, Kept, Purpose, access_head, enter, kept_out, purpose_of
from .answers import Receipt, Refused
from .asking import Ask, asking
from .decide import decide, rules_of, run_of
from .evolve import fold
from .files import HELD, TRIES, Files, Held
from .identity import may_reveal
from .instants import text_of
from .judge import glance
from .lookups import Lookups
from .ports import AnswerRow
from .sealing import unseal
from .values import Accepted, AccessHead, Actor, Case, Command, Denied, Reason, Run

Telling = Callable[[str, Mapping[str, str | int]], None]
"""Told after each commit: what happened (a code) and open keys; never what somebody wrote."""

COMMANDS = "commands"
"""The unit whose key makes digests of commands."""


class Seen(NamedTuple):
    """A case that somebody may look at: as it stands, on what ground, and the instant of the look."""

    case: Case
    ground: Ground
    now: datetime


class _Reached(NamedTuple):
    """A case that was asked for: whether it is there, whether the actor may enter it, and the instant of asking."""

    held: Held | None
    found: Ground | Kept
    now: datetime


class Desk:
    """Takes commands and looks, for the engine.

    Args:
        files: the cases, in and out of the store.
        tell: operational log, told after each commit.
    """

    def __init__(self, files: Files, tell: Telling | None) -> None:
        self.files = files
        self.lookups = Lookups(files)
        self._tell = tell
        self._known: set[Actor] = set()

    def do(
        self,
        command: Command,
        actor: Actor,
        key: str,
        case: str | None,
        *,
        expect: int | None = None,
        tries: int = TRIES,
    ) -> Receipt:
        self.vouched(actor)
        # The engine's own keys hold random digits, a few of which in ten thousand look like a personal number.
        if command.message is None and not is_reference(key):
            raise BadInput("not_a_reference", field="key")
        asked = self._digest(actor.organisation, messages.command_bytes(command, case))
        come = self._come_in(command, actor, key, asked, case)
        if isinstance(come, Receipt):
            return come
        held, now = come
        try:
            decision = self._judged(command._replace(digest=asked), actor, held, now, expect)
        except (BadInput, NotFound, Stale):
            if (twin := self._twin(actor, key, asked)) is not None:
                return twin
            raise
        if isinstance(decision, Denied):
            if (twin := self._twin(actor, key, asked)) is not None:
                return twin
            self._denied(actor, now, command, case, decision.reasons)
            raise Refused(decision.reasons)
        try:
            told = self.files.commit(actor.organisation, held, decision, AnswerRow(actor.id, key, asked, "", 0, ""))
        except KeyReused:
            if (twin := self._twin(actor, key, asked)) is not None:
                return twin
            raise
        except Stale:
            # Somebody was faster. Who did not say which version they looked at is judged anew on where the case stands.
            if expect is not None or case is None or tries == 0:
                raise
            return self.do(command, actor, key, case, tries=tries - 1)
        return self._done(decision, told, actor)

    def _come_in(
        self, command: Command, actor: Actor, key: str, asked: str, case: str | None
    ) -> Receipt | tuple[Held | None, datetime]:
        """The case of a command, and the instant; or the answer that it has got already."""
        # Where no case is at hand, or none of theirs, the answer is asked for first.
        known = self._at_hand(case, command, actor) if case is not None else None
        sure = known is not None and isinstance(known.found, Ground)
        if not sure and (twin := self._twin(actor, key, asked)) is not None:
            return twin
        if case is None:
            return None, self.files.clock()
        reached = self._reached(actor, case, purpose_of(command, actor), known)
        if isinstance(reached.found, Ground):
            return reached.held, reached.now
        if sure and (twin := self._twin(actor, key, asked)) is not None:
            return twin
        raise self._turned_away(actor, self._named(command), case, reached)

    def _named(self, command: Command) -> Command:
        """The command as it may be noted unjudged: a step that no routine has may be any word that somebody wrote."""
        library = self.files.library
        steps = (step for one in library.by_digest.values() for moves in one.moves.values() for step in moves)
        known = command.trigger in {*_OURS, *CHANGES, *library.versions, *steps}
        return command if known else command._replace(trigger="?")

    def _twin(self, actor: Actor, key: str, asked: str) -> Receipt | None:
        """The answer that the key has got, if it has.

        Asked before a command is turned away: the same command, sent twice, may have been taken already, and then it is
        no refusal that its sender is to hear. Storing an answer asks by itself, so what is accepted need not; but where
        no case is at hand the command is not judged before this is known.

        Raises:
            KeyReused: the key has got an answer to something else.
        """
        known = self.files.store.answer(actor.organisation, actor.id, key)
        return self._again(known, asked, actor) if known is not None else None

    def _judged(
        self, command: Command, actor: Actor, held: Held | None, now: datetime, expect: int | None
    ) -> Accepted | Denied:
        before = held.case if held is not None else None
        if before is not None and expect is not None and expect != before.version:
            messages.stale(before)
        library = self.files.library_for(before)
        return decide(library, before, self.lookups.whole(command, library, before, actor, now), actor, now)

    def _done(self, decision: Accepted, told: AnswerRow, actor: Actor) -> Receipt:
        head = decision.events[-1].head
        said = {"case": told.case, "run": head["run"], "version": told.version, "organisation": actor.organisation}
        self.say(head["type"], said)
        return _receipt(told, decision.case, head["run"])

    def tick(self, actor: Actor, case: str, moment: datetime) -> bool:
        for _ in range(TRIES):
            held = self.files.case(actor.organisation, case)
            if held is None:
                raise Broken("deadline_without_case")
            if text_of(moment) < held.case.at:
                return False  # somebody's clock is ahead of this one; the next tick finds the case again
            fresh = self.files.entropy(16).hex()
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

    def say(self, event: str, said: Mapping[str, str | int]) -> None:
        if self._tell is not None:
            self._tell(event, said)

    def vouched(self, actor: Actor) -> None:
        """What a host says of an actor stands open in every record: keys and known roles, never a name.

        Raises:
            BadInput: ``not_a_reference`` (id, unit), ``unknown_role``, ``unknown_delegation``.
        """
        if actor in self._known:
            return
        for field, value in (("actor", actor.id), ("unit", actor.unit)):
            if not is_reference(value):
                raise BadInput("not_a_reference", field=field)
        roles = self.files.library.roles
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
        self.files.keys.ensure(log, COMMANDS)
        return self.files.keys.mac(log, COMMANDS, said).hex()

    def _again(self, known: AnswerRow, asked: str, actor: Actor) -> Receipt:
        """The answer that the same command got the first time."""
        if known.digest != asked:
            raise KeyReused
        rows = self.files.store.case_records(actor.organisation, known.case)
        events = [unseal(row.body, None) for row in rows if (row.cseq or 0) <= known.version]
        then = fold(events)
        if then is None or then.version != known.version:
            raise Broken("answer_without_record")
        return _receipt(known, then, events[-1].head["run"])

    def _at_hand(self, case: str, command: Command, actor: Actor) -> _Reached | None:
        """The case as it was last at hand, and whether the actor may enter it; None where it is not."""
        held, purpose = self.files.at_hand(actor.organisation, case), purpose_of(command, actor)
        if held is None:
            return None
        now = self.files.clock()
        return _Reached(held, self.enter(held.case, actor, now, purpose) if purpose is not None else EVERYBODY, now)

    def _reached(self, actor: Actor, case: str, purpose: Purpose | None, known: _Reached | None = None) -> _Reached:
        """The case as it stands, and whether the actor may enter it; where nobody goes in there is no purpose.

        One that is not there and one that the actor may not know of, whether of another organisation or of their own,
        answer alike, ask the store alike and are noted alike. ``known`` is what was judged of the case at hand, and
        holds when nobody has moved it since.
        """
        files, organisation = self.files, actor.organisation
        at_hand = files.at_hand(organisation, case)
        held = files.case(organisation, case) if _is_id(case) else None
        if known is not None and held is known.held and isinstance(known.found, Ground):
            return known
        # Not before the case is at hand: whoever moves it meanwhile would seem to have done so in the future.
        now = files.clock()
        if held is None:
            return _Reached(None, "unknown_case", now)
        found = self.enter(held.case, actor, now, purpose) if purpose is not None else EVERYBODY
        if not isinstance(found, Ground) and held is at_hand:
            files.store.load(organisation, case)
        return _Reached(held, found, now)

    def _turned_away(self, actor: Actor, command: Command, case: str | None, reached: _Reached) -> Refused:
        """The refusal, noted."""
        assert not isinstance(reached.found, Ground)  # noqa: S101 - looked at by the caller
        no = (kept_out(self.files.library, reached.found),)
        self._denied(actor, reached.now, command, case, no)
        return Refused(no)

    def enter(self, case: Case, actor: Actor, now: datetime, purpose: Purpose) -> Ground | Kept:
        return enter(self.files.library_for(case), case, actor, text_of(now), purpose)

    def seen(self, case: str, actor: Actor, *, what: str = "guide", purpose: Purpose = "work") -> Seen:
        """A case to be looked at; what is shown of it must be noted first, with ``look``."""
        self.vouched(actor)
        reached = self._reached(actor, case, purpose)
        if reached.held is None or not isinstance(reached.found, Ground):
            raise self._turned_away(actor, Command(kind="take", run="", trigger=what), case, reached)
        return Seen(reached.held.case, reached.found, reached.now)

    def look(self, at: Seen, actor: Actor, kind: str, /, **more: object) -> None:
        """Note that a case is about to be shown."""
        self.note(actor, kind, at.now, case=at.case.id, acc=self._acc(at.ground), **more)

    def looks(
        self, what: str, grounds: Mapping[str, Ground | None], actor: Actor, now: datetime, **more: object
    ) -> None:
        """Note a search, and every case that it is about to show, all at once or not at all."""
        at = text_of(now)
        heads: list[dict[str, object]] = [{"type": "search", "at": at, "trg": what, **more}]
        for case, ground in grounds.items():
            acc = self._acc(ground)
            heads.append({"type": "search", "at": at, "trg": what, "case": case, **({"acc": acc} if acc else {})})
        self.files.note(actor, heads)

    def _acc(self, ground: Ground | None) -> AccessHead | None:
        return access_head(self.files.library, ground)

    def refuse(self, actor: Actor, now: datetime, what: str, case: str | None, why: Reason) -> NoReturn:
        """Refuse a look, and note it."""
        self._denied(actor, now, Command(kind="take", run="", trigger=what), case, (why,))
        raise Refused((why,))

    def listed(self, cases: Iterable[str], actor: Actor, now: datetime, purpose: Purpose) -> dict[str, Ground]:
        """Those of the organisation's cases that the actor may see, each with the ground."""
        self.vouched(actor)
        if self.files.library.access(actor.organisation) is None:
            return dict.fromkeys(cases, EVERYBODY)
        found: dict[str, Ground] = {}
        for case in dict.fromkeys(cases):
            held = self.files.case(actor.organisation, case)
            ground = self.enter(held.case, actor, now, purpose) if held is not None else None
            if isinstance(ground, Ground):
                found[case] = ground
        return found

    def revealed(self, seen: Seen, runs: Sequence[Run], facts: Collection[str], actor: Actor) -> list[str]:
        """The facts that were asked for by name and may be shown to the actor.

        Raises:
            Refused: ``no_reveal``, ``no_such_answer``.
        """
        library = self.files.library_for(seen.case)
        no = may_reveal(library, [rules_of(library, run) for run in runs], facts, actor)
        if no:
            self._denied(actor, seen.now, Command(kind="take", run="", trigger="reveal"), seen.case.id, no)
            raise Refused(no)
        return sorted(facts)

    def looking(self, seen: Seen, run: Run, actor: Actor, trigger: str = "guide") -> Ask:
        """An actor looking at a run, with what derived facts need looked up."""
        library, now = self.files.library_for(seen.case), seen.now
        rules = rules_of(library, run)
        outside = self.lookups.outside(rules, tuple(rules.routine.derived), actor.organisation, run, now)
        command = Command(kind="take", run=run.id, trigger=trigger, outside=outside)
        return asking(library, command, actor, now, seen.case)._replace(ground=seen.ground)

    def reasons(self, case: Case, ask: Ask, form: Mapping[str, object] | None) -> Sequence[Reason]:
        run = run_of(case, ask.command.run)
        rules = rules_of(ask.library, run)
        move = rules.move(run.state, ask.command.trigger)
        if move is not None and form is None:
            return glance(ask, rules, move, run).reasons
        command = ask.command._replace(form=form or {}, fresh=self.files.entropy(16).hex(), case=case.id)
        decision = decide(ask.library, case, command, ask.actor, ask.now)
        return decision.reasons if isinstance(decision, Denied) else ()

    def _denied(
        self, actor: Actor, now: datetime, command: Command, case: str | None, reasons: Sequence[Reason]
    ) -> None:
        safe = case if case is not None and _is_id(case) else None
        codes = sorted({one.code for one in reasons})
        trigger = command.trigger if "unknown_step" not in codes else "?"
        self.note(actor, "transition.denied", now, case=safe, trg=trigger, why=codes)

    def note(self, actor: Actor, kind: str, now: datetime, **more: object) -> None:
        """Write into the access stream, before anything is shown; an unknown organisation has no log to write to."""
        self.vouched(actor)
        said = {name: value for name, value in more.items() if value is not None}
        self.files.note(actor, [{"type": kind, "at": text_of(now), **said}])


def _receipt(told: AnswerRow, case: Case | None, run: str) -> Receipt:
    """What an accepted command answers; one about the whole case has led no run anywhere."""
    moved = case.runs.get(run) if case is not None else None
    return Receipt(
        told.case, run if moved is not None else "", told.version, moved.state if moved is not None else "", told.record
    )


_OURS = frozenset({"correct", "answered", "tick"})
"""Commands that no definition names."""

_HEX = frozenset("0123456789abcdef")


def _is_id(case: str) -> bool:
    """Whether it can be the id of a case: anything else is not looked up, and not repeated in the log."""
    return len(case) == 32 and _HEX.issuperset(case)  # noqa: PLR2004 - 128 bits in hex
