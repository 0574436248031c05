"""``manage.py jobs init``: a commented sample of the settings; with ``--groups`` the groups for the admin."""

from __future__ import annotations

import re
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import fields
from inspect import getdoc
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice
from jobqueue.conf import Settings
from jobqueue.wording import counted

HELP = "print a commented sample of the settings; --groups makes the groups of users"

EXIT_FAILED = 1
WIDTH = 80

VIEWERS = ("view_dashboard", "view_job", "view_queue", "view_worker")
OPERATORS = (*VIEWERS, "retry_job", "cancel_job", "pause_queue")
#: Which rights each group has; None: all of jobqueue.
GROUPS: dict[str, tuple[str, ...] | None] = {
    "Job viewers": VIEWERS,
    "Job operators": OPERATORS,
    "Job admins": None,
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--groups", action="store_true", help="create the groups Job viewers, Job operators and Job admins"
    )


def run(words: dict[str, Any], say: Voice) -> int:
    """Print the sample, or make the groups."""
    if words["groups"]:
        for line in make_groups():
            say(line)
    else:
        for line in sample():
            say(line)
    return 0


def sample() -> Iterator[str]:
    """Yield the settings with their defaults, each under a word about it."""
    told = _told()
    yield "# Every key may be left out; these are the defaults. Durations are seconds, or a timedelta."
    yield "JOBQUEUE = {"
    for each in fields(Settings):
        about = told.get(each.name, "")
        yield from textwrap.wrap(about, WIDTH, initial_indent="    # ", subsequent_indent="    # ")
        yield f'    # "{each.name.upper()}": {_as_typed(getattr(Settings(), each.name))},'
    yield "}"


def make_groups() -> Iterator[str]:
    """Make the groups, or give those that are there the rights that they lack; yield what was done.

    Raises:
        CommandError: if there are no users here, or no rights yet.
    """
    if not apps.is_installed("django.contrib.auth"):
        raise CommandError(
            "Groups are those of django.contrib.auth. Add it to INSTALLED_APPS.", returncode=EXIT_FAILED
        )
    rights = {
        right.codename: right
        for right in apps.get_model("auth", "Permission").objects.filter(content_type__app_label="jobqueue")
    }
    missing = sorted({name for names in GROUPS.values() for name in names or ()} - rights.keys())
    if missing:
        message = f"There is no right {missing[0]} yet. Run: python manage.py migrate"
        raise CommandError(message, returncode=EXIT_FAILED)
    for name, wanted in GROUPS.items():
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        given = [right for codename, right in rights.items() if wanted is None or codename in wanted]
        group.permissions.add(*given)
        yield f"{'Made' if is_new else 'Brought up to date'}: {name}, with {counted(len(given), 'right')}."


def _told() -> dict[str, str]:
    """Return what the docstring says of each setting."""
    doc = (getdoc(Settings) or "").partition("Attributes:")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", doc, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _as_typed(value: Any) -> str:
    """Return a default as one would type it."""
    if callable(value):
        return f'"{value.__module__}.{value.__qualname__}"'
    if isinstance(value, tuple):
        return str(list(value))
    if isinstance(value, Mapping):
        return str(dict(value))
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else repr(value)
