"""What people do here: each act asks first, happens, and says so."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.addresses import has
from tests.browser.conftest import Open
from tests.browser.looking import Look

JOBS = "/admin/jobqueue/job/"
#: The form on a page that asks.
ASKS = "form.jq-panel[method=post]"
#: What nobody raised has no traceback.
WITHOUT_TRACE = re.compile("Crashed|JobTimeout")
needs_acts = pytest.mark.skipif(not (has("job", "retry") and has("job", "change")), reason="there are no acts yet")
needs_many = pytest.mark.skipif(not (has("job", "act") and has("job", "change")), reason="there are no acts yet")


def asked(look: Look, job: int, act: str) -> Any:
    """Go from a job's page to the page that asks; return that page."""
    look.go(f"{JOBS}{job}/change/")
    look.page.locator(".jq-page").get_by_role("link", name=act, exact=True).click()
    look.page.locator(ASKS).wait_for()
    return look.page


def confirm(page: Any, words: str) -> str:
    """Press the button of that page; return what is said then."""
    page.locator(ASKS).get_by_role("button", name=words).click()
    return str(page.locator(".messagelist").inner_text())


@needs_acts
@pytest.mark.skipif(not has("dashboard", "changelist"), reason="there is no overview yet")
def test_a_failed_job_is_retried_in_four_clicks_from_the_overview(open_page: Open) -> None:
    look = open_page()
    page = look.page
    look.go("/admin/jobqueue/dashboard/")
    page.locator("section[data-part=tiles] a", has_text="Failed").click()
    page.locator("section[data-part=rows] tbody tr", has_not_text=WITHOUT_TRACE).first.locator("th a").click()
    job = int(page.url.rstrip("/").split("/")[-2])
    page.locator(".jq-page pre", has_text="Traceback").first.wait_for()
    page.locator(".jq-page").get_by_role("link", name="Retry", exact=True).click()
    assert f"Job #{job} was retried" in confirm(page, "Retry")
    assert look.site.show(job)["state"] == "ready"
    assert look.troubles() == []


@needs_acts
def test_a_job_is_cancelled(open_page: Open) -> None:
    look = open_page()
    job = look.site.enqueue("demo_site.shop.jobs.sync_stock", 1)
    assert f"#{job}" in confirm(asked(look, job, "Cancel"), "Cancel")
    assert look.site.show(job)["state"] == "cancelled"


@needs_acts
def test_a_job_is_postponed(open_page: Open) -> None:
    look = open_page()
    job = look.site.enqueue("demo_site.shop.jobs.sync_stock", 2)
    page = asked(look, job, "Postpone")
    page.get_by_label("Run it at").fill("tomorrow-ish")
    page.locator(ASKS).get_by_role("button").click()
    assert page.get_by_label("Run it at").get_attribute("aria-invalid") == "true"
    page.get_by_label("Run it at").fill("+2h")
    assert f"#{job}" in confirm(page, "Postpone")
    assert look.site.show(job)["state"] == "scheduled"
    assert f"#{job}" in confirm(asked(look, job, "Run now"), "Run now")
    assert look.site.show(job)["state"] == "ready"


@needs_acts
def test_a_job_is_deleted(open_page: Open) -> None:
    look = open_page()
    job = look.site.enqueue("demo_site.shop.jobs.sync_stock", 3)
    assert f"#{job}" in confirm(asked(look, job, "Delete"), "Delete")
    assert look.go(f"{JOBS}{job}/change/").status == 404
    assert f"There is no job #{job}" in look.text()


@needs_acts
def test_who_may_only_look_sees_no_act(open_page: Open) -> None:
    look = open_page("looker")
    job = look.site.samples["job"]["failed"]
    look.go(f"{JOBS}{job}/change/")
    assert look.page.locator(".jq-page a, .jq-page button", has_text="Retry").count() == 0
    assert "Traceback" not in look.text()
    assert look.go(f"{JOBS}{job}/retry/").status == 403


@needs_many
def test_a_selection_is_retried(open_page: Open) -> None:
    look = open_page()
    page = look.page
    look.go(f"{JOBS}?state=failed")
    boxes = page.locator("input[name=ids]")
    for number in (1, 2, 3):
        boxes.nth(number).check()
    chosen = [int(boxes.nth(number).get_attribute("value") or 0) for number in (1, 2, 3)]
    page.get_by_label("With those selected").select_option("retry")
    page.get_by_role("button", name="Go on").click()
    assert "3" in confirm(page, "Retry 3 jobs")
    assert {look.site.show(job)["state"] for job in chosen} == {"ready"}
    assert look.troubles() == []


@needs_many
def test_all_that_match_are_retried(open_page: Open) -> None:
    look = open_page()
    page = look.page
    look.go(f"{JOBS}?state=failed&q=class:resize_image")
    number = page.locator("input[name=ids]").count()
    assert number > 1
    page.get_by_label("all that match").check()
    page.get_by_label("With those selected").select_option("retry")
    page.get_by_role("button", name="Go on").click()
    assert str(number) in confirm(page, f"Retry {number} jobs")
    look.go(f"{JOBS}?state=failed&q=class:resize_image")
    assert page.locator("input[name=ids]").count() == 0
    assert "No job matches" in look.text()


@pytest.mark.skipif(not has("queue", "pause"), reason="queues cannot be paused here yet")
def test_a_queue_is_paused_and_resumed(open_page: Open) -> None:
    look = open_page()
    page = look.page
    look.go("/admin/jobqueue/queue/")
    row = page.locator("section[data-part=queues] tbody tr", has_text="mail")
    row.get_by_role("link", name="Pause").click()
    page.get_by_label("Why?").fill("The mail server moves")
    confirm(page, "Pause")
    assert "The mail server moves" in look.text()
    page.locator("section[data-part=queues] tbody tr", has_text="mail").get_by_role("link", name="Resume").click()
    confirm(page, "Resume")
    assert "The mail server moves" not in page.locator(".jq-page table").first.inner_text()
    assert look.troubles() == []


@pytest.mark.skipif(not has("job", "add"), reason="jobs cannot be added here yet")
def test_a_job_is_stored_by_the_form(open_page: Open) -> None:
    look = open_page()
    page = look.page
    look.go(f"{JOBS}add/?name=demo_site.shop.jobs.sync_stock")
    page.get_by_label("article").fill("7")
    page.locator(ASKS).get_by_role("button", name="Store the job").click()
    assert "Stored job #" in page.locator(".messagelist").inner_text()
    assert look.troubles() == []
