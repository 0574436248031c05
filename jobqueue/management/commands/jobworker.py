"""``manage.py jobworker``: run, start, stop, restart, status, work_off."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from jobqueue.cli import actions, arguments, reload
from jobqueue.cli.command import JobQueueCommand
from jobqueue.cli.environment import settings_module
from jobqueue.cli.voice import Voice


class Command(JobQueueCommand):
    """Performs background jobs."""

    help = "Performs background jobs."
    epilog = arguments.EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        arguments.add_arguments(parser)

    def run_from_argv(self, argv: list[str]) -> None:
        """Weave in the config file, switch to the settings that -e names, then go on as Django does."""
        self._called_from_command_line = True  # wrong usage is one line and status 2, as Django has it
        parser = self.create_parser(argv[0], argv[1])
        words, _ = parser.parse_known_args(argv[2:])
        if words.config:
            argv = [*argv[:2], *arguments.read_config(words.config, parser), *argv[2:]]
            words, _ = parser.parse_known_args(argv[2:])
        if words.environment:
            self._switch_settings(words.environment)
        super().run_from_argv(argv)

    def _switch_settings(self, environment: str) -> None:
        """Start this process again under the settings of a name, unless it has them already."""
        try:
            module = settings_module(environment)
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(error.returncode)
        if module != os.environ.get("DJANGO_SETTINGS_MODULE"):
            os.environ["DJANGO_SETTINGS_MODULE"] = module
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (ourselves again)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Do as Django does; who only watches the code leaves the checks to the pool that it starts."""
        options["typed"] = self._called_from_command_line
        if reload.is_wanted(options):
            options["skip_checks"] = True
        return super().execute(*args, **options)

    def perform(self, words: dict[str, Any], say: Voice) -> int:
        """Do the action."""
        return actions.perform({**words, "typed": self._called_from_command_line}, say)
