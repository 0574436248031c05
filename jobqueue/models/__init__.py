"""Rows as Django models: for reading, migrations and the admin. Only a store writes job rows."""

from jobqueue.models.job import Job, JobQuerySet
from jobqueue.models.pool import Pool

__all__ = ["Job", "JobQuerySet", "Pool"]
