"""The options that commands have in common. Nothing is said about them here: help is in definitions/texts/cli.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from stegvis.routines.text import Lang

GOOD: Final = 0
NO: Final = 1

_FLAT = Parameter(name="*")


@_FLAT
@dataclass(frozen=True, kw_only=True)
class Shown:
    """How the answer is shown."""

    lang: Lang | None = None
    json: bool = False


@_FLAT
@dataclass(frozen=True, kw_only=True)
class Read(Shown):
    """Which definitions hold."""

    definitions: tuple[Path, ...] = ()


@_FLAT
@dataclass(frozen=True, kw_only=True)
class Kept(Read):
    """Where the cases are kept."""

    db: Annotated[Path, Parameter(env_var="STEGVIS_DB", show_env_var=False)] = Path("stegvis.db")
    key_file: Annotated[Path | None, Parameter(env_var="STEGVIS_KEY_FILE", show_env_var=False)] = None
    wait: float = 5.0
    log: str | None = None
    accept_loss: str | None = None


@_FLAT
@dataclass(frozen=True, kw_only=True)
class Dropped:
    """The folder through which hand-offs go to and come from other case files, and the keys for it."""

    drop: Path | None = None
    identity: tuple[Path, ...] = ()
    card: tuple[Path, ...] = ()


@_FLAT
@dataclass(frozen=True, kw_only=True)
class Acting(Kept):
    """Who acts. Nobody vouches for it here: in a real system the host does."""

    actor: str | None = None
    role: tuple[str, ...] = ()
    unit: str | None = None
    organisation: str | None = None
    delegation: tuple[str, ...] = ()
    qualified: bool = False


SHOWN: Final = Shown()
READ: Final = Read()
KEPT: Final = Kept()
ACTING: Final = Acting()
DROPPED: Final = Dropped()

Answers = Annotated[tuple[str, ...], Parameter(name="--set")]
"""``field=value``, as often as needed."""
