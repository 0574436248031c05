"""A pool's maintenance without its processes: the board, one worker's slot, and what that worker holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobqueue.conf import get_settings
from jobqueue.pool.duties import Post
from jobqueue.pool.options import PoolOptions
from jobqueue.rows import ClaimedJob
from jobqueue.stores import get_store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board, Slot
from jobqueue.worker.clerk import Selection
from jobqueue.worker.loop import WorkerOptions
from tests.stores.shelf import claim, new

NAME = "host:here pid:1"

Held = Callable[..., ClaimedJob]


@pytest.fixture
def post() -> Post:
    board = Board(1)
    bells = [Bell() for _ in board.slots]
    options = PoolOptions(WorkerOptions(Selection()))
    post = Post(get_store(), get_settings(), options, board, bells, 1)
    board.header.pool_id = post.pools.register(host="here", pid=1)
    return post


@pytest.fixture
def slot(post: Post) -> Slot:
    slot = post.board.slots[0]
    slot.sit_down()
    slot.words.name = NAME.encode()
    return slot


@pytest.fixture
def held(post: Post) -> Callable[..., ClaimedJob]:
    def hold(**fields: object) -> ClaimedJob:
        post.store.insert(new(**fields))
        [job] = claim(post.store, post.pool_id, worker=NAME)
        return job

    return hold
