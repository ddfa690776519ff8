"""The contact plan (kontaktplan): who in the family may be contacted, as a view over the decisions in the runs.

Nothing is decided here. What no run has opened is closed; where runs differ, or a review is late, it is closed too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, cast

from stegvis.routines.form import Field, Value, locates
from stegvis.routines.library import Library
from stegvis.routines.model import ContactPlan
from stegvis.routines.rules import Rules
from stegvis.routines.text import Lang, Text, Words, fill

from .guide_view import plain_json
from .identity import Sight, field_of, hidden, identity_of, identity_view
from .judge import may_see
from .persons import IdentityView
from .saying import say_instant, say_value
from .values import Actor, Case, Facts, Run

Word: TypeAlias = Literal["may", "may_not", "undecided", "overdue"]
_STRICTEST: Sequence[Word] = ("may_not", "overdue", "undecided", "may")


class Decided(NamedTuple):
    """The record of a decision: its id, when it was made, by whom."""

    record: str
    at: str
    actor: str


class Detail(NamedTuple):
    """What a decision says beside yes or no."""

    title: Text
    value: Text
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One person, or the home as a whole, and whether they may be contacted."""

    person: str | None
    """Opaque key; None for the home as a whole."""
    who: Text | None
    word: Word
    version: int | None
    """Version of the case at which it was decided; None where nothing is."""
    until: str | None
    """By when the decision is to be reviewed."""
    details: tuple[Detail, ...] = ()
    decided: Decided | None = None

    @property
    def may(self) -> bool:
        """Whether the person may be contacted; only as the decision says."""
        return self.word == "may"


@dataclass(frozen=True, slots=True)
class ContactsView:
    """A case's contact plan as one actor sees it."""

    identity: IdentityView
    case: str
    persons: tuple[ContactLine, ...]
    words: Words

    def json(self) -> dict[str, object]:
        """The plan as JSON values, both languages."""
        lines = [{**cast("dict[str, object]", plain_json(one)), "may": one.may} for one in self.persons]
        return {"identity": plain_json(self.identity), "case": self.case, "persons": lines}

    def text(self, lang: Lang = "sv") -> str:
        """The plan as lines of text, one person after the other."""
        return "\n".join(_lines(self, lang)) + "\n"

    def of(self, person: str) -> ContactLine | None:
        """What the plan says of somebody; None where it does not name them."""
        return next((one for one in self.persons if one.person == person), None)


def contacts(
    library: Library, case: Case, actor: Actor, look: Sight, decided: Mapping[int, Decided], *, at: str
) -> ContactsView:
    """The contact plan of a case.

    Args:
        library: with the rules of the case's runs.
        case, actor: which case, who looks.
        look: what is hidden because the identity is, or may be, protected.
        decided: the record made at each version of the case that a decision was made at.
        at: the present instant, as text.
    """
    found: dict[str | None, ContactLine] = {}
    for run in case.runs.values():
        rules = library.pinned(run.rules)
        if rules is None or rules.routine.contacts is None:
            continue
        for line in _Plan(library, rules, rules.routine.contacts, run, actor, look, at).lines():
            before = found.get(line.person)
            if before is None or _order(line) < _order(before):
                found[line.person] = line
    lines = [
        ContactLine(one.person, one.who, one.word, one.version, one.until, one.details, decided.get(one.version or 0))
        for one in found.values()
    ]
    lines.sort(key=lambda one: (one.person is not None, one.person or ""))
    return ContactsView(identity_view(library, identity_of(library, case)), case.id, tuple(lines), library.words)


def _order(line: ContactLine) -> tuple[int, int]:
    return _STRICTEST.index(line.word), -(line.version or 0)


def decisions(library: Library, case: Case) -> Iterator[int]:
    """The versions of the case at which something about contact was decided."""
    for run in case.runs.values():
        rules = library.pinned(run.rules)
        plan = rules.routine.contacts if rules is not None else None
        for fact in (plan.each, *plan.home) if plan is not None else ():
            if fact is not None and fact in run.said:
                yield run.said[fact]


class _Plan:
    """One run's part of the plan, as one actor may see it."""

    def __init__(  # noqa: PLR0917 - the parts of one look
        self, library: Library, rules: Rules, plan: ContactPlan, run: Run, actor: Actor, look: Sight, at: str
    ) -> None:
        self.library, self.rules, self.plan, self.run = library, rules, plan, run
        self.actor, self.look, self.at = actor, look, at
        self.facts: Facts = {
            name: value for name, value in run.facts.items() if may_see(rules, frozenset({name}), actor)
        }

    def lines(self) -> Iterator[ContactLine]:
        rows = self._rows()
        named = {str(row.get(self.plan.person)) for row in rows}
        for person in sorted(named):
            yield self._line(person, [row for row in rows if row.get(self.plan.person) == person])
        if self.run.ended is None:
            for person in sorted(set(self._others()) - named):
                yield ContactLine(person, None, "undecided", None, None)
        home = max((fact for fact in self.plan.home if fact in self.facts), key=self._said, default=None)
        if home is not None:
            word, until = self._word([self.facts[home]])
            details = tuple(self._facts(self.plan.home[home]))
            yield ContactLine(None, self.library.words["contacts.home"], word, self._said(home), until, details)
        elif self.plan.home and self.run.ended is None:
            yield ContactLine(None, self.library.words["contacts.home"], "undecided", None, None)

    def _rows(self) -> Sequence[Mapping[str, Value]]:
        rows = self.facts.get(self.plan.each or "")
        return cast("Sequence[Mapping[str, Value]]", rows) if isinstance(rows, list | tuple) else ()

    def _said(self, fact: str) -> int:
        return self.run.said.get(fact, 0)

    def _line(self, person: str, rows: Sequence[Mapping[str, Value]]) -> ContactLine:
        """A person who stands in two rows is open only when both say so."""
        assert self.plan.each is not None  # noqa: S101 - its rows were read
        field = field_of(self.rules, self.plan.each)
        columns = field.rows if field is not None and field.rows is not None else {}
        word, until = self._word([row.get(self.plan.decision) for row in rows])
        who = self.plan.who
        titles = [columns[who].of or {} for _ in rows if who is not None and who in columns]
        said = [title.get(str(row.get(who or ""))) for title, row in zip(titles, rows, strict=False)]
        details = tuple(self._columns(columns, rows[-1])) if word == "may" else ()
        return ContactLine(person, next(iter(said), None), word, self._said(self.plan.each), until, details)

    def _word(self, answers: Sequence[Value]) -> tuple[Word, str | None]:
        due = self.run.due.get(self.plan.review or "")
        until = due.shown if due is not None else None
        if not all(answer == self.plan.open for answer in answers):
            return "may_not", until
        return ("overdue" if until is not None and until < self.at else "may"), until

    def _columns(self, columns: Mapping[str, Field], row: Mapping[str, Value]) -> Iterator[Detail]:
        for name, column in columns.items():
            value = row.get(name)
            if name not in {self.plan.person, self.plan.who, self.plan.decision} and value is not None:
                away = self.look.hides and locates(column) and self.plan.each not in self.look.asked
                yield self._detail(column, value, away=away)

    def _facts(self, names: Sequence[str]) -> Iterator[Detail]:
        for name in names:
            field, value = field_of(self.rules, name), self.facts.get(name)
            if field is not None and value is not None:
                yield self._detail(field, value, away=hidden(self.rules, name, self.look))

    def _detail(self, field: Field, value: Value, *, away: bool) -> Detail:
        words = self.library.words
        return Detail(field.title, words["identity.hidden"] if away else say_value(field, value, words), away)

    def _others(self) -> Iterator[str]:
        """Family named elsewhere in the run, of whom nothing may be decided."""
        for name in self.plan.named:
            value, field = self.facts.get(name), field_of(self.rules, name)
            if isinstance(value, str):
                yield value
            elif isinstance(value, list | tuple) and field is not None:
                persons = [column for column, one in (field.rows or {}).items() if one.type == "person"]
                for row in cast("Sequence[Mapping[str, Value]]", value):
                    yield from (str(row[column]) for column in persons if row.get(column) is not None)


def _lines(shown: ContactsView, lang: Lang) -> Iterator[str]:
    words = shown.words

    def word(name: str, **places: Text | str | int) -> str:
        return fill(words[f"contacts.{name}"], places)(lang)

    yield shown.identity.says(lang)
    yield word("heading")
    if not shown.persons:
        yield word("nobody")
        return
    yield word("rule")
    for one in shown.persons:
        whom = one.person or word("home")
        if one.person is not None and one.who is not None:
            whom = word("whom", person=one.person, who=one.who)
        until = say_instant(one.until) if one.until is not None else ""
        yield ""
        yield word("line", whom=whom, word=word(one.word, until=until))
        if one.decided is not None:
            made = one.decided
            yield "  " + word("decided", record=made.record[:8], when=say_instant(made.at), actor=made.actor)
            yield "  " + (word("until", until=until) if until else word("no_until"))
        for detail in one.details:
            yield "  " + word("detail", title=detail.title, value=detail.value)
