"""What has pages in the admin and no table of its own: names for addresses and rights, which must not move later."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Dashboard(models.Model):
    """All at a glance."""

    class Meta:
        """A page, no rows."""

        managed = False
        default_permissions = ()
        permissions: ClassVar = [("view_dashboard", "Can view the dashboard")]
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")


class Failure(models.Model):
    """Failures of one kind."""

    class Meta:
        """A page, no rows."""

        managed = False
        default_permissions = ()
        verbose_name = _("kind of failure")
        verbose_name_plural = _("failures")


class JobClass(models.Model):
    """What jobs perform."""

    class Meta:
        """A page, no rows."""

        managed = False
        default_permissions = ()
        verbose_name = _("job class")
        verbose_name_plural = _("job classes")


class Queue(models.Model):
    """Where jobs wait."""

    class Meta:
        """A page, no rows."""

        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("view_queue", "Can view queues"),
            ("pause_queue", "Can pause and resume queues and job classes"),
        ]
        verbose_name = _("queue")
        verbose_name_plural = _("queues")


class Worker(models.Model):
    """Who performs jobs."""

    class Meta:
        """A page, no rows."""

        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("view_worker", "Can view workers"),
            ("control_worker", "Can quiet and stop workers"),
        ]
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
