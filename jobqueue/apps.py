"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from jobqueue import checks  # noqa: F401 (registers the checks)
from jobqueue.release import release

BACKEND = "jobqueue.backends.DatabaseBackend"


class JobQueueConfig(AppConfig):
    """Finds each app's ``jobs.py`` and registers the system checks."""

    name = "jobqueue"
    label = "jobqueue"
    verbose_name = _("Job queue")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let querysets act on jobs, and import every app's ``jobs`` module, and ``tasks`` where we perform them."""
        # Late, since they need the models.
        from jobqueue import inline
        from jobqueue.acting import act_on
        from jobqueue.models import JobQuerySet

        JobQuerySet.hands = act_on
        inline.listen()
        release()  # which code this process has loaded
        autodiscover_modules("jobs")
        if _does_tasks():
            autodiscover_modules("tasks")


def _does_tasks() -> bool:
    """Whether ``TASKS`` names our backend."""
    backends = getattr(settings, "TASKS", None)
    found = backends.values() if isinstance(backends, dict) else ()
    return any(isinstance(each, dict) and each.get("BACKEND") == BACKEND for each in found)
