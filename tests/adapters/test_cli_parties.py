"""Extracts on the command line, on the shipped routines: what waits, the decisions, and what goes out."""

from contextlib import closing
from pathlib import Path

import pytest

from stegvis.adapters.scenarios import play
from stegvis.adapters.sql import SqlStore
from stegvis.engine.party import insight
from stegvis.routines.library import SHIPPED, shipped

from .commands import Said, say

WORKER = ("--actor", "s-6", "--role", "social_worker", "--unit", "mottagning", "--organisation", "socialtjanst")
POWER = ("--delegation", "withhold_from_party", "--qualified")
FATHER = "p-509"


class Played:
    """A file in which a shipped story has been played."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "cases.db"
        with closing(SqlStore(self.db)) as store:
            assert not play(SHIPPED / "scenarios" / "answer-was-wrong.yaml", shipped(), store).failures
            (self.case,) = store.cases("socialtjanst")

    def say(self, *arguments: str, power: bool = True) -> Said:
        return say(*arguments, *WORKER, *(POWER if power else ()), "--db", self.db)

    def omit(self, fact: str, run: str, *more: str, power: bool = True) -> Said:
        """Decide to withhold an answer."""
        says = {"who": FATHER, "fact": fact, "run": run, "out": "withheld", "law": "case_material_secrecy"}
        pairs = [f"{name}={value}" for name, value in {**says, "reason": "Fara för flickan"}.items()]
        given = [part for pair in pairs for part in ("--set", pair)]
        return self.say("change", self.case, "omit", *given, *more, power=power)


@pytest.fixture
def file(tmp_path: Path) -> Played:
    return Played(tmp_path)


def test_what_waits_is_told_to_staff_and_nothing_of_it_goes_out(file: Played) -> None:
    waits = file.say("extract", file.case, "--party", FATHER, "--undecided", "--json")
    assert waits.exit == 1
    facts = {one["fact"]: one["why"] for one in waits.json["waiting"]}
    assert facts["receipt.account"] == "closed_part"
    refused = file.say("extract", file.case, "--party", FATHER, "--json")
    assert (refused.exit, "undecided" in refused.codes) == (1, True)
    made = file.say("extract", file.case, "--party", FATHER, "--partial")
    assert made.exit == 0
    assert "pappan slår" not in made.out
    assert "14.20" not in made.out
    assert "utelämnats" not in made.out


def test_when_each_has_been_decided_the_extract_is_made_and_says_that_something_is_left_out(file: Played) -> None:
    waits = file.say("extract", file.case, "--party", FATHER, "--undecided", "--json").json["waiting"]
    for one in waits:
        said = file.omit(one["fact"], one["run"])
        assert (said.exit, said.err) == (0, ""), one
    made = file.say("extract", file.case, "--party", FATHER, "--lang", "en")
    assert (made.exit, made.err) == (0, "")
    assert "Facts have been left out of the extract." in made.out
    assert file.say("extract", file.case, "--party", FATHER, "--undecided").exit == 0
    assert say("verify", "--db", file.db).exit == 0
    assert file.say("replay", file.case).exit == 0


def test_what_waits_comes_with_how_it_is_decided_and_on_which_grounds(file: Played) -> None:
    said = file.say("extract", file.case, "--party", FATHER, "--undecided", "--lang", "en").out
    assert f"stegvis change {file.case} omit --set who={FATHER} --set run=RUN" in said
    order = insight(shipped(), "socialtjanst")
    assert order is not None
    for law in (*order.withhold, *order.disclose):
        assert f"    {law}: {shipped().law.law(law).title('en')}" in said
    waits = file.say("extract", file.case, "--party", FATHER, "--undecided", "--json").json["waiting"]
    for one in waits:
        out = ("--set", "out=disclosed", "--set", f"law={order.disclose[0]}")
        pairs = ("--set", f"who={FATHER}", "--set", f"run={one['run']}", "--set", f"fact={one['fact']}")
        assert file.say("change", file.case, "omit", *pairs, *out, "--set", "reason=Hon vill det").exit == 0
    assert "omit" not in file.say("extract", file.case, "--party", FATHER, "--undecided").out


def test_who_lacks_the_power_is_told_who_decides(file: Played) -> None:
    waits = file.say("extract", file.case, "--party", FATHER, "--undecided", "--json").json["waiting"]
    said = file.omit("receipt.account", waits[0]["run"], "--json", power=False)
    assert (said.exit, said.codes) == (1, {"refused", "delegation"})
    assert "3.6" in said.out
