"""The dashboard on two sites of the admin at once: from no page of one does anything lead to the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from http import HTTPStatus
from urllib.parse import urljoin

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.admin import register
from jobqueue.models import Pool
from jobqueue.states import State
from tests.admin.conftest import SignIn, post, send
from tests.admin.planting import attempt, ended, rollup
from tests.app.jobs import add

office = AdminSite(name="office")
register(office)
urlpatterns = [
    path("jobqueue/", include("jobqueue.urls")),
    path("admin/", admin.site.urls),
    path("inside/office/", office.urls),
]
#: All that names an address: links, forms, and what scripts ask for.
ADDRESS = re.compile(r'(?:href|action|src|data-part-url|data-series)="([^"#][^"]*)"')
#: What is not of a site of the admin.
BEYOND = re.compile(r"^(?:/$|/static/|/jobqueue/)")
#: Searches, tabs and pages of the same list lead to one another without end.
MOST = 120


@pytest.fixture
def visitor(sign_in: SignIn, settings: pytest.FixtureRequest) -> Client:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    return sign_in(is_superuser=True)


def planted() -> None:
    """Something of each kind."""
    attempt(ended(State.FAILED))
    ended(State.SUCCEEDED)
    rollup(succeeded=1)
    worker = {"pid": 2, "buffered": 0, "succeeded": 1, "failed": 1, "jobs": []}
    Pool.objects.create(host="atlas", pid=1, queues=["mail"], workers=[worker], beat_at=timezone.now())
    enqueue(add.bind(1, 2), run_at=timezone.now() + timedelta(hours=1))


def crawled(visitor: Client, start: str) -> Iterator[tuple[str, str]]:
    """Yield each address with the addresses that are named there, from `start` on."""
    waiting, known = [start], {start}
    while waiting:
        here = waiting.pop(0)
        for there in named(visitor, here):
            yield here, there
            if there.startswith(start) and there not in known and len(known) < MOST:
                known.add(there)
                waiting.append(there)


def named(visitor: Client, here: str) -> Iterator[str]:
    """Yield all addresses that a page names, or a part of one, or that it leads on to."""
    response = visitor.get(here)
    if response.status_code == HTTPStatus.FOUND:
        yield urljoin(here, response["Location"])
        return
    assert response.status_code == HTTPStatus.OK, here
    if not response.streaming:
        for found in map(unescape, ADDRESS.findall(response.content.decode())):
            yield urljoin(here, f"{found}banners" if found.endswith("part=") else found)


@pytest.mark.parametrize("site", ["/admin/jobqueue/", "/inside/office/jobqueue/"])
def test_every_address_on_every_page_is_of_the_same_site(visitor: Client, site: str) -> None:
    planted()
    root = site.removesuffix("jobqueue/")
    found = list(crawled(visitor, site))
    assert len({here for here, _ in found}) > 40
    assert {
        (here, there) for here, there in found if not there.startswith(root) and not BEYOND.match(there)
    } == set()


def test_what_is_done_leads_back_to_the_same_site(visitor: Client) -> None:
    jobs = "/inside/office/jobqueue/job/"
    done = post(visitor, f"{jobs}{ended(State.FAILED).pk}/retry/")
    assert [where for where, _ in done.redirect_chain if not where.startswith(jobs)] == []
    many = send(visitor, f"{jobs}act/", act="retry", all="1", state="failed")
    assert 'action="/admin/' not in many.content.decode()
