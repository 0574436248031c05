"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from jobqueue import checks  # noqa: F401 (registers the checks)
from jobqueue.release import release


class JobQueueConfig(AppConfig):
    """Finds each app's ``jobs.py`` and registers the system checks."""

    name = "jobqueue"
    label = "jobqueue"
    verbose_name = _("Job queue")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import every installed app's ``jobs`` module, so that its jobs are known; note which release that is."""
        autodiscover_modules("jobs")
        release()
