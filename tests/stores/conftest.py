"""The conformance suite runs on whatever database the suite runs on."""

from __future__ import annotations

import pytest

from jobqueue.stores import get_store
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry


@pytest.fixture
def store(transactional_db: None) -> Store:
    return get_store()


@pytest.fixture
def pools(store: Store) -> PoolRegistry:
    return PoolRegistry(store)


@pytest.fixture
def pool(pools: PoolRegistry) -> int:
    return pools.register(host="here", pid=1)
