"""``manage.py jobs top``: the screen of ``status`` and what runs, again and again."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.arguments import number, whole_number
from jobqueue.cli.tables import Column, say_table
from jobqueue.cli.telling import when_of
from jobqueue.cli.verbs import status
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.figures import figures
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.insight.words import arguments_line, short_name

HELP = "the screen of status and what runs, again and again, until Ctrl+C"

#: Running jobs that are shown.
SHOWN = 15
COLUMNS = (
    Column("id", right=True),
    Column("job", elastic=True),
    Column("runs", right=True),
    Column("worker", elastic=True),
    Column("arguments", elastic=True),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--interval", type=number(0.2, 3600), default=2.0, metavar="SECONDS", help="between two looks (default: 2)"
    )
    parser.add_argument(
        "--count", type=whole_number(1, 10**9), metavar="N", help="stop after so many looks (default: never)"
    )


def run(words: dict[str, Any], say: Voice) -> int:
    """Show it until somebody has seen enough."""
    shown = 0
    try:
        while True:
            show(Scene(get_settings()), say)
            shown += 1
            if shown == words["count"]:
                return 0
            time.sleep(words["interval"])
    except KeyboardInterrupt:
        return 0


def show(scene: Scene, say: Voice) -> None:
    """Say one look at everything; on a terminal in the place of the last."""
    found = figures(scene)
    with scene.store.looking(PATIENCE):
        running = list(scene.jobs.running().order_by("locked_at")[: SHOWN + 1])
    if say.is_terminal:
        say.clear()
    status.screen(found, scene, say)
    if running:
        say("")
        rows = [
            [f"#{job.pk}", short_name(job.name), when_of(job, scene.now).removeprefix("for "), job.locked_by or "",
             arguments_line(job)]
            for job in running[:SHOWN]
        ]  # fmt: skip
        say_table(say, COLUMNS, rows)
    if len(running) > SHOWN:
        say("More run: python manage.py jobs list state:running")
