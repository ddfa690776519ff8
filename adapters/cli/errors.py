"""One place that turns what went wrong into a code, a sentence, what to do, and an exit status."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from stegvis.engine.answers import Refused
from stegvis.engine.guide_view import plain_json
from stegvis.engine.saying import say_instant
from stegvis.engine.values import Reason
from stegvis.routines.errors import Detail, StegvisError
from stegvis.routines.findings import BadDefinition, Finding
from stegvis.routines.text import Lang, Text, Words, fill

BAD: Final = 2
MISTYPED: Final = {"missing", "invalid", "unknown"}
"""Kinds of reasons that are about how the command was written, and not about the case."""

FOLDERS: Final = ("adapters", "engine", "routines")

INSTANTS: Final = ("at", "last")
"""Details that are instants, shown on the Swedish clock."""


class Told(NamedTuple):
    """What went wrong, ready to be said. ``details`` are codes, names of our own, and numbers."""

    code: str
    says: Text
    do: Text
    exit: int
    details: Mapping[str, Detail]
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()

    def json(self) -> dict[str, object]:
        """With stable keys, both languages."""
        return {
            "code": self.code,
            "says": self.says,
            "do": self.do,
            "exit": self.exit,
            "details": dict(self.details),
            "reasons": self.reasons,
            "findings": [finding_json(one) for one in self.findings],
        }

    def lines(self, words: Words, lang: Lang) -> Iterator[str]:
        """What went wrong, then every reason with what would remove it."""
        yield f"{self.says(lang)} [{self.code}]"
        because, remedy = words["guide.because"](lang), words["guide.remedy"](lang)
        for one in self.reasons:
            yield from reason_lines(one, words, lang)
        for finding in self.findings:
            says, do = finding_texts(finding, words)
            yield f"{place_of(finding)} {finding.rule}"
            yield f"  {because}: {says(lang)}"
            yield f"  {remedy}: {do(lang)}"
        if not self.reasons and not self.findings:
            yield f"{remedy}: {self.do(lang)}"
        if isinstance(key := self.details.get("key"), str):
            yield fill(words["cli.again_key"], {"key": key})(lang)


def told(error: Exception, words: Words) -> Told:
    """What to say of an error. One that nobody foresaw is told by its kind and place, never by its words."""
    if not isinstance(error, StegvisError):
        return _told("unexpected", words, 3, {"kind": type(error).__name__, "place": _place(error)})
    if isinstance(error, BadDefinition):
        # What only warns did not keep anything from loading.
        errors = tuple(one for one in error.findings if one.severity == "error")
        details = {**error.details, "findings": len(errors)}
        return _told(error.reason, words, error.exit, details)._replace(findings=errors)
    said = _told(error.reason, words, error.exit, error.details, family=type(error).code)
    if isinstance(error, Refused):
        mistyped = any(one.kind in MISTYPED for one in error.reasons)
        return said._replace(reasons=speakable(error.reasons), exit=BAD if mistyped else error.exit)
    return said


def _told(code: str, words: Words, exit_: int, details: Mapping[str, Detail], *, family: str = "stegvis") -> Told:
    named = next((one for one in (code, family) if f"errors.{one}.says" in words), "stegvis")
    places = {name: _said(name, value) for name, value in details.items()}
    says, do = words[f"errors.{named}.says"], words[f"errors.{named}.do"]
    return Told(code, fill(says, places), fill(do, places), exit_, details)


def _said(name: str, value: Detail) -> str:
    if value is None:
        return "?"
    return say_instant(value) if name in INSTANTS and isinstance(value, str) else str(value)


def _place(error: Exception) -> str:
    """The innermost line of ours."""
    root = Path(__file__).resolve().parents[2]
    ours = {path: path.relative_to(root) for folder in FOLDERS for path in (root / folder).rglob("*.py")}
    frames = reversed(traceback.extract_tb(error.__traceback__))
    found = ((ours.get(Path(frame.filename).resolve()), frame.lineno) for frame in frames)
    return next((f"{path.as_posix()}:{line}" for path, line in found if path is not None), "?")


def speakable(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Reasons without what was typed: the name of a question that no form has is not ours, and may be anything."""
    return tuple(one._replace(about=None) if one.code == "unknown_field" else one for one in reasons)


def reason_lines(one: Reason, words: Words, lang: Lang) -> Iterator[str]:
    """Why not, and what would remove it; the code and the field for whoever writes the next command."""
    about = f"{one.code}: {one.about}" if one.about is not None else one.code
    yield f"  {words['guide.because'](lang)}: {one.text(lang)} [{about}]"
    yield f"  {words['guide.remedy'](lang)}: {one.remedy(lang)}"


def place_of(finding: Finding) -> str:
    """File, line and column, as editors and terminals know them."""
    place = f"{finding.file}:{finding.mark.line}:{finding.mark.column}"
    return f"{place} ({finding.variant})" if finding.variant else place


def finding_texts(finding: Finding, words: Words) -> tuple[Text, Text]:
    """What a finding says, and what to do about it."""
    says, do = (
        words.get(f"findings.{finding.rule}.{part}", words[f"cli.no_wording.{part}"]) for part in ("says", "do")
    )
    return fill(says, finding.details), fill(do, finding.details)


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding as JSON values, with stable keys."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.mark.line,
        "column": finding.mark.column,
        "path": list(finding.path),
        "details": plain_json(finding.details),
        **({"variant": finding.variant} if finding.variant else {}),
    }
