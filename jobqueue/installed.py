"""The first mistake of all: the app is not switched on."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured


def check_installed() -> None:
    """Refuse before a model is imported, of which Django would complain in its own words.

    Raises:
        ImproperlyConfigured: if the app is not in INSTALLED_APPS.
    """
    if not apps.is_installed("jobqueue"):
        raise ImproperlyConfigured(
            'Add "jobqueue" to INSTALLED_APPS in settings.py, then run: python manage.py migrate'
        )
