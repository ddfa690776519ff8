"""Everything that definitions/ holds, read, checked and compiled: routines, law, registers and texts.

``shipped()`` is the library as it comes; ``load(*directories)`` lays a municipality's own definitions over it, where a
later directory wins by id.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import cast

import orjson

from .checks.variants import wholes
from .digests import Json, canonical, digest, join
from .errors import Broken, NotFound
from .findings import BadDefinition
from .law import LawBook, load_law
from .ondemand import OnDemand
from .orders import ORDERS, Access, AccessOrder, Order, load_order
from .persons import PersonsOrder
from .proved import Proved, fingerprint, recall, remember, remembered_in
from .registers import Contacts, Organisations, Roles, load_contacts, load_organisations, load_roles
from .rules import Builtin, Rules, compile_routine
from .sources import Sources, builtin_of, words_of
from .text import Words
from .unswept import unswept

SHIPPED = Path(__file__).resolve().parent.parent / "definitions"
PROVED = SHIPPED / "proved.json"
"""The shipped definitions as they were when the tests found no error in them."""


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


def load(*overlays: Path, base: Path | None = SHIPPED, proved: Path | None = None) -> Library:
    """Read, check and compile definitions; each directory is laid over those before it.

    The shipped ones as they come were checked by the tests of this version, and are compiled when first asked for.

    Args:
        overlays: directories with definitions; of two files with the same name the later is read.
        base: what they are laid over.
        proved: a folder that remembers what was checked, so that the same bytes are not checked again; it is made
            when it is not there. None remembers nothing.

    Raises:
        BadDefinition: with every finding of severity error; nothing is loaded then.
    """
    sources = Sources([*([base] if base is not None else []), *overlays])
    with unswept():
        seen = _seen(sources)
        remembers = remembered_in(proved, seen) if proved is not None and seen else None
        for path in (PROVED, remembers):
            if path is not None and seen and (known := recall(path, seen)) is not None:
                return _recalled(sources, known)
        from .checks.rounds import check  # noqa: PLC0415 - what was checked before needs none of it

        checked = check(sources)
        if any(finding.severity == "error" for finding in checked.findings):
            raise BadDefinition(checked.findings)
        if remembers is not None and seen:
            remember(remembers, seen, checked.rules)
        return assemble(sources, checked.rules.values())


def _seen(sources: Sources) -> str | None:
    try:
        return fingerprint(sources)
    except BadDefinition:
        return None  # the checks will say which file cannot be opened


def _recalled(sources: Sources, known: Proved) -> Library:
    builtin = builtin_of(sources)
    file_is = {file: one.routine for file, one in known.routines.items()}
    whole = wholes(sources, file_is, load_organisations(_mapping(sources, "organisations.yaml")))

    @unswept()
    def made(file: str) -> Rules:
        rules = compile_routine(cast("Mapping[str, Json]", whole(file).data), builtin)
        if rules.digest != known.routines[file].digest:
            raise Broken("definition_missing", digest=known.routines[file].digest)
        return rules

    compiled = OnDemand(known.routines, made)
    files: dict[str, list[str]] = {}
    for file, one in known.routines.items():
        files.setdefault(one.routine, []).append(file)
    file_of = {one.digest: file for file, one in known.routines.items()}
    return _library(
        sources,
        builtin,
        OnDemand(files, lambda name: _by_day(compiled[file] for file in files[name])),
        OnDemand(file_of, lambda wanted: compiled[file_of[wanted]]),
    )


def assemble(sources: Sources, compiled: Iterable[Rules]) -> Library:
    """Put together what has been read and checked."""
    compiled = list(compiled)
    versions: dict[str, list[Rules]] = {}
    for rules in compiled:
        versions.setdefault(rules.id, []).append(rules)
    return _library(
        sources,
        builtin_of(sources),
        {name: _by_day(them) for name, them in versions.items()},
        {rules.digest: rules for rules in compiled},
    )


def _by_day(versions: Iterable[Rules]) -> tuple[Rules, ...]:
    return tuple(sorted(versions, key=lambda one: one.routine.valid.first, reverse=True))


def _library(
    sources: Sources,
    builtin: Builtin,
    versions: Mapping[str, tuple[Rules, ...]],
    by_digest: Mapping[str, Rules],
) -> Library:
    law_data = sources.document("law.yaml").data
    return Library(
        law=load_law(cast("dict[str, object]", law_data)),
        law_digest=digest(law_data),
        law_bytes=canonical(law_data),
        roles=load_roles(_mapping(sources, "roles.yaml")),
        contacts=load_contacts(_mapping(sources, "contacts.yaml")),
        organisations=load_organisations(_mapping(sources, "organisations.yaml")),
        words=words_of(sources),
        builtin=builtin,
        versions=versions,
        by_digest=by_digest,
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
