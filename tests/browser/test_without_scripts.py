"""With scripts off every page shows what it knows, and forms do what they say."""

from __future__ import annotations

import pytest

from tests.browser.addresses import Address, addresses, has
from tests.browser.conftest import Open

CONTENT = (
    ".jq-page table, .jq-page form, .jq-page dl, .jq-page .jq-empty, .jq-page .jq-tile, .jq-page [role=region]"
)


@pytest.mark.parametrize("address", list(addresses()), ids=str)
def test_a_page_shows_what_it_knows(open_page: Open, address: Address) -> None:
    look = open_page(mode="no script")
    if not look.shows(address):
        return
    assert look.page.locator(CONTENT).filter(visible=True).count() > 0 or "history" in address.name
    assert look.page.locator(".jq-page button[type=button]").filter(visible=True).count() == 0
    assert "Styles missing" not in look.text()


@pytest.mark.skipif(not has("job", "changelist"), reason="there is no list of jobs yet")
def test_jobs_are_searched(open_page: Open) -> None:
    look = open_page(mode="no script")
    look.go("/admin/jobqueue/job/")
    look.page.get_by_label("Search jobs").fill("class:charge_card state:failed")
    look.page.get_by_role("button", name="Search", exact=True).click()
    rows = look.page.locator("section[data-part=rows] tbody tr")
    assert rows.count() > 0
    assert all("charge_card" in text for text in rows.all_inner_texts())


@pytest.mark.skipif(not has("job", "retry"), reason="jobs cannot be retried here yet")
def test_a_job_is_retried(open_page: Open) -> None:
    look = open_page(mode="no script")
    failed = look.site.samples["job"]["failed"]
    look.go(f"/admin/jobqueue/job/{failed}/change/")
    look.page.locator(".jq-page").get_by_role("link", name="Retry", exact=True).click()
    look.page.get_by_role("button", name="Retry").click()
    assert "was retried" in look.text()
    assert look.site.show(failed)["state"] == "ready"
