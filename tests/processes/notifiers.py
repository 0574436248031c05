"""Notifiers and a receiver that tell what they learn to the journal."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.dispatch import receiver

from jobqueue.signals import job_failed
from tests.processes.jobs import record


def note(job: Any, exception: BaseException) -> None:
    """Leave a line of the event that the exception's class names."""
    record(f"told-{type(exception).__name__}", job.id)


def hang(job: Any, exception: BaseException) -> None:
    """Take longer than anybody waits."""
    record("hang", job.id)
    time.sleep(60)


def stop(job: Any, exception: BaseException) -> None:
    """Raise what ends a thread, or a process."""
    record("stop", job.id)
    sys.exit("mine")


@receiver(job_failed)
def receive(sender: Any, job: Any, exception: BaseException, **_: Any) -> None:
    """Leave a line of the sender."""
    record(f"signal-{getattr(sender, 'path', None)}", job.id)
