"""``manage.py jobs status``: how much waits, runs and fails, and who works, on one screen."""

from __future__ import annotations

import operator
import re
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from django.core.management.base import CommandError

from jobqueue.cli.tables import Cell, Column, say_table
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.figures import Figures, QueueFigures, figures
from jobqueue.insight.scene import LANES, Scene, paused
from jobqueue.logs import harmless
from jobqueue.models import ClassPause, Pause
from jobqueue.search.moments import span_of
from jobqueue.wording import span

HELP = "one screen: what waits, runs, fails, and who works"

EXIT_WRONG_USAGE = 2
EXIT_SOMETHING_IS_WRONG = 3
#: Queues that are shown one by one.
SHOWN = 50
COLUMNS = (
    Column("queue", elastic=True),
    Column("waiting", right=True),
    Column("running", right=True),
    Column("oldest", right=True),
    Column("p95 run", right=True),
    Column("workers", right=True),
)
COUNTS = ("waiting", "running", "scheduled", "retrying", "failed", "workers")
CONDITION = re.compile(r"(\w+)(>=|<=|>|<)([\w.]+)")
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class Condition(NamedTuple):
    """What must not hold."""

    text: str
    figure: str
    compare: Callable[[Any, Any], bool]
    value: float


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("--json", action="store_true", help="one object for programs")
    parser.add_argument(
        "--fail-if", metavar="WHAT", default="",
        help="exit 3 if any of these holds, e.g. waiting>1000,age>5m,workers<1",
    )  # fmt: skip


def run(words: dict[str, Any], say: Voice) -> int:
    """Look, tell, and return 0, or 3 if a condition holds."""
    conditions = [_condition(text) for text in words["fail_if"].split(",") if text]
    scene = Scene(get_settings())
    found = figures(scene)
    if words["json"]:
        say_json(say, as_object(found, scene))
    else:
        screen(found, scene, say)
    broken = [each for each in conditions if each.compare(_value(found, each.figure), each.value)]
    for each in broken:
        say.note(f"{each.text} holds: it is {_value(found, each.figure):,.0f}.")
    return EXIT_SOMETHING_IS_WRONG if broken else 0


def screen(found: Figures, scene: Scene, say: Voice) -> None:
    """Say all of it to people."""
    for line in headline(found, say.width):
        say(line)
    if found.queues:
        say_table(say, COLUMNS, [row(each) for each in found.queues[:SHOWN]])
    for note in notes(found, scene):
        for line in note.lines(say.width):
            say(say.coloured(note.role, line) if note.role else line)


class Note(NamedTuple):
    """What is odd, what to do about it, and the role in whose colours it is said."""

    sentence: str
    remedy: str = ""
    role: str = ""

    def lines(self, width: int) -> list[str]:
        """Return it in one line, or with the remedy, which may have to be copied, in one of its own."""
        whole = harmless(f"{self.sentence} {self.remedy}".rstrip())
        if len(whole) <= width or not self.remedy:
            return textwrap.wrap(whole, width)
        return [*textwrap.wrap(harmless(self.sentence), width), harmless(f"  {self.remedy}")]


def headline(found: Figures, width: int) -> Iterator[str]:
    """Yield the figures of all queues together, on as many lines as they need."""
    parts = [f"{name} {_count(found, name)}" for name in COUNTS[:-1]]
    parts[-1] += " (24 h)"
    parts.append("nothing waits" if found.oldest is None else f"oldest {span(found.oldest)}")
    parts.append(f"workers {found.workers:,}")
    line = ""
    for part in parts:
        joined = f"{line}   {part}" if line else part.capitalize()
        if len(joined) > width:
            yield line
            joined = part
        line = joined
    yield line


def row(queue: QueueFigures) -> list[Cell | str]:
    """Return the cells of a queue."""
    role = "WARNING" if queue.pause else "ERROR" if queue.waiting and not queue.workers else ""
    return [
        Cell(queue.name, role),
        many(queue.waiting, full=queue.is_full),
        f"{queue.running:,}",
        "-" if queue.oldest is None else span(queue.oldest),
        "-" if queue.p95 is None else span(queue.p95),
        Cell(f"{queue.workers:,}", role),
    ]


def notes(found: Figures, scene: Scene) -> Iterator[Note]:
    """Yield what is odd."""
    if not found.workers:
        yield Note("! no worker is running.", "Start one: python manage.py jobworker", "ERROR")
    for queue in found.queues[:SHOWN]:
        if queue.pause:
            resume = f"Resume: python manage.py jobs resume {queue.name}"
            yield Note(f"! {queue.name}: {paused(queue.pause, scene.now)}.", resume, "WARNING")
        elif queue.waiting and found.workers and not queue.workers:
            start = f"Start one: python manage.py jobworker --queue {queue.name}"
            yield Note(f"! {queue.name}: no worker listens to it.", start, "ERROR")
    for name, pause in list(scene.class_pauses.items())[:SHOWN]:
        resume = f"Resume: python manage.py jobs resume-class {name}"
        yield Note(f"! class {name}: {paused(pause, scene.now)}.", resume, "WARNING")
    if len(found.queues) > SHOWN:
        yield Note(f"{len(found.queues) - SHOWN:,} more queues:", "python manage.py jobs queues")
    if not found.is_whole:
        yield Note(f"Only the first {LANES:,} kinds of queue and priority were looked at.")


def many(number: int, *, full: bool) -> str:
    """Return a number; with a plus if there are more than were counted."""
    return f"{number:,}+" if full else f"{number:,}"


def as_object(found: Figures, scene: Scene) -> dict[str, Any]:
    """Return all of it for programs."""
    told = {name: getattr(found, name) for name in COUNTS}
    return {
        **told,
        "oldest_seconds": found.oldest,
        "more_than_counted": sorted(found.capped),
        "queues": [queue_object(each) for each in found.queues],
        "paused_classes": paused_classes(scene),
        "at": scene.now,
    }


def queue_object(queue: QueueFigures) -> dict[str, Any]:
    """Return a queue for programs."""
    told = {name: value for name, value in asdict(queue).items() if name not in {"pause", "oldest", "p95"}}
    return {
        **told,
        "oldest_seconds": queue.oldest,
        "p95_run_seconds": queue.p95,
        "paused": None if queue.pause is None else _pause_object(queue.pause),
    }


def paused_classes(scene: Scene) -> dict[str, dict[str, Any]]:
    """Return the classes that rest for programs, by name."""
    return {name: _pause_object(pause) for name, pause in scene.class_pauses.items()}


def _pause_object(pause: Pause | ClassPause) -> dict[str, Any]:
    return {"since": pause.since, "by": pause.paused_by, "reason": pause.reason}


def _count(found: Figures, name: str) -> str:
    return many(getattr(found, name), full=name in found.capped)


def _value(found: Figures, figure: str) -> float:
    return (found.oldest or 0.0) if figure == "age" else float(getattr(found, figure))


def _condition(text: str) -> Condition:
    matched = CONDITION.fullmatch(text.strip())
    known = (*COUNTS, "age")
    if matched is None or matched[1] not in known:
        message = f'--fail-if "{text}": it must be like waiting>1000 or age>5m. Figures: {", ".join(known)}.'
        raise CommandError(message, returncode=EXIT_WRONG_USAGE)
    try:
        value = span_of(matched[3]).total_seconds() if matched[1] == "age" else float(int(matched[3]))
    except ValueError:
        raise CommandError(
            f'--fail-if "{text}": "{matched[3]}" is no such value.', returncode=EXIT_WRONG_USAGE
        ) from None
    return Condition(text.strip(), matched[1], OPERATORS[matched[2]], value)
