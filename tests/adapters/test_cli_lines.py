"""Lines keep their words and their width, and answers on the line become what the form asks for."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stegvis.adapters.cli.forms import answers, split
from stegvis.adapters.cli.screen import wrapped
from stegvis.routines.errors import BadInput
from stegvis.routines.form import Field
from stegvis.routines.text import Text

words = st.text(st.characters(min_codepoint=33, max_codepoint=383, exclude_characters="\x7f\xa0\xad\x85"), min_size=1)


def line_of(indent: int, said: list[str]) -> str:
    return " " * indent + " ".join(said)


lines = st.builds(line_of, st.integers(0, 12), st.lists(words, min_size=1))


@given(line=lines, width=st.integers(20, 120))
@example(line="    - Skyddsbedömning och förhandsbedömningsdokumentation", width=20)
@settings(deadline=None)
def test_a_line_is_broken_between_words_only(line: str, width: int) -> None:
    parts = list(wrapped(line, width))
    assert " ".join(parts).split() == line.split()
    for part in parts:
        assert len(part) <= width or len(part.split()) == 1 or part.startswith(" ")
        if len(part) > width:
            assert max(map(len, part.split())) > width // 2
    assert list(wrapped(line, None)) == [line]


def field(**more: object) -> Field:
    return Field.model_validate({"title": Text(sv="Fråga"), **more}, strict=False)


FIELDS = {
    "said": field(type="text"),
    "sure": field(type="boolean"),
    "count": field(type="number"),
    "one": field(type="choice", of={"a": {"sv": "A"}, "b": {"sv": "B"}}),
    "many": field(type="choice", multiple=True, of={"a": {"sv": "A"}, "b": {"sv": "B"}}),
}


@given(said=st.text().filter(lambda text: text != "-"), count=st.integers(-(2**53), 2**53))
@settings(deadline=None)
def test_answers_become_what_the_form_asks_for(said: str, count: int) -> None:
    given_answers = answers(FIELDS, [f"said={said}", f"count={count}", "many=a", "many=b", "one=b"], None)
    assert given_answers == {"said": said, "count": count, "many": ["a", "b"], "one": "b"}


@pytest.mark.parametrize(
    ("text", "value"), [("ja", True), ("Yes", True), ("TRUE", True), ("nej", False), ("no", False)]
)
def test_yes_and_no_are_read_in_both_languages(text: str, value: bool) -> None:
    assert answers(FIELDS, [f"sure={text}"], None) == {"sure": value}


@given(text=st.text().filter(lambda text: text != "-"))
@settings(deadline=None)
def test_what_cannot_be_read_goes_on_as_it_is_for_the_engine_to_refuse(text: str) -> None:
    for name in ("sure", "count", "unknown"):
        (value,) = answers(FIELDS, [f"{name}={text}"], None).values()
        assert value == text or isinstance(value, bool | int)


@given(pair=st.text())
@settings(deadline=None)
def test_a_pair_is_a_name_a_sign_and_a_value(pair: str) -> None:
    if "=" in pair[1:] and not pair.startswith("="):
        ((name, value),) = split([pair])
        assert f"{name}={value}" == pair
    else:
        with pytest.raises(BadInput) as caught:
            list(split([pair]))
        assert caught.value.reason == "not_a_pair"
