"""A report whose building is always left to a worker."""

from __future__ import annotations

import csv
import io

from django.db import models
from django.db.models import Count
from django.utils import timezone

from demo_site.videos.models import Video
from jobqueue import handle_asynchronously


class Report(models.Model):
    """Figures about the videos, as CSV."""

    text = models.TextField(blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    built_at = models.DateTimeField(null=True, editable=False)

    objects: models.Manager[Report]

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Report {self.pk}"

    @handle_asynchronously(queue="reports")
    def build(self) -> None:
        """Count the videos of each kind of account and their bytes."""
        self.text = as_csv(figures())
        self.built_at = timezone.now()
        self.save(update_fields=["text", "built_at"])


def figures() -> list[tuple[str, int, int, int]]:
    """For each kind of account: its name, how many videos, how many of them encoded, bytes of those."""
    counted = Video.objects.order_by("account").values_list("account").annotate(Count("id"))
    return [(account, number, *encoded(account)) for account, number in counted]


def encoded(account: str) -> tuple[int, int]:
    """How many videos of these accounts are encoded, and how many bytes they have."""
    sizes = [video.encoded_size for video in Video.objects.filter(account=account, encoded=True)]
    return len(sizes), sum(sizes)


def as_csv(rows: list[tuple[str, int, int, int]]) -> str:
    """The rows below their headings."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("account", "videos", "encoded", "bytes"), *rows])
    return text.getvalue()
