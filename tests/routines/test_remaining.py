"""What is left for a municipality to do: each thing is told until it is done, and no longer."""

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from stegvis.routines.digests import Json
from stegvis.routines.library import SHIPPED, assemble, load, shipped
from stegvis.routines.remaining import DUTIES, Left, cites, remaining
from stegvis.routines.rules import Rules, compile_routine
from stegvis.routines.sources import Sources, builtin_of

from ..adapters.commands import say

DAY = date(2026, 11, 22)


def left(*overlays: Path, on: date = DAY) -> list[Left]:
    """What is left; where definitions differ from the shipped ones, those are taken as they are, unchecked."""
    sources = Sources([SHIPPED, *overlays])
    return remaining(assemble(sources, compiled(sources)) if overlays else shipped(), sources, on)


def compiled(sources: Sources) -> list[Rules]:
    return [
        compile_routine(cast("Mapping[str, Json]", one.data), builtin_of(sources))
        if sources.bytes_of(one.name) != (SHIPPED / one.name).read_bytes()
        else next(rules for rules in shipped().by_digest.values() if rules.id == cast("Any", one.data)["routine"])
        for one in sources.routines()
    ]


def told(found: list[Left]) -> set[tuple[str, str, str]]:
    return {(one.duty, one.code, one.name) for one in found}


def edited(folder: Path, file: str, *changes: tuple[str, str]) -> Path:
    """A municipality's own copy of a file."""
    target = folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    text = (SHIPPED / file).read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    target.write_text(text, "utf-8")
    return folder


def test_what_comes_with_stegvis_is_all_for_the_municipality_to_adopt_and_decide() -> None:
    found = told(left())
    library = shipped()
    assert {name for duty, code, name in found if (duty, code) == ("adopt", "routine")} == set(library.versions)
    assert ("adopt", "delegation", "delegation") in found
    assert {("decide", "file", name) for name in ("access", "party", "persons", "organisations", "roles")} <= found
    assert ("fill_in", "number", "social_services") in found
    assert ("verify", "contact_never", "police_emergency") in found
    assert ("decide", "kept_how_long", "school_note_kept") in found
    assert [DUTIES.index(one.duty) for one in left()] == sorted(DUTIES.index(one.duty) for one in left())


def test_no_law_that_a_routine_names_is_overlooked() -> None:
    library = shipped()
    named = {law for versions in library.versions.values() for law in cites(versions[0].routine)}
    unsure = {
        name
        for name in named
        if (now := library.law.at(name, DAY)).confidence == "L"
        or (now.section is None and not library.law.laws[name].house)
    }
    assert unsure
    assert unsure <= {one.name for one in left() if one.file == "law.yaml"}


DONE: list[tuple[str, tuple[tuple[str, str], ...], tuple[str, str, str]]] = [
    (
        "routines/consultation.yaml",
        (("adopted: null", 'adopted: {by: Nämnden, on: "2026-03-01"}'),),
        ("adopt", "routine", "consultation"),
    ),
    (
        "delegation.yaml",
        (("adopted: null", 'adopted: {by: Nämnden, on: "2026-03-01"}'),),
        ("adopt", "delegation", "delegation"),
    ),
    ("party.yaml", (), ("decide", "file", "party")),
    ("organisations.yaml", (("kommun.example/skola", "kommun.se/skola"),), ("fill_in", "origin", "skola")),
]


@pytest.mark.parametrize(("file", "changes", "done"), DONE, ids=[done[1] for _, _, done in DONE])
def test_what_has_been_done_is_no_longer_told(
    tmp_path: Path, file: str, changes: tuple[tuple[str, str], ...], done: tuple[str, str, str]
) -> None:
    mine = edited(tmp_path / "mine", file, *changes)
    assert told(left()) - told(left(mine)) >= {done}


def test_what_is_laid_over_the_shipped_definitions_here_would_load(tmp_path: Path) -> None:
    for file, changes, _ in DONE:
        edited(tmp_path / "mine", file, *changes)
    assert load(tmp_path / "mine").versions.keys() == shipped().versions.keys()


def test_a_contact_is_looked_at_again_after_a_year(tmp_path: Path) -> None:
    text = (SHIPPED / "contacts.yaml").read_text("utf-8")
    start = text.index("  police_emergency:")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "contacts.yaml").write_text(
        text[:start] + text[start:].replace("checked: null", 'checked: "2026-01-15"', 1), "utf-8"
    )
    assert not [one for one in left(mine) if one.name == "police_emergency"]
    (late,) = [one for one in left(mine, on=date(2027, 2, 1)) if one.name == "police_emergency"]
    assert (late.duty, late.code, late.day) == ("renew", "contact", "2026-01-15")


def test_a_version_that_ends_soon_is_told_of(tmp_path: Path) -> None:
    def valid(last: str) -> tuple[str, str]:
        return ('valid: {from: "2022-11-01"}', f'valid: {{from: "2022-11-01", to: "{last}"}}')

    mine = edited(tmp_path / "mine", "routines/consultation.yaml", valid("2027-01-31"))
    assert ("renew", "routine_ends", "consultation") in told(left(mine))
    shutil.rmtree(mine)
    later = edited(tmp_path / "mine", "routines/consultation.yaml", valid("2029-01-31"))
    assert ("renew", "routine_ends", "consultation") not in told(left(later))


def test_the_command_groups_it_and_its_exit_status_says_that_something_is_left() -> None:
    said = say("doctor", "--as-of", "2026-11-22")
    assert (said.exit, said.err) == (1, "")
    assert "Rutinen ”Akut fara för liv” (acute) är en mall som ingen har antagit." in said.out
    whole = say("doctor", "--as-of", "2026-11-22", "--json").json
    assert sum(whole["counts"].values()) == len(whole["left"]) == len(left())
    assert "{" not in said.out
    assert say("doctor", "--as-of", "soon", "--json").codes == {"not_date"}
