"""Uploads of three kinds of accounts, a file that is no video, and the library's button."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from demo_site.scenario import Check, Scenario
from demo_site.videos import ffmpeg
from demo_site.videos.jobs import VideoWorker, add_sample
from demo_site.videos.models import Video
from demo_site.videos.views import library_jobs, upload_jobs
from jobqueue.models import Job

AT_ONCE = 0.5
MESSAGE = "Video was created and is being encoded…"
ORDER = ("unverified", "unverified", "normal", "premium")  # as uploaded


class Upload(Scenario):
    """Real files are encoded, premium accounts first."""

    title = "Encode uploaded videos"

    def arrange(self, visitor: Client) -> None:
        """Upload a clip for each account, then a text, then nothing."""
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder, "clip.mp4")
            ffmpeg.make_sample(clip, seconds=3, size="320x240")
            self.uploads = [upload(visitor, account, account, clip.read_bytes()) for account in ORDER]
        self.flags = list(Video.objects.values_list("encoded", flat=True))
        upload(visitor, "Not a video", "normal", b"These are words.")
        upload(visitor, "Empty", "normal", b"")
        self.refused = not Video.objects.filter(title="Empty").exists()

    def is_finished(self) -> bool:
        """Four are encoded, one has failed for good."""
        return upload_jobs().succeeded().count() == len(ORDER) and upload_jobs().failed().exists()

    def checks(self, visitor: Client) -> Iterator[Check]:
        """DJ12 and DJ14, and what became of the files."""
        slowest = max(seconds for _, seconds, _ in self.uploads)
        yield Check("the view answers within", f"{AT_ONCE} s", f"{slowest:.2f} s", slowest < AT_ONCE)
        yield Check("its message", [MESSAGE], sorted({message for _, _, message in self.uploads}))
        yield Check("encoded before a worker runs", [False] * len(ORDER), self.flags)
        yield Check("an empty file is refused", True, self.refused)
        videos = list(Video.objects.filter(title__in=ORDER).order_by("id"))
        codecs = [ffmpeg.probe(video.encoded_path).codec for video in videos]
        yield Check("codecs afterwards", ["h264"] * len(ORDER), codecs)
        yield Check("posters", [True] * len(ORDER), [video.poster_path.exists() for video in videos])
        ranged = visitor.get(videos[0].encoded_url, headers={"Range": "bytes=0-99"})
        yield Check("a part of the film", [206, 100], [ranged.status_code, len(ranged.content)])
        yield from self.order()
        yield from self.failure()

    def order(self) -> Iterator[Check]:
        """Premium is among the first that two workers take, although it was stored last."""
        videos = Video.objects.filter(title__in=ORDER)
        order = [video.title for video in sorted(videos, key=begin)]
        yield Check("order of encoding", "premium 1st or 2nd", order, order.index("premium") < 2)

    def failure(self) -> Iterator[Check]:
        """The text was tried twice and kept with its error."""
        job = upload_jobs().failed().get()
        yield Check("attempts at a text", 2, job.attempts)
        said = (job.error or "").partition("\n")[0]
        yield Check("its error", "NotAVideo", said, "NotAVideo" in said)


class Library(Scenario):
    """One statement stores a job for each video that needs encoding."""

    title = "Many jobs in one statement"

    def arrange(self, visitor: Client) -> None:
        """Add two clips that need encoding and one that does not, then press the button."""
        for number in (1, 2):
            add_sample(number, seconds=2, size="320x240")
        done = Video.objects.create(title="Encoded already", encoded=True, original="samples/none.mp4")
        self.skipped = VideoWorker.enqueue(done.pk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            visitor.post("/videos/library/encode/")
        self.statements = sum("INSERT INTO jobqueue_job" in query["sql"] for query in queries)

    def is_finished(self) -> bool:
        """All three jobs are done."""
        return library_jobs().succeeded().count() == 3

    def checks(self, visitor: Client) -> Iterator[Check]:
        """Both clips are encoded, the third is left alone."""
        clips = list(Video.objects.filter(title__startswith="Sample clip"))
        yield Check("statements for two jobs", 1, self.statements)
        yield Check("encoded", [True, True], [clip.encoded for clip in clips])
        yield Check("codecs", ["h264", "h264"], [ffmpeg.probe(clip.encoded_path).codec for clip in clips])
        result = Job.objects.get(pk=self.skipped.pk).result
        yield Check("a video encoded already", "skipped: it was encoded already", result)


def upload(visitor: Client, title: str, account: str, content: bytes) -> tuple[int, float, str]:
    """Send the form; return status, seconds and message of the answer."""
    file = ContentFile(content, name="clip.mp4")
    started = time.perf_counter()
    answer = visitor.post("/videos/", {"title": title, "account": account, "original": file})
    seconds = time.perf_counter() - started
    if answer.status_code != 302:
        return answer.status_code, seconds, ""
    page = visitor.get(answer["Location"]).content.decode()
    found = re.search(r'<li class="success">(.*?)</li>', page)
    return answer.status_code, seconds, found[1] if found else ""


def begin(video: Video) -> datetime:
    """When the encoding of a video began."""
    job = video.job
    assert job is not None
    assert job.started_at is not None
    return job.started_at
