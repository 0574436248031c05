"""One pool of workers: its heartbeat is the lease of every job it holds."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.models.expressions import Readable


def unused_id() -> int:
    """Return an id that no pool has had: a server that has lost its last commits would hand out a counter's twice.

    Small enough to be exact in JSON.
    """
    return secrets.randbelow(2**53 - 1) + 1


#: What a pool can be asked to do: take no new jobs, take jobs again, stop.
WISHES = ("quiet", "go on", "stop")


class Pool(models.Model):
    """One supervisor with its children. A pool that stops cleanly removes its row."""

    id = models.BigIntegerField(
        _("id"), primary_key=True, default=unused_id, editable=False, help_text=_("Drawn at random.")
    )
    name = models.CharField(_("name"), max_length=64, blank=True, help_text=_("From --app-name."))
    host = models.CharField(_("host"), max_length=255, help_text=_("The machine it runs on."))
    pid = models.IntegerField(_("pid"), help_text=_("Of its supervisor."))
    release = models.CharField(_("release"), max_length=64, blank=True, help_text=_("Of the code it runs."))
    queues = models.JSONField(_("queues"), default=list, help_text=_("Empty: all queues."))
    min_priority = models.IntegerField(
        _("min priority"), null=True, blank=True, help_text=_("From --min-priority.")
    )
    max_priority = models.IntegerField(
        _("max priority"), null=True, blank=True, help_text=_("From --max-priority.")
    )
    processes = models.IntegerField(_("processes"), default=1, help_text=_("Workers it keeps."))
    threads = models.IntegerField(_("threads"), default=1, help_text=_("Jobs that each performs at a time."))
    coroutines = models.IntegerField(
        _("coroutines"), default=1, help_text=_("Coroutines that each performs at a time.")
    )
    started_at = models.DateTimeField(_("started at"), default=timezone.now, help_text=_("When it began."))
    alive = models.BooleanField(
        _("alive"), default=True, help_text=_("False: declared dead; it can claim nothing more.")
    )
    beats = models.BigIntegerField(_("beats"), default=0, help_text=_("Rises with every heartbeat."))
    beat_at = models.DateTimeField(
        _("beat at"), default=timezone.now, help_text=_("Latest heartbeat, database clock.")
    )
    quiet = models.BooleanField(_("quiet"), default=False, help_text=_("Takes no new jobs."))
    wish = models.CharField(
        _("wish"),
        max_length=16,
        blank=True,
        help_text=_("What somebody wants it to do: take no new jobs, take jobs again, or stop."),
    )
    workers = models.JSONField(
        _("workers"), default=list, help_text=_("What each worker is doing, as of the latest heartbeat.")
    )

    class Meta:
        """A handful of rows; the primary key is enough."""

        verbose_name = _("pool")
        verbose_name_plural = _("pools")
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("started_at", "beat_at"), name="jobqueue_pool_times")
        ]

    def __str__(self) -> str:
        return f"{self.name} host:{self.host} pid:{self.pid}".strip()
