"""A scenario (berättelse som prövas): given, when and then, as it is written in definitions/scenarios/.

A scenario gives a clock and some people, lets them act step by step, and states what must be seen. Read together with
docs/scenarios.md; ``adapters/scenarios.py`` plays one. What must hold of a file before it is played is in
``scenario_checks.py``.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias, cast

from pydantic import AfterValidator, ConfigDict, Discriminator, StringConstraints, Tag, TypeAdapter, model_validator
from pydantic import Field as Limits
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from .model import Duration, Trigger
from .periods import period
from .persons import Level
from .text import FactName, Format, Model, Name, Text

Reference: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
"""An opaque key of a person or an actor."""
Planted: TypeAlias = Annotated[str, StringConstraints(min_length=4, max_length=200)]
"""Words that somebody wrote in a form, to be looked for in what another person sees."""


def _on_calendar(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Instant: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?[+-]\d{2}:\d{2}$"),
    AfterValidator(_on_calendar),
]
"""Local date and time with its offset: ``2026-03-28T23:50+01:00``. Without seconds it means that minute."""

Answers: TypeAlias = dict[Name, Any]
"""A form's answers by field name; what they may hold is the form's business."""


class Person(Model):
    """Somebody who acts (personal, handläggare), as a host would vouch for them. ``title`` is for the reader."""

    title: Text
    id: Reference
    roles: Annotated[tuple[Name, ...], Limits(min_length=1)]
    unit: Reference
    organisation: Name
    delegations: tuple[Name, ...] = ()
    qualified: bool = False


class Deadline(Model):
    """What must hold of a running deadline (frist). Only what is written is looked at; null: there is none."""

    shown: Instant | None = None
    internal: Instant | None = None
    legal: Instant | None = None
    critical: Instant | None = None
    law: Name | None = None
    cites: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    passed: bool | None = None
    moved: bool | None = None


class Code(Model):
    """One reason of a refusal, with what it is about: a guard, a field, a step."""

    code: Name
    about: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Then(Model):
    """What must hold of the case after a step, whoever looks.

    ``runs``: routine -> state, for every run that matters. ``met``: deadline -> how it was closed by this step.
    ``sent``: step -> status of the hand-off it sent. ``owed``: all that is to be completed or reviewed afterwards.
    """

    state: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,127}$")] | None = None
    runs: dict[Name, str] = {}
    ended: bool | None = None
    holder: Name | None = None
    acute: bool | None = None
    version: Annotated[int, Limits(ge=1)] | None = None
    deadlines: dict[Name, Deadline | None] = {}
    met: dict[Name, Literal["kept", "late", "moot"]] = {}
    sent: dict[Name, Literal["sent", "received", "accepted", "rejected", "revoked", "done"]] = {}
    owed: tuple[Trigger, ...] | None = None


class Seen(Then):
    """What must hold after a step that somebody took, and of what that person sees then.

    ``refused``: every reason, no more and no less; left out, the step must succeed. ``open`` and ``closed``: steps in
    the guide, the closed ones with every reason. ``sees`` and ``not_sees``: facts. ``shows`` and ``hides``: words that
    somebody wrote. ``cites``: step -> the citation that stands beside it. ``identity``: what stands first in the guide.
    ``hidden``: facts that are held back because they could lead to the person. ``reach``: person -> whether there is a
    safe way to reach them. ``contact``: person, or ``home``, -> what the contact plan says. ``corrected``: fact shown
    as corrected -> all the steps that had rested on the old answer. ``listed``: whether the case stands on the list
    that was read.
    """

    refused: Annotated[tuple[Name | Code, ...], Limits(min_length=1)] | None = None
    listed: bool | None = None
    open: tuple[Trigger, ...] = ()
    closed: dict[Trigger, tuple[Name, ...]] = {}
    sees: tuple[FactName, ...] = ()
    not_sees: tuple[FactName, ...] = ()
    shows: tuple[Planted, ...] = ()
    hides: tuple[Planted, ...] = ()
    identity: Level | None = None
    hidden: tuple[FactName, ...] = ()
    reach: dict[Reference, bool] = {}
    contact: dict[Reference, Literal["may", "may_not", "undecided", "overdue"]] = {}
    cites: dict[Trigger, Annotated[str, StringConstraints(min_length=1, max_length=200)]] = {}
    corrected: dict[FactName, tuple[Trigger, ...]] = {}


class Delivered(Then):
    """What must hold after a delivery; ``delivered``: how many messages arrived."""

    delivered: Annotated[int, Limits(ge=0)] | None = None


class Ticked(Then):
    """What must hold after the clock ran; ``changed``: in how many cases it had something to do."""

    changed: Annotated[int, Limits(ge=0)] | None = None


class Step(Model):
    """What all steps share: when, and what the reader is told. Without a time, the clock stands still."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["at", "after"]}})

    says: Text | None = None
    at: Instant | None = None
    after: Duration | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.at is not None and self.after is not None:
            raise ValueError("a step has one time: at or after")
        return self


class Tell(Step):
    """Only tells the reader something, or lets time pass."""


class Acting(Step):
    """A step that somebody takes in a case. ``run``: in the run of which routine, where a case has several."""

    who: Name
    case: Name
    run: Name | None = None
    then: Seen = Seen()


class Open(Acting):
    """Opens a run of a routine; ``case`` names the new case, or is one that is there."""

    open: Name
    person: Reference | None = None
    form: Answers = {}
    happened: Instant | None = None
    key: Reference | None = None


class Take(Acting):
    """Takes a step of the routine, after looking; ``last_look``: acts on what was seen then, without looking again."""

    take: Trigger
    form: Answers = {}
    happened: Instant | None = None
    overrides: dict[Name, str] = {}
    last_look: bool = False
    key: Reference | None = None


class Explain(Acting):
    """Asks whether a step may be taken; ``form`` left out leaves the answers open."""

    explain: Trigger
    form: Answers | None = None


class Correct(Acting):
    """Corrects answers (rättelse): fact -> the right answer."""

    correct: Annotated[dict[FactName, Any], Limits(min_length=1)]
    reason: str
    last_look: bool = False
    key: Reference | None = None


class Change(Acting):
    """Changes something about the whole case: who may come in, what somebody says of their bias."""

    change: Name
    form: Answers = {}
    reason: str | None = None
    key: Reference | None = None


class Lists(Acting):
    """Reads a list: what is due, or the openings that are to be seen. ``listed``: whether the case stands there."""

    lists: Literal["due", "openings"]


class Look(Acting):
    """Looks at the guide; ``reveal``: answers to show though they could lead to a protected person."""

    look: Literal[True]
    reveal: tuple[FactName, ...] = ()


class Deliver(Step):
    """Delivers what waits in an organisation's outbox; ``case`` names the case it opens, or one to look at."""

    deliver: Name
    case: Name | None = None
    run: Name | None = None
    then: Delivered = Delivered()


class Tick(Step):
    """Lets the clock of an organisation run."""

    tick: Name
    case: Name | None = None
    run: Name | None = None
    then: Ticked = Ticked()


ACTIONS = ("open", "take", "explain", "correct", "change", "lists", "look", "deliver", "tick")
"""What a step can do; each step has one of these keys, or none when it only tells."""


def action_of(step: object) -> str | None:
    """Which kind of step this is: one of ``ACTIONS``, ``tell`` for none of them, None for more than one."""
    if not isinstance(step, dict):
        return None
    named = [action for action in ACTIONS if action in step]
    return "tell" if not named else named[0] if len(named) == 1 else None


AnyStep: TypeAlias = Annotated[
    Annotated[Open, Tag("open")]
    | Annotated[Take, Tag("take")]
    | Annotated[Explain, Tag("explain")]
    | Annotated[Correct, Tag("correct")]
    | Annotated[Change, Tag("change")]
    | Annotated[Lists, Tag("lists")]
    | Annotated[Look, Tag("look")]
    | Annotated[Deliver, Tag("deliver")]
    | Annotated[Tick, Tag("tick")]
    | Annotated[Tell, Tag("tell")],
    Discriminator(action_of),
]


class Scenario(Model):
    """One scenario file."""

    format: Format
    title: Text
    tells: Text
    start: Instant
    actors: Annotated[dict[Name, Person], Limits(min_length=1)]
    steps: Annotated[tuple[AnyStep, ...], Limits(min_length=1)]


def later(moment: datetime, duration: str) -> datetime:
    """The instant so much later: days and more by the local calendar, hours and less by the clock that never jumps."""
    days, _, clock = duration.partition("T")
    if days != "P":
        moment = moment + period(days)
    return (moment.astimezone(UTC) + period("PT" + clock)).astimezone(moment.tzinfo) if clock else moment


def within_minute(expected: str, seen: datetime) -> bool:
    """Whether an instant is the expected one, to the minute or, where seconds are written, to the second."""
    wanted = datetime.fromisoformat(expected)
    slack = timedelta(seconds=1) if expected.count(":") > 2 else timedelta(minutes=1)  # noqa: PLR2004 - the offset has one
    return wanted <= seen < wanted + slack


class _Draft7(GenerateJsonSchema):
    """Pydantic's schema in words that readers of draft 7 know."""

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        return {"$schema": "http://json-schema.org/draft-07/schema#", **cast("JsonSchemaValue", _renamed(made))}


def _renamed(value: object) -> object:
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        return {("definitions" if key == "$defs" else key): _renamed(inner) for key, inner in parts.items()}
    if isinstance(value, list):
        return [_renamed(inner) for inner in cast("list[object]", value)]
    return value.replace("#/$defs/", "#/definitions/") if isinstance(value, str) else value


def schema() -> JsonSchemaValue:
    """The JSON Schema (draft 7) of a scenario file, as published in definitions/schema/scenario.json."""
    return TypeAdapter(Scenario).json_schema(schema_generator=_Draft7)
