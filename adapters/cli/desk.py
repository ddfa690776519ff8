"""Where commands work: the definitions, the file of cases, the engine, and who sits there."""

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson
from platformdirs import user_cache_path

from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor, Case
from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.form import Rejected, is_reference, read_instant
from stegvis.routines.library import Library, load, shipped
from stegvis.routines.text import Text

from .options import Acting, Kept, Read, Shown
from .screen import Screen, language

if TYPE_CHECKING:
    from stegvis.engine.desk import Telling
    from stegvis.engine.persons import IdentityView

    from ..sql import SqlStore

ACTOR = "STEGVIS_ACTOR"
"""The environment's actor: a JSON object with id, roles, unit, organisation, delegations, qualified."""


def screen(shown: Shown) -> Screen:
    """What the answer is printed on."""
    return Screen(language(shown.lang), as_json=shown.json)


def library(read: Read) -> Library:
    """The shipped definitions, with those asked for laid over them; what was checked once is not checked each time.

    Raises:
        BadDefinition. NotFound: ``no_such_directory``.
    """
    if not read.definitions:
        return shipped()
    return load(*(directory(one) for one in read.definitions), proved=user_cache_path("stegvis") / "proved")


def directory(path: Path) -> Path:
    """The directory, if it is one.

    Raises:
        NotFound: ``no_such_directory``.
    """
    if not path.is_dir():
        raise NotFound("no_such_directory")
    return path


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a command works with."""

    screen: Screen
    library: Library
    store: "SqlStore"
    engine: Engine

    def organisations(self, chosen: str | None) -> list[str]:
        """The organisation that was chosen, or all that have something in the file.

        Raises:
            NotFound: ``unknown_organisation``.
        """
        if chosen is not None:
            self.engine.files.origin(chosen)
            return [chosen]
        known = self.library.organisations.organisations
        return [name for name in known if next(iter(self.store.log(name)), None) is not None]

    def called(self, organisation: str) -> Text:
        """What people call the organisation."""
        return self.library.organisations.organisations[organisation].title


@contextmanager
def desk(kept: Kept, *, create: bool = False, keyless: bool = False) -> Generator[Desk]:
    """Open the file of cases for one command; only some commands make it when it is not there.

    Args:
        kept: where the cases are kept.
        create: make the file when it is not there.
        keyless: look for no keys: nothing sealed can be opened, and nothing may be written.

    Raises:
        NotFound: ``no_database``. BadDefinition, StoreError, SealError.
    """
    from ..keys import MemoryKeys  # noqa: PLC0415 - loads cryptography
    from ..sql import SqlStore  # noqa: PLC0415 - SQLAlchemy takes longer to load than the rest together

    if not create and not kept.db.exists():
        raise NotFound("no_database")
    known = library(kept)
    with ExitStack() as stack:
        opened = SqlStore(kept.db, patience=kept.wait, accept_loss=kept.accept_loss, key_file=kept.key_file)
        stack.callback(opened.close)
        engine = Engine(known, opened, keys=MemoryKeys() if keyless else None, tell=_tell(kept, stack))
        yield Desk(screen(kept), known, opened, engine)


def _tell(kept: Kept, stack: ExitStack) -> "Telling | None":
    if kept.log is None:
        return None
    from ..logging import structlog_tell  # noqa: PLC0415 - loaded when there is something to log

    if kept.log == "-":
        return structlog_tell(sys.stderr.buffer)
    try:
        handle = os.open(kept.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise BadInput("log_unwritable", errno=error.errno) from None
    return structlog_tell(stack.enter_context(os.fdopen(handle, "ab", buffering=0)))


def actor(acting: Acting, known: Library) -> Actor:
    """Who acts, by the options and what STEGVIS_ACTOR says beside them.

    Raises:
        BadInput: ``no_actor``, ``bad_actor``, ``not_a_reference``. NotFound: ``unknown_role``,
            ``unknown_organisation``, ``unknown_delegation``.
    """
    said = _environment()
    id_, unit = acting.actor or said.get("id"), acting.unit or said.get("unit")
    organisation = acting.organisation or said.get("organisation")
    roles, powers = acting.role or said.get("roles", ()), acting.delegation or said.get("delegations", ())
    wanted = {"--actor": id_, "--role": roles, "--unit": unit, "--organisation": organisation}
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        raise BadInput("no_actor", missing=" ".join(missing))
    for name, value in (("--actor", id_), ("--unit", unit)):
        if not is_reference(value):
            raise BadInput("not_a_reference", field=name)
    if not isinstance(organisation, str) or organisation not in known.organisations.organisations:
        raise NotFound("unknown_organisation", known=", ".join(known.organisations.organisations))
    delegations = known.roles.delegations
    return Actor(
        cast("str", id_),
        roles=_known(roles, known.roles.roles, NotFound("unknown_role", known=", ".join(known.roles.roles))),
        unit=cast("str", unit),
        organisation=organisation,
        delegations=_known(powers, delegations, NotFound("unknown_delegation", known=", ".join(delegations))),
        qualified=acting.qualified or said.get("qualified") is True,
    )


def _known(given: object, known: Mapping[str, object], unknown: NotFound) -> set[str]:
    if not isinstance(given, list | tuple):
        raise BadInput("bad_actor")
    for one in cast("list[object]", given):
        if not isinstance(one, str) or one not in known:
            raise unknown
    return set(cast("list[str]", given))


def _environment() -> dict[str, object]:
    text = os.environ.get(ACTOR)
    if not text:
        return {}
    try:
        said: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadInput("bad_actor") from None
    if not isinstance(said, dict):
        raise BadInput("bad_actor")
    return cast("dict[str, object]", said)


def identity(at: Desk, case: Case) -> "IdentityView":
    """What is known of a protected identity in a case as the engine has shown it."""
    from stegvis.engine.identity import identity_of, identity_view  # noqa: PLC0415 - only some commands need it

    known = at.engine.files.library_for(case)
    return identity_view(known, case.identity or identity_of(known, case))


def short(at: Desk, identity: "IdentityView") -> str:
    """The word on a protected identity that stands first in a line of a list."""
    return at.library.words[f"identity.short.{identity.level}"](at.screen.lang)


def instant(text: str | None, option: str) -> datetime | None:
    """The instant that an option gives.

    Raises:
        BadInput: ``not_instant``, ``naive_instant``.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(read_instant(text))
    except Rejected as no:
        raise BadInput(str(no), field=option) from None
