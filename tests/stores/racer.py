"""One of several processes that do the same to the same rows at once; it prints what it got as one line of JSON.

``python -m tests.stores.racer ROLE WORD…`` says "ready", and begins when it is told to by a line.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any
from uuid import uuid4

import django
from django.db import OperationalError, transaction

django.setup()

from jobqueue import client  # noqa: E402 (models need the set-up)
from jobqueue.exceptions import JobStateError  # noqa: E402
from jobqueue.models import Job  # noqa: E402
from jobqueue.models.rollup import minute_of, writer_in  # noqa: E402
from jobqueue.outcomes import RELEASE, Decision  # noqa: E402
from jobqueue.rows import ClaimRequest, Finish  # noqa: E402
from jobqueue.states import State  # noqa: E402
from jobqueue.stores import get_store  # noqa: E402
from jobqueue.stores.errors import sqlstate  # noqa: E402
from jobqueue.stores.pools import PoolRegistry  # noqa: E402
from jobqueue.stores.rollups import Ledger  # noqa: E402

DONE = Decision(State.SUCCEEDED)
GONE = Decision(State.SUCCEEDED, delete=True)


def claim_all(pool_id: str) -> list[int]:
    """Claim in batches of many sizes until nothing is left; return the ids of what was claimed."""
    store = get_store()
    got: list[int] = []
    while True:
        wanted = ClaimRequest(uuid4(), int(pool_id), "host:here pid:1", random.randint(1, 20))
        jobs = store.claim(wanted)
        if not jobs and not Job.objects.ready().exists():
            return got
        got += [job.id for job in jobs]
        store.finish([Finish(job, DONE, 0.0, 0.0) for job in jobs])


def promote_all() -> int:
    """Promote until nothing is scheduled; return how many were promoted here."""
    store, moved = get_store(), 0
    while Job.objects.scheduled().exists():
        moved += store.promote(random.randint(1, 50)).moved
    return moved


def churn(pool_id: str, rounds: str, keep: str) -> list[int]:
    """Claim, finish what others finish too, lose pools, rescue, prune; return the ids deleted here."""
    store = get_store()
    deleted: list[int] = []
    pools = PoolRegistry(store)
    ends = (DONE, RELEASE) if keep == "keep" else (GONE, RELEASE)
    for _ in range(int(rounds)):
        store.claim(ClaimRequest(uuid4(), int(pool_id), "shared", 20))
        held = store.held(int(pool_id), "shared")
        finishes = [Finish(job, random.choice(ends), 0.0, 0.0) for job in random.sample(held, len(held) // 2)]
        lost = store.finish(finishes)
        deleted += [each.job.id for each in finishes if each.decision.delete and each not in lost]
        short_lived = pools.register(host="here", pid=1)
        store.claim(ClaimRequest(uuid4(), short_lived, "short-lived", 10))
        pools.retire(short_lived)
        store.rescue(lambda job: RELEASE, 7)
        if keep == "keep":
            store.prune(-60, 5)
    return deleted


def renew_and_release(pool_id: str, rounds: str) -> int:
    """Be a worker that renews its claims while another process takes them for stalled, and the other way round."""
    store, lost = get_store(), 0
    for _ in range(int(rounds)):
        store.claim(ClaimRequest(uuid4(), int(pool_id), "shared", 20))
        held = store.held(int(pool_id), "shared")
        random.shuffle(held)
        if random.random() < 0.5:
            lost += len(held) - len(store.restamp(held, uuid4()))
        else:
            lost += len(store.finish([Finish(job, RELEASE) for job in held]))
    return lost


def prune_for(seconds: str) -> int:
    """Prune what has just ended, again and again; return how many rows went."""
    store, pruned = get_store(), 0
    for _ in during(seconds):
        pruned += store.prune(-60, random.randint(1, 50))
    return pruned


def act_for(seconds: str, way: str) -> int:
    """Retry, cancel and hasten jobs, one by one or many together; return how often that was possible."""
    acts = 0
    for _ in during(seconds):
        try:
            ids = list(Job.objects.order_by("?").values_list("pk", flat=True)[:50])
            with transaction.atomic() if way == "together" else nullcontext():
                acts += sum(map(act, ids))
        except OperationalError as error:
            # Where the project has chosen SERIALIZABLE, it must begin its own transactions anew.
            if sqlstate(error) != "40001":
                raise
    return acts


def act(job_id: int) -> bool:
    try:
        random.choice((client.retry, client.cancel, client.run_now))(job_id)
    except JobStateError:
        return False
    return True


def keep_books(seconds: str) -> dict[str, int]:
    """Write figures, each twice, and add up and coarsen what others have written; return the counts."""
    ledger = Ledger(get_store())
    now = minute_of(get_store().now())
    writer, written, added = writer_in(now, random.getrandbits(30)), 0, 0
    for _ in during(seconds):
        with suppress(OperationalError):
            row: dict[str, Any] = {"minute": now, "queue": "default", "name": "new", "succeeded": written + 1}
            for _ in range(2):
                assert ledger.write(writer, [row]).in_time
                written = row["succeeded"]
        with suppress(OperationalError):
            added += ledger.add_up(random.randint(1, 40))
        with suppress(OperationalError):
            ledger.coarsen(random.randint(1, 40))
    return {"written": written, "added": added}


def during(seconds: str) -> Iterator[None]:
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        yield


ROLES: dict[str, Callable[..., Any]] = {
    "claim_all": claim_all,
    "promote_all": promote_all,
    "churn": churn,
    "renew_and_release": renew_and_release,
    "prune_for": prune_for,
    "act_for": act_for,
    "keep_books": keep_books,
}

if __name__ == "__main__":
    Job.objects.exists()  # connects before the race
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(ROLES[sys.argv[1]](*sys.argv[2:])))
