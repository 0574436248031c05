"""How far is a job? For those to whom the site has given its key, as JSON, without a session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobqueue.conf import get_settings
from jobqueue.exceptions import JobQueueError
from jobqueue.insight.reading import Unreadable, read_row
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.models import Job, Report
from jobqueue.models.following import Followed, read_key
from jobqueue.states import State

NEEDED = ("state", "report__done", "report__total", "report__stored_text", "report__updated_at")


@login_not_required
@never_cache
@require_safe
def status(request: HttpRequest, key: str) -> JsonResponse:
    """Tell the state of a job, how far it is, and its result if the key opens that."""
    followed = read_key(key)
    if followed is None:
        return JsonResponse({"error": "This key opens nothing, or no longer."}, status=404)
    scene = Scene(get_settings())
    try:
        with scene.store.looking(PATIENCE):
            return _answer(scene, followed)
    except OperationalError:
        return JsonResponse({"error": "The database was too slow."}, status=503)


def _answer(scene: Scene, followed: Followed) -> JsonResponse:
    columns = (*NEEDED, "stored_result") if followed.with_result else NEEDED
    job = read_row(scene.jobs.select_related("report").only(*columns), followed.job_id)
    if job is None:
        return JsonResponse({"state": "gone", "is_final": True}, status=410)
    if isinstance(job, Unreadable) or job.state not in set(State):
        return JsonResponse({"error": "The job cannot be read."}, status=503)
    state = State(job.state)
    told: dict[str, Any] = {"state": state.label, "is_final": state.is_final, "progress": _progress(job)}
    if followed.with_result:
        told["result"] = _result(job)
    return JsonResponse(told, json_dumps_params={"default": str})


def _progress(job: Job) -> dict[str, Any] | None:
    report: Report | None = getattr(job, "report", None)
    return None if report is None else {"done": report.done, "total": report.total, "text": report.text}


def _result(job: Job) -> Any:
    try:
        return job.result
    except (JobQueueError, ValueError, RecursionError):  # spoilt by hand, or no key opens it
        return None
