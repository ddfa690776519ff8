"""The operational log: that something was committed, in codes and keys. What people wrote has no way in here.

Only the fields named in ``FIELDS`` are written, and only values that are numbers or opaque keys; anything else is left
out rather than cleaned. One JSON object a line.
"""

import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, BinaryIO, Final

import orjson
import structlog

from stegvis.engine.desk import Telling

FIELDS: Final = (
    "event",
    "timestamp",
    "case",
    "run",
    "version",
    "organisation",
    "to",
    "handoff",
    "parcel",
    "code",
    "size",
    "root",
)
"""Everything a line can hold. The first is the event's code; the second is when the line was written, UTC."""

LARGEST: Final = 2**53
"""Numbers below this are the same in every JSON reader. A line that cannot be written would fail after the commit."""

_SHAPES: Final = {
    "event": re.compile(r"[a-z]{1,16}(\.[a-z]{1,16})?"),
    "case": re.compile(r"[0-9a-f]{32}"),
    "run": re.compile(r"[0-9a-f]{32}"),
    "organisation": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "to": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "handoff": re.compile(r"[0-9a-f]{32}"),
    "parcel": re.compile(r"[0-9a-f]{32}"),
    "code": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "root": re.compile(r"[0-9a-f]{64}"),
}
"""What an event's code, an id and a register's name look like; what looks otherwise is not one."""


def allow_listed(_: Any, __: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """The line with nothing but what may be there."""
    return {name: line[name] for name in FIELDS if name in line and _fits(name, line[name])}


def _fits(name: str, value: object) -> bool:
    shape = _SHAPES.get(name)
    if shape is None:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST
    return isinstance(value, str) and shape.fullmatch(value) is not None


def structlog_tell(file: BinaryIO | None = None) -> Telling:
    """What ``Engine(tell=...)`` wants: writes a line after each commit.

    Args:
        file: where the lines go, opened for bytes; standard error when left out.
    """
    # Of its own, beside whatever the host has configured: no processor of theirs can put an exception's locals in.
    log = structlog.wrap_logger(
        structlog.BytesLogger(file if file is not None else sys.stderr.buffer),
        processors=[
            allow_listed,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )
    info: Any = log.info

    def tell(event: str, fields: Mapping[str, str | int]) -> None:
        info(event, **{name: value for name, value in fields.items() if name not in {"event", "timestamp"}})

    return tell
