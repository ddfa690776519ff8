"""Everything that definitions/ holds, read, checked and compiled: routines, law, registers and texts.

``shipped()`` is the library as it comes; ``load(*directories)`` lays a municipality's own definitions over it, where a
later directory wins by id.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import cast

import orjson

from .checks import check
from .digests import Json, canonical, digest, join
from .errors import NotFound
from .findings import BadDefinition
from .law import LawBook, load_law
from .orders import ORDERS, Access, AccessOrder, Order, load_order
from .persons import PersonsOrder
from .reader import Document
from .registers import Contacts, Organisations, Roles, load_contacts, load_organisations, load_roles
from .rules import Builtin, Rules, compile_routine
from .sources import Sources, builtin_of, words_of
from .text import Words

SHIPPED = Path(__file__).resolve().parent.parent / "definitions"
PROVED = SHIPPED / "proved.sha256"
"""The fingerprint of the shipped definitions as they were when the tests found no error in them."""


@dataclass(frozen=True, slots=True)
class Library:
    """What the engine knows about the world's rules; immutable, and pinned by digests."""

    law: LawBook
    law_digest: str
    law_bytes: bytes
    roles: Roles
    contacts: Contacts
    organisations: Organisations
    words: Words
    builtin: Builtin
    versions: Mapping[str, tuple[Rules, ...]]
    by_digest: Mapping[str, Rules]
    orders: Mapping[str, Order]
    """What holds for all cases, whatever the routine, by the name of its file."""

    def access(self, organisation: str) -> Access | None:
        """Who may see and act on that organisation's cases; None where it is open to all of the organisation."""
        found = self.organisations.organisations.get(organisation)
        order = cast("AccessOrder", self.orders["access"].says)
        return order.kinds.get(found.kind) if found is not None else None

    @property
    def persons(self) -> PersonsOrder:
        """What is noted of persons, and who may be shown what could lead to a protected one."""
        return cast("PersonsOrder", self.orders["persons"].says)

    def routine(self, name: str, on: date) -> Rules:
        """The version of a routine under which runs are opened on that day.

        Raises:
            NotFound: ``unknown_routine``, or ``routine_not_valid`` on that day.
        """
        versions = self.versions.get(name)
        if versions is None:
            raise NotFound("unknown_routine", routine=_safe(name))
        for rules in versions:
            valid = rules.routine.valid
            if valid.first <= on.isoformat() and (valid.last is None or on.isoformat() <= valid.last):
                return rules
        raise NotFound("routine_not_valid", routine=name)

    def pinned(self, rules_digest: str) -> Rules | None:
        """The rules with that digest, if this library has them."""
        return self.by_digest.get(rules_digest)


def _safe(name: str) -> str:
    """The name if it looks like one; an error repeats nothing else that somebody may have written."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) else "?"


@lru_cache(maxsize=1)
def shipped() -> Library:
    """The definitions that come with stegvis: templates, not adopted by anybody."""
    return load()


def load(*overlays: Path, base: Path | None = SHIPPED) -> Library:
    """Read, check and compile definitions; each directory is laid over those before it.

    Raises:
        BadDefinition: with every finding of severity error; nothing is loaded then.
    """
    sources = Sources([*([base] if base is not None else []), *overlays])
    if proved(sources):
        return assemble(sources, (compile_routine(_rules(one), builtin_of(sources)) for one in sources.routines()))
    checked = check(sources)
    if any(finding.severity == "error" for finding in checked.findings):
        raise BadDefinition(checked.findings)
    return assemble(sources, checked.rules)


def proved(sources: Sources) -> bool:
    """Whether these are the shipped definitions to the byte, which the tests of this version found without an error.

    Checking takes longer than all the rest, and a command would do it each time. Another byte anywhere, or a file more,
    and everything is checked.
    """
    if sources.directories != [SHIPPED] or not PROVED.is_file():
        return False
    return PROVED.read_text("ascii").strip() == fingerprint(SHIPPED)


def fingerprint(directory: Path) -> str:
    """SHA-256 over the names and bytes of every definition file in a directory."""
    whole = sha256()
    for path in sorted(
        path for pattern in ("*", "routines/*", "texts/*") for path in directory.glob(f"{pattern}.yaml")
    ):
        one = path.read_bytes()
        whole.update(f"{path.relative_to(directory).as_posix()} {len(one)}\n".encode() + one)
    return whole.hexdigest()


def _rules(document: Document) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", document.data)


def assemble(sources: Sources, compiled: Iterable[Rules]) -> Library:
    """Put together what has been read and checked."""
    compiled = list(compiled)
    law_data = sources.document("law.yaml").data
    versions: dict[str, list[Rules]] = {}
    for rules in compiled:
        versions.setdefault(rules.id, []).append(rules)
    return Library(
        law=load_law(cast("dict[str, object]", law_data)),
        law_digest=digest(law_data),
        law_bytes=canonical(law_data),
        roles=load_roles(_mapping(sources, "roles.yaml")),
        contacts=load_contacts(_mapping(sources, "contacts.yaml")),
        organisations=load_organisations(_mapping(sources, "organisations.yaml")),
        words=words_of(sources),
        builtin=builtin_of(sources),
        versions={
            name: tuple(sorted(them, key=lambda one: one.routine.valid.first, reverse=True))
            for name, them in versions.items()
        },
        by_digest={rules.digest: rules for rules in compiled},
        orders={name: load_order(name, _maybe(sources, f"{name}.yaml")) for name in ORDERS},
    )


def _mapping(sources: Sources, name: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", sources.document(name).data)


def _maybe(sources: Sources, name: str) -> Mapping[str, object] | None:
    return _mapping(sources, name) if sources.has(name) else None


def restored(rules: bytes, guidance: bytes, builtin: Builtin) -> Rules:
    """Compile stored canonical bytes again, for a run that is pinned to rules which this library no longer has."""
    data = join(cast("Json", orjson.loads(rules)), cast("dict[str, Json]", orjson.loads(guidance)))
    return compile_routine(data, builtin)
