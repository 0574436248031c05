"""Whoever writes that an attempt has failed, notes what kind of failure it was."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from jobqueue import retry
from jobqueue.models import Attempt, Job, Pool
from jobqueue.pool.duties import Post
from jobqueue.pool.duties.rescue import Rescue
from jobqueue.pool.duties.settling import Settling
from jobqueue.rotating import Rotation
from jobqueue.rows import ClaimedJob
from jobqueue.stores import get_store
from jobqueue.testing import work_off
from jobqueue.worker.board import End, Ending, Seat, Slot
from tests.app import scripted
from tests.keys import NEW, OLD, encrypting
from tests.worker.conftest import Held
from tests.worker.spoiling import CATALOGUE, Spoilt, signed, store_spoilt

pytestmark = pytest.mark.django_db(transaction=True)

#: What a worker that has died may leave behind.
Leave = Callable[[Slot, ClaimedJob], object]
DEATHS: dict[str, tuple[Leave, End, str, str]] = {
    "failed, details lost": (lambda slot, job: slot.end(job.id, Ending.FAILED), End.CRASHED, "failed", "Failed"),
    "crashed": (lambda slot, job: slot.start(0, job.id, time.monotonic(), 0.0), End.CRASHED, "crashed", "Crashed"),
    "over its time": (
        lambda slot, job: slot.start(0, job.id, time.monotonic() - 9, time.monotonic() - 1),
        End.TIMED_OUT,
        "timed out",
        "JobTimeout",
    ),
}


def kinds() -> list[tuple[str, str]]:
    """Outcome and exception of each attempt; each has a fingerprint."""
    rows = list(Attempt.objects.order_by("pk"))
    assert all(re.fullmatch("[0-9a-f]{16}", each.fingerprint) for each in rows)
    return [(each.outcome, each.exception) for each in rows]


def prints() -> set[str]:
    return set(Attempt.objects.values_list("fingerprint", flat=True))


def test_a_worker_notes_the_exception_and_tells_two_kinds_apart() -> None:
    scripted.fail.enqueue(), scripted.fail.enqueue()
    work_off()
    assert kinds() == [("failed", "tests.app.scripted.Boom")] * 2
    assert len(prints()) == 1, "of one kind"
    scripted.fail_slowly.enqueue()
    work_off()
    assert len(prints()) == 2


@pytest.mark.parametrize(("leave", "end", "outcome", "exception"), DEATHS.values(), ids=DEATHS)
def test_maintenance_that_settles_a_dead_worker_notes_it(
    post: Post, slot: Slot, held: Held, leave: Leave, end: End, outcome: str, exception: str
) -> None:
    leave(slot, held())
    slot.words.end, slot.words.status, slot.words.seat = end, -9, Seat.DEAD
    Settling(post).run()
    assert kinds() == [(outcome, exception)]


def test_a_pool_that_takes_the_jobs_of_a_dead_one_notes_it(post: Post, held: Held) -> None:
    held(), held()
    Pool.objects.filter(pk=post.pool_id).update(alive=False)
    rescuer = replace(post)
    Rescue(rescuer).run()
    assert kinds() == [("crashed", "Crashed")] * 2
    assert len(prints()) == 1


@pytest.mark.parametrize("spoilt", CATALOGUE.values(), ids=CATALOGUE)
def test_a_corrupt_row_is_noted(spoilt: Spoilt) -> None:
    store_spoilt(spoilt)
    work_off()
    [(outcome, exception)] = kinds()
    assert outcome == "corrupt"
    assert exception


def test_what_this_release_does_not_know_is_noted_when_it_is_given_up() -> None:
    name = "tests.processes.jobs.nobody_knows"
    job_id = store_spoilt(Spoilt(signed(f'{{"job":"{name}"}}', name), ""))
    Job.objects.filter(pk=job_id).update(blocked_at=get_store().ago(4000))
    work_off()
    [(outcome, exception)] = kinds()
    assert outcome == "unknown"
    assert exception == "UnknownPerformable"


def test_with_other_keys_errors_are_written_anew_and_their_kinds_stay() -> None:
    with encrypting(OLD, MAX_ATTEMPTS=1):
        scripted.fail.enqueue()
        work_off()
        [before] = Attempt.objects.values()
    with encrypting(NEW, OLD, MAX_ATTEMPTS=1):
        Rotation(get_store(), wait=0.0).run()
        [after] = Attempt.objects.values()
        assert after["stored_error"] != before["stored_error"]
        assert {**after, "stored_error": ""} == {**before, "stored_error": ""}
        retry(Job.objects.get())
        work_off()
    assert len(prints()) == 1, "of one kind, whatever the key"
