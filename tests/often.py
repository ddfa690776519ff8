"""How often a property is tried: in full by `make deep`, a quarter as often by `make test`."""

import os

from hypothesis import settings


def often(times: int) -> settings:
    """Try a property that often."""
    return settings(deadline=None, max_examples=times if "STEGVIS_SCALE" in os.environ else times // 4)
