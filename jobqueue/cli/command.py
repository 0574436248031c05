"""What our management commands have in common."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.core.management.color import no_style

import jobqueue
from jobqueue.cli.arguments import HelpFormatter
from jobqueue.cli.voice import Voice, style_for

#: As shells tell it of a command that Ctrl+C has ended.
EXIT_INTERRUPTED = 130


class JobQueueCommand(BaseCommand):
    """A command with our version, our help and an exit status, which closed streams do no harm.

    Subclasses have ``add_arguments`` and ``perform``.
    """

    requires_migrations_checks = False
    #: Stands below the help.
    epilog = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _fill_closed_streams()
        super().__init__(*args, **kwargs)
        if os.environ.get("NO_COLOR"):
            self.style = no_style()
            self.stderr.style_func = None

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, with room for a bare ``-v`` and for tables below the help."""
        return super().create_parser(
            prog_name,
            subcommand,
            allow_abbrev=False,
            conflict_handler="resolve",
            epilog=self.epilog,
            formatter_class=HelpFormatter,
            **kwargs,
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Do as Django does, on streams that take any text."""
        _write_any_text()
        super().run_from_argv(argv)

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Check the project as Django does, but ask no database: a worker waits for one that is away."""
        wanted: Any = super().get_check_kwargs(options)
        return {**wanted, "databases": []}

    def get_version(self) -> str:
        """Return our version, not Django's."""
        return jobqueue.__version__

    def perform(self, words: dict[str, Any], say: Voice) -> int:
        """Do what the words of the command line ask for and return the exit status."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and leave with the exit status that tells how it went."""
        style = style_for(self.stdout, self.style, forced=options["force_color"])
        try:
            status = self.perform(options, Voice(self.stdout, self.stderr, style))
        except KeyboardInterrupt:
            status = EXIT_INTERRUPTED  # before there was anything to stop in good order
        finally:
            _forget_broken_streams()
        if status:
            sys.exit(status)


def _fill_closed_streams() -> None:
    """A command may be started with its streams closed, which Python shows as None."""
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
