"""Several organisations, each with a store and an engine of its own, and ways between them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.transport import DropFolder, Identity
from stegvis.engine.ports import Store, Transport
from stegvis.engine.post import Collected
from stegvis.engine.values import Message
from stegvis.routines.library import Library

from ..engine.toys import CENTRE, KURATOR, SCHOOL, SOCIAL, World, plain_toys

ALL = (SCHOOL, SOCIAL, CENTRE)


def here(library: Library, organisation: str) -> Library:
    """The library as it is where that organisation alone has its cases."""
    known = library.organisations
    apart = {
        name: one.model_copy(update={"elsewhere": name != organisation}) for name, one in known.organisations.items()
    }
    return replace(library, organisations=known.model_copy(update={"organisations": apart}))


class Town:
    """A world for each organisation; their clocks are one."""

    def __init__(
        self, library: Library | None = None, stores: Callable[[str], Store] | None = None, *, seed: int = 0
    ) -> None:
        library = library if library is not None else plain_toys()
        self.worlds: dict[str, World] = {}
        for number, name in enumerate(ALL):
            store = stores(name) if stores is not None else MemoryStore()
            self.worlds[name] = World(here(library, name), store, seed=seed * 10 + number)
        self.clock = self.worlds[SCHOOL].clock
        for world in self.worlds.values():
            world.clock = self.clock
            world.engine.files.clock = self.clock

    def __getitem__(self, organisation: str) -> World:
        return self.worlds[organisation]

    def waiting(self, organisation: str) -> list[Message]:
        world = self[organisation]
        return [world.engine.files.message(organisation, row) for row in world.store.outbox(organisation)]

    def deliver(self, organisation: str, over: Transport) -> int:
        return self[organisation].engine.deliver(organisation, over=over)

    def case(self, organisation: str) -> str:
        """The organisation's only case."""
        (case,) = self[organisation].store.cases(organisation)
        return case


class Dropped(Town):
    """A town whose organisations reach each other through a folder."""

    def __init__(
        self, root: Path, library: Library | None = None, stores: Callable[[str], Store] | None = None, *, seed: int = 0
    ) -> None:
        super().__init__(library, stores, seed=seed)
        self.root = root / "drop"
        self.keys: Mapping[str, Identity] = {name: Identity.create(root / f"{name}.keys", name) for name in ALL}
        for name in ALL:
            self.inbox(name).mkdir(parents=True)

    def folder(self, *organisations: str, settle: float = 0) -> DropFolder:
        """The folder as these organisations use it."""
        own = [self.keys[name] for name in organisations]
        return DropFolder(self.root, own, [one.card for one in self.keys.values()], settle=settle)

    def inbox(self, organisation: str) -> Path:
        return self.root / organisation

    def lying(self, organisation: str) -> list[Path]:
        return sorted(self.inbox(organisation).glob("*.handoff"))

    def refused(self, organisation: str) -> list[str]:
        """The codes under which files were put aside."""
        return sorted(path.name.split(".")[-2] for path in self.inbox(organisation).glob("refused/*"))

    def send(self, organisation: str) -> int:
        return self.deliver(organisation, self.folder(organisation))

    def collect(self, organisation: str) -> Collected:
        return self[organisation].engine.collect(organisation, inbox=self.folder(organisation))

    def post(self) -> None:
        """Send and collect everything, until nothing moves."""
        moved = 1
        while moved:
            moved = sum(self.send(name) for name in ALL) + sum(self.collect(name).taken for name in ALL)


def told(town: Town, **first: Any) -> str:
    """A lantern of the school that has told the social services; the message waits."""
    school = town[SCHOOL]
    case = school.lantern(KURATOR, **{"child": True, **first})
    school.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    school.take(case, "tell", KURATOR)
    return case
