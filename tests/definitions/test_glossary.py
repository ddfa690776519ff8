"""The glossary on paper is the glossary of the definitions: ``STEGVIS_WRITE_GLOSSARY=1`` writes the page anew."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from stegvis.routines.library import SHIPPED
from stegvis.routines.reader import read_file
from stegvis.routines.registers import Terms, load_terms

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"
HEAD = """\
# Glossary

The words of the field, as the routines use them: Swedish, the English beside it, and what is meant. They stand in
`definitions/terms.yaml`, and this page is made from there. What law says is in `definitions/law.yaml`, with date and
source; this page settles nothing in law. Words of the library itself are in [How it works](how-it-works.md).

| Swedish | English | What is meant |
|---|---|---|
"""


def terms() -> Terms:
    return load_terms(cast("Mapping[str, object]", read_file(SHIPPED / "terms.yaml").data))


def test_the_page_says_what_the_definitions_say() -> None:
    rows = sorted((one.sv, one.en, one.gloss) for one in terms().terms.values())
    page = HEAD + "".join(f"| {sv} | {en} | {gloss.sv}<br>{gloss.en} |\n" for sv, en, gloss in rows)
    if os.environ.get("STEGVIS_WRITE_GLOSSARY"):
        PAGE.write_text(page, "utf-8")
    assert PAGE.read_text("utf-8") == page


def test_no_word_is_said_twice_and_none_has_two_meanings() -> None:
    said = [one.sv.lower() for one in terms().terms.values()] + [one.en.lower() for one in terms().terms.values()]
    assert sorted(word for word in set(said) if said.count(word) > 1) == []
    assert all(len(sentence.split()) <= 25 for one in terms().terms.values() for sentence in one.gloss.sv.split(". "))
