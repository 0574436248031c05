"""Every page of the dashboard: no error, no breach of a strict policy, no other host, open to everybody."""

from __future__ import annotations

import pytest

from tests.browser.addresses import Address, addresses
from tests.browser.conftest import Open
from tests.browser.looking import Look

PAGES = [pytest.param(address, id=str(address)) for address in addresses()]
#: In the dark only colours differ.
RULES = {"light": (), "dark": ("color-contrast",), "phone": ()}


def shown(look: Look, address: Address) -> bool:
    """Open a page; return whether it is one: others may be files, parts, or want to know of whom."""
    with_samples = address.within(look.site.samples)
    response = look.page.request.get(with_samples, max_redirects=0)
    assert response.status < 500, f"{with_samples}: {response.status}"
    if response.status != 200 or not response.headers["content-type"].startswith("text/html"):
        assert response.status != 404, with_samples
        return False
    assert look.go(with_samples).status == 200
    return bool(look.page.locator("html").count())


@pytest.mark.parametrize("mode", RULES)
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_sound(open_page: Open, address: Address, mode: str) -> None:
    look = open_page(mode=mode)
    if not shown(look, address):
        return
    assert look.page.locator("h1").count() == 1
    assert look.page.locator("h1").inner_text().strip()
    assert look.violations(*RULES[mode]) == []
    assert look.overflow() == 0
    assert look.troubles() == []
