"""Every page of the dashboard: no error, no breach of a strict policy, no other host, open to everybody."""

from __future__ import annotations

import pytest

from tests.browser.addresses import Address, addresses
from tests.browser.conftest import Open

PAGES = [pytest.param(address, id=str(address)) for address in addresses()]
#: In the dark only colours differ.
RULES = {"light": (), "dark": ("color-contrast",), "phone": ()}


@pytest.mark.parametrize("mode", RULES)
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_sound(open_page: Open, address: Address, mode: str) -> None:
    look = open_page(mode=mode)
    if not look.shows(address):
        return
    assert [heading for heading in look.page.locator("h1").all_inner_texts() if heading.strip()] != []
    assert look.page.locator("h1").count() == 1
    assert (look.violations(*RULES[mode]), look.overflow(), look.troubles()) == ([], 0, [])
