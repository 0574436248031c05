"""Wishes that running jobs end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from jobqueue.models.expressions import Readable


class Cancellation(models.Model):
    """Somebody wants a running job to end. Its own row may be locked by its own transaction, so it stands here."""

    job = models.OneToOneField(
        "jobqueue.Job",
        on_delete=models.CASCADE,
        db_constraint=False,
        primary_key=True,
        related_name="cancellation",
    )
    requested_at = models.DateTimeField(default=timezone.now)
    requested_by = models.CharField(max_length=150, blank=True)

    class Meta:
        """A row goes when its job has ended."""

        verbose_name = "cancellation"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("requested_at"), name="jobqueue_cancellation_times"),
        ]

    def __str__(self) -> str:
        return f"cancellation of #{self.job_id}"
