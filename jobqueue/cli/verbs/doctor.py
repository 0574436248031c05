"""``manage.py jobs doctor``: is everything well? Each finding comes with its remedy."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core import checks

from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings

HELP = "examine settings, database, workers and queues"

EXIT_SOMETHING_IS_WRONG = 3


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""


def run(words: dict[str, Any], say: Voice) -> int:
    """Examine everything and return 0, or 3 if something is wrong."""
    alias = get_settings().database
    found = checks.run_checks(tags=["jobqueue"], include_deployment_checks=True, databases=[alias])
    for each in found:
        say(f"{'x' if each.is_serious() else '!'} {each.msg}")
    return EXIT_SOMETHING_IS_WRONG if any(each.is_serious() for each in found) else 0
