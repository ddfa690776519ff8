"""CSV (RFC 4180) that a spreadsheet opens without running any of it: one row for every record."""

import csv
import re
from typing import Final, TextIO

from .happenings import Happening, Log

COLUMNS: Final = tuple(name for name in Happening._fields if name not in {"due", "along"})

_FORMULA: Final = re.compile(r"(^|[\t\r\n,;|\"])(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])")


def safe(text: str) -> str:
    """The text as no program takes it for a formula.

    Not only where a cell begins with one: a spreadsheet that splits at another sign, as the Swedish ones do at the
    semicolon, begins a cell in the middle of ours (OWASP, CSV injection).
    """
    return _FORMULA.sub(r"\1'", text)


def write_sheet(log: Log, file: TextIO) -> int:
    """Write every record of a log; answers how many."""
    rows = csv.writer(file, quoting=csv.QUOTE_ALL)
    rows.writerow(COLUMNS)
    count = 0
    for count, one in enumerate(log.all(), 1):  # noqa: B007 - the last count is kept
        rows.writerow([safe(str(getattr(one, name))) for name in COLUMNS])
    return count
