"""``manage.py jobs classes``: what jobs of each class have done lately, and how long it took."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.classes import ClassFigures, classes
from jobqueue.insight.rollups import RANGES
from jobqueue.insight.scene import PATIENCE, Scene, paused
from jobqueue.insight.words import short_name
from jobqueue.logs import harmless
from jobqueue.models.rollup import COUNTS
from jobqueue.wording import span

HELP = "the job classes: what each did lately, and how long it took"

COLUMNS = (
    Column("job", elastic=True),
    Column("ok", right=True),
    Column("failed", right=True),
    Column("rate", right=True),
    Column("p50 run", right=True),
    Column("p95", right=True),
    Column("p99", right=True),
    Column("p95 wait", right=True),
    Column("total", right=True),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--range", choices=[*RANGES], default="24h", help="how far back: 1h, 24h (default), 7d, 90d"
    )
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show them."""
    scene = Scene(get_settings())
    with scene.store.looking(PATIENCE):
        found = classes(scene, RANGES[words["range"]])
    if words["json"]:
        told = [as_object(each) for each in found.shown]
        say_json(say, {"classes": told, "range": words["range"], "others": found.others, "at": scene.now})
        return 0
    if not found.shown:
        say("No job is declared, and none was performed in this time.")
        return 0
    say_table(say, COLUMNS, [row(each) for each in found.shown])
    if found.others:
        say(f"{found.others:,} more did less.")
    for each in found.shown:
        if each.pause:
            for line in textwrap.wrap(harmless(f"{each.name}: {paused(each.pause, scene.now)}"), say.width):
                say(line)
    return 0


def row(figures: ClassFigures) -> list[Cell | str]:
    """Return the cells of a class."""
    counts, seconds = figures.counts, (figures.p50, figures.p95, figures.p99, figures.wait_p95)
    return [
        Cell(short_name(figures.name) or "(others)", "WARNING" if figures.pause else ""),
        f"{counts.succeeded:,}",
        Cell(f"{counts.failed:,}", "ERROR" if counts.failed else ""),
        "-" if counts.failure_rate is None else f"{counts.failure_rate:.1%}",
        *("-" if each is None else span(each) for each in seconds),
        span(counts.run_seconds) if counts.attempts else "-",
    ]


def as_object(figures: ClassFigures) -> dict[str, Any]:
    """Return a class for programs."""
    pause, counts = figures.pause, figures.counts
    return {
        "name": figures.name,
        **{name: getattr(counts, name) for name in COUNTS},
        "failure_rate": counts.failure_rate,
        "p50_run_seconds": figures.p50,
        "p95_run_seconds": figures.p95,
        "p99_run_seconds": figures.p99,
        "p95_wait_seconds": figures.wait_p95,
        "run_seconds": counts.run_seconds,
        "paused": None if pause is None else {"since": pause.since, "by": pause.paused_by, "reason": pause.reason},
    }
