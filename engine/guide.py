"""The guide: what one actor sees of a run now. What to do, why, by when, by whom, what not to do, what next, why not.

Pure, and the same for a terminal, a page and a program: every surface renders this one value. Its digest is what a
command's ``seen`` and the log carry, so that what was shown can be proved.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from stegvis.routines.digests import digest
from stegvis.routines.form import Field, Value
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE, Never
from stegvis.routines.rules import Branch, Move, Rules, Spot
from stegvis.routines.text import Lang, Text, Words, fill

from .decide import rules_of, run_of
from .guide_text import guide_lines
from .guide_view import Action, Contact, DueView, FactView, GuideView, Next, Question, plain_json
from .facts import next_birthday_that_matters
from .instants import local_day, text_of
from .judge import glance, may_see
from .reasons import field_title, roles_text
from .saying import say_condition
from .values import Actor, Case, Reason, Run


class Guide(GuideView):
    """The guide: what one actor sees of a run. ``digest`` is what was seen; ``text`` is how it reads."""

    __slots__ = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the guide's canonical JSON without the instant at which it was made."""
        return digest(self.json(moment=False))

    def json(self, *, moment: bool = True) -> dict[str, object]:
        """The guide as JSON values, both languages; ``moment=False`` leaves out when it was made."""
        whole = plain_json(self)
        assert isinstance(whole, dict)  # noqa: S101 - a dataclass becomes a mapping
        if not moment:
            del whole["at"], whole["clock"]
        del whole["words"]
        return whole

    def text(self, lang: Lang = "sv") -> str:
        """The guide as lines of text: append-only, without colour, fit for a screen reader."""
        return "\n".join(guide_lines(self, self.words, lang)) + "\n"


def guide(  # noqa: PLR0913 - what a screen hangs on
    library: Library,
    case: Case,
    run_id: str,
    actor: Actor,
    now: datetime,
    *,
    outside: Mapping[str, int],
    guidance: Rules | None = None,
    clock: str | None = None,
) -> Guide:
    """What the actor sees of the run now.

    Args:
        library: texts, law, registers, and the run's own rules by digest.
        case, run_id: where the case stands, and which of its runs.
        actor: who looks; what the actor may not read is not there.
        now: the present instant, aware.
        outside: what had to be looked up for derived facts.
        guidance: the newest adopted texts for these rules; None for those the rules came with.
        clock: when the clock last ran.
    """
    run = run_of(case, run_id)
    rules = guidance if guidance is not None else rules_of(library, run)
    routine, spot = rules.routine, rules.spots[run.state]
    state = routine.states[spot.origin]
    day = local_day(now)
    words = library.words
    acting = _Acting(library, rules, run, actor, now, outside)
    doing = state.now if spot.awaiting is None else fill(words["guide.awaiting"], {"step": acting.title_of(spot.awaiting)})
    return Guide(
        case=case.id,
        run=run.id,
        version=case.version,
        routine=routine.routine,
        title=routine.title,
        label=routine.label,
        adopted=_adopted(rules, words),
        state=run.state,
        step=case.version,
        now=doing,
        why=state.why,
        ended=state.end.title if state.end is not None else None,
        waiting=_waiting(state.waiting.party if state.waiting is not None else None, spot, rules, library),
        acute=case.acute,
        holder=run.holder,
        mine=run.holder == actor.id,
        never=tuple(_never(library, never, day) for never in state.never),
        call=tuple(Contact(one.title, one.number, one.hours) for one in (library.contacts.contacts[name] for name in state.call)),
        due=tuple(_due_views(library, rules, run, day)),
        actions=acting.actions(),
        facts=tuple(_facts(rules, run, actor, words)),
        notices=tuple(_notices(library, rules, run, case, day)),
        at=text_of(now),
        clock=clock,
        words=words,
    )


def _adopted(rules: Rules, words: Words) -> Text:
    adopted = rules.routine.adopted
    if adopted is None:
        return words["guide.not_adopted"]
    return fill(words["guide.adopted"], {"by": adopted.by, "on": adopted.on, "label": rules.routine.label})


def _waiting(party: Text | None, spot: Spot, rules: Rules, library: Library) -> Text | None:
    if spot.awaiting is None:
        return party
    second = next(move.by for move in rules.moves[spot.name].values() if move.kind == "approve")
    return roles_text(library, second)


def _never(library: Library, never: Never, day: object) -> Text:
    if never.law is None:
        return never.text
    return _cited(library, never.text, never.law, day)


def _cited(library: Library, text: Text, law: str, day: object) -> Text:
    cited = _citation(library, law, day)
    return Text.model_construct(sv=f"{text('sv')} ({cited('sv')})", en=f"{text('en')} ({cited('en')})")


def _citation(library: Library, law: str, day: object) -> Text:
    return Text.model_construct(sv=library.law.citation(law, day, "sv"), en=library.law.citation(law, day, "en"))  # pyright: ignore[reportArgumentType]


def _due_views(library: Library, rules: Rules, run: Run, day: object) -> list[DueView]:
    views = [
        DueView(
            name, rules.routine.deadlines[name].title, due.shown, due.internal, due.legal, due.critical, _citation(library, due.law, day), due.passed
        )
        for name, due in run.due.items()
    ]
    return sorted(views, key=lambda view: (view.shown, view.id))


def _facts(rules: Rules, run: Run, actor: Actor, words: Words) -> Sequence[FactView]:
    views: list[FactView] = []
    for fact, value in run.facts.items():
        if value is None or fact.startswith("status.") or not may_see(rules, frozenset({fact}), actor):
            continue
        form, _, name = fact.partition(".")
        fields = rules.routine.handed if form == "handed" else rules.routine.forms[form].fields if form in rules.routine.forms else {}
        field = fields.get(name)
        if field is not None:
            views.append(FactView(fact, field.title, say_value(field, value, words), fact in run.corrected, field.part))
    return views


def say_value(field: Field, value: Value, words: Words) -> Text:
    """An answer in words, as its form says it."""
    if field.type == "boolean":
        return words["guide.yes" if value is True else "guide.no"]
    if field.type == "choice" and field.of is not None:
        chosen = [field.of[str(one)] for one in (value if isinstance(value, list | tuple) else [value])]
        return Text.model_construct(sv=", ".join(one("sv") for one in chosen), en=", ".join(one("en") for one in chosen))
    if field.type == "list" and isinstance(value, list | tuple):
        return fill(words["guide.rows"], {"count": len(value)})
    return Text.model_construct(sv=str(value), en=str(value))


def _notices(library: Library, rules: Rules, run: Run, case: Case, day: object) -> list[Text]:
    notices: list[Text] = []
    if case.acute:
        notices.append(library.words["guide.acute"])
    for name, one in rules.routine.derived.items():
        born = run.facts.get(one.age_group) if one.age_group is not None else None
        if isinstance(born, str):
            birthday = next_birthday_that_matters(born, day)  # pyright: ignore[reportArgumentType]
            if birthday is not None and (birthday - day).days <= 183:  # noqa: PLR2004  # pyright: ignore
                notices.append(fill(library.words["guide.birthday"], {"on": birthday.isoformat(), "what": field_title(rules, name)}))
    notices.extend(fill(library.words["guide.owed"], {"step": rules.moves[run.state][name].step.title}) for name in run.owed)
    return notices


class _Acting:
    """The steps from here, for one actor."""

    def __init__(self, library: Library, rules: Rules, run: Run, actor: Actor, now: datetime, outside: Mapping[str, int]) -> None:  # noqa: PLR0913
        self.library, self.rules, self.run, self.actor, self.now, self.outside = library, rules, run, actor, now, outside
        self.day = local_day(now)

    def title_of(self, trigger: str) -> Text:
        for moves in self.rules.moves.values():
            if trigger in moves:
                return moves[trigger].step.title
        return self.rules.routine.opens.title

    def actions(self) -> tuple[Action, ...]:
        shown = [move for move in self.rules.moves[self.run.state].values() if self._shown(move)]
        return tuple(self._action(move) for move in shown)

    def _shown(self, move: Move) -> bool:
        return (move.kind not in {"review", "complete"} or move.trigger in self.run.owed) and move.by != {"clock"}

    def _action(self, move: Move) -> Action:
        found = glance(self.library, self.rules, move, self.run, self.outside, self.actor, self.now)
        step = move.step
        laws = [*step.law, *([step.handoff.basis] if step.handoff is not None else [])]
        title = step.title
        if move.kind in self.library.builtin.titles:
            title = fill(self.library.builtin.titles[move.kind], {"step": step.title})
        everyone = EVERYONE in move.by
        return Action(
            trigger=move.trigger,
            title=title,
            help=step.help,
            who=self.library.words["reasons.everyone"] if everyone else roles_text(self.library, move.by),
            open=not found.reasons,
            reasons=tuple(found.reasons),
            questions=tuple(question(name, field) for name, field in move.fields.items()),
            law=tuple(_citation(self.library, law, self.day) for law in dict.fromkeys(laws)),
            never=tuple(_never(self.library, never, self.day) for never in step.never),
            next=tuple(self._next(branch) for branch in move.branches),
            second_person=move.kind == "propose",
            irreversible=step.irreversible,
            contacts_family=step.contacts_family,
        )

    def _next(self, branch: Branch) -> Next:
        spot = self.rules.spots[branch.target]
        state = self.rules.routine.states[spot.origin]
        then = state.end.title if state.end is not None else state.now
        if spot.awaiting is not None:
            then = fill(self.library.words["guide.awaiting"], {"step": self.title_of(spot.awaiting)})
        condition = self.library.words["guide.otherwise"] if branch.otherwise else None
        if branch.condition is not None:
            visible = may_see(self.rules, branch.condition.names, self.actor)
            condition = self._said(branch) if visible else self.library.words["guide.depends"]
        return Next(condition, branch.target, then)

    def _said(self, branch: Branch) -> Text:
        assert branch.condition is not None  # noqa: S101 - asked by the caller
        return say_condition(self.library, self.rules, branch.condition)


def question(name: str, field: Field) -> Question:
    """A form's field as it is asked."""
    return Question(
        name=name,
        title=field.title,
        why=field.why,
        type=field.type,
        options=field.of or {},
        multiple=field.multiple,
        required=field.required,
        conditional=field.when is not None,
        part=field.part,
        rows=tuple(question(inner, column) for inner, column in (field.rows or {}).items()),
    )


