"""All pages of the dashboard, from the addresses that its own classes yield: one that is added is tried by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from django.contrib import admin

from jobqueue.admin.page import Page

ROOT = "/admin/jobqueue/"
ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
#: What scripts ask for is no page.
DATA = ".json"
#: Whose job a page takes that does something with it; others take one that has failed.
STATES = {"cancel": "ready", "postpone": "scheduled", "run_now": "scheduled", "run-now": "scheduled"}
STATES_OF_JOBS = ("running", "scheduled", "failed", "imported")


class Address(NamedTuple):
    """Where a page is, as far as that is known before anything is planted."""

    model: str
    name: str
    path: str
    sample: str = ""
    acts: bool = False

    def __str__(self) -> str:
        return "-".join(filter(None, [self.model, self.name, self.sample]))

    def within(self, samples: dict[str, Any]) -> str:
        """Return the address, about what is planted."""
        about = samples.get(self.model, {})
        value = about.get(self.sample or self.name, about.get("any", ""))
        return f"{ROOT}{self.model}/{ARGUMENT.sub(lambda _: quote(str(value), safe=''), self.path)}"


def addresses() -> Iterator[Address]:
    """Yield all of them; the page of a job once for each state."""
    for model, page in admin.site._registry.items():
        if isinstance(page, Page):
            for route in page.routes():
                if not route.path.endswith(DATA):
                    yield from _of(str(model._meta.model_name), route)


def has(model: str, name: str) -> bool:
    """Whether there is such a page."""
    return any((each.model, each.name) == (model, name) for each in addresses())


def _of(model: str, route: Any) -> Iterator[Address]:
    address = Address(model, route.name, route.path, acts=route.acts)
    if model != "job" or not ARGUMENT.search(route.path):
        yield address
    elif route.name == "change":
        for state in STATES_OF_JOBS:
            yield address._replace(sample=state)
    else:
        yield address._replace(sample=STATES.get(route.name, "failed"))
