"""The first day of a site: no job, no worker. Each page is sound, and what is empty says what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.addresses import ARGUMENT, Address, addresses
from tests.browser.conftest import Open
from tests.browser.looking import PHONE
from tests.browser.site import plant

PAGES = [each for each in addresses() if not ARGUMENT.search(each.path)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database in which there are people alone."""
    var = tmp_path_factory.mktemp("empty") / "template"
    plant(var, "nothing")
    return var


@pytest.mark.parametrize("address", PAGES, ids=str)
def test_a_page_is_sound(open_page: Open, address: Address) -> None:
    look = open_page()
    if not look.shows(address):
        return
    assert (look.violations(), look.overflow(), look.troubles()) == ([], 0, [])
    look.page.set_viewport_size(PHONE)
    assert (look.violations(), look.overflow()) == ([], 0)
