import pytest

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing import StoreContract
from stegvis.engine.ports import Store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
