"""Other people's vectors, accepted and refused alike: RFC 6962 proofs, a log in tiles, Ed25519."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from stegvis.adapters.audit.note import ED25519, Verifier, read_checkpoint, read_note, read_vkey, signed_by
from stegvis.adapters.audit.tiles import Tiles, tile_path
from stegvis.adapters.audit.tree import Tree, consistent, included
from stegvis.engine.sealing import leaf_hash

from .vectors import vectors

KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
"""Of the log in tlog-tiles/testdata, whose private half its authors have published."""


def hashes(said: list[str] | None) -> list[bytes]:
    return [b64decode(one) for one in said or ()]


def read(folder: Path) -> list[Any]:
    return [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]


def test_every_proof_of_the_rfc_6962_vectors_is_judged_as_they_say() -> None:
    folder = vectors("rfc6962", "testdata")
    wrong: list[str] = []
    inclusion, consistency = read(folder / "inclusion"), read(folder / "consistency")
    for one in inclusion:
        leaf, root = b64decode(one["leafHash"]), b64decode(one["root"])
        if included(leaf, one["leafIdx"], one["treeSize"], hashes(one["proof"]), root) is not (not one["wantErr"]):
            wrong.append(one["desc"])
    for one in consistency:
        roots = b64decode(one["root1"]), b64decode(one["root2"])
        if consistent(one["size1"], roots[0], one["size2"], roots[1], hashes(one["proof"])) is not (not one["wantErr"]):
            wrong.append(one["desc"])
    assert wrong == []
    assert len(inclusion) + len(consistency) == 196


def entries(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    while data:
        size = int.from_bytes(data[:2])
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


def test_every_checkpoint_of_the_tiled_log_is_signed_and_is_the_root_of_its_tiles() -> None:
    folder = vectors("tlog-tiles", "testdata", "log")
    key, tiles = read_vkey(KEY), Tiles(folder)
    assert key.vkey() == KEY
    sizes: list[int] = []
    for path in folder.glob("checkpoint.*"):
        note = read_note(path.read_bytes())
        assert note.bytes() == path.read_bytes()
        assert signed_by(note, [key]) == [key]
        origin, size, root = read_checkpoint(note.text)
        sizes.append(size)
        assert (origin, path.suffix) == (key.name, f".{size}")
        leaves = list(tiles.leaves(size))
        assert len(leaves) == size
        assert Tree(leaves).root(size) == root
        if size:
            bundle = (folder / tile_path(0, 0, size).replace("tile/0", "tile/entries")).read_bytes()
            assert list(map(leaf_hash, entries(bundle))) == leaves
    assert sorted(sizes) == list(range(16))


def test_ed25519_signatures_are_judged_as_wycheproof_says() -> None:
    said = {"valid": 0, "invalid": 0}
    for group in json.loads(vectors("wycheproof", "testvectors_v1", "ed25519_test.json").read_bytes())["testGroups"]:
        key = Verifier("a", ED25519, bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            held = key.holds(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert held is (case["result"] == "valid"), case["tcId"]
            said[case["result"]] += 1
    assert min(said.values()) > 50
