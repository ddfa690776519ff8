"""Audit bundles: a good one, and the ways in which somebody breaks it."""

import json
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from stegvis.adapters.audit.bundle import bundle
from stegvis.adapters.audit.checkpoints import HEADS_EVERY, AuditLog
from stegvis.adapters.audit.tiles import Tiles
from stegvis.adapters.audit.tree import Frontier
from stegvis.adapters.audit.verify import heads_root
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.sealing import leaf_hash
from stegvis.engine.values import Actor
from stegvis.routines.digests import canonical
from stegvis.routines.library import shipped

from .signers import Key, WitnessKey, note_of

HERE = "skola"
TEACHER = Actor("u-17", roles={"school_employee"}, unit="arbetslag-7", organisation=HERE)
AUDITOR = Actor("r-1", roles={"auditor"}, unit="revision", organisation=HERE)
PLANTED = "Mumtaz-Ekbacken"
ORIGIN = shipped().organisations.organisations[HERE].origin


class Room:
    """A file of cases with a signed log, and an engine over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = SqlStore(folder / "cases.db", synchronous="NORMAL")
        self.engine = Engine(shipped(), self.store)
        self.log = AuditLog(self.store, HERE, ORIGIN, folder / "signer")
        self.cases: list[str] = []

    def work(self, looks: int = 0) -> None:
        """Open a case, and look at it as often as that."""
        form = {"danger": False}
        key = f"k-{len(self.cases)}"
        case = self.engine.open("suspicion", actor=TEACHER, form=form, person=f"p-{len(self.cases)}", key=key).id
        self.cases.append(case)
        self.engine.guide(case, actor=TEACHER)
        at = datetime(2026, 5, 4, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.engine.files.note(TEACHER, [{"type": "search", "at": at, "trg": "list"}] * looks)

    def sign(self, heads_every: timedelta = HEADS_EVERY) -> None:
        self.log.checkpoint(self.engine.clock, self.engine.files.entropy, heads_every=heads_every)

    def take_out(self, what: str) -> Callable[[Callable[[], str]], str]:
        return lambda make: self.engine.take_out(what, make, actor=AUDITOR)

    def bundle(self, to: Path, *, masked: bool = False, policy: bytes | None = None) -> str:
        return bundle(self.log, to, self.take_out("bundle"), masked=masked, policy=policy).digest


def room(folder: Path) -> Room:
    """A log of SIZE records, more than a tile; signed twice, each time with a word on where the cases stand."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Room(folder)
    for looks in (3, 260):
        made.work(looks)
        made.sign(heads_every=timedelta(0))
    return made


class Verdict(NamedTuple):
    exit: int
    said: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        return {one[0] for one in self.said["faults"]}

    @property
    def bad(self) -> tuple[int | None, int | None]:
        return self.said["first_bad"], self.said["last_bad"]


def verified(folder: Path, *more: str | Path, program: Path | None = None) -> Verdict:
    """What the bundle's own program says, run where stegvis is not."""
    command = [sys.executable, "-I", "-S", program or folder / "verify.py", folder, "--json", *more]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder, check=False)
    assert not done.stderr or done.returncode == 2, done.stderr
    return Verdict(done.returncode, json.loads(done.stdout or "{}"))


RUNNER = """
import json, runpy, sys
main = runpy.run_path(sys.argv[1])["main"]
for folder in sys.argv[2:]:
    sys.argv = ["verify.py", folder, "--json"]
    print(json.dumps(main()))
"""


class Broken(NamedTuple):
    """A bundle that was broken, and what was found."""

    folder: Path
    first: tuple[int | None, int | None]
    """Between which the first bad record lies."""
    verdict: "Verdict | None" = None

    def found_as(self, way: "Way") -> None:
        assert self.verdict is not None
        assert self.verdict.exit == 1
        assert way.code in self.verdict.codes
        assert self.verdict.bad == self.first


def broken(good: Path, to: Path, way: "Way") -> Broken:
    """A copy of a good bundle, broken in that way."""
    held = Open(Path(shutil.copytree(good, to)))
    first = way.first(held) if callable(way.first) else way.first
    way.do(held)
    if way.sums:
        held.sums_anew()
    return Broken(to, first if isinstance(first, tuple) else (first, first))


def judged(good: Path, ways: Mapping[str, Broken]) -> dict[str, Broken]:
    """What the program of a good bundle says of each."""
    command = [sys.executable, "-I", "-S", "-c", RUNNER, good / "verify.py", *(one.folder for one in ways.values())]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=good, check=True)
    lines = iter(map(json.loads, done.stdout.splitlines()))
    said = [(next(lines), next(lines)) for _ in ways]
    pairs = zip(ways.items(), said, strict=True)
    return {name: one._replace(verdict=Verdict(status, found)) for (name, one), (found, status) in pairs}


# ---- ways to break one --------------------------------------------------------------------------------------------

Where: TypeAlias = "int | tuple[int, int] | Callable[[Open], int] | None"


class Way(NamedTuple):
    """Something that somebody does to a bundle."""

    do: "Callable[[Open], None]"
    code: str
    """What the verifier must find, with others beside."""
    first: Where = None
    """Number of the first bad record, or between which it lies; None where no record is bad."""
    sums: bool = True
    """Whether whoever did it makes the list of files anew."""


class Open:
    """A bundle in somebody's hands, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)

    @property
    def lines(self) -> list[bytes]:
        return self.read("records.jsonl").split(b"\n")[:-1]

    @lines.setter
    def lines(self, lines: list[bytes]) -> None:
        self.write("records.jsonl", b"".join(line + b"\n" for line in lines))

    def tree_anew(self) -> None:
        """Make leaves and tiles from the records."""
        leaves = [leaf_hash(line) for line in self.lines]
        self.write("leaves.bin", b"".join(leaves))
        for path in sorted((self.folder / "tile").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        Tiles(self.folder).extend(0, leaves)

    def sign_anew(self, *keys: Key) -> None:
        """Sign the records as they are now, with nobody's key."""
        tree = Frontier()
        for line in self.lines:
            tree.add(leaf_hash(line))
        note = note_of(tree.size, tree.root(), *(keys or (Key(9, ORIGIN),)), origin=ORIGIN).bytes()
        self.write("checkpoint", note)
        self.write("checkpoints", note)

    def sums_anew(self) -> None:
        names = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        said = [f"{sha256(self.read(name)).hexdigest()}  {name}\n" for name in names if name != "SHA256SUMS"]
        self.write("SHA256SUMS", "".join(said).encode())

    def edit(self, number: int, **changes: object) -> None:
        lines = self.lines
        lines[number - 1] = canonical({**json.loads(lines[number - 1]), **changes})
        self.lines = lines

    def replace(self, name: str, old: bytes, new: bytes) -> None:
        data = self.read(name)
        assert old in data
        self.write(name, data.replace(old, new, 1))

    def flip(self, name: str, at: int) -> None:
        data = bytearray(self.read(name))
        data[at] ^= 1
        self.write(name, bytes(data))


def deleted(number: int) -> Callable[[Open], None]:
    def do(one: Open) -> None:
        lines = one.lines
        del lines[number - 1]
        one.lines = lines

    return do


def put_in(number: int, of: int) -> Callable[[Open], None]:
    def do(one: Open) -> None:
        lines = one.lines
        lines.insert(number - 1, lines[of - 1])
        one.lines = lines

    return do


def swapped(one: Open) -> None:
    lines = one.lines
    lines[9], lines[10] = lines[10], lines[9]
    one.lines = lines


def line(number: int, data: bytes) -> Callable[[Open], None]:
    def do(one: Open) -> None:
        lines = one.lines
        lines[number - 1] = data
        one.lines = lines

    return do


def truncated(one: Open) -> None:
    one.lines = one.lines[:100]


def empty_line(one: Open) -> None:
    one.lines = [*one.lines[:29], b"", *one.lines[29:]]


def cut(name: str, of: int) -> Callable[[Open], None]:
    return lambda one: one.write(name, one.read(name)[:-of])


def gone(name: str) -> Callable[[Open], None]:
    return lambda one: (one.folder / name).unlink()


def both(*steps: Callable[[Open], None]) -> Callable[[Open], None]:
    def do(one: Open) -> None:
        for step in steps:
            step(one)

    return do


def edit(number: int, **changes: object) -> Callable[[Open], None]:
    return lambda one: one.edit(number, **changes)


def forged_signature(one: Open) -> None:
    for name in ("checkpoint", "checkpoints"):
        above, _, code = one.read(name).decode().rstrip("\n").rpartition(" ")
        said = bytearray(b64decode(code))
        said[-1] ^= 1
        one.write(name, f"{above} {b64encode(said).decode()}\n".encode())


def older(one: Open) -> None:
    """The newest checkpoint is put away, and an older one in its place."""
    one.write("checkpoint", one.read("checkpoints").split(b"\n\nkommun")[0] + b"\n")


def key_too(*steps: Callable[[Open], None]) -> Callable[[Open], None]:
    """Somebody who has a key that the policy trusts does that, and makes everything right again but for it."""

    def do(one: Open) -> None:
        both(*steps)(one)
        one.tree_anew()
        one.sign_anew()
        one.write("policy.txt", f"log {Key(9, ORIGIN).verifier.vkey()}\nquorum none\n".encode())

    return do


Heads: TypeAlias = dict[str, tuple[int, bytes]]


def heads_at(lines: list[bytes]) -> Heads:
    """Number of records and last leaf of each case."""
    found: Heads = {}
    for one in lines:
        said = json.loads(one)
        if "cseq" in said:
            found[said["case"]] = (said["cseq"], leaf_hash(one))
    return found


def heads_said(heads: Heads, upto: int) -> dict[str, object]:
    """What a record says that says that they stood so."""
    return {"upto": upto, "count": len(heads), "root": heads_root((case, *one) for case, one in heads.items()).hex()}


def false_heads(change: Callable[[Heads], Heads]) -> Callable[[Open], None]:
    """Somebody who has a key lets the log's last word on the cases be another."""

    def do(one: Open) -> None:
        heads = heads_at(one.lines[: SIZE - 1])
        assert change(heads) != heads
        one.edit(SIZE, **heads_said(change(heads), SIZE - 1))

    return key_too(do)


def exchanged(heads: Heads) -> Heads:
    """Each case with the head of the other."""
    return dict(zip(heads, reversed(heads.values()), strict=True))


def said_again(upto: int, *cases: str) -> Callable[[Open], None]:
    """A true word on where the cases stood once, said late; before it those cases are opened."""

    def do(one: Open) -> None:
        opened = json.loads(one.lines[SECOND - 1])
        one.lines = [*one.lines, *(canonical({**opened, "id": case, "case": case}) for case in cases)]
        said = {**json.loads(one.lines[SIZE - 1]), "id": "0" * 32, **heads_said(heads_at(one.lines[:upto]), upto)}
        one.lines = [*one.lines, canonical(said)]

    return key_too(do)


def another_look(number: int) -> Callable[[Open], None]:
    """A look in the place of what stood there."""
    return lambda one: line(number, canonical({**json.loads(one.lines[number + 1]), "id": "0" * 32}))(one)


def rule(change: Callable[[Open, str], None]) -> Callable[[Open], None]:
    """Something is done to the last of the definitions."""
    return lambda one: change(one, f"definitions/{max(path.name for path in one.folder.glob('definitions/*'))}")


def names_rule(one: Open) -> int:
    """Number of the first record that names the last of the definitions."""
    digest = max(path.stem for path in one.folder.glob("definitions/*"))
    return next(number for number, line in enumerate(one.lines, 1) if digest.encode() in line)


def append(name: str, data: bytes) -> Callable[[Open], None]:
    return lambda one: one.write(name, one.read(name) + data)


def write(name: str, data: bytes) -> Callable[[Open], None]:
    return lambda one: one.write(name, data)


def flip(name: str, at: int = 40) -> Callable[[Open], None]:
    return lambda one: one.flip(name, at)


def swap_in(name: str, old: bytes, new: bytes) -> Callable[[Open], None]:
    return lambda one: one.replace(name, old, new)


def leaves_anew(one: Open) -> None:
    one.write("leaves.bin", b"".join(map(leaf_hash, one.lines)))


def unsigned(one: Open) -> None:
    one.write("checkpoint", one.read("checkpoint").split(b"\n\n")[0] + b"\n\n")


def witness_wanted(one: Open) -> None:
    keys = one.read("policy.txt").replace(b"quorum none\n", b"")
    one.write("policy.txt", keys + f"witness w {WitnessKey().verifier.vkey()}\nquorum w\n".encode())


LEAF_TILE, TOP_TILE = "tile/0/000", "tile/1/000.p/1"
SIZE, EARLIER, SECOND = 270, 7, 8
"""Records in the bundle, and when it was first signed; the number of the record that opens its second case. Those two
are also the records that say where the cases stand."""

WAYS = {
    "edited": Way(edit(5, actor="u-18"), "record_differs", 5),
    "edited, list as it was": Way(edit(5, actor="u-18"), "file_differs", 5, sums=False),
    "first edited": Way(edit(1, at="2026-05-04T00:00:00.000000Z"), "record_differs", 1),
    "last edited": Way(edit(SIZE, actor="u-18"), "record_differs", SIZE),
    "deleted": Way(deleted(10), "record_differs", 10),
    "first deleted": Way(deleted(1), "record_differs", 1),
    "last deleted": Way(deleted(SIZE), "log_short", SIZE),
    "case opening deleted": Way(deleted(SECOND), "record_differs", SECOND),
    "swapped": Way(swapped, "record_differs", 10),
    "truncated": Way(truncated, "log_short", 101),
    "emptied": Way(write("records.jsonl", b""), "log_short", 1),
    "torn": Way(cut("records.jsonl", 10), "record_differs", SIZE),
    "torn, list as it was": Way(cut("records.jsonl", 1), "file_differs", None, sums=False),
    "one more": Way(append("records.jsonl", b"{}\n"), "not_signed", SIZE + 1),
    "duplicated at the end": Way(put_in(SIZE + 1, 12), "not_signed", SIZE + 1),
    "duplicated": Way(put_in(21, 20), "record_differs", 21),
    "inserted": Way(put_in(30, 3), "record_differs", 30),
    "an empty line": Way(empty_line, "record_differs", 30),
    "not JSON": Way(line(40, b"nonsense"), "unreadable", 40),
    "no records": Way(gone("records.jsonl"), "file_missing"),
    "forged signature": Way(forged_signature, "bad_signature"),
    "another's key": Way(Open.sign_anew, "unsigned_checkpoint"),
    "size changed": Way(swap_in("checkpoint", b"\n270\n", b"\n269\n"), "bad_signature"),
    "log renamed": Way(swap_in("checkpoint", b"kommun.example/skola\n", b"kommun.example/annan\n"), "bad_signature"),
    "signature taken away": Way(unsigned, "not_a_checkpoint"),
    "no checkpoint": Way(gone("checkpoint"), "file_missing"),
    "checkpoint emptied": Way(write("checkpoint", b""), "not_a_checkpoint"),
    "no earlier checkpoints": Way(gone("checkpoints"), "file_missing"),
    "an older checkpoint": Way(older, "not_newest"),
    "no policy": Way(gone("policy.txt"), "file_missing"),
    "policy unreadable": Way(append("policy.txt", b"log nonsense\n"), "bad_policy"),
    "policy without the key": Way(write("policy.txt", b"quorum none\n"), "unsigned_checkpoint"),
    "a witness wanted": Way(witness_wanted, "no_quorum"),
    "leaf changed": Way(flip("leaves.bin"), "leaves_differ"),
    "leaves cut": Way(cut("leaves.bin", 32), "leaves_differ"),
    "leaf made anew": Way(both(edit(50, actor="u-18"), leaves_anew), "record_differs", 50),
    "whole tree made anew": Way(both(edit(50, actor="u-18"), Open.tree_anew), "record_differs", (EARLIER + 1, SIZE)),
    "tree made anew before": Way(both(edit(3, actor="u-18"), Open.tree_anew), "record_differs", (1, EARLIER)),
    "cut, and made anew": Way(both(deleted(SIZE), Open.tree_anew), "record_differs", (EARLIER + 1, SIZE)),
    "tile changed": Way(flip(LEAF_TILE), "tile_differs"),
    "higher tile changed": Way(flip(TOP_TILE, 4), "tile_differs"),
    "tile torn": Way(cut(LEAF_TILE, 3), "tile_differs"),
    "tile gone": Way(gone(LEAF_TILE), "tile_missing"),
    "tile too many": Way(write("tile/0/002", b"x" * 32), "tile_extra"),
    "definition changed": Way(rule(lambda one, name: one.flip(name, 10)), "definition_differs", names_rule),
    "definition gone": Way(rule(lambda one, name: (one.folder / name).unlink()), "definition_missing", names_rule),
    "definition too many": Way(write("definitions/" + "0" * 64 + ".json", b"{}"), "definition_extra"),
    "file too many": Way(write("more", b"x"), "file_extra", sums=False),
    "listed file gone": Way(gone("README"), "file_missing", sums=False),
    "program changed": Way(append("README", b"x"), "file_differs", sums=False),
    "list unreadable": Way(append("SHA256SUMS", b"x"), "bad_sums", sums=False),
    "list with a way out": Way(append("SHA256SUMS", b"0" * 64 + b"  ../x\n"), "bad_sums", sums=False),
    "no list": Way(gone("SHA256SUMS"), "file_missing", sums=False),
    "signed: a gap": Way(key_too(edit(SECOND, cseq=2)), "gap", SECOND),
    "signed: a broken link": Way(key_too(edit(SECOND, prev="0" * 64)), "broken_link", SECOND),
    "signed: another log's": Way(key_too(edit(40, log="kommun.example/annan")), "misplaced", 40),
    "signed: twice": Way(key_too(put_in(60, 59)), "duplicate", 60),
    "signed: another form": Way(key_too(line(40, b"{ }")), "not_canonical", 40),
    "signed: no record": Way(key_too(line(40, b"[" * 60_000)), "unreadable", 40),
    "first word on the cases deleted": Way(deleted(EARLIER), "record_differs", EARLIER),
    "word on the cases repeated": Way(put_in(SECOND, EARLIER), "record_differs", SECOND),
    "signed: word on the cases repeated": Way(key_too(put_in(SECOND, EARLIER)), "duplicate", SECOND),
    "signed: head of another record": Way(
        false_heads(lambda heads: {case: (count, b"\0" * 32) for case, (count, _) in heads.items()}),
        "heads_differ",
        SIZE,
    ),
    "signed: head of another case": Way(false_heads(exchanged), "heads_differ", SIZE),
    "signed: head one further on": Way(
        false_heads(lambda heads: {case: (count + 1, leaf) for case, (count, leaf) in heads.items()}),
        "heads_differ",
        SIZE,
    ),
    "signed: a case left out": Way(false_heads(lambda heads: dict([*heads.items()][1:])), "heads_differ", SIZE),
    "signed: no case at all": Way(false_heads(lambda _: {}), "heads_differ", SIZE),
    "signed: a case too many": Way(
        false_heads(lambda heads: {**heads, "0" * 32: (1, b"\0" * 32)}), "heads_differ", SIZE
    ),
    "signed: cases counted too many": Way(key_too(edit(SIZE, count=3)), "heads_differ", SIZE),
    "signed: cases counted by no number": Way(key_too(edit(EARLIER, count=True)), "heads_differ", EARLIER),
    "signed: heads of an earlier place": Way(key_too(edit(SIZE, upto=EARLIER)), "heads_differ", SIZE),
    "signed: heads of what is to come": Way(key_too(edit(EARLIER, upto=EARLIER)), "heads_differ", EARLIER),
    "signed: heads of before the first": Way(key_too(edit(SIZE, upto=-1)), "heads_differ", SIZE),
    "signed: heads of no place": Way(key_too(edit(SIZE, upto=str(SIZE - 1))), "heads_differ", SIZE),
    "signed: heads without a root": Way(key_too(edit(SIZE, root=None)), "heads_differ", SIZE),
    "signed: the end of a case changed": Way(key_too(edit(SECOND, actor="u-18")), "heads_differ", SIZE),
    "signed: a case taken away": Way(key_too(another_look(SECOND)), "heads_differ", SIZE),
    "signed: rules nobody has": Way(key_too(edit(SECOND, law="0" * 64)), "definition_missing", SECOND),
}
"""Each with what must be found."""

TRUE: dict[str, Callable[[Open], None]] = {
    "a word on where the cases stood earlier": said_again(SIZE - 9),
    "a word on where the first case stood": said_again(1),
    "a word on cases that came in another order than that of their keys": said_again(SIZE + 2, "f" * 32, "1" * 32),
    "a word on the first day, again": said_again(EARLIER),
    # Nobody can miss what whoever has the key never let be said; a checkpoint from before would.
    "no word on the cases": key_too(deleted(SIZE)),
}
"""What somebody who has a key that is trusted may do, and the bundle is good: all in it is true."""
