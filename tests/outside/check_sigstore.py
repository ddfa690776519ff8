"""Answers, for each question on standard input, what sigstore-python says of it: 1 when it holds, else 0.

Runs in an environment of its own, which has sigstore and not stegvis.
"""

import json
import sys
from base64 import b64decode
from types import SimpleNamespace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import LogCheckpoint, SignedNote, verify_checkpoint
from sigstore.errors import VerificationError


class Keyring:
    """The one key that is trusted."""

    def __init__(self, key):
        self.key = Ed25519PublicKey.from_public_bytes(key)

    def verify(self, *, key_id, signature, data):
        del key_id
        try:
            self.key.verify(signature, data)
        except InvalidSignature as error:
            raise VerificationError("signature") from error


def check(question):
    _, id_, key = question["vkey"].split("+", 2)  # base64 has a plus of its own
    checkpoint = LogCheckpoint.from_text(SignedNote.from_text(question["note"]).note)
    proof = SimpleNamespace(
        log_index=question["index"],
        tree_size=checkpoint.log_size,
        hashes=[b64decode(one) for one in question["proof"]],
        root_hash=bytes.fromhex(checkpoint.log_hash),
        checkpoint=SimpleNamespace(envelope=question["note"]),
    )
    inner = SimpleNamespace(
        inclusion_proof=proof,
        canonicalized_body=b64decode(question["entry"]),
        log_id=SimpleNamespace(key_id=bytes.fromhex(id_)),
    )
    entry = SimpleNamespace(_inner=inner)
    verify_checkpoint(Keyring(b64decode(key)[1:]), entry)
    verify_merkle_inclusion(entry)


for line in sys.stdin:
    try:
        check(json.loads(line))
        print(1)
    except VerificationError:
        print(0)
