"""What a hand-off looks like between two organisations: sealed for the receiver, signed by the sender.

    magic line | length of the header (2 bytes) | header | sealed message | signature (64 bytes)

The message is sealed with HPKE (RFC 9180, base mode; MLKEM768-X25519, HKDF-SHA-256, AES-256-GCM) with everything before
it as ``info``. Then everything is signed with Ed25519. Base mode and a signature, rather than a KEM that authenticates,
since then not even the receiver can make what looks as if the sender had sent it.

Putting the two together is safe when what is encrypted names the sender and what is signed names the receiver (An,
Dodis and Rabin, *On the Security of Joint Signature and Encryption*, EUROCRYPT 2002): nobody else can sign it again as
their own, nor pass it on to a third. The header, which both cover, names the two organisations, their keys, and the
opaque name under which the hand-off travels, so that one cannot take another's place. The hand-off's own id is inside.

Anyone who sees it learns which organisation wrote to which, when, and how long it is to the next whole KiB.
"""

from collections.abc import Mapping
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError

from stegvis.engine.ports import Parcel
from stegvis.routines.digests import canonical
from stegvis.routines.errors import TransportError
from stegvis.routines.text import Model, Name

from .cards import Card, Identity

MAGIC: Final = b"stegvis hand-off\n"
LONGEST: Final = 8 * 1024 * 1024
"""Bytes in an envelope; a form's longest answers fit many times over."""

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OVERHEAD: Final = KEM.MLKEM768_X25519.enc_length() + 16
"""Bytes that sealing adds: the encapsulated key and the tag."""
_SIGNATURE: Final = 64
_STEP: Final = 1024


class Unreadable(TransportError):
    """What lies there cannot be opened as a hand-off."""

    code = "not_a_handoff"

    def __init__(self, code: str | None = None, /, *, lasting: bool = True) -> None:
        super().__init__(code)
        self.lasting = lasting
        """Whether it never will be; otherwise a key or a card may still be added."""


class _Header(Model):
    """What stands open; ``by`` and ``to`` are ids of cards."""

    format: Literal[1]
    name: str
    sender: Name
    receiver: Name
    by: str
    to: str
    size: int
    """Bytes that are sealed. With it a file that was cut is told from one that was changed."""


def seal(parcel: Parcel, sender: Identity, receiver: Card) -> bytes:
    """Seal a hand-off for its receiver and sign it."""
    # JSON does not mind spaces at its end, and nobody learns how much somebody had to tell.
    padded = parcel.body + b" " * (-len(parcel.body) % _STEP)
    header = canonical(
        {
            "format": 1,
            "name": parcel.name,
            "sender": parcel.sender,
            "receiver": parcel.receiver,
            "by": sender.card.id,
            "to": receiver.id,
            "size": len(padded),
        }
    )
    info = MAGIC + len(header).to_bytes(2, "big") + header
    signed = info + _SUITE.encrypt(padded, receiver.seals, info)
    return signed + sender.signs.sign(signed)


def unseal(
    envelope: bytes, name: str, receiver: str, identities: Mapping[str, Identity], cards: Mapping[str, Card]
) -> Parcel:
    """Open what was sealed for the receiver, once it is sure who sent it.

    Args:
        envelope: its bytes.
        name: the name under which it lay there.
        receiver: the organisation whose inbox it lay in.
        identities, cards: by id.

    Raises:
        Unreadable: ``not_a_handoff``, ``misaddressed``, ``forged``, ``bad_seal``; for as long as a card or a key is
            not there, ``unknown_sender`` or ``other_key``.
    """
    header, end = _header(envelope)
    if (header.receiver, header.name) != (receiver, name):
        raise Unreadable("misaddressed")
    card, identity = cards.get(header.by), identities.get(header.to)
    if card is None or card.organisation != header.sender:
        raise Unreadable("unknown_sender", lasting=False)
    signed, signature = envelope[:-_SIGNATURE], envelope[-_SIGNATURE:]
    try:
        card.signs.verify(signature, signed)
    except InvalidSignature:
        raise Unreadable("forged") from None
    if identity is None or identity.organisation != receiver:
        raise Unreadable("other_key", lasting=False)
    try:
        body = _SUITE.decrypt(signed[end:], identity.opens, signed[:end])
    except (InvalidTag, ValueError):
        raise Unreadable("bad_seal") from None
    return Parcel(header.name, header.sender, header.receiver, body.rstrip(b" "))


def _header(envelope: bytes) -> tuple[_Header, int]:
    begin = len(MAGIC) + 2
    end = begin + int.from_bytes(envelope[len(MAGIC) : begin], "big")
    if not envelope.startswith(MAGIC) or len(envelope) < end + _SIGNATURE:
        raise Unreadable
    try:
        header = _Header.model_validate_json(envelope[begin:end])
    except ValidationError:
        raise Unreadable from None
    if len(envelope) != end + header.size + _OVERHEAD + _SIGNATURE:
        raise Unreadable
    return header, end
