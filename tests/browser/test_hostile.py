"""Whatever text is stored, pages show it and nothing comes of it."""

from __future__ import annotations

import json

import pytest

from tests.browser.addresses import Address, addresses
from tests.browser.conftest import Open
from tests.browser.site import Site

#: What has been injected if it is there.
INJECTED = (
    "[onload], [onerror], img[src='x'], a[href^='javascript'], script:not([src]):not([type='application/json'])"
)
#: Turns the rest of a line round, so that it reads otherwise than it is.
TURNING = "\u202e"
ABOUT = [each for each in addresses() if each.sample in {"", "failed"}]


@pytest.fixture(scope="module", autouse=True)
def _planted(site: Site) -> None:
    site.samples |= json.loads(site.run("-m", "tests.browser.hostile"))


@pytest.mark.parametrize("address", ABOUT, ids=str)
def test_nothing_comes_of_what_is_written(open_page: Open, address: Address) -> None:
    look = open_page(mode="phone")
    if not look.shows(address):
        return
    assert look.page.locator(INJECTED).count() == 0
    assert TURNING not in look.text()
    assert (look.overflow(), look.troubles()) == (0, [])


def test_it_is_shown(open_page: Open) -> None:
    look = open_page()
    assert any("mallory" in look.text() for address in ABOUT if not address.acts and look.shows(address))
