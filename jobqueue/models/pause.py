"""Queues and classes that rest."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.models.expressions import Readable


class Pause(models.Model):
    """A queue whose jobs nobody claims until it is resumed. Jobs that are claimed already go on."""

    queue = models.CharField(_("queue"), max_length=64, primary_key=True, help_text=_("Its name."))
    reason = models.CharField(_("reason"), max_length=200, blank=True, help_text=_("Why, for people."))
    paused_by = models.CharField(_("paused by"), max_length=150, blank=True, help_text=_("Who did it."))
    since = models.DateTimeField(_("since"), default=timezone.now, help_text=_("Since when."))

    class Meta:
        """Hardly ever more than a handful of rows: every claim looks at them."""

        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(condition=Readable("since"), name="jobqueue_pause_times")]

    def __str__(self) -> str:
        return self.queue


class ClassPause(models.Model):
    """A class whose jobs nobody claims until it is resumed, in whatever queue they wait."""

    name = models.CharField(_("name"), max_length=255, primary_key=True, help_text=_("As its jobs have it."))
    reason = models.CharField(_("reason"), max_length=200, blank=True, help_text=_("Why, for people."))
    paused_by = models.CharField(_("paused by"), max_length=150, blank=True, help_text=_("Who did it."))
    since = models.DateTimeField(_("since"), default=timezone.now, help_text=_("Since when."))

    class Meta:
        """Hardly ever more than a handful of rows: every claim looks at them."""

        verbose_name = _("pause of a class")
        verbose_name_plural = _("pauses of classes")
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Readable("since"), name="jobqueue_classpause_times")
        ]

    def __str__(self) -> str:
        return self.name
