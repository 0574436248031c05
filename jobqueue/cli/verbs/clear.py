"""``manage.py jobs clear``: deletes all jobs of a queue, as Delayed Job's jobs:clear; those that run are left."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.choosing import ask
from jobqueue.cli.verbs.purge import PAGE, delete
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import Scene
from jobqueue.models import JobQuerySet
from jobqueue.states import State
from jobqueue.wording import counted

HELP = "delete all jobs of a queue but those that run; asks you to type its name"

EXIT_FAILED = 1


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("queue", metavar="QUEUE", help="its name")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def run(words: dict[str, Any], say: Voice) -> int:
    """Count, have the name typed, delete."""
    scene, queue = Scene(get_settings()), words["queue"]
    rows = scene.jobs.filter(queue=queue).exclude(state=State.RUNNING)
    total = rows.count()
    what = f'{counted(total, "job")} of queue "{queue}"'
    if words["dry_run"] or not total:
        say(f"Would delete {what}." if total else f'There are no jobs in queue "{queue}" but such as run.')
        return 0
    if not words["yes"]:
        question = f"{what} will be deleted. Type the queue's name: "
        if ask(question, say, instead="Add --yes to do it without being asked.") != queue:
            raise CommandError("That is not its name. Nothing was done.", returncode=EXIT_FAILED)
    gone = delete(_in_order(rows), total, say)
    running = scene.jobs.running().filter(queue=queue).count()
    say(f'Deleted {counted(gone, "job")} of queue "{queue}".')
    if running:
        say.note(f"Left out: {counted(running, 'job')} that run.")
    return 0


def _in_order(rows: JobQuerySet) -> Iterator[list[int]]:
    last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:PAGE]):
        yield ids
        last = ids[-1]
