"""Upload a video, watch it being encoded, play it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from demo_site.front.live import is_settled, part
from demo_site.front.page import page
from demo_site.videos.forms import VideoForm
from demo_site.videos.jobs import VideoWorker, add_sample
from demo_site.videos.models import Video
from jobqueue import enqueue_many
from jobqueue.models import Job, JobQuerySet


def index(request: HttpRequest) -> HttpResponse:
    """Take a video and answer at once: a worker will encode it, those of premium accounts first."""
    form = VideoForm(request.POST or None, request.FILES or None)
    if not form.is_valid():
        return page(request, "upload", {"form": form, **uploads()})
    with transaction.atomic():
        video = form.save()
        stored = video.send_later("encode", video.priority, max_attempts=2)
        Video.objects.filter(pk=video.pk).update(job_id=stored.pk)
    messages.success(request, "Video was created and is being encoded…")
    return redirect(video)


def index_live(request: HttpRequest) -> HttpResponse:
    """The uploads as they are now."""
    return part(request, "videos/_index.html", uploads(), final=is_settled(upload_jobs()))


def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One video: waiting, encoding with a bar, then the player."""
    return page(request, "upload", shown(pk), view="videos:detail", pk=pk)


def detail_live(request: HttpRequest, pk: int) -> HttpResponse:
    """One video as it is now."""
    context = shown(pk)
    stage = context["video"].stage
    final = stage in {"done", "failed", "not encoded"}
    return part(request, "videos/_detail.html", context, final=final, status=stage.capitalize())


def library(request: HttpRequest) -> HttpResponse:
    """All videos, and what needs encoding among them."""
    return page(request, "library", clips())


def library_live(request: HttpRequest) -> HttpResponse:
    """The library as it is now."""
    return part(request, "videos/_library.html", clips(), final=is_settled(library_jobs() | upload_jobs()))


@require_POST
def add_samples(request: HttpRequest) -> HttpResponse:
    """Store three jobs with one statement; each makes a clip."""
    last = Video.objects.aggregate(Max("pk", default=0))["pk__max"]
    enqueue_many(add_sample.bind(last + number) for number in (1, 2, 3))
    messages.success(request, "Three jobs are stored; each makes a sample clip.")
    return redirect("videos:library")


@require_POST
def encode_all(request: HttpRequest) -> HttpResponse:
    """Store a job for each video that needs encoding, all with one statement."""
    with transaction.atomic():
        videos = Video.objects.needing_encoding()
        ids = enqueue_many(VideoWorker(each.pk) for each in videos)
        for video, job_id in zip(videos, ids, strict=True):
            Video.objects.filter(pk=video.pk).update(job_id=job_id)
    messages.success(request, f"Jobs stored: {len(ids)}, one for each video that needs encoding.")
    return redirect("videos:library")


def uploads() -> dict[str, Any]:
    """What the live part of the upload page shows."""
    return {
        "videos": Video.objects.exclude(original__startswith="samples/")[:6],
        "jobs": upload_jobs().order_by("-id")[:6],
    }


def shown(pk: int) -> dict[str, Any]:
    """What the page of one video shows."""
    return {"video": get_object_or_404(Video, pk=pk)}


def clips() -> dict[str, Any]:
    """What the live part of the library shows."""
    videos = Video.objects.all()[:12]
    needing = Video.objects.needing_encoding().count()
    return {"videos": videos, "needing": needing, "jobs": library_jobs().order_by("-id")[:6]}


def upload_jobs() -> JobQuerySet:
    """The jobs that uploads stored."""
    return Job.objects.filter(name="videos.Video.encode")


def library_jobs() -> JobQuerySet:
    """The jobs that the library's buttons stored."""
    return Job.objects.filter(name__startswith="demo_site.videos.jobs.")
