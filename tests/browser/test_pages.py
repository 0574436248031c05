"""Every page of the dashboard: no error, no breach of a strict policy, no other host, open to everybody."""

from __future__ import annotations

import pytest

from tests.browser.addresses import Address, addresses
from tests.browser.conftest import Open

PAGES = [pytest.param(address, id=str(address)) for address in addresses()]


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_sound(open_page: Open, address: Address) -> None:
    look = open_page()
    if not look.shows(address):
        return
    assert len([title for title in look.page.locator("#content h1").all_inner_texts() if title.strip()]) == 1
    assert (look.violations(), look.overflow(), look.troubles()) == ([], 0, [])
    look.darken()
    assert (look.violations("color-contrast"), look.troubles()) == ([], [])


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_sound_on_a_phone(open_page: Open, address: Address) -> None:
    look = open_page(mode="phone")
    if look.shows(address):
        assert (look.violations(), look.overflow(), look.troubles()) == ([], 0, [])
