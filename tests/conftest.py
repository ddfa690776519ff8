"""What all tests share: a place to remember checked definitions in, and no search for garbage among what stays."""

import gc
import os
import shutil
import tempfile

import pytest
from hypothesis import settings

CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """What commands remember of checked definitions is kept here, once for all workers, and in nobody's home."""
    # `make deep` tries each property as often as hypothesis does by itself, `make test` a quarter as often. What stands
    # in the way of a change is to say the same twice: examples that differ each time belong to the large run.
    settings.register_profile("quick", max_examples=25, derandomize=True)
    settings.register_profile("small", derandomize=True)
    scale = os.environ.get("STEGVIS_SCALE")
    settings.load_profile("quick" if scale is None else "small" if float(scale) < 1 else "default")
    gc.disable()
    if not hasattr(config, "workerinput"):
        config.stash[CACHE] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="stegvis-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if (folder := config.stash.get(CACHE, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """The definitions and the tests themselves stay to the end."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)
