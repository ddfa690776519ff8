"""The command line: one small module a group of commands; its texts in definitions/texts/cli.yaml and errors.yaml."""

import gc
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit status.

    0: good. 1: the answer is no. 2: something in the command must be corrected. 3: something is broken.
    """
    # Looking through all that is installed for plugins takes time, and none should see what people wrote.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(100_000, 20, 100)  # a command makes much that stays to its end, which is near
    try:
        from .app import run  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as missing:
        if missing.name != "cyclopts":
            raise
        from .screen import Screen, language  # noqa: PLC0415 - the same

        sys.exit(Screen(language()).missing_extra())
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


__all__ = ["main"]
