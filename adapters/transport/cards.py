"""The keys of an organisation for hand-offs: a card that everybody may have, and an identity that nobody else may.

An identity lies in a file of its own (0600). It opens what was sealed for the organisation, and signs what it sends.
Its card is the public half. Give it to those who hand over to you, by a way on which nobody can swap it, or compare its
``id`` by telephone.

Sealing is a hybrid of ML-KEM-768 (FIPS 203) and X25519, since social secrecy lasts for 70 years and whoever copies a
folder today may wait for a machine that breaks X25519. A signature only has to hold until a hand-off is received:
Ed25519 (RFC 8032).
"""

from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from pydantic import StringConstraints, ValidationError

from stegvis.routines.digests import canonical
from stegvis.routines.errors import BadInput
from stegvis.routines.text import Model, Name

from ..key_file import KeyFileDamaged, Secret, read_secret, write_secret

_MOST: Final = 8192
"""Bytes in an identity or a card; both have less than half."""

_Bytes = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class _Stored(Model):
    """How both are written down: base64 of the raw keys, ML-KEM-768 as its seed or its public key."""

    format: Literal[1]
    organisation: Name
    mlkem768: _Bytes
    x25519: _Bytes
    ed25519: _Bytes


class Card:
    """The public keys of an organisation.

    Attributes:
        id: names these keys, 32 hexadecimal digits; what people compare.
    """

    def __init__(self, organisation: str, mlkem: bytes, x25519: bytes, ed25519: bytes) -> None:
        self.organisation = organisation
        self.seals = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(mlkem), X25519PublicKey.from_public_bytes(x25519)
        )
        self.signs = Ed25519PublicKey.from_public_bytes(ed25519)
        self._raw = (mlkem, x25519, ed25519)
        said = [organisation, *(one.hex() for one in self._raw)]
        self.id: str = sha256(b"stegvis card 1\0" + canonical(said)).hexdigest()[:32]

    def bytes(self) -> "bytes":
        """As it is written into a file and given away."""
        return _written(self.organisation, *self._raw)

    @classmethod
    def read(cls, text: "bytes") -> Self:
        """The card that ``bytes`` wrote.

        Raises:
            BadInput: ``bad_card``.
        """
        try:
            return cls(*_read(text))
        except ValueError:
            raise BadInput("bad_card") from None

    @classmethod
    def at(cls, path: Path) -> Self:
        """The card in that file.

        Raises:
            BadInput: ``card_unreadable``, ``bad_card``.
        """
        try:
            with path.open("rb") as file:
                text = file.read(_MOST)
        except OSError:
            raise BadInput("card_unreadable") from None
        return cls.read(text)

    def __repr__(self) -> str:
        return f"Card(organisation={self.organisation!r}, id={self.id!r})"


class Identity(Secret):
    """The private keys of an organisation.

    Raises:
        SealError: ``key_file_missing``, ``key_file_exposed``, ``key_file_damaged``, ``key_file_unreadable``.
    """

    __slots__ = ("card", "opens", "signs")

    def __init__(self, path: Path) -> None:
        text = read_secret(path, _MOST)
        try:
            organisation, mlkem, x25519, ed25519 = _read(text)
            kem, dh = MLKEM768PrivateKey.from_seed_bytes(mlkem), X25519PrivateKey.from_private_bytes(x25519)
            self.signs = Ed25519PrivateKey.from_private_bytes(ed25519)
        except ValueError:
            raise KeyFileDamaged(file=path.name, length=len(text)) from None
        self.opens = MLKEM768X25519PrivateKey(kem, dh)
        self.card = Card(
            organisation,
            kem.public_key().public_bytes_raw(),
            dh.public_key().public_bytes_raw(),
            self.signs.public_key().public_bytes_raw(),
        )

    @classmethod
    def create(cls, path: Path, organisation: str) -> Self:
        """Make new keys for the organisation, durable before this returns.

        Raises:
            KeyFileExists: there is such a file already; it is left as it was.
        """
        keys = (
            one.private_bytes_raw()
            for one in (MLKEM768PrivateKey.generate(), X25519PrivateKey.generate(), Ed25519PrivateKey.generate())
        )
        write_secret(path, _written(organisation, *keys))
        return cls(path)

    @property
    def organisation(self) -> str:
        return self.card.organisation

    def __repr__(self) -> str:
        return f"Identity(organisation={self.organisation!r}, id={self.card.id!r})"


def _written(organisation: str, *keys: bytes) -> bytes:
    names = ("mlkem768", "x25519", "ed25519")
    encoded = {name: b64encode(key).decode() for name, key in zip(names, keys, strict=True)}
    return canonical({"format": 1, "organisation": organisation, **encoded}) + b"\n"


def _read(text: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Organisation and raw keys.

    Raises:
        ValueError: it is something else.
    """
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError:
        raise ValueError from None
    keys = (b64decode(one, validate=True) for one in (stored.mlkem768, stored.x25519, stored.ed25519))
    return (stored.organisation, *keys)  # pyright: ignore[reportReturnType] - three of them
