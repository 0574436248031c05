"""Queues that rest."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from jobqueue.models.expressions import Readable


class Pause(models.Model):
    """A queue whose jobs nobody claims until it is resumed. Jobs that are claimed already go on."""

    queue = models.CharField(max_length=64, primary_key=True)
    reason = models.CharField(max_length=200, blank=True)
    paused_by = models.CharField(max_length=150, blank=True, help_text="Who did it.")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        """Hardly ever more than a handful of rows: every claim looks at them."""

        verbose_name = "pause"
        constraints: ClassVar = [models.CheckConstraint(condition=Readable("since"), name="jobqueue_pause_times")]

    def __str__(self) -> str:
        return self.queue
