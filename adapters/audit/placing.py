"""Files that are made out of sight, and put in their place whole or not at all."""

import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from stegvis.routines.errors import BadInput


@contextmanager
def placed(target: Path) -> Generator[Path]:
    """Where to make a file or a folder that is put at ``target`` when the block ends well, and thrown away when not.

    Raises:
        BadInput: ``file_exists``: there is something already, and nothing is overwritten. ``cannot_write``.
    """
    if target.exists() or target.is_symlink():
        raise BadInput("file_exists")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            draft.mkdir(mode=0o700)
            yield draft / target.name
            _put(draft / target.name, target)
        except FileExistsError:
            raise BadInput("file_exists") from None
        except OSError as error:
            raise BadInput("cannot_write", errno=error.errno) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(made: Path, target: Path) -> None:
    """Move it, where nobody was faster: a file would take another's place, a folder takes an empty one's at most."""
    if made.is_file():
        target.open("xb").close()
    elif target.exists():
        raise FileExistsError
    made.replace(target)
