"""``manage.py jobs check``: does any job wait too long? As Delayed Job's jobs:check, for monitoring."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, NamedTuple

from jobqueue.cli.arguments import number
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.logs import harmless
from jobqueue.wording import age, span

HELP = "does any job wait too long? exit 3 if so"

EXIT_SOMETHING_IS_WRONG = 3


class Oldest(NamedTuple):
    """The job that waits longest."""

    queue: str
    seconds: float


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--max-wait", type=number(0, 10**9), default=300.0, metavar="SECONDS",
        help="the longest that a due job may wait (default: 300)",
    )  # fmt: skip
    parser.add_argument("--queue", metavar="QUEUE", help="only this queue; then also if it is paused")
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Look at the oldest due job, and return 0, or 3 if it waits for too long."""
    scene, most = Scene(get_settings()), words["max_wait"]
    with scene.store.looking(PATIENCE):
        oldest = _oldest(scene, words["queue"])
    is_late = oldest is not None and oldest.seconds > most
    if words["json"]:
        told = {"queue": oldest and oldest.queue, "oldest_seconds": oldest and oldest.seconds}
        say_json(say, {"ok": not is_late, **told, "max_wait_seconds": most})
    elif oldest is None:
        say("No job waits.")
    else:
        beyond = f", more than {span(most)}" if is_late else ""
        say(harmless(f'A job in queue "{oldest.queue}" waits for {span(oldest.seconds)}{beyond}.'))
        if is_late:
            say.note("Why? python manage.py jobs doctor")
    return EXIT_SOMETHING_IS_WRONG if is_late else 0


def _oldest(scene: Scene, queue: str | None) -> Oldest | None:
    """Return the job that is due for longest: a ready one, or one that nobody has made ready."""
    due = [(lane.queue, lane.oldest) for lane in scene.awake]
    late = scene.jobs.scheduled().filter(run_at__lte=scene.now)
    late = late.filter(queue=queue) if queue else late.exclude(queue__in=list(scene.pauses))
    due += late.values_list("queue", "run_at")[:1]
    wanted = [
        Oldest(name, max(age(at, scene.now), 0.0))
        for name, at in due
        if (name == queue if queue else name not in scene.pauses)
    ]
    return max(wanted, key=lambda each: each.seconds, default=None)
