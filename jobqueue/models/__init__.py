"""Rows as Django models: for reading, migrations and the admin. Only a store writes job rows."""

from jobqueue.models.attempt import Attempt
from jobqueue.models.cancellation import Cancellation
from jobqueue.models.job import Job, JobQuerySet
from jobqueue.models.pause import Pause
from jobqueue.models.pool import Pool
from jobqueue.models.report import Report

__all__ = ["Attempt", "Cancellation", "Job", "JobQuerySet", "Pause", "Pool", "Report"]
