"""Looking at those who look (logguppföljning): who has seen a case, a drawn sample of all looks, opened glass.

Reading the log is a look like any other: it is noted before anything is shown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, TypeAlias, cast

import orjson

from stegvis.routines.errors import BadInput
from stegvis.routines.orders import HOLDER

from .access import HANDED_OVER
from .desk import Desk
from .identity import may_reveal
from .instants import text_of
from .person_desk import identities
from .persons import IdentityView
from .ports import RecordRow
from .reasons import reason, roles_text
from .values import Actor

LookKind: TypeAlias = Literal["read", "search", "print", "export", "refused", "step", "break_glass"]
"""What somebody did: looked at it, met it in a list, printed it, took it out, was refused, acted, broke the glass."""

SEEDS = 2**53
"""A seed is a whole number below this, which every JSON reader keeps exactly."""
WHY = "opening.reason"
"""What is noted when the reasons for opened glass are shown though they could lead to a protected person."""
AUDITOR = "auditor"
"""Who takes the log out where no access order says who audits."""
MOST = 1000
"""Looks in one sample."""


@dataclass(frozen=True, slots=True)
class Look:
    """One time that somebody looked at a case, or tried to.

    Attributes:
        record: the record that says so.
        at: when, UTC text.
        actor, role, unit: who, in which role, where.
        kind: what they did.
        case: which case; None for a search that showed none.
        what: the step, the list or the page, as a code.
        ground: on what access rested, as a code; None where cases are open to all of the organisation.
        why: codes of the reasons of a refusal.
        identity: what the case's file knows of the person; None where no case is named.
    """

    record: str
    at: str
    actor: str
    role: str
    unit: str
    kind: LookKind
    case: str | None
    what: str
    ground: str | None
    why: tuple[str, ...]
    identity: IdentityView | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn sample of an organisation's looks (stickprov).

    Whoever has the log draws it again: of the records of the access stream that name a case, up to index ``upto`` and
    dated ``since`` or later, those ``count`` whose SHA-256 of ``seed:id`` is least.
    """

    seed: int
    upto: int
    since: str | None
    of: int
    """How many looks it was drawn from."""
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """An opened glass that waits to be seen, with the reason that was given."""

    case: str
    opening: str
    actor: str
    unit: str
    at: str
    until: str
    due: str
    why: str | None
    """None when it has been erased, or is hidden."""
    identity: IdentityView
    hidden: bool
    """Whether the reason is held back, since it could lead to somebody whose identity is, or may be, protected."""


def look_of(row: RecordRow) -> Look:
    """What a record says of somebody's look."""
    said = cast("dict[str, Any]", orjson.loads(row.body))
    return Look(
        record=row.id,
        at=said["at"],
        actor=said["actor"],
        role=said["role"],
        unit=said["unit"],
        kind=_kind(said),
        case=row.case,
        what=said.get("trg", ""),
        ground=said["acc"]["on"] if "acc" in said else None,
        why=tuple(said.get("why", ())),
    )


def _kind(said: Mapping[str, Any]) -> LookKind:
    kind = said["type"]
    if kind == "transition.denied":
        return "refused"
    if kind in {"read", "search", "print", "export"}:
        return kind
    return "break_glass" if said.get("trg") == "break_glass" else "step"


def drawn(seed: int, ids: Iterable[str], count: int) -> list[str]:
    """So many of these ids, drawn by a seed; the same in every language and whatever their order."""
    return sorted(ids, key=lambda id: sha256(f"{seed}:{id}".encode()).digest())[:count]


class Oversight:
    """Answers those who look after the log, for the engine."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.files = desk.files

    def who(self, case: str, actor: Actor) -> list[Look]:
        desk, store = self.desk, self.files.store
        seen = desk.seen(case, actor, what="who", purpose="prove")
        rules = self.files.library.access(actor.organisation)
        if rules is not None and seen.ground.on != "auditor":
            holds = HOLDER in rules.may.who and any(run.holder == actor.id for run in seen.case.runs.values())
            if not holds:
                self._only(rules.may.who, actor, "who", case)
        desk.look(seen, actor, "read", trg="who")
        rows = (row for row in store.case_records(actor.organisation, case) if not _by_itself(row))
        looks = [look_of(row) for row in (*rows, *store.looks(actor.organisation, case))]
        return self._known(actor, sorted(looks, key=lambda one: (one.at, one.record)))

    def sample(self, actor: Actor, *, count: int, seed: int | None, since: datetime | None) -> Sample:
        desk, store, organisation = self.desk, self.files.store, actor.organisation
        desk.vouched(actor)
        rules = self.files.library.access(organisation)
        if rules is not None:
            self._only(rules.audits, actor, "sample")
        if not 1 <= count <= MOST:
            raise BadInput("out_of_range", field="count")
        if seed is not None and not 0 <= seed < SEEDS:
            raise BadInput("out_of_range", field="seed")
        now, first = self.files.clock(), text_of(since) if since is not None else None
        seed = seed if seed is not None else int.from_bytes(self.files.entropy(4))
        upto, found = 0, dict[str, Look]()
        for upto, row in store.log(organisation, payloads=False):  # noqa: B007 - the last index is kept
            look = look_of(row) if row.cseq is None and row.case is not None else None
            if look is not None and (first is None or look.at >= first):
                found[look.record] = look
        chosen = [found[id] for id in drawn(seed, found, count)]
        drew = {"seed": seed, "count": count, "upto": upto, **({"since": first} if first is not None else {})}
        desk.looks("sample", dict.fromkeys(one.case for one in chosen if one.case is not None), actor, now, smp=drew)
        return Sample(seed, upto, first, len(found), tuple(self._known(actor, chosen)))

    def take_out(self, what: str, make: Callable[[], str], actor: Actor, case: str | None) -> str:
        self.desk.vouched(actor)
        rules = self.files.library.access(actor.organisation)
        # Where cases are open to all of the organisation, the log as a whole still is not.
        self._only(rules.audits if rules is not None else (AUDITOR,), actor, what, case)
        made = make()
        self.desk.note(actor, "export", self.files.clock(), case=case, trg=what, seen=made)
        return made

    def openings(self, actor: Actor, *, reveal: bool = False) -> list[Announced]:
        desk, store, organisation = self.desk, self.files.store, actor.organisation
        desk.vouched(actor)
        now = self.files.clock()
        rules = self.files.library.access(organisation)
        glass = rules.break_glass if rules is not None else None
        self._only(glass.announce if glass is not None else (), actor, "openings")
        rows = [row for row in store.deadlines(organisation) if row.run == row.case]
        grounds = desk.listed((row.case for row in rows), actor, now, "work")
        for no in may_reveal(self.files.library, (), (), actor) if reveal else ():
            desk.refuse(actor, now, "openings", None, no)
        desk.looks("openings", grounds, actor, now, **({"fld": [WHY]} if reveal else {}))
        known = identities(self.files, organisation, grounds)
        return [
            self._announced(organisation, row.case, row.deadline, known[row.case], reveal=reveal)
            for row in rows
            if row.case in grounds
        ]

    def _announced(
        self, organisation: str, case: str, deadline: str, identity: IdentityView, *, reveal: bool
    ) -> Announced:
        of = deadline.partition(".")[2]
        row = next(self.files.store.case_records(organisation, case, after=int(of) - 1))
        event = self.files.event(row, organisation, case)
        said = event.head.get("set", {})
        why = (event.body or {}).get("reason")
        hidden = identity.protected and not reveal and why is not None
        return Announced(
            case=case,
            opening=of,
            actor=event.head["actor"],
            unit=event.head["unit"],
            at=event.head["at"],
            until=said.get("until", ""),
            due=said.get("due", ""),
            why=why if isinstance(why, str) and not hidden else None,
            identity=identity,
            hidden=hidden,
        )

    def _known(self, actor: Actor, looks: Sequence[Look]) -> list[Look]:
        """The looks, each with what the file of its case knows of the person."""
        known = identities(self.files, actor.organisation, (one.case for one in looks if one.case is not None))
        return [replace(one, identity=known.get(one.case or "")) for one in looks]

    def _only(self, roles: Sequence[str], actor: Actor, what: str, case: str | None = None) -> None:
        if not actor.roles & set(roles):
            library = self.files.library
            why = reason(library, "role", "not_you", None, roles=roles_text(library, roles))
            self.desk.refuse(actor, self.files.clock(), what, case, why)


def _by_itself(row: RecordRow) -> bool:
    """Whether a record of a case is nobody's doing: time passed, or a hand-off arrived."""
    return orjson.loads(row.body)["unit"] == HANDED_OVER
