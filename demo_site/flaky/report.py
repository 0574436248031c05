"""A report of one's own: `Job` is an ordinary model, so any query will do."""

from __future__ import annotations

from django.db.models import Count, Q, Sum

from jobqueue.models import Job
from jobqueue.states import State


def report() -> list[dict[str, object]]:
    """For each kind of job: how many, how they ended, how many attempts that took."""
    rows = Job.objects.values("name").order_by("name")
    counted = rows.annotate(
        total=Count("id"),
        succeeded=Count("id", filter=Q(state=State.SUCCEEDED)),
        failed=Count("id", filter=Q(state=State.FAILED)),
        attempts=Sum("attempts"),
    )
    return [{**row} for row in counted]
