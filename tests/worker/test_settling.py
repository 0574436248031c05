"""What becomes of the jobs of a dead worker, as the board tells it."""

from __future__ import annotations

import time

import pytest

from jobqueue.models import Job, Rollup
from jobqueue.outcomes import Decision
from jobqueue.pool.duties import Post
from jobqueue.pool.duties.settling import Settling
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.worker.board import End, Ending, Seat, Slot
from tests.worker.conftest import Held

pytestmark = pytest.mark.django_db(transaction=True)


def die(post: Post, slot: Slot, end: End = End.CRASHED, status: int = -9) -> None:
    slot.words.end, slot.words.status, slot.words.seat = end, status, Seat.DEAD
    Settling(post).run()
    assert slot.words.seat == Seat.FREE


def row(job: ClaimedJob) -> Job:
    return Job.objects.get(pk=job.id)


@pytest.mark.parametrize("ending", [Ending.PLAINLY, Ending.WITH_RESULT])
def test_what_had_succeeded_is_written_and_not_run_again(
    post: Post, slot: Slot, held: Held, ending: Ending
) -> None:
    job = held()
    slot.end(job.id, ending)
    die(post, slot)
    assert (row(job).state, row(job).attempts, row(job).crashes) == (State.SUCCEEDED, 1, 0)


def test_what_had_failed_is_retried_after_its_pause(post: Post, slot: Slot, held: Held) -> None:
    job = held()
    slot.end(job.id, Ending.FAILED)
    die(post, slot)
    found = row(job)
    assert (found.state, found.attempts, found.crashes) == (State.SCHEDULED, 1, 0)
    assert "is not known" in str(found.last_error)


def test_what_had_failed_for_the_last_time_has_failed(post: Post, slot: Slot, held: Held) -> None:
    job = held(max_attempts=1)
    slot.end(job.id, Ending.FAILED)
    die(post, slot)
    assert (row(job).state, row(job).attempts) == (State.FAILED, 1)


def test_any_other_end_is_as_if_it_had_not_begun(post: Post, slot: Slot, held: Held) -> None:
    job = held()
    slot.end(job.id, Ending.OTHERWISE)
    die(post, slot)
    assert (row(job).state, row(job).attempts) == (State.READY, 0)


def test_what_it_was_performing_is_charged_and_the_rest_is_not(post: Post, slot: Slot, held: Held) -> None:
    performing, waiting = held(), held()
    slot.start(0, performing.id, time.monotonic(), time.monotonic() + 60)
    die(post, slot)
    assert (row(performing).state, row(performing).attempts, row(performing).crashes) == (State.READY, 1, 1)
    assert "was killed by SIGKILL while performing this job" in str(row(performing).last_error)
    assert (row(waiting).state, row(waiting).attempts, row(waiting).crashes) == (State.READY, 0, 0)


def test_what_was_written_before_is_left_alone(post: Post, slot: Slot, held: Held) -> None:
    job = held()
    slot.end(job.id, Ending.FAILED)
    post.store.finish([Finish(job, Decision(State.CANCELLED))])
    die(post, slot)
    assert row(job).state == State.CANCELLED


@pytest.mark.parametrize(("late", "state", "attempts"), [(True, State.SCHEDULED, 1), (False, State.READY, 0)])
def test_of_a_worker_killed_for_a_late_job_only_that_job_is_charged(
    post: Post, slot: Slot, held: Held, late: bool, state: State, attempts: int
) -> None:
    job = held()
    now = time.monotonic()
    slot.start(0, job.id, now, now - 1 if late else now + 60)
    die(post, slot, End.TIMED_OUT)
    assert (row(job).state, row(job).attempts, row(job).crashes) == (state, attempts, 0)


def test_of_a_worker_told_to_leave_nothing_is_charged(post: Post, slot: Slot, held: Held) -> None:
    job = held()
    slot.start(0, job.id, time.monotonic(), time.monotonic() + 60)
    die(post, slot, End.STOPPED)
    assert (row(job).state, row(job).attempts, row(job).crashes) == (State.READY, 0, 0)


def test_what_is_settled_is_counted(post: Post, slot: Slot, held: Held) -> None:
    """Not how long it took, which nobody knows; nor what had not begun."""
    done, failed, crashed, waiting = held(), held(), held(), held()
    slot.end(done.id, Ending.PLAINLY)
    slot.end(failed.id, Ending.FAILED)
    slot.start(0, crashed.id, time.monotonic(), time.monotonic() + 60)
    die(post, slot)
    post.minutes.write_all(5)
    [counted] = Rollup.objects.values("stored", "succeeded", "retried", "failed", "run_seconds", "run_00")
    assert counted == {
        "stored": 3, "succeeded": 1, "retried": 2, "failed": 0, "run_seconds": 0, "run_00": 0,
    }  # fmt: skip
    assert row(waiting).state == State.READY
