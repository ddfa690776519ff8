"""Following a routine: a step's form as it is filled in, the way a run has come, and what an actor has on the desk.

All of it is looking: noted before it is shown, and without effect on any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE
from stegvis.routines.rules import Move, Rules
from stegvis.routines.text import Text

from .access import Ground, biased
from .asking import Ask, asking
from .decide import rules_of
from .desk import Desk
from .identity import identity_of, identity_view
from .instants import day_at, local_day, text_of
from .judge import asked_now
from .messages import head_of
from .persons import IdentityView
from .reasons import field_title, reason, roles_text, step_title
from .values import Actor, Case, Command, Reason, Run

_OPENINGS: Final = frozenset({"case.open", "run.open"})


class Sheet:
    """A step's form as it is filled in (blankett): whose turn it is, and what is wrong with an answer. Pure.

    Attributes:
        trigger, title: which step.
        fields: every question of the form, by name; not all are asked of everybody.
        version: of the case that it was made for; 0 where it is to be opened.
    """

    __slots__ = ("_ask", "_move", "_rules", "_run", "title", "trigger", "version")

    def __init__(self, ask: Ask, rules: Rules, move: Move, run: Run | None, *, trigger: str, version: int) -> None:
        self._ask, self._rules, self._move, self._run = ask, rules, move, run
        self.trigger, self.version = trigger, version
        self.title = step_title(ask.library, move)

    @property
    def fields(self) -> Mapping[str, Field]:
        return self._move.fields

    @property
    def passable(self) -> frozenset[str]:
        """The guards that this reader may pass with a reason, by id (avsteg)."""
        roles = self._ask.actor.roles
        guards = (one.guard for one in self._move.guards)
        return frozenset(one.id for one in guards if one.override is not None and roles & set(one.override.by))

    def turns(self, form: Mapping[str, object]) -> tuple[str, ...]:
        """The questions that are to be asked, in order, by what has been answered so far.

        Args:
            form: answers by field name; what cannot be read counts as not answered.
        """
        return tuple(one.name for one in asked_now(self._ask, self._rules, self._move, self._run, form))

    def later(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the questions that the step cannot do without now, where the rest may wait."""
        if not self._move.step.complete_later:
            return names
        conditions = [guard.condition for guard in self._move.guards]
        conditions += [branch.condition for branch in self._move.branches if branch.condition is not None]
        needed = {name for condition in conditions for name in condition.names}
        return tuple(one.name for one in self._move.asked if one.name in names and one.fact in needed) or names

    def wrong(self, name: str, value: object, *, now: datetime) -> tuple[Reason, ...]:
        """What is wrong with one answer, as the engine will say when the step is taken.

        Args:
            name, value: the question and its answer, as a JSON value.
            now: the instant of answering, for what may not lie ahead.
        """
        at = text_of(now)
        _, problems = self._move.questions.read({name: value}, now=at, today=day_at(at))
        title = field_title(self._rules, f"{self._move.form}.{name}")
        return tuple(
            reason(
                self._ask.library,
                one.code,
                "missing" if one.code == "missing" else "invalid",
                f"{self._move.form}.{one.field}",
                field=title,
            )
            for one in problems
        )


@dataclass(frozen=True, slots=True)
class Trodden:
    """One thing that has happened in a run.

    Attributes:
        version: its place in the case, from 1.
        title: what was done, in words.
        happened, recorded: the two clocks, UTC text.
        actor, role, unit: who did it.
    """

    version: int
    title: Text
    happened: str
    recorded: str
    actor: str
    role: Text
    unit: str


Group: TypeAlias = Literal["overdue", "today", "waiting", "later", "undated"]
GROUPS: Final[tuple[Group, ...]] = ("overdue", "today", "waiting", "later", "undated")
"""In what order a list of one's own is read."""


@dataclass(frozen=True, slots=True)
class Task:
    """A run that the actor has to do with.

    Attributes:
        group: where in the list it belongs; what is overdue or due today stands there also when others are waited for.
        identity: whether the person's identity is protected; stands first wherever the run is shown.
        case, run, routine: which.
        now: what there is to do in it.
        waiting: for whom it waits, if it does.
        what, due: the next deadline, UTC text; None where there is none.
        holder: who has it; None while nobody does.
        biased: whether whoever has it must not handle it (jäv): it waits for somebody else to be given it.
    """

    group: Group
    identity: IdentityView
    case: str
    run: str
    routine: Text
    now: Text
    waiting: Text | None
    what: Text | None
    due: str | None
    holder: str | None
    biased: bool


class Following:
    """What members of staff ask for while they follow a routine, for the engine."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def sheet(self, case: str, trigger: str, *, actor: Actor, run: str | None = None) -> Sheet:
        """A step's form, to be filled in. The look is noted.

        Raises:
            Refused: ``unknown_case``; ``unknown_step``, when there is no such step where the run stands.
            BadInput: ``which_run``. NotFound: ``unknown_run``.
        """
        seen = self._desk.seen(case, actor)
        library = self._desk.files.library_for(seen.case)
        one = self._desk.lookups.run(library, seen.case, run, trigger)
        rules = rules_of(library, one)
        move = rules.move(one.state, trigger)
        if move is None:
            why = reason(library, "unknown_step", "unknown")
            self._desk.refuse(actor, seen.now, "?", case, why)
        self._desk.look(seen, actor, "read", run=one.id, trg=trigger)
        ask = self._desk.looking(seen, one, actor, trigger)
        if move.kind == "acute" and rules.routine.acute is not None:
            other = library.routine(rules.routine.acute.routine, local_day(seen.now))
            return Sheet(ask, other, other.opening, None, trigger=trigger, version=seen.case.version)
        return Sheet(ask, rules, move, one, trigger=trigger, version=seen.case.version)

    def opening(self, routine: str, *, actor: Actor, person: str | None = None) -> Sheet:
        """The form with which a routine is opened in a new case. It shows no case, so nothing is noted.

        Raises:
            NotFound: ``unknown_routine``, ``routine_not_valid``.
        """
        files, now = self._desk.files, self._desk.files.clock()
        rules = files.library.routine(routine, local_day(now))
        outside = self._desk.lookups.outside(rules, rules.opening.derived, actor.organisation, person, now)
        command = Command(kind="open", run="", trigger=routine, person=person, outside=outside)
        return Sheet(asking(files.library, command, actor, now), rules, rules.opening, None, trigger=routine, version=0)

    def way(self, case: str, *, actor: Actor, run: str | None = None) -> list[Trodden]:
        """What has happened in a run so far, in order. The look is noted.

        Raises:
            Refused: as ``Engine.guide``.
        """
        seen = self._desk.seen(case, actor)
        library = self._desk.files.library_for(seen.case)
        one = self._desk.lookups.run(library, seen.case, run, None)
        self._desk.look(seen, actor, "read", run=one.id, trg="way")
        rules, told = rules_of(library, one), list[Trodden]()
        for row in self._desk.files.store.case_records(actor.organisation, case):
            head = head_of(row)
            if head["run"] == one.id:
                role = library.roles.roles.get(head["role"])
                told.append(
                    Trodden(
                        version=row.cseq or 0,
                        title=_happened(library, rules, head),
                        happened=head["hap"],
                        recorded=head["at"],
                        actor=head["actor"],
                        role=role.title if role is not None else library.words["following.way.system"],
                        unit=head["unit"],
                    )
                )
        return told

    def tasks(self, *, actor: Actor) -> list[Task]:
        """What the actor has on the desk: their own runs, those that wait for them, and those nobody has taken yet.

        Every case that is shown is noted, all of them together, before the list is given.
        """
        now, files = self._desk.files.clock(), self._desk.files
        grounds = self._desk.listed(files.store.cases(actor.organisation), actor, now, "work")
        found = list[Task]()
        for case, ground in grounds.items():
            held = files.case(actor.organisation, case)
            if held is not None:
                library = files.library_for(held.case)
                found += [
                    _task(library, rules_of(library, run), held.case, run, actor, now)
                    for run in held.case.runs.values()
                    if run.ended is None and _concerns(library, held.case, run, ground, actor)
                ]
        shown = {one.case: grounds[one.case] for one in found}
        self._desk.looks("tasks", shown, actor, now)
        return sorted(found, key=lambda one: (GROUPS.index(one.group), one.due or "~", one.case, one.run))


def _happened(library: Library, rules: Rules, head: Mapping[str, object]) -> Text:
    """What a record says was done, in words."""
    kind = str(head["type"])
    if kind in _OPENINGS:
        return rules.opening.step.title
    move = rules.move(str(head.get("from", "")), str(head.get("trg", "")))
    if kind == "transition" and move is not None:
        return step_title(library, move)
    code = {"correction": "correction", "handoff.answered": "answered", "deadline": "deadline"}.get(kind, "other")
    return library.words[f"following.way.{code}"]


def _concerns(library: Library, case: Case, run: Run, ground: Ground, actor: Actor) -> bool:
    """Whether a run is the actor's to do something about, beside that they may see it."""
    if run.holder == actor.id or ground.on == "stand_in" or _approves(library, run, actor):
        return True
    if ground.on == "overseer" and biased(case, run.holder or run.opener):
        return True  # whoever had it is kept out of it, and else nobody would see its deadlines
    rules = rules_of(library, run)
    part = EVERYONE in rules.roles or bool(rules.roles & actor.roles)
    return run.holder is None and (run.opener == actor.id or (ground.on in {"unit", "everybody"} and part))


def _approves(library: Library, run: Run, actor: Actor) -> bool:
    """Whether the run waits for a second person who could be this actor."""
    rules = rules_of(library, run)
    spot = rules.spots[run.state]
    if spot.awaiting is None or run.pending is None or run.pending.actor == actor.id:
        return False
    return bool(rules.moves[spot.name][f"{spot.awaiting}.approve"].by & actor.roles)


def _task(library: Library, rules: Rules, case: Case, run: Run, actor: Actor, now: datetime) -> Task:  # noqa: PLR0917 - the parts of one look
    spot = rules.spots[run.state]
    state = rules.routine.states[spot.origin]
    waiting = state.waiting.party if state.waiting is not None else None
    title = state.now
    if spot.awaiting is not None:
        by = rules.moves[spot.name][f"{spot.awaiting}.approve"].by
        mine = _approves(library, run, actor)
        waiting = None if mine else roles_text(library, by)
        title = step_title(library, rules.moves[spot.name][f"{spot.awaiting}.approve"]) if mine else title
    name, first = min(run.due.items(), key=lambda one: (one[1].shown, one[0]), default=(None, None))
    due = first.shown if first is not None else None
    at = text_of(now)
    group: Group = "waiting" if waiting is not None else "later" if due is not None else "undated"
    if due is not None and due < at:
        group = "overdue"
    elif due is not None and day_at(due) == day_at(at):
        group = "today"
    return Task(
        group=group,
        identity=identity_view(library, identity_of(library, case)),
        case=case.id,
        run=run.id,
        routine=rules.routine.title,
        now=title,
        waiting=waiting,
        what=rules.routine.deadlines[name].title if name is not None else None,
        due=due,
        holder=run.holder,
        biased=biased(case, run.holder or run.opener),
    )
