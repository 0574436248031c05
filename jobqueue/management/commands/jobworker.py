"""``manage.py jobworker``: run, start, stop, restart, status, work_off."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import jobqueue
from jobqueue.cli import actions, arguments
from jobqueue.cli.environment import settings_module


class Command(BaseCommand):
    """Performs background jobs."""

    help = "Performs background jobs."
    requires_migrations_checks = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _fill_closed_streams()
        super().__init__(*args, **kwargs)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, with room for a bare ``-v`` and for tables below the help."""
        return super().create_parser(
            prog_name,
            subcommand,
            allow_abbrev=False,
            conflict_handler="resolve",
            epilog=arguments.EPILOG,
            formatter_class=arguments.HelpFormatter,
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        arguments.add_arguments(parser)

    def get_version(self) -> str:
        """Return our version, not Django's."""
        return jobqueue.__version__

    def run_from_argv(self, argv: list[str]) -> None:
        """Weave in the config file, switch to the settings that -e names, then go on as Django does."""
        _write_any_text()
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

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and leave with the exit status that tells how it went."""
        try:
            status = actions.perform(options, self._say)
        finally:
            _forget_broken_streams()
        if status:
            sys.exit(status)

    def _say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # nobody may be reading any more
            self.stdout.write(line)
            self.stdout.flush()


def _fill_closed_streams() -> None:
    """A worker may be started with its streams closed, which Python shows as None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (open for life)


def _write_any_text() -> None:
    """Names of jobs may have letters that the locale's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_broken_streams() -> None:
    """Let nothing that cannot be written any more, to a closed terminal, spoil the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
