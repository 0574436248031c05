"""Reads what ``why`` wants to know of one job."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.insight.why import MANY, Snapshot, Why, why
from jobqueue.models import Cancellation, Job
from jobqueue.states import State
from jobqueue.stores.lanes import count_before, count_ready
from jobqueue.wording import span


def why_of(job_id: int, scene: Scene) -> Why:
    """Return why a job is where it is."""
    with scene.store.looking(PATIENCE):
        return why(snapshot(job_id, scene))


def snapshot(job_id: int, scene: Scene, job: Job | None = None) -> Snapshot:
    """Return what there is to know of a job at this moment; ``job`` is its row if that has been read."""
    now, settings = scene.now, scene.settings
    job = job or scene.jobs.filter(pk=job_id).first()
    if job is None:
        newest = scene.jobs.aggregate(newest=Max("pk"))["newest"]
        return Snapshot(job_id, now, None, newest=newest, kept=_kept(settings.keep_succeeded))
    running, ready = job.state == State.RUNNING, job.state == State.READY
    return Snapshot(
        job_id,
        now,
        job,
        living=scene.living,
        pause=scene.pause_of(job),
        ahead=_ahead(scene, job) if ready else 0,
        max_attempts=settings.max_attempts,
        cancelling=_cancelling(scene, job_id) if running else None,
    )


def _ahead(scene: Scene, job: Job) -> int:
    """Count the jobs of its queue that come before it."""
    awake = bool(scene.class_pauses)
    larger = [lane for lane in scene.awake if lane.queue == job.queue and lane.priority > job.priority]
    first = count_ready(scene.alias, larger, MANY, awake=awake)
    return first if first >= MANY else first + count_before(job, MANY - first, awake=awake)


def _cancelling(scene: Scene, job_id: int) -> datetime | None:
    wishes = Cancellation.objects.using(scene.alias).filter(pk=job_id)
    return wishes.values_list("requested_at", flat=True).first()


def _kept(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return " (KEEP_SUCCEEDED is 0)" if seconds == 0 else f" (KEEP_SUCCEEDED is {span(seconds)})"
