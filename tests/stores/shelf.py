"""Short words for the store tests."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from jobqueue.models import Job
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish, NewJob
from jobqueue.states import State
from jobqueue.stores.base import Store

#: A second of performing, just now.
ENDED = time.monotonic()
STARTED = ENDED - 1


def new(**fields: Any) -> NewJob:
    return NewJob(**{"handler": "{}", "name": "tests.nothing", **fields})


def stored(store: Store, **fields: Any) -> Job:
    job = store.insert(new(**fields))
    assert job is not None
    return job


def request(pool: int, limit: int = 100, worker: str = "host:here pid:1", **fields: Any) -> ClaimRequest:
    return ClaimRequest(uuid4(), pool, worker, limit, **fields)


def claim(store: Store, pool: int, limit: int = 100, **fields: Any) -> list[ClaimedJob]:
    return store.claim(request(pool, limit, **fields))


def succeeded(job: ClaimedJob) -> Finish:
    return Finish(job, Decision(State.SUCCEEDED), STARTED, ENDED)
