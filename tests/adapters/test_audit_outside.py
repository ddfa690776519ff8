"""What we sign and prove, judged by programs that nobody here wrote: they say yes and no where we do."""

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stegvis.adapters.audit.note import Checkpoint, read_note, read_vkey
from stegvis.adapters.audit.policy import Policy
from stegvis.adapters.audit.proof import Proof
from stegvis.adapters.audit.signer import sign
from stegvis.adapters.audit.tree import Tree, consistent
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.errors import StegvisError

from ..evidence import keep
from .bundles import TRUE, WAYS, Open, broken, room, verified
from .held import SHORT, Held, hold
from .signers import ORIGIN, Key

pytestmark = pytest.mark.deep

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))
ROOT = Path(__file__).parents[2]
DRIVERS = ROOT / "tests" / "outside"
OUTSIDE = ROOT / ".venv" / "outside"
GO = Path("/usr/share/gocode")
COUNT = max(200, round(10_000 * SCALE))

Question: TypeAlias = dict[str, Any]


def go() -> list[str | Path]:
    if shutil.which("go") is None or not (GO / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("golang.org/x/mod is not here: apt-get install golang-go golang-golang-x-mod-dev")
    return ["go", "run", DRIVERS / "check.go"]


def node() -> list[str | Path]:
    if shutil.which("node") is None or not (OUTSIDE / "node_modules/@sigstore/verify").is_dir():
        pytest.skip("@sigstore/verify is not here: make outside")
    return ["node", DRIVERS / "check.js", OUTSIDE]


def python() -> list[str | Path]:
    program = OUTSIDE / "sigstore" / "bin" / "python"
    if not program.exists():
        pytest.skip("sigstore for Python is not here: make outside")
    return [program, DRIVERS / "check_sigstore.py"]


def asked(command: Sequence[str | Path], questions: Sequence[Question]) -> list[bool]:
    done = subprocess.run(
        [str(part) for part in command],
        input="".join(json.dumps(one) + "\n" for one in questions),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "GO111MODULE": "off", "GOPATH": str(GO), "GOFLAGS": "", "PYTHONPATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [line == "1" for line in done.stdout.split()]


def ours(question: Question) -> bool:
    """What we say ourselves."""
    policy = Policy((read_vkey(question["vkey"]),), {}, {}, "none")
    proof = tuple(map(b64decode, question["proof"]))
    try:
        note = read_note(question["note"].encode())
        if question["kind"] == "receipt":
            Proof(question["index"], proof, note).check(leaf_hash(b64decode(question["entry"])), policy)
            return True
        new, old = policy.checkpoint(note), policy.checkpoint(read_note(question["old"].encode()))
        return consistent(old.size, old.root, new.size, new.root, proof)
    except StegvisError:
        return False


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(tmp_path_factory.mktemp("outside"), SHORT, 0)


class Asker:
    """Makes questions of a log: most as they should be, or with one thing wrong."""

    def __init__(self, held: Held) -> None:
        self.chance = Random(7)
        self.rows = held.rows
        self.tree = Tree(leaf_hash(row.body) for row in held.rows)
        self.notes = {size: self.note(size) for size in range(1, len(self.rows) + 1)}

    def note(self, size: int) -> str:
        return sign(Checkpoint(ORIGIN, size, self.tree.root(size)), [Key()]).bytes().decode()

    def flipped(self, data: bytes) -> bytes:
        changed = bytearray(data)
        changed[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        return bytes(changed)

    def text_flipped(self, text: str) -> str:
        return b64encode(self.flipped(b64decode(text))).decode()

    def receipt(self) -> Question:
        size = self.chance.randrange(1, len(self.rows) + 1)
        index = self.chance.randrange(size)
        return {
            "kind": "receipt",
            "vkey": Key().verifier.vkey(),
            "note": self.notes[size],
            "entry": b64encode(self.rows[index].body).decode(),
            "index": index,
            "proof": [b64encode(one).decode() for one in self.tree.inclusion(index, size)],
        }

    def consistency(self) -> Question:
        old, new = sorted(self.chance.choices(range(1, len(self.rows) + 1), k=2))
        proof = [b64encode(one).decode() for one in self.tree.consistency(old, new)]
        both = {"note": self.notes[new], "old": self.notes[old], "proof": proof}
        return {"kind": "consistency", "vkey": Key().verifier.vkey(), **both}

    def broken(self, one: Question) -> Question:
        way = self.chance.choice(
            [self.entry, self.index, self.hash, self.fewer, self.more, self.signature, self.root, self.size, self.key]
        )
        return {**one, **way(one)}

    def entry(self, one: Question) -> Question:
        if "entry" in one:
            return {"entry": self.text_flipped(one["entry"])}
        return {"old": self.notes[self.chance.randrange(1, len(self.rows) + 1)]}

    def index(self, one: Question) -> Question:
        return {"index": self.chance.randrange(len(self.rows) + 4)} if "index" in one else self.fewer(one)

    def hash(self, one: Question) -> Question:
        if not one["proof"]:
            return self.more(one)
        proof = list(one["proof"])
        place = self.chance.randrange(len(proof))
        proof[place] = self.text_flipped(proof[place])
        return {"proof": proof}

    def fewer(self, one: Question) -> Question:
        return {"proof": one["proof"][:-1] if self.chance.random() < 0.5 else one["proof"][1:]}

    def more(self, one: Question) -> Question:
        return {"proof": [*one["proof"], b64encode(self.rows[0].leaf).decode()]}

    def signature(self, one: Question) -> Question:
        above, _, line = one["note"].rpartition(" ")
        return {"note": f"{above} {self.text_flipped(line.strip())}\n"}

    def root(self, one: Question) -> Question:
        lines = one["note"].split("\n")
        lines[2] = self.text_flipped(lines[2])
        return {"note": "\n".join(lines)}

    def size(self, one: Question) -> Question:
        del one
        return {"note": self.notes[self.chance.randrange(1, len(self.rows) + 1)]}

    def key(self, one: Question) -> Question:
        del one
        return {"vkey": Key(2).verifier.vkey()}

    def questions(self, count: int, make: Callable[[], Question]) -> list[Question]:
        return [make() if number % 2 else self.broken(make()) for number in range(count)]


JUDGES: dict[Callable[[], list[str | Path]], str] = {
    go: "golang.org/x/mod/sumdb",
    node: "@sigstore/verify",
    python: "sigstore for Python",
}


@pytest.mark.parametrize("command", JUDGES)
def test_receipts_are_judged_alike(held: Held, command: Callable[[], list[str | Path]]) -> None:
    program, asker = command(), Asker(held)
    questions = asker.questions(COUNT, asker.receipt)
    mine = [ours(one) for one in questions]
    assert all(mine[1::2])
    assert 0 < sum(mine[::2]) < COUNT // 8  # an index or a size that chance left as it was, or of the same shape
    theirs = asked(program, questions)
    assert [one for one, we, they in zip(questions, mine, theirs, strict=True) if we is not they] == []
    keep("proofs", f"receipts, good and broken, judged as by {JUDGES[command]}", COUNT, "")


def test_growth_is_judged_alike_by_go(held: Held) -> None:
    program, asker = go(), Asker(held)
    questions = asker.questions(COUNT, asker.consistency)
    mine = [ours(one) for one in questions]
    assert all(mine[1::2])
    theirs = asked(program, questions)
    assert [one for one, we, they in zip(questions, mine, theirs, strict=True) if we is not they] == []
    keep("proofs", f"growth from one checkpoint to another, good and broken, judged as by {JUDGES[go]}", COUNT, "")


def test_bundles_are_judged_alike_by_go(tmp_path: Path) -> None:
    """Each way in a process of its own, and no other verdict by a program of another language."""
    go()
    made = room(tmp_path / "room")
    with closing(made.store):
        made.bundle(tmp_path / "good")
    folders = {"good": tmp_path / "good"}
    for number, name in enumerate(WAYS):
        one = broken(folders["good"], tmp_path / f"{number}", WAYS[name])
        one._replace(verdict=verified(one.folder, program=folders["good"] / "verify.py")).found_as(WAYS[name])
        folders[name] = one.folder
    for way, do in TRUE.items():
        folders[way] = Path(shutil.copytree(folders["good"], tmp_path / f"true-{len(folders)}"))
        do(Open(folders[way]))
        Open(folders[way]).sums_anew()
        assert verified(folders[way]).exit == 0
    done = subprocess.run(
        ["go", "run", DRIVERS / "check_bundle.go"],
        input="".join(f"{one}\n" for one in folders.values()),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "GO111MODULE": "off", "GOPATH": str(GO), "GOFLAGS": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(zip(folders, done.stdout.split(), strict=True))
    assert [name for name, said in found.items() if said == "1"] == ["good", *TRUE]
    keep("proofs", "bundles, good and broken, judged alike by verify.py and by the Go program", len(folders), "")


def test_signatures_are_judged_alike_by_openssl(held: Held, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    asker = Asker(held)
    key = Ed25519PublicKey.from_public_bytes(Key().verifier.key)
    (tmp_path / "key").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    count = max(20, round(500 * SCALE))
    for number in range(count):
        note = read_note(asker.receipt()["note"].encode())
        said = note.signatures[0].said
        if number % 2:
            said = asker.flipped(said)
        (tmp_path / "text").write_text(note.text)
        (tmp_path / "said").write_bytes(said)
        files = ["-inkey", tmp_path / "key", "-in", tmp_path / "text", "-sigfile", tmp_path / "said"]
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files], capture_output=True, check=False
        )
        assert (done.returncode == 0) is (number % 2 == 0) is Key().verifier.holds(note.text.encode(), said)
    keep("proofs", "signatures of checkpoints, good and broken, judged as by openssl", count, "")
