"""What a job tells of itself while it runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import DecryptionError
from jobqueue.models.expressions import Readable
from jobqueue.sealing import unseal


class Report(models.Model):
    """How far a job is, and its last log lines; there is none before it has told something."""

    job = models.OneToOneField(
        "jobqueue.Job",
        on_delete=models.CASCADE,
        db_constraint=False,
        primary_key=True,
        related_name="report",
        help_text=_("Who tells it."),
        verbose_name=_("job"),
    )
    done = models.FloatField(_("done"), null=True, blank=True, help_text=_("How much is done."))
    total = models.FloatField(_("total"), null=True, blank=True, help_text=_("Of how much; empty: nobody knows."))
    stored_text = models.TextField(
        _("text"), db_column="text", blank=True, help_text=_("What it is doing, maybe encrypted.")
    )
    stored_log = models.TextField(
        _("log"), db_column="log", blank=True, help_text=_("Its last log lines, maybe encrypted.")
    )
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, help_text=_("When it was last told."))

    class Meta:
        """A row for each job that tells something."""

        verbose_name = _("report")
        verbose_name_plural = _("reports")
        default_permissions = ()
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
