"""The law (rättslig grund): every legal basis and time limit a routine leans on, as dated data from law.yaml.

A wording is picked by the date of the step, never by the date a case was opened: a decision taken in August 2025 in a
case from May cites the act in force in August. Nothing here knows what day it is, and no number stands here: they stand
in ``definitions/law.yaml``, with citation, source and confidence.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from .errors import BadInput, NotFound
from .text import Format, Lang, Model, Name, Text

Kind: TypeAlias = Literal["statutory", "hard", "prompt", "recurring", "on_request", "keep", "practice", "basis"]
"""What a passed limit means.

``statutory`` a decision or a measure is late · ``hard`` a right or a measure is lost · ``prompt`` (genast, skyndsamt)
no number in law · ``recurring`` counts again from each review · ``on_request`` runs only when somebody asks · ``keep``
nothing may be thinned (gallras) before it · ``practice`` the house's own clock · ``basis`` a basis without a clock.
"""

Confidence: TypeAlias = Literal["H", "M", "L"]
"""H the wording itself was read · M from guidance, an excerpt or preparatory works · L not verified."""

Line: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Days: TypeAlias = Annotated[int, Field(ge=0, le=366)]
Hour: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Span: TypeAlias = Annotated[str, StringConstraints(pattern=r"^P([1-9]\d{0,2}[DWMY]|T[1-9]\d{0,2}[HM])$")]
"""An ISO 8601 duration of one unit: P14D, P1W, P4M, P5Y, PT24H, PT30M."""

Sections: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^(\d+ ?[a-z]?:)?\d+( [a-z])?([-,] ?(\d+( [a-z])?|[a-z]))*$", max_length=60),
]
"""Chapter and sections in the field's shorthand: ``20:1``, ``14:3-7``, ``10:18 c``, ``31 a-f``, ``12, 33``."""


class NoLaw(NotFound):
    """That law is not in the law book, or was not in force on that day."""

    code = "law_unknown"


class EndOfDay(Model):
    """The end of the local day that many days after the start; ``late`` days for a start at or after ``late_after``."""

    end_of_day: Days
    late_after: Hour | None = None
    late: Days | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.late_after is None) is not (self.late is None):
            raise ValueError("late_after and late belong together")
        if self.late is not None and self.late < self.end_of_day:
            raise ValueError("a late start may not shorten the limit")
        return self

    def days(self, at: time) -> int:
        """How many days a start at that local time is given."""
        if self.late_after is None or self.late is None or at < time.fromisoformat(self.late_after):
            return self.end_of_day
        return self.late


class Period(Model):
    """Days, weeks, months and years on the local calendar, through the last day; hours and minutes as elapsed time."""

    period: Span


class Age(Model):
    """The first instant of the birthday on which the person reaches that age; the start is the date of birth."""

    age: Annotated[int, Field(ge=1, le=120)]


class Prompt(Model):
    """At once (genast, skyndsamt, utan dröjsmål): the law gives no number, so there is no legal instant."""

    prompt: Literal[True]


Limit: TypeAlias = EndOfDay | Period | Age | Prompt
Inner: TypeAlias = EndOfDay | Period


class Act(Model):
    """A statute (författning) as it is cited."""

    title: Text
    cite: Line
    """Short name with its number in the statute book (SFS): ``SoL (2025:400)``."""
    first: Annotated[date | None, Field(alias="from")]
    last: Annotated[date | None, Field(alias="to")]
    """Last day in force; None while nobody has repealed it as far as we know."""
    note: Line | None = None


class LawVersion(Model):
    """One wording: when it holds, where it stands, what it says and what limit it sets."""

    first: Annotated[date | None, Field(alias="from")]
    """First day; None when we have not looked at when the wording began."""
    last: Annotated[date | None, Field(alias="to")]
    """Last day, included; None while nothing has replaced it as far as we know."""
    act: Name | None
    section: Sections | None
    """None when nobody has verified where it stands."""
    says: Text
    counts_from: Text | None = None
    """What starts the clock; there whenever there is a clock."""
    limit: Limit | None = None
    """The outer limit the law sets."""
    internal: Inner | None = None
    """The house's own earlier date, which drives reminders and never moves; without one, the limit before any move."""
    weekend: Literal["none", "next_weekday"] = "none"
    """Whether the legal date moves to the next weekday (lag 1930:173 2 §). Never for a limit that protects somebody."""
    source: Name
    confidence: Confidence
    note: Line | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.first and self.last and self.last < self.first:
            raise ValueError("ends before it begins")
        clock = self.limit is not None or self.internal is not None
        if clock is not (self.counts_from is not None):
            raise ValueError("counts_from belongs to a version with a limit, and only there")
        if isinstance(self.limit, Prompt) and self.internal is None:
            raise ValueError("a limit without a number needs an internal one")
        if self.weekend == "next_weekday" and not isinstance(self.limit, Period):
            raise ValueError("only a period can move to the next weekday")
        if self.section is None and self.confidence == "H":
            raise ValueError("a wording nobody has found is not confidence H")
        return self

    def holds(self, on: date) -> bool:
        """Whether this wording was in force that day."""
        return (self.first is None or self.first <= on) and (self.last is None or on <= self.last)


class Law(Model):
    """One legal basis or time limit, through its wordings over time, oldest first."""

    title: Text
    kind: Kind
    house: bool = False
    """The municipality's own rule (egen regel), which it may change; no statute says it."""
    lapse: bool = False
    """A hard limit whose passing ends something by itself: the actor ``clock`` says so."""
    versions: Annotated[tuple[LawVersion, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for older, newer in pairwise(self.versions):
            if older.last is None or newer.first is None or newer.first <= older.last:
                raise ValueError("wordings overlap or stand in the wrong order")
        if self.lapse and self.kind != "hard":
            raise ValueError("only a hard limit lapses")
        for version in self.versions:
            self._suits(version)
        return self

    def _suits(self, version: LawVersion) -> None:
        clock = version.counts_from is not None
        if clock is (self.kind == "basis"):
            raise ValueError("a basis has no clock, and every other kind has one")
        if self.kind == "hard" and not isinstance(version.limit, Period | Age):
            raise ValueError("a hard limit has a number")
        if self.kind == "prompt" and not isinstance(version.limit, Prompt):
            raise ValueError("a prompt limit has no number")
        if self.house is not (version.act is None):
            raise ValueError("a wording stands in an act unless the law is a house rule")
        if self.house and (version.limit is not None or version.confidence != "L"):
            raise ValueError("a house rule sets no legal limit, and is confidence L")
        if self.kind == "practice" and not self.house:
            raise ValueError("practice is a house rule")


class Source(Model):
    """Where a wording was found."""

    title: Line
    read: date | None
    """The day on which the text read was current law; None when no dated text was read."""


class Citing(Model):
    """How a citation is written in one language; ``{chapter}``, ``{section}`` and ``{act}`` are filled in."""

    chapter_section: Line
    chapter_sections: Line
    section: Line
    sections: Line
    unverified: Line
    house: Line


class LawBook(Model):
    """Every legal basis and time limit, as law.yaml gives them."""

    format: Format
    citing: Mapping[Lang, Citing]
    sources: Mapping[Name, Source]
    acts: Mapping[Name, Act]
    laws: Mapping[Name, Law]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if set(self.citing) != {"sv", "en"}:
            raise ValueError("citations are written in sv and en")
        for name, law in self.laws.items():
            for version in law.versions:
                if version.act is not None and not self._within(version, version.act):
                    raise ValueError(f"{name}: unknown act, or a wording outside the time of its act")
                if version.source not in self.sources:
                    raise ValueError(f"{name}: unknown source")
        return self

    def _within(self, version: LawVersion, named: Name) -> bool:
        act = self.acts.get(named)
        if act is None:
            return False
        early = act.first is not None and (version.first is None or version.first < act.first)
        late = act.last is not None and (version.last is None or version.last > act.last)
        return not (early or late)

    def law(self, law_id: str) -> Law:
        """The law by that name, in all its wordings.

        Raises:
            NoLaw: ``law_unknown``.
        """
        law = self.laws.get(law_id)
        if law is None:
            raise NoLaw("law_unknown", law=law_id)
        return law

    def at(self, law_id: str, on: date) -> LawVersion:
        """The wording in force on the local (Swedish) date of the step.

        Raises:
            NoLaw: ``law_unknown``, or ``law_not_in_force`` that day.
            BadInput: ``instant_for_date``: an instant has a date only in a time zone, see ``limits.local``.
        """
        day = _day(on)
        for version in self.law(law_id).versions:
            if version.holds(day):
                return version
        raise NoLaw("law_not_in_force", law=law_id, on=day.isoformat())

    def repealed(self, law_id: str, on: date) -> bool:
        """Whether the last wording had ended before that day (upphävd).

        Raises:
            NoLaw: ``law_unknown``.
            BadInput: ``instant_for_date``.
        """
        day, last = _day(on), self.law(law_id).versions[-1].last
        return last is not None and last < day

    def citation(self, law_id: str, on: date, lang: Lang = "sv") -> str:
        """Where the rule stood that day, as it is cited: ``20 kap. 2 § SoL (2025:400)``.

        Raises:
            NoLaw: ``law_unknown``, or ``law_not_in_force`` that day.
            BadInput: ``instant_for_date``.
        """
        return self.cite(self.at(law_id, on), lang)

    def cite(self, version: LawVersion, lang: Lang = "sv") -> str:
        """Where that wording stands, as it is cited."""
        citing = self.citing[lang]
        if version.act is None:
            return citing.house
        chapter, sections = _place(version.section)
        many = len(re.findall(r"\d+", sections)) > 1 or bool(re.search("[-,]", sections))
        if not sections:
            form = citing.unverified
        elif chapter:
            form = citing.chapter_sections if many else citing.chapter_section
        else:
            form = citing.sections if many else citing.section
        said = form.replace("{chapter}", chapter).replace("{section}", sections.replace("-", _DASH))
        return said.replace("{act}", self.acts[version.act].cite)


_M = TypeVar("_M", bound=BaseModel)
_DASH = "\N{EN DASH}"


def checked(model: type[_M], data: Mapping[str, object]) -> _M:
    """What a definition file holds, as its model.

    Raises:
        BadInput: ``definition_malformed``; details: where, which rule, how many faults. Never the value.
    """
    try:
        # Through JSON, where strict models still take a list as a tuple and a text as a date.
        return model.model_validate_json(orjson.dumps(data))
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadInput(
            "definition_malformed", at=where or model.__name__, rule=first["msg"], faults=fault.error_count()
        ) from None
    except TypeError:
        raise BadInput("definition_malformed", at=model.__name__, rule="not plain data") from None


def load_law(data: Mapping[str, object]) -> LawBook:
    """The law book from the parsed data of law.yaml.

    Raises:
        BadInput: ``definition_malformed``.
    """
    return checked(LawBook, data)


def _day(on: date) -> date:
    if isinstance(on, datetime):
        raise BadInput("instant_for_date")
    return on


def _place(section: str | None) -> tuple[str, str]:
    chapter, mark, sections = (section or "").rpartition(":")
    return (chapter, sections) if mark else ("", section or "")
