"""Jobs of every kind for the tests to enqueue."""

from __future__ import annotations

import enum
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobqueue import Performable, SendLater, handle_asynchronously, job

performed: list[Any] = []


@job
def add(left: int, right: int = 0) -> int:
    """A plain job function."""
    return left + right


@job(queue="mail", max_attempts=5, priority=3, on_missing="fail", aliases=["tests.app.jobs.mail_receipt"])
def send_receipt(order: Any, *, copy: bool = False) -> Any:
    """A job function with options."""
    performed.append(order)
    return order


@job
async def fetch(number: int) -> int:
    """An async job function."""
    return number * 2


@job(accept_unsigned=True)
def import_rows(rows: Any) -> Any:
    """A job function that other programs may ask for."""
    return rows


def not_a_job() -> None:
    """A function without @job."""


class PlainWorker:
    """Any class with perform, as in Delayed Job."""

    def __init__(self, number: int) -> None:
        self.number = number

    def perform(self) -> int:
        """Return its number."""
        return self.number

    def enqueue(self, stored: Any) -> None:
        """Hook, as in Delayed Job."""
        performed.append(("enqueued", stored.pk))


class VideoWorker(Performable):
    """A Performable with options."""

    queue = "video"
    max_attempts = 5
    aliases = ("tests.app.jobs.OldVideoWorker",)

    def __init__(self, video_id: int) -> None:
        self.video_id = video_id

    def perform(self) -> int:
        """Return the id it was made with."""
        return self.video_id

    def on_enqueue(self, stored: Any) -> None:
        """Hook."""
        performed.append(("enqueued", stored.pk))


class RubyWorker:
    """Options as Delayed Job's methods and queue_name."""

    __slots__ = ("__secret", "number")
    queue_name = "ruby"

    def __init__(self, number: int) -> None:
        self.number = number
        self.__secret = number + 1

    def max_attempts(self) -> int:
        """A method instead of an attribute."""
        return 7

    def perform(self) -> tuple[int, int]:
        """Return both its attributes."""
        return self.number, self.__secret


class Idle:
    """No perform, not declared."""

    def rest(self) -> None:
        """A method that no worker may call."""


class Mailer(SendLater):
    """No model, but declared by the mixin; stored with its attributes."""

    def __init__(self, sender: str) -> None:
        self.sender = sender

    def deliver(self, to: str) -> str:
        """Return who mails whom."""
        return f"{self.sender} to {to}"

    async def adeliver(self, to: str) -> str:
        """The same, async."""
        return self.deliver(to)


class Machine:
    """A class declared by a decorated method alone."""

    @handle_asynchronously(priority=9)
    def run(self) -> str:
        """Run."""
        return "ran"

    def stop(self) -> None:
        """Not declared."""


class Colour(enum.Enum):
    """An enum."""

    RED = 1
    BLUE = (2, 3)


class Rights(enum.Flag):
    """A flag."""

    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    """An enum that is an int."""

    LOW = 1


@dataclass(frozen=True, slots=True)
class Money:
    """A dataclass."""

    amount: int
    currency: str = "EUR"
    notes: tuple[str, ...] = field(default=())


class Point(NamedTuple):
    """A named tuple."""

    x: int
    y: int = 0


Pair = namedtuple("Pair", "left right")
