"""``manage.py jobs failures``: the kinds of failures of the last seven days."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.arguments import whole_number
from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.failures import COUNTED, SHOWN, WINDOW, Kind, kinds
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.insight.words import short_name
from jobqueue.wording import age, span

HELP = "the kinds of failures of seven days: how often each came, of how many jobs"

COLUMNS = (
    Column("exception", elastic=True),
    Column("job", elastic=True),
    Column("1h", right=True),
    Column("3h", right=True),
    Column("24h", right=True),
    Column("7d", right=True),
    Column("last", right=True),
    Column("failed", right=True),
    Column("kind"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--limit", type=whole_number(1, SHOWN), default=20, metavar="N", help="so many at most (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show them."""
    scene = Scene(get_settings())
    with scene.store.looking(PATIENCE):
        found = kinds(scene, limit=words["limit"], with_payload=True)
    if words["json"]:
        told = [as_object(kind) for kind in found.shown]
        say_json(say, {"failures": told, "others": found.others, "is_whole": found.is_whole, "at": scene.now})
        return 0
    if not found.shown:
        say("No attempt has failed within 7 days. All is well.")
        return 0
    say_table(say, COLUMNS, [row(kind, scene) for kind in found.shown])
    if found.others:
        say(f"{found.others:,} more came less often.")
    if not found.is_whole:
        say(f"Only the newest {WINDOW:,} attempts were looked at.")
    say(f"The jobs of one: python manage.py jobs list kind:{found.shown[0].fingerprint}")
    return 0


def row(kind: Kind, scene: Scene) -> list[Cell | str]:
    """Return the cells of a kind."""
    return [
        short_name(kind.exception) or "-",
        short_name(kind.name) or "-",
        *(f"{kind.counts[hours]:,}" for hours in COUNTED),
        span(max(age(kind.last, scene.now), 0.0)),
        Cell(f"{kind.failed:,}", "ERROR" if kind.failed else ""),
        kind.fingerprint,
    ]


def as_object(kind: Kind) -> dict[str, Any]:
    """Return a kind for programs."""
    return {
        "kind": kind.fingerprint,
        "job": kind.name,
        "exception": kind.exception,
        "message": kind.message,
        "place": kind.place,
        "within_hours": {str(hours): count for hours, count in kind.counts.items()},
        "points": kind.points,
        "first_at": kind.first,
        "last_at": kind.last,
        "failed_jobs": kind.failed,
    }
