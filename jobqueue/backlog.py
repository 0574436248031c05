"""A limit to what waits: callers are told before a queue has more jobs than its workers will ever catch up with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from django.utils import timezone

from jobqueue.conf import get_settings
from jobqueue.exceptions import QueueFull
from jobqueue.rows import When, due_at

if TYPE_CHECKING:
    from jobqueue.stores.base import Store


def check_room(store: Store, jobs: Iterable[tuple[str, When | None]]) -> None:
    """Raise unless ``MAX_WAITING`` leaves room for these jobs.

    Only ready jobs are counted, and only jobs that would be ready at once are refused. The limit is a soft one: what
    other transactions have not committed is not seen, so callers at the same moment may exceed it a little.

    Args:
        store: where the jobs go.
        jobs: queue and run_at of each.

    Raises:
        QueueFull: naming the queue and the numbers.
    """
    allowed = get_settings().max_waiting
    if allowed is None:
        return
    now = timezone.now()
    due = Counter(queue for queue, run_at in jobs if due_at(run_at, now) <= now)
    for queue, more in due.items():
        limit = allowed.get(queue) if isinstance(allowed, Mapping) else allowed
        if limit is not None and (waiting := store.waiting(queue, limit)) + more > limit:
            raise QueueFull(queue, waiting, more, limit, paused=store.pauses.of(queue) is not None)
