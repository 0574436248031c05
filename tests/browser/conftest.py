"""Chromium, a site to look at, and people who are signed in there.

The tests ask the site by its pages and its command line alone: they know no database, and run on SQLite.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looking import MODES, Look
from tests.browser.site import Site, plant, served

HERE = Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: It takes no database of the run.
MARKS = [pytest.mark.no_database, pytest.mark.timeout(300)]

Open = Callable[..., Look]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the planted database, of which each module gets a copy."""
    var = tmp_path_factory.mktemp("browser") / "template"
    plant(var)
    return var


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser. As long as it runs, Django's database may not be asked here: Playwright has an event loop."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not here: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(chromium: Any, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A copy of the planted site of this module's own."""
    with served(template, tmp_path_factory.mktemp("site") / "var", free_port()) as site:
        yield site


@pytest.fixture
def open_page(chromium: Any, site: Site) -> Iterator[Open]:
    """Open a browser as one of the people (``ana`` may everything), in a mode: ``light``, ``dark``, ``phone`` …"""
    contexts = []

    def open_page(who: str = "ana", mode: str = "light") -> Look:
        context = chromium.new_context(base_url=site.url, **MODES[mode])
        contexts.append(context)
        if who:
            cookie = {"name": "sessionid", "value": site.samples["sessions"][who], "url": site.url}
            context.add_cookies([cookie])
        return Look(context, site)

    yield open_page
    for context in contexts:
        context.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
