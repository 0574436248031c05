"""The lives of jobs: when each was stored, its attempts, its end. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from django.utils import timezone

from demo_site.shop import jobs, outside
from jobqueue.exceptions import JobTimeout
from jobqueue.performing.errors import describe
from jobqueue.policy.backoff import backoff

HERE = str(Path(__file__).parent)
#: Where the shop is installed on its server.
INSTALLED, CHECKOUT = "/srv/shop/", f"{Path(__file__).parents[2]}/"
SPAN = timedelta(hours=48)
TIME_LIMIT = timedelta(minutes=2)
#: Jobs wait longer while the supplier does not answer: workers wait for it.
CROWDED = 40.0
CRASHED = "Crashed: the pool that held this job has vanished; whether the job had started is unknown"


@dataclass(frozen=True)
class Kind:
    """Jobs of one class.

    Attributes:
        name: the class.
        queue: where they wait.
        per_minute: how many are stored at noon.
        run, spread: seconds that half of them run at most, and how much that varies.
        call: the performable of a number.
        work: does what may raise, or returns the result.
        most: how often each is tried.
    """

    name: str
    queue: str
    per_minute: float
    run: float
    spread: float
    call: Callable[[int], Any]
    work: Callable[[int, datetime], Any]
    most: int = 25


class Try(NamedTuple):
    """One attempt; without an error it ended well."""

    due: datetime
    started: datetime
    ended: datetime
    error: str = ""


@dataclass(slots=True)
class Life:
    """One job that has ended."""

    kind: Kind
    number: int
    stored: datetime
    tries: list[Try] = field(default_factory=list)
    result: Any = None

    @property
    def end(self) -> Try:
        """The last attempt."""
        return self.tries[-1]

    @property
    def has_failed(self) -> bool:
        """Whether it failed for good."""
        return bool(self.end.error)


def lives(random: Random, now: datetime) -> Iterator[Life]:
    """Yield the jobs that were stored since the history began and have ended, in the order of time."""
    minute = (now - SPAN).replace(second=0, microsecond=0)
    while minute < now:
        busy = outside.busyness(timezone.localtime(minute))
        for kind in KINDS:
            for _ in range(_poisson(random, kind.per_minute * busy)):
                stored = minute + timedelta(seconds=random.uniform(0, 60))
                life = live(random, Life(kind, random.choice(jobs.ORDERS), stored))
                if life.end.ended < now:
                    yield life
        minute += timedelta(minutes=1)


def live(random: Random, life: Life) -> Life:
    """Let a job be tried until it has ended."""
    due = life.stored
    for attempt in range(1, life.kind.most + 1):
        started = due + timedelta(seconds=_wait(random, due))
        ended = started + timedelta(seconds=life.kind.run * random.lognormvariate(0, life.kind.spread))
        error = _attempt(life, timezone.localtime(started))
        if error.startswith("JobTimeout"):
            ended = started + TIME_LIMIT
        life.tries.append(Try(due, started, ended, error))
        if not error:
            break
        due = ended + timedelta(seconds=backoff(attempt))
    return life


def _attempt(life: Life, at: datetime) -> str:
    """Do the work; return the error, as a worker would have stored it."""
    try:
        life.result = life.kind.work(life.number, at)
    except Vanished:
        return CRASHED
    except (Exception, JobTimeout) as error:  # what a worker would have caught
        return told(error)
    return ""


def told(error: BaseException) -> str:
    """Return an error as a worker stores it: its traceback begins where the shop's own code does."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(HERE):
        trace = trace.tb_next
    return describe(error.with_traceback(trace)).replace(CHECKOUT, INSTALLED)


def _wait(random: Random, due: datetime) -> float:
    local = timezone.localtime(due)
    crowd = CROWDED if local.hour == 2 and local.minute in outside.OUTAGE else 1.0
    return 0.03 * crowd * random.lognormvariate(0, 1.0)


def _poisson(random: Random, mean: float) -> int:
    """Return how many come, if so many come on average."""
    number, passed = 0, random.expovariate(1.0)
    while passed < mean:
        number, passed = number + 1, passed + random.expovariate(1.0)
    return number


class Vanished(Exception):
    """The worker was gone, so nobody caught anything."""


def _import(number: int, at: datetime) -> str:
    if number % 67 == 0:
        raise Vanished
    if number % 41 == 0:
        raise JobTimeout("stopped after 120 s (max_run_time). Raise max_run_time on the job, or split the work.")
    return f"{rows_of(number)} rows"


def rows_of(number: int) -> int:
    """Return how many rows a catalogue has."""
    return 200 + number % 700


def _open(number: int, at: datetime) -> int:
    return number % 4


def _add_up(number: int, at: datetime) -> dict[str, int]:
    return {"orders": 1000 + number % 400, "returns": number % 30}


KINDS = (
    Kind(
        jobs.charge_card.path, "payments", 6, 0.45, 0.5,
        lambda number: jobs.charge_card.bind(number, "49.90", card_token=f"tok_{number:x}"),
        lambda number, at: {"receipt": outside.charge(number, ""), "amount": "49.90"}, 3,
    ),
    Kind(
        jobs.send_receipt.path, "mail", 6, 0.12, 0.7,
        lambda number: jobs.send_receipt.bind(number, f"customer{number}@example.com"),
        lambda number, at: outside.deliver(number, f"customer{number}@example.com"), 8,
    ),
    Kind(
        jobs.sync_stock.path, "default", 6, 0.2, 0.6,
        lambda number: jobs.sync_stock.bind(number % 900),
        lambda number, at: outside.ask_supplier(number % 900, at), 5,
    ),
    Kind(
        jobs.resize_image.path, "default", 2, 0.8, 0.8,
        lambda number: jobs.resize_image.bind(jobs.picture_of(number)),
        lambda number, at: outside.decode(jobs.picture_of(number)), 2,
    ),
    Kind(
        jobs.import_catalogue.path, "imports", 0.4, 27, 0.7,
        lambda number: jobs.import_catalogue.bind("Northwind", rows_of(number)), _import, 2,
    ),
    Kind(jobs.open_door.path, "default", 10, 0.012, 0.4, lambda number: jobs.open_door.bind(), _open),
    Kind(jobs.add_up.path, "reports", 0.02, 4, 0.3, lambda number: jobs.add_up.bind("2026-11-20"), _add_up),
)  # fmt: skip
