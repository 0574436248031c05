"""``manage.py jobs pause``, ``resume``, ``pause-class`` and ``resume-class``: a queue or a class rests, and goes on."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.exceptions import OptionError
from jobqueue.insight.figures import MANY
from jobqueue.insight.names import known_classes, meant, nearest
from jobqueue.insight.scene import Scene
from jobqueue.logs import harmless
from jobqueue.pausing import LONGEST_NAME, pause, pause_class, resume, resume_class

EXIT_WRONG_USAGE = 2
#: Names that are shown at most.
NAMED = 10


class PauseVerb:
    """Lets a queue rest."""

    HELP = "let a queue rest: no worker takes its jobs until it is resumed"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        parser.add_argument("queue", metavar="QUEUE", help="its name")
        _add_reason(parser)

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it, and say what waits."""
        queue = words["queue"]
        with _complaining():
            pause(queue, words["reason"], by=who())
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
        with _complaining():
            lifted = resume(queue, by=who())
        say(f"Queue {queue} resumed. {_waiting(queue)}" if lifted else f"Queue {queue} was not paused.")
        return 0


class PauseClassVerb:
    """Lets a class rest."""

    HELP = "let a class rest: no worker takes its jobs, in whatever queue"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        _add_class(parser)
        _add_reason(parser)

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it, also for a name that nobody knows here; that is said."""
        known = known_classes(Scene(get_settings()))
        name = _one(words["name"], known)
        with _complaining():
            pause_class(name, words["reason"], by=who())
        say(f"Class {name} paused. Resume: python manage.py jobs resume-class {name}")
        if name not in known:
            say.note(harmless(f'No job "{name}" is known here.{_hint(name, known)}'))
        return 0


class ResumeClassVerb:
    """Lets it go on."""

    HELP = "let a paused class go on"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        _add_class(parser)

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Do it; that the class did not rest is no error."""
        paused = Scene(get_settings()).class_pauses
        name = _one(words["name"], paused)
        with _complaining():
            lifted = resume_class(name, by=who())
        say(f"Class {name} resumed." if lifted else harmless(f"Class {name} was not paused.{_hint(name, paused)}"))
        return 0


def who() -> str:
    """Return the user of the operating system; empty where there is none."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return "".join(char for char in name if char.isprintable())[:LONGEST_NAME]


def _add_reason(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who wonder")


def _add_class(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="of its jobs: a dotted path, or the end of it if that is enough"
    )


@contextmanager
def _complaining() -> Iterator[None]:
    try:
        yield
    except OptionError as error:
        raise CommandError(str(error), returncode=EXIT_WRONG_USAGE) from None


def _one(word: str, names: Collection[str]) -> str:
    """Return the one name that a word means; the word itself if none is known.

    Raises:
        CommandError: if it may mean several.
    """
    found = meant(word, names)
    if len(found) > 1:
        told = harmless(f'"{word}" may be {" or ".join(found[:NAMED])}.')
        raise CommandError(told, returncode=EXIT_WRONG_USAGE)
    return found[0] if found else word


def _hint(name: str, names: Collection[str]) -> str:
    near = nearest(name, names)
    return f' Did you mean "{near}"?' if near else ""


def _waiting(queue: str) -> str:
    """Return how many due jobs of a queue wait, as a sentence."""
    number = Scene(get_settings()).store.waiting(queue, MANY)
    if number == 1:
        return "1 due job waits."
    return f"{number:,}{'+' if number == MANY else ''} due jobs wait." if number else "No due job waits."


PAUSE = PauseVerb()
RESUME = ResumeVerb()
PAUSE_CLASS = PauseClassVerb()
RESUME_CLASS = ResumeClassVerb()
