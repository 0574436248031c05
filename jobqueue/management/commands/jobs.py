"""``manage.py jobs``: looks at jobs and takes care of them; a verb each."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from jobqueue.cli import verbs
from jobqueue.cli.command import JobQueueCommand
from jobqueue.cli.voice import Voice


class Command(JobQueueCommand):
    """Looks at jobs and takes care of them."""

    help = "Looks at jobs and takes care of them."
    epilog = verbs.EPILOG
    #: Wrong settings are what ``doctor`` is asked about.
    requires_system_checks = []  # noqa: RUF012 (as Django has it)

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verbs."""
        verbs.add_verbs(parser)

    def perform(self, words: dict[str, Any], say: Voice) -> int:
        """Do what the verb says."""
        return verbs.perform(words, say)
