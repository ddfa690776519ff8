"""One case whole: what is taken out, put in or changed is found at its place, by what was signed and nothing else."""

import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.audit.note import Checkpoint
from stegvis.adapters.audit.policy import Policy, read_policy
from stegvis.adapters.audit.proof import Proof
from stegvis.adapters.audit.signer import sign
from stegvis.adapters.audit.tree import Tree
from stegvis.adapters.audit.verify import head_entry
from stegvis.adapters.audit.whole import CaseFile, case_file, read_case
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.digests import canonical
from stegvis.routines.errors import StegvisError

from ..engine.plays import Player
from ..engine.toys import SCHOOL
from ..often import often
from .signers import ORIGIN, Key

TRUSTED = Policy((Key().verifier,), {}, {}, "none")
AT = "2026-05-04T06:00:00.000000Z"


def key(number: int) -> str:
    return f"{number:032x}"


def chain(case: str, count: int, prev: str = "") -> list[str]:
    """A case's records."""
    found: list[str] = []
    for cseq in range(1, count + 1):
        said = {"log": ORIGIN, "case": case, "cseq": cseq, "actor": "u-17", **({"prev": prev} if prev else {})}
        found.append(canonical(said).decode())
        prev = leaf_hash(found[-1].encode()).hex()
    return found


def changed(record: str, **what: Any) -> str:
    return canonical({**json.loads(record), **what}).decode()


def relinked(records: Sequence[str], after: int) -> list[str]:
    """The records from that place on, made to point at those before."""
    found = list(records[:after])
    for record in records[after:]:
        found.append(changed(record, prev=leaf_hash(found[-1].encode()).hex()) if found else record)
    return found


class Town(NamedTuple):
    """A log that somebody signed: every case whole, and a word on where they stood."""

    cases: dict[str, list[str]]
    heads: str
    receipt: str
    others: list[str]

    def file(self, case: str, more: Sequence[str] = ()) -> CaseFile:
        order = sorted(self.cases)
        tree, place = Tree(map(self.leaf, order)), order.index(case)
        records, path = self.cases[case], tree.inclusion(place, len(order))
        return CaseFile(
            case=case,
            records=(*records, *more),
            count=len(records),
            last=leaf_hash(records[-1].encode()).hex(),
            place=place,
            path=tuple(one.hex() for one in path),
            heads=self.heads,
            receipt=self.receipt,
        )

    def leaf(self, case: str) -> bytes:
        records = self.cases[case]
        return leaf_hash(head_entry(case, len(records), leaf_hash(records[-1].encode())))

    def said(self, **what: Any) -> "Town":
        """The same town, whose signed log says something else of where the cases stand."""
        return signed(self.cases, changed(self.heads, **what), self.others)


def signed(cases: dict[str, list[str]], heads: str, others: list[str]) -> Town:
    log = [*(record for one in cases.values() for record in one), *others, heads]
    tree = Tree(leaf_hash(one.encode()) for one in log)
    note = sign(Checkpoint(ORIGIN, len(log), tree.root(len(log))), [Key()])
    receipt = Proof(len(log) - 1, tuple(tree.inclusion(len(log) - 1, len(log))), note)
    return Town(cases, heads, receipt.text().decode(), others)


@st.composite
def towns(draw: st.DrawFn) -> Town:
    counts = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    cases = {key(number * 7919 % 101): chain(key(number * 7919 % 101), count) for number, count in enumerate(counts)}
    made = Town(cases, "", "", [])
    tree = Tree(map(made.leaf, sorted(cases)))
    said = {"type": "case.heads", "log": ORIGIN, "at": AT, "upto": sum(counts), "count": len(counts)}
    return signed(cases, canonical({**said, "root": tree.root(len(counts)).hex()}).decode(), ["{}"])


class Held(NamedTuple):
    """What somebody has of one case: as many later records as came after the log's last word on it."""

    town: Town
    file: CaseFile
    newer: int

    def with_records(self, records: Sequence[str]) -> CaseFile:
        return self.file.model_copy(update={"records": tuple(records)})


@st.composite
def helds(draw: st.DrawFn) -> Held:
    town = draw(towns())
    case = draw(st.sampled_from(sorted(town.cases)))
    newer = draw(st.integers(0, 3))
    records = town.cases[case]
    later = relinked([*records, *chain(case, len(records) + newer)[len(records) :]], len(records))[len(records) :]
    return Held(town, town.file(case, later), newer)


def judged(file: CaseFile) -> tuple[str, int] | None:
    found = read_case(file.text()).check(TRUSTED)
    assert (found.proved, found.at) == (file.count, AT)
    return (found.bad.code, found.bad.place) if found.bad is not None else None


@given(held=helds(), data=st.data())
@often(60)
def test_a_whole_case_is_whole_in_whatever_order_it_is_given(held: Held, data: st.DataObject) -> None:
    file = held.with_records(data.draw(st.permutations(held.file.records)))
    found = read_case(file.text()).check(TRUSTED)
    assert found == (file.case, ORIGIN, len(found_log(held)), AT, file.count, held.newer, None)


def found_log(held: Held) -> list[str]:
    return [*(one for records in held.town.cases.values() for one in records), *held.town.others, held.town.heads]


@given(held=helds(), data=st.data())
@often(100)
def test_a_record_that_is_missing_is_named(held: Held, data: st.DataObject) -> None:
    records = list(held.file.records)
    gone = data.draw(st.sets(st.integers(1, len(records)), min_size=1), label="places")
    left = [one for place, one in enumerate(records, 1) if place not in gone]
    proved = [place for place in gone if place <= held.file.count]
    # Of later ones only the last that is left can be known to have had others before it.
    later = [
        place for place in gone if held.file.count < place < max(set(range(1, len(records) + 1)) - gone, default=0)
    ]
    expected = max(proved) if proved else min(later) if later else None
    assert judged(held.with_records(left)) == (("case_record_missing", expected) if expected else None)


@given(held=helds(), data=st.data())
@often(100)
def test_a_record_that_was_changed_is_named(held: Held, data: st.DataObject) -> None:
    records = list(held.file.records)
    place = data.draw(st.integers(1, len(records)), label="place")
    records[place - 1] = changed(records[place - 1], actor="u-18")
    if data.draw(st.booleans(), label="relinked"):
        # Whoever makes the links after it right is found where the log vouches for the last record.
        found = judged(held.with_records(relinked(records, place)))
        assert found == (("case_record_differs", held.file.count) if place <= held.file.count else None)
    else:
        # A later record is vouched for by the one after it alone.
        at = place if place <= held.file.count else place + 1
        found = judged(held.with_records(records))
        assert found == (("case_record_differs", at) if at <= len(records) else None)


@given(held=helds(), data=st.data())
@often(40)
def test_the_first_that_is_no_record_of_the_case_is_named(held: Held, data: st.DataObject) -> None:
    records = list(held.file.records)
    others = [one for case in held.town.cases for one in held.town.cases[case] if case != held.file.case]
    strange = [
        *others[:2],
        *records[:1],
        "",
        "[]",
        "nonsense",
        changed(records[-1], log="log.example/annan", cseq=len(records) + 1),
        changed(records[-1], case=key(999), cseq=len(records) + 1),
        changed(records[-1], cseq=0),
        changed(records[0], cseq=True),
        changed(records[-1], cseq=str(len(records) + 1)),
    ]
    for one in strange:
        # One that is there already is only known to be so where it comes again.
        line = data.draw(st.integers(2 if one in records else 1, len(records) + 1), label="line")
        with_it = [*records[: line - 1], one, *records[line - 1 :], "{}"]
        assert (one, judged(held.with_records(with_it))) == (one, ("case_line_foreign", line))


@given(held=helds(), data=st.data())
@often(20)
def test_what_was_not_signed_proves_nothing(held: Held, data: st.DataObject) -> None:
    file, town = held.file, held.town
    other = town.file(data.draw(st.sampled_from(sorted(town.cases))))
    moved = st.integers(0, 10).filter(lambda place: place != file.place)
    ways: dict[str, tuple[CaseFile, str]] = {
        "fewer": (file.model_copy(update=_ends(file, file.count - 1)), "not_in_heads"),
        "more": (file.model_copy(update={"count": file.count + 1}), "not_in_heads"),
        "other last": (file.model_copy(update={"last": "0" * 64}), "not_in_heads"),
        "other place": (file.model_copy(update={"place": data.draw(moved)}), "not_in_heads"),
        "longer path": (file.model_copy(update={"path": (*file.path, "0" * 64)}), "not_in_heads"),
        "shorter path": (file.model_copy(update={"path": file.path[1:]}), "not_in_heads"),
        "other heads": (file.model_copy(update={"heads": changed(file.heads, count=99)}), "proof_fails"),
        "other case": (other.model_copy(update={"case": key(999)}), "not_in_heads"),
        "signed: another root": (_of(town.said(root="0" * 64), file), "not_in_heads"),
        "signed: another kind": (_of(town.said(type="config"), file), "not_in_heads"),
        "signed: another log's": (_of(town.said(log="log.example/annan"), file), "not_in_heads"),
    }
    if file.count == 1:
        del ways["fewer"]
    if not file.path:
        del ways["shorter path"]
    for way, (false, code) in ways.items():
        with pytest.raises(StegvisError) as no:
            judged(false)
        assert (way, no.value.reason) == (way, code)
    with pytest.raises(StegvisError, match="unsigned_checkpoint"):
        file.check(Policy((Key(2).verifier,), {}, {}, "none"))


def _ends(file: CaseFile, count: int) -> dict[str, Any]:
    """What somebody says who wants the case to end earlier."""
    records = file.records[: max(count, 1)]
    return {"records": records, "count": max(count, 1), "last": leaf_hash(records[-1].encode()).hex()}


def _of(town: Town, file: CaseFile) -> CaseFile:
    return file.model_copy(update={"heads": town.heads, "receipt": town.receipt})


def test_a_first_record_that_names_one_before_it_is_not_the_first() -> None:
    case = key(1)
    cases = {case: chain(case, 2, prev="0" * 64)}
    tree = Tree([Town(cases, "", "", []).leaf(case)])
    said = {"type": "case.heads", "log": ORIGIN, "at": AT, "upto": 2, "count": 1, "root": tree.root(1).hex()}
    assert judged(signed(cases, canonical(said).decode(), []).file(case)) == ("case_record_missing", 0)


@given(data=st.binary() | st.recursive(st.none() | st.text() | st.integers(-(2**53), 2**53), st.lists).map(canonical))
@often(40)
def test_what_is_no_case_file_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(StegvisError, match="not_a_case_file"):
        read_case(data)


def stand(log: AuditLog) -> dict[str, int]:
    """How many records each case has."""
    return {case: count for case, count, _ in log.store.case_heads(log.organisation)[1]}


def played(folder: Path) -> tuple[Player, AuditLog]:
    """A log with a few cases."""
    player = Player(3)
    log = AuditLog(player.world.store, SCHOOL, player.world.engine.files.origin(SCHOOL), folder)
    while len(stand(log)) < 3:
        player.play(10)
    return player, log


def test_every_case_of_a_log_is_proved_whole_and_shows_nothing_of_another(tmp_path: Path) -> None:
    player, log = played(tmp_path)
    store, engine = player.world.store, player.world.engine
    with pytest.raises(StegvisError, match="no_checkpoint"):
        case_file(log, key(1))
    log.checkpoint(engine.clock, os.urandom)
    policy = read_policy((tmp_path / "policy").read_bytes())
    upto, heads = store.case_heads(SCHOOL)
    for case, count, _ in heads:
        file = case_file(log, case)
        found = read_case(file.text()).check(policy)
        assert (found.case, found.proved, found.newer, found.bad) == (case, count, 0, None)
        assert found.size == upto
        others = [one.encode() for one, _, _ in heads if one != case]
        rest = file.model_copy(update={"records": ()}).text()
        assert not any(one in rest for one in others)
        assert file.records == tuple(row.body.decode() for row in store.case_records(SCHOOL, case))
    with pytest.raises(StegvisError, match="no_heads_yet"):
        case_file(log, key(1))


def test_a_case_that_went_on_is_whole_up_to_the_word_on_it_and_a_newer_case_is_not_there_yet(tmp_path: Path) -> None:
    player, log = played(tmp_path)
    engine = player.world.engine
    log.checkpoint(engine.clock, os.urandom)
    policy = read_policy((tmp_path / "policy").read_bytes())
    before = stand(log)
    while not stand(log).keys() - before.keys() or all(stand(log)[case] == before[case] for case in before):
        player.play(10)
    log.checkpoint(engine.clock, os.urandom, heads_every=timedelta(days=1000))
    now = stand(log)
    for case, count in before.items():
        found = case_file(log, case).check(policy)
        assert (found.proved, found.newer, found.bad) == (count, now[case] - count, None)
    for case in now.keys() - before.keys():
        with pytest.raises(StegvisError, match="no_heads_yet"):
            case_file(log, case)
    log.checkpoint(engine.clock, os.urandom, heads_every=timedelta(0))
    assert {case: case_file(log, case).check(policy).proved for case in now} == now


def test_a_false_word_on_the_cases_is_not_handed_out(tmp_path: Path) -> None:
    player, log = played(tmp_path)
    store, engine = player.world.store, player.world.engine
    upto, heads = store.case_heads(SCHOOL)
    false = {"type": "case.heads", "upto": upto, "count": len(heads), "root": "0" * 64}
    log._say(engine.clock, os.urandom, false)
    store.set_mark(SCHOOL, "case_heads", f" {upto + 2}")  # it and the record of the key: nothing more is to be said
    log.checkpoint(engine.clock, os.urandom)
    with pytest.raises(StegvisError, match="heads_differ"):
        case_file(log, heads[0][0])
