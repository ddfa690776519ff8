"""Legal bases and deadlines: in force when they are used, with a limit where one runs, and possible to meet."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from ..condition import Condition
from ..condition_tree import Not
from ..model import Routine
from ..rules import Move, Rules
from .choices import together
from .flow import Flow, backwards, onwards, reach
from .ground import Ground
from .names import CLOCK
from .page import Page, Path
from .places import Subject, World


def laws(about: Subject, as_of: date | None) -> None:
    """Every legal basis a routine names is in force from its first day, and on the day asked about."""
    for path, name in _bases(about):
        law = about.world.law.laws.get(name)
        if law is None:
            about.page.value("law-unknown", path, name=name)
            continue
        for day in _days(about.routine, as_of):
            if about.world.law.repealed(name, day):
                about.page.value("law-repealed", path, name=name, day=day.isoformat())
                break
            if not any(version.holds(day) for version in law.versions):
                about.page.value("law-not-yet", path, name=name, day=day.isoformat())
                break


def _days(routine: Routine, as_of: date | None) -> Iterator[date]:
    """The first day, and the last that counts: the day asked about, never beyond the routine's own last day."""
    first = date.fromisoformat(routine.valid.first)
    last = date.fromisoformat(routine.valid.last) if routine.valid.last is not None else date.max
    yield first
    yield max(first, min(last, as_of or date.max))


def _bases(about: Subject) -> Iterator[tuple[Path, str]]:
    for step in about.steps:
        one, path = step.step, step.path
        yield from (((*path, "law", number), name) for number, name in enumerate(one.law))
        if one.handoff is not None:
            yield (*path, "handoff", "basis"), one.handoff.basis
        if one.reply is not None:
            yield (*path, "reply", "basis"), one.reply.basis
        for n, never in enumerate(one.never):
            if never.law is not None:
                yield (*path, "never", n, "law"), never.law
    for state, one in about.routine.states.items():
        for n, never in enumerate(one.never):
            if never.law is not None:
                yield ("states", state, "never", n, "law"), never.law
    yield from ((("deadlines", name, "law"), one.law) for name, one in about.routine.deadlines.items())
    yield ("retention", "rule"), about.routine.retention.rule


def clocks(about: Subject) -> None:
    """Each deadline has a limit, somebody who is told, and a step for a limit whose passing ends something."""
    for name, deadline in about.routine.deadlines.items():
        page, path, law = about.page, ("deadlines", name), about.world.law.laws.get(deadline.law)
        if law is not None and law.kind == "basis":
            page.value("law-without-limit", (*path, "law"), name=deadline.law)
        if law is not None and law.lapse and deadline.lapse is None:
            page.key("deadline-no-lapse", path, name=name, law=deadline.law)
        if not deadline.escalate:
            page.warn("deadline-no-escalate", path, name=name)
        for step in about.steps if deadline.lapse is not None else ():
            if step.name != deadline.lapse:
                continue
            form = about.routine.forms.get(step.step.form or "")
            if CLOCK not in step.step.by:
                page.value("lapse-not-clock", (*path, "lapse"), name=step.name)
            elif form is not None and any(field.required for field in form.fields.values()):
                page.value("lapse-asks", (*path, "lapse"), name=step.name)


def meetable(about: Subject, rules: Rules, flow: Flow) -> None:
    """From every state where a deadline may run, a step that meets it can be come to, or the run has ended."""
    before, ground = backwards(onwards(flow.taken.values(), rules.spots)), Ground(about)
    going = {state for state, spot in rules.spots.items() if not spot.ends}
    for name in about.routine.deadlines:
        meeting = {move.source for move in flow.taken.values() if name in move.meets}
        unmet = going - reach(before, meeting - {""})
        # Which way a step leads that starts it is looked into only where that could matter.
        found = unmet & _running(rules, flow, name, lambda move, _: move.targets)
        found &= _running(rules, flow, name, lambda move, when: _started(ground, move, when)) if found else set()
        if found:
            first = next(state for state in rules.spots if state in found)
            about.page.key("deadline-never-met", ("deadlines", name), name=name, state=rules.spots[first].origin)


def _running(
    rules: Rules, flow: Flow, deadline: str, started: Callable[[Move, Condition | None], Sequence[str]]
) -> set[str]:
    """The states where the deadline may run."""
    trips = [(move, trip) for move in flow.taken.values() for trip in move.starts if trip.deadline == deadline]
    waiting = [state for move, trip in trips for state in started(move, trip.condition)]
    found = set[str]()
    while waiting:
        state = waiting.pop()
        if state not in found:
            found.add(state)
            waiting.extend(target for move in _onward(rules, state, deadline) for target in move.targets)
    return found


def _started(ground: Ground, move: Move, when: Condition | None) -> Sequence[str]:
    """Where the step can lead when it starts the deadline."""
    if when is None:
        return move.targets
    others = [Not(branch.condition.tree) for branch in move.branches if branch.condition is not None]
    leads = ((one, [one.condition.tree] if one.condition is not None else others) for one in move.branches)
    return [branch.target for branch, nodes in leads if together(ground, [when.tree, *nodes])]


def _onward(rules: Rules, state: str, deadline: str) -> list[Move]:
    return [move for move in rules.moves[state].values() if deadline not in move.meets]


def registers(pages: dict[str, Page], world: World, routines: list[Subject], as_of: date | None) -> None:
    """Names in the registers beside the routines, and when the contacts in use were last looked at."""
    roles, organisations = pages["roles.yaml"], pages["organisations.yaml"]
    for name, role in world.roles.roles.items():
        if role.organisation is not None and role.organisation not in world.organisations.kinds:
            roles.value("organisation-unknown", ("roles", name, "organisation"), name=role.organisation)
    for name, delegation in world.roles.delegations.items():
        _basis(roles, world, ("delegations", name, "law"), delegation.law)
    for name, kind in world.organisations.kinds.items():
        _basis(organisations, world, ("kinds", name, "law"), kind.law)
        _basis(organisations, world, ("kinds", name, "reports_under"), kind.reports_under)
    used = {name for about in routines for state in about.routine.states.values() for name in state.call}
    for name in sorted(used & world.contacts.contacts.keys()):
        checked, path = world.contacts.contacts[name].checked, ("contacts", name)
        if checked is None:
            pages["contacts.yaml"].warn("contact-unchecked", path, name=name)
        elif as_of is not None and (as_of - checked).days > _YEAR:
            pages["contacts.yaml"].warn("contact-old", path, name=name, day=checked.isoformat())


_YEAR = 366


def _basis(page: Page, world: World, path: Path, name: str) -> None:
    if name not in world.law.laws:
        page.value("law-unknown", path, name=name)
    elif world.law.laws[name].versions[-1].last is not None:
        page.value("law-repealed", path, name=name, day="-")
