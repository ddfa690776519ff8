"""The command that begins a routine: definition, story and test, which all pass before a word is changed."""

import os
import re
from pathlib import Path
from typing import Final, Literal

from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.library import shipped

from .desk import screen
from .options import GOOD, SHOWN, Shown

_SEEDS: Final = Path(__file__).resolve().parent / "seeds"
_TOKEN: Final = "new_routine"  # noqa: S105 - the name in the seeds, no secret
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def new(
    what: Literal["routine"], name: str, /, *, extends: str | None = None, into: Path = Path(), shown: Shown = SHOWN
) -> int:
    """Write the files of a new routine. Nothing that is there is overwritten.

    Args:
        extends: a shipped routine that the new one is to be but for something; it comes without a story then.
    """
    del what
    if _NAME.fullmatch(name) is None:
        raise BadInput("bad_routine_name")
    if name in shipped().versions:
        raise BadInput("routine_name_taken", name=name)
    files = {
        into / "routines" / f"{name}.yaml": "routine.yaml" if extends is None else "variant.yaml",
        into / "scenarios" / f"{name}.yaml": "scenario.yaml",
        into / f"test_{name}.py": "test.txt" if extends is None else "variant_test.txt",
    }
    tokens = {_TOKEN: name}
    if extends is not None:
        del files[into / "scenarios" / f"{name}.yaml"]
        tokens |= _extended(extends)
    if any(path.exists() for path in files):
        raise BadInput("file_exists")
    for path, seed in files.items():
        text = (_SEEDS / seed).read_text("utf-8")
        for token, said in tokens.items():
            text = text.replace(token, said)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise BadInput("cannot_write", errno=error.errno) from None
    at = screen(shown)
    written = [path.as_posix() for path in files]
    at.document({"routine": name, "written": written})
    at.say("new_written")
    for path in written:
        at.line(f"  {path}", whole=True)
    at.say("new_next")
    story = () if extends is not None else (f"play {_in(into)}scenarios/{name}.yaml --definitions",)
    for command in ("check", *story, f"diagram {name} --definitions"):
        at.line(f"  stegvis {command} {into.as_posix()}", whole=True)
    at.line(f"  python -m pytest {_in(into)}test_{name}.py", whole=True)
    return GOOD


def _extended(name: str) -> dict[str, str]:
    """What the seeds leave open about the routine that the new one extends."""
    if name not in shipped().versions:
        raise NotFound("unknown_routine", routine=name if _NAME.fullmatch(name) else "?")
    return {"extended_routine": name, "new_organisations": ", ".join(shipped().versions[name][0].routine.organisation)}


def _in(folder: Path) -> str:
    return "" if folder == Path() else f"{folder.as_posix()}{os.sep}"
