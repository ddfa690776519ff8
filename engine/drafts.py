"""Drafts (utkast): what somebody has begun to answer, kept as it is until the step is taken or the time is up.

A draft is no part of the case: no event, no fact, nothing that a guard, a hand-off or a replay could see. It belongs to
one actor and one step of one run, its answers are sealed under the run's key, and law.yaml says how long it is kept.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NoReturn, cast

from stegvis.routines.digests import canonical
from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.form import is_reference
from stegvis.routines.limits import due
from stegvis.routines.rules import Rules

from .answers import Refused
from .decide import rules_of
from .desk import Desk
from .files import Files
from .identity import identity_of, identity_view, partly_hidden, sight
from .instants import local_day, text_of
from .judge import may_see
from .persons import IdentityView
from .ports import DraftRow
from .reasons import reason
from .values import Actor, Case, Run

RULE: Final = "draft_kept"
"""The entry of law.yaml that says how long a draft is kept, counted from when it was last saved."""

LARGEST: Final = 262_144
"""Bytes of a draft as JSON: room for a form of two dozen texts of the greatest length."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody has begun to answer.

    Attributes:
        case, run, trigger: which step it is for.
        actor: whose it is.
        at, expires: when it was saved and when it is swept away, UTC text.
        version, now: the case's version when the draft was saved, and now.
        here: whether the step can still be chosen where the run stands.
        identity: what is known of the protected identity of the person the case is about.
        form: the answers as they were; None in a list.
    """

    case: str
    run: str
    trigger: str
    actor: str
    at: str
    expires: str
    version: int
    now: int
    here: bool
    identity: IdentityView
    form: Mapping[str, object] | None = None

    @property
    def moved(self) -> bool:
        """Whether the case has moved on since the draft was saved."""
        return self.now != self.version


class Drafts:
    """Keeps, shows, lists and throws away drafts, for the engine."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _files(self) -> Files:
        return self._desk.files

    def save(
        self, case: str, trigger: str, form: Mapping[str, object], *, actor: Actor, run: str | None = None
    ) -> Draft:
        """Keep the actor's draft for a step, in place of the one before. Nothing in it is checked but its size.

        Args:
            case, trigger: which case, which step of its routine; also one that cannot be taken now.
            form: answers by field name, as JSON values; dates and instants are kept as text.
            actor: whose draft it is.
            run: which run, where the case has several in which the step exists.

        Raises:
            Refused: ``unknown_case``, ``unknown_step``.
            BadInput: ``draft_too_large``, ``not_plain``, ``which_run``. NotFound: ``unknown_run``, ``law_unknown``.
        """
        found, _, now = self._desk.seen(case, actor)
        one = self._desk.lookups.run(self._files.library_for(found), found, run, trigger)
        if not self._is_step(found, one, trigger):
            self._unknown_step(found, one, actor, now)
        written = draft_bytes(form)
        kept = due(self._files.library.law.at(RULE, local_day(now)), now).internal
        log = self._files.origin(actor.organisation)
        row = DraftRow(case, one.id, trigger, actor.id, found.version, text_of(now), text_of(kept), b"")
        row = row._replace(cell=self._files.keys.seal(log, one.id, written, _bound(log, row)))
        self._files.store.keep_draft(actor.organisation, row)
        return self._told(row, found, draft_form(written))

    def show(self, case: str, trigger: str, *, actor: Actor, of: str | None = None, run: str | None = None) -> Draft:
        """Open a draft: the actor's own, or that of the actor ``of``, whose open answers are those this one may read.

        Whoever may read the case may open the drafts in it. The look is noted, with whose draft it was, before the
        draft is shown. One whose time is up is not shown, swept away or not.

        Raises:
            Refused: ``unknown_case``. NotFound: ``no_draft``. BadInput: ``not_a_reference``, ``which_run``.
        """
        whose = of if of is not None else actor.id
        if not is_reference(whose):
            raise BadInput("not_a_reference", field="of")
        seen = self._desk.seen(case, actor)
        found, now = seen.case, seen.now
        known = any(self._is_step(found, one, trigger) for one in found.runs.values())
        self._desk.look(seen, actor, "read", trg=trigger if known else "?", of=whose)
        rows = [row for row in self._kept(actor, now, case=case, whose=whose) if row.trigger == trigger]
        rows = [row for row in rows if run in (None, row.run) and row.run in found.runs]
        if len(rows) > 1:
            raise BadInput("which_run", count=len(rows))
        if not rows:
            raise NotFound("no_draft")
        row, log = rows[0], self._files.origin(actor.organisation)
        form = draft_form(self._files.keys.open(log, row.run, row.cell, _bound(log, row)))
        if whose != actor.id:
            readable = self._readable(found, found.runs[row.run], trigger, actor)
            form = {name: value for name, value in form.items() if name in readable}
        return self._told(row, found, form)

    def list(self, *, actor: Actor, case: str | None = None) -> list[Draft]:
        """The actor's own drafts, or everybody's in one case, the oldest first, without their answers. It is noted.

        Raises:
            Refused: ``unknown_case``.
        """
        if case is not None:
            seen = self._desk.seen(case, actor)
            found = seen.case
            self._desk.look(seen, actor, "read", trg="drafts")
            return [self._told(row, found) for row in self._kept(actor, seen.now, case=case) if row.run in found.runs]
        now, told = self._files.clock(), list[Draft]()
        kept = list(self._kept(actor, now, whose=actor.id))
        grounds = self._desk.listed((row.case for row in kept), actor, now, "work")
        self._desk.looks("drafts", grounds, actor, now)
        for row in (row for row in kept if row.case in grounds):
            held = self._files.case(actor.organisation, row.case)
            if held is not None and row.run in held.case.runs:
                told.append(self._told(row, held.case))
        return told

    def discard(self, case: str, trigger: str, *, actor: Actor, run: str | None = None) -> bool:
        """Throw the actor's own draft for a step away.

        Returns:
            Whether there was one.

        Raises:
            Refused: ``unknown_case``.
        """
        self._desk.seen(case, actor)
        store = self._files.store
        mine = store.drafts(actor.organisation, case=case, actor=actor.id)
        wanted = [row for row in mine if row.trigger == trigger and run in (None, row.run)]
        return sum(store.drop_draft(actor.organisation, case, row.run, trigger, actor.id) for row in wanted) > 0

    def _kept(
        self, actor: Actor, now: datetime, *, case: str | None = None, whose: str | None = None
    ) -> Iterable[DraftRow]:
        at = text_of(now)
        return [row for row in self._files.store.drafts(actor.organisation, case=case, actor=whose) if row.expires > at]

    def _told(self, row: DraftRow, case: Case, form: Mapping[str, object] | None = None) -> Draft:
        run, library = case.runs[row.run], self._files.library_for(case)
        here = self._rules(case, run).move(run.state, row.trigger) is not None
        identity = identity_view(library, identity_of(library, case))
        return Draft(*row[:4], row.at, row.expires, row.version, case.version, here, identity, form)

    def _readable(self, case: Case, run: Run, trigger: str, actor: Actor) -> set[str]:
        """The answers to a step that the actor may read, by field name; what no form asks for is not among them.

        Nor are those that could lead to somebody whose identity is, or may be, protected.
        """
        rules = self._rules(case, run)
        acute = rules.routine.acute if trigger == "acute" else None
        if acute is not None:
            rules = self._files.library.routine(acute.routine, local_day(self._files.clock()))
            moves = [rules.opening]
        else:
            moves = [moves[trigger] for moves in rules.moves.values() if trigger in moves]
        look = sight(identity_of(self._files.library_for(case), case))
        return {
            one.name
            for move in moves
            for one in move.asked
            if may_see(rules, frozenset({one.fact}), actor) and not partly_hidden(rules, one.fact, look)
        }

    def _is_step(self, case: Case, run: Run, trigger: str) -> bool:
        return any(trigger in moves for moves in self._rules(case, run).moves.values())

    def _rules(self, case: Case, run: Run) -> Rules:
        return rules_of(self._files.library_for(case), run)

    def _unknown_step(self, case: Case, run: Run, actor: Actor, now: datetime) -> NoReturn:
        why = reason(self._files.library, "unknown_step", "unknown")
        self._desk.note(actor, "transition.denied", now, case=case.id, run=run.id, trg="?", why=[why.code])
        raise Refused((why,))


def draft_bytes(form: Mapping[str, object]) -> bytes:
    """A draft as bytes: every character as it is, also those that no answer may hold and no other JSON writer takes.

    Raises:
        BadInput: ``not_plain``, ``draft_too_large``.
    """
    try:
        text = json.dumps(dict(form), ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError):
        raise BadInput("not_plain") from None
    written = text.encode("utf-8", "surrogatepass")
    if len(written) > LARGEST:
        raise BadInput("draft_too_large", largest=LARGEST)
    return written


def draft_form(written: bytes) -> dict[str, object]:
    """The draft that ``draft_bytes`` wrote."""
    return cast("dict[str, object]", json.loads(written.decode("utf-8", "surrogatepass")))


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError


def _bound(log: str, row: DraftRow) -> bytes:
    """What a draft's cell is bound to: all that stands open beside it, so that none of it can be changed or swapped."""
    return canonical(["draft", log, *row[:-1]])
