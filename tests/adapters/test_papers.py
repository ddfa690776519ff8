"""The page for the binder: everything that matters without the system, in both languages, with room for both clocks."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import pytest

from stegvis.routines.library import Library, shipped
from stegvis.routines.pictures.binder import Part, html, parts, sheet, text
from stegvis.routines.rules import Rules
from stegvis.routines.text import Lang

from .commands import OVERLAY, say

DAY = date(2026, 11, 22)


def pages() -> Iterator[tuple[Library, Rules]]:
    known = shipped()
    for versions in known.versions.values():
        for rules in versions:
            if rules.routine.valid.first <= DAY.isoformat() <= (rules.routine.valid.last or "9999"):
                yield known, rules


PAGES = list(pages())


@pytest.mark.parametrize(("known", "rules"), PAGES, ids=[rules.id for _, rules in PAGES])
@pytest.mark.parametrize("lang", ["sv", "en"])
def test_a_page_holds_all_that_somebody_without_the_system_needs(known: Library, rules: Rules, lang: Lang) -> None:
    page = list(parts(known, rules, DAY, lang))
    whole = "\n".join(text(page))
    routine = rules.routine
    for state in routine.states.values():
        assert (state.end.title if state.end is not None else state.now)(lang) in whole
        assert state.why(lang) in whole
        assert all(never.text(lang) in whole for never in state.never)
        assert all(known.contacts.contacts[one].title(lang) in whole for one in state.call)
    for move in chain(*(there.values() for there in rules.moves.values()), [rules.opening]):
        if move.kind in {"step", "propose"}:
            assert move.step.title(lang) in whole
            assert all(never.text(lang) in whole for never in move.step.never)
            assert all(field.title(lang) in whole for field in move.fields.values())
    for deadline in routine.deadlines.values():
        assert deadline.title(lang) in whole
        assert known.law.citation(deadline.law, DAY, lang) in whole
    assert "{" not in whole
    assert rules.digest[:12] in whole


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_each_step_has_room_for_when_it_happened_and_when_it_was_entered(lang: Lang) -> None:
    known = shipped()
    for _, rules in PAGES:
        said = [part.text for part in parts(known, rules, DAY, lang) if part.kind == "blank"]
        happened, entered = (f"{known.words[f'binder.{one}'](lang)}:" for one in ("happened", "entered"))
        steps = [part for part in parts(known, rules, DAY, lang) if part.kind == "step"]
        assert said.count(happened) == said.count(entered) == len(steps) + 1


@pytest.mark.parametrize(("known", "rules"), PAGES, ids=[rules.id for _, rules in PAGES])
@pytest.mark.parametrize("lang", ["sv", "en"])
def test_a_sheet_says_what_comes_first_who_by_when_what_not_and_has_room(
    known: Library, rules: Rules, lang: Lang
) -> None:
    page = list(sheet(known, rules, DAY, lang))
    whole = "\n".join(text(page))
    routine = rules.routine
    working = [state for state in routine.states.values() if state.end is None]
    for state in working:
        assert state.now(lang) in whole
        assert all(never.text(lang) in whole for never in state.never)
        assert all(known.contacts.contacts[one].title(lang) in whole for one in state.call)
    met = {
        name
        for state, there in rules.moves.items()
        if routine.states[state.partition(".")[0]].end is None
        for move in there.values()
        for name in move.meets
    }
    assert all(routine.deadlines[name].title(lang) in whole for name in met)
    assert [part.kind for part in page].count("clocks") == len(working)
    first = next(iter(rules.opening.fields.values()), None)
    assert first is None or any(part.text.startswith(first.title(lang)) for part in page if part.kind == "blank")
    numbers = [one for state in working for one in state.call if not known.contacts.contacts[one].number]
    blanks = [part.text for part in page if part.kind == "blank"]
    assert all(f"{known.contacts.contacts[one].title(lang)}:" in blanks for one in numbers)
    assert "{" not in whole
    assert rules.digest[:12] in whole
    headings = [part.text for part in page if part.kind == "heading"]
    never, steps = (known.words[f"binder.{one}"](lang) for one in ("never", "steps"))
    assert never not in headings or headings.index(never) < headings.index(steps)


@pytest.mark.deep
@pytest.mark.parametrize("lang", ["sv", "en"])
def test_every_sheet_is_one_sheet_of_a4_in_a_browser(tmp_path: Path, lang: Lang) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not here: apt-get install chromium")
    sides = dict[str, int]()
    for known, rules in PAGES:
        page, paper = tmp_path / f"{rules.id}.html", tmp_path / f"{rules.id}.pdf"
        page.write_text("\n".join(html([sheet(known, rules, DAY, lang)], rules.id, lang, whole=False)), "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options += ["--no-pdf-header-footer", f"--print-to-pdf={paper}", f"--user-data-dir={tmp_path}/profile"]
        subprocess.run([chromium, *options, page.as_uri()], capture_output=True, check=True, timeout=120)
        sides[rules.id] = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert {name: count for name, count in sides.items() if not 1 <= count <= 2} == {}


def test_what_nobody_has_adopted_says_so_before_anything_else() -> None:
    known = shipped()
    page = list(parts(known, known.routine("suspicion", DAY), DAY, "sv"))
    assert page[1] == Part("note", "Mall, inte fastställd av någon kommun.")


class Reader(HTMLParser):
    """Holds a document to being whole, and to reaching for nothing outside itself."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.words = list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe", "a"}
        assert not {name for name, _ in attrs} & {"src", "href", "style"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split() if "style" not in self.open else []


def test_the_document_is_whole_and_says_what_the_text_says() -> None:
    known = shipped()
    page = [*parts(known, known.routine("report", DAY), DAY, "en"), Part("item", "<b>&")]
    reader = Reader()
    page.append(Part("clocks", "Happened:|Entered:"))
    reader.feed("\n".join(html([page], "On paper", "en")))
    reader.close()
    assert reader.open == []
    assert reader.words == ["On", "paper", *(word for part in page for word in part.text.replace("|", " ").split())]


def test_the_command_prints_those_named_or_all() -> None:
    one = say("print", "suspicion", "--as-of", "2026-11-22", COLUMNS="40")
    assert (one.exit, one.err) == (0, "")
    assert max(len(line) for line in one.out.splitlines() if " " in line.strip()) <= 40
    every = say("print", "--json", "--definitions", OVERLAY).json["pages"]
    assert {"suspicion", "report", "acute", "lantern"} <= every.keys()
    assert say("print", "nothing", "--json").codes == {"unknown_routine"}
    assert say("print", "--as-of", "igår", "--json").codes == {"not_date"}
    longer = say("print", "suspicion", "--whole", "--as-of", "2026-11-22").out
    assert len(longer) > 2 * len(one.out)
    document = say("print", "suspicion", "--html", "--lang", "en").out
    assert document.startswith('<!doctype html>\n<html lang="en">')
