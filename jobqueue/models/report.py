"""What a job tells of itself while it runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from jobqueue.exceptions import DecryptionError
from jobqueue.models.expressions import Readable
from jobqueue.sealing import unseal


class Report(models.Model):
    """How far a job is, and its last log lines; there is none before it has told something."""

    job = models.OneToOneField(
        "jobqueue.Job", on_delete=models.CASCADE, db_constraint=False, primary_key=True, related_name="report"
    )
    done = models.FloatField(null=True, blank=True, help_text="How much is done.")
    total = models.FloatField(null=True, blank=True, help_text="Of how much; empty: nobody knows.")
    stored_text = models.TextField(
        db_column="text", blank=True, help_text="What it is doing, as it is stored, maybe encrypted."
    )
    stored_log = models.TextField(
        db_column="log", blank=True, help_text="Its last log lines, as they are stored, maybe encrypted."
    )
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A row for each job that tells something."""

        verbose_name = "report"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("updated_at"), name="jobqueue_report_times"),
        ]

    def __str__(self) -> str:
        return f"report of #{self.job_id}"

    @property
    def text(self) -> str:
        """What the job is doing, readable; or the key that it would take to read it."""
        return _readable(self.stored_text)

    @property
    def log(self) -> str:
        """The last lines that the job has logged, where that was asked for, under a heading for each attempt."""
        return _readable(self.stored_log)


def _readable(stored: str) -> str:
    try:
        return unseal(stored)
    except DecryptionError as error:
        return f"({error})"
