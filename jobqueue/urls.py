"""Pages for monitors, and for those who follow a job: ``path("jobqueue/", include("jobqueue.urls"))``."""

from __future__ import annotations

from django.urls import path

from jobqueue import probes
from jobqueue.status import status

app_name = "jobqueue"

urlpatterns = [
    path("health/", probes.health, name="health"),
    path("health/ready/", probes.ready, name="ready"),
    path("metrics/", probes.metrics, name="metrics"),
    path("status/<str:key>/", status, name="status"),
]
