"""Rows as Django models: for reading, migrations and the admin. Only a store writes job rows."""

from jobqueue.installed import check_installed

check_installed()

from jobqueue.models.attempt import Attempt  # noqa: E402
from jobqueue.models.cancellation import Cancellation  # noqa: E402
from jobqueue.models.display import Dashboard, Failure, JobClass, Queue, Worker  # noqa: E402
from jobqueue.models.job import ClassStats, Job, JobQuerySet  # noqa: E402
from jobqueue.models.pause import ClassPause, Pause  # noqa: E402
from jobqueue.models.pool import Pool  # noqa: E402
from jobqueue.models.report import Report  # noqa: E402
from jobqueue.models.rollup import Rollup  # noqa: E402

__all__ = [
    "Attempt",
    "Cancellation",
    "ClassPause",
    "ClassStats",
    "Dashboard",
    "Failure",
    "Job",
    "JobClass",
    "JobQuerySet",
    "Pause",
    "Pool",
    "Queue",
    "Report",
    "Rollup",
    "Worker",
]
