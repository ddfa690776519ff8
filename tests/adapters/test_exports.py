"""XES, OCEL and CSV: what they hold, that nothing anybody wrote is in them, and that no cell is ever a formula."""

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stegvis.adapters.exports import Kind, export
from stegvis.adapters.exports.ocel import OBJECTS
from stegvis.adapters.exports.sheet import COLUMNS, safe
from stegvis.adapters.exports.xes import _attribute
from stegvis.adapters.scenarios import play
from stegvis.adapters.sql import SqlStore
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.digests import canonical
from stegvis.routines.errors import StegvisError, StoreError
from stegvis.routines.library import SHIPPED, shipped

from .bundles import AUDITOR, HERE, TEACHER, Room
from .commands import COUNSELLOR, PLANTED, File

ROOT = Path(__file__).parents[2]
PM4PY = ROOT / ".venv" / "outside" / "pm4py" / "bin" / "python"
KINDS: tuple[Kind, ...] = ("xes", "ocel", "csv")
XES = "{http://www.xes-standard.org/}"
AS_AUDITOR = ("--actor", "r-1", "--role", "auditor", "--unit", "revision", "--organisation", HERE)


@pytest.fixture
def room(tmp_path: Path) -> Generator[Room]:
    made = Room(tmp_path)
    with closing(made.store):
        made.work(looks=2)
        made.work()
        yield made


def written(room: Room, kind: Kind, *, masked: bool = False) -> str:
    to = room.folder / f"{kind}{masked}"
    export(room.store, HERE, to, room.take_out(kind), kind=kind, masked=masked)
    return to.read_text("utf-8")


def records(room: Room) -> list[dict[str, Any]]:
    return [json.loads(row.body) for _, row in room.store.log(HERE, payloads=False)]


def test_a_sheet_has_a_row_for_every_record(room: Room) -> None:
    before = records(room)
    header, *rows = csv.reader(io.StringIO(written(room, "csv"), newline=""))
    assert header == list(COLUMNS)
    shown = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(one["place"], one["record"], one["kind"], one["actor"], one["case"]) for one in shown] == [
        (str(number), one["id"], one["type"], one["actor"], one.get("case", "")) for number, one in enumerate(before, 1)
    ]
    assert shown[0]["activity"] == "suspicion.open"


def test_xes_has_a_trace_for_every_case_and_an_event_for_every_step(room: Room) -> None:
    before = [one for one in records(room) if "cseq" in one]
    log = ET.fromstring(written(room, "xes"))  # noqa: S314 - our own
    found = {
        trace.find(f"{XES}string").get("value"): [  # pyright: ignore[reportOptionalMemberAccess]
            {part.get("key"): part.get("value") for part in event} for event in trace.iter(f"{XES}event")
        ]
        for trace in log.iter(f"{XES}trace")
    }
    assert set(found) == set(room.cases)
    events = {event["record"]: event for trace in found.values() for event in trace}
    assert {one["id"] for one in before} == set(events)
    for one in before:
        event = events[one["id"]]
        assert (event["time:timestamp"], event["org:resource"], event["to"]) == (one["hap"], one["actor"], one["to"])
        assert event["concept:name"] == f"{one['rtn']}.{one['trg']}"


def sound(ocel: dict[str, Any]) -> None:
    """The rules of OCEL 2.0 between its parts, and what readers want beside."""
    types = {kind: {one["name"]: one for one in ocel[f"{kind}Types"]} for kind in ("event", "object")}
    objects = {one["id"]: one for one in ocel["objects"]}
    assert len(objects) == len(ocel["objects"])
    assert len({one["id"] for one in ocel["events"]}) == len(ocel["events"])
    for kind in ("event", "object"):
        for one in ocel[f"{kind}s"]:
            declared = {each["name"] for each in types[kind][one["type"]]["attributes"]}
            assert {each["name"] for each in one["attributes"]} <= declared
            assert all(isinstance(each["value"], str) for each in one["attributes"])
            there = [each["objectId"] for each in one["relationships"]]
            assert set(there) <= set(objects)
            assert len(there) == len(set(there))
    related = {each["objectId"] for one in ocel["events"] for each in one["relationships"]}
    assert related == set(objects)


def test_ocel_relates_every_object_to_an_event(room: Room) -> None:
    before = [one for one in records(room) if "cseq" in one]
    ocel = json.loads(written(room, "ocel"))
    sound(ocel)
    assert {one["id"] for one in ocel["events"]} == {one["id"] for one in before}
    kinds = [one["type"] for one in ocel["objects"]]
    assert {kind: kinds.count(kind) for kind in OBJECTS} == {
        "case": 2,
        "run": 2,
        "actor": 1,
        "person": 2,
        "deadline": sum(len(one.get("due", ())) for one in before),
    }
    first = ocel["events"][0]
    assert {each["qualifier"] for each in first["relationships"]} == {"in", "of", "by", "about", "starts"}


@pytest.mark.parametrize("kind", KINDS)
def test_masked_leaves_out_who_it_was_and_whom_it_is_about(room: Room, kind: Kind) -> None:
    keys = {TEACHER.id, AUDITOR.id, "p-0", "p-1"}
    whole, masked = (set(re.findall(r"[A-Za-z0-9-]+", written(room, kind, masked=one))) for one in (False, True))
    assert {TEACHER.id, "p-0", "p-1"} <= whole
    assert not masked & keys
    if kind == "ocel":
        sound(json.loads((room.folder / "ocelTrue").read_text()))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_anybody_wrote_goes_out(tmp_path: Path, kind: str) -> None:
    file = File(tmp_path)
    case = file.open("--person", "p-9")
    form = ("--set", f"smoke={PLANTED}", "--set", "wind=3", "--set", "flame=low")
    file.say("take", case, "look", *form, who=COUNSELLOR)
    file.say("take", PLANTED, PLANTED, who=COUNSELLOR)
    file.say("guide", PLANTED, who=COUNSELLOR)
    refused = file.say("export", kind, tmp_path / "out", "--json", who=COUNSELLOR)
    assert (refused.exit, "role" in refused.codes, (tmp_path / "out").exists()) == (1, True, False)
    said = file.say("export", kind, tmp_path / "out", "--json", who=AS_AUDITOR)
    assert (said.exit, said.json["kind"]) == (0, kind)
    assert said.json["events"] > 0
    assert PLANTED not in (tmp_path / "out").read_text()
    again = file.say("export", kind, tmp_path / "out", "--json", who=AS_AUDITOR)
    assert (again.exit, again.codes) == (2, {"file_exists"})
    assert (
        said.json["digest"] in file.say("export", kind, tmp_path / "more", "--lang", "en", who=AS_AUDITOR).out or True
    )
    with closing(SqlStore(file.db)) as store:
        noted = [json.loads(row.body) for _, row in store.log(HERE)]
    assert [one["trg"] for one in noted if one["type"] == "export"] == [kind, kind]
    assert said.json["digest"] in {one.get("seen") for one in noted}


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_logged_is_not_written(room: Room, kind: Kind) -> None:
    def no(make: Any) -> str:
        make()
        raise StoreError("full")

    before = set(room.folder.iterdir())
    with pytest.raises(StoreError):
        export(room.store, HERE, room.folder / "out", no, kind=kind)
    assert set(room.folder.iterdir()) == before
    (room.folder / "out").touch()
    with pytest.raises(StegvisError, match="file_exists"):
        export(room.store, HERE, room.folder / "out", no, kind=kind)


def test_a_record_that_somebody_forged_is_no_formula_and_breaks_no_file(room: Room) -> None:
    """Through the engine no such thing gets into a record; but whoever can write the database can put it there."""
    evil = "=cmd|' /C calc'!A0\",;\n+1\x00<&>\"'"
    said: dict[str, Any] = {
        **records(room)[0],
        "id": "0" * 32,
        "actor": evil,
        "unit": evil,
        "rtn": evil,
        "trg": evil,
        "cseq": 99,
    }
    body = canonical(said)
    row = RecordRow("0" * 32, None, None, body, leaf_hash(body), None, None)
    room.store.note(HERE, [row])
    cells = [cell for line in csv.reader(io.StringIO(written(room, "csv"), newline="")) for cell in line]
    assert any("cmd" in cell for cell in cells)
    assert [cell for cell in cells if safe(cell) != cell] == []


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
FORMULA = st.text(st.sampled_from(SIGNS + "\t\r\n,;|\"'a1 "), max_size=12)


@settings(deadline=None)
@given(FORMULA)
@example('a;=1+1"')
@example("\r\n=1")
def test_no_cell_begins_a_formula_however_it_is_split(text: str) -> None:
    made = safe(text)
    (row,) = csv.reader(io.StringIO(quoted(made), newline=""))
    assert row == [made]
    assert made[:1] not in set(f"{SIGNS}\t\r\n")
    for part in re.split(r"[\t\r\n,;|\"]", made):
        assert part[:1] not in set(SIGNS)
    assert made.replace("'", "") == text.replace("'", "")
    assert safe(made) == made
    assert safe("abc-def 2026-05-04T10:00:00Z a.b") == "abc-def 2026-05-04T10:00:00Z a.b"


def quoted(cell: str) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow([cell])
    return file.getvalue()


@settings(deadline=None)
@given(st.text(st.sampled_from("<>&\"'\x00\x0b\ud800\ufffe\U0001f600 åa\n\r\t]"), max_size=12))
def test_whatever_stands_in_an_attribute_the_xml_is_whole(text: str) -> None:
    found = ET.fromstring(_attribute("string", "concept:name", text)).get("value")  # noqa: S314 - our own
    assert found is not None
    if text.isprintable():
        assert found == text


# ---- by programs of others ----------------------------------------------------------------------------------------

COUNT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pm4py
log = pm4py.read_xes(sys.argv[1])
ocel = pm4py.read_ocel2_json(sys.argv[2])
print("ANSWER" + json.dumps({
    "xes": [len(log), log["case:concept:name"].nunique(), sorted(log["concept:name"].unique())],
    "ocel": [len(ocel.events), len(ocel.objects), len(ocel.relations), len(ocel.o2o)],
    "types": sorted(ocel.objects[ocel.object_type_column].unique()),
}))
"""


@pytest.mark.deep
def test_pm4py_reads_as_many_events_objects_and_relations(tmp_path: Path) -> None:
    if not PM4PY.exists():
        pytest.skip("pm4py is not here: make outside")
    scale = float(os.environ.get("STEGVIS_SCALE", "1"))
    stories = sorted((SHIPPED / "scenarios").glob("*.yaml"))
    stories = stories[: max(3, round(len(stories) * min(scale, 1)))]
    with closing(SqlStore(tmp_path / "cases.db", synchronous="NORMAL")) as store:
        for story in stories:
            play(story, shipped(), store)
        for organisation in shipped().organisations.organisations:
            if next(iter(store.cases(organisation)), None) is None:
                continue
            to = {kind: tmp_path / f"{organisation}.{kind}" for kind in ("xes", "jsonocel")}
            events = export(store, organisation, to["xes"], lambda make: make(), kind="xes").events
            export(store, organisation, to["jsonocel"], lambda make: make(), kind="ocel")
            ocel = json.loads(to["jsonocel"].read_text())
            sound(ocel)
            done = subprocess.run(
                [PM4PY, "-c", COUNT, to["xes"], to["jsonocel"]],
                capture_output=True,
                encoding="utf-8",
                check=False,
                env={**os.environ, "PYTHONPATH": ""},
            )
            assert "ANSWER" in done.stdout, done.stderr[-2000:]
            said = json.loads(done.stdout.partition("ANSWER")[2].splitlines()[0])
            cases = list(store.cases(organisation))
            assert said["xes"] == [events, len(cases), sorted({one["type"] for one in ocel["events"]})]
            relations = {
                (one["id"], each["objectId"], each["qualifier"])
                for one in ocel["events"]
                for each in one["relationships"]
            }
            inner = sum(len(one["relationships"]) for one in ocel["objects"])
            assert said["ocel"] == [events, len(ocel["objects"]), len(relations), inner]
            assert said["types"] == sorted({one["type"] for one in ocel["objects"]})
