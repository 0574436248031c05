"""Which jobs a verb is about: ids, or a search; and whether that many are really meant."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice
from jobqueue.insight.scene import Scene
from jobqueue.search import Search, SearchError, parse
from jobqueue.search.fields import LARGEST_ID
from jobqueue.search.words import FIELD

EXIT_WRONG_USAGE = 2
ID = re.compile(r"#?(\d{1,19})")
#: A further term within one argument.
TERM = re.compile(r"\s-?[A-Za-z_][\w.]*:")
#: Acts on more jobs than this ask before.
MANY = 20


def add_which(parser: ArgumentParser) -> None:
    """Add the ids or the search."""
    parser.add_argument(
        "which", nargs="*", metavar="ID|SEARCH",
        help='ids, or a search, as state:failed class:VideoWorker "no stream"',
    )  # fmt: skip
    parser.add_argument(
        "--all", action="store_true", dest="all_rows",
        help="search all jobs; by default the newest 100,000",
    )  # fmt: skip


def add_asking(parser: ArgumentParser) -> None:
    """Add what an act on many jobs takes."""
    parser.add_argument("--yes", action="store_true", help="do not ask, however many there are")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def chosen(which: Sequence[str], scene: Scene) -> Search:
    """Return the search that the words of a command line mean.

    Raises:
        CommandError: with the place at which it cannot be understood.
    """
    found = [ID.fullmatch(word) for word in which]
    if which and all(found):
        ids = [number for each in found if each and (number := int(each[1])) <= LARGEST_ID]
        return Search.of_ids(ids, " ".join(which))
    text = as_typed(which)
    try:
        return parse(text, scene.now)
    except SearchError as error:
        pointed = f"\n  {text}\n  {' ' * (error.position - 1)}^" if text.isprintable() and len(text) < 200 else ""
        raise CommandError(f"{error.message}{pointed}", returncode=EXIT_WRONG_USAGE) from None


def as_typed(which: Sequence[str]) -> str:
    """Return the arguments as one search, with the quotes that the shell has taken away."""
    return " ".join(_quoted(word, alone=len(which) == 1) for word in which)


def _quoted(word: str, *, alone: bool) -> str:
    if not re.search(r"\s", word) or '"' in word or TERM.search(word):
        return word
    found = FIELD.match(word.removeprefix("-"))
    if found is None and alone:
        return word
    start = word.index(found[0]) + len(found[0]) if found else 0
    escaped = word[start:].replace("\\", "\\\\")
    return f'{word[:start]}"{escaped}"'


def one_id(word: str) -> int:
    """Return the id that somebody has typed, for ``argparse``."""
    found = ID.fullmatch(word)
    if found is None or int(found[1]) > LARGEST_ID:
        raise CommandError(f"{word!r} is not the id of a job, as 4813.", returncode=EXIT_WRONG_USAGE)
    return int(found[1])


def confirm(question: str, say: Voice, *, yes: bool) -> None:
    """Ask, unless there is no need to.

    Raises:
        CommandError: if the answer is no, or nobody can be asked.
    """
    if yes:
        return
    answer = ask(f"{question} [y/N] ", say, instead="Add --yes to do it without being asked.")
    if answer.lower() not in {"y", "yes"}:
        raise CommandError("Nothing was done.", returncode=1)


def ask(question: str, say: Voice, *, instead: str) -> str:
    """Return what somebody types.

    Args:
        question: stands before it.
        say: speaks.
        instead: what to do where nobody can be asked.

    Raises:
        CommandError: where nobody can be asked, or nothing is answered.
    """
    if not sys.stdin.isatty():
        raise CommandError(f"{question.split(' [')[0].strip()} {instead}", returncode=EXIT_WRONG_USAGE)
    say.ask(question)
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        say.note("")
        raise CommandError("Nothing was done.", returncode=1) from None


def note_of_window(search: Search, scene: Scene, say: Voice, *, all_rows: bool) -> None:
    """Say that older jobs were not looked at."""
    if not all_rows and not search.is_complete(scene.jobs):
        say.note("Only the newest 100,000 jobs were looked at. All of them: --all")


def options_of(words: dict[str, Any]) -> tuple[Sequence[str], bool]:
    """Return the words of a search, and whether all rows are wanted."""
    return words["which"], words["all_rows"]
