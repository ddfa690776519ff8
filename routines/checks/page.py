"""One file under check: where its parts stand, and what has been found in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..findings import Finding, Mark, Severity
from ..reader import Document
from ..sources import Sources

Path: TypeAlias = tuple[str | int, ...]
Details: TypeAlias = Mapping[str, str | int]
_NONE: Details = {}

Rule: TypeAlias = Literal[
    "acute-elsewhere",
    "begins-apart",
    "begins-elsewhere",
    "begins-not-ready",
    "branch-never",
    "branch-unconditional",
    "branches-gap",
    "branches-overlap",
    "carry-options",
    "carry-type",
    "carry-unknown",
    "consultation-identifies",
    "contact-old",
    "contact-unchecked",
    "contact-unknown",
    "contact-unwarned",
    "deadline-never-met",
    "deadline-no-escalate",
    "deadline-no-lapse",
    "deadline-unknown",
    "decision-from-protected",
    "delegation-no-floor",
    "delegation-nobody",
    "delegation-not-in-order",
    "delegation-qualified",
    "delegation-too-low",
    "delegation-unknown",
    "derived-keys",
    "derived-order",
    "fact-derived",
    "fact-type",
    "fact-unknown",
    "field-key-idle",
    "field-no-options",
    "field-no-rows",
    "field-range",
    "field-read-before-set",
    "file-missing",
    "form-unknown",
    "form-unused",
    "four-eyes-alone",
    "guard-name-taken",
    "guard-never-false",
    "guard-never-true",
    "guard-not-allowed",
    "guard-syntax",
    "guard-too-deep",
    "guard-too-large",
    "guard-type",
    "guard-undecided",
    "guard-unknown-name",
    "guard-unknown-option",
    "handoff-no-protected-identity",
    "handoff-no-routine",
    "handoff-nobody",
    "handoff-not-received",
    "handoff-not-sent",
    "heading-no-verb",
    "lapse-asks",
    "lapse-not-clock",
    "law-not-yet",
    "law-repealed",
    "law-unknown",
    "law-without-limit",
    "level-unknown",
    "name-asked",
    "name-reserved",
    "name-twice",
    "organisation-unknown",
    "property-broken",
    "property-shape",
    "reply-nowhere",
    "report-answered",
    "report-revoked",
    "role-elsewhere",
    "role-unknown",
    "routine-dates-order",
    "routine-dates-overlap",
    "routine-unknown",
    "secrecy-not-here",
    "secrecy-unknown",
    "sentence-long",
    "shape-bad-date",
    "shape-bad-duration",
    "shape-bad-name",
    "shape-bad-text",
    "shape-disagrees",
    "shape-empty",
    "shape-missing-key",
    "shape-not-a-choice",
    "shape-out-of-range",
    "shape-too-few",
    "shape-too-long",
    "shape-unknown-key",
    "shape-wrong-type",
    "state-no-deadline",
    "state-no-end",
    "state-trap",
    "state-unknown",
    "state-unreachable",
    "step-never",
    "step-nobody",
    "step-unknown",
    "text-kept-for-ever",
    "text-missing-sv",
    "variant-in-circle",
    "variant-nobody",
    "variant-nothing-there",
]
"""Every rule that is checked here; what each says stands in definitions/texts/findings.yaml."""


@dataclass(slots=True)
class Page:
    """A file that has been read, and the findings so far."""

    document: Document
    sources: Sources
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def failed(self) -> bool:
        """Whether an error has been found."""
        return any(finding.severity == "error" for finding in self.findings)

    def value(self, rule: Rule, path: Path, details: Details = _NONE, /, **more: str | int) -> None:
        """Found at the value that stands at the path."""
        self._add(rule, self.document.mark(path), path, {**details, **more}, file=self.document.file(path))

    def key(self, rule: Rule, path: Path, details: Details = _NONE, /, **more: str | int) -> None:
        """Found at the key that leads to the path."""
        self._add(rule, self.document.key_mark(path), path, {**details, **more})

    def warn(self, rule: Rule, path: Path, /, **details: str | int) -> None:
        """Found at the key that leads to the path; no reason not to load it."""
        self._add(rule, self.document.key_mark(path), path, details, "warning")

    def inside(self, rule: Rule, path: Path, offset: int, details: Details, /) -> None:
        """Found in the text at the path, that many characters into it."""
        mark, file = self.document.mark(path), self.document.file(path)
        value = at(self.document, path)
        found = within(self._text(file), mark, value, offset) if isinstance(value, str) else mark
        self._add(rule, found, path, details, file=file)

    def _add(
        self, rule: Rule, mark: Mark, path: Path, details: Details, severity: Severity = "error", *, file: str = ""
    ) -> None:
        file = file or self.document.file(path, key=True)
        # A part that is right where it stands can be wrong where it is inherited.
        variant = str(at(self.document, ("routine",))) if file != self.document.name else ""
        self.findings.append(Finding(rule, file, mark, path, details, severity, variant))

    def _text(self, file: str) -> str:
        """The file again, read only when something has been found in the middle of one of its texts."""
        files = (directory / file for directory in reversed(self.sources.directories))
        return next((file.read_text("utf-8-sig") for file in files if file.is_file()), "")


def at(document: Document, path: Path) -> object:
    """The value at a path, or None."""
    value: object = document.data
    for step in path:
        match value, step:
            case dict(), str():
                value = value.get(step)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            case list(), int() if step < len(value):  # pyright: ignore[reportUnknownArgumentType]
                value = value[step]  # pyright: ignore[reportUnknownVariableType]
            case _:
                return None
    return value  # pyright: ignore[reportUnknownVariableType]


def within(source: str, mark: Mark, value: str, offset: int) -> Mark:
    """The place in a file of the character at an offset in a text that begins at the mark.

    The text is followed through the file character by character: quotes, escapes, block signs and indentation stand in
    the file and not in the text, and white space is written otherwise there.
    """
    place = sum(map(len, source.splitlines(keepends=True)[: mark.line - 1])) + mark.column - 1
    opening = source[place : place + 1]
    if opening in {"'", '"'}:
        place += 1
    elif opening in {"|", ">"}:
        place = source.find("\n", place) + 1
    for number, character in enumerate(value[: offset + 1]):
        if character.isspace():
            continue
        while place < len(source) and source[place] != character:
            place += 1
        if number == offset:
            break
        place += 2 if character == opening == "'" else 1
    lines = f"{source[:place]}.".splitlines()
    return Mark(len(lines), len(lines[-1]))
