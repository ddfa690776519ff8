"""Tests that come with stegvis, for those who write an adapter of their own. Needs the ``testing`` extra.

Run the contract on your store::

    import pytest
    from stegvis.adapters.testing import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path)
            yield store
            store.close()

Every test takes a fresh store. To see the values in a failed assertion, call
``pytest.register_assert_rewrite("stegvis.adapters.testing")`` in ``conftest.py`` before the import.
"""

from .store_contract import StoreContract

__all__ = ["StoreContract"]
