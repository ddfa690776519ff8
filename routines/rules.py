"""A routine compiled: what the engine runs. Four-eyes become states, shared steps stand where they are shared.

The table ``moves[state][trigger]`` is the whole machine; everything a step needs is on its ``Move``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, TypeAlias

import orjson

from .condition import Condition, parse
from .digests import Json, canonical, digest, split
from .facttypes import FactType, Scope
from .form import Field, Form, Questions, fact_type
from .model import EVERYONE, HERE, OPEN, Deadline, Derived, Guard, Routine, Shared, Start, Target, Transition
from .text import Text

Moved: TypeAlias = Literal["step", "propose", "approve", "reject", "withdraw", "review", "complete", "acute"]

AGE_GROUPS = ("under_12", "12_14", "15_17", "18_20", "adult")
"""Bands of age in which consent, party rights and care rules differ (SoL 21:1, 3:4, 20:1)."""

STATUSES = ("sent", "received", "accepted", "rejected", "revoked", "done")


@dataclass(frozen=True, slots=True)
class CompiledGuard:
    """A guard with its condition ready to run; ``version`` pins the wording of the condition."""

    guard: Guard
    condition: Condition
    version: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One way a step may lead; no condition means always, or otherwise."""

    target: str
    condition: Condition | None
    otherwise: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a step: its field, the fact its answer becomes, and when it is asked; None means always."""

    name: str
    fact: str
    field: Field
    when: Condition | None


@dataclass(frozen=True, slots=True)
class Trip:
    """A deadline that a step starts, under a condition or always."""

    deadline: str
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Move:
    """One step from one state: who, what is asked, what must hold, where it leads, what it does to deadlines."""

    trigger: str
    source: str
    kind: Moved
    step: Transition
    base: str
    by: frozenset[str]
    guards: tuple[CompiledGuard, ...]
    branches: tuple[Branch, ...]
    form: str | None
    fields: Mapping[str, Field]
    asked: tuple[Asked, ...]
    questions: Questions
    """Reads the answers to what is asked."""
    demands: tuple[Asked, ...]
    """Those of the questions that must be answered, or may only be answered sometimes."""
    answers: frozenset[str]
    """The facts that its form's answers become."""
    starts: tuple[Trip, ...]
    doubts: tuple[Trip, ...]
    """For a form that is completed: what its step started under a condition, perhaps only for want of an answer."""
    meets: tuple[str, ...]
    derived: tuple[str, ...]
    """The derived facts that its guards, branches, questions and deadlines read, in order of need."""
    leans: bool
    """Whether it needs something of what went before: that it was sent, that it runs, that it is not begun yet."""

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(branch.target for branch in self.branches)


@dataclass(frozen=True, slots=True)
class Spot:
    """One state of the compiled machine; ``origin`` is the declared state, ``awaiting`` the step to be approved."""

    name: str
    origin: str
    awaiting: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Builtin:
    """What four-eyes and late forms ask, and what their steps are called; definitions/builtin.yaml."""

    forms: Mapping[str, Form]
    titles: Mapping[str, Text]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """A compiled routine and the digests under which its canonical bytes are kept."""

    routine: Routine
    digest: str
    guidance: str
    rules_bytes: bytes
    guidance_bytes: bytes
    scope: Scope
    opening: Move
    spots: Mapping[str, Spot]
    moves: Mapping[str, Mapping[str, Move]]
    derived: Mapping[str, Condition | None]
    clocked: frozenset[str] = field(default=frozenset())
    """Facts that a running deadline is counted from or stopped by."""
    roles: frozenset[str] = field(default=frozenset())
    """Every role with a part in it, danger to life apart; ``everyone`` where a step is open to all."""
    begins: frozenset[str] = field(default=frozenset())
    """The routines that its steps open beside it."""

    @property
    def id(self) -> str:
        return self.routine.routine

    def move(self, state: str, trigger: str) -> Move | None:
        return self.moves.get(state, {}).get(trigger)


def scope_of(routine: Routine) -> dict[str, FactType]:
    """Every fact a guard of this routine may name, with its type."""
    scope: dict[str, FactType] = {}
    for form, asked in routine.forms.items():
        for name, one in asked.fields.items():
            scope[f"{form}.{name}"] = fact_type(one)
    for name, one in routine.handed.items():
        scope[f"handed.{name}"] = fact_type(one)
    for name, step in steps_of(routine):
        if step.handoff is not None:
            scope[f"status.{name}"] = FactType(kind="choice", options=STATUSES)
    if routine.receives is not None:
        scope["status.open"] = FactType(kind="choice", options=STATUSES)
    for name, one in routine.derived.items():
        scope[name] = _derived_type(one)
    return scope


def _derived_type(one: Derived) -> FactType:
    if one.age_group is not None:
        return FactType(kind="choice", options=AGE_GROUPS)
    if one.since is not None or one.earlier is not None:
        return FactType(kind="number")
    return FactType(kind="boolean")


def steps_of(routine: Routine) -> list[tuple[str, Transition]]:
    """Every declared step with its name: the opening, those of each state, the shared ones."""
    steps: list[tuple[str, Transition]] = [(OPEN, routine.opens)]
    for state in routine.states.values():
        steps.extend(state.transitions.items())
    steps.extend(routine.shared.items())
    return steps


def compile_routine(data: Mapping[str, Json], builtin: Builtin) -> Rules:
    """Compile one routine's data.

    Raises:
        pydantic.ValidationError: the data is not a routine.
        BadCondition: a condition cannot be read. The checks tell both with line and column.
    """
    # Through JSON, where strict models still take a list as a tuple.
    return _Compiler(Routine.model_validate_json(orjson.dumps(data)), builtin).rules(*split(data))


def awaiting(state: str, trigger: str) -> str:
    """The name of the state in which that step awaits a second person."""
    return f"{state}.{trigger}"


class _Compiler:
    def __init__(self, routine: Routine, builtin: Builtin) -> None:
        self.routine = routine
        self.builtin = builtin
        self.scope = scope_of(routine)
        self.derived = {
            name: parse(one.holds, self.scope) if one.holds is not None else None
            for name, one in routine.derived.items()
        }
        self.starts: dict[str, list[Trip]] = {}
        self.meets: dict[str, list[str]] = {}
        for name, deadline in routine.deadlines.items():
            self._clock(name, deadline)

    def _clock(self, name: str, deadline: Deadline) -> None:
        for start in deadline.starts:
            trigger, when = (start.on, start.when) if isinstance(start, Start) else (start, None)
            condition = parse(when, self.scope) if when is not None else None
            self.starts.setdefault(trigger, []).append(Trip(name, condition))
        for trigger in deadline.met_by:
            self.meets.setdefault(trigger, []).append(name)

    def rules(self, rules: dict[str, Json], guidance: dict[str, Json]) -> Rules:
        routine = self.routine
        moves: dict[str, dict[str, Move]] = {name: {} for name in routine.states}
        spots = {name: Spot(name, name, ends=state.end is not None) for name, state in routine.states.items()}
        shared = [(name, step) for name, step in routine.shared.items()]
        for name, state in routine.states.items():
            own = dict(state.transitions)
            own.update({trigger: step for trigger, step in shared if name in step.states})
            for trigger, step in own.items():
                self._place(name, trigger, step, moves, spots)
        self._share(shared, moves, spots)
        self._later(moves, spots)
        if routine.acute is not None:
            for name, spot in spots.items():
                if not spot.ends:
                    moves[name]["acute"] = self._acute(name)
        clocked = {
            fact for one in routine.deadlines.values() for fact in (one.origin, one.or_before) if fact is not None
        }
        opening = self._move("", OPEN, routine.opens, "step")
        every = [opening, *(move for there in moves.values() for move in there.values())]
        return Rules(
            routine=routine,
            digest=digest(rules),
            guidance=digest(guidance),
            rules_bytes=canonical(rules),
            guidance_bytes=canonical(guidance),
            scope=self.scope,
            opening=opening,
            spots=spots,
            moves=moves,
            derived=self.derived,
            clocked=frozenset(clocked),
            roles=frozenset(role for move in every if move.kind != "acute" for role in move.by)
            | frozenset(routine.correct.by),
            begins=frozenset(step.begins for _, step in steps_of(routine) if step.begins is not None),
        )

    def _place(
        self, state: str, trigger: str, step: Transition, moves: dict[str, dict[str, Move]], spots: dict[str, Spot]
    ) -> None:
        if step.four_eyes is None or step.four_eyes.afterwards:
            moves[state][trigger] = self._move(state, trigger, step, "step")
            return
        waiting = awaiting(state, trigger)
        spots[waiting] = Spot(waiting, state, awaiting=trigger)
        moves[state][trigger] = self._move(state, trigger, step, "propose", to=waiting)
        second = frozenset(step.four_eyes.by)
        moves[waiting] = {
            f"{trigger}.approve": self._move(waiting, trigger, step, "approve", by=second, back=state),
            f"{trigger}.reject": self._move(waiting, trigger, step, "reject", by=second, to=state),
            f"{trigger}.withdraw": self._move(waiting, trigger, step, "withdraw", to=state),
        }

    def _share(
        self, shared: list[tuple[str, Shared]], moves: dict[str, dict[str, Move]], spots: dict[str, Spot]
    ) -> None:
        """A proposal must never hold up what its state shares with others, such as a report: it is dropped instead."""
        for waiting in [spot for spot in spots.values() if spot.awaiting is not None]:
            for trigger, step in shared:
                if (
                    waiting.origin in step.states
                    and trigger != waiting.awaiting
                    and (step.four_eyes is None or step.four_eyes.afterwards)
                ):
                    moves[waiting.name][trigger] = self._move(waiting.name, trigger, step, "step")

    def _later(self, moves: dict[str, dict[str, Move]], spots: dict[str, Spot]) -> None:
        """Completing a form and reviewing a step can be done in any state, also after the end."""
        seen: set[str] = set()
        for trigger, step in steps_of(self.routine):
            if trigger in seen:
                continue
            seen.add(trigger)
            if step.complete_later:
                for name in spots:
                    moves[name][f"{trigger}.complete"] = self._move(name, trigger, step, "complete", to=name)
            if step.four_eyes is not None and step.four_eyes.afterwards:
                second = frozenset(step.four_eyes.by)
                for name in spots:
                    moves[name][f"{trigger}.review"] = self._move(name, trigger, step, "review", by=second, to=name)

    def _acute(self, state: str) -> Move:
        acute = self.routine.acute
        assert acute is not None  # noqa: S101 - asked by the caller
        step = Transition(title=acute.title, by=acute.by, to=HERE)
        return self._move(state, "acute", step, "acute", to=state)

    def _move(
        self,
        source: str,
        trigger: str,
        step: Transition,
        kind: Moved,
        *,
        by: frozenset[str] | None = None,
        to: str | None = None,
        back: str | None = None,
    ) -> Move:
        name = trigger if kind in {"step", "propose", "acute"} else f"{trigger}.{kind}"
        judged = kind in {"step", "propose", "approve"}
        guards = tuple(self._guard(guard) for guard in step.require) if judged else ()
        branches = (Branch(to, None, otherwise=False),) if to is not None else self._branches(step, back or source)
        if kind == "propose":
            branches = (Branch(to or source, None, otherwise=False),)
        form, fields = self._form(step, kind)
        asked = tuple(self._asked(form, name, one) for name, one in fields.items())
        starts, meets = tuple(self.starts.get(name, ())), tuple(self.meets.get(name, ()))
        if kind == "approve":
            starts, meets = tuple(self.starts.get(trigger, ())) + starts, tuple(self.meets.get(trigger, ())) + meets
        if kind == "propose":
            proposing = f"{trigger}.propose"
            starts, meets = tuple(self.starts.get(proposing, ())), tuple(self.meets.get(proposing, ()))
        begun = self.starts.get(trigger, ()) if kind == "complete" else ()
        doubts = tuple(one for one in begun if one.condition is not None)
        return Move(
            trigger=name,
            source=source,
            kind=kind,
            step=step,
            base=trigger,
            by=frozenset(step.by) if by is None else by,
            guards=guards,
            branches=branches,
            form=form,
            fields=fields,
            asked=asked,
            questions=Questions(fields, form=form),
            demands=tuple(one for one in asked if one.field.required or one.when is not None),
            answers=self._facts_of(form),
            starts=starts,
            doubts=doubts,
            meets=meets,
            derived=self._needed(guards, branches, asked, starts + doubts),
            leans=any(one is not None for one in (step.handoff, step.revokes, step.prolongs, step.begins)),
        )

    def _form(self, step: Transition, kind: Moved) -> tuple[str | None, Mapping[str, Field]]:
        if kind in {"step", "propose", "complete"}:
            return (step.form, self.routine.forms[step.form].fields) if step.form is not None else (None, {})
        if kind == "approve":
            return step.form, {}
        own = {"reject": "rejection", "review": "review"}.get(kind)
        return (own, self.builtin.forms[own].fields) if own is not None else (None, {})

    def _facts_of(self, form: str | None) -> frozenset[str]:
        asked = self.routine.forms.get(form or "")
        return frozenset(f"{form}.{name}" for name in asked.fields) if asked is not None else frozenset()

    def _asked(self, form: str | None, name: str, one: Field) -> Asked:
        when = parse(one.when, self.scope) if one.when is not None else None
        return Asked(name, f"{form}.{name}", one, when)

    def _guard(self, guard: Guard) -> CompiledGuard:
        condition = parse(guard.when, self.scope)
        version = sha256(canonical(guard.when)).hexdigest()[:16]
        return CompiledGuard(guard, condition, version, tuple(sorted(condition.names)))

    def _branches(self, step: Transition, here: str) -> tuple[Branch, ...]:
        if isinstance(step.to, str):
            return (Branch(here if step.to == HERE else step.to, None, otherwise=False),)
        return tuple(self._branch(target, here) for target in step.to)

    def _branch(self, target: Target, here: str) -> Branch:
        condition = parse(target.when, self.scope) if target.when is not None else None
        return Branch(here if target.state == HERE else target.state, condition, otherwise=target.otherwise)

    def _needed(
        self,
        guards: tuple[CompiledGuard, ...],
        branches: tuple[Branch, ...],
        asked: tuple[Asked, ...],
        starts: tuple[Trip, ...],
    ) -> tuple[str, ...]:
        conditional = [one.condition for one in (*branches, *starts)] + [one.when for one in asked]
        conditions = [guard.condition for guard in guards] + [one for one in conditional if one is not None]
        names = {name for condition in conditions for name in condition.names}
        wanted = {name for name in names if name in self.derived}
        while True:
            more = {inner for name in wanted for inner in self._inner(name)} - wanted
            if not more:
                return tuple(name for name in self.derived if name in wanted)
            wanted |= more

    def _inner(self, name: str) -> set[str]:
        condition = self.derived[name]
        one = self.routine.derived[name]
        named = set(condition.names) if condition is not None else set[str]()
        named |= {fact for fact in (one.known, one.since) if fact is not None}
        return {inner for inner in named if inner in self.derived}


def allowed(by: frozenset[str], roles: frozenset[str]) -> frozenset[str]:
    """The roles in which somebody holding ``roles`` may take a step declared ``by``."""
    return roles if EVERYONE in by else by & roles
