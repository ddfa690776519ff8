"""Every rule of the checks: good definitions have no fault, and a small change to them gives one, in its place."""

import re
from datetime import date
from pathlib import Path
from typing import cast, get_args

import pytest

from stegvis.routines import condition_reader, reader
from stegvis.routines.checks.page import Rule, within
from stegvis.routines.checks.rounds import check
from stegvis.routines.findings import Catalogue, Finding, Mark, catalogue, say, what_to_do
from stegvis.routines.library import SHIPPED
from stegvis.routines.reader import read_file
from stegvis.routines.sources import Sources
from stegvis.routines.text import Lang

from .broken import GOOD, LAMP, TOWER, Change, Fault, changed, faults, findings, one

TEXTS = Path(__file__).parents[2] / "definitions" / "texts" / "findings.yaml"
RULES = frozenset(cast("tuple[str, ...]", get_args(Rule)))
ALL = faults()
VALID = 'valid: {from: "2023-01-01"'


@pytest.fixture(scope="module")
def wordings() -> Catalogue:
    return catalogue(read_file(TEXTS).data)


def said_whole(found: Finding, wordings: Catalogue) -> None:
    for lang in cast("tuple[Lang, ...]", ("sv", "en")):
        for said in (say(found, wordings, lang), what_to_do(found, wordings, lang)):
            assert not re.search(r"\{\w+\}", said)
            assert said.endswith((".", ").", '".'))
            assert all(len(sentence.split()) <= 25 for sentence in re.split(r"[.:] ", said))


def test_the_good_definitions_have_no_fault_and_no_warning() -> None:
    found, rules = check(Sources([GOOD]))
    assert (list(found), {compiled.id for compiled in rules.values()}) == (
        [],
        {"lamp", "tower", "post", "ladder", "notice"},
    )


@pytest.mark.parametrize("fault", ALL, ids=[f"{number}-{fault.rule}" for number, fault in enumerate(ALL)])
def test_a_change_gives_its_finding_alone_and_in_its_place(fault: Fault, tmp_path: Path, wordings: Catalogue) -> None:
    text, mark = changed(fault.file, fault.changes)
    second = {fault.also.file: changed(fault.also.file, fault.also.changes)[0]} if fault.also is not None else {}
    found = findings(tmp_path, {fault.file: text, **second}, fault.as_of)
    told = [(finding.rule, finding.severity, finding.file, finding.mark) for finding in found]
    assert told == [(fault.rule, fault.severity, fault.file, mark)]
    said_whole(found[0], wordings)


def test_every_rule_has_a_fault_here() -> None:
    assert {fault.rule for fault in ALL} | {"file-missing", "routine-dates-overlap"} == RULES


def test_every_rule_has_its_wording_and_every_wording_its_rule(wordings: Catalogue) -> None:
    others = {rule for rule in wordings if rule.startswith(("yaml-", "scenario-", "expectation"))}
    assert set(wordings) - others == RULES


def test_what_the_reader_of_conditions_says_is_among_the_rules() -> None:
    source = Path(condition_reader.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r'"(guard-[a-z-]+)"', source)) <= RULES


def test_files_that_are_needed_and_missing_are_found(wordings: Catalogue) -> None:
    found = check(Sources([GOOD / "texts"])).findings
    needed = ["builtin.yaml", "contacts.yaml", "law.yaml", "organisations.yaml", "roles.yaml"]
    assert [(finding.rule, finding.file) for finding in found] == [("file-missing", name) for name in needed]
    said_whole(found[0], wordings)


def test_two_versions_of_a_routine_may_not_share_a_day(tmp_path: Path, wordings: Catalogue) -> None:
    later, mark = one(TOWER, VALID + ', to: "2030-12-31"', 'valid: {from: ¤"2030-12-31"')
    (found,) = findings(tmp_path, {"routines/tower_2.yaml": later})
    assert (found.rule, found.file, found.mark) == ("routine-dates-overlap", "routines/tower_2.yaml", mark)
    said_whole(found, wordings)
    later, _ = one(TOWER, VALID + ', to: "2030-12-31"', 'valid: {from: "2031-01-01"')
    assert findings(tmp_path, {"routines/tower_2.yaml": later}) == []


def test_a_file_that_cannot_be_read_is_found_beside_the_faults_of_others(tmp_path: Path) -> None:
    lamp, mark = one(LAMP, "to: told\n", "to: ¤7\n")
    found = findings(tmp_path, {LAMP: lamp, "routines/broken.yaml": "a: *b", "roles.yaml": "format: 1.5"})
    assert [(finding.rule, finding.file) for finding in found] == [
        ("yaml-float", "roles.yaml"),
        ("yaml-alias", "routines/broken.yaml"),
        ("shape-wrong-type", LAMP),
    ]
    assert found[2].mark == mark


def test_a_routine_at_fault_is_no_unknown_one_to_others(tmp_path: Path) -> None:
    tower, mark = one(TOWER, 'label: "2026.1"', "label: ¤2026")
    found = findings(tmp_path, {TOWER: tower})
    assert [(finding.rule, finding.file, finding.mark) for finding in found] == [("shape-wrong-type", TOWER, mark)]


def test_all_faults_of_a_file_are_told_at_once_and_none_tells_what_stands_there(tmp_path: Path) -> None:
    changes = {
        "to: told\n": "to: Anna_Svensson\n",
        "kind: report": "kind: Anna_Svensson",
        "        by: [clock]": "        by: {Anna Svensson: Anna}",
        "subject: person": "subject: person\nnågot annat: Anna",
        "remind: [PT30M]": "remind: [Anna]",
    }
    text, _ = changed(LAMP, [Change(old=old, new=new) for old, new in changes.items()])
    found = findings(tmp_path, {LAMP: text})
    assert sorted(finding.rule for finding in found) == [
        "shape-bad-duration",
        "shape-bad-name",
        "shape-not-a-choice",
        "shape-unknown-key",
        "shape-wrong-type",
    ]
    assert not any("Anna" in str(value) for finding in found for value in finding.details.values())


def test_a_law_is_asked_for_on_the_first_day_and_on_the_day_asked_about(tmp_path: Path) -> None:
    text, _ = one(LAMP, "law: [basis]", "law: [old]")
    text = text.replace(VALID, 'valid: {from: "2022-01-01"')
    for as_of, rules in ((date(2022, 6, 1), []), (date(2023, 1, 1), ["law-repealed"]), (None, ["law-repealed"])):
        assert [finding.rule for finding in findings(tmp_path, {LAMP: text}, as_of)] == rules
    ended = text.replace('valid: {from: "2022-01-01"', 'valid: {from: "2022-01-01", to: "2022-12-31"')
    assert findings(tmp_path, {LAMP: ended}, date(2026, 1, 1)) == []


@pytest.mark.parametrize(
    ("written", "value", "offset", "place"),
    [
        ("a: b == 'c'", "b == 'c'", 5, (1, 9)),
        ("a: \"b == 'c'\"", "b == 'c'", 5, (1, 10)),
        ("a: 'b == ''c'' and d'", "b == 'c' and d", 13, (1, 20)),
        ('a: "b == \\"c\\" and d"', 'b == "c" and d', 13, (1, 20)),
        ("a: >-\n  b ==\n  'c'", "b == 'c'", 5, (3, 3)),
        ("a: |\n  b ==\n  'c'\n", "b ==\n'c'\n", 6, (3, 4)),
        ("a: b ==\n  'c'", "b == 'c'", 5, (2, 3)),
        ('å: "b"', "b", 1, (1, 6)),
    ],
)
def test_a_place_in_a_text_is_followed_through_the_file(
    written: str, value: str, offset: int, place: tuple[int, int]
) -> None:
    document = reader.read(written.encode(), "x")
    assert isinstance(document.data, dict)
    assert list(document.data.values()) == [value]
    assert within(written, document.mark(document.data), value, offset) == Mark(*place)


def test_what_is_shipped_has_no_fault() -> None:
    found = check(Sources([SHIPPED])).findings
    assert [finding for finding in found if finding.severity == "error"] == []
    assert {finding.rule for finding in found} <= {"contact-unchecked", "deadline-no-escalate", "text-kept-for-ever"}
