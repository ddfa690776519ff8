"""checkpoint, verify --checkpoint and receipt: what they answer, and with which exit status."""

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stegvis.adapters.audit.policy import read_policy
from stegvis.adapters.audit.proof import read_proof
from stegvis.engine.sealing import leaf_hash

from .attacks import opened
from .bundles import verified
from .commands import COUNSELLOR, PLANTED, File, Said, say
from .signers import Key, note_of


@pytest.fixture
def file(tmp_path: Path) -> File:
    made = File(tmp_path)
    for _ in range(2):
        made.open()
    return made


def folder(file: File) -> Path:
    return file.db.with_name("cases.db.audit") / "skola"


def kept(file: File, to: Path) -> tuple[str, ...]:
    """What an auditor has taken home: a checkpoint, and the keys to trust."""
    for name in ("checkpoint", "policy"):
        (to / name).write_bytes((folder(file) / name).read_bytes())
    return ("--checkpoint", str(to / "checkpoint"), "--policy", str(to / "policy"))


def signed(file: File, *more: str) -> Any:
    said = file.say("checkpoint", *more, "--json")
    assert said.exit == 0, said
    (one,) = said.json["checkpoints"]
    return one


def records(file: File) -> list[tuple[str, bytes]]:
    with closing(sqlite3.connect(file.db)) as database:
        return database.execute("SELECT id, body FROM stegvis_record WHERE org = 'skola' ORDER BY idx").fetchall()


def edit(file: File, statement: str) -> None:
    with closing(opened(file.db)) as database:
        assert database.execute(statement).rowcount
        database.commit()


def proof(said: Said) -> Any:
    (one,) = said.json["organisations"]
    return one["checkpoints"]


def test_a_signed_log_is_held_against_what_was_kept(file: File, tmp_path: Path) -> None:
    first = signed(file)
    size = first["size"]
    assert (first["grown"], first["failed"], first["unmet"]) == (size, {}, None)
    assert first["new_key"].startswith("kommun.example/skola+")
    away = kept(file, tmp_path)
    said = file.say("verify", *away, "--json")
    assert (said.exit, proof(said)) == (0, {"size": size, "proved": size, "bad": None})
    file.open()
    said = file.say("verify", *away, "--json")
    now = proof(said)
    assert (said.exit, now["proved"], now["bad"]) == (0, size, None)
    assert now["size"] > size
    again = signed(file)
    assert (again["new_key"], again["grown"]) == (None, again["size"] - size)
    lines = file.say("verify", *away, "--lang", "en").out
    assert f"up to and including record {size}" in lines


@pytest.mark.parametrize("leaves", [True, False])
def test_a_changed_record_is_named(file: File, tmp_path: Path, leaves: bool) -> None:
    size = signed(file)["size"]
    away = kept(file, tmp_path)
    edit(file, "UPDATE stegvis_record SET body = x'7b7d' WHERE org = 'skola' AND idx = 2")
    said = file.say("verify", *away, *(() if leaves else ("--audit", str(tmp_path / "none"))), "--json")
    assert said.exit == 1
    between = (2, 2) if leaves else (1, size)
    bad = proof(said)["bad"]
    assert (bad["code"], bad["first"], bad["last"]) == ("record_differs", *between)
    shown = file.say("verify", *away, *(() if leaves else ("--audit", str(tmp_path / "none"))), "--lang", "en")
    assert shown.exit == 1
    assert "THE LOG IS NOT WHAT THE CHECKPOINT SAYS" in shown.out
    assert ("Without leaves" in shown.out) is not leaves


def test_an_end_that_was_cut_off_is_named_and_is_not_signed(file: File, tmp_path: Path) -> None:
    size = signed(file)["size"]
    away = kept(file, tmp_path)
    edit(file, "DELETE FROM stegvis_record WHERE idx = (SELECT max(idx) FROM stegvis_record WHERE org = 'skola')")
    said = file.say("verify", *away, "--json")
    assert (said.exit, proof(said)["bad"]["code"], proof(said)["bad"]["first"]) == (1, "log_short", size)
    refused = file.say("checkpoint", "--json")
    assert (refused.exit, refused.codes) == (3, {"signed_further"})
    file.open()
    refused = file.say("checkpoint", "--json")
    assert (refused.exit, refused.codes) == (3, {"signed_other"})


def test_an_auditor_without_keys_checks_a_copy(file: File, tmp_path: Path) -> None:
    size = signed(file)["size"]
    away = kept(file, tmp_path)
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(file.db)) as database, closing(sqlite3.connect(copy)) as to:
        database.backup(to)
    place = ("--db", str(copy), *map(str, file.place[2:]))
    assert say("verify", *away, *place, "--json").codes == {"head_missing"}
    accepted = ("--accept-loss", "auditors_copy")
    assert say("verify", *away, *place, *accepted, "--json").codes == {"key_ring_missing"}
    said = say("verify", *away, *place, "--without-keys", "--json")
    now = proof(said)
    assert (said.exit, now["proved"], now["size"], now["bad"]) == (0, size, size + 1, None)
    with closing(opened(copy)) as database:
        database.execute("UPDATE stegvis_record SET body = x'7b7d' WHERE org = 'skola' AND idx = 1")
        database.commit()
    said = say("verify", *away, *place, *accepted, "--without-keys", "--json")
    assert (said.exit, proof(said)["bad"]["first"]) == (1, 1)


def test_a_receipt_proves_a_record_and_no_other(file: File, tmp_path: Path) -> None:
    signed(file)
    policy = read_policy((folder(file) / "policy").read_bytes())
    (id_, body), (_, other), *_ = records(file)
    said = file.say("receipt", id_, "--json").json
    assert (said["organisation"], said["index"], said["record"]) == ("skola", 1, id_)
    assert file.say("receipt", id_).out == said["proof"]
    found = read_proof(said["proof"].encode())
    found.check(leaf_hash(body), policy)
    with pytest.raises(Exception, match="proof_fails"):
        found.check(leaf_hash(other), policy)
    file.open()
    newest = records(file)[-1][0]
    later = file.say("receipt", newest, "--json")
    assert (later.exit, later.codes) == (2, {"not_signed_yet"})
    unknown = file.say("receipt", "0" * 32, "--json")
    assert (unknown.exit, unknown.codes) == (2, {"unknown_record"})
    assert PLANTED not in file.say("receipt", PLANTED).err


def test_a_receipt_is_checked_offline_and_against_the_database(file: File, tmp_path: Path) -> None:
    size = signed(file)["size"]
    (id_, body), (_, other), *_ = records(file)
    given = file.say("receipt", id_, "--json").json
    assert given["entry"].encode() == body
    for name, said in (("receipt", given["proof"]), ("record", f"{given['entry']}\n"), ("other", other.decode())):
        (tmp_path / name).write_text(said)
    (tmp_path / "policy").write_bytes((folder(file) / "policy").read_bytes())
    mine = ("verify", "--receipt", str(tmp_path / "receipt"), "--policy", str(tmp_path / "policy"), "--json")
    nowhere = ("--db", str(tmp_path / "none.db"))
    found = say(*mine, "--record", str(tmp_path / "record"), *nowhere)
    assert (found.exit, found.json) == (0, {"origin": "kommun.example/skola", "index": 1, "size": size})
    assert not (tmp_path / "none.db").exists()
    false = say(*mine, "--record", str(tmp_path / "other"), *nowhere)
    assert (false.exit, false.codes) == (1, {"proof_fails"})
    assert say("verify", *mine[1:3], "--json", *nowhere).codes == {"policy_missing"}
    assert file.say(*mine).exit == 0
    edit(file, "UPDATE stegvis_record SET body = x'7b7d' WHERE org = 'skola' AND idx = 1")
    changed = file.say(*mine)
    assert (changed.exit, changed.codes) == (1, {"proof_fails"})
    # Who trusts another key believes none of it.
    (tmp_path / "policy").write_text(f"log {Key(7, 'kommun.example/skola').verifier.vkey()}\nquorum none\n")
    strange = say(*mine, "--record", str(tmp_path / "record"), *nowhere)
    assert (strange.exit, strange.codes) == (1, {"unsigned_checkpoint"})


def test_a_key_takes_over_from_another(file: File, tmp_path: Path) -> None:
    old = signed(file)["new_key"]
    away = kept(file, tmp_path)
    both = signed(file, "--new-key")
    assert both["note"].count("— ") == 2
    id_ = old.split("+")[1]
    last = signed(file, "--organisation", "skola", "--retire", id_)
    assert last["note"].count("— ") == 2
    file.open()
    after = signed(file)
    assert after["note"].count("— ") == 1
    assert (folder(file) / "policy").read_text().count("log ") == 2
    assert file.say("verify", *away).exit == 0
    # Who trusts the old key alone does not believe what the new one alone has signed.
    new = str(folder(file) / "checkpoint")
    (tmp_path / "old").write_text(f"log {old}\nquorum none\n")
    refused = file.say("verify", "--checkpoint", new, "--policy", str(tmp_path / "old"), "--json")
    assert (refused.exit, refused.codes) == (1, {"unsigned_checkpoint"})
    types = [body for _, body in records(file) if b'"type":"config"' in body]
    assert [b"key_retired" in body for body in types] == [False, False, True]


REFUSED: list[tuple[str, int, str]] = [
    ("verify --checkpoint {away}/checkpoint", 2, "policy_missing"),
    ("verify --checkpoint {away}/none --policy {away}/policy", 2, "no_such_file"),
    ("verify --checkpoint {away}/policy --policy {away}/policy", 2, "not_a_note"),
    ("verify --checkpoint {away}/checkpoint --policy {away}/checkpoint", 2, "bad_policy"),
    ("verify --checkpoint {away}/checkpoint --policy {away}/policy --organisation region", 1, "no_checkpoint_for"),
    ("verify --checkpoint {away}/foreign --policy {away}/trusting", 1, "other_log"),
    ("checkpoint --retire 00000000", 2, "unknown_key"),
    ("checkpoint --policy {away}/checkpoint", 2, "bad_policy"),
    ("checkpoint --to {away}/no/such", 3, "sink_unwritable"),
]


def test_what_cannot_be_is_refused(file: File, tmp_path: Path) -> None:
    signed(file)
    kept(file, tmp_path)
    (tmp_path / "foreign").write_bytes(note_of().bytes())
    (tmp_path / "trusting").write_text(f"log {Key().verifier.vkey()}\nquorum none\n")
    for command, exit_, code in REFUSED:
        said = file.say(*command.format(away=tmp_path).split(), "--json")
        assert (command, said.exit, said.codes) == (command, exit_, {code})


def test_before_anything_is_signed_there_is_no_receipt(file: File) -> None:
    said = file.say("receipt", records(file)[0][0], "--json")
    assert (said.exit, said.codes) == (2, {"no_checkpoint"})


def test_the_operational_log_hears_of_a_checkpoint(file: File, tmp_path: Path) -> None:
    made = signed(file, "--log", str(tmp_path / "log"))
    line = (tmp_path / "log").read_text()
    assert made["root"] in line
    assert f'"size":{made["size"]}' in line


def test_every_checkpoint_goes_to_the_file_that_only_grows(file: File, tmp_path: Path) -> None:
    notes = [signed(file, "--to", str(tmp_path / "away"))["note"]]
    file.say("guide", file.open(), who=COUNSELLOR)
    notes.append(signed(file, "--to", str(tmp_path / "away"))["note"])
    assert (tmp_path / "away").read_text() == "\n".join([*notes, ""])
    away = ("--checkpoint", str(tmp_path / "away"), "--policy", str(folder(file) / "policy"))
    assert file.say("verify", *away).exit == 0


AUDITOR = ("--actor", "r-1", "--role", "auditor", "--unit", "revision", "--organisation", "skola")


def test_an_auditor_takes_a_bundle_and_nobody_else_does(file: File, tmp_path: Path) -> None:
    none = file.say("bundle", tmp_path / "early", "--json", who=AUDITOR)
    assert (none.exit, none.codes) == (2, {"no_checkpoint"})
    size = signed(file)["size"]
    refused = file.say("bundle", tmp_path / "mine", "--json", who=COUNSELLOR)
    assert (refused.exit, refused.codes) == (1, {"refused", "role"})
    policy = folder(file) / "policy"
    said = file.say("bundle", tmp_path / "mine", "--policy", policy, "--json", who=AUDITOR)
    assert (said.exit, said.json["size"], said.json["masked"]) == (0, size, False)
    found = verified(tmp_path / "mine", "--policy", policy)
    assert (found.exit, found.said["digest"]) == (0, said.json["digest"])
    again = file.say("bundle", tmp_path / "mine", "--json", who=AUDITOR)
    assert (again.exit, again.codes) == (2, {"file_exists"})
    masked = file.say("bundle", tmp_path / "masked", "--masked", "--lang", "en", who=AUDITOR)
    assert masked.exit == 0
    assert f"up to and including record {size}" in masked.out
    assert verified(tmp_path / "masked", "--masked").exit == 0
    for path in tmp_path.glob("ma*/**/*"):
        assert path.is_dir() or PLANTED.encode() not in path.read_bytes()


def test_one_case_is_given_out_with_proof_that_it_is_whole(file: File, tmp_path: Path) -> None:
    case = file.open()
    none = file.say("prove", case, tmp_path / "early", "--json", who=AUDITOR)
    assert (none.exit, none.codes) == (2, {"no_checkpoint"})
    size = signed(file)["size"]
    refused = file.say("prove", case, tmp_path / "case", "--json", who=COUNSELLOR)
    assert (refused.exit, refused.codes) == (1, {"refused", "role"})
    said = file.say("prove", case, tmp_path / "case", "--json", who=AUDITOR)
    assert (said.exit, said.json["proved"], said.json["newer"]) == (0, 1, 0)
    noted = json.loads(records(file)[-1][1])
    assert (noted["type"], noted["trg"], noted["case"]) == ("export", "case", case)
    assert noted["seen"] == said.json["digest"] == sha256((tmp_path / "case").read_bytes()).hexdigest()
    again = file.say("prove", case, tmp_path / "case", "--json", who=AUDITOR)
    assert (again.exit, again.codes) == (2, {"file_exists"})
    unknown = file.say("prove", PLANTED, tmp_path / "other", "--json", who=AUDITOR)
    assert (unknown.exit, unknown.codes) == (2, {"no_heads_yet"})
    assert PLANTED not in unknown.out
    assert not any(PLANTED.encode() in body for _, body in records(file))
    assert not any((tmp_path / name).exists() for name in ("early", "other"))

    (tmp_path / "policy").write_bytes((folder(file) / "policy").read_bytes())
    nowhere = ("--policy", str(tmp_path / "policy"), "--db", str(tmp_path / "none.db"))
    found = say("verify", "--case", tmp_path / "case", *nowhere, "--json")
    assert (found.exit, found.json["proved"], found.json["newer"], found.json["bad"]) == (0, 1, 0, None)
    assert (found.json["case"], found.json["size"], found.json["origin"]) == (case, size, "kommun.example/skola")
    assert not (tmp_path / "none.db").exists()
    shown = say("verify", "--case", tmp_path / "case", *nowhere, "--lang", "en")
    assert shown.out.startswith("The case is complete up to ")

    whole = json.loads((tmp_path / "case").read_bytes())
    (tmp_path / "less").write_text(json.dumps({**whole, "records": []}))
    found = say("verify", "--case", tmp_path / "less", *nowhere, "--json")
    assert (found.exit, found.json["bad"]) == (1, {"code": "case_record_missing", "place": 1})
    shown = say("verify", "--case", tmp_path / "less", *nowhere, "--lang", "en")
    assert (shown.exit, shown.out.startswith("THE CASE IS NOT WHAT IT WAS ON ")) == (1, True)
    assert "[case_record_missing]" in shown.out
    assert say("verify", "--case", tmp_path / "case", "--json").codes == {"policy_missing"}
    assert say("verify", "--case", tmp_path / "policy", *nowhere, "--json").codes == {"not_a_case_file"}
