"""The smallest job there is."""

from __future__ import annotations

from demo_site.hello.models import Greeting
from jobqueue import job


@job
def greet(name: str) -> None:
    """Write a greeting."""
    Greeting.objects.create(text=f"Hello, {name}!")
