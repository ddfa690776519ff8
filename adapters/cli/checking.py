"""The command for those who write routines: what is wrong in definitions, where, and what to do."""

from datetime import date
from pathlib import Path

from stegvis.routines.checks.rounds import check as checks
from stegvis.routines.errors import BadInput
from stegvis.routines.findings import BadDefinition, Finding
from stegvis.routines.library import SHIPPED
from stegvis.routines.sources import Sources

from .desk import directory, screen
from .errors import finding_json, finding_texts, place_of
from .options import GOOD, NO, SHOWN, Shown
from .screen import Screen, shipped_words


def check(*directories: Path, as_of: str | None = None, shown: Shown = SHOWN) -> int:
    """Say what is wrong in the definitions."""
    at = screen(shown)
    sources = Sources([SHIPPED, *(directory(one) for one in directories)])
    day = _day(as_of)
    try:
        checked = checks(sources, as_of=day)
        found, routines = sorted(checked.findings), len(checked.rules)
    except BadDefinition as bad:
        found, routines = list(bad.findings), 0
    errors = sum(one.severity == "error" for one in found)
    at.document(
        {
            "routines": routines,
            "errors": errors,
            "warnings": len(found) - errors,
            "findings": [_json(one) for one in found],
        }
    )
    for one in found:
        _show(one, sources, at)
    word = "checked_errors" if errors else "checked"
    at.say(word, routines=routines, errors=errors, warnings=len(found) - errors)
    return NO if errors else GOOD


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise BadInput("not_date", field="--as-of") from None


def _json(one: Finding) -> dict[str, object]:
    says, do = finding_texts(one, shipped_words())
    return {**finding_json(one), "says": says, "do": do}


def _show(one: Finding, sources: Sources, at: Screen) -> None:
    says, do = finding_texts(one, shipped_words())
    folder = next((path for path in reversed(sources.directories) if (path / one.file).is_file()), SHIPPED)
    before = "" if folder == SHIPPED else f"{folder}/"
    at.line(f"{before}{place_of(one)} {at.word(f'severity_{one.severity}')} {one.rule}")
    at.line(f"  {says(at.lang)}")
    at.line(f"  {at.word('do', do=do)}")
