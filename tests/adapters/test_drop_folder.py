"""The drop folder against everything that happens to folders: copies, damage, strangers, full disks and kills."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.sql import SqlStore
from stegvis.adapters.transport import Card, DropFolder, Identity
from stegvis.adapters.transport.envelope import MAGIC, seal
from stegvis.adapters.upkeep import Limits, health
from stegvis.engine.engine import Engine
from stegvis.engine.messages import message_bytes, parcel_of
from stegvis.engine.ports import Parcel
from stegvis.routines.errors import BadInput, SealError, StegvisError, TransportError

from ..engine.toys import ADVISOR, CENTRE, INTAKE, KURATOR, SCHOOL, SOCIAL, WORKER
from ..often import often
from .forking import ended, in_child
from .towns import Dropped, told

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def town(tmp_path: Path) -> Dropped:
    return Dropped(tmp_path)


def sent(town: Dropped) -> Path:
    """The file of a report that lies in the inbox of the social services."""
    told(town)
    assert town.send(SCHOOL) == 1
    (path,) = town.lying(SOCIAL)
    return path


def untouched(town: Dropped) -> None:
    """Whatever else lies in the inbox, the report is received from it, once."""
    cases = list(town[SOCIAL].store.cases(SOCIAL))
    assert len(cases) == 1
    assert town[SOCIAL].engine.verify(SOCIAL) == []


# ---- the file


def test_a_file_has_its_name_only_when_it_is_whole_and_the_name_tells_nothing(town: Dropped) -> None:
    told(town)
    (row,) = town[SCHOOL].store.outbox(SCHOOL)
    seen: list[set[str]] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append({path.name for path in town.inbox(SOCIAL).iterdir()})
        return replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", watched)
        town.send(SCHOOL)
    (before,) = seen
    assert all(name.startswith(".") for name in before)
    (path,) = town.inbox(SOCIAL).iterdir()
    assert row.id not in path.name
    assert path.stat().st_mode & 0o007 == 0


def test_its_length_tells_the_length_of_what_was_written_to_the_next_kib_only(tmp_path: Path) -> None:
    lengths: set[int] = set()
    for number, account in enumerate(("x", "x" * 300)):
        (tmp_path / str(number)).mkdir()
        town = Dropped(tmp_path / str(number))
        told(town, account=account)
        town.send(SCHOOL)
        lengths.add(town.lying(SOCIAL)[0].stat().st_size)
    assert len(lengths) == 1


def test_sent_again_it_is_the_same_file(town: Dropped) -> None:
    told(town)
    (message,) = town.waiting(SCHOOL)
    folder = town.folder(SCHOOL)
    folder.send(parcel_of(message))
    folder.send(parcel_of(message))
    assert len(town.lying(SOCIAL)) == 1
    assert town.collect(SOCIAL).taken == 1


def test_an_old_file_played_again_changes_nothing(town: Dropped) -> None:
    path = sent(town)
    whole = path.read_bytes()
    assert town.collect(SOCIAL).taken == 1
    before = list(town[SOCIAL].store.log(SOCIAL))
    for _ in range(2):
        town.clock.turn(days=400)
        path.write_bytes(whole)
        assert town.collect(SOCIAL) == (1, {}, {})
    assert list(town[SOCIAL].store.log(SOCIAL)) == before
    assert [one.name for one in town.inbox(SOCIAL).glob("taken/*")] == [path.name]


DAMAGED = {"not_a_handoff", "misaddressed", "forged", "unknown_sender"}


# ---- forged, swapped, misaddressed, damaged


@often(60)
@given(data=st.data())
def test_no_changed_byte_and_no_cut_goes_through(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Dropped(Path(folder))
        path = sent(town)
        whole = path.read_bytes()
        changed = bytearray(whole)
        if data.draw(st.booleans(), "cut"):
            del changed[data.draw(st.integers(0, len(whole) - 1)) :]
        else:
            changed[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(changed)
        done = town.collect(SOCIAL)
        assert done.taken == 0
        assert list(town[SOCIAL].store.cases(SOCIAL)) == []
        # Never deleted: it lies where it lay, or among the refused.
        (kept,) = (one for one in town.inbox(SOCIAL).rglob("*.handoff"))
        assert kept.read_bytes() == changed
        why = {*done.waiting.values(), *done.refused.values()}
        assert why <= {"not_a_handoff"} if len(changed) < len(whole) else why <= DAMAGED


def test_a_file_under_another_name_or_in_another_inbox_is_refused(town: Dropped) -> None:
    path = sent(town)
    other = path.with_name("0" * 32 + ".handoff")
    other.write_bytes(path.read_bytes())
    (town.inbox(CENTRE) / path.name).write_bytes(path.read_bytes())
    assert town.collect(CENTRE).refused == {path.stem: "misaddressed"}
    assert town.collect(SOCIAL) == (1, {}, {"0" * 32: "misaddressed"})
    assert town.refused(SOCIAL) == town.refused(CENTRE) == ["misaddressed"]


def test_two_files_swapped_are_both_refused(town: Dropped) -> None:
    sent(town)
    town[SCHOOL].take(town.case(SCHOOL), "ask", KURATOR)
    town.send(SCHOOL)
    one, two = town.lying(SOCIAL)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert town.collect(SOCIAL) == (0, {}, {one.stem: "misaddressed", two.stem: "misaddressed"})


def forged(town: Dropped, by: Identity, **changed: Any) -> Path:
    """The school's report as another would send it: what it says can be changed, whose key signs it too."""
    told(town)
    (message,) = town.waiting(SCHOOL)
    message = message._replace(**changed)
    parcel = parcel_of(message)
    path = town.inbox(SOCIAL) / f"{parcel.name}.handoff"
    path.write_bytes(seal(parcel, by, town.keys[SOCIAL].card))
    return path


def test_what_another_organisation_signs_is_not_the_schools(town: Dropped) -> None:
    path = forged(town, town.keys[CENTRE])
    # The card that signed belongs to the centre, and the header says the school.
    assert town.collect(SOCIAL) == (0, {path.stem: "unknown_sender"}, {})


def test_a_key_that_nobody_knows_waits_for_its_card_and_is_never_believed(town: Dropped, tmp_path: Path) -> None:
    stranger = Identity.create(tmp_path / "stranger.keys", SCHOOL)
    path = forged(town, stranger)
    assert town.collect(SOCIAL) == (0, {path.stem: "unknown_sender"}, {})


def test_a_header_that_names_the_schools_card_over_anothers_signature_is_forged(town: Dropped) -> None:
    path = forged(town, town.keys[CENTRE])
    ours, theirs = (town.keys[name].card.id.encode() for name in (CENTRE, SCHOOL))
    path.write_bytes(path.read_bytes().replace(ours, theirs))
    assert town.collect(SOCIAL).refused == {path.stem: "forged"}


def test_the_envelope_says_who_sent_it_and_the_message_cannot_say_otherwise(town: Dropped) -> None:
    told(town)
    (message,) = town.waiting(SCHOOL)
    said = message._replace(id="0" * 32)
    for parcel in (
        Parcel(parcel_of(message).name, SCHOOL, SOCIAL, message_bytes(said)),
        Parcel("1" * 32, CENTRE, SOCIAL, message_bytes(message)),
    ):
        by = town.keys[parcel.sender]
        (town.inbox(SOCIAL) / f"{parcel.name}.handoff").write_bytes(seal(parcel, by, town.keys[SOCIAL].card))
    assert set(town.collect(SOCIAL).refused.values()) == {"misaddressed"}
    assert list(town[SOCIAL].store.cases(SOCIAL)) == []


def test_a_hand_off_of_the_same_id_with_other_content_is_refused(town: Dropped) -> None:
    path = sent(town)
    town.collect(SOCIAL)
    before = list(town[SOCIAL].store.log(SOCIAL))
    (row,) = [town[SCHOOL].store.sent(SCHOOL, one["id"]) for one in handed(town)]
    assert row is not None
    message = town[SCHOOL].engine.files.message(SCHOOL, row)
    other = parcel_of(message._replace(facts={"seen.account": "Något helt annat."}))
    path.write_bytes(seal(other, town.keys[SCHOOL], town.keys[SOCIAL].card))
    assert town.collect(SOCIAL) == (0, {}, {path.stem: "key_reused"})
    assert list(town[SOCIAL].store.log(SOCIAL)) == before


def handed(town: Dropped) -> list[dict[str, str]]:
    rows = town[SCHOOL].store.case_records(SCHOOL, town.case(SCHOOL))
    return [head["hof"] for head in map(orjson.loads, (row.body for row in rows)) if "hof" in head]


@often(60)
@given(
    body=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ).map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS) if _fits(value) else b"{}"),
    field=st.sampled_from(["id", "kind", "sender", "at", "about", "status", "facts", "routine", "basis", "new"]),
)
def test_whatever_a_partner_says_crashes_nothing_and_stops_nobody(body: bytes, field: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Dropped(Path(folder))
        sent(town)
        (message,) = [town[SCHOOL].engine.files.message(SCHOOL, row) for row in rows_sent(town)]
        try:
            value: object = orjson.loads(body)
            odd = orjson.dumps({**orjson.loads(message_bytes(message)), "id": "0" * 32, field: value})
        except orjson.JSONDecodeError:
            odd = body
        name = parcel_of(message._replace(id="0" * 32)).name
        path = town.inbox(SOCIAL) / f"{name}.handoff"
        path.write_bytes(seal(Parcel(name, SCHOOL, SOCIAL, odd), town.keys[SCHOOL], town.keys[SOCIAL].card))
        done = town.collect(SOCIAL)
        assert done.taken >= 1
        assert done.taken + len(done.waiting) + len(done.refused) == 2
        assert town[SOCIAL].engine.verify(SOCIAL) == []
        for _, row in town[SOCIAL].store.log(SOCIAL):
            assert row.body.isascii()


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return False
    return True


def rows_sent(town: Dropped) -> list[Any]:
    found = [town[SCHOOL].store.sent(SCHOOL, one["id"]) for one in handed(town) if one["dir"] == "sent"]
    return [row for row in found if row is not None]


def test_junk_is_put_aside_and_what_is_not_ours_is_left_alone(town: Dropped) -> None:
    sent(town)
    inbox = town.inbox(SOCIAL)
    (inbox / "Anna Andersson.handoff").write_bytes(b"hej")
    (inbox / f"{'1' * 32}.handoff").mkdir()
    (inbox / f"{'2' * 32}.handoff").symlink_to("/etc/passwd")
    os.mkfifo(inbox / f"{'3' * 32}.handoff")
    (inbox / f"{'4' * 32}.handoff").write_bytes(b"")
    (inbox / f"{'5' * 32}.handoff").write_bytes(MAGIC + b"\xff" * 9 * 1024 * 1024)
    mine = {"läs mig.txt", ".5f.handoff.part", "brev.pdf"}
    for name in mine:
        (inbox / name).write_bytes(b"x")
    done = town.collect(SOCIAL)
    assert done.taken == 1
    assert set(done.refused.values()) == {"not_a_handoff"}
    assert len(done.refused) == 6
    assert done.waiting == {}
    assert {path.name for path in inbox.iterdir()} == {*mine, "taken", "refused"}
    names = [path.name for path in (inbox / "refused").iterdir()]
    assert len(names) == 6
    assert not [name for name in names if "Anna" in name]
    untouched(town)


def test_a_link_is_not_followed_even_to_a_whole_hand_off(town: Dropped) -> None:
    path = sent(town)
    path.symlink_to(path.rename(town.root / "elsewhere"))
    assert town.collect(SOCIAL) == (0, {}, {path.stem: "not_a_handoff"})


def test_two_refused_under_one_name_are_both_kept(town: Dropped) -> None:
    path = sent(town)
    for content in (b"one", b"two"):
        path.write_bytes(content)
        assert town.collect(SOCIAL).refused == {path.stem: "not_a_handoff"}
    assert {one.read_bytes() for one in town.inbox(SOCIAL).glob("refused/*")} == {b"one", b"two"}


def test_what_may_still_be_copied_here_is_not_refused(town: Dropped) -> None:
    path = sent(town)
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    slow = town.folder(SOCIAL, settle=60)
    engine = town[SOCIAL].engine
    assert engine.collect(SOCIAL, inbox=slow) == (0, {path.stem: "not_a_handoff"}, {})
    path.write_bytes(whole)
    assert engine.collect(SOCIAL, inbox=slow).taken == 1
    path.write_bytes(whole[:700])
    before = time.time() - 61
    os.utime(path, (before, before))
    assert engine.collect(SOCIAL, inbox=slow).refused == {path.stem: "not_a_handoff"}


# ---- keys and cards


def test_while_keys_change_both_open_and_the_newest_signs(town: Dropped, tmp_path: Path) -> None:
    path = sent(town)
    new = Identity.create(tmp_path / "new.keys", SOCIAL)
    cards = [one.card for one in town.keys.values()]
    engine = town[SOCIAL].engine
    only_new = DropFolder(town.root, [new], [*cards, new.card], settle=0)
    assert engine.collect(SOCIAL, inbox=only_new) == (0, {path.stem: "other_key"}, {})
    both = DropFolder(town.root, [town.keys[SOCIAL], new], [*cards, new.card], settle=0)
    assert engine.collect(SOCIAL, inbox=both).taken == 1
    assert engine.deliver(SOCIAL, over=both) == 1
    assert set(town.collect(SCHOOL).waiting.values()) == {"unknown_sender"}
    known = DropFolder(town.root, [town.keys[SCHOOL]], [*cards, new.card], settle=0)
    assert town[SCHOOL].engine.collect(SCHOOL, inbox=known).taken == 1


def test_keys_and_cards_read_back_and_nothing_else_does(tmp_path: Path) -> None:
    path, card = tmp_path / "skola.keys", tmp_path / "skola.card"
    made = Identity.create(path, SCHOOL)
    assert path.stat().st_mode & 0o777 == 0o600
    card.write_bytes(made.card.bytes())
    assert Identity(path).card.id == Card.at(card).id == made.card.id
    with pytest.raises(SealError, match="key_file_exists"):
        Identity.create(path, SCHOOL)
    secret = orjson.loads(path.read_bytes())
    for shown in (repr(made), repr(made.card), card.read_text()):
        assert not [one for one in secret.values() if isinstance(one, str) and len(one) > 20 and one in shown]
    for damaged in (b"", b"{}", card.read_bytes()[:-9], orjson.dumps({**secret, "x25519": "AA=="})):
        with pytest.raises(BadInput, match="bad_card"):
            Card.read(damaged)
        path.write_bytes(damaged)
        with pytest.raises(SealError, match="key_file_damaged"):
            Identity(path)
    path.chmod(0o640)
    with pytest.raises(SealError, match="key_file_exposed"):
        Identity(path)
    path.unlink()
    with pytest.raises(SealError, match="key_file_missing"):
        Identity(path)


def test_without_keys_or_card_nothing_is_sent_and_all_of_it_waits(town: Dropped) -> None:
    told(town)
    (message,) = town.waiting(SCHOOL)
    keys, cards = [town.keys[SCHOOL]], [town.keys[SOCIAL].card]
    with pytest.raises(TransportError, match="no_card"):
        DropFolder(town.root, keys, []).send(parcel_of(message))
    with pytest.raises(TransportError, match="no_identity"):
        DropFolder(town.root, [], cards).send(parcel_of(message))
    with pytest.raises(TransportError, match="no_identity"):
        list(DropFolder(town.root, keys, cards).arrived(SOCIAL))
    assert town.deliver(SCHOOL, DropFolder(town.root, keys, [])) == 0
    assert len(town.waiting(SCHOOL)) == 1
    assert town.send(SCHOOL) == 1


# ---- the folder is away, full, read-only


def sqlite(root: Path) -> Callable[[str], SqlStore]:
    return lambda name: SqlStore(root / f"{name}.db")


def closed(town: Dropped) -> None:
    for world in town.worlds.values():
        world.store.close()


def test_a_receiver_that_is_away_for_a_day_gets_it_once_when_it_is_back(tmp_path: Path) -> None:
    town = Dropped(tmp_path, stores=sqlite(tmp_path))
    heard: list[tuple[str, Mapping[str, str | int]]] = []
    school = town[SCHOOL]

    def hear(event: str, said: Mapping[str, str | int]) -> None:
        heard.append((event, said))

    school.engine = Engine(school.library, school.store, clock=school.clock, entropy=school.entropy, tell=hear)
    lantern = told(town)
    town.inbox(SOCIAL).rename(tmp_path / "away")
    for _ in range(25):
        assert town.send(SCHOOL) == 0
        town.clock.turn(hours=1)
    undelivered = [said["code"] for event, said in heard if event == "handoff.undelivered"]
    assert undelivered == ["folder_missing"] * 25
    store = town[SCHOOL].store
    assert isinstance(store, SqlStore)
    (check,) = (one for one in health(town[SCHOOL].engine, store, limits=Limits()) if one.code == "outbox")
    assert (check.ok, check.value) == (False, 25)
    (tmp_path / "away").rename(town.inbox(SOCIAL))
    assert town.send(SCHOOL) == 1
    (check,) = (one for one in health(town[SCHOOL].engine, store, limits=Limits()) if one.code == "outbox")
    assert check.ok
    town.clock.turn(hours=30)
    town.post()
    assert town[SCHOOL].run(lantern, KURATOR).facts["status.tell"] == "received"
    watch = town[SOCIAL].run(town.case(SOCIAL), INTAKE)
    # Received when it arrived there, whenever it was sent.
    assert str(watch.facts["seen.received"]) > "2026-03-04"
    closed(town)


def mounted(folder: Path, options: str) -> None:
    """Mount a tiny file system there, seen by this process alone."""
    assert ctypes.CDLL(None, use_errno=True).unshare(0x00020000) == 0
    subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True, capture_output=True)


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return not subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode


@pytest.mark.skipif(not can_mount(), reason="only root may mount a tiny file system")
@pytest.mark.parametrize(("options", "code"), [("size=4k", "folder_full"), ("ro", "folder_unusable")])
def test_a_full_or_read_only_folder_keeps_everything_in_the_outbox(tmp_path: Path, options: str, code: str) -> None:
    town = Dropped(tmp_path)

    def act() -> None:
        mounted(town.inbox(SOCIAL), options)
        if code == "folder_full":
            (town.inbox(SOCIAL) / "brev").write_bytes(b"x" * 4096)
        told(town)
        (message,) = town.waiting(SCHOOL)
        with pytest.raises(TransportError, match=code):
            town.folder(SCHOOL).send(parcel_of(message))
        assert town.send(SCHOOL) == 0
        assert len(town.waiting(SCHOOL)) == 1
        assert [path.name for path in town.inbox(SOCIAL).iterdir() if path.name != "brev"] == []
        if code == "folder_full":
            (town.inbox(SOCIAL) / "brev").unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(town.inbox(SOCIAL))], check=True, capture_output=True)
        assert town.send(SCHOOL) == 1
        assert town.collect(SOCIAL).taken == 1

    assert ended(in_child(act)) == 0


@pytest.mark.skipif(not can_mount(), reason="only root may mount a tiny file system")
def test_what_cannot_be_moved_is_received_once_and_taken_later(tmp_path: Path) -> None:
    town = Dropped(tmp_path)

    def act() -> None:
        mounted(town.inbox(SOCIAL), "size=1m")
        path = sent(town)
        (town.inbox(SOCIAL) / f"{'1' * 32}.handoff").write_bytes(b"junk")
        subprocess.run(["mount", "-o", "remount,ro", str(town.inbox(SOCIAL))], check=True, capture_output=True)
        for _ in range(2):
            assert town.collect(SOCIAL) == (0, {path.stem: "folder_unusable", "1" * 32: "folder_unusable"}, {})
            assert len(list(town[SOCIAL].store.cases(SOCIAL))) == 1
        subprocess.run(["mount", "-o", "remount,rw", str(town.inbox(SOCIAL))], check=True, capture_output=True)
        assert town.collect(SOCIAL) == (1, {}, {"1" * 32: "not_a_handoff"})
        assert len(list(town[SOCIAL].store.cases(SOCIAL))) == 1

    assert ended(in_child(act)) == 0


# ---- killed


def kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


PLACES: dict[str, tuple[str, str]] = {
    "before the file has its name": (SCHOOL, "pathlib.Path.replace"),
    "after it has": (SCHOOL, "stegvis.adapters.transport.drop_folder.sync_directory"),
    "before it is crossed out": (SCHOOL, "stegvis.adapters.sql.SqlStore.delivered"),
    "before it is received": (SOCIAL, "stegvis.adapters.sql.SqlStore.commit"),
    "before it is taken": (SOCIAL, "stegvis.adapters.transport.DropFolder.taken"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_any_place_loses_nothing_and_doubles_nothing(tmp_path: Path, place: str) -> None:
    who, what = PLACES[place]
    town = Dropped(tmp_path, stores=sqlite(tmp_path))
    lantern = told(town)
    if who == SOCIAL:
        town.send(SCHOOL)

    def act() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(what, kill)
            town.send(SCHOOL) if who == SCHOOL else town.collect(SOCIAL)

    assert ended(in_child(act)) == -signal.SIGKILL
    town.post()
    assert town[SCHOOL].run(lantern, KURATOR).facts["status.tell"] == "received"
    untouched(town)
    assert town.lying(SOCIAL) == town.lying(SCHOOL) == []
    closed(town)


def test_two_who_collect_at_once_receive_it_once(tmp_path: Path) -> None:
    town = Dropped(tmp_path, stores=sqlite(tmp_path))
    for _ in range(6):
        told(town)
    town.send(SCHOOL)
    assert len(town.lying(SOCIAL)) == 6
    failures: list[BaseException] = []

    def work() -> None:
        try:
            town.collect(SOCIAL)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert failures == []
    town.collect(SOCIAL)
    assert len(list(town[SOCIAL].store.cases(SOCIAL))) == 6
    assert town.lying(SOCIAL) == []
    assert town[SOCIAL].engine.verify(SOCIAL) == []
    closed(town)


# ---- in any order


def test_a_question_before_the_report_waits_and_is_heard_when_the_report_has_come(town: Dropped) -> None:
    report = sent(town)
    town[SCHOOL].take(town.case(SCHOOL), "ask", KURATOR)
    town.send(SCHOOL)
    away = report.rename(town.root / "away")
    (question,) = town.lying(SOCIAL)
    for _ in range(3):
        assert town.collect(SOCIAL) == (0, {question.stem: "unknown_handoff"}, {})
    away.rename(report)
    assert town.collect(SOCIAL) == (2, {}, {})
    assert town[SOCIAL].run(town.case(SOCIAL), INTAKE).facts["handed.asked"] is True


def test_a_stranger_to_a_hand_off_is_refused(town: Dropped) -> None:
    lantern = told(town)
    (message,) = town.waiting(SCHOOL)
    odd = message._replace(id="0" * 32, kind="reply", sender=CENTRE, receiver=SCHOOL, about=message.id, status="done")
    parcel = parcel_of(odd)
    (town.inbox(SCHOOL) / f"{parcel.name}.handoff").write_bytes(seal(parcel, town.keys[CENTRE], town.keys[SCHOOL].card))
    assert town.collect(SCHOOL).refused == {parcel.name: "not_a_party"}
    assert town[SCHOOL].run(lantern, KURATOR).facts["status.tell"] == "sent"


@settings(deadline=None, max_examples=12)
@given(order=st.permutations(range(3)))
def test_answers_hold_in_the_order_in_which_they_were_given(order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Dropped(Path(folder))
        social = town[SOCIAL]
        ferry = social.ferry(note="tung last")
        social.loaded(ferry)
        social.take(ferry, "send", WORKER)
        town.send(SOCIAL)
        town.collect(CENTRE)
        for step in ("accept", "finish"):
            town.clock.turn(minutes=1)
            town[CENTRE].take(town.case(CENTRE), step, ADVISOR)
        messages = town.waiting(CENTRE)
        assert [one.status for one in messages] == ["received", "accepted", "done"]
        for place in order:
            social.engine.receive(messages[place])
        run = social.run(ferry, WORKER)
        assert run.facts["status.send"] == "done"
        assert [one.status for one in run.sent.values()] == ["done"]
        assert {one.verdict for one in social.engine.replay(ferry, actor=WORKER).steps} <= {"reproduced", "attested"}
        assert social.engine.verify(SOCIAL) == []


class Weather:
    """A town in bad weather: files vanish for a while, come back in any order, and come twice."""

    def __init__(self, root: Path, seed: int) -> None:
        self.town = Dropped(root, seed=seed)
        self.chance = Random(seed)
        self.limbo = root / "limbo"
        self.limbo.mkdir()
        self.copies = 0

    def blow(self) -> None:
        """Something happens to some file somewhere."""
        chance = self.chance
        lying = [path for name in (SCHOOL, SOCIAL, CENTRE) for path in self.town.lying(name)]
        taken = [path for name in (SCHOOL, SOCIAL, CENTRE) for path in self.town.inbox(name).glob("taken/*")]
        if lying and chance.random() < 0.5:
            path = chance.choice(lying)
            path.rename(self.limbo / f"{path.parent.name}~{path.name}")
        elif taken and chance.random() < 0.4:
            path = chance.choice(taken)
            (path.parent.parent / path.name).write_bytes(path.read_bytes())
            self.copies += 1
        else:
            self.clear(chance.randint(0, 2))

    def clear(self, most: int = 1000) -> None:
        for path in sorted(self.limbo.iterdir())[:most]:
            where, _, name = path.name.partition("~")
            path.rename(self.town.inbox(where) / name)

    def work(self) -> None:
        """Somebody does the next thing that they can, or the post runs somewhere."""
        town, chance = self.town, self.chance
        town.clock.turn(minutes=chance.randint(1, 200))
        kind = chance.random()
        if kind < 0.5:
            organisation = chance.choice((SCHOOL, SOCIAL, CENTRE))
            town.send(organisation) if kind < 0.25 else town.collect(organisation)
        else:
            step = chance.choice(list(self.steps()))
            with suppress(StegvisError):  # it may not be its time
                step()

    def steps(self) -> Iterator[Callable[[], object]]:
        town = self.town
        school, social, centre = (town[name] for name in (SCHOOL, SOCIAL, CENTRE))
        yield lambda: told(town)
        for case in school.store.cases(SCHOOL):
            yield lambda case=case: school.take(case, "ask", KURATOR)
        for case in social.store.cases(SOCIAL):
            yield lambda case=case: social.take(case, "send", WORKER)
            yield lambda case=case: social.take(case, "take_back", WORKER)
        yield self.load
        for case in centre.store.cases(CENTRE):
            for step in ("accept", "refuse", "finish"):
                yield lambda case=case, step=step: centre.take(case, step, ADVISOR)

    def load(self) -> None:
        social = self.town[SOCIAL]
        ferry = social.ferry()
        social.loaded(ferry)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**20))
def test_whatever_the_weather_both_sides_agree_when_it_clears(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weather = Weather(Path(folder), seed)
        town = weather.town
        for _ in range(60):
            weather.work()
            weather.blow()
        weather.clear()
        town.post()
        hold(town)


def hold(town: Dropped) -> None:
    """Every hand-off was received exactly once, and both sides say the same of it."""
    sent: dict[str, tuple[str, str, str]] = {}
    got: dict[str, list[str]] = {}
    last: dict[str, tuple[str, str]] = {}
    for name, world in town.worlds.items():
        assert world.engine.verify(name) == []
        assert town.lying(name) == []
        assert town.refused(name) == []
        for case in world.store.cases(name):
            held = world.engine.files.case(name, case)
            assert held is not None
            for run in held.case.runs.values():
                sent.update({id: (one.to, one.kind, one.status) for id, one in run.sent.items()})
                if run.origin is not None:
                    got.setdefault(run.origin.id, []).append(name)
                    last[run.origin.id] = (run.state, str(run.facts.get("status.open")))
    assert {id: [to] for id, (to, _, _) in sent.items()} == got
    for id, (_, kind, status) in sent.items():
        state, opened = last[id]
        if kind == "report":
            assert status == "received"
        elif status == "revoked":
            assert opened == "revoked"
        else:
            assert opened == "None"
            assert status in {"offered": {"received"}, "taken": {"accepted"}, "closed": {"rejected", "done"}}[state]


# ---- what may be said of a hand-off


@pytest.mark.parametrize("status", ["accepted", "rejected", "revoked", "sent"])
def test_nobody_accepts_rejects_or_revokes_a_report(town: Dropped, status: str) -> None:
    lantern = told(town)
    town.post()
    (row,) = rows_sent(town)
    message = town[SCHOOL].engine.files.message(SCHOOL, row)
    answer = message._replace(id="0" * 32, kind="reply", sender=SOCIAL, receiver=SCHOOL, about=message.id)
    town.clock.turn(minutes=1)
    town[SCHOOL].engine.receive(answer._replace(status=status, facts={}, at="2026-03-02T09:00:00.000000Z"))
    run = town[SCHOOL].run(lantern, KURATOR)
    assert run.facts["status.tell"] == "received"
    assert [one.status for one in run.sent.values()] == ["received"]
    *_, record = town[SCHOOL].store.case_records(SCHOOL, lantern)
    head = orjson.loads(record.body)
    assert head["why"] == ["not_a_choice:status"]
    assert "status" not in head["hof"]
    revoked = message._replace(id="1" * 32, kind="reply", about=message.id, status="revoked", facts={})
    town[SOCIAL].engine.receive(revoked)
    assert "status.open" not in town[SOCIAL].run(town.case(SOCIAL), INTAKE).facts
    for name, case, actor in ((SCHOOL, lantern, KURATOR), (SOCIAL, town.case(SOCIAL), INTAKE)):
        verdicts = {step.verdict for step in town[name].engine.replay(case, actor=actor).steps}
        assert verdicts <= {"reproduced", "attested"}


def test_a_question_brings_the_flag_for_protected_identity_and_never_lowers_it(town: Dropped) -> None:
    lantern = told(town)
    town.post()
    watch = town.case(SOCIAL)
    social = town[SOCIAL]
    assert social.run(watch, INTAKE).facts["seen.protected"] == "unknown"
    town[SCHOOL].take(lantern, "ask", KURATOR)
    (question,) = town.waiting(SCHOOL)
    for number, flag in enumerate(("no", "yes", "unknown", "no")):
        social.engine.receive(question._replace(id=f"{number:032}", protected_identity=flag))
        raised = social.run(watch, INTAKE).facts["seen.protected"]
        assert raised == ("unknown" if number == 0 else "yes")
        known = social.engine.case(watch, actor=INTAKE).identity
        assert known is not None
        assert known.flag == ("unknown" if number == 0 else "yes")
    assert {one.verdict for one in social.engine.replay(watch, actor=INTAKE).steps} <= {"reproduced", "attested"}
