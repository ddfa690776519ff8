"""A routine as it is written: the frozen models of one file in definitions/routines/.

Read together with docs/write-a-routine.md. What a name refers to is not known here; that is what compiling
(``rules.py``) and the checks (``checks/``) find out.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field as Limits
from pydantic import StringConstraints

from .form import Field, Form
from .text import FactName, Format, Model, Name, Text

Condition: TypeAlias = str | dict[str, Any]
"""A guard's condition: an expression, or one of and / or / not / each / any. See ``condition.py``."""

Trigger: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}(\.(propose|approve|reject|withdraw|review|complete))?$")
]
"""A step by name; ``step.approve`` and its like are made when four-eyes and late forms are compiled."""

Day: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Duration: TypeAlias = Annotated[str, StringConstraints(pattern=r"^P(\d+[YMWD])*(T(\d+[HMS])+)?$", min_length=3)]
HERE = "here"
"""The target of a step that leaves the run where it is."""
OPEN = "open"
"""The step that opens a run."""
EVERYONE = "everyone"
"""Any role of the organisation, in ``by``."""


class Adopted(Model):
    """Who decided that this routine is to be followed (fastställd), and when."""

    by: Annotated[str, StringConstraints(min_length=1)]
    on: Day


class Validity(Model):
    """The dates on which runs may be opened under this version, both included."""

    first: Annotated[Day, Limits(alias="from")]
    last: Annotated[Day | None, Limits(alias="to")] = None


class Never(Model):
    """What must not be done in this state (du får inte). What was shown is logged with the guide's digest."""

    id: Name
    text: Text
    law: Name | None = None


class Override(Model):
    """Who may step over a guard, always with a written reason."""

    by: Annotated[tuple[Name, ...], Limits(min_length=1)]


class Guard(Model):
    """A condition that must be true, with the sentence that refuses and the sentence that helps."""

    id: Name
    when: Condition
    says: Text
    do: Text
    see: tuple[Name, ...] = ()
    override: Override | None = None


class Target(Model):
    """Where a step leads: under a condition, or otherwise."""

    state: Name
    when: Condition | None = None
    otherwise: bool = False


class FourEyes(Model):
    """A second person must approve (två personer): before the step, or afterwards where speed saves."""

    by: Annotated[tuple[Name, ...], Limits(min_length=1)]
    afterwards: bool = False


class HandOff(Model):
    """What is sent to another organisation (överlämning) and on which basis.

    A ``report`` is received when it arrives: nobody approves, rejects or revokes it. A ``consultation`` is
    de-identified. A ``referral`` or ``transfer`` is accepted, rejected or revoked.
    """

    kind: Literal["report", "consultation", "referral", "transfer"]
    to: Name
    routine: Name | None = None
    about: Name | None = None
    basis: Name
    protected_identity: FactName | None = None
    carries: dict[FactName, FactName] = {}


class Reply(Model):
    """Facts that go back to the run whose hand-off opened this one.

    ``about``: steps that hand off. In a run that nobody handed over, the facts go on to where the latest of these
    handed it, unless that was turned down or taken back: so two runs that mirror each other tell each other. The
    status is only ever an answer, and stays at home then.
    """

    basis: Name
    status: Literal["accepted", "rejected", "done"] | None = None
    about: tuple[Name, ...] = ()
    carries: dict[Name, FactName] = {}


class Prolong(Model):
    """Moves a deadline's legal date; its internal date never moves (förlängning)."""

    deadline: Name
    until: FactName


class Transition(Model):
    """One step out of a state (steg).

    ``begins``: a routine that the step opens beside this run, in the same case. It asks nothing then.
    """

    title: Text
    help: Text | None = None
    by: Annotated[tuple[Name, ...], Limits(min_length=1)]
    to: Name | tuple[Target, ...]
    form: Name | None = None
    require: tuple[Guard, ...] = ()
    law: tuple[Name, ...] = ()
    never: tuple[Never, ...] = ()
    holder: bool = False
    qualified: bool = False
    delegation: Name | None = None
    assigns: FactName | None = None
    identifies: FactName | None = None
    begins: Name | None = None
    four_eyes: FourEyes | None = None
    complete_later: bool = False
    contacts_family: bool = False
    reaches_person: bool = False
    irreversible: bool = False
    handoff: HandOff | None = None
    revokes: Name | None = None
    reply: Reply | None = None
    prolongs: Prolong | None = None


class Shared(Transition):
    """A step that several states have in common."""

    states: Annotated[tuple[Name, ...], Limits(alias="in", min_length=1)]


class End(Model):
    """How a run can end (avslut)."""

    title: Text


class Waiting(Model):
    """For whom the run waits, when the next move is not ours."""

    party: Annotated[Text, Limits(alias="for")]


class State(Model):
    """Where a run can be: what to do now, why, what not to do, whom to call."""

    now: Text
    why: Text
    never: tuple[Never, ...] = ()
    call: tuple[Name, ...] = ()
    waiting: Waiting | None = None
    end: End | None = None
    transitions: dict[Name, Transition] = {}


class Start(Model):
    """A step that starts a deadline, under a condition."""

    on: Trigger
    when: Condition


class Deadline(Model):
    """A time limit (frist). Its length and its law stand in law.yaml under ``law``."""

    title: Text
    law: Name
    starts: Annotated[tuple[Trigger | Start, ...], Limits(min_length=1)]
    met_by: Annotated[tuple[Trigger, ...], Limits(min_length=1)]
    origin: Annotated[FactName | None, Limits(alias="from")] = None
    or_before: FactName | None = None
    restart: bool = False
    remind: tuple[Duration, ...] = ()
    escalate: tuple[Name, ...] = ()
    lapse: Name | None = None


class Earlier(Model):
    """Earlier runs about the same person at the same organisation."""

    routine: Name
    ended: Annotated[tuple[Name, ...], Limits(min_length=1)]
    within: Duration


class Derived(Model):
    """A fact worked out from others at each step; exactly one of the keys.

    ``age_group``: of a birth date, at the instant of the step. ``since``: whole hours since an instant, or days
    since a date. ``known``: whether a fact is known. ``is``: a condition's value. ``earlier``: how many earlier runs
    about the same person ended in one of ``ended`` during the time ``within``.
    """

    title: Text
    age_group: FactName | None = None
    since: FactName | None = None
    known: FactName | None = None
    holds: Annotated[Condition | None, Limits(alias="is")] = None
    earlier: Earlier | None = None


class Acute(Model):
    """Danger to life from any state: opens this routine beside the run (akut fara)."""

    routine: Name
    title: Text
    by: Annotated[tuple[Name, ...], Limits(min_length=1)] = (EVERYONE,)


class Correction(Model):
    """Who may correct a recorded answer (rättelse). The old one is never overwritten."""

    by: Annotated[tuple[Name, ...], Limits(min_length=1)]


class Receives(Model):
    """This routine opens when a hand-off of that kind arrives, whatever is still missing in its form."""

    kind: Literal["report", "consultation", "referral", "transfer"]
    sets: dict[Name, str] = {}
    arrived: Name | None = None
    protected_identity: Name | None = None


class ContactPlan(Model):
    """Where the routine records who in the family may be contacted (kontaktbeslut).

    ``each``: a list with a decision for each person, its columns ``person``, ``who`` and ``decision``. ``home``:
    answers about the home as a whole, each with the answers to show beside it; the latest holds. ``open``: the choice
    that opens. ``named``: other answers that name family. ``review``: the deadline until which a decision holds.
    """

    each: FactName | None = None
    person: Name = "person"
    who: Name | None = None
    decision: Name = "decision"
    home: dict[FactName, tuple[FactName, ...]] = {}
    open: Name
    named: tuple[FactName, ...] = ()
    review: Name | None = None


class Property(Model):
    """What must hold on every path; proved when the definition is read."""

    id: Name
    says: Text
    never: Trigger | None = None
    never_state: Name | None = None
    before: Trigger | None = None
    end_reachable: bool = False
    contacts_family: Literal["never"] | None = None


class Retention(Model):
    """How long the run is kept (gallring), by law id."""

    rule: Name


class Routine(Model):
    """One routine (rutin).

    ``protected_identity`` is the answer that says whether the identity of the person it is about is protected.
    ``apart`` names routines that never run in the same case (skilda ärenden), whichever of the two came first.
    """

    format: Format
    routine: Name
    label: Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d+$")]
    title: Text
    why: Text
    adopted: Adopted | None
    valid: Validity
    organisation: Annotated[tuple[Name, ...], Limits(min_length=1)]
    subject: Literal["child", "adult", "person"]
    opens: Annotated[Transition, Limits(alias="open")]
    receives: Receives | None = None
    protected_identity: FactName | None = None
    apart: tuple[Name, ...] = ()
    states: Annotated[dict[Name, State], Limits(min_length=1)]
    shared: dict[Name, Shared] = {}
    forms: dict[Name, Form] = {}
    handed: dict[Name, Field] = {}
    derived: dict[Name, Derived] = {}
    deadlines: dict[Name, Deadline] = {}
    acute: Acute | None = None
    contacts: ContactPlan | None = None
    correct: Correction
    retention: Retention
    properties: tuple[Property, ...] = ()
