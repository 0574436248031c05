"""Helpers for the tests of projects that use jobqueue: in a ``TestCase``, with pytest, in async tests.

All of them work on the calling thread and its connection, so also inside a test's transaction.
"""

from jobqueue.testing.asserting import (
    aassert_enqueued,
    aenqueued_jobs,
    arefute_enqueued,
    assert_enqueued,
    enqueued_jobs,
    refute_enqueued,
)
from jobqueue.testing.cases import Jobs, JobsTestMixin
from jobqueue.testing.running import arun_job, awork_off, run_job, work_off
from jobqueue.testing.stored import EnqueuedJob
from jobqueue.testing.thread import WorkerThread
from jobqueue.testing.travelling import travel_to

__all__ = [
    "EnqueuedJob",
    "Jobs",
    "JobsTestMixin",
    "WorkerThread",
    "aassert_enqueued",
    "aenqueued_jobs",
    "arefute_enqueued",
    "arun_job",
    "assert_enqueued",
    "awork_off",
    "enqueued_jobs",
    "refute_enqueued",
    "run_job",
    "travel_to",
    "work_off",
]
