"""The dashboard on another site of the admin than the usual one, and on none."""

from __future__ import annotations

import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
from django.contrib.admin import AdminSite
from django.test import Client
from django.urls import path

from jobqueue.admin import register
from jobqueue.models import Rollup
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.admin.planting import attempt, ended, rollup

ROOT = Path(__file__).resolve().parents[2]

staff = AdminSite(name="staff")
register(staff)
urlpatterns = [path("staff/", staff.urls)]

PAGES = (
    "",
    "jobqueue/",
    *(f"jobqueue/{model}/" for model in ("dashboard", "job", "failure", "jobclass", "queue", "worker")),
)
MORE = (
    "jobqueue/job/add/",
    "jobqueue/job/export/",
    "jobqueue/worker/timeline/",
    "jobqueue/job/act/?act=retry&all=1",
)


@pytest.fixture
def visitor(sign_in: SignIn, settings: pytest.FixtureRequest) -> Client:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    return sign_in(is_superuser=True)


@pytest.mark.parametrize("page", [*PAGES, *MORE])
def test_each_page_is_there_and_leads_to_its_own_site_alone(visitor: Client, page: str) -> None:
    attempt()
    rollup(succeeded=1)
    response = visitor.get(f"/staff/{page}")
    assert response.status_code == HTTPStatus.OK
    assert [link for link in links(response.content.decode()) if not link.startswith(("/staff/", "?", "#"))] == [
        "/"
    ]


def test_so_are_the_pages_of_one_thing(visitor: Client) -> None:
    job = ended(State.FAILED)
    made = attempt(job)
    name = Rollup.objects.get(pk=rollup(succeeded=1).pk).name.replace("_", "_5F")
    for page in (
        f"job/{job.pk}/change/",
        f"job/{job.pk}/retry/",
        f"failure/{made.fingerprint}/",
        f"jobclass/{name}/",
    ):
        text = visitor.get(f"/staff/jobqueue/{page}").content.decode()
        assert "<h1>" in text, page
        assert "/admin/" not in " ".join(links(text))


def test_to_register_again_changes_nothing() -> None:
    before = dict(staff._registry)
    register(staff)
    assert staff._registry == before


def test_it_is_not_on_the_usual_site_where_the_settings_say_so() -> None:
    code = """
import django
from django.conf import settings
apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
settings.configure(
    INSTALLED_APPS=["jobqueue", *(f"django.contrib.{each}" for each in apps)], JOBQUEUE={"ADMIN": False}, SECRET_KEY="x"
)
django.setup()
from django.contrib import admin
print([model._meta.label for model in admin.site._registry if model._meta.app_label == "jobqueue"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def links(text: str) -> list[str]:
    """Where the links of a page lead, those of the admin's own frame included; "" is the page itself."""
    return sorted(set(re.findall(r'<a [^>]*?href="([^"]+)"', text)))
