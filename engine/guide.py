"""The guide: what one actor sees of a run now. What to do, why, by when, by whom, what not to do, what next, why not.

Pure, and the same for a terminal, a page and a program: every surface renders this one value. Its digest is what a
command's ``seen`` and the log carry, so that what was shown can be proved.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import date
from typing import cast

from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.model import Never
from stegvis.routines.rules import Branch, Move, Rules
from stegvis.routines.saying import say_condition
from stegvis.routines.text import Lang, Text, Words, fill, plain

from .asking import Ask
from .corrections import Correction, Rested
from .decide import CLOCK, rules_of, run_of
from .facts import next_birthday_that_matters
from .guide_text import guide_lines
from .guide_view import Action, Contact, DueView, FactView, GuideView, Mended, Next, Question, plain_digest, plain_json
from .identity import Sight, field_of, hidden, identity_of, identity_view, sight
from .instants import local_day
from .judge import glance, may_see, who_may
from .persons import CLOSED, Channel
from .reasons import fact_titles, field_title, roles_text, step_title
from .saying import say_instant, say_value
from .values import Case, Facts, Run

SOON = 183
"""Days ahead at which a birthday that changes the rules is told: half a year, since protection must be planned anew."""


class Guide(GuideView):
    """The guide: what one actor sees of a run. ``digest`` is what was seen; ``text`` is how it reads."""

    __slots__ = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the guide's canonical JSON without the instant at which it was made."""
        return plain_digest(self._shown(moment=False))

    def json(self, *, moment: bool = True) -> dict[str, object]:
        """The guide as JSON values, both languages; ``moment=False`` leaves out when it was made."""
        return cast("dict[str, object]", plain_json(self._shown(moment=moment)))

    def _shown(self, *, moment: bool) -> dict[str, object]:
        left_out = {"words"} if moment else {"words", "at", "clock"}
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in left_out}

    def text(self, lang: Lang = "sv") -> str:
        """The guide as lines of text: append-only, without colour, fit for a screen reader."""
        return "\n".join(guide_lines(self, self.words, lang)) + "\n"


def guide(
    ask: Ask,
    case: Case,
    *,
    clock: str | None,
    corrected: Sequence[Correction] = (),
    reveal: Collection[str] | None = None,
) -> Guide:
    """What the actor sees of the command's run now; what the actor may not read is not there.

    Args:
        ask: who looks, at which run, when, with what had to be looked up for derived facts.
        case: where the case stands.
        clock: when the clock last ran, as text; None if it never has.
        corrected: the corrections of the case that the actor may know of.
        reveal: facts to show though they could lead to a protected person; whoever calls has seen to right and log.
    """
    run = run_of(case, ask.command.run)
    rules = rules_of(ask.library, run)
    identity = identity_of(ask.library, case)
    mended = tuple(one for one in corrected if one.run == run.id)
    channel = case.channels.get(run.person or "", CLOSED)
    looking = _Looking(ask, rules, run, mended, sight(identity, reveal or ()), channel)
    routine, words = rules.routine, ask.library.words
    spot = rules.spots[run.state]
    state = routine.states[spot.origin]
    contacts = ask.library.contacts.contacts
    return Guide(
        identity=identity_view(ask.library, identity),
        case=case.id,
        run=run.id,
        version=case.version,
        routine=routine.routine,
        title=routine.title,
        label=routine.label,
        adopted=_adopted(rules, words),
        state=run.state,
        step=case.version,
        now=looking.doing(run.state),
        why=state.why,
        ended=state.end.title if state.end is not None else None,
        waiting=looking.waiting(),
        acute=case.acute,
        holder=run.holder,
        mine=run.holder == ask.actor.id,
        never=tuple(looking.never(never) for never in state.never),
        call=tuple(Contact(one.title, one.number, one.hours) for one in (contacts[name] for name in state.call)),
        due=tuple(looking.due()),
        actions=tuple(looking.actions()),
        facts=(*looking.counted(), *looking.facts(run.facts)),
        proposed=tuple(looking.facts(run.pending.form)) if run.pending is not None else (),
        notices=tuple(looking.notices(case)),
        at=ask.at,
        clock=clock,
        words=words,
    )


def _adopted(rules: Rules, words: Words) -> Text:
    adopted = rules.routine.adopted
    if adopted is None:
        return words["guide.not_adopted"]
    return fill(words["guide.adopted"], {"by": adopted.by, "on": adopted.on, "label": rules.routine.label})


def rested_text(rules: Rules, rested: Sequence[Rested], words: Words) -> Text:
    """What rested on answers that were wrong, and that it must be looked at again."""

    def said(one: Rested) -> Text:
        how = [
            words[f"guide.rested_{name}"]
            for name, held in (("otherwise", one.otherwise), ("sent", "sent" in one.how))
            if held
        ]
        places = {"step": one.title, "at": say_instant(one.happened), "how": joined(how, "")}
        return fill(words["guide.rested_step"], places)

    facts = fact_titles(rules, {fact for one in rested for fact in one.facts})
    return fill(words["guide.rested"], {"facts": facts, "steps": joined([said(one) for one in rested], "; ")})


def joined(texts: Sequence[Text], between: str) -> Text:
    """Some texts as one."""
    return (
        plain("")
        if not texts
        else Text.model_construct(
            sv=between.join(one("sv") for one in texts), en=between.join(one("en") for one in texts)
        )
    )


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


def cited(library: Library, law: str, on: date) -> Text:
    """Where a law stands on that day, as it is cited."""
    return Text.model_construct(sv=library.law.citation(law, on, "sv"), en=library.law.citation(law, on, "en"))


class _Looking:
    """One actor looking at one run."""

    def __init__(  # noqa: PLR0917 - the parts of one look
        self, ask: Ask, rules: Rules, run: Run, corrected: Sequence[Correction], look: Sight, channel: Channel
    ) -> None:
        self.ask, self.rules, self.run, self.corrected = ask, rules, run, corrected
        self.look, self.channel = look, channel
        self.library, self.words = ask.library, ask.library.words
        self.day = local_day(ask.now)

    def doing(self, state: str) -> Text:
        """What there is to do in a state, or what it waits for."""
        spot = self.rules.spots[state]
        if spot.awaiting is not None:
            step = self.rules.moves[spot.origin][spot.awaiting].step
            return fill(self.words["guide.awaiting"], {"step": step.title})
        return self.rules.routine.states[spot.origin].now

    def waiting(self) -> Text | None:
        spot = self.rules.spots[self.run.state]
        if spot.awaiting is not None:
            return roles_text(self.library, self.rules.moves[spot.name][f"{spot.awaiting}.approve"].by)
        waiting = self.rules.routine.states[spot.origin].waiting
        return waiting.party if waiting is not None else None

    def never(self, never: Never) -> Text:
        """What must not be done, with its law."""
        if never.law is None or self.library.law.law(never.law).house:
            return never.text  # that it is "only" a house rule would weaken what must not be done
        law = cited(self.library, never.law, self.day)
        return Text.model_construct(sv=f"{never.text('sv')} ({law('sv')})", en=f"{never.text('en')} ({law('en')})")

    def facts(self, facts: Facts) -> Iterator[FactView]:
        """Answers that the actor may read, the latest first, each form's in its own order."""
        rules, said = self.rules, self.run.said
        order = {fact: place for place, fact in enumerate(rules.scope)}
        # A case held in memory has its facts as they were given, one read from the store by name: never show which.
        for fact in sorted(facts, key=lambda name: (-said.get(name, 0), order.get(name, 0))):
            field, value = field_of(rules, fact), facts[fact]
            if field is not None and value is not None and may_see(rules, frozenset({fact}), self.ask.actor):
                away = hidden(rules, fact, self.look)
                says = self.words["identity.hidden"] if away else say_value(field, value, self.words)
                mended = self.mended(fact) if facts is self.run.facts else None
                yield FactView(fact, field.title, says, mended is not None, field.part, mended, hidden=away)

    def mended(self, fact: str) -> Mended | None:
        """The correction that an answer comes from; one that a later step gave anew comes from none."""
        for one in self.corrected:
            if fact in one.now and self.run.said.get(fact) == one.version:
                return Mended(one.at, one.actor, one.record, tuple(rest for rest in one.rested if fact in rest.facts))
        return None

    def counted(self) -> Iterator[FactView]:
        """How many earlier runs about the same person there are: a pattern must be seen (mönster över tid)."""
        for name, count in self.ask.command.outside.items():
            if count:
                title = self.rules.routine.derived[name].title
                yield FactView(name, title, plain(str(count)), corrected=False, part="fact")

    def due(self) -> Sequence[DueView]:
        deadlines = self.rules.routine.deadlines
        views = [
            DueView(
                id=name,
                title=deadlines[name].title,
                shown=due.shown,
                internal=due.internal,
                legal=due.legal,
                critical=due.critical,
                law=cited(self.library, due.law, self.day),
                house=self.library.law.law(due.law).house,
                passed=due.passed or due.shown < self.ask.at,
            )
            for name, due in self.run.due.items()
        ]
        return sorted(views, key=lambda view: (view.shown, view.id))

    def notices(self, case: Case) -> Iterator[Text]:
        if case.acute:
            yield self.words["guide.acute"]
        yield from (rested_text(self.rules, one.rested, self.words) for one in self.corrected if one.rested)
        for name, one in self.rules.routine.derived.items():
            source = one.age_group or ""
            shown = may_see(self.rules, frozenset({source}), self.ask.actor)
            away = hidden(self.rules, source, self.look)
            born = self.run.facts.get(source) if shown and not away else None
            birthday = next_birthday_that_matters(born, self.day) if isinstance(born, str) else None
            if birthday is not None and (birthday - self.day).days <= SOON:
                places = {"on": birthday.isoformat(), "what": field_title(self.rules, name)}
                yield fill(self.words["guide.birthday"], places)
        for name in sorted(self.run.owed):
            move = self.rules.moves[self.run.state][name]
            yield fill(self.words["guide.owed"], {"step": step_title(self.library, move)})

    def actions(self) -> Iterator[Action]:
        moves = self.rules.moves[self.run.state].values()
        for move in sorted(moves, key=lambda move: move.kind != "acute"):
            if (move.kind not in {"review", "complete"} or move.trigger in self.run.owed) and move.by != CLOCK.roles:
                yield self._action(move)

    def _action(self, move: Move) -> Action:
        step = move.step
        fields, ways = move.fields, tuple(self._next(branch) for branch in move.branches)
        if move.kind == "acute" and self.rules.routine.acute is not None:
            others = self.library.routine(self.rules.routine.acute.routine, self.day)
            fields, then = others.opening.fields, others.routine.states[others.spots[others.opening.targets[0]].origin]
            ways = (Next(None, self.run.state, then.now),)
        laws = [*step.law, *([step.handoff.basis] if step.handoff is not None else [])]
        found = glance(self.ask, self.rules, move, self.run)
        return Action(
            trigger=move.trigger,
            title=step_title(self.library, move),
            help=step.help if move.kind in {"step", "propose", "complete"} else None,
            who=who_may(self.library, move),
            open=not found.reasons,
            reasons=tuple(found.reasons),
            questions=tuple(question(name, field) for name, field in fields.items()),
            law=tuple(cited(self.library, law, self.day) for law in dict.fromkeys(laws)),
            never=tuple(self.never(never) for never in step.never),
            next=ways,
            second_person=move.kind == "propose",
            irreversible=step.irreversible,
            contacts_family=step.contacts_family,
            channel=self.words[f"channel.step.{'usable' if self.channel.usable else 'closed'}"]
            if step.reaches_person
            else None,
        )

    def _next(self, branch: Branch) -> Next:
        state = self.rules.routine.states[self.rules.spots[branch.target].origin]
        then = state.end.title if state.end is not None else self.doing(branch.target)
        if branch.target == self.run.state:
            then = self.words["guide.stays"]
        condition = self.words["guide.otherwise"] if branch.otherwise else None
        if branch.condition is not None:
            visible = may_see(self.rules, branch.condition.names, self.ask.actor)
            said = say_condition(self.library, self.rules, branch.condition)
            condition = said if visible else self.words["guide.depends"]
        return Next(condition, branch.target, then)
