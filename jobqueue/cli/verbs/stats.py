"""``manage.py jobs stats``: how many jobs of each class there are, as Delayed Job counted them."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from jobqueue.cli.arguments import number
from jobqueue.cli.tables import Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import Scene
from jobqueue.models import ClassStats

HELP = "total, remaining, processed and failed jobs, by class"

FIGURES = ClassStats._fields[1:]
COLUMNS = (Column("job", elastic=True), *(Column(name, right=True) for name in FIGURES))


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--days", type=number(0, 36_500), metavar="N", help="only jobs stored within so many days (default: all)"
    )
    parser.add_argument("--by", choices=("class",), default="class", help="what they are counted by: class")
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Count every row, and tell."""
    scene = Scene(get_settings())
    since = None if words["days"] is None else scene.now - timedelta(days=words["days"])
    rows = scene.jobs.stats(since)
    total = ClassStats("total", *(sum(getattr(row, name) for row in rows) for name in FIGURES))
    if words["json"]:
        told = [row._asdict() for row in rows]
        say_json(say, {"classes": told, "total": total._asdict(), "since": since, "at": scene.now})
    elif not rows:
        say("There are no jobs.")
    else:
        say_table(say, COLUMNS, [[name, *(f"{each:,}" for each in figures)] for name, *figures in [*rows, total]])
    return 0
