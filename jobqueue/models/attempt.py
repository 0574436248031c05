"""Attempts that failed. Of one that succeeded the job's own row tells all there is."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from jobqueue.exceptions import DecryptionError
from jobqueue.models.expressions import Readable
from jobqueue.outcomes import FAILURE_WORDS
from jobqueue.sealing import unseal

#: ``FAILURE_WORDS`` in people's own language.
FAILURES = (
    pgettext_lazy("end of an attempt", "failed"),
    pgettext_lazy("end of an attempt", "timed out"),
    pgettext_lazy("end of an attempt", "crashed"),
    pgettext_lazy("end of an attempt", "corrupt"),
    pgettext_lazy("end of an attempt", "unknown"),
)


class Attempt(models.Model):
    """One attempt of a job that failed; ``job.tries`` has them, the oldest first."""

    job = models.ForeignKey(
        "jobqueue.Job",
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="tries",
        help_text=_("Whose attempt it was."),
        verbose_name=_("job"),
    )
    number = models.IntegerField(
        _("number"), help_text=_("As the job counted when it began; a retry by hand counts anew.")
    )
    worker = models.CharField(_("worker"), max_length=255, blank=True, help_text=_("Who performed it."))
    outcome = models.CharField(
        _("outcome"),
        max_length=16,
        choices=[*zip(FAILURE_WORDS, FAILURES, strict=True)],
        help_text=_("How it ended."),
    )
    started_at = models.DateTimeField(
        _("started at"), null=True, blank=True, help_text=_("Empty: it was not performed.")
    )
    ended_at = models.DateTimeField(_("ended at"), help_text=_("When it ended."))
    exception = models.CharField(
        _("exception"), max_length=200, blank=True, help_text=_("Its class, as the error names it.")
    )
    fingerprint = models.CharField(
        _("fingerprint"), max_length=16, blank=True, help_text=_("The same for failures of one kind.")
    )
    stored_error = models.TextField(
        _("stored error"), db_column="error", help_text=_("As it is stored, maybe encrypted.")
    )

    class Meta:
        """Read by job, by time, or by kind of failure."""

        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("job", "id")
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["job", "id"], name="jobqueue_attempt_of_job"),
            models.Index(fields=["ended_at", "fingerprint"], name="jobqueue_attempt_lately"),
            models.Index(fields=["fingerprint", "job"], name="jobqueue_attempt_kind"),
        ]
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
