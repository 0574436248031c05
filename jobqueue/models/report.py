"""What a job tells of itself while it runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from jobqueue.models.expressions import Readable

LONGEST_TEXT = 200


class Report(models.Model):
    """How far a job is, and its last log lines; there is none before it has told something."""

    job = models.OneToOneField(
        "jobqueue.Job", on_delete=models.CASCADE, db_constraint=False, primary_key=True, related_name="report"
    )
    done = models.FloatField(null=True, blank=True, help_text="How much is done.")
    total = models.FloatField(null=True, blank=True, help_text="Of how much; empty: nobody knows.")
    text = models.CharField(max_length=LONGEST_TEXT, blank=True, help_text="What it is doing.")
    log = models.TextField(blank=True, help_text="Its last log lines, maybe encrypted.")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A row for each job that tells something."""

        verbose_name = "report"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("updated_at"), name="jobqueue_report_times"),
        ]

    def __str__(self) -> str:
        return f"report of #{self.job_id}"
