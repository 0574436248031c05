"""One pool of workers: its heartbeat is the lease of every job it holds."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.db import models
from django.utils import timezone

from jobqueue.models.expressions import Readable


def unused_id() -> int:
    """Return an id that no pool has had: a server that has lost its last commits would hand out a counter's twice.

    Small enough to be exact in JSON.
    """
    return secrets.randbelow(2**53 - 1) + 1


class Pool(models.Model):
    """One supervisor with its children. A pool that stops cleanly removes its row."""

    id = models.BigIntegerField(primary_key=True, default=unused_id, editable=False)
    name = models.CharField(max_length=64, blank=True, help_text="From --app-name.")
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    release = models.CharField(max_length=64, blank=True)
    queues = models.JSONField(default=list, help_text="Empty: all queues.")
    min_priority = models.IntegerField(null=True, blank=True)
    max_priority = models.IntegerField(null=True, blank=True)
    processes = models.IntegerField(default=1)
    threads = models.IntegerField(default=1)
    coroutines = models.IntegerField(default=1)
    started_at = models.DateTimeField(default=timezone.now)
    alive = models.BooleanField(default=True, help_text="False: declared dead; it can claim nothing more.")
    beats = models.BigIntegerField(default=0, help_text="Rises with every heartbeat.")
    beat_at = models.DateTimeField(default=timezone.now, help_text="Latest heartbeat, database clock.")
    quiet = models.BooleanField(default=False, help_text="Takes no new jobs.")
    workers = models.JSONField(default=list, help_text="What each worker is doing, as of the latest heartbeat.")

    class Meta:
        """A handful of rows; the primary key is enough."""

        verbose_name = "pool"
        permissions: ClassVar = [
            ("view_worker", "Can view workers"),
            ("control_worker", "Can quiet and stop workers"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("started_at", "beat_at"), name="jobqueue_pool_times")
        ]

    def __str__(self) -> str:
        return f"{self.name} host:{self.host} pid:{self.pid}".strip()
