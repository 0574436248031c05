"""A video, and the work of encoding it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.urls import reverse

from demo_site.videos import ffmpeg
from jobqueue import SendLater
from jobqueue.models import Job, JobQuerySet
from jobqueue.states import State

PROGRESS_SECONDS = 1.0


class Account(models.TextChoices):
    """Kinds of accounts; each has its priority, larger numbers first."""

    PREMIUM = "premium", "Premium"
    NORMAL = "normal", "Normal"
    UNVERIFIED = "unverified", "Unverified"


PRIORITIES = {Account.PREMIUM: 10, Account.NORMAL: 0, Account.UNVERIFIED: -10}


class VideoQuerySet(models.QuerySet["Video"]):
    """Which videos there are."""

    def needing_encoding(self) -> Self:
        """Videos that are not encoded and that nobody has asked to encode."""
        return self.filter(encoded=False, job_id=None)


class Video(SendLater, models.Model):
    """A file that a visitor brought, and the copy that browsers can play."""

    title = models.CharField(max_length=100)
    account = models.CharField(max_length=10, choices=Account, default=Account.NORMAL)
    original = models.FileField("file", upload_to="uploads")
    encoded = models.BooleanField(default=False)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent encoded.")
    job_id = models.BigIntegerField(null=True, editable=False, help_text="The job that encodes it.")
    uploaded_at = models.DateTimeField(auto_now_add=True)

    objects = VideoQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The page that shows how far it is, then plays it."""
        return reverse("videos:detail", args=[self.pk])

    def encode(self) -> None:
        """Make the copy and its poster. Doing it twice is harmless: the second replaces the first."""
        original, progress = Path(self.original.path), self._progress()
        ffmpeg.transcode(original, self.encoded_path, progress)
        ffmpeg.take_poster(self.encoded_path, self.poster_path)
        self.encoded, self.progress = True, 100
        self.save(update_fields=["encoded", "progress"])

    def _progress(self) -> Callable[[int], None]:
        """What takes each percentage and writes it into the row, once a second at most."""
        written_at = time.monotonic()

        def show(percent: int) -> None:
            nonlocal written_at
            if time.monotonic() - written_at >= PROGRESS_SECONDS:
                written_at = time.monotonic()
                Video.objects.filter(pk=self.pk).update(progress=percent)

        return show

    @property
    def priority(self) -> int:
        """The priority that its visitor's account buys."""
        return PRIORITIES[Account(self.account)]

    @property
    def encoded_path(self) -> Path:
        """Where the copy is, or will be."""
        return Path(settings.MEDIA_ROOT, "encoded", f"{self.pk}.mp4")

    @property
    def poster_path(self) -> Path:
        """Where the poster is, or will be."""
        return Path(settings.MEDIA_ROOT, "posters", f"{self.pk}.jpg")

    @property
    def encoded_url(self) -> str:
        """Where browsers find the copy."""
        return f"{settings.MEDIA_URL}encoded/{self.pk}.mp4"

    @property
    def poster_url(self) -> str:
        """Where browsers find the poster."""
        return f"{settings.MEDIA_URL}posters/{self.pk}.jpg"

    @property
    def encoded_size(self) -> int:
        """Bytes of the copy, 0 while there is none."""
        return self.encoded_path.stat().st_size if self.encoded_path.exists() else 0

    @property
    def jobs(self) -> JobQuerySet:
        """The job that encodes it, as the pages list jobs."""
        return Job.objects.filter(pk=self.job_id or 0)

    @property
    def job(self) -> Job | None:
        """The job that encodes it, as long as its row is kept."""
        return self.jobs.first()

    @property
    def stage(self) -> str:
        """In a word, how far it is: not encoded, waiting, encoding, retrying, failed or done."""
        job = None if self.encoded else self.job
        if job is None:
            return "done" if self.encoded else "not encoded"
        if job.state == State.RUNNING:
            return "encoding"
        if job.state in {State.FAILED, State.CANCELLED}:
            return "failed"
        return "retrying" if job.attempts else "waiting"
