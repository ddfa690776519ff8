"""Hand-offs between stores, over every transport: received once, answered, never lost, in whatever order they come."""

from base64 import b64encode
from pathlib import Path

import orjson

from stegvis.adapters.transport import InProcess

from ..engine.toys import ADVISOR, CENTRE, INTAKE, KURATOR, LEADER, SCHOOL, SOCIAL, WORKER
from .towns import ALL, Dropped, Town, told


def test_a_report_reaches_another_store_in_the_process_and_its_receipt_comes_back() -> None:
    town = Town()
    lantern = told(town)
    over = InProcess({name: world.engine for name, world in town.worlds.items()})
    assert town.deliver(SCHOOL, over) == 1
    assert list(town[SCHOOL].store.cases(SOCIAL)) == []
    watch = town[SOCIAL].run(town.case(SOCIAL), INTAKE)
    assert watch.facts["seen.account"] == "Vi såg lyktan."
    assert town.deliver(SOCIAL, over) == 1
    assert town[SCHOOL].run(lantern, KURATOR).facts["status.tell"] == "received"
    assert town.deliver(SCHOOL, over) == town.deliver(SOCIAL, over) == 0


def test_a_report_reaches_another_store_through_a_folder_and_its_receipt_comes_back(tmp_path: Path) -> None:
    town = Dropped(tmp_path)
    lantern = told(town)
    assert town.send(SCHOOL) == 1
    assert town.send(SCHOOL) == 0
    assert town.collect(SOCIAL) == (1, {}, {})
    assert town.collect(SOCIAL) == (0, {}, {})
    assert len(list(town.inbox(SOCIAL).glob("taken/*"))) == 1
    watch = town.case(SOCIAL)
    assert town[SOCIAL].run(watch, INTAKE).facts["seen.account"] == "Vi såg lyktan."
    town.post()
    assert town[SCHOOL].run(lantern, KURATOR).facts["status.tell"] == "received"
    for name, case in ((SCHOOL, lantern), (SOCIAL, watch)):
        assert town[name].engine.verify(name) == []
        steps = town[name].engine.replay(case, actor=KURATOR if name == SCHOOL else INTAKE).steps
        # Neither has the other's log: a receipt is what the other said, and no more.
        assert [one.type for one in steps if one.verdict != "reproduced"] == ["handoff.answered"] * (name == SCHOOL)
        assert {one.verdict for one in steps} <= {"reproduced", "attested"}


def test_a_question_and_its_answer_and_a_referral_go_both_ways(tmp_path: Path) -> None:
    town = Dropped(tmp_path)
    lantern = told(town)
    town.post()
    school, social, centre = (town[name] for name in ALL)
    watch = town.case(SOCIAL)
    school.take(lantern, "ask", KURATOR)
    town.post()
    assert social.run(watch, INTAKE).facts["handed.asked"] is True
    social.take(watch, "hand_out", LEADER, form={"officer": INTAKE.id})
    social.take(watch, "answer", INTAKE, form={"may": True})
    ferry = social.ferry()
    social.loaded(ferry)
    social.take(ferry, "send", WORKER)
    town.post()
    assert school.run(lantern, KURATOR).facts["handed.said"] is True
    centre.take(town.case(CENTRE), "accept", ADVISOR)
    town.post()
    assert social.run(ferry, WORKER).facts["status.send"] == "accepted"


# ---- what lies in the folder ----------------------------------------------------------------------------------------


PLANTED = ("Alma Ekdahl-Zetterqvist", "Storgatan 17 B", "slagen av sin bror")


def shapes(word: str) -> set[bytes]:
    """A word in the shapes in which it could lie in a file."""
    plain = {word.encode(), word.encode("utf-16-le"), word.encode("unicode_escape"), orjson.dumps(word).strip(b'"')}
    return plain | {one.hex().encode() for one in plain} | {b64encode(one).rstrip(b"=")[:-1] for one in plain}


def everything_in(root: Path) -> bytes:
    """The content of every file, and their names."""
    parts = [path.read_bytes() if path.is_file() else b"" for path in root.rglob("*")]
    return b"\n".join([*parts, *(str(path.relative_to(root)).encode() for path in root.rglob("*"))])


def test_nothing_that_a_person_wrote_can_be_read_in_the_folder(tmp_path: Path) -> None:
    town = Dropped(tmp_path)
    lantern = told(town, account=" ".join(PLANTED))
    ids = [row.id for row in town[SCHOOL].store.outbox(SCHOOL)]
    town.send(SCHOOL)
    town.collect(SOCIAL)
    watch = town.case(SOCIAL)
    town.send(SOCIAL)
    assert town[SOCIAL].run(watch, INTAKE).facts["seen.account"] == " ".join(PLANTED)
    found = everything_in(town.root)
    assert found.count(b"stegvis hand-off") == 2
    for word in (*PLANTED, *ids, lantern, watch, "seen.account", "report_duty"):
        for shape in shapes(word):
            assert shape not in found, word
