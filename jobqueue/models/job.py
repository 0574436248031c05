"""One row: what to perform, when, how often it was tried, who holds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self

from django.db import models
from django.db.models import Count, F, Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import LARGEST_PRIORITY
from jobqueue.exceptions import DecryptionError
from jobqueue.handlers.plain import plain
from jobqueue.models.expressions import Holds, Literal, Readable, Sound
from jobqueue.models.following import make_key
from jobqueue.models.waiting import await_for, wait_for
from jobqueue.sealing import unseal
from jobqueue.states import CHOICES, State

#: Order in which ready jobs are claimed: larger priority first, then the older run_at, then the id.
CLAIM_ORDER = ("-priority", "run_at", "id")

TIMES = (
    "run_at",
    "created_at",
    "updated_at",
    "locked_at",
    "started_at",
    "finished_at",
    "failed_at",
    "blocked_at",
)


#: What is counted of a class.
COUNTED = {
    "total": Q(),
    "remaining": Q(state__lte=State.RUNNING),
    "processed": Q(state=State.SUCCEEDED),
    "failed": Q(state=State.FAILED),
    "cancelled": Q(state=State.CANCELLED),
}


class ClassStats(NamedTuple):
    """How many jobs of one class there are."""

    #: The class or function.
    name: str
    #: All of its rows.
    total: int
    #: Those that wait or run.
    remaining: int
    #: Those that succeeded, and are kept.
    processed: int
    #: Those that failed for good.
    failed: int
    #: Those that were called off.
    cancelled: int


class JobQuerySet(models.QuerySet["Job"]):
    """Views on the jobs, and acts on all that one shows, each of which is guarded by the job's state."""

    #: Does acts, as ``jobqueue.acting.act_on``. This floor knows nobody who writes jobs; the app hands it in.
    hands: ClassVar[Callable[..., Any]]

    def in_state(self, state: State) -> Self:
        """Jobs in one state."""
        return self.filter(state=Literal(state))

    def ended(self) -> Self:
        """Jobs in a final state."""
        return self.filter(state__gte=Literal(State.SUCCEEDED))

    def done(self) -> Self:
        """Jobs that succeeded or were cancelled: those that are kept for a while only."""
        return self.ended().exclude(state=Literal(State.FAILED))

    def ready(self) -> Self:
        """Jobs that a worker may claim now, in the order of claims."""
        return self.in_state(State.READY).order_by(*CLAIM_ORDER)

    def scheduled(self) -> Self:
        """Jobs that wait for their time, the next one first."""
        return self.in_state(State.SCHEDULED).order_by("run_at", "id")

    def running(self) -> Self:
        """Jobs that a worker holds."""
        return self.in_state(State.RUNNING)

    def succeeded(self) -> Self:
        """Jobs that were performed and are kept."""
        return self.done().filter(state=State.SUCCEEDED)

    def failed(self) -> Self:
        """Jobs that are not tried again by themselves."""
        return self.in_state(State.FAILED)

    def cancelled(self) -> Self:
        """Jobs that were called off."""
        return self.done().filter(state=State.CANCELLED)

    def stats(self, since: datetime | None = None, until: datetime | None = None) -> list[ClassStats]:
        """Count these jobs by class, in the order of names.

        Args:
            since: only those stored at this time or later.
            until: only those stored before it.
        """
        bounds = {"created_at__gte": since, "created_at__lt": until}
        rows = self.order_by().filter(**{name: value for name, value in bounds.items() if value is not None})
        counts = {name: Count("pk", filter=which) for name, which in COUNTED.items()}
        counted = rows.values("name").annotate(**counts).order_by("name")
        return [ClassStats._make(row) for row in counted.values_list(*ClassStats._fields)]

    # Acts. Each returns an ``Acted``: the ids in ``done``, in ``ending`` those of running jobs that were told to end,
    # and by id in ``skipped`` why others were left alone.

    def retry(self, spread: timedelta | None = None) -> Any:
        """Make those that failed or were cancelled ready again; with ``spread`` one after another, over that time."""
        return self._act("retry", spread=spread)

    def cancel(self, by: str = "") -> Any:
        """Call off those that wait, and have those end soon that run; ``by`` is who wants it, for their errors."""
        return self._act("cancel", by=by)

    def run_now(self, spread: timedelta | None = None) -> Any:
        """Make those that are scheduled ready; with ``spread`` one after another, over that time."""
        return self._act("run_now", spread=spread)

    def postpone(self, run_at: datetime | timedelta, spread: timedelta | None = None) -> Any:
        """Let those that wait run at another time, or one after another from then on."""
        return self._act("postpone", run_at=run_at, spread=spread)

    def _act(self, act: str, **when: Any) -> Any:
        return type(self).hands(self.values_list("pk", flat=True), act, **when)


for _each in ("retry", "cancel", "run_now", "postpone"):
    # As delete(): not on the manager, where a word too few would act on all jobs.
    vars(JobQuerySet)[_each].queryset_only = True


class Job(models.Model):
    """A background job, as Delayed Job's table with a state and a claim.

    An ordinary model for reading: ``Job.objects.failed().filter(name="shop.jobs.send_receipt")``.
    """

    priority = models.IntegerField(_("priority"), default=0, help_text=_("Larger numbers first."))
    attempts = models.IntegerField(
        _("attempts"), default=0, help_text=_("Attempts started, the running one included.")
    )
    handler = models.TextField(_("handler"), help_text=_("The performable as signed JSON, maybe encrypted."))
    last_error = models.TextField(  # noqa: DJ001 (null as in Delayed Job)
        _("last error"),
        null=True,
        blank=True,
        help_text=_("As it is stored, maybe encrypted; job.error is for people."),
    )
    run_at = models.DateTimeField(_("run at"), default=timezone.now, help_text=_("Not before this time."))
    locked_at = models.DateTimeField(
        _("locked at"), null=True, blank=True, help_text=_("Since when a worker holds it.")
    )
    locked_by = models.CharField(  # noqa: DJ001
        _("locked by"),
        max_length=255,
        null=True,
        blank=True,
        help_text=_("Which worker holds it, or has performed it."),
    )
    failed_at = models.DateTimeField(
        _("failed at"), null=True, blank=True, help_text=_("When its latest attempt failed.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, help_text=_("When it was stored."))
    updated_at = models.DateTimeField(
        _("updated at"), default=timezone.now, help_text=_("When it was last written.")
    )

    state = models.SmallIntegerField(
        _("state"), choices=CHOICES, default=State.READY.value, help_text=_("Where it is in its life.")
    )
    queue = models.CharField(
        _("queue"), max_length=64, default="default", help_text=_("Workers may be limited to some queues.")
    )
    name = models.CharField(
        _("name"), max_length=255, help_text=_("What is performed, for people and statistics.")
    )
    claim_id = models.UUIDField(
        _("claim id"), null=True, blank=True, help_text=_("The latest claim; fences every write.")
    )
    pool = models.ForeignKey(
        "jobqueue.Pool",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="jobs",
        help_text=_("The pool whose heartbeat is its lease."),
        verbose_name=_("pool"),
    )
    crashes = models.SmallIntegerField(_("crashes"), default=0, help_text=_("How often it took its process down."))
    max_attempts = models.IntegerField(
        _("max attempts"), null=True, blank=True, help_text=_("Empty: as the class or setting says.")
    )
    max_run_time = models.FloatField(
        _("max run time"), null=True, blank=True, help_text=_("Seconds. Empty: as the class or setting says.")
    )
    started_at = models.DateTimeField(
        _("started at"), null=True, blank=True, help_text=_("Start of the latest ended attempt.")
    )
    finished_at = models.DateTimeField(
        _("finished at"), null=True, blank=True, help_text=_("When it reached a final state.")
    )
    blocked_at = models.DateTimeField(
        _("blocked at"), null=True, blank=True, help_text=_("Since when no worker knows what to perform.")
    )
    stored_result = models.TextField(  # noqa: DJ001
        _("result"),
        db_column="result",
        null=True,
        blank=True,
        help_text=_("Return value as JSON, maybe encrypted; job.result is decoded."),
    )
    key = models.CharField(  # noqa: DJ001
        _("key"), max_length=255, null=True, blank=True, help_text=_("No second job has it.")
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        """Few indexes, each partial: every further one costs throughput.

        Constraints refuse what would stop those who read it: one row must never hold up the others.
        """

        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions: ClassVar = [
            ("view_job_payload", "Can view arguments, results, errors and logs of jobs"),
            ("retry_job", "Can retry, hasten and postpone jobs"),
            ("cancel_job", "Can cancel jobs"),
            ("export_job", "Can export jobs"),
        ]
        indexes: ClassVar = [
            models.Index(
                F("queue"),
                F("priority") * -1,
                F("run_at"),
                F("id"),
                name="jobqueue_job_ready",
                condition=Q(state=State.READY.value),
            ),
            models.Index(fields=["run_at"], name="jobqueue_job_due", condition=Q(state=State.SCHEDULED.value)),
            models.Index(fields=["pool"], name="jobqueue_job_held", condition=Q(state=State.RUNNING.value)),
            models.Index(
                fields=["finished_at"],
                name="jobqueue_job_done",
                condition=Q(state__gte=State.SUCCEEDED.value) & ~Q(state=State.FAILED.value),
            ),
            models.Index(
                fields=["finished_at"], name="jobqueue_job_failed", condition=Q(state=State.FAILED.value)
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], name="jobqueue_job_key", condition=Q(key__isnull=False)),
            models.CheckConstraint(
                condition=Q(state__gte=State.SCHEDULED.value, state__lte=State.CANCELLED.value),
                name="jobqueue_job_state",
            ),
            models.CheckConstraint(
                # One less, and the priority cannot be turned round, as the order of claims does.
                condition=Q(attempts__gte=0, crashes__gte=0, priority__gte=-LARGEST_PRIORITY),
                name="jobqueue_job_counts",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.RUNNING.value) | Q(claim_id__isnull=False, pool__isnull=False),
                name="jobqueue_job_held_by_claim",
            ),
            models.CheckConstraint(condition=Readable(*TIMES), name="jobqueue_job_times"),
            models.CheckConstraint(condition=Sound(), name="jobqueue_job_sound"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"

    def get_absolute_url(self) -> str:
        """Return the address of its page in the admin; empty if no admin has one."""
        try:
            return reverse("admin:jobqueue_job_change", args=[self.pk])
        except NoReverseMatch:
            return ""

    def status_key(self, *, with_result: bool = False, max_age: float | None = None) -> str:
        """Return a key by which anybody may follow the job, at ``status/<key>/`` of ``jobqueue.urls``.

        Args:
            with_result: whether they may also read what it returned.
            max_age: seconds until the key is worth nothing; None: it always opens.

        Raises:
            ValueError: if the job is not stored yet.
        """
        if self.pk is None:
            raise ValueError("Job not stored yet: it has no id by which to follow it.")
        return make_key(self.pk, with_result=with_result, max_age=max_age)

    @property
    def result(self) -> Any:
        """What the job returned, or None: plain values, dates and decimals as such, a model as text (``shop.order 7``).

        Raises:
            DecryptionError: if it is encrypted and no listed key opens it.
            CorruptHandler: if somebody has spoilt it.
        """
        return None if self.stored_result is None else plain(json.loads(unseal(self.stored_result)))

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until the job has ended, and return its result. Inside of a job it takes up a worker meanwhile.

        Args:
            timeout: seconds; None waits for as long as it takes.

        Raises:
            JobFailed: if it has failed for good.
            JobCancelled: if it was cancelled.
            JobGone: if it is no longer kept.
            TimeoutError: if it has not ended by then.
            TransactionManagementError: in a transaction, until whose end the job might never start.
        """
        return wait_for(self, timeout)

    async def aresult(self, timeout: float | None = None) -> Any:
        """Do as ``wait`` does, from async code: ``await job.aresult(10)``."""
        return await await_for(self, timeout)

    @property
    def error(self) -> str | None:
        """Type, message and traceback of the latest error, readable; or the key that it would take to read them."""
        try:
            return None if self.last_error is None else unseal(self.last_error)
        except DecryptionError as error:
            return f"({error})"


for _field in Job._meta.concrete_fields:
    if _field.name in {"name", "key", "locked_by", "handler", "last_error"}:
        _field.register_lookup(Holds, "holds")
