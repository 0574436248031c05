"""Take the pictures of the documentation: `python3 dev.py screenshots`.

The demo runs with its planted history; Chromium, driven by Playwright, looks at the dashboard. A picture that is larger
than 200 KB is a failure: each clone carries them all.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from demo_site.processes import BASE_DIR, answers, free_port, managing
from demo_site.run import QUEUES, START_SECONDS, USER, fill, open_shop, prepare

FOLDER = BASE_DIR / "docs" / "_static"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Seconds for which the shop is open before the first picture.
WARM_UP = 45
LARGEST = 200_000
DESK, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}


class Picture(NamedTuple):
    """One picture.

    Attributes:
        name: of its file.
        page: what it shows, below the dashboard's root.
        is_dark, is_phone: how.
        click: what is followed there before.
    """

    name: str
    page: str
    is_dark: bool = False
    is_phone: bool = False
    click: str = ""


FIRST_JOB = "section[data-part=rows] tbody th a"
PICTURES = (
    Picture("overview-light", "dashboard/"),
    Picture("overview-dark", "dashboard/", is_dark=True),
    Picture("jobs", "job/?state=failed"),
    Picture("job", "job/?state=failed&q=class:sync_stock", click=FIRST_JOB),
    Picture("failures", "failure/"),
    Picture("phone", "dashboard/", is_phone=True),
)


def main() -> int:
    """Take all of them; return the exit code."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("Chromium is needed and was not found: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="jobqueue-pictures-") as var, demo(var) as address:
        time.sleep(WARM_UP)
        sizes = list(take_all(browser, address))
    for path, size in sizes:
        print(f"{size // 1000:5} KB  {path.relative_to(BASE_DIR)}")
    return int(any(size > LARGEST for _, size in sizes))


@contextmanager
def demo(var: str) -> Iterator[str]:
    """The demo with its history and an open shop; its address."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "demo_site.settings", "DEMO_VAR": var, "DATABASE_URL": ""}
    prepare()
    fill()
    port = free_port(None)
    site, pool = ["runserver", "--noreload", f"127.0.0.1:{port}"], ["jobworker", "-n", "3", "--queue", QUEUES]
    with managing(site, ignore) as web, managing(pool, ignore, DEBUG="0"):
        if not answers(port, web, START_SECONDS):
            raise OSError("The demo does not answer.")
        open_shop()
        yield f"http://127.0.0.1:{port}"


def ignore(line: str) -> None:
    """Leave what the demo's processes say unsaid."""


def take_all(browser: str, address: str) -> Iterator[tuple[Path, int]]:
    """Take the pictures; yield each file and its size."""
    # Late: of this module's users only this function needs it.
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        cookies = signed_in(chromium, address)
        for picture in PICTURES:
            path = FOLDER / f"{picture.name}.png"
            take(chromium, cookies, address, picture, path)
            yield path, path.stat().st_size


def signed_in(chromium: Any, address: str) -> Any:
    """Sign in as the demo's user; return the cookies."""
    page = chromium.new_page()
    page.goto(f"{address}/admin/")
    page.get_by_label("Username:").fill(USER)
    page.get_by_label("Password:").fill(USER)
    page.get_by_role("button", name=re.compile("Log in", re.IGNORECASE)).click()
    page.locator("#user-tools").wait_for()
    return page.context.cookies()


def take(chromium: Any, cookies: Any, address: str, picture: Picture, path: Path) -> None:
    """Take one picture."""
    context = chromium.new_context(
        color_scheme="dark" if picture.is_dark else "light",
        viewport=PHONE if picture.is_phone else DESK,
        is_mobile=picture.is_phone,
        locale="en-GB",
    )
    context.add_cookies(cookies)
    context.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
    page = context.new_page()
    page.goto(f"{address}/admin/jobqueue/{picture.page}")
    if picture.click:
        page.locator(picture.click).first.click()
    page.locator(".jq-page").wait_for()
    page.wait_for_timeout(1500)  # charts are drawn
    page.screenshot(path=path)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
