"""Every name a routine uses is the name of something, of the right kind, and belongs to one thing."""

from collections.abc import Iterable, Iterator

from ..condition import BadCondition
from ..facttypes import Kind
from ..model import EVERYONE, HERE, OPEN, ContactPlan, Start, Transition
from .page import Page, Path, Rule
from .places import Step, Subject, World, conditions

CLOCK = "clock"
_MOMENT: tuple[Kind, ...] = ("date", "instant")
_FLAG = {"yes", "no", "unknown"}


def names(about: Subject) -> None:
    """Names of roles, states, steps, forms, facts, contacts and routines."""
    _unique(about)
    for step in about.steps:
        _step(about, step)
    contacts = about.world.contacts.contacts
    for name, state in about.routine.states.items():
        for number, contact in enumerate(state.call):
            _known(about.page, "contact-unknown", ("states", name, "call", number), contact, contacts)
    for asked in about.fields:
        roles(about, (*asked.path, "see"), asked.field.see)
        if asked.field.feeds_from is not None:
            fact(about, (*asked.path, "from"), asked.field.feeds_from)
    _deadlines(about)
    _derived(about)
    _rest(about)


def guards(about: Subject) -> None:
    """Conditions can be read, and name facts of the right types."""
    for said in conditions(about):
        try:
            about.parsed(said.source)
        except BadCondition as bad:
            for problem in bad.problems:
                details = {name: "?" if value is None else value for name, value in problem.details.items()}
                at = str(details.pop("at", "")).split(".")
                path = (*said.path, *(int(step) if step.isdigit() else step for step in at if step))
                rule: Rule = problem.rule  # pyright: ignore[reportAssignmentType] - a test holds that all are ours
                if problem.offset is None:
                    about.page.value(rule, path, details)
                else:
                    about.page.inside(rule, path, problem.offset, details)


def compiled(about: Subject) -> frozenset[str]:
    """The names of all steps once compiled: ``step.approve`` and its like among them."""
    found = set(about.names)
    for step in about.steps:
        eyes = step.step.four_eyes
        if eyes is not None:
            made = ("review",) if eyes.afterwards else ("propose", "approve", "reject", "withdraw")
            found |= {f"{step.name}.{part}" for part in made}
        if step.step.complete_later:
            found.add(f"{step.name}.complete")
    return frozenset(found | ({"acute"} if about.routine.acute is not None else set()))


def roles(about: Subject, path: Path, named: Iterable[str], *, everyone: bool = False) -> None:
    """Roles that exist, in an organisation of the routine's kinds."""
    for number, name in enumerate(named):
        if everyone and name == EVERYONE:
            continue
        role = about.world.roles.roles.get(name)
        if role is None:
            about.page.value("role-unknown", (*path, number), name=name)
        elif role.organisation in about.world.organisations.kinds.keys() - set(about.routine.organisation):
            about.page.value("role-elsewhere", (*path, number), name=name, organisation=role.organisation or "-")


def fact(about: Subject, path: Path, name: str, kinds: tuple[Kind, ...] = ()) -> bool:
    """A fact that somebody gives, of one of these kinds."""
    found = about.stored(name)
    if name in about.routine.derived:
        about.page.value("fact-derived", path, name=name)
    elif found is None:
        about.page.value("fact-unknown", path, name=name)
    elif kinds and (found.kind not in kinds or found.multiple):
        about.page.value("fact-type", path, name=name, kind=found.kind, expected=", ".join(kinds))
    else:
        return True
    return False


def _known(page: Page, rule: Rule, path: Path, name: str, among: Iterable[str]) -> bool:
    if name in among:
        return True
    page.value(rule, path, name=name)
    return False


def _step(about: Subject, step: Step) -> None:
    one, path, page, routine = step.step, step.path, about.page, about.routine
    roles(about, (*path, "by"), one.by, everyone=True)
    for number, guard in enumerate(one.require):
        roles(about, (*path, "require", number, "see"), guard.see)
        roles(about, (*path, "require", number, "override", "by"), guard.override.by if guard.override else ())
    if one.four_eyes is not None:
        roles(about, (*path, "four_eyes", "by"), one.four_eyes.by, everyone=True)
    if one.form is not None:
        _known(page, "form-unknown", (*path, "form"), one.form, routine.forms)
    _targets(about, step)
    if one.delegation is not None:
        _known(page, "delegation-unknown", (*path, "delegation"), one.delegation, about.world.roles.delegations)
    if one.begins is not None:
        _begins(about, step, one.begins)
    if one.assigns is not None:
        fact(about, (*path, "assigns"), one.assigns, ("actor",))
    if one.identifies is not None:
        fact(about, (*path, "identifies"), one.identifies, ("person",))
    if one.prolongs is not None:
        _known(page, "deadline-unknown", (*path, "prolongs", "deadline"), one.prolongs.deadline, routine.deadlines)
        fact(about, (*path, "prolongs", "until"), one.prolongs.until, _MOMENT)


def _begins(about: Subject, step: Step, name: str) -> None:
    """A routine that a step begins is there, and can be opened by whoever takes the step with nothing answered."""
    page, path, worlds = about.page, (*step.path, "begins"), about.world.routines
    if step.name == OPEN or step.step.handoff is not None:
        page.value("begins-apart", path, name=step.name)
    if not _known(page, "routine-unknown", path, name, worlds) or not worlds[name]:
        return
    there = {kind for version in worlds[name] for kind in version.organisation}
    for kind in about.routine.organisation:
        if kind not in there:
            page.value("begins-elsewhere", path, name=name, organisation=kind)
    if not all(_ready(version.opens, step.step) for version in worlds[name]):
        page.value("begins-not-ready", path, name=name)


def _ready(opens: Transition, step: Transition) -> bool:
    """Whether an opening asks nothing that must be answered at once, of anybody who takes the step."""
    free = not opens.require and opens.delegation is None and not opens.qualified and isinstance(opens.to, str)
    return (
        free
        and (opens.form is None or opens.complete_later)
        and {*step.by} <= {*opens.by} | ({*step.by} if EVERYONE in opens.by else set())
    )


def _targets(about: Subject, step: Step) -> None:
    states, to, path = about.routine.states, step.step.to, (*step.path, "to")
    there = {*states, HERE} if step.states else set(states)
    targets = [(path, to)] if isinstance(to, str) else [((*path, n, "state"), one.state) for n, one in enumerate(to)]
    for place, state in targets:
        _known(about.page, "state-unknown", place, state, there)
    if step.path[0] == "shared":
        for number, state in enumerate(step.states):
            _known(about.page, "state-unknown", (*step.path, "in", number), state, states)


def _deadlines(about: Subject) -> None:
    steps = compiled(about)
    for name, deadline in about.routine.deadlines.items():
        path: Path = ("deadlines", name)
        for number, start in enumerate(deadline.starts):
            on, place = (start.on, ("on",)) if isinstance(start, Start) else (start, ())
            _known(about.page, "step-unknown", (*path, "starts", number, *place), on, steps)
        for number, met in enumerate(deadline.met_by):
            _known(about.page, "step-unknown", (*path, "met_by", number), met, steps - {OPEN})
        if deadline.lapse is not None:
            _known(about.page, "step-unknown", (*path, "lapse"), deadline.lapse, about.names - {OPEN})
        for key, one in (("from", deadline.origin), ("or_before", deadline.or_before)):
            if one is not None:
                fact(about, (*path, key), one, _MOMENT)
        roles(about, (*path, "escalate"), deadline.escalate)


def _derived(about: Subject) -> None:
    before: set[str] = set()
    for name, one in about.routine.derived.items():
        path: Path = ("derived", name)
        keys = [key for key in ("age_group", "since", "known", "holds", "earlier") if getattr(one, key) is not None]
        if len(keys) != 1:
            about.page.key("derived-keys", path, name=name, count=len(keys))
        if one.age_group is not None:
            fact(about, (*path, "age_group"), one.age_group, ("date",))
        if one.since is not None:
            fact(about, (*path, "since"), one.since, _MOMENT)
        if one.known is not None and one.known not in about.routine.derived:
            fact(about, (*path, "known"), one.known)
        if one.earlier is not None:
            _earlier(about.page, about.world, (*path, "earlier"), one.earlier.routine, one.earlier.ended)
        for later in _read(about, name):
            if later in about.routine.derived and later not in before:
                about.page.key("derived-order", path, name=name, other=later)
        before.add(name)


def _read(about: Subject, name: str) -> Iterator[str]:
    one = about.routine.derived[name]
    if one.known is not None:
        yield one.known
    if one.holds is not None:
        try:
            yield from sorted(about.parsed(one.holds).names)
        except BadCondition:
            return  # told where conditions are read


def _earlier(page: Page, world: World, path: Path, routine: str, ended: tuple[str, ...]) -> None:
    if _known(page, "routine-unknown", (*path, "routine"), routine, world.routines) and world.routines[routine]:
        states = [one for version in world.routines[routine] for one in version.states.items()]
        ends = {name for name, state in states if state.end is not None}
        for number, state in enumerate(ended):
            _known(page, "state-unknown", (*path, "ended", number), state, ends)


def _rest(about: Subject) -> None:
    routine, page, world = about.routine, about.page, about.world
    for number, kind in enumerate(routine.organisation):
        _known(page, "organisation-unknown", ("organisation", number), kind, world.organisations.kinds)
    for number, name in enumerate(routine.apart):
        _known(page, "routine-unknown", ("apart", number), name, world.routines)
    roles(about, ("correct", "by"), routine.correct.by)
    if routine.acute is not None:
        roles(about, ("acute", "by"), routine.acute.by, everyone=True)
        if _known(page, "routine-unknown", ("acute", "routine"), routine.acute.routine, world.routines):
            there = {kind for version in world.routines[routine.acute.routine] for kind in version.organisation}
            for kind in routine.organisation:
                if there and kind not in there:
                    page.value("acute-elsewhere", ("acute", "routine"), name=routine.acute.routine, organisation=kind)
    if routine.receives is not None:
        _receives(about)
    _persons(about)
    steps = compiled(about)
    for number, one in enumerate(routine.properties):
        path: Path = ("properties", number)
        if one.before is not None:
            _known(page, "step-unknown", (*path, "before"), one.before, steps)
        if one.never is not None and one.never.partition(".")[0] not in about.names:
            # That a step has no approval is a promise too.
            _known(page, "step-unknown", (*path, "never"), one.never, steps)
        if one.never_state is not None:
            _known(page, "state-unknown", (*path, "never_state"), one.never_state, routine.states)


def _receives(about: Subject) -> None:
    receives, form = about.routine.receives, about.routine.opens.form
    fields = about.routine.forms[form].fields if form in about.routine.forms else {}
    assert receives is not None  # noqa: S101 - asked by the caller
    for key, value in receives.sets.items():
        field = fields.get(key)
        path: Path = ("receives", "sets", key)
        if field is None:
            about.page.key("fact-unknown", path, name=f"{form}.{key}")
        elif field.type not in {"choice", "text"} or (field.type == "choice" and value not in (field.of or {})):
            about.page.value("fact-type", path, name=f"{form}.{key}", kind=field.type, expected="choice, text")
    if receives.arrived is not None:
        fact(about, ("receives", "arrived"), f"{form}.{receives.arrived}", ("instant",))
    if receives.protected_identity is not None:
        _flag(about, ("receives", "protected_identity"), f"{form}.{receives.protected_identity}")


def _persons(about: Subject) -> None:
    """What the routine says of persons."""
    if about.routine.contacts is not None:
        _contacts(about, about.routine.contacts)
    if about.routine.protected_identity is not None:
        _flag(about, ("protected_identity",), about.routine.protected_identity, ("choice", "boolean"))


def _contacts(about: Subject, plan: ContactPlan) -> None:
    """Decisions on contact are choices among which one opens, and everybody named is named by reference."""
    top: Path = ("contacts",)
    if plan.each is not None and fact(about, (*top, "each"), plan.each, ("list",)):
        columns = about.scope[plan.each].rows
        wanted: dict[str, tuple[str, Kind]] = {"person": (plan.person, "person"), "decision": (plan.decision, "choice")}
        if plan.who is not None:
            wanted["who"] = (plan.who, "choice")
        for key, (name, kind) in wanted.items():
            if name not in columns:
                about.page.value("fact-unknown", (*top, key), name=f"{plan.each}.{name}")
            elif columns[name].kind != kind:
                about.page.value("fact-type", (*top, key), name=name, kind=columns[name].kind, expected=kind)
            elif key == "decision" and plan.open not in columns[name].options:
                about.page.value("fact-type", (*top, "open"), name=name, kind=kind, expected=plan.open)
    for home, more in plan.home.items():
        if fact(about, (*top, "home", home), home, ("choice",)) and plan.open not in about.scope[home].options:
            about.page.value("fact-type", (*top, "home", home), name=home, kind="choice", expected=plan.open)
        for number, one in enumerate(more):
            fact(about, (*top, "home", home, number), one)
    for number, one in enumerate(plan.named):
        fact(about, (*top, "named", number), one, ("person", "list"))
    if plan.review is not None:
        _known(about.page, "deadline-unknown", (*top, "review"), plan.review, about.routine.deadlines)


def _flag(about: Subject, path: Path, name: str, kinds: tuple[Kind, ...] = ("choice",)) -> None:
    """A question whose answers are those that a hand-off can carry."""
    if not fact(about, path, name, kinds):
        return
    asked = about.scope[name]
    if asked.kind == "choice" and not set(asked.options) >= _FLAG:
        about.page.value("fact-type", path, name=name, kind="choice", expected="yes, no, unknown")


def _unique(about: Subject) -> None:
    """No name stands for two things, and none is taken by the language itself."""
    page, routine = about.page, about.routine
    for step in about.steps:
        if step.name in {"acute", "answered"} or (step.name == OPEN and step.path != ("open",)):
            page.key("name-reserved", step.path, name=step.name)
        _once(page, [((*step.path, "require", n, "id"), guard.id) for n, guard in enumerate(step.step.require)])
        _once(page, [((*step.path, "never", n, "id"), never.id) for n, never in enumerate(step.step.never)])
    for name, state in routine.states.items():
        _once(page, [(("states", name, "never", n, "id"), never.id) for n, never in enumerate(state.never)])
    for name in routine.states.keys() & {HERE}:
        page.key("name-reserved", ("states", name), name=name)
    for name in routine.forms.keys() & {*about.world.builtin.forms, "handed", "status", "identity"}:
        page.key("name-reserved", ("forms", name), name=name)
    _once(page, [(("properties", n, "id"), one.id) for n, one in enumerate(routine.properties)])
    _steps_once(about)


def _once(page: Page, named: list[tuple[Path, str]]) -> None:
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            page.value("name-twice", path, name=name)
        seen.add(name)


def _steps_once(about: Subject) -> None:
    """A state has one step of a name; and what is done later, from any state, is the same for all steps of a name."""
    taken: dict[str, set[str]] = {}
    later: set[str] = set()
    for step in about.steps:
        states = taken.get(step.name)
        if states is not None and (step.name in later or _later(step) or states & set(step.states)):
            about.page.key("name-twice", step.path, name=step.name)
        taken.setdefault(step.name, set()).update(step.states)
        later |= {step.name} if _later(step) else set()


def _later(step: Step) -> bool:
    eyes = step.step.four_eyes
    return step.step.complete_later or (eyes is not None and eyes.afterwards)
