"""Puts the dashboard into a site of the admin."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.db.models import Model

from jobqueue.admin.page import Page
from jobqueue.admin.pages.classes import ClassPages
from jobqueue.admin.pages.dashboard import DashboardPages
from jobqueue.admin.pages.failures import FailurePages
from jobqueue.admin.pages.jobs import JobPages
from jobqueue.admin.pages.queues import QueuePages
from jobqueue.admin.pages.workers import WorkerPages
from jobqueue.models import Dashboard, Failure, Job, JobClass, Queue, Worker

#: In the order of the navigation.
PAGES: dict[type[Model], type[Page]] = {
    Dashboard: DashboardPages,
    Job: JobPages,
    Failure: FailurePages,
    JobClass: ClassPages,
    Queue: QueuePages,
    Worker: WorkerPages,
}


def register(site: AdminSite) -> None:
    """Put all pages of the dashboard into a site; those that are there already stay as they are.

    Args:
        site: ``admin.site`` or one of your own.
    """
    for model, pages in PAGES.items():
        if not site.is_registered(model):
            site.register(model, pages)
