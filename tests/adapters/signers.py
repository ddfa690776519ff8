"""Keys and checkpoints for tests: of a log, and of a witness, which this library can check and does not make."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stegvis.adapters.audit.note import COSIGNATURE, ED25519, Checkpoint, Note, Signature, Verifier
from stegvis.adapters.audit.signer import Signing, sign

ORIGIN = "kommun.example/logg"


class Key:
    """A log's key."""

    def __init__(self, seed: int = 1, name: str = ORIGIN) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.verifier = Verifier(name, ED25519, self._key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)


class WitnessKey:
    """A witness's key, which says when."""

    def __init__(self, seed: int = 101, name: str = "vittne.example/w1") -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.verifier = Verifier(name, COSIGNATURE, self._key.public_key().public_bytes_raw())

    def cosign(self, text: str, when: int = 1_770_000_000) -> Signature:
        message = f"cosignature/v1\ntime {when}\n{text}".encode()
        said = when.to_bytes(8) + self._key.sign(message)
        return Signature(self.verifier.name, self.verifier.id, said)


def note_of(size: int = 7, root: bytes = b"r" * 32, *keys: Signing, origin: str = ORIGIN) -> Note:
    return sign(Checkpoint(origin, size, root), keys or (Key(),))
