"""What is wrong in a definition, where, and how it is said.

A finding holds a rule's id, a place and facts. The sentences stand in definitions/texts/findings.yaml, so that whoever
edits what people are told never touches code, and so that a finding can be shown in any language after it was made.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import ConfigDict, TypeAdapter

from .errors import StegvisError
from .text import Lang, Model, Text

Severity: TypeAlias = Literal["error", "warning"]


class Mark(NamedTuple):
    """A place in a file: line and column, counted from 1, the column in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be, in a definition. Findings sort by file, then by place.

    ``rule`` is stable across versions, kebab-case. ``path`` leads to the value from the top of the file, by keys and by
    indexes from 0. ``details`` are the facts that fill the rule's sentence: names, codes and numbers.
    """

    rule: str
    file: str
    mark: Mark
    path: tuple[str | int, ...] = ()
    details: Mapping[str, str | int] = field(default_factory=dict[str, str | int], hash=False)
    severity: Severity = "error"
    variant: str = ""
    """The routine in which it is wrong, when what stands here is right in its own file and inherited by another."""

    def __lt__(self, other: "Finding") -> bool:
        return (self.file, self.mark, self.rule) < (other.file, other.mark, other.rule)


class BadDefinition(StegvisError):
    """The definition has faults and was not loaded; correct every finding and check it again."""

    code: ClassVar[str] = "bad_definition"
    exit: ClassVar[int] = 2

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(sorted(findings))
        first = self.findings[0]
        line, column = first.mark
        super().__init__(file=first.file, line=line, column=column, rule=first.rule, findings=len(self.findings))


class Wording(Model):
    """How one rule speaks: what is wrong, and what to do about it."""

    says: Text
    do: Text


Catalogue: TypeAlias = Mapping[str, Wording]
"""Every rule's wording by its id, as definitions/texts/findings.yaml has it."""

_CATALOGUE = TypeAdapter(dict[str, Wording], config=ConfigDict(defer_build=True))
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def catalogue(data: object) -> Catalogue:
    """The wordings in the parsed findings.yaml. Raises ``pydantic.ValidationError`` if it has another shape."""
    return _CATALOGUE.validate_python(data)


def say(finding: Finding, catalogue: Catalogue, lang: Lang) -> str:
    """What is wrong, as one or two sentences. Raises ``KeyError`` for a rule without a wording."""
    return _filled(catalogue[finding.rule].says(lang), finding.details)


def what_to_do(finding: Finding, catalogue: Catalogue, lang: Lang) -> str:
    """What puts it right. Raises ``KeyError`` for a rule without a wording."""
    return _filled(catalogue[finding.rule].do(lang), finding.details)


def _filled(sentence: str, details: Mapping[str, str | int]) -> str:
    # Not str.format, which follows attributes; and in one pass, for a fact may hold braces of its own.
    return _PLACEHOLDER.sub(lambda found: str(details.get(found[1], found[0])), sentence)
