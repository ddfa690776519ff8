"""The invented routines of toy/, actors who play them, and a clock that tests turn."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Receipt
from stegvis.engine.engine import Engine
from stegvis.engine.ports import Sealer, Store
from stegvis.engine.values import Actor, Case, Run
from stegvis.routines.library import SHIPPED, Library, assemble
from stegvis.routines.rules import Rules, compile_routine
from stegvis.routines.sources import Sources, builtin_of

TOY = Path(__file__).parent / "toy"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)

Data = dict[str, Any]
"""A routine as YAML data."""
Edit = Callable[[dict[str, Data]], object]
"""Changes the toys' data in place, by routine."""

SCHOOL, SOCIAL, CENTRE = "skola", "socialtjanst", "resurscentrum"

KURATOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
COLLEAGUE = Actor("u-4", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
TEACHER = Actor("u-3", roles={"school_employee"}, unit="sjuan", organisation=SCHOOL)
HEAD = Actor("u-2", roles={"head_teacher"}, unit="ledning", organisation=SCHOOL)
INTAKE = Actor("s-1", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
LEADER = Actor("s-2", roles={"team_leader"}, unit="mottagning", organisation=SOCIAL)
WORKER = Actor("s-3", roles={"social_worker"}, unit="barn", organisation=SOCIAL)
OTHER = Actor("s-4", roles={"social_worker"}, unit="barn", organisation=SOCIAL)
MANAGER = Actor("s-5", roles={"unit_manager"}, unit="barn", organisation=SOCIAL)
BOTH = Actor("s-6", roles={"social_worker", "team_leader"}, unit="barn", organisation=SOCIAL)
POWERFUL = Actor(
    "s-7", roles={"team_leader"}, unit="barn", organisation=SOCIAL, delegations={"not_open"}, qualified=True
)
ADVISOR = Actor("r-1", roles={"advisor"}, unit="centrum", organisation=CENTRE)
ACTORS = (KURATOR, COLLEAGUE, TEACHER, HEAD, INTAKE, LEADER, WORKER, OTHER, MANAGER, BOTH, POWERFUL, ADVISOR)

CARGO = {"arrived": "2026-03-02T07:00:00Z", "hidden": "yes", "goods": [{"sealed": True}]}
FIRST = {"account": "Vi såg lyktan.", "born": "2014-05-05"}


@lru_cache(maxsize=1)
def sources() -> Sources:
    """The shipped definitions with the toys over them."""
    return Sources([SHIPPED, TOY])


def toy_data() -> dict[str, Data]:
    """Every toy's data by routine, to be changed freely."""
    read: dict[str, Data] = {}
    for path in sorted((TOY / "routines").glob("*.yaml")):
        data = sources().document(f"routines/{path.name}").data
        assert isinstance(data, dict)
        read[path.stem] = deepcopy(data)
    return read


def toys(*edits: Edit) -> Library:
    """A library of the toys alone, changed by the edits, with the shipped law, registers and texts."""
    data = toy_data()
    for edit in edits:
        edit(data)
    return assemble(sources(), compiled(data))


def compiled(data: Mapping[str, Data]) -> Sequence[Rules]:
    builtin = builtin_of(sources())
    return [compile_routine(one, builtin) for one in data.values()]


@lru_cache(maxsize=1)
def plain_toys() -> Library:
    """The toys as they are written."""
    return toys()


def asked_whether(data: dict[str, Data]) -> None:
    """An edit: the toys ask whether the identity of the person they are about is protected."""
    data["lantern"]["protected_identity"] = "first.protected"
    data["watch"]["protected_identity"] = "seen.protected"


@lru_cache(maxsize=1)
def asking_toys() -> Library:
    """The toys that ask whether an identity is protected."""
    return toys(asked_whether)


class Turned:
    """A clock that stands still until it is turned; with a ``step`` it goes on at every look, as real ones do."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.step = timedelta()

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def turn(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


_LETTERS = str.maketrans("0123456789", "abcdefghij")


class World:
    """An engine on the toys, and short words for what tests do with it."""

    def __init__(
        self,
        library: Library | None = None,
        store: Store | None = None,
        *,
        now: datetime = START,
        seed: int = 0,
        keys: Sealer | None = None,
    ) -> None:
        self.clock = Turned(now)
        self.library = library if library is not None else plain_toys()
        self.store: Store = store if store is not None else MemoryStore()
        self.entropy = Random(seed).randbytes
        self.engine = Engine(self.library, self.store, clock=self.clock, entropy=self.entropy, keys=keys)
        self._keys, self._seed = 0, seed

    def key(self) -> str:
        # Letters for the seed: some long numbers would pass for a personal number.
        self._keys += 1
        return f"k-{str(self._seed).translate(_LETTERS)}-{self._keys}"

    def open(self, routine: str, actor: Actor, form: Mapping[str, object], **more: Any) -> Receipt:
        return self.engine.open(routine, actor=actor, form=form, key=more.pop("key", None) or self.key(), **more)

    def take(self, case: str, trigger: str, actor: Actor, **more: Any) -> Receipt:
        form: Mapping[str, object] = more.pop("form", {})
        return self.engine.take(case, trigger, actor=actor, form=form, key=more.pop("key", None) or self.key(), **more)

    def lantern(self, actor: Actor = KURATOR, **form: object) -> str:
        return self.open("lantern", actor, {**FIRST, **form}, person="p-1").id

    def ferry(self, actor: Actor = WORKER, **form: object) -> str:
        return self.open("ferry", actor, {**CARGO, **form}, person="p-2").id

    def case(self, case: str, actor: Actor) -> Case:
        """The case as it stands, whole, whatever the actor may see of it."""
        held = self.engine.files.case(actor.organisation, case)
        assert held is not None
        return held.case

    def run(self, case: str, actor: Actor) -> Run:
        """The case's only run."""
        (run,) = self.case(case, actor).runs.values()
        return run

    def state(self, case: str, actor: Actor) -> str:
        """Where the case's only run stands."""
        return self.run(case, actor).state

    def loaded(self, case: str, *, tons: int = 5, **weigh: object) -> None:
        """Load a ferry, with a second person."""
        self.take(case, "load", WORKER, form={"tons": tons, **weigh})
        self.take(case, "load.approve", LEADER)

    def received(self, organisation: str) -> str:
        """The organisation's latest case, after everything has been delivered."""
        before = set(self.store.cases(organisation))
        for one in (SCHOOL, SOCIAL, CENTRE):
            self.engine.deliver(one)
        (new,) = set(self.store.cases(organisation)) - before
        return new

    def deliver(self) -> None:
        for one in (SCHOOL, SOCIAL, CENTRE):
            self.engine.deliver(one)
