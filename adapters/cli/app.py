"""The commands and what becomes of what they raise."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, Parameter
from cyclopts.exceptions import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from stegvis import __version__
from stegvis.routines.errors import BadInput, StegvisError

from .errors import told
from .help import PlainHelp
from .screen import Screen, language, shipped_words

COMMANDS: Final = {
    "play": "play:play",
    "list": "mine:list_",
    "guide": "casework:guide",
    "open": "casework:open_",
    "explain": "casework:explain",
    "take": "casework:take",
    "protected": "persons:protected",
    "channel": "persons:channel",
    "contacts": "persons:contacts",
    "draft": "drafts:draft",
    "correct": "correcting:correct",
    "change": "access:change",
    "who": "access:who",
    "sample": "access:sample",
    "openings": "access:openings",
    "extract": "parties:extract",
    "print": "papers:print_",
    "due": "clock:due",
    "tick": "clock:tick",
    "deliver": "post:deliver",
    "collect": "post:collect",
    "introduce": "post:introduce",
    "replay": "replaying:replay",
    "verify": "proof:verify",
    "checkpoint": "auditing:checkpoint",
    "receipt": "auditing:receipt",
    "bundle": "exporting:bundle",
    "prove": "exporting:prove",
    "export": "exporting:export",
    "check": "checking:check",
    "diagram": "drawing:diagram",
    "doctor": "doctor:doctor",
    "new": "seeding:new",
    "rebuild": "clock:rebuild",
    "backup": "upkeep:backup",
    "restore": "upkeep:restore",
    "rotate": "upkeep:rotate",
    "health": "upkeep:health",
    "migrate": "upkeep:migrate",
}
"""Each command and where it lives; a module is loaded when its command is run."""

INTERRUPTED: Final = 130

_USAGE: Final[tuple[tuple[type[CycloptsError], str], ...]] = (
    (UnknownOptionError, "unknown_option"),
    (UnknownCommandError, "unknown_command"),
    (MissingArgumentError, "missing_argument"),
    (CoercionError, "bad_argument"),
    (RepeatArgumentError, "repeated_argument"),
    (UnusedCliTokensError, "too_many_arguments"),
)


def build(screen: Screen) -> App:
    """The command line, with its help in the language of the screen."""
    app = App(
        name="stegvis",
        version=__version__,
        help="",
        help_flags=["--help"],
        version_flags=["--version"],
        help_formatter=PlainHelp(screen),
        default_parameter=Parameter(negative=""),
        result_action="return_value",
    )
    for place, (name, where) in enumerate(COMMANDS.items()):
        app.command(
            f"stegvis.adapters.cli.{where}",
            name=name,
            help="",
            help_formatter=PlainHelp(screen, name),
            sort_key=place,
        )
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command; answers the exit status."""
    sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a text stream
    screen = _asked(arguments)
    try:
        answer = build(screen)(list(arguments), exit_on_error=False, print_error=False)
    except BrokenPipeError:
        # Whoever read our lines has had enough; nothing more is to be written, not even at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except CycloptsError as error:
        return screen.fail(told(_usage(error), shipped_words()))
    except Exception as error:  # noqa: BLE001 - the last to know: whatever it is, it is told without what people wrote
        return _failed(screen, error)
    return answer if isinstance(answer, int) else 0


def _failed(screen: Screen, error: Exception) -> int:
    try:
        return screen.fail(told(error, shipped_words()))
    except StegvisError as unshown:
        return screen.fail(told(unshown, shipped_words()))


def _asked(arguments: Sequence[str]) -> Screen:
    """How to show what goes wrong before, or while, the options are read."""
    chosen = ""
    for number, one in enumerate(arguments):
        if one == "--lang":
            chosen = next(iter(arguments[number + 1 : number + 2]), "")
        elif one.startswith("--lang="):
            chosen = one.removeprefix("--lang=")
    return Screen("en" if chosen == "en" else "sv" if chosen == "sv" else language(), as_json="--json" in arguments)


def _usage(error: CycloptsError) -> BadInput:
    """What cannot be read, in our words; theirs repeat what was typed."""
    code = next((code for kind, code in _USAGE if isinstance(error, kind)), "bad_argument")
    name = error.argument.name if error.argument is not None else None
    if isinstance(error, RepeatArgumentError):
        name = error.token.keyword  # an option of ours, or it would not have been known to come twice
    command = error.command_chain[0] if error.command_chain else None
    return BadInput(code, argument=name or "?", command=f"stegvis {command}" if command in COMMANDS else "stegvis")
