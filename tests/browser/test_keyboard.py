"""All can be done by the keyboard alone, and one sees where one is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.addresses import Address, addresses, has
from tests.browser.conftest import Open

#: Numbers all that can be reached, in the order of the page. Of a group of radio buttons one is reached.
NUMBER = """() => {
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const all = [...document.querySelectorAll(`.jq-page :is(${kinds})`)].filter((each) =>
    !each.disabled && each.tabIndex >= 0 && each.checkVisibility({ visibilityProperty: true }) &&
    each.type !== "radio" &&
    !(each.closest("details:not([open])") && each.tagName !== "SUMMARY"));
  all.forEach((each, number) => { each.dataset.number = number; });
  return all.length;
}"""
FOCUSED = """() => {
  const each = document.activeElement, style = getComputedStyle(each);
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  return { number: each.dataset.number ?? null, seen, html: each.outerHTML.slice(0, 160) };
}"""
#: Stops of Django's own frame before and after the page's.
FRAME = 60


@pytest.mark.parametrize("address", list(addresses()), ids=str)
def test_tab_reaches_all_in_order_and_shows_where_it_is(open_page: Open, address: Address) -> None:
    look = open_page()
    if not look.shows(address):
        return
    updates = look.page.locator("select[data-updates]")
    if updates.count():
        updates.select_option("0")
    look.page.evaluate("document.activeElement.blur()")
    number = look.page.evaluate(NUMBER)
    stops = [stop for stop in tabbed(look.page, number) if stop["number"] is not None]
    assert [int(stop["number"]) for stop in stops] == list(range(number))
    assert [stop["html"] for stop in stops if not stop["seen"]] == []


def tabbed(page: Any, number: int) -> list[dict[str, Any]]:
    """Press Tab until the page's last stop."""
    stops: list[dict[str, Any]] = []
    for _ in range(number + FRAME):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if stops[-1]["number"] == str(number - 1):
            break
    return stops


def test_the_first_stop_leads_past_the_frame(open_page: Open) -> None:
    look = open_page()
    look.go("/admin/jobqueue/queue/")
    look.page.keyboard.press("Tab")
    assert "skip" in look.page.evaluate("document.activeElement.className")
    look.page.keyboard.press("Enter")
    look.page.keyboard.press("Tab")
    assert look.page.evaluate("document.activeElement.closest('.jq-page') !== null")


@pytest.mark.skipif(not has("dashboard", "changelist"), reason="there is no overview yet")
def test_keys_lead_from_page_to_page_and_can_be_told(open_page: Open) -> None:
    look = open_page()
    look.go("/admin/jobqueue/dashboard/")
    look.page.keyboard.press("g")
    look.page.keyboard.press("q")
    look.page.wait_for_url("**/jobqueue/queue/")
    look.page.keyboard.press("?")
    look.page.locator("dialog[open]").wait_for()
    assert look.violations() == []
    assert look.troubles() == []
