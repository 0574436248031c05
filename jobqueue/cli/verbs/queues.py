"""``manage.py jobs queues``: all queues, one by one."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.verbs import status
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.figures import QueueFigures, figures
from jobqueue.insight.scene import Scene, paused
from jobqueue.logs import harmless
from jobqueue.models import ClassPause, Pause

HELP = "the queues: what waits and runs in each, and who works on it"

COLUMNS = (*status.COLUMNS, Column("state", elastic=True))
ROLES = {"paused": "WARNING", "no worker": "ERROR"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show them."""
    scene = Scene(get_settings())
    found = figures(scene)
    if words["json"]:
        told = [status.queue_object(each) for each in found.queues]
        say_json(say, {"queues": told, "paused_classes": status.paused_classes(scene), "at": scene.now})
        return 0
    if not found.queues:
        say("No job waits or runs, and no queue is declared.")
        return 0
    say_table(say, COLUMNS, [[*status.row(each), state(each)] for each in found.queues])
    resting: dict[str, Pause | ClassPause] = {each.name: each.pause for each in found.queues if each.pause}
    resting |= {f"class {name}": pause for name, pause in scene.class_pauses.items()}
    for name, pause in resting.items():
        for line in textwrap.wrap(harmless(f"{name}: {paused(pause, scene.now)}"), say.width):
            say(line)
    return 0


def state(queue: QueueFigures) -> Cell:
    """Return how a queue is, in a word of its colour."""
    return Cell(queue.state, ROLES.get(queue.state, ""))
