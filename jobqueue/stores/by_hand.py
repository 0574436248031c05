"""Writes that no pool makes, for tests."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from jobqueue.models import Job
from jobqueue.stores.base import Store


def age(store: Store, by: timedelta) -> None:
    """Make scheduled jobs so much older: they were stored earlier, and are due earlier."""
    with store.statement():
        Job.objects.using(store.alias).scheduled().order_by().update(
            run_at=F("run_at") - by, created_at=F("created_at") - by
        )
