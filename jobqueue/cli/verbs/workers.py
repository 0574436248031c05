"""``manage.py jobs workers``: the pools, one by one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import PATIENCE, Scene, slots
from jobqueue.insight.workers import busy, memory, state_of
from jobqueue.logs import harmless
from jobqueue.models import Pool
from jobqueue.wording import age, in_bytes, span

HELP = "the pools: where they run, what they take, how they are"

#: Pools that are shown.
SHOWN = 100
COLUMNS = (
    Column("pool", elastic=True),
    Column("release", elastic=True),
    Column("busy", right=True),
    Column("memory", right=True),
    Column("up", right=True),
    Column("beat", right=True),
    Column("state"),
    Column("queues", elastic=True),
)
ROLES = {"ok": "SUCCESS", "quiet": "WARNING", "silent": "WARNING", "dead": "ERROR"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show them."""
    scene = Scene(get_settings())
    with scene.store.looking(PATIENCE):
        pools, now = scene.pools, scene.now
    if words["json"]:
        say_json(say, {"workers": [as_object(pool, scene) for pool in pools], "at": now})
        return 0
    if not pools:
        say("No worker is running. Start one: python manage.py jobworker")
        return 0
    say_table(say, COLUMNS, [row(pool, scene) for pool in pools[:SHOWN]])
    if len(pools) > SHOWN:
        say(f"{len(pools) - SHOWN:,} more: --json shows all")
    for pool in pools:
        if state_of(pool, scene) == "dead":
            say(harmless(f"{pool} was declared dead; others perform its jobs."))
    return 0


def row(pool: Pool, scene: Scene) -> list[Cell | str]:
    """Return the cells of a pool."""
    state = state_of(pool, scene)
    return [
        str(pool),
        pool.release or "-",
        f"{busy(pool)}/{slots([pool])}",
        "-" if (size := memory(pool)) is None else in_bytes(size),
        span(max(age(pool.started_at, scene.now), 0.0)),
        span(max(age(pool.beat_at, scene.now), 0.0)),
        Cell(state, ROLES[state]),
        ",".join(pool.queues) or "all",
    ]


def as_object(pool: Pool, scene: Scene) -> dict[str, Any]:
    """Return a pool for programs."""
    columns = ("name", "host", "pid", "release", "queues", "min_priority", "max_priority")
    return {
        **{name: getattr(pool, name) for name in columns},
        "state": state_of(pool, scene),
        "slots": slots([pool]),
        "busy": busy(pool),
        "memory_bytes": memory(pool),
        "started_at": pool.started_at,
        "beat_at": pool.beat_at,
        "processes": pool.workers,
    }
