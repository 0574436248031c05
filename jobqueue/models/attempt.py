"""Attempts that failed. Of one that succeeded the job's own row tells all there is."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jobqueue.exceptions import DecryptionError
from jobqueue.models.expressions import Readable
from jobqueue.outcomes import FAILURE_WORDS
from jobqueue.sealing import unseal


class Attempt(models.Model):
    """One attempt of a job that failed; ``job.tries`` has them, the oldest first."""

    job = models.ForeignKey(
        "jobqueue.Job", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="tries"
    )
    number = models.IntegerField(help_text="As the job counted when it began; a retry by hand counts anew.")
    worker = models.CharField(max_length=255, blank=True, help_text="Who performed it.")
    outcome = models.CharField(max_length=16, choices=[(word, word) for word in FAILURE_WORDS])
    started_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it was not performed.")
    ended_at = models.DateTimeField()
    stored_error = models.TextField(db_column="error", help_text="As it is stored, maybe encrypted.")

    class Meta:
        """Read by job alone."""

        verbose_name = "attempt"
        ordering = ("job", "id")
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="jobqueue_attempt_of_job")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("ended_at"), name="jobqueue_attempt_times"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of #{self.job_id}"

    @property
    def error(self) -> str:
        """Type, message and traceback, readable; or the key that it would take to read them."""
        try:
            return unseal(self.stored_error)
        except DecryptionError as error:
            return f"({error})"
