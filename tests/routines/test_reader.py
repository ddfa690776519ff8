"""The reader: what YAML becomes, what is refused and where, and how a finding is said."""

import json
import re
from pathlib import Path
from typing import cast, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.routines.errors import StegvisError
from stegvis.routines.findings import BadDefinition, Catalogue, Finding, Mark, catalogue, say, what_to_do
from stegvis.routines.reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FINDINGS,
    MAX_INTEGER,
    MAX_TEXT,
    MAX_VALUES,
    Document,
    Json,
    Rule,
    read,
    read_file,
)
from stegvis.routines.text import Lang

TEXTS = Path(__file__).parents[2] / "definitions" / "texts" / "findings.yaml"
RULES = frozenset(cast("tuple[str, ...]", get_args(Rule)))


def refused(text: str | bytes) -> tuple[Finding, ...]:
    with pytest.raises(BadDefinition) as caught:
        read(text.encode() if isinstance(text, str) else text, "x.yaml")
    return caught.value.findings


def places(text: str | bytes) -> list[tuple[str, int, int]]:
    return [(finding.rule, finding.mark.line, finding.mark.column) for finding in refused(text)]


def attempt(text: bytes) -> Document | frozenset[str]:
    """The document, or the rules it was refused for."""
    try:
        return read(text, "x")
    except BadDefinition as bad:
        lines = re.split(rb"\r\n|\r|\n", text)
        assert all(1 <= f.mark.line <= len(lines) and f.mark.column >= 1 for f in bad.findings)  # noqa: PT017
        return frozenset(finding.rule for finding in bad.findings)


# What is read ---------------------------------------------------------------------------------------------------------

shown = st.characters(
    exclude_categories=("Cs", "Cc"),
    exclude_characters="\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff",
    include_characters="\n\t",
)
words = st.sampled_from(
    ["no", "Yes", "on", "OFF", "y", "n", "null", "~", "true", "2025-07-01", "12:30:45", "1_000", "<<", "=", "-", "?"]
)
texts = st.text(shown, max_size=30) | words
numbers = st.integers(-MAX_INTEGER, MAX_INTEGER)
data = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=25,
)
documents = st.dictionaries(texts, data, max_size=5) | st.lists(data, max_size=5)


@settings(deadline=None)
@given(documents)
def test_json_reads_back_equal(document: Json) -> None:
    # JSON escapes astral characters as two surrogates, which YAML does not know; written as they are, both agree.
    assert read(json.dumps(document, ensure_ascii=False).encode(), "x").data == document


@settings(deadline=None)
@given(documents)
def test_yaml_of_another_writer_reads_back_equal_or_is_refused_as_a_number(document: Json) -> None:
    """PyYAML writes by YAML 1.1, where ``1e5`` and ``089`` are text without quotes. They may never become numbers."""
    found = attempt(yaml.safe_dump(document).encode())
    if isinstance(found, Document):
        assert found.data == document
    else:
        assert found
        assert found <= {"yaml-float", "yaml-integer-form"}


@settings(deadline=None)
@given(data)
def test_what_is_read_is_plain_data_of_exact_types(document: Json) -> None:
    read_back = read(json.dumps([document], ensure_ascii=False).encode(), "x").data
    assert json.dumps(read_back) == json.dumps([document])


@pytest.mark.parametrize(
    "text",
    ["no", "No", "NO", "yes", "on", "Off", "y", "N", "nULL", "tRue", "2025-07-01", "2025-07-01T12:00:00Z", "12:30",
     "1_000", "0b11", "<<", "=", "1.2.3", "1e", "+", "-.", "0x", "0o8", "é", "112 eller 11414"],
)  # fmt: skip
def test_what_is_no_number_in_yaml_1_2_stays_text(text: str) -> None:
    assert read(f"country: {text}".encode(), "x").data == {"country": text}
    assert read(f"{text}: country".encode(), "x").data == {text: "country"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("~", None), ("null", None), ("NULL", None), ("true", True), ("FALSE", False), ("0", 0), ("-7", -7),
     (str(MAX_INTEGER), MAX_INTEGER), (str(-MAX_INTEGER), -MAX_INTEGER), ('"7"', "7"), ("'~'", "~"), ('""', ""),
     ("'true'", "true"), ("|\n  one\n  two\n", "one\ntwo\n"), (">-\n  one\n  two\n", "one two"), ("'0771'", "0771")],
)  # fmt: skip
def test_the_core_schema(text: str, value: Json) -> None:
    read_back = read(f"a: {text}".encode(), "x").data
    assert isinstance(read_back, dict)
    assert (type(read_back["a"]), read_back["a"]) == (type(value), value)


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_text() -> None:
    document = read(b"\xef\xbb\xbfa: 1", "x")
    assert document.data == {"a": 1}
    assert document.key_mark(["a"]) == (1, 1)


def test_what_fits_the_limits_exactly_is_read() -> None:
    padding = MAX_BYTES - len(b"a: 1\n#")
    assert read(b"a: 1\n#" + b"x" * padding, "x").data == {"a": 1}
    assert read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "x").data
    assert read(b"a: '" + b"x" * MAX_TEXT + b"'", "x").data == {"a": "x" * MAX_TEXT}
    assert read(b"[" + b"a," * (MAX_VALUES - 1) + b"]", "x").data == ["a"] * (MAX_VALUES - 1)


# Where it stands ------------------------------------------------------------------------------------------------------

PLACED = """\
routine: report
states:
  received:
    now: {sv: "Bedöm", en: Assess}
    call:
      - police
      - [a, b]
  ended:
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("routine",), (1, 10), (1, 1)),
        (("states", "received"), (4, 5), (3, 3)),
        (("states", "received", "now", "en"), (4, 28), (4, 24)),
        (("states", "received", "call", 1, 1), (7, 13), (7, 13)),
        (("states", "ended"), (8, 9), (8, 3)),
        (("states", "received", "law"), (4, 5), (3, 3)),
        (("states", "received", "call", 2), (6, 7), (5, 5)),
        (("states", "received", "call", -1), (6, 7), (5, 5)),
        (("states", 0), (3, 3), (2, 1)),
        (("routine", "deeper", 3), (1, 10), (1, 1)),
    ],
)
def test_a_path_has_its_nearest_place(
    path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
) -> None:
    document = read(PLACED.encode(), "x")
    assert document.mark(path) == value
    assert document.key_mark(path) == key


@settings(deadline=None)
@given(st.dictionaries(st.text("abcåäö", min_size=1), st.integers(0, 9), min_size=1))
def test_every_value_stands_where_its_mark_says(flat: dict[str, int]) -> None:
    text = yaml.safe_dump(flat, allow_unicode=True)
    document = read(text.encode(), "x")
    lines = text.splitlines()
    for key, value in flat.items():
        line, column = document.mark([key])
        assert lines[line - 1][column - 1 :] == str(value)
        line, column = document.key_mark([key])
        assert lines[line - 1][column - 1 :].startswith(("? ", key, "'"))


# What is refused ------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Rule, str | bytes, int, int]] = [
    ("yaml-alias", "a: 1\nb: *x", 2, 4),
    ("yaml-alias", "*x : 1", 1, 1),
    ("yaml-anchor", "a: &x 1", 1, 4),
    ("yaml-anchor", "a:\n  &k b: 1", 2, 3),
    ("yaml-anchor", "- 1\n- &x [1]", 2, 3),
    ("yaml-bracket", "a: [b, c\nd: e", 2, 2),
    ("yaml-bracket", "a: {b: c", 1, 4),
    ("yaml-colon", "now: Ring polisen: genast", 1, 18),
    ("yaml-control-character", "å: 1\nb: \x1b[2J", 2, 4),
    ("yaml-control-character", "a: b\x00c", 1, 5),
    ("yaml-control-character", "a:\r\nb: \r\rc: \x85", 4, 4),
    ("yaml-control-character", "a: never \u202e", 1, 10),
    ("yaml-control-character", "a: \ufeff", 1, 4),
    ("yaml-control-character", 'a:\n  - "ring \\e[2J"', 2, 5),
    ("yaml-control-character", '"\\0": 1', 1, 1),
    ("yaml-depth", "[" * (MAX_DEPTH + 1), 1, MAX_DEPTH + 1),
    ("yaml-directive", "# x\n%YAML 1.1\n---\na: 1", 2, 1),
    ("yaml-directive", "%TAG ! tag:x,2000:\n---\na: !b 1", 1, 1),
    ("yaml-documents", "a: 1\n---\nb: 2", 2, 1),
    ("yaml-duplicate-key", "a: 1\nb:\n  c: 1\n  c: 2", 4, 3),
    ("yaml-duplicate-key", '{a: 1, "a": 1}', 1, 8),
    ("yaml-empty", "", 1, 1),
    ("yaml-empty", "# only this\n\n", 1, 1),
    ("yaml-empty", "---\n", 1, 1),
    ("yaml-encoding", b"a: 1\nb\xc3\xa5: \xe5", 2, 5),
    ("yaml-encoding", "a: 1".encode("utf-16"), 1, 1),
    ("yaml-float", "a: 1.0", 1, 4),
    ("yaml-float", "a: [-.5, x]", 1, 5),
    ("yaml-float", "a: 1e5", 1, 4),
    ("yaml-float", "a: -.inf", 1, 4),
    ("yaml-float", "a: .NaN", 1, 4),
    ("yaml-float", "1.: a", 1, 1),
    ("yaml-integer-form", "call: 0771", 1, 7),
    ("yaml-integer-form", "call: +46", 1, 7),
    ("yaml-integer-form", "a: -0", 1, 4),
    ("yaml-integer-form", "a: 0o17", 1, 4),
    ("yaml-integer-form", "a: 0x1F", 1, 4),
    ("yaml-integer-range", f"a: {MAX_INTEGER + 1}", 1, 4),
    ("yaml-integer-range", f"a: {-MAX_INTEGER - 1}", 1, 4),
    ("yaml-integer-range", "a: " + "9" * 5000, 1, 4),
    ("yaml-key", "a:\n  1: b", 2, 3),
    ("yaml-key", "true: b", 1, 1),
    ("yaml-key", "a: {~: b}", 1, 5),
    ("yaml-key", "?\n: b", 1, 2),
    ("yaml-key", "? [a, b]\n: c", 1, 3),
    ("yaml-key", "{{a: b}: c}", 1, 2),
    ("yaml-many-findings", "\n".join(["- 1.5"] * MAX_FINDINGS), MAX_FINDINGS, 3),
    ("yaml-missing-colon", "a: 1\nbc\nd: 2", 2, 1),
    ("yaml-missing-colon", "a: 1\nbc", 2, 1),
    ("yaml-quote", "a: 1\nb: 'never\nc: 2", 2, 4),
    ("yaml-quote", 'b: "never', 1, 4),
    ("yaml-reserved-character", "a: @home", 1, 4),
    ("yaml-reserved-character", "a: `x`", 1, 4),
    ("yaml-size", b"#" * (MAX_BYTES + 1), 1, 1),
    ("yaml-syntax", "a:\n  b: 1\n c: 2", 3, 2),
    ("yaml-syntax", "a: 'b' c", 1, 8),
    ("yaml-syntax", '"\\ud800"', 1, 4),
    ("yaml-syntax", "a: 1\nb: &", 2, 5),
    ("yaml-tab", "a: b\n\tc: d", 2, 1),
    ("yaml-tab", "a:\n\t- b", 2, 1),
    ("yaml-tag", "a: !!python/object/apply:os.system [x]", 1, 4),
    ("yaml-tag", "a: !!str 1", 1, 4),
    ("yaml-tag", 'a: ! "1"', 1, 4),
    ("yaml-tag", "!!map {a: 1}", 1, 1),
    ("yaml-text-length", "a: " + "x" * (MAX_TEXT + 1), 1, 4),
    ("yaml-values", "[" + "a," * MAX_VALUES + "]", 1, 2 * MAX_VALUES),
]


@pytest.mark.parametrize(("rule", "text", "line", "column"), REFUSED)
def test_a_fault_is_found_at_its_line_and_column(rule: Rule, text: str | bytes, line: int, column: int) -> None:
    assert (rule, line, column) in places(text)
    assert {found for found, *_ in places(text)} <= {rule, "yaml-float"}


def test_every_rule_has_an_example_here() -> None:
    assert {rule for rule, *_ in REFUSED} | {"yaml-unreadable"} == RULES


def test_all_faults_are_told_at_once_in_order_with_their_paths() -> None:
    findings = refused("z: 1.5\na:\n  - {b: &x 007, b: *x}\n  - !t c\n1: {d: 2.5}\nz: : x")
    assert [(finding.rule, finding.path) for finding in findings] == [
        ("yaml-float", ("z",)),
        ("yaml-anchor", ("a", 0, "b")),
        ("yaml-integer-form", ("a", 0, "b")),
        ("yaml-duplicate-key", ("a", 0, "b")),
        ("yaml-alias", ("a", 0, "b")),
        ("yaml-tag", ("a", 1)),
        ("yaml-key", ()),
        ("yaml-float", ("?", "d")),
        ("yaml-colon", ()),
    ]
    assert findings[3].details == {"key": "b", "first": 3}


def test_a_hidden_character_does_not_travel_on_in_a_finding() -> None:
    findings = refused('"\\e[2J": {b: 1.5}')
    assert [finding.path for finding in findings] == [(), ("\ufffd[2J", "b")]


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("[]{}:-,?!&*#|>'\"%@`~ \n\tab1.", max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused_at_a_place_in_the_file(text: str | bytes) -> None:
    found = attempt(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if isinstance(found, Document):
        assert read(json.dumps([found.data], ensure_ascii=False).encode(), "x").data == [found.data]
    else:
        assert found
        assert found <= RULES


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_under_its_path_or_the_given_name(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: å", encoding="utf-8")
    assert read_file(file).data == {"a": "å"}
    assert read_file(file).name == file.as_posix()
    assert read_file(file, "routines/a.yaml").name == "routines/a.yaml"


def test_a_file_that_cannot_be_opened_is_a_finding(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.yaml", "ENOENT"), (tmp_path, "EISDIR")):
        with pytest.raises(BadDefinition) as caught:
            read_file(path, "a.yaml")
        assert caught.value.findings == (Finding("yaml-unreadable", "a.yaml", Mark(1, 1), (), {"code": code}),)


def test_a_file_without_an_end_is_given_up() -> None:
    with pytest.raises(BadDefinition) as caught:
        read_file(Path("/dev/zero"))
    assert [finding.rule for finding in caught.value.findings] == ["yaml-size"]


# How it is said -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wordings() -> Catalogue:
    return catalogue(read_file(TEXTS).data)


def test_every_rule_has_its_wording_and_every_wording_its_rule(wordings: Catalogue) -> None:
    assert {rule for rule in wordings if rule.startswith("yaml-")} == RULES
    assert list(wordings) == sorted(wordings)
    assert all(wording.says.en and wording.do.en for wording in wordings.values())


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_every_finding_is_said_whole_and_short(wordings: Catalogue, lang: Lang) -> None:
    unreadable = Finding("yaml-unreadable", "x", Mark(1, 1), (), {"code": "ENOENT"})
    for finding in [unreadable, *(finding for _, text, *_ in REFUSED for finding in refused(text)[:3])]:
        for said in (say(finding, wordings, lang), what_to_do(finding, wordings, lang)):
            assert not re.search(r"\{\w+\}", said)
            assert said.endswith((".", ")."))
            assert all(len(sentence.split()) <= 25 for sentence in said.split(". "))


def test_a_fact_is_put_in_as_it_is(wordings: Catalogue) -> None:
    (finding,) = refused('"{first}": 1\n"{first}": 1')
    assert say(finding, wordings, "sv") == "Nyckeln {first} finns redan på rad 1."
    assert say(finding, wordings, "en") == "The key {first} is already on line 1."


def test_a_bad_definition_is_an_error_of_the_house_that_tells_the_first_finding() -> None:
    with pytest.raises(StegvisError) as caught:
        read(b"a: 1.5\nb: 2.5", "x.yaml")
    assert (caught.value.reason, caught.value.exit) == ("bad_definition", 2)
    assert caught.value.details == {"file": "x.yaml", "line": 1, "column": 4, "rule": "yaml-float", "findings": 2}


def test_findings_sort_by_file_then_place() -> None:
    marks = [("b", 1, 1), ("a", 10, 1), ("a", 2, 9), ("a", 2, 10)]
    findings = sorted(Finding("r", file, Mark(line, column)) for file, line, column in marks)
    assert [(finding.file, *finding.mark) for finding in findings] == sorted(marks)
