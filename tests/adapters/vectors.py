"""Where the public test vectors are. They are data of others, read where they lie and no part of stegvis."""

import os
from pathlib import Path

import pytest

VECTORS = Path(os.environ.get("STEGVIS_VECTORS") or Path(__file__).resolve().parents[3] / "shared" / "vectors")


def vectors(*parts: str) -> Path:
    path = VECTORS.joinpath(*parts)
    if not path.exists():
        pytest.skip("the public vectors are not here; set STEGVIS_VECTORS to the folder that holds them")
    return path
