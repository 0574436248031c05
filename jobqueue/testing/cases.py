"""The helpers in one place, as a fixture and as a mixin for test cases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from jobqueue.testing.asserting import (
    aassert_enqueued,
    aenqueued_jobs,
    arefute_enqueued,
    assert_enqueued,
    enqueued_jobs,
    refute_enqueued,
)
from jobqueue.testing.running import arun_job, awork_off, run_job, work_off
from jobqueue.testing.stored import EnqueuedJob
from jobqueue.testing.travelling import travel_to as travelling_to


class Jobs:
    """What the fixture ``jobs`` of pytest is: all helpers as methods."""

    assert_enqueued = staticmethod(assert_enqueued)
    refute_enqueued = staticmethod(refute_enqueued)
    enqueued_jobs = staticmethod(enqueued_jobs)
    work_off = staticmethod(work_off)
    run_job = staticmethod(run_job)
    aassert_enqueued = staticmethod(aassert_enqueued)
    arefute_enqueued = staticmethod(arefute_enqueued)
    aenqueued_jobs = staticmethod(aenqueued_jobs)
    awork_off = staticmethod(awork_off)
    arun_job = staticmethod(arun_job)

    def travel_to(self, when: datetime | timedelta) -> travelling_to:
        """Have jobs due as if it were that time, inside a ``with`` block."""
        return travelling_to(when)


class JobsTestMixin(Jobs):
    """For test cases: ``class ReceiptTests(JobsTestMixin, TestCase)``."""

    def assertJobEnqueued(self, job: Any, **asked: Any) -> list[EnqueuedJob]:
        """Fail unless such a job waits; takes what ``assert_enqueued`` does."""
        return assert_enqueued(job, **asked)

    def assertJobNotEnqueued(self, job: Any, **asked: Any) -> None:
        """Fail if such a job waits; takes what ``refute_enqueued`` does."""
        refute_enqueued(job, **asked)
