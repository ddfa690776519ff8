"""People at work on one case at the same time, in every order, held to what could have happened one after the other.

Hypothesis draws who does what, and whose turn it is before every call to the store. Whatever the order, the accepted
commands in the order of their commits must be a story that the plainest model of the routine allows, and every other
answer must have been right at some moment between the question and the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from hypothesis import strategies as st

from stegvis.adapters.testing.clock import START, SeededEntropy
from stegvis.adapters.testing.turns import KILL, Anybody, Paced, Turn, take_turns
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Commit, Store
from stegvis.engine.values import Actor
from stegvis.routines.errors import BadInput, KeyReused, Stale
from stegvis.routines.library import Library

SCHOOL, SOCIAL = "skola", "socialtjanst"
KURATOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
COLLEAGUE = Actor("u-4", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
TEACHER = Actor("u-3", roles={"school_employee"}, unit="sjuan", organisation=SCHOOL)
HEAD = Actor("u-2", roles={"head_teacher"}, unit="ledning", organisation=SCHOOL)
SECRET = "Mumtaz-Ekbacken"
FIRST = {"account": SECRET, "born": "2014-05-05"}
CLOCK = Actor("clock", roles={"clock"}, unit="clock", organisation=SCHOOL)

Kind: TypeAlias = Literal["open", "beside", "take", "correct", "tick", "deliver", "rebuild", "verify"]


class Line(NamedTuple):
    """Something somebody may do."""

    kind: Kind
    actor: Actor = CLOCK
    name: str = ""
    form: Mapping[str, Any] = {}
    sound: bool = True
    """Whether the form can be read."""


LOOK = {"flame": "high", "wind": 3}
LINES = (
    Line("take", KURATOR, "look", LOOK),
    Line("take", COLLEAGUE, "look", LOOK),
    Line("take", KURATOR, "look", {"flame": "low", "wind": 3, "smoke": SECRET}),
    Line("take", COLLEAGUE, "look", {"flame": "high", "wind": 30}),
    Line("take", KURATOR, "look", {"flame": "high", "wind": "x"}, sound=False),
    Line("take", KURATOR, "note", {"line": SECRET}),
    Line("take", COLLEAGUE, "note", {"line": f"{SECRET} igen"}),
    Line("take", TEACHER, "note", {"line": SECRET}),
    Line("take", KURATOR, "put_out", {"why": SECRET}),
    Line("take", KURATOR, "put_out.approve"),
    Line("take", COLLEAGUE, "put_out.approve"),
    Line("take", KURATOR, "put_out.withdraw"),
    Line("take", HEAD, "put_out.reject", {"why": SECRET}),
    Line("take", TEACHER, "flee", {"flame": "high"}),
    Line("take", TEACHER, "flee.complete", LOOK),
    Line("take", HEAD, "flee.review", {"agrees": True, "note": SECRET}),
    Line("take", KURATOR, "tell"),
    Line("take", TEACHER, "tell"),
    Line("take", KURATOR, "ask"),
    Line("take", KURATOR, "finish"),
    Line("correct", KURATOR, "first.born", {"first.born": "2013-01-01"}),
    Line("correct", TEACHER, "first.born", {"first.born": "2012-01-01"}),
    Line("correct", KURATOR, "look.wind", {"look.wind": 5}),
    Line("open", KURATOR, "lantern", FIRST),
    Line("open", HEAD, "lantern", FIRST),
    Line("beside", KURATOR, "lantern", FIRST),
    Line("tick"),
    Line("deliver"),
    Line("rebuild"),
    Line("verify"),
)
"""What is done in the interleavings: the steps of the lantern, by those who may and those who may not."""


class Command(NamedTuple):
    """A line, as one of the workers says it."""

    line: Line
    key: str
    expect: int | None


def line_of(name: str, actor: Actor, kind: Kind = "take") -> Line:
    """The first of the lines by that name, that actor and that kind."""
    return next(line for line in LINES if (line.name, line.actor, line.kind) == (name, actor, kind))


OPENED = line_of("lantern", KURATOR, "open")
BEFORE = (
    (OPENED,),
    (OPENED, line_of("look", KURATOR)),
    (OPENED, line_of("look", KURATOR), line_of("tell", KURATOR)),
    (OPENED, line_of("look", KURATOR), line_of("tell", KURATOR), Line("deliver")),
    (OPENED, line_of("put_out", KURATOR)),
    (OPENED, line_of("flee", TEACHER)),
)
"""What may have happened before all of them come."""


class Plan(NamedTuple):
    """Who does what, and whose turn it is when."""

    before: Sequence[Line]
    """What has been done already."""
    works: Sequence[Sequence[Command]]
    order: Sequence[int]
    """Before each call to the store: which of those that wait. From the beginning again when there are more calls."""
    ahead: Sequence[int]
    """Seconds by which each worker's clock is ahead of the others."""
    shared: bool
    """Whether the first two work through one engine, with one clock."""
    kills: frozenset[int] = frozenset()
    """Turns in which the worker is killed instead."""
    jumps: frozenset[int] = frozenset()
    """Turns before which four days pass."""


_keys = st.sampled_from([None, None, "k-same", "k-other"])
_expected = st.sampled_from([None, None, None, None, None, 1, 2, 3])


@st.composite
def plans(
    draw: st.DrawFn,
    *,
    lines: Sequence[Line] = LINES,
    before: Sequence[Sequence[Line]] = BEFORE,
    kills: bool = False,
) -> Plan:
    """Any plan: two or three workers, each with a few things to do, some under one key."""
    # Out of a few lines, so that they get in each other's way.
    pool = draw(st.lists(st.sampled_from(lines), min_size=1, max_size=4))
    commands = st.tuples(st.sampled_from(pool), _keys, _expected)
    drawn = draw(st.lists(st.lists(commands, min_size=1, max_size=3), min_size=2, max_size=3))
    shared = draw(st.booleans())
    works = [
        [
            Command(line, key or f"k-{worker}-{place}", expect if line.kind in {"take", "correct"} else None)
            for place, (line, key, expect) in enumerate(work)
        ]
        for worker, work in enumerate(drawn)
    ]
    return Plan(
        draw(st.sampled_from(before)),
        works,
        draw(st.lists(st.integers(0, 5), min_size=1, max_size=40)),
        [0 if shared and worker < 2 else draw(st.sampled_from([0, 0, 0, 0, 1, -1])) for worker in range(len(works))],
        shared,
        draw(st.frozensets(st.integers(1, 30), min_size=1, max_size=2)) if kills else frozenset(),
        draw(st.frozensets(st.integers(0, 20), max_size=1)),
    )


class Said(NamedTuple):
    """What came of a command: a receipt, how many things were done, or why not."""

    kind: Literal["done", "count", "refused", "stale", "reused", "bad"]
    receipt: Receipt | None = None
    number: int = 0
    reasons: Sequence[tuple[str, str | None]] = ()
    details: Mapping[str, Any] = {}


def say(engine: Engine, case: str, run: str, command: Command) -> Said:
    """Say a command to an engine."""
    line, key, expect = command
    actor = line.actor
    try:
        match line.kind:
            case "take":
                did = engine.take(case, line.name, actor=actor, key=key, form=line.form, run=run, expect=expect)
            case "correct":
                did = engine.correct(case, line.form, reason=SECRET, actor=actor, key=key, run=run, expect=expect)
            case "open" | "beside":
                beside = case if line.kind == "beside" else None
                did = engine.open(line.name, actor=actor, form=line.form, key=key, case=beside)
            case "tick":
                return Said("count", number=engine.tick(SCHOOL))
            case "deliver":
                return Said("count", number=engine.deliver(SCHOOL) + engine.deliver(SOCIAL))
            case "rebuild":
                return Said("count", number=engine.rebuild(SCHOOL))
            case "verify":
                faults = [(fault.code, fault.case) for fault in engine.verify(SCHOOL)]
                return Said("count", number=len(faults), reasons=faults)
    except Refused as no:
        return Said("refused", reasons=[(one.code, one.about) for one in no.reasons])
    except Stale as stale:
        return Said("stale", details=dict(stale.details))
    except KeyReused:
        return Said("reused")
    except BadInput as wrong:
        return Said("bad", details={"reason": wrong.reason, **wrong.details})
    return Said("done", did)


class Did(NamedTuple):
    """A commit, and whose."""

    organisation: str
    case: str
    records: Sequence[str]
    by: "Asked"
    at: int
    """Microseconds since the beginning."""


@dataclass(eq=False)
class Asked:
    """A command on its way: between which commits it was, and what came of it."""

    worker: int
    command: Command
    begun: int
    ended: int = 0
    said: Said | None = None
    """None when its worker was killed."""


@dataclass
class Story:
    """What happened, in the order in which it happened."""

    case: Receipt
    before: Sequence["Did"]
    sizes: Mapping[str, int]
    """How long each log was when the workers came."""
    asked: list[Asked] = field(default_factory=list[Asked])
    commits: list[Did] = field(default_factory=list[Did])
    passed: int = 0


def begin(library: Library, plan: Plan, store: Store) -> Story:
    """Do what has been done before the workers come."""
    engine = Engine(library, store, clock=lambda: START, entropy=SeededEntropy())
    sizes = {name: _size(store, name) for name in (SCHOOL, SOCIAL)}
    case: Receipt | None = None
    commits: list[Did] = []
    for number, line in enumerate(plan.before):
        command = Command(line, f"k-before-{number}", None)
        said = say(engine, case.id if case else "", case.run if case else "", command)
        case = case or said.receipt
        asked = Asked(0, command, 0, 0, said)
        for name in (SOCIAL, SCHOOL):  # what is delivered is received there before it is answered here
            for size, row in store.log(name, after=sizes[name]):
                sizes[name] = size
                if row.case is not None and row.cseq is not None:
                    commits.append(Did(name, row.case, [row.id], asked, 0))
    assert case is not None
    return Story(case, commits, sizes)


def _size(store: Store, name: str) -> int:
    return max((index for index, _ in store.log(name, payloads=False)), default=0)


def play(library: Library, plan: Plan, store: Callable[[int], Store], story: Story, *, processes: bool = False) -> None:
    """Let the workers of a plan work on a case; ``store`` answers the store of each, one for all or each its own."""
    case, now = story.case, dict[int, Asked]()
    order, turns = cycle(plan.order), 0

    both, engines = Anybody(), dict[str, Engine]()
    shared = plan.shared and not processes

    def engine_of(number: int, turn: Turn) -> Engine:
        if shared and number < 2:
            both.is_here(turn)
            return engines["shared"]
        clock = turn.clock(START, timedelta(seconds=plan.ahead[number]))
        return Engine(library, _paced(store(number), turn), clock=clock, entropy=SeededEntropy(number + 2))

    if shared:
        paced = _paced(store(0), both)
        engines["shared"] = Engine(library, paced, clock=both.clock(START), entropy=SeededEntropy(1))

    def work(number: int, commands: Sequence[Command]) -> Callable[[Turn], None]:
        def do(turn: Turn) -> None:
            engine = engine_of(number, turn)
            for command in commands:
                turn.wait()
                turn.tell(command)
                turn.tell(say(engine, case.id, case.run, command))

        return do

    def choose(waiting: Sequence[int]) -> tuple[int, Any]:
        nonlocal turns
        turns += 1
        story.passed += 1000 + (4 * 86_400_000_000 if turns in plan.jumps else 0)
        number = waiting[next(order) % len(waiting)]
        return number, KILL if turns in plan.kills else story.passed

    works = [work(number, commands) for number, commands in enumerate(plan.works)]
    for number, said in take_turns(works, choose, processes=processes):
        match said:
            case Command():
                now[number] = Asked(number, said, len(story.commits))
                story.asked.append(now[number])
            case Said():
                now[number].said, now[number].ended = said, len(story.commits)
            case (organisation, at_case, records):
                story.commits.append(Did(organisation, at_case, records, now[number], story.passed))
            case _:
                raise AssertionError(said)


def _paced(store: Store, turn: Turn | Anybody) -> Store:
    return cast("Store", Paced(store, turn, lambda commit: turn.tell(_committed(commit))))


def _committed(commit: Commit) -> tuple[str, str, list[str]]:
    return commit.organisation, commit.case.case, [row.id for row in commit.records]
