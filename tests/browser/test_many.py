"""More jobs than one answer can take: a worker does it, the page tells how far it is, and the log by whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.looking import Look
from tests.browser.site import Site

JOBS = "/admin/jobqueue/job/"
NUMBER = 250
PLANT = f"""
import django
django.setup()
from django.utils import timezone
from demo_site.shop.jobs import sync_stock
from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.states import State
for queue in ("imports", "reports"):
    ids = enqueue_many([sync_stock.bind(number) for number in range({NUMBER})], queue=queue)
    ended = dict(attempts=5, failed_at=timezone.now(), finished_at=timezone.now())
    Job.objects.filter(pk__in=ids).update(state=State.FAILED, **ended)
"""


@pytest.fixture(scope="module", autouse=True)
def _working(site: Site) -> Iterator[None]:
    site.run("-c", PLANT)
    with site.working("-n", "1", "--queue", "default"):
        yield


def spread_out(look: Look, search: str) -> tuple[Any, int]:
    """Retry all failed jobs that a search finds, within ten hours; return the page, and the job that does it."""
    page = look.page
    look.go(f"{JOBS}?state=failed&q={search}")
    page.get_by_label("all that match").check()
    page.get_by_label("With those selected").select_option("retry")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("one after another").check()
    page.locator("input[name=minutes]").fill("600")
    assert "in the background" in look.text()
    page.get_by_role("button", name=f"Retry {NUMBER} jobs").click()
    link = page.locator(".messagelist a")
    job = int(str(link.inner_text()).removeprefix("#"))
    link.click()
    return page, job


def is_done(look: Look, job: int, search: str) -> None:
    """All are for later, none has failed any more, and the log has who wanted it."""
    page = look.page
    for state, number in (("scheduled", NUMBER), ("failed", 0)):
        look.go(f"{JOBS}?state={state}&q={search}&size=200")
        assert page.locator("input[name=ids]").count() == min(number, 200)
    look.go(f"{JOBS}{job}/history/")
    log = page.locator(".jq-page tbody").first.inner_text()
    assert "ana" in log
    assert "retry: all failed jobs that match" in log
    assert f"Done: {NUMBER}" in log


def test_all_that_match_are_retried_over_some_time(open_page: Open) -> None:
    look, search = open_page(), "queue:imports class:sync_stock"
    page, job = spread_out(look, search)
    page.locator(".jq-why .jq-succeeded").wait_for(timeout=30_000)
    assert "100 %" in page.locator(".jq-progress").inner_text()
    is_done(look, job, search)
    assert look.troubles() == []


def test_so_they_are_with_scripts_off(open_page: Open) -> None:
    look, search = open_page(mode="no script"), "queue:reports class:sync_stock"
    page, job = spread_out(look, search)
    while (state := look.site.show(job)["state"]) != "succeeded":
        assert state in {"ready", "running"}
    page.reload()
    assert page.locator(".jq-why .jq-succeeded").count() == 1
    assert "100 %" in page.locator(".jq-progress").inner_text()
    is_done(look, job, search)
