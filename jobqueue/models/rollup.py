"""What was done, minute by minute: figures that outlive the jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from jobqueue.policy.histogram import BUCKETS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: What is counted of jobs.
COUNTS = ("stored", "succeeded", "retried", "failed", "cancelled")


class Rollup(models.Model):
    """What became of the jobs of one class in one queue within a minute, or an hour, as one writer has counted them.

    Buckets are those of ``jobqueue.policy.histogram``. A writer has rows of its own, and writes each anew as it stands,
    so that a repeated write counts nothing twice. It signs with another number after each minute, which begins with
    that minute (``writer_in``): so maintenance knows which rows nobody writes any more, and adds them up.
    """

    minute = models.BigIntegerField(_("minute"), help_text=_("In which it began, counted from 1970."))
    minutes = models.SmallIntegerField(_("minutes"), default=1, help_text=_("How long it is: 1, or 60."))
    queue = models.CharField(_("queue"), max_length=64, help_text=_("Of which queue."))
    name = models.CharField(_("name"), max_length=255, help_text=_("Of which class."))
    writer = models.BigIntegerField(
        _("writer"), default=0, help_text=_("Who counted, and in which minute it began to; 0: all, added up.")
    )
    stored = models.IntegerField(
        _("stored"), default=0, help_text=_("Jobs stored then, counted when they were first tried.")
    )
    succeeded = models.IntegerField(_("succeeded"), default=0, help_text=_("Attempts that ended well."))
    retried = models.IntegerField(
        _("retried"), default=0, help_text=_("Attempts that failed, with another to follow.")
    )
    failed = models.IntegerField(_("failed"), default=0, help_text=_("Jobs that failed for good."))
    cancelled = models.IntegerField(_("cancelled"), default=0, help_text=_("Jobs cancelled while they ran."))
    run_seconds = models.FloatField(_("run seconds"), default=0, help_text=_("How long attempts ran, together."))

    class Meta:
        """By time first: each look is at a span of it."""

        verbose_name = _("rollup")
        verbose_name_plural = _("rollups")
        default_permissions = ()
        indexes: ClassVar = [
            # Those that are not added up yet: few, wherever in time they lie.
            models.Index(fields=["writer"], name="jobqueue_rollup_fresh", condition=models.Q(writer__gt=0)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["minute", "minutes", "queue", "name", "writer"], name="jobqueue_rollup_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.queue} at {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def began_at(self) -> datetime:
        """When its time began."""
        return time_of(self.minute)


for _bucket in range(BUCKETS):
    Rollup.add_to_class(
        f"run_{_bucket:02}",
        models.IntegerField(_("attempts by run time"), default=0, help_text=_("Attempts that ran so long.")),
    )
for _bucket in range(BUCKETS):
    Rollup.add_to_class(
        f"wait_{_bucket:02}",
        models.IntegerField(
            _("attempts by waiting time"),
            default=0,
            help_text=_("Attempts that began so long after they were due."),
        ),
    )


def columns_of(kind: str) -> list[str]:
    """Return the columns of a histogram, ``run`` or ``wait``, the shortest durations first."""
    return [f"{kind}_{bucket:02}" for bucket in range(BUCKETS)]


#: The bits of a writer's number behind the minute; they are random.
WRITER_BITS = 36


def writer_in(minute: int, number: int = 0) -> int:
    """Return what a writer signs with that has begun in a minute; smaller than any that has begun later."""
    return minute << WRITER_BITS | number


def minute_of(moment: datetime) -> int:
    """Return the minute, counted from 1970, in which a moment lies."""
    return int(moment.timestamp() // 60)


def time_of(minute: int) -> datetime:
    """Return when a minute began."""
    return EPOCH + timedelta(minutes=minute)
