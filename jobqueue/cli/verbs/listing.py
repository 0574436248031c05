"""``manage.py jobs list``: the jobs that a search means, the newest first."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.arguments import whole_number
from jobqueue.cli.choosing import add_which, chosen, note_of_window
from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import about, as_object, say_json, state_cell, when_of
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import Scene
from jobqueue.insight.words import short_name, tries_of
from jobqueue.models import Job

HELP = "jobs, the newest first: all, or those that a search means"

COLUMNS = (
    Column("id", right=True),
    Column("state"),
    Column("job", elastic=True),
    Column("queue", elastic=True),
    Column("tries", right=True),
    Column("when"),
    Column("error or arguments", elastic=True),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    add_which(parser)
    parser.add_argument(
        "--limit", type=whole_number(1, 100_000), default=20, metavar="N", help="so many at most (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show them."""
    scene, limit, all_rows = Scene(get_settings()), words["limit"], words["all_rows"]
    search = chosen(words["which"], scene)
    found = list(search.find(scene.jobs, limit + 1, all_rows=all_rows))
    shown, is_more = found[:limit], len(found) > limit
    if words["json"]:
        complete = all_rows or search.is_complete(scene.jobs)
        told = [as_object(job) for job in shown]
        say_json(say, {"jobs": told, "more": is_more, "all_were_looked_at": complete, "at": scene.now})
        return 0
    if shown:
        say_table(say, COLUMNS, [row(job, scene) for job in shown])
    else:
        say("No such job." if words["which"] else "There are no jobs.")
    if is_more:
        say.note(f"There are more: --limit {min(limit * 10, 100_000)}")
    note_of_window(search, scene, say, all_rows=all_rows)
    return 0


def row(job: Job, scene: Scene) -> list[Cell | str]:
    """Return the cells of a job."""
    return [
        f"#{job.pk}",
        state_cell(job),
        short_name(job.name),
        job.queue,
        tries_of(job, scene.settings.max_attempts),
        when_of(job, scene.now),
        about(job),
    ]
