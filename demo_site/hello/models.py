"""What the hello job leaves behind."""

from __future__ import annotations

from django.db import models


class Greeting(models.Model):
    """A greeting that a worker wrote."""

    text = models.CharField(max_length=200)
    written_at = models.DateTimeField(auto_now_add=True)

    objects: models.Manager[Greeting]

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.text
