import os
import time
from typing import Any

from django.apps import AppConfig

from jobqueue import signals


class TestAppConfig(AppConfig):
    """Models and jobs for the tests to work with."""

    name = "tests.app"
    label = "app"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the tests of processes see when workers come and go."""
        signals.worker_started.connect(record_start)
        signals.worker_stopping.connect(record_end)


def record_start(name: str, **_: Any) -> None:
    """Write to the journal, if there is one."""
    _record("worker_started", name)


def record_end(name: str, **_: Any) -> None:
    """Write to the journal, if there is one."""
    _record("worker_stopping", name)


def _record(event: str, name: str) -> None:
    path = os.environ.get("JOBQUEUE_TEST_JOURNAL")
    if path:
        with open(path, "a") as journal:
            journal.write(f"{event} {name.replace(' ', '_')} {os.getpid()} {time.monotonic()}\n")
