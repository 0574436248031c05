"""The dashboard, in Django's admin. Django imports this where the admin is installed."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin

from jobqueue.admin.sites import register
from jobqueue.conf import read

__all__ = ["register"]

# Mistakes in the settings are the checks' to tell, which could not run if this raised.
if read(getattr(settings, "JOBQUEUE", {}))[0].admin:
    register(admin.site)
