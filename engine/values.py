"""The values that the core works on: who acts, what they ask, where a case stands, what the answer is.

Everything here is immutable by convention and by type: the core never changes a value, it makes the next one.
Instants are text in one form (see ports.py); a *person* is an opaque key, never a name or a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired, Required, TypeAlias, TypedDict

from stegvis.routines.form import Value
from stegvis.routines.text import Text

from .persons import Channel, Identity

Facts: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the host vouches for it (handläggare, personal).

    Attributes:
        id: opaque key of the person in the host's directory; never a name or a personal number.
        roles: role ids of definitions/roles.yaml that the person holds.
        unit: the unit in which they act.
        organisation: the authority or board (myndighet, nämnd) whose log this goes to.
        delegations: decisions the person may take (delegationsordning), by id in roles.yaml.
        qualified: has the competence of SoL 25 kap. 1 § where a step demands it.
    """

    id: str
    roles: frozenset[str]
    unit: str
    organisation: str
    delegations: frozenset[str] = frozenset()
    qualified: bool = False

    def __init__(
        self,
        id: str,
        *,
        roles: "set[str] | frozenset[str]",
        unit: str,
        organisation: str,
        delegations: "set[str] | frozenset[str]" = frozenset(),
        qualified: bool = False,
    ) -> None:
        put = object.__setattr__
        put(self, "id", id)
        put(self, "roles", frozenset(roles))
        put(self, "unit", unit)
        put(self, "organisation", organisation)
        put(self, "delegations", frozenset(delegations))
        put(self, "qualified", qualified)


class Due(NamedTuple):
    """A running deadline: computed once, into the event that started it."""

    shown: str
    """The instant people are shown: the earliest of internal date, legal date and critical time."""
    internal: str
    """Never moves; drives reminders."""
    legal: str | None
    """May move by a declared prolonging; drives "late" and "lapsed". None where the law gives no number."""
    critical: str | None
    """When it would be too late whatever the law says: school ends, a plane leaves."""
    law: str
    since: str
    passed: bool = False
    reminded: int = 0
    moved: bool = False
    """Whether the legal date was moved by a decision."""
    lapsed: bool = False
    """Whether the clock has noted that the law's own limit has passed."""


class Pending(NamedTuple):
    """A step that waits for a second person."""

    trigger: str
    actor: str
    role: str
    at: str
    form: Facts


class Sent(NamedTuple):
    """A hand-off that left this run."""

    trigger: str
    kind: str
    to: str
    status: str
    basis: str
    heard: str = ""
    """When the receiver sent the latest of what has come back about it; "" before anything has."""


class Origin(NamedTuple):
    """The hand-off that opened this run."""

    id: str
    kind: str
    organisation: str
    heard: str = ""
    """When the sender sent the latest of what has come about it since."""


class Run(NamedTuple):
    """One execution of one routine in a case."""

    id: str
    routine: str
    rules: str
    state: str
    person: str | None
    opened: str
    ended: str | None
    facts: Facts
    due: Mapping[str, Due]
    holder: str | None = None
    pending: Pending | None = None
    owed: Mapping[str, tuple[str, ...]] = {}
    """Steps to complete or to review: ``step.review`` -> everybody who has taken the step since the last review."""
    sent: Mapping[str, Sent] = {}
    origin: Origin | None = None
    corrected: Mapping[str, str] = {}
    """Fact -> id of the record whose answer was corrected."""
    said: Mapping[str, int] = {}
    """Fact -> version of the case at which it was last answered."""
    unit: str = ""
    """The unit it was opened in, or in which it was last assigned; ``clock`` while it has only been handed over."""
    opener: str = ""


class Opening(NamedTuple):
    """One time that somebody broke the glass (nödöppning)."""

    actor: str
    unit: str
    at: str
    until: str
    due: str
    """By when somebody is to have looked at it."""
    seen: str | None = None
    """Who has looked at it since."""


class Access(NamedTuple):
    """Who has been let into the case beside those whose work it is, and who is kept out."""

    named: Mapping[str, str] = {}
    """Actor -> since when."""
    stand_ins: Mapping[str, tuple[str, str]] = {}
    """Actor -> first and last day on which they stand in for the holder (ersättare)."""
    bias: Mapping[str, tuple[str, str]] = {}
    """Actor -> ``clear`` or ``conflict`` (jäv), and who said so."""
    openings: Mapping[str, Opening] = {}
    """Version of the case at which the glass was broken -> by whom, until when."""
    links: Mapping[str, str] = {}
    """Other cases of the same family -> since when; shown to nobody but through ``links.py``."""


class Case(NamedTuple):
    """One person's file at one organisation (ärende, personakt)."""

    id: str
    organisation: str
    version: int
    at: str
    actor: str
    acute: bool
    runs: Mapping[str, Run]
    access: Access = Access()
    identity: Identity | None = None
    """What was last looked up on the person's protected identity; as shown to somebody, what the whole file knows."""
    channels: Mapping[str, Channel] = {}
    """Person -> how they may be reached. Left out of what is shown; asked for person by person."""


class Message(NamedTuple):
    """What crosses the border between two organisations."""

    id: str
    kind: Literal["report", "consultation", "referral", "transfer", "reply"]
    sender: str
    receiver: str
    basis: str
    at: str
    protected_identity: str
    """yes, no or unknown: travels always."""
    routine: str | None
    about: str | None
    """For a reply, or a consultation about an earlier hand-off: that hand-off's id."""
    status: str | None
    facts: Facts


_NONE: Mapping[str, Any] = {}


class Command(NamedTuple):
    """What somebody asks for. ``kind`` 'take' goes through a transition; the others have rules of their own.

    Attributes:
        kind: open, take, correct, receive (a hand-off arrives), answered (a reply arrives), tick (the clock), case
            (something about the whole case, see casewide.py).
        run: the run it concerns; for 'open' the new run's id, given by the shell.
        trigger: the step, the routine's id for 'open', the kind of change for 'case'.
        form: answers by field name, for 'correct' by fact name.
        happened: when it happened, if earlier than now (later entry, efterregistrering).
        overrides: guard id -> reason, for guards that somebody may step over.
        person: opaque key of the person the case is about.
        reason: why, for a correction or a change of the whole case.
        corrects: fact -> id of the record that is corrected, for 'correct'.
        outside: facts that the shell looked up: derived name -> number of earlier runs.
        message: the hand-off or reply that arrived.
        seen: digest of the guide that stood on the screen.
        digest: digest of the command, for idempotency.
    """

    kind: Literal["open", "take", "correct", "receive", "answered", "tick", "case"]
    run: str
    trigger: str
    form: Mapping[str, object] = _NONE
    happened: str | None = None
    overrides: Mapping[str, str] = _NONE
    person: str | None = None
    reason: str | None = None
    corrects: Mapping[str, str] = _NONE
    outside: Mapping[str, int] = _NONE
    message: Message | None = None
    seen: str | None = None
    digest: str | None = None
    case: str = ""
    """Id of the case that 'open' opens."""
    fresh: str | None = None
    """A fresh id, for what the step may make: a hand-off, or the run that it begins or that acute danger opens."""
    begun: str | None = None
    """For 'open' by a step of another run of the case: that run's id."""


Outcome: TypeAlias = Literal["true", "false", "unknown", "overridden"]


class GuardResult(TypedDict):
    """How a guard came out; ``ver`` pins the wording of its condition, ``by`` is the role that stepped over it."""

    id: str
    ver: str
    out: Outcome
    by: NotRequired[str]


class DueChange(TypedDict, total=False):
    """A deadline started or moved (with its instants), or ``closed``."""

    id: Required[str]
    shown: str
    internal: str
    legal: str
    crit: str
    law: str
    since: str
    closed: Literal["kept", "late", "moot"]
    passed: bool
    reminded: int
    moved: bool
    lapsed: bool


class HandOffHead(TypedDict, total=False):
    """A hand-off as a record names it.

    ``about`` is the earlier hand-off that it answers or asks about; ``at`` is when its sender sent such an answer or
    question, by which it is known whether something later has come before it.
    """

    id: Required[str]
    kind: Required[str]
    dir: Required[Literal["sent", "received", "answered"]]
    org: Required[str]
    about: str
    status: str
    at: str


class CaseSet(TypedDict, total=False):
    """What a change of the whole case says in the open: about whom or what, from and to which day, with what outcome.

    ``fact``, ``run``, ``law``: which answer of which run it is about, and on which ground.
    """

    who: str
    first: str
    last: str
    out: str
    until: str
    due: str
    of: str
    fact: str
    run: str
    law: str


AccessHead = TypedDict(
    "AccessHead", {"on": Required[str], "def": Required[str], "role": str, "qual": bool}, total=False
)
"""On what the actor's access rested: the ground, the order by digest, and the role and competence that it took."""


Decided = TypedDict("Decided", {"level": str, "entry": str, "def": str})
"""Under what a decision was taken: the level, the number in the delegation order, and the order by digest."""


Head = TypedDict(
    "Head",
    {
        "type": Required[str],
        "case": str,
        "run": Required[str],
        "rtn": Required[str],
        "person": str,
        "trg": str,
        "step": str,
        "end": bool,
        "from": str,
        "to": str,
        "guards": list[GuardResult],
        "actor": Required[str],
        "role": Required[str],
        "unit": Required[str],
        "org": Required[str],
        "dlg": str,
        "ord": Decided,
        "qual": bool,
        "purpose": str,
        "basis": list[str],
        "hap": Required[str],
        "at": Required[str],
        "seen": str,
        "cmd": str,
        "corr": str,
        "hof": HandOffHead,
        "due": list[DueChange],
        "hold": str,
        "begun": str,
        "along": list[str],
        "owed": list[str],
        "paid": list[str],
        "acute": bool,
        "acc": AccessHead,
        "set": CaseSet,
        "def": Required[str],
        "gui": str,
        "law": Required[str],
        "cal": str,
        "why": list[str],
    },
    total=False,
)
"""The part of an event that stands open in the record: codes, keys, digests and instants; never what people wrote.

``ord``: the level and the number in the delegation order under which ``dlg`` was used.
``def``, ``gui``, ``law``, ``cal``: digests of the rules, guidance, law and calendar used. ``dlg``, ``qual``: the
delegation and competence it rested on. ``hap``: when it happened; ``at``: when it was decided, by the application's
clock. ``hof``: the hand-off; ``due``: what became of deadlines; ``owed`` and ``paid``: forms to complete and steps to
review; ``hold``: who has the case from now on; ``begun``: the run whose step opened this one; ``along``: other runs of
the case that went to the same holder; ``acc``: on what access rested; ``set``: a change of the whole case, whose
``run`` is the case's own key and whose ``rtn`` and ``def`` name the order it was judged under; ``why``: codes of the
reasons of a refusal.
"""


class Event(NamedTuple):
    """What happened, as the core says it. Everything that folding needs is in it."""

    head: Head
    body: Mapping[str, object] | None
    """What people wrote; sealed in the payload. None when it has been erased or may not be read."""
    reads: tuple[tuple[str, Mapping[str, Value]], ...] = ()
    """For each guard the facts it rested on, for the commitments."""


class Reason(NamedTuple):
    """Why not: one of all the reasons, and what would remove it (hinder och åtgärd)."""

    code: str
    says: Text
    do: Text
    kind: Literal["not_yet", "not_you", "missing", "invalid", "forbidden", "stale", "unknown"]
    about: str | None = None
    """The guard, field, role or state it concerns; None where the actor may not know."""

    def text(self, lang: Literal["sv", "en"] = "sv") -> str:
        return self.says(lang)

    def remedy(self, lang: Literal["sv", "en"] = "sv") -> str:
        return self.do(lang)


class Effect(NamedTuple):
    """What the shell must do with an accepted command beside storing its events: a message for the outbox."""

    message: Message


class Accepted(NamedTuple):
    events: tuple[Event, ...]
    effects: tuple[Effect, ...] = ()
    case: Case | None = None
    """The case after the events, so that the shell need not fold them again."""


class Denied(NamedTuple):
    reasons: tuple[Reason, ...]


Decision: TypeAlias = Accepted | Denied
