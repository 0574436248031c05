"""The verbs of ``manage.py jobs``. A new one is a module here and a line in ``VERBS``."""

from __future__ import annotations

import argparse
import copy
from argparse import ArgumentParser
from difflib import get_close_matches
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from jobqueue.cli.arguments import HelpFormatter, add_verbosity
from jobqueue.cli.verbs import (
    acts,
    check,
    classes,
    clear,
    controlling,
    doctor,
    enqueue,
    failures,
    here,
    init,
    listing,
    pausing,
    purge,
    queues,
    rotate_keys,
    show,
    startworker,
    stats,
    status,
    top,
    watch,
    why,
    workers,
)
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.stores.errors import wrong_with_table

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

EPILOG = """\
A verb tells more about itself: python manage.py jobs VERB --help

exit codes:
  0  done; all is well
  1  it could not be done; the message says why
  2  wrong usage
  3  doctor, check, status --fail-if: something is wrong; watch: the job did
     not succeed; rotate-keys: some jobs are left
"""


class Verb(Protocol):
    """What the module of a verb holds."""

    #: What it does, in one line.
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it and return the exit status; ``say`` says a line on stdout, ``say.note`` one on stderr.

        Raises:
            CommandError: if it cannot be done, with the message and the exit status.
        """


#: To look, to act, to care, to start.
VERBS: dict[str, Verb] = {
    "status": status,
    "top": top,
    "stats": stats,
    "list": listing,
    "show": show,
    "watch": watch,
    "why": why,
    "workers": workers,
    "queues": queues,
    "classes": classes,
    "failures": failures,
    "enqueue": enqueue,
    "retry": acts.RETRY,
    "run-now": acts.RUN_NOW,
    "cancel": acts.CANCEL,
    "postpone": acts.POSTPONE,
    "run": here,
    "pause": pausing.PAUSE,
    "resume": pausing.RESUME,
    "pause-class": pausing.PAUSE_CLASS,
    "resume-class": pausing.RESUME_CLASS,
    "quiet-worker": controlling.QUIET,
    "resume-worker": controlling.RESUME,
    "stop-worker": controlling.STOP,
    "purge": purge,
    "clear": clear,
    "check": check,
    "doctor": doctor,
    "rotate-keys": rotate_keys,
    "init": init,
    "startworker": startworker,
}


def add_verbs(parser: CommandParser) -> None:
    """Add every verb with its arguments; all take the options of the command itself, too."""
    add_verbosity(parser, "0 says less, 1 is usual, 2 (or -v) and 3 (or -vv) say more")
    parser.set_defaults(print_help=parser.format_help)
    common = [each for each in parser._actions if each.option_strings and each.dest != "help"]
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB")
    for name, verb in VERBS.items():
        own = verbs.add_parser(
            name,
            help=verb.HELP,
            description=verb.HELP,
            allow_abbrev=False,
            conflict_handler="resolve",
            formatter_class=HelpFormatter,
        )
        verb.add_arguments(own)
        _add_again(common, own)
    verbs.choices = _Known(verbs.choices)


def perform(words: dict[str, Any], say: Voice) -> int:
    """Do what the verb says and return the exit status.

    Raises:
        CommandError: if it cannot be done.
    """
    if words["verb"] is None:
        say.note(words["print_help"]())
        return EXIT_WRONG_USAGE
    try:
        return VERBS[words["verb"]].run(words, say)
    except ImproperlyConfigured as error:
        raise CommandError(str(error).strip(), returncode=EXIT_FAILED) from error
    except (DatabaseError, InterfaceError) as error:
        told = wrong_with_table(error, get_settings().database) or str(error).strip()
        raise CommandError(told, returncode=EXIT_FAILED) from error


class _Known(dict[str, Any]):
    """The verbs; asked for one that is none, it names the nearest."""

    def __contains__(self, word: object) -> bool:
        if super().__contains__(word):
            return True
        near = get_close_matches(str(word), self, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Verbs: {', '.join(self)}."
        raise argparse.ArgumentError(None, f"{word!r} is not a verb. {hint}")


def _add_again(actions: list[argparse.Action], parser: ArgumentParser) -> None:
    """Let options stand behind the verb as well; where they do not, they keep what stands before it."""
    group = parser.add_argument_group("Django")
    for each in actions:
        again = copy.copy(each)
        again.default = argparse.SUPPRESS
        group._add_action(again)
