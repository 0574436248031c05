"""A tab that notes all that goes wrong in it."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.browser.addresses import Address
from tests.browser.site import Site

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
UNDER_UNFOLD = bool(os.environ.get("BROWSER_UNFOLD"))
#: The frame of another theme is not ours to mend.
LOOKED_AT = ".jq-page" if UNDER_UNFOLD else "html"
PHONE = {"width": 390, "height": 844}
MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True, "is_mobile": True},
    "no script": {"java_script_enabled": False},
}


class Look:
    """A tab.

    Args:
        context: a browser's, signed in.
        site: what is looked at.
    """

    def __init__(self, context: Any, site: Site) -> None:
        self.site = site
        self.page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.wrong: list[str] = []
        self._reports = len(site.reports())
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)

    def go(self, address: str) -> Any:
        """Open an address; return the answer."""
        return self.page.goto(address, wait_until="load")

    def shows(self, address: Address) -> bool:
        """Open a page; return whether it is one: others lead on, or want to know about what."""
        where = address.within(self.site.samples)
        answer = self.go(where)
        assert answer.status < 500, f"{where}: {answer.status}"
        assert answer.status != 404, where
        return answer.status == 200 and answer.request.redirected_from is None

    def darken(self) -> None:
        """Let it be night, and wait until all has changed its colour."""
        self.page.emulate_media(color_scheme="dark")
        if UNDER_UNFOLD:  # it looks at the time of day when a page is loaded
            self.page.reload()
        changes = "document.getAnimations().filter(each => each instanceof CSSTransition)"
        self.page.evaluate(f"Promise.allSettled({changes}.map(each => each.finished))")

    def troubles(self) -> list[str]:
        """What has gone wrong so far: errors, dialogues, requests of other hosts, breaches of the policy."""
        return self.wrong + self.site.reports()[self._reports :]

    def violations(self, *rules: str) -> list[str]:
        """What axe finds against WCAG 2.2 AA, or against some of its rules."""
        self.page.evaluate(axe())
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": LEVELS}
        options = {"runOnly": only, "resultTypes": ["violations"]}
        found = self.page.evaluate(f"options => axe.run(document.querySelector('{LOOKED_AT}'), options)", options)
        return [
            f"{each['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def text(self) -> str:
        """All that is written on the page."""
        return str(self.page.locator("body").inner_text())

    def overflow(self) -> float:
        """How many pixels the page is wider than the window."""
        root = "document.documentElement"
        return float(self.page.evaluate(f"Math.max({root}.scrollWidth - {root}.clientWidth, 0)"))

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console: {message.text} {message.location['url']}")

    def _asked(self, dialog: Any) -> None:
        self.wrong.append(f"dialogue: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Any) -> None:
        if not re.match(rf"{re.escape(self.site.url)}/|blob:|about:", request.url):
            self.wrong.append(f"request: {request.url[:200]}")


@cache
def axe() -> str:
    """The source of axe."""
    return AXE.read_text()
