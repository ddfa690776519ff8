"""A record: one canonical JSON object, the same to every reader, with nothing in it that people wrote."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import jsonschema
import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.sql import SqlStore
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import LONGEST_RECORD, ChainHead, guard_input, leaf_hash, opened, seal, seal_access, unseal
from stegvis.engine.values import AccessHead, CaseSet, Decided, DueChange, Event, GuardResult, HandOffHead, Head
from stegvis.routines.digests import canonical
from stegvis.routines.errors import Broken
from stegvis.routines.library import SHIPPED

from .plays import ORGANISATIONS, Player
from .toys import KURATOR, SCHOOL, START, World, plain_toys

SCHEMA = json.loads((SHIPPED / "schema" / "record.json").read_text("utf-8"))
VECTORS = Path(os.environ.get("STEGVIS_VECTORS", Path(__file__).parents[2].parent / "shared" / "vectors"))

words = st.text(st.characters(codec="utf-8"), max_size=12)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz_.", max_size=6), inner, max_size=3),
    max_leaves=8,
)


def log(player: Player) -> Iterator[tuple[str, RecordRow]]:
    for organisation in ORGANISATIONS:
        for _, row in player.world.store.log(organisation):
            yield organisation, row


# ---- the bytes ------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(value=values)
def test_canonical_bytes_are_those_of_rfc_8785_and_of_plain_json(value: Any) -> None:
    ours = canonical(value)
    assert ours == rfc8785.dumps(value)
    assert ours == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical(orjson.loads(ours)) == ours


@pytest.mark.skipif(not (VECTORS / "rfc8785").is_dir(), reason="the public vectors are not on this machine")
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_public_vectors_of_rfc_8785(name: str) -> None:
    folder = VECTORS / "rfc8785" / "testdata"
    value = json.loads((folder / "input" / f"{name}.json").read_text("utf-8"))
    expected = (folder / "output" / f"{name}.json").read_bytes()
    if not in_profile(value):
        pytest.skip("holds what the profile leaves out: floats, or keys that are not ASCII")
    assert canonical(value) == expected


def in_profile(value: object) -> bool:
    match value:
        case dict():
            found = cast("dict[str, object]", value)
            return all(key.isascii() for key in found) and all(map(in_profile, found.values()))
        case list():
            return all(map(in_profile, cast("list[object]", value)))
        case float():
            return False
        case _:
            return True


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_every_record_of_a_play_is_canonical_ascii_short_and_as_the_schema_says(seed: int) -> None:
    validator: Any = jsonschema.Draft7Validator(SCHEMA)
    for organisation, row in log(Player(seed).play(25)):
        said = json.loads(row.body)
        assert row.body == rfc8785.dumps(said)
        assert row.body.isascii()
        assert b"\n" not in row.body
        assert len(row.body) <= LONGEST_RECORD
        assert row.leaf == sha256(b"\x00" + row.body).digest()
        assert not [(error.json_path, error.validator) for error in validator.iter_errors(said)]
        assert (said["id"], said.get("case"), said.get("cseq")) == (row.id, row.case, row.cseq)
        assert said["org"] == organisation


def test_the_schema_is_a_schema_and_lets_nothing_else_in() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    world = World()
    case = world.lantern()
    (row,) = world.store.case_records(SCHOOL, case)
    said = json.loads(row.body)
    validator: Any = jsonschema.Draft7Validator(SCHEMA)
    valid = validator.is_valid
    assert valid(said)
    for name, value in {"name": "Alma", "at": "2026-03-02", "pc": "ab", "unit": "Alma Ek", "cseq": 0}.items():
        assert not valid({**said, name: value})
    for name in SCHEMA["definitions"]["case_record"]["required"]:
        assert not valid({key: one for key, one in said.items() if key != name})


def test_the_fields_of_a_record_are_these_and_no_others() -> None:
    chain, access = (SCHEMA["definitions"][name]["properties"] for name in ("case_record", "access_record"))
    # Those of the audit log's format: a new one is a decision about what may stand in the open.
    assert " ".join(sorted(chain)) == (
        "acc actor acute along at basis begun cal case cmd corr cseq def dlg due end from guards gui hap hof hold id"
        " law log n nb ord org owed paid pc person prev purpose qual rec role rtn run seen set step to trg type unit v"
        " why"
    )
    assert " ".join(sorted(access)) == "acc actor at case fld id log n of org rec role run seen smp trg type unit v why"
    about = {name: " ".join(SCHEMA["definitions"][name]["properties"]) for name in ("heads_record", "config_record")}
    assert about == {
        "heads_record": "v log id n rec at actor unit org type role upto count root",
        "config_record": "v log id n rec at actor unit org type role why vkey",
    }
    assert set(Head.__annotations__) <= set(chain)
    places: dict[str, type] = {"due": DueChange, "guard": GuardResult, "handoff": HandOffHead}
    places |= {"access_ground": AccessHead, "case_set": CaseSet, "decided": Decided}
    for name, typed in places.items():
        assert set(typed.__annotations__) == set(SCHEMA["definitions"][name]["properties"]) - {"in"}


# ---- the chain, the nonce, the commitments --------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_records_link_to_the_one_before_and_never_share_nonce_id_or_salt(seed: int) -> None:
    player = Player(seed).play(25)
    store = player.world.store
    for organisation, case in player.cases():
        before = None
        for number, row in enumerate(store.case_records(organisation, case), 1):
            said = json.loads(row.body)
            assert row.cseq == said["cseq"] == number
            assert said.get("prev") == (before.hex() if before is not None else None)
            before = row.leaf
    said = [json.loads(row.body) for _, row in log(player)]
    for fresh in ("id", "n"):
        assert len({one[fresh] for one in said}) == len(said)
    salts = [payload_of(player, organisation, row)[:32] for organisation, row in log(player) if row.payload]
    assert len(set(salts)) == len(salts)


def payload_of(player: Player, organisation: str, row: RecordRow) -> bytes:
    world = player.world
    origin = world.library.organisations.organisations[organisation].origin
    assert row.unit is not None
    assert row.payload is not None
    bound = canonical(["payload", origin, row.case, row.id])
    return world.store.keys.open(origin, row.unit, row.payload, bound)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_the_commitment_holds_the_payload_and_any_changed_byte_breaks_it(seed: int, data: st.DataObject) -> None:
    player = Player(seed).play(12)
    rows = [(organisation, row) for organisation, row in log(player) if row.payload]
    organisation, row = data.draw(st.sampled_from(rows))
    payload = payload_of(player, organisation, row)
    assert json.loads(row.body)["pc"] == sha256(b"stegvis/payload/1\x00" + payload).hexdigest()
    assert unseal(row.body, payload).body is not None
    place = data.draw(st.integers(0, len(payload) - 1))
    changed = bytearray(payload)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Broken, match="payload_differs"):
        unseal(row.body, bytes(changed))


def test_what_a_guard_rested_on_is_committed_to() -> None:
    world = World()
    case = world.lantern()
    world.take(case, "look", KURATOR, form={"flame": "high", "wind": 3})
    *_, row = world.store.case_records(SCHOOL, case)
    player = Player(0)
    player.world = world
    payload = payload_of(player, SCHOOL, row)
    (guard,) = json.loads(row.body)["guards"]
    assert guard["in"] == guard_input(payload, {"look.wind": 3})
    assert guard["in"] != guard_input(payload, {"look.wind": 4})
    again = bytes([payload[0] ^ 1]) + payload[1:]
    assert guard["in"] != guard_input(again, {"look.wind": 3})


def chance(count: int) -> bytes:
    return os.urandom(count)


heads = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["case.open", "transition"]),
        "run": st.just("0" * 32),
        "rtn": st.just("lantern"),
        "actor": st.from_regex(r"[a-z]-[0-9]{1,4}", fullmatch=True),
        "role": st.just("advisor"),
        "unit": st.just("u"),
        "org": st.just("skola"),
        "hap": st.just("2026-03-02T08:00:00.000000Z"),
        "at": st.just("2026-03-02T08:00:00.000000Z"),
        "def": st.just("d" * 64),
        "gui": st.just("e" * 64),
        "law": st.just("f" * 64),
    },
    optional={"to": st.just("lit"), "owed": st.just(["flee.review"])},
)
bodies = st.dictionaries(st.sampled_from(["facts", "overrides", "reason"]), values, max_size=3)


@settings(deadline=None)
@given(head=heads, body=bodies, cseq=st.integers(0, 99), prev=st.none() | st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_as_it_was(
    head: dict[str, object], body: dict[str, object], cseq: int, prev: bytes | None
) -> None:
    event = Event(cast("Head", head), body)
    record, payload = seal(event, ChainHead("kommun.example/skola", "c" * 32, cseq, prev), chance, lambda: START)
    again = unseal(record.body, payload)
    assert again.body == body
    assert {name: value for name, value in again.head.items() if name in head} == head
    assert unseal(record.body, None).body is None
    assert record.leaf == leaf_hash(record.body)
    assert record.cseq == cseq + 1


@settings(deadline=None)
@given(word=words.filter(lambda one: not one.isascii()))
def test_what_is_not_ascii_never_becomes_a_record(word: str) -> None:
    with pytest.raises(Broken, match="record_profile"):
        seal_access({"type": "read", "unit": word}, "kommun.example/skola", chance, lambda: START)


def test_a_record_longer_than_the_log_takes_is_refused() -> None:
    with pytest.raises(Broken, match="record_profile"):
        seal_access({"type": "read", "unit": "x" * LONGEST_RECORD}, "kommun.example/skola", chance, lambda: START)


def test_a_payload_does_not_open_in_another_place() -> None:
    world = World()
    one, two = world.lantern(), world.lantern()
    (row,), (other,) = (list(world.store.case_records(SCHOOL, case)) for case in (one, two))
    origin = plain_toys().organisations.organisations[SCHOOL].origin
    assert opened(row, world.store.keys, origin, one).body is not None
    with pytest.raises(Exception, match="bad_cell"):
        opened(row._replace(payload=other.payload), world.store.keys, origin, one)


def test_records_name_what_judged_them_and_the_store_keeps_it() -> None:
    world = World()
    case = world.lantern()
    (row,) = world.store.case_records(SCHOOL, case)
    said = json.loads(row.body)
    for name, kind in {"def": "rules", "gui": "guidance", "law": "law"}.items():
        found = world.store.definition(said[name])
        assert found is not None
        assert found[0] == kind
        assert sha256(found[1]).hexdigest() == said[name]
        assert re.fullmatch(rb"\{.*\}", found[1], re.DOTALL)


def test_taking_a_log_into_use_again_is_a_record_too(tmp_path: Path) -> None:
    with closing(SqlStore(tmp_path / "cases.db")) as store:
        World(store=store).lantern()
    (tmp_path / "cases.db.head").unlink()
    with closing(SqlStore(tmp_path / "cases.db", accept_loss="head_file_lost")) as store:
        *_, (_, row) = store.log(SCHOOL)
        assert World(store=store).engine.verify(SCHOOL) == []
    validator: Any = jsonschema.Draft7Validator(SCHEMA)
    said = json.loads(row.body)
    assert said["type"] == "restore"
    assert validator.is_valid(said)
