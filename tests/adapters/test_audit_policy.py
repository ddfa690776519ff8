"""Whose word counts: policies as C2SP tlog-policy has them, and receipts that are checked against one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.audit.note import Checkpoint, Note, read_checkpoint
from stegvis.adapters.audit.policy import Policy, read_policy
from stegvis.adapters.audit.proof import LONGEST, Proof, read_proof
from stegvis.adapters.audit.signer import sign
from stegvis.adapters.audit.tree import Tree
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.errors import BadInput, NotProved

from .signers import ORIGIN, Key, WitnessKey, note_of

LOG = f"log {Key().verifier.vkey()}\n"
WITNESSES = [WitnessKey(101 + number, f"vittne.example/w{number}") for number in range(6)]
LINES = "".join(f"witness w{number} {one.verifier.vkey()}\n" for number, one in enumerate(WITNESSES))
VKEYS = [one.verifier.vkey() for one in WITNESSES]


def policy(text: str) -> Policy:
    return read_policy(text.encode())


def cosigned(*numbers: int) -> Note:
    note = note_of()
    return Note(note.text, (*note.signatures, *(WITNESSES[number].cosign(note.text) for number in numbers)))


def test_the_smallest_policy_believes_its_log_and_no_other() -> None:
    only = policy(f"{LOG}quorum none\n")
    assert only.checkpoint(note_of()) == read_checkpoint(note_of().text)
    for note in (note_of(7, b"r" * 32, Key(2)), note_of(7, b"r" * 32, Key(), origin="kommun.example/annan")):
        with pytest.raises(NotProved, match="unsigned_checkpoint:"):
            only.checkpoint(note)
    with pytest.raises(NotProved, match="unsigned_checkpoint:"):
        policy("quorum none\n").checkpoint(note_of())


def test_a_signature_of_another_log_that_is_trusted_is_not_enough() -> None:
    other = Key(2, "kommun.example/annan")
    both = policy(f"{LOG}log {other.verifier.vkey()}\nquorum none\n")
    assert both.checkpoint(note_of(7, b"r" * 32, other, origin="kommun.example/annan")).origin == "kommun.example/annan"
    with pytest.raises(NotProved, match="unsigned_checkpoint:"):
        both.checkpoint(note_of(7, b"r" * 32, other))


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    only = policy(f"{LOG}witness w0 {VKEYS[0]}\nquorum w0\n")
    text = note_of().text
    with pytest.raises(NotProved, match="unsigned_checkpoint:"):
        only.checkpoint(Note(text, (WITNESSES[0].cosign(text),)))


@given(signed=st.sets(st.integers(0, 5)))
@settings(deadline=None, max_examples=25)
def test_a_quorum_counts_members_of_members(signed: set[int]) -> None:
    # The example of the specification: two of three here, one of three there, and both.
    nested = policy(f"{LOG}{LINES}group x 2 w0 w1 w2\ngroup y any w3 w4 w5\ngroup both all x y\nquorum both\n")
    enough = len(signed & {0, 1, 2}) >= 2 and bool(signed & {3, 4, 5})
    if enough:
        assert nested.checkpoint(cosigned(*signed)).size == 7
    else:
        with pytest.raises(NotProved, match="no_quorum:"):
            nested.checkpoint(cosigned(*signed))


def test_the_same_witness_twice_is_one() -> None:
    two = policy(f"{LOG}{LINES}group g 2 w0 w1\nquorum g\n")
    with pytest.raises(NotProved, match="no_quorum:"):
        two.checkpoint(cosigned(0, 0))
    one = policy(f"{LOG}{LINES}quorum w1\n")
    assert one.checkpoint(cosigned(1)).size == 7
    with pytest.raises(NotProved, match="no_quorum:"):
        one.checkpoint(cosigned(0))


def test_what_may_stand_in_a_policy_stands_there() -> None:
    found = policy(
        f"\n  # whom we trust, och på svenska\n\tlog {Key().verifier.vkey()}   https://logg.example\n"
        f"witness åäö {VKEYS[0]} https://vittne.example/w\nwitness w1\t\t{VKEYS[1]}\n"
        "group G 1 åäö w1  \nquorum G"
    )
    assert found.logs == (Key().verifier,)
    assert found.reached() == {"åäö": (WITNESSES[0].verifier, "https://vittne.example/w")}
    assert found.groups == {"G": (1, ("åäö", "w1"))}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{LOG}quorum\n", 2),
        (f"{LOG}quorum none none\n", 2),
        (f"{LOG}quorum none\nquorum none\n", 3),
        (f"{LOG}quorum w0\n", 2),
        (f"{LOG}quorum none\r\n", 0),
        (f"{LOG}quorum none\0\n", 0),
        (f"{LOG}quorum\N{NO-BREAK SPACE}none\n", 2),
        (f"{LOG}{LOG}quorum none\n", 2),
        (f"log {Key().verifier.vkey()} a b\nquorum none\n", 1),
        ("log\nquorum none\n", 1),
        (f"log {VKEYS[0]}\nquorum none\n", 1),
        (f"witness w0 {Key().verifier.vkey()}\nquorum none\n", 1),
        ("witness w0\nquorum none\n", 1),
        (f"witness none {VKEYS[0]}\nquorum none\n", 1),
        (f"witness w0 {VKEYS[0]} a b\nquorum none\n", 1),
        (f"witness w0 {VKEYS[0]}\nwitness w0 {VKEYS[1]}\nquorum none\n", 2),
        (f"witness w0 {VKEYS[0]}\nwitness w1 {VKEYS[0]}\nquorum none\n", 2),
        (f"{LINES}group g any\nquorum none\n", 7),
        (f"{LINES}group g 0 w0\nquorum none\n", 7),
        (f"{LINES}group g 01 w0\nquorum none\n", 7),
        (f"{LINES}group g 2 w0\nquorum none\n", 7),
        (f"{LINES}group g some w0\nquorum none\n", 7),
        (f"{LINES}group g any w0 w9\nquorum none\n", 7),
        (f"{LINES}group g any none\nquorum none\n", 7),
        (f"{LINES}group g any w0 w0\nquorum none\n", 7),
        (f"{LINES}group w0 any w1\nquorum none\n", 7),
        (f"{LINES}group none any w1\nquorum none\n", 7),
        (f"{LINES}group g any g\nquorum none\n", 7),
        (f"{LINES}group g any w0\ngroup h any w0\nquorum none\n", 8),
        (f"{LINES}group g any w0\ngroup g any w1\nquorum none\n", 8),
        ("friend a b\nquorum none\n", 1),
    ],
)
def test_what_may_not_stand_in_a_policy_is_told_by_its_line(text: str, line: int) -> None:
    with pytest.raises(BadInput, match="bad_policy:") as error:
        policy(text)
    assert error.value.details["line"] == line


@pytest.mark.parametrize("text", ["", LOG, LINES])
def test_a_policy_that_says_nothing_of_witnesses_is_told_which_line_it_lacks(text: str) -> None:
    with pytest.raises(BadInput, match="quorum_missing"):
        policy(text)


def test_a_key_in_a_policy_is_a_key() -> None:
    with pytest.raises(BadInput, match="bad_vkey:"):
        policy("log abc\nquorum none\n")


# Receipts

LEAVES = [leaf_hash(b"entry %d" % number) for number in range(7)]
TREE = Tree(LEAVES)
ONLY = policy(f"{LOG}quorum none\n")


def receipt(place: int, extra: bytes | None = None) -> Proof:
    note = sign(Checkpoint(ORIGIN, 7, TREE.root(7)), [Key()])
    return Proof(place, tuple(TREE.inclusion(place, 7)), note, extra)


@given(place=st.integers(0, 6), extra=st.none() | st.binary())
@settings(deadline=None, max_examples=25)
def test_a_receipt_that_was_written_is_read_as_it_was_and_holds(place: int, extra: bytes | None) -> None:
    made = receipt(place, extra)
    assert read_proof(made.text()) == made
    made.check(LEAVES[place], ONLY)
    for other in {*LEAVES} - {LEAVES[place]}:
        with pytest.raises(NotProved, match="proof_fails:"):
            made.check(other, ONLY)
    with pytest.raises(NotProved, match="unsigned_checkpoint:"):
        made.check(LEAVES[place], policy("quorum none\n"))


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_no_bit_of_a_receipt_can_be_changed(data: st.DataObject) -> None:
    whole = receipt(data.draw(st.integers(0, 6))).text()
    place = read_proof(whole).place
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((BadInput, NotProved)):
        read_proof(bytes(changed)).check(LEAVES[place], ONLY)


HEAD = "c2sp.org/tlog-proof@v1\n"
BELOW = note_of().bytes().decode()
LINE = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        f"{HEAD}\n{BELOW}",
        f"{HEAD}index 0\n{BELOW}",
        f"{HEAD}index 00\n\n{BELOW}",
        f"{HEAD}index -1\n\n{BELOW}",
        f"{HEAD}index 1 \n\n{BELOW}",
        f"{HEAD}index \N{ARABIC-INDIC DIGIT ONE}\n\n{BELOW}",
        f"{HEAD}index {10**19}\n\n{BELOW}",
        f"{HEAD[:-2]}2\nindex 0\n\n{BELOW}",
        f"{HEAD}extra\nindex 0\n\n{BELOW}",
        f"{HEAD}extra !\nindex 0\n\n{BELOW}",
        f"{HEAD}extra AA==\nextra AA==\nindex 0\n\n{BELOW}",
        f"{HEAD}index 0\nextra AA==\n\n{BELOW}",
        f"{HEAD}extra AA==\n\n{BELOW}",
        f"{HEAD}index 0\n{LINE[:-1]}\n\n{BELOW}",
        f"{HEAD}index 0\nAA==\n\n{BELOW}",
        f"{HEAD}index 0\n{LINE}\n" + f"{LINE}\n" * LONGEST + f"\n{BELOW}",
        f"{HEAD}index å\n\n{BELOW}",
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not_a_proof:"):
        read_proof(text.encode())


def test_a_receipt_is_as_long_as_it_may_be() -> None:
    assert len(read_proof(f"{HEAD}index 0\n{f'{LINE}{chr(10)}' * LONGEST}\n{BELOW}".encode()).path) == LONGEST
    assert read_proof(f"{HEAD}extra \nindex 0\n\n{BELOW}".encode()).extra == b""
