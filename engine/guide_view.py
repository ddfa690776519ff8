"""What stands on a screen, as plain values; every surface renders these and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import orjson

from stegvis.routines.text import Text, Words

from .corrections import Rested
from .persons import IdentityView
from .values import Reason


@dataclass(frozen=True, slots=True)
class Question:
    """One field of a step's form, as it is asked."""

    name: str
    title: Text
    why: Text | None
    type: str
    options: Mapping[str, Text]
    multiple: bool
    required: bool
    conditional: bool
    part: str
    rows: tuple["Question", ...]


@dataclass(frozen=True, slots=True)
class Next:
    """Where a choice leads: under which condition, to what."""

    condition: Text | None
    state: str
    then: Text


@dataclass(frozen=True, slots=True)
class Action:
    """One step from here, open or closed; closed with every reason."""

    trigger: str
    title: Text
    help: Text | None
    who: Text
    open: bool
    reasons: tuple[Reason, ...]
    questions: tuple[Question, ...]
    law: tuple[Text, ...]
    never: tuple[Text, ...]
    next: tuple[Next, ...]
    second_person: bool
    irreversible: bool
    contacts_family: bool
    channel: Text | None
    """For a step that reaches the person: whether there is a safe way, and to read it first."""


@dataclass(frozen=True, slots=True)
class DueView:
    """A deadline as it is shown: which date, counted how, under which law."""

    id: str
    title: Text
    shown: str
    internal: str
    legal: str | None
    critical: str | None
    law: Text
    house: bool
    """Whether it is the house's own rule, which no statute says."""
    passed: bool


@dataclass(frozen=True, slots=True)
class Mended:
    """When an answer was corrected, by whom, the record of the one it corrects, and the steps that had rested on it."""

    at: str
    by: str
    record: str
    rested: tuple[Rested, ...]


@dataclass(frozen=True, slots=True)
class FactView:
    """An answer that the actor may read. ``correction`` is there while it is a corrected one."""

    fact: str
    title: Text
    value: Text
    corrected: bool
    part: str
    correction: Mended | None = None
    hidden: bool = False
    """Whether the answer is held back because the identity is, or may be, protected; ``value`` then says so."""


@dataclass(frozen=True, slots=True)
class Contact:
    title: Text
    number: str | None
    hours: Text | None


@dataclass(frozen=True, slots=True)
class GuideView:
    """What stands on the screen. Instants are UTC text; ``clock`` is when the clock last ran, None if it never has."""

    identity: IdentityView
    """Stands first in every view."""
    case: str
    run: str
    version: int
    routine: str
    title: Text
    label: str
    adopted: Text
    state: str
    step: int
    now: Text
    why: Text
    ended: Text | None
    waiting: Text | None
    acute: bool
    holder: str | None
    mine: bool
    never: tuple[Text, ...]
    call: tuple[Contact, ...]
    due: tuple[DueView, ...]
    actions: tuple[Action, ...]
    facts: tuple[FactView, ...]
    """What is known, latest first."""
    proposed: tuple[FactView, ...]
    """What awaits a second person's approval."""
    notices: tuple[Text, ...]
    at: str
    clock: str | None
    words: Words


def plain_json(value: object) -> object:
    """Texts, reasons and views as JSON values."""
    return orjson.loads(orjson.dumps(value, default=_plain))


def plain_digest(value: object) -> str:
    """SHA-256 of the canonical bytes of ``plain_json``, lower-case hex."""
    return sha256(orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Text):
        return {"sv": value.sv, "en": value.en}
    if isinstance(value, Reason):
        return value._asdict()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    raise TypeError(type(value))
