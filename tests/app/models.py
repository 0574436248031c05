"""Models whose methods the tests enqueue."""

from __future__ import annotations

import uuid

from django.db import models

from jobqueue import SendLater, handle_asynchronously


class Video(SendLater, models.Model):
    """A model with the mixin; its field ``priority`` is no job option."""

    title = models.CharField(max_length=100, default="holiday")
    priority = models.IntegerField(default=7)
    encoded = models.BooleanField(default=False)
    codec = models.CharField(max_length=20, default="")

    def __str__(self) -> str:
        return self.title

    def encode(self, codec: str = "h264") -> str:
        """Mark the video as encoded."""
        self.encoded, self.codec = True, codec
        self.save()
        return codec

    @classmethod
    def sweep(cls, keep: int) -> str:
        """A class method to enqueue."""
        return f"{cls.__name__} keeps {keep}"


class Document(models.Model):
    """A model with a UUID, which has a primary key before it is saved; no mixin."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.TextField(default="")

    def __str__(self) -> str:
        return str(self.id)

    def append(self, text: str, *, times: int = 1) -> None:
        """Add to the text."""
        self.text += text * times
        self.save()

    def perform(self) -> str:
        """Make a saved document a performable itself."""
        return "read"


class Report(models.Model):
    """A model whose methods are handled asynchronously."""

    built = models.CharField(max_length=200, default="")

    def __str__(self) -> str:
        return self.built

    def _note(self, what: str) -> None:
        self.built = f"{self.built} {what}".strip()
        self.save()

    @handle_asynchronously(queue="reports", max_attempts=3, on_missing="fail")
    def build(self, colour: str = "grey") -> str:
        """Build the report."""
        self._note(f"report {colour}")
        return colour

    @handle_asynchronously
    def plain(self) -> None:
        """Decorated without options."""
        self._note("plain")

    @handle_asynchronously
    @classmethod
    def outer_class(cls, number: int) -> str:
        """The decorator outside classmethod."""
        return f"{cls.__name__} {number}"

    @classmethod
    @handle_asynchronously
    def inner_class(cls, number: int) -> str:
        """The decorator inside classmethod."""
        return f"{cls.__name__} {number}"

    @handle_asynchronously(queue="reports")
    @staticmethod
    def outer_static(number: int) -> int:
        """The decorator outside staticmethod."""
        return number + 1

    @staticmethod
    @handle_asynchronously(queue="reports")
    def inner_static(number: int) -> int:
        """The decorator inside staticmethod."""
        return number + 1


class YearlyReport(Report):
    """Overrides a method that is handled asynchronously, and calls it by super()."""

    class Meta:
        proxy = True

    @handle_asynchronously(queue="yearly")
    def build(self, colour: str = "gold") -> str:
        """Build the yearly report, the plain one first."""
        super().build(colour)
        self._note("yearly")
        return colour


class QuietReport(Report):
    """Inherits what is handled asynchronously."""

    class Meta:
        proxy = True
