"""Why does a job not run? A pure function over what one look has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from jobqueue.insight.scene import address, listens, paused, takes
from jobqueue.insight.workers import told_by
from jobqueue.logs import headline
from jobqueue.models import ClassPause, Job, Pause, Pool
from jobqueue.states import State
from jobqueue.stores.lanes import Lane
from jobqueue.wording import age, few, span, up_to

#: Maintenance makes due jobs ready within moments.
OVERDUE_SECONDS = 60.0
#: Jobs in front are counted up to here.
MANY = 10_000
NAMED = 5


class Why(NamedTuple):
    """The reason of a job's state.

    Attributes:
        kind: the reason in a word, for programs.
        sentence: for people.
        remedy: what to type about it; empty where nothing is to be done.
    """

    kind: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".rstrip()


@dataclass(frozen=True)
class Snapshot:
    """What was found at one moment.

    Attributes:
        job_id: that was asked about.
        now: the database's time.
        job: its row; None if there is none.
        living: the pools that live.
        pause: why its queue rests, or its class; None if neither does.
        ahead: how many ready jobs come before it; 10,000 if so many or more.
        max_attempts: of jobs that do not say themselves.
        newest: the largest id of all jobs.
        kept: how long ended jobs stay, in words.
        cancelling: since when somebody wants it to end.
    """

    job_id: int
    now: datetime
    job: Job | None
    living: Sequence[Pool] = ()
    pause: Pause | ClassPause | None = None
    ahead: int = 0
    max_attempts: int = 25
    newest: int | None = None
    kept: str = ""
    cancelling: datetime | None = None


def why(look: Snapshot) -> Why:
    """Return the reason why a job is where it is, and what to do about it."""
    job = look.job
    if job is None:
        return _gone(look)
    match State(job.state):
        case State.SCHEDULED:
            return _scheduled(look, job)
        case State.READY:
            return _ready(look, job)
        case State.RUNNING:
            return _running(look, job)
        case _:
            return _ended(look, job)


def _gone(look: Snapshot) -> Why:
    if look.newest is not None and look.job_id > look.newest:
        told = f"the largest id is {look.newest}. The transaction that stores it may still be open."
    else:
        told = f"it was rolled back, or it has ended and was deleted{look.kept}."
    return Why("gone", f"There is no job #{look.job_id}: {told}")


def _scheduled(look: Snapshot, job: Job) -> Why:
    run_now = f"Run it now: python manage.py jobs run-now {job.pk}"
    when = _when(job.run_at)
    if job.blocked_at is not None:
        told = f"#{job.pk} waits for a release that knows {job.name}, for {span(age(job.blocked_at, look.now))}"
        restart = "Deploy it, then: python manage.py jobworker restart"
        return Why("blocked", f"{told}; after an hour it fails.", restart)
    if job.run_at <= look.now:
        return _overdue(look, job)
    if job.attempts:
        tries = f"its try {job.attempts} of {_most(look, job)}"
        told = f"#{job.pk} waits until {when}, in {span(-age(job.run_at, look.now))}, after {tries}{_error(job)}"
        return Why("retrying", f"{told}.", run_now)
    return Why("scheduled", f"#{job.pk} waits until {when} (run_at).", run_now)


def _overdue(look: Snapshot, job: Job) -> Why:
    late = age(job.run_at, look.now)
    if not look.living:
        return _nobody(job)
    if late < OVERDUE_SECONDS:
        return Why("due", f"#{job.pk} is due since {span(late)}; it is made ready within moments.")
    told = f"#{job.pk} is due since {span(late)}, and no pool has made it ready."
    return Why("overdue", told, "Restart the workers: python manage.py jobworker restart")


def _ready(look: Snapshot, job: Job) -> Why:
    if look.pause is not None:
        return _paused(look, job, look.pause)
    if not look.living:
        return _nobody(job)
    lane = Lane(job.queue, job.priority, job.run_at)
    if not any(takes(pool, lane) for pool in look.living):
        return _untaken(look, job)
    takers = [pool for pool in look.living if takes(pool, lane)]
    if all(pool.quiet for pool in takers):
        told = f"#{job.pk} waits: the workers of its queue were told to take no new jobs."
        return Why("quiet", told, f"Let them go on: python manage.py jobs resume-worker {address(takers[0])}")
    if look.ahead:
        told = f'#{job.pk} waits behind {up_to(MANY, look.ahead)} in queue "{job.queue}".'
        return Why("behind", told, f"More workers: python manage.py jobworker -n 4 --queue {job.queue}")
    return Why("next", f'#{job.pk} is the next in queue "{job.queue}": the first worker that is free takes it.')


def _paused(look: Snapshot, job: Job, pause: Pause | ClassPause) -> Why:
    kind, verb = ("queue", "resume") if isinstance(pause, Pause) else ("class", "resume-class")
    told = f'#{job.pk} waits: {kind} "{pause}" is {paused(pause, look.now)}.'
    return Why("paused", told, f"Resume it: python manage.py jobs {verb} {pause}")


def _nobody(job: Job) -> Why:
    told = f"#{job.pk} waits: no worker is running."
    return Why("no worker", told, "Start one: python manage.py jobworker")


def _untaken(look: Snapshot, job: Job) -> Why:
    listening = [pool for pool in look.living if listens(pool, job.queue)]
    start = f"Start one: python manage.py jobworker --queue {job.queue}"
    if listening:
        told = f'#{job.pk} waits: no worker of queue "{job.queue}" takes priority {job.priority}.'
        return Why("no worker for its priority", told, start)
    names = sorted({name for pool in look.living for name in pool.queues})
    told = f'#{job.pk} waits: no worker listens to queue "{job.queue}"; live workers take: {few(names, NAMED)}.'
    return Why("no worker for its queue", told, start)


def _running(look: Snapshot, job: Job) -> Why:
    who = job.locked_by or "somebody"
    since = "" if job.locked_at is None else f" for {span(max(age(job.locked_at, look.now), 0.0))}"
    pool = next((pool for pool in look.living if pool.pk == job.pool_id), None)
    if pool is None:
        soon = "A living pool takes it back within a minute." if look.living else ""
        start = soon or "A new pool takes it back: python manage.py jobworker"
        return Why("orphaned", f"#{job.pk} is held{since} by {who}, which does not live.", start)
    if look.cancelling is not None:
        wished = span(max(age(look.cancelling, look.now), 0.0))
        return Why("cancelling", f"#{job.pk} runs{since} by {who}; it was asked to end {wished} ago.")
    if _is_only_claimed(job, pool):
        return Why("claimed", f"#{job.pk} is claimed{since} by {who}, and was not begun at its last heartbeat.")
    return Why("running", f"#{job.pk} runs{since} by {who}.", f"Watch it: python manage.py jobs watch {job.pk}")


def _is_only_claimed(job: Job, pool: Pool) -> bool:
    """Whether the pool's latest heartbeat, sent after the claim, knows nothing of it."""
    if job.locked_at is None or pool.beat_at <= job.locked_at:
        return False
    performed = {each["id"] for worker in told_by(pool) for each in worker["jobs"]}
    return job.pk not in performed


def _ended(look: Snapshot, job: Job) -> Why:
    ago = "" if job.finished_at is None else f" {span(max(age(job.finished_at, look.now), 0.0))} ago"
    again = f"Again: python manage.py jobs retry {job.pk}"
    if job.state == State.SUCCEEDED:
        took = ""
        if job.started_at is not None and job.finished_at is not None:
            took = f"; it took {span(max(age(job.started_at, job.finished_at), 0.0))}"
        return Why("succeeded", f"#{job.pk} succeeded{ago}{took}.")
    if job.state == State.CANCELLED:
        return Why("cancelled", f"#{job.pk} was cancelled{ago}{_error(job)}.", again)
    most = _most(look, job)
    used = "its only try used" if most == 1 else f"all {most} tries used"
    if job.attempts < most:
        used = f"at its try {job.attempts} of {most}, for good"
    return Why("failed", f"#{job.pk} failed{ago}, {used}{_error(job)}.", again)


def _most(look: Snapshot, job: Job) -> int:
    return job.max_attempts or look.max_attempts


def _error(job: Job) -> str:
    return f": {headline(job.error).rstrip('.')}" if job.error else ""


def _when(moment: datetime) -> str:
    shown = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return f"{shown:%Y-%m-%d %H:%M}" if shown.second == 0 else f"{shown:%Y-%m-%d %H:%M:%S}"
