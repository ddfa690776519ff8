"""Notes, checkpoints, keys: read to the letter, and refused at the first byte that is not as the formats have it."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.audit.note import (
    COSIGNATURE,
    ED25519,
    LARGEST_NOTE,
    MOST_SIGNATURES,
    Checkpoint,
    Note,
    Signature,
    decoded,
    encoded,
    read_checkpoint,
    read_note,
    read_signature,
    read_vkey,
    signed_by,
)
from stegvis.adapters.audit.signer import sign
from stegvis.routines.errors import BadInput, NotProved

from ..often import often
from .signers import ORIGIN, Key, WitnessKey, note_of

# Of the C2SP signed-note text, so that it is not our own reading of it alone that is tested.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_example_of_the_format_holds() -> None:
    key, note = read_vkey(EXAMPLE_KEY), read_note(EXAMPLE.encode())
    assert (key.name, key.kind, key.id.hex(), key.vkey()) == ("example.com/foo", ED25519, "530d903a", EXAMPLE_KEY)
    assert note.text == "This is an example message.\n"
    assert note.bytes() == EXAMPLE.encode()
    assert signed_by(note, [key]) == [key]


def test_a_key_id_is_made_of_name_kind_and_key() -> None:
    key = Key().verifier
    assert key.id == sha256(ORIGIN.encode() + b"\n\x01" + key.key).digest()[:4]
    ids = {key.id, key._replace(name="a").id, key._replace(kind=COSIGNATURE).id, key._replace(key=bytes(32)).id}
    assert len(ids) == 4
    witness = WitnessKey().verifier
    assert witness.id == sha256(witness.name.encode() + b"\n\x04" + witness.key).digest()[:4]
    assert read_vkey(witness.vkey()) == witness


def vkey(name: str, kind: int, key: bytes) -> str:
    id_ = sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4].hex()
    return f"{name}+{id_}+{encoded(bytes([kind]) + key)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        EXAMPLE_KEY[:-1],
        f"{EXAMPLE_KEY} ",
        f"{EXAMPLE_KEY}+",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("com", "org"),
        vkey("", ED25519, bytes(32)),
        vkey("a b", ED25519, bytes(32)),
        vkey("a\N{NO-BREAK SPACE}b", ED25519, bytes(32)),
        vkey("a", ED25519, bytes(31)),
        vkey("a", ED25519, bytes(33)),
        vkey("a", 0x02, bytes(32)),
        vkey("a", 0x06, bytes(32)),
        "a+" + sha256(b"a\n").digest()[:4].hex() + "+",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="bad_vkey:"):
        read_vkey(text)


LINE = Signature("a", b"1234", b"s").line()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n" + LINE.encode()[:-1],
        LINE.encode(),
        f"\n{LINE}".encode(),
        f"text\n{LINE}".encode(),
        f"text\n\n{LINE}\n".encode(),
        f"text\n\n{LINE}more\n".encode(),
        f"text\n\n-{LINE[1:]}".encode(),
        f"text\n\n—{LINE[2:]}".encode(),
        f"text\t\n\n{LINE}".encode(),
        f"text\r\n\n{LINE}".encode(),
        f"te\0xt\n\n{LINE}".encode(),
        f"te\x1fxt\n\n{LINE}".encode(),
        b"te\xffxt\n\n" + LINE.encode(),
        f"text\n\n— a+b {encoded(b'12345')}\n".encode(),
        f"text\n\n—  {encoded(b'12345')}\n".encode(),
        "text\n\n— a\n".encode(),
        f"text\n\n— a {encoded(b'1234')}\n".encode(),
        f"text\n\n— a {encoded(b'12345')[:-1]}\n".encode(),
        f"text\n\n— a {encoded(b'12345')} \n".encode(),
        f"text\n\n{LINE * (MOST_SIGNATURES + 1)}".encode(),
        b"x" * LARGEST_NOTE + f"\n\n{LINE}".encode(),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not_a_note:"):
        read_note(data)


def test_a_note_is_as_long_as_it_may_be() -> None:
    assert (LARGEST_NOTE, MOST_SIGNATURES) == (1_000_000, 100)
    assert len(read_note(f"text\n\n{LINE * MOST_SIGNATURES}".encode()).signatures) == MOST_SIGNATURES
    below = f"\n\n{LINE}".encode()
    assert read_note(b"x" * (LARGEST_NOTE - len(below)) + below).signatures == (Signature("a", b"1234", b"s"),)


def test_the_last_empty_line_parts_text_and_signatures() -> None:
    note = read_note(f"one\n\ntwo\n\n{LINE}".encode())
    assert note.text == "one\n\ntwo\n"
    assert read_note(f"\n\n{LINE}".encode()).text == "\n"
    assert read_signature(LINE[:-1]).line() == LINE


names = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters="+"), min_size=1)


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["C"])), name=names, said=st.binary(min_size=1))
@often(50)
def test_a_note_that_was_written_is_read_as_it_was(text: str, name: str, said: bytes) -> None:
    note = Note(f"{text}\n", (Signature(name, b"abcd", said), Signature(name, b"efgh", said)))
    assert read_note(note.bytes()) == note


@given(data=st.data())
@often(50)
def test_no_bit_of_a_signed_note_can_be_changed(data: st.DataObject) -> None:
    key, witness = Key(), WitnessKey()
    made = note_of()
    whole = Note(made.text, (*made.signatures, witness.cosign(made.text))).bytes()
    known = [key.verifier, witness.verifier]
    assert signed_by(read_note(whole), known) == known
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        assert len(signed_by(read_note(bytes(changed)), known)) < 2
    except (BadInput, NotProved):
        return


def test_who_is_not_known_has_not_signed() -> None:
    key, other = Key(1), Key(2)
    note = note_of(3, b"r" * 32, key, other)
    assert signed_by(note, []) == []
    assert signed_by(note, [other.verifier]) == [other.verifier]
    assert signed_by(note, [key.verifier, other.verifier]) == [key.verifier, other.verifier]
    # The name or the id alone is no key: the line is somebody else's, and means nothing.
    assert signed_by(note, [key.verifier._replace(name="a")]) == []
    (first, _) = note.signatures
    renamed = note._replace(signatures=(first._replace(name="a"), first._replace(id=b"abcd")))
    assert signed_by(renamed, [key.verifier]) == []


def test_a_line_in_a_known_keys_name_that_it_did_not_write_is_told_of() -> None:
    note = note_of()
    (line,) = note.signatures
    for said in (bytes(64), line.said[:-1], line.said + b"\0", line.said[1:], bytes(8) + line.said):
        with pytest.raises(NotProved, match="bad_signature:") as error:
            signed_by(note._replace(signatures=(line._replace(said=said),)), [Key().verifier])
        assert error.value.details["key"] == Key().verifier.id.hex()


def test_a_witness_signs_the_time_too() -> None:
    witness, text = WitnessKey(), note_of().text
    line = witness.cosign(text, when=5)
    assert signed_by(Note(text, (line,)), [witness.verifier]) == [witness.verifier]
    later = line._replace(said=(6).to_bytes(8) + line.said[8:])
    for bad in (later, line._replace(said=line.said[8:]), line._replace(said=line.said[:8])):
        with pytest.raises(NotProved, match="bad_signature:"):
            signed_by(Note(text, (bad,)), [witness.verifier])
    # What a log's key has written is no cosignature, and the other way about.
    assert not witness.verifier._replace(kind=ED25519).holds(text.encode(), line.said)
    assert not Key().verifier._replace(kind=COSIGNATURE).holds(text.encode(), note_of().signatures[0].said)


@given(size=st.integers(0, 10**19 - 1), root=st.binary(min_size=32, max_size=32))
@often(50)
def test_a_checkpoint_that_was_written_is_read_as_it_was(size: int, root: bytes) -> None:
    made = Checkpoint(ORIGIN, size, root)
    assert read_checkpoint(made.text()) == made
    assert made.text() == f"{ORIGIN}\n{size}\n{b64encode(root).decode()}\n"
    assert read_checkpoint(f"{made.text()}more\nand more\n") == made
    assert sign(made, [Key()]).text == made.text()


ROOT = encoded(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n",
        "a\n1\n",
        f"a\n1\n{ROOT}",
        f"a\n1\n{ROOT}\nmore",
        f"\n1\n{ROOT}\n",
        f"a\n\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n+1\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n1 \n{ROOT}\n",
        f"a\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n",
        f"a\n{10**19}\n{ROOT}\n",
        f"a\n1\n{ROOT}\n\n",
        f"a\n1\n{ROOT}\n\nmore\n",
        f"a\n1\n{encoded(bytes(31))}\n",
        f"a\n1\n{encoded(bytes(33))}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT[:-2]}B=\n",
        f"a\n1\n{ROOT} \n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not_a_checkpoint:"):
        read_checkpoint(text)


@given(data=st.binary())
def test_bytes_have_one_text(data: bytes) -> None:
    assert decoded(encoded(data)) == data
    for other in (encoded(data) + "=", encoded(data) + "\n", f" {encoded(data)}", encoded(data).replace("A", "å", 1)):
        assert decoded(other) is None or other == encoded(data)


def test_what_is_almost_base_64_is_not() -> None:
    assert decoded("AA==") == b"\0"
    assert decoded("") == b""
    for text in ("AB==", "AA=", "AA", "A A=", "AA==\n", "-_==", "AAA=A"):
        assert decoded(text) is None
