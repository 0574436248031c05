"""What a busy worker has not started is given to others; what it has begun or ended is not."""

from __future__ import annotations

import time

import pytest

from jobqueue.models import Job
from jobqueue.pool.duties import Post
from jobqueue.pool.duties.stalled import STALLED_SECONDS, Stalled
from jobqueue.states import State
from jobqueue.worker.board import Ending, Slot
from tests.worker.conftest import Held

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_a_stalled_worker_only_what_it_has_not_begun_is_released(post: Post, slot: Slot, held: Held) -> None:
    running, ended, waiting = held(), held(), held()
    now = time.monotonic()
    slot.start(0, running.id, now, now + 60)
    slot.end(ended.id, Ending.PLAINLY)  # its clerk has not written it yet: the database may be away
    slot.words.buffered = 1
    slot.words.taken_at = now - 2 * STALLED_SECONDS

    Stalled(post).run()

    assert dict(Job.objects.values_list("pk", "state")) == {
        running.id: State.RUNNING,
        ended.id: State.RUNNING,
        waiting.id: State.READY,
    }


def test_a_worker_that_goes_on_keeps_what_it_holds(post: Post, slot: Slot, held: Held) -> None:
    held()
    slot.words.buffered = 1
    slot.words.taken_at = time.monotonic()
    Stalled(post).run()
    assert Job.objects.get().state == State.RUNNING
