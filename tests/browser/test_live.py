"""While workers work, pages follow without being loaded anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo_site.run import QUEUES
from tests.browser.addresses import has
from tests.browser.conftest import Open
from tests.browser.looking import Look
from tests.browser.site import Site

IMPORT = "demo_site.shop.jobs.import_catalogue"


@pytest.fixture(scope="module", autouse=True)
def _working(site: Site) -> Iterator[None]:
    with site.working("-n", "2", "--queue", QUEUES):
        yield


def follow(look: Look, address: str) -> None:
    """Open a page that looks for news every two seconds, or as often as it may; note that it is not loaded anew."""
    look.go(address)
    choices = look.page.locator("select[data-updates] option").evaluate_all("all => all.map(each => each.value)")
    look.page.locator("select[data-updates]").select_option(min(choices, key=lambda each: float(each) or 1e9))
    look.page.evaluate("document.activeElement.blur(); window.kept = true")


def is_kept(look: Look) -> bool:
    return bool(look.page.evaluate("window.kept === true"))


def wait_for(look: Look, condition: str) -> None:
    look.page.wait_for_function(condition, timeout=30_000)


@pytest.mark.skipif(not has("dashboard", "changelist"), reason="there is no overview yet")
def test_the_overview_shows_a_job_that_begins_and_how_far_it_is(open_page: Open) -> None:
    look = open_page()
    follow(look, "/admin/jobqueue/dashboard/")
    job = look.site.enqueue(IMPORT, "Northwind", 300)
    row = f"document.querySelector('#jq-running-{job} progress')"
    wait_for(look, f"() => {row}?.value > 0")
    before = look.page.evaluate(f"() => {row}.value")
    wait_for(look, f"() => {row} === null || {row}.value > {before}")
    wait_for(look, f"() => {row} === null")
    assert is_kept(look)
    assert look.troubles() == []


@pytest.mark.skipif(not has("job", "change"), reason="there is no page of a job yet")
def test_the_page_of_a_job_follows_it_to_its_end(open_page: Open) -> None:
    look = open_page()
    job = look.site.enqueue(IMPORT, "Northwind", 200)
    follow(look, f"/admin/jobqueue/job/{job}/change/")
    bar = "document.querySelector('section[data-part=state] progress')"
    wait_for(look, f"() => {bar}?.value > 0")
    wait_for(look, "() => document.querySelector('section[data-part=state] .jq-succeeded') !== null")
    assert is_kept(look)
    assert look.troubles() == []


@pytest.mark.skipif(not has("job", "changelist"), reason="there is no list of jobs yet")
def test_a_list_waits_while_rows_are_selected(open_page: Open) -> None:
    look = open_page()
    follow(look, "/admin/jobqueue/job/?state=succeeded")
    box = look.page.locator("input[name=ids]").first
    box.check()
    first = look.page.locator("section[data-part=rows] tbody tr").first.get_attribute("id")
    job = look.site.enqueue("demo_site.shop.jobs.resize_image", "photos/7.jpg")
    look.page.wait_for_timeout(5000)
    assert look.page.locator("section[data-part=rows] tbody tr").first.get_attribute("id") == first
    assert box.is_checked()
    box.uncheck()
    look.page.evaluate("document.activeElement.blur()")
    wait_for(look, f"() => document.querySelector('#job-{job}') !== null")
    assert is_kept(look)
