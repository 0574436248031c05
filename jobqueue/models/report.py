"""What a job tells of itself while it runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.models.expressions import Readable

LONGEST_TEXT = 200


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
    text = models.CharField(_("text"), max_length=LONGEST_TEXT, blank=True, help_text=_("What it is doing."))
    log = models.TextField(_("log"), blank=True, help_text=_("Its last log lines, maybe encrypted."))
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, help_text=_("When it was last told."))

    class Meta:
        """A row for each job that tells something."""

        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("updated_at"), name="jobqueue_report_times"),
        ]

    def __str__(self) -> str:
        return f"report of #{self.job_id}"
