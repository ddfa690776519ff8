"""The command that shows it all: plays stories on a real engine, proves the log, and says what to try next."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import Parameter

from stegvis.engine.engine import Engine
from stegvis.engine.replay import Replay
from stegvis.engine.values import Actor
from stegvis.engine.verify import Fault
from stegvis.routines.errors import BadInput
from stegvis.routines.library import Library
from stegvis.routines.reader import read_file
from stegvis.routines.scenario import Scenario
from stegvis.routines.scenario_checks import read_scenario

from .. import scenarios
from ..scenario_coverage import KINDS, Coverage, Hit, everything
from ..scenarios import Place, Played
from .desk import Desk, desk
from .errors import finding_json, finding_texts, place_of
from .nextsteps import suggestions
from .options import GOOD, NO, READ, Kept, Read
from .proof import replay_json, replay_lines, verify_json, verify_lines
from .screen import Screen, shipped_words

File = Annotated[Path | None, Parameter(name="--db")]
"""Not from STEGVIS_DB: a story does not belong among real cases."""


def play(*files: Path, db: File = None, quiet: bool = False, coverage: bool = False, read: Read = READ) -> int:
    """Play stories on a file of their own, prove its log, and say what to try next."""
    if db is not None and db.exists():
        raise BadInput("database_exists")
    where = db if db is not None else Path(tempfile.mkdtemp(prefix="stegvis-")) / "cases.db"
    kept = Kept(lang=read.lang, json=read.json, definitions=read.definitions, db=where)
    with desk(kept, create=True) as at:
        hit = Coverage()
        told = [_played(at, file, hit, quiet=quiet) for file in files or (scenarios.WHOLE_WAY,)]
        faults, replays = _proved(at, told)
        failed = any(played.failures for _, played in told)
        sound = not any(faults.values()) and all(one.sound for one in replays)
        tries = suggestions(at, kept, told)
        at.screen.document(
            {
                "stories": [_json(scenario, played) for scenario, played in told],
                "verify": verify_json(faults),
                "replay": [replay_json(one) for one in replays],
                "file": str(where.absolute()),
                "next": tries,
                **({"coverage": _coverage_json(hit, at.library)} if coverage else {}),
            }
        )
        if coverage:
            at.screen.lines(_coverage_lines(hit, at))
        _ends(at.screen, told, tries, where, short=quiet)
        return GOOD if sound and not failed else NO


def _played(at: Desk, file: Path, hit: Coverage, *, quiet: bool) -> tuple[Scenario, Played]:
    document = read_file(file, file.name)
    scenario = read_scenario(document, at.library)

    def show(line: str) -> None:
        at.screen.line(_spoken(line))

    heard = None if quiet or at.screen.as_json else show
    played = scenarios.play(document, at.library, at.store, lang=at.screen.lang, show=heard, coverage=hit)
    for one in played.failures:
        says, do = finding_texts(one, shipped_words())
        at.screen.line(f"{place_of(one)} {one.rule}")
        at.screen.line(f"  {says(at.screen.lang)}")
        at.screen.line(f"  {at.screen.word('do', do=do)}")
    return scenario, played


def _spoken(line: str) -> str:
    """A line without its drawn rules, which a screen reader would spell out one by one."""
    return re.sub("[━│]+ ?", "", line).rstrip()


def _proved(at: Desk, told: Sequence[tuple[Scenario, Played]]) -> tuple[Mapping[str, list[Fault]], list[Replay]]:
    """Verify every log and judge every case anew, and say so."""
    engine = Engine(at.library, at.store)
    at.screen.line()
    at.screen.say("proving")
    faults = {name: engine.verify(name) for name in at.organisations(None)}
    at.screen.lines(verify_lines(faults, at))
    replays: list[Replay] = []
    for _, played in told:
        for name, place in played.cases.items():
            found = engine.replay(place.id, actor=_auditor(place))
            replays.append(found)
            at.screen.say("play_case", name=name, case=place.id)
            at.screen.lines(f"  {line}" for line in list(replay_lines(found, at.screen))[len(found.steps) :])
    return faults, replays


def _auditor(place: Place) -> Actor:
    return Actor("stegvis-play", roles={"auditor"}, unit="stegvis-play", organisation=place.organisation)


def _json(scenario: Scenario, played: Played) -> dict[str, object]:
    return {
        "title": scenario.title,
        "steps": played.steps,
        "refusals": played.refusals,
        "failures": [finding_json(one) for one in played.failures],
        "cases": {name: place._asdict() for name, place in played.cases.items()},
    }


def _coverage_json(hit: Coverage, library: Library) -> dict[str, object]:
    """By routine and kind: how many of how many, and which are missing."""
    whole, missed = list(everything(library)), hit.missed(library)
    routines = dict.fromkeys(one.routine for one in whole)
    return {name: {kind: _counted(whole, missed, name, kind) for kind in KINDS} for name in routines}


def _counted(whole: Sequence[Hit], missed: Sequence[Hit], routine: str, kind: str) -> dict[str, object]:
    of = sum(1 for one in whole if (one.routine, one.kind) == (routine, kind))
    left = [f"{one.where}.{one.name}".lstrip(".") for one in missed if (one.routine, one.kind) == (routine, kind)]
    return {"hit": of - len(left), "of": of, "missed": left}


def _coverage_lines(hit: Coverage, at: Desk) -> Iterator[str]:
    yield ""
    yield at.screen.word("coverage")
    for routine, kinds in cast("dict[str, dict[str, dict[str, Any]]]", _coverage_json(hit, at.library)).items():
        title = at.library.versions[routine][0].routine.title
        yield f"{title(at.screen.lang)} [{routine}]"
        for kind, one in kinds.items():
            if one["of"]:
                yield "  " + at.screen.word(f"covered.{kind}", hit=one["hit"], of=one["of"])
            yield from (f"    - {name}" for name in one["missed"])


def _ends(
    screen: Screen,
    told: Sequence[tuple[Scenario, Played]],
    tries: Sequence[Mapping[str, str]],
    where: Path,
    *,
    short: bool,
) -> None:
    screen.line()
    for scenario, played in told:
        word = "play_failed" if played.failures else "play_held"
        screen.say(word, title=scenario.title, steps=played.steps, refusals=played.refusals)
    screen.say("play_file")
    screen.line(f"  {where.absolute()}", whole=True)
    if short or not tries:
        return
    screen.line()
    screen.say("play_next")
    for one in tries:
        screen.line()
        screen.say(f"try.{one['for']}")
        screen.line(one["command"], whole=True)
