"""Wishes that running jobs end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.models.expressions import Readable


class Cancellation(models.Model):
    """Somebody wants a running job to end. Its own row may be locked by its own transaction, so it stands here."""

    job = models.OneToOneField(
        "jobqueue.Job",
        on_delete=models.CASCADE,
        db_constraint=False,
        primary_key=True,
        related_name="cancellation",
        help_text=_("What is to end."),
        verbose_name=_("job"),
    )
    requested_at = models.DateTimeField(_("requested at"), default=timezone.now, help_text=_("Since when."))
    requested_by = models.CharField(_("requested by"), max_length=150, blank=True, help_text=_("Who wants it."))

    class Meta:
        """A row goes when its job has ended."""

        verbose_name = _("cancellation")
        verbose_name_plural = _("cancellations")
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("requested_at"), name="jobqueue_cancellation_times"),
        ]

    def __str__(self) -> str:
        return f"cancellation of #{self.job_id}"
