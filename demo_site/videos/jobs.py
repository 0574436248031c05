"""Jobs around videos. The work itself is `Video.encode`."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from demo_site.videos import ffmpeg
from demo_site.videos.models import Video
from jobqueue import Performable, job


class VideoWorker(Performable):
    """Encodes a video that needs it."""

    queue = "videos"
    max_attempts = 2

    def __init__(self, video_id: int) -> None:
        self.video_id = video_id

    def perform(self) -> str:
        """Encode, unless that was done since the job was stored."""
        video = Video.objects.get(pk=self.video_id)
        if video.encoded:
            return "skipped: it was encoded already"
        video.encode()
        return "encoded"


@job(queue="videos")
def add_sample(number: int, seconds: int = 20, size: str = "1280x720") -> None:
    """Make a clip for visitors who have none at hand; nobody encodes it yet."""
    name = f"samples/{number}.mp4"
    ffmpeg.make_sample(Path(settings.MEDIA_ROOT, name), seconds=seconds, size=size)
    Video.objects.get_or_create(original=name, defaults={"title": f"Sample clip {number}"})
