"""``manage.py jobs pause`` and ``resume``: a queue rests, and goes on."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.exceptions import OptionError
from jobqueue.insight.figures import MANY
from jobqueue.insight.scene import Scene
from jobqueue.pausing import LONGEST_NAME, pause, resume

EXIT_WRONG_USAGE = 2


class PauseVerb:
    """Lets a queue rest."""

    HELP = "let a queue rest: no worker takes its jobs until it is resumed"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        parser.add_argument("queue", metavar="QUEUE", help="its name")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who wonder")

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it, and say what waits."""
        queue = words["queue"]
        try:
            pause(queue, words["reason"], by=who())
        except OptionError as error:
            raise CommandError(str(error), returncode=EXIT_WRONG_USAGE) from None
        say(f"Queue {queue} paused. {_waiting(queue)} Resume: python manage.py jobs resume {queue}")
        return 0


class ResumeVerb:
    """Lets it go on."""

    HELP = "let a paused queue go on"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        parser.add_argument("queue", metavar="QUEUE", help="its name")

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it; that the queue did not rest is no error."""
        queue = words["queue"]
        try:
            lifted = resume(queue, by=who())
        except OptionError as error:
            raise CommandError(str(error), returncode=EXIT_WRONG_USAGE) from None
        say(f"Queue {queue} resumed. {_waiting(queue)}" if lifted else f"Queue {queue} was not paused.")
        return 0


def who() -> str:
    """Return the user of the operating system; empty where there is none."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return "".join(char for char in name if char.isprintable())[:LONGEST_NAME]


def _waiting(queue: str) -> str:
    """Return how many due jobs of a queue wait, as a sentence."""
    number = Scene(get_settings()).store.waiting(queue, MANY)
    if number == 1:
        return "1 due job waits."
    return f"{number:,}{'+' if number == MANY else ''} due jobs wait." if number else "No due job waits."


PAUSE = PauseVerb()
RESUME = ResumeVerb()
