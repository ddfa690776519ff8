"""What is to the byte what was found without an error is not checked again, for checking takes longer than all else.

The shipped ones come with a file that says so, which the tests of this version hold. For others, such as those of a
municipality laid over them, a folder can remember: what it knows is bound to every byte of the definitions and of the
code that checked them. Where anything differs, or the folder cannot be read or written, everything is checked.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from .rules import Rules
from .sources import Sources

HERE = Path(__file__).resolve().parent


class Known(NamedTuple):
    """A routine that was found without an error."""

    routine: str
    digest: str
    """Of its rules."""


class Proved(BaseModel):
    """What was found without an error: all definitions by one fingerprint, and the routines by their files."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    fingerprint: str
    routines: dict[str, Known]


def fingerprint(sources: Sources) -> str:
    """SHA-256 over the names and bytes of all definitions, in hexadecimal."""
    whole = sha256()
    for name in sources.all():
        one = sources.bytes_of(name)
        whole.update(f"{name} {len(one)}\n".encode() + one)
    return whole.hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    """SHA-256 over the code that reads, checks and compiles."""
    whole = sha256()
    for path in sorted(HERE.rglob("*.py")):
        one = path.read_bytes()
        whole.update(f"{path.relative_to(HERE).as_posix()} {len(one)}\n".encode() + one)
    return whole.hexdigest()


def recall(path: Path, seen: str) -> Proved | None:
    """What the file at ``path`` says of definitions with the fingerprint ``seen``; None if it is of others, or none."""
    try:
        found = Proved.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.fingerprint == seen else None


def remembered_in(folder: Path, seen: str) -> Path:
    """Where a folder remembers definitions with that fingerprint, as this code checks them."""
    return folder / f"{sha256(f'{seen} {_code()}'.encode()).hexdigest()}.json"


def remember(path: Path, seen: str, rules: Mapping[str, Rules]) -> None:
    """Keep at ``path`` that definitions with that fingerprint, and the routines of these files, have no error."""
    known = {file: Known(one.id, one.digest) for file, one in rules.items()}
    text = Proved(fingerprint=seen, routines=known).model_dump_json(indent=1)
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - only what is new is kept

    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whole or not at all: another process may be reading.
        with TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            whole = Path(folder) / path.name
            whole.write_text(f"{text}\n", "ascii")
            whole.replace(path)
