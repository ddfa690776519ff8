"""Project Wycheproof's edge cases, put to the very primitives that the sealing uses."""

import json
import os
from pathlib import Path
from typing import TypedDict, cast

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stegvis.adapters import keys
from stegvis.adapters.key_file import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

VECTORS = Path(os.environ.get("STEGVIS_VECTORS") or Path(__file__).resolve().parents[3] / "shared" / "vectors")


class Case(TypedDict):
    tcId: int
    result: str
    key: str
    iv: str
    aad: str
    msg: str
    ct: str
    tag: str


class Group(TypedDict):
    ivSize: int
    keySize: int
    tagSize: int
    tests: list[Case]


def groups(name: str) -> list[Group]:
    path = VECTORS / "wycheproof" / "testvectors_v1" / name
    if not path.is_file():
        pytest.skip("the Wycheproof vectors are not here; set STEGVIS_VECTORS to the folder that holds them")
    return cast("list[Group]", json.loads(path.read_bytes())["testGroups"])


def test_aes_gcm_with_the_nonce_length_that_cells_have() -> None:
    said = {"valid": 0, "invalid": 0}
    for group in groups("aes_gcm_test.json"):
        if group["ivSize"] != 8 * keys.NONCE_BYTES or group["tagSize"] != 8 * keys.TAG_BYTES:
            continue
        for case in group["tests"]:
            cipher, nonce = AESGCM(bytes.fromhex(case["key"])), bytes.fromhex(case["iv"])
            text, bound = bytes.fromhex(case["msg"]), bytes.fromhex(case["aad"])
            cell = bytes.fromhex(case["ct"] + case["tag"])
            if case["result"] == "valid":
                assert cipher.encrypt(nonce, text, bound) == cell, case["tcId"]
                assert cipher.decrypt(nonce, cell, bound) == text, case["tcId"]
            else:
                with pytest.raises(InvalidTag):
                    cipher.decrypt(nonce, cell, bound)
            said[case["result"]] += 1
    assert min(said.values()) > 20


def test_aes_kwp() -> None:
    said = {"valid": 0, "acceptable": 0, "invalid": 0}
    for group in groups("aes_kwp_test.json"):
        for case in group["tests"]:
            kek, key, wrapped = (bytes.fromhex(part) for part in (case["key"], case["msg"], case["ct"]))
            if case["result"] == "invalid":
                with pytest.raises(InvalidUnwrap):
                    aes_key_unwrap_with_padding(kek, wrapped)
            elif key:
                assert aes_key_wrap_with_padding(kek, key) == wrapped, case["tcId"]
                assert aes_key_unwrap_with_padding(kek, wrapped) == key, case["tcId"]
            said[case["result"]] += 1
    assert said["valid"] > 20
    assert said["invalid"] > 20
