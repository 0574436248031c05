"""``manage.py jobs enqueue``: stores jobs of a class or function that this project declares."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.arguments import whole_number
from jobqueue.cli.progress import Advance, progress
from jobqueue.cli.telling import say_json
from jobqueue.cli.times import add_time, time_of
from jobqueue.cli.voice import Voice
from jobqueue.client import enqueue, enqueue_many
from jobqueue.conf import LARGEST_PRIORITY, get_settings
from jobqueue.exceptions import JobQueueError
from jobqueue.handlers.known import Make, find_known, known_jobs, maker_of
from jobqueue.hints import lookout
from jobqueue.insight.scene import Scene
from jobqueue.insight.words import short_name
from jobqueue.logs import harmless
from jobqueue.wording import counted

HELP = "store a job, or one for each line of a file"

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
#: Names that are shown at most.
NAMED = 10
#: Lines between two words about the progress.
STEP = 500


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("name", metavar="NAME", help="dotted path of the job, or its last part if that is enough")
    parser.add_argument(
        "arguments",
        nargs="?",
        metavar="JSON",
        help='its arguments: a list, as [7], or an object, as {"order_id": 7}',
    )
    parser.add_argument("--file", metavar="FILE", help="a job for each line of JSON in this file; - is stdin")
    parser.add_argument("--queue", metavar="QUEUE", help="by default as declared")
    whole = whole_number(-LARGEST_PRIORITY, LARGEST_PRIORITY)
    parser.add_argument("--priority", type=whole, metavar="N", help="by default as declared")
    parser.add_argument("--key", metavar="KEY", help="store none if there is a job with this key")
    add_time(parser, "run it")
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Store, and say what was stored."""
    make = find(words["name"])
    given = {"queue": words["queue"], "priority": words["priority"], "key": words["key"]}
    options = {name: value for name, value in given.items() if value is not None}
    when = time_of(words, Scene(get_settings()))
    if when is not None:
        options["run_at"] = when
    if words["file"] and words["arguments"]:
        raise CommandError(
            "Arguments stand in the file or on the command line, not in both.", returncode=EXIT_WRONG_USAGE
        )
    try:
        if words["file"]:
            return _of_file(make, words, options, say)
        return _one(make, words, options, say)
    except (JobQueueError, TypeError, ValueError) as error:
        raise CommandError(
            harmless(f"{str(error).rstrip('.')}. Nothing was stored."), returncode=EXIT_FAILED
        ) from None


def _one(make: Make, words: dict[str, Any], options: dict[str, Any], say: Voice) -> int:
    lookout.rest()  # it is said below, once
    job = enqueue(_made(make, words["arguments"] or "[]"), **options)
    if words["json"]:
        say_json(say, {"id": job.pk, "job": job.name, "queue": job.queue, "run_at": job.run_at})
        return 0
    say(f"Stored #{job.pk} {job.name} in queue {job.queue}.")
    if not Scene(get_settings()).living:
        say.note("No worker is running. In another terminal: python manage.py jobworker")
    return 0


def _of_file(make: Make, words: dict[str, Any], options: dict[str, Any], say: Voice) -> int:
    path = words["file"]
    try:
        lines = sys.stdin.read().splitlines() if path == "-" else Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--file {path}: {error}", returncode=EXIT_FAILED) from None
    with progress(say, "Storing jobs", len(lines)) as advance:
        ids = enqueue_many(_made_of(make, lines, path, advance), **options)
    if words["json"]:
        say_json(
            say, {"stored": len(ids), "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        )
    else:
        say(f"Stored {counted(len(ids), 'job')}.")
    return 0


def _made_of(make: Make, lines: Iterable[str], path: str, advance: Advance) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _made(make, line)
            except (JobQueueError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: {error}") from None
        if number % STEP == 0:
            advance(number)


def _made(make: Make, text: str) -> Any:
    """Return the performable for arguments in JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The arguments are not JSON: {error}.") from None
    if isinstance(found, list):
        return make(*found)
    if isinstance(found, dict):
        return make(**found)
    raise ValueError(f'The arguments must be a list or an object, as [7] or {{"id": 7}}. They are {text[:40]}.')


def find(name: str) -> Make:
    """Return what makes a performable of arguments, for a path or the end of one.

    Raises:
        CommandError: if there is none, or more than one.
    """
    found = find_known(name)
    if found is None:
        raise CommandError(_unclear(name, known_jobs()), returncode=EXIT_WRONG_USAGE)
    return maker_of(found)


def _unclear(name: str, known: dict[str, Any]) -> str:
    if paths := sorted(path for path in known if path.endswith(f".{name}")):
        return f'"{name}" may be {" or ".join(paths[:NAMED])}.'
    short = {short_name(path): path for path in known}
    near = get_close_matches(name, [*short, *known], n=1)
    if near:
        return f'There is no job "{name}". Did you mean "{near[0]}"?'
    listed = ", ".join(sorted(short)[:NAMED]) or "none; put one in an app's jobs.py"
    return f'There is no job "{name}". Jobs: {listed}{" …" if len(short) > NAMED else ""}.'
