"""Jobs that do as they are told, and tell what they did."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from jobqueue import Cancel, Performable, Retry, Snooze, current_job, job
from jobqueue.models import Job
from tests.app.models import Document, Video

#: What the jobs did, in order; emptied by the tests that look at it.
story: list[Any] = []


class Boom(Exception):
    """What goes wrong."""


@job
def tell(what: Any) -> None:
    """Add to the story."""
    story.append(what)


@job
def answer(what: Any) -> Any:
    """Return something."""
    return what


@job
def answer_much(characters: int) -> str:
    """Return more than is stored."""
    return "x" * characters


@job
def answer_lock() -> Any:
    """Return what cannot be stored."""
    return threading.Lock()


@job
def enqueue_another(what: str) -> None:
    """Have another job done."""
    tell.enqueue(what)


@job
def fail(message: str = "boom") -> None:
    """Fail, with a secret in a local variable."""
    secret = "S3cret"  # noqa: F841
    story.append("fail")
    raise Boom(message)


@job
def fail_first(times: int) -> str:
    """Fail so often, then succeed."""
    attempts = current_job().attempts  # type: ignore[union-attr]
    story.append(attempts)
    if attempts <= times:
        raise Boom(f"attempt {attempts}")
    return "done"


@job(backoff=lambda attempts: 100 * attempts)
def fail_slowly() -> None:
    """Fail, with a backoff of its own."""
    raise Boom


@job
def raise_retry(wait: float) -> None:
    """Ask for a retry."""
    raise Retry(wait, reason="not yet")


@job
def raise_snooze(wait: float) -> None:
    """Ask for a rest."""
    raise Snooze(wait)


@job
def raise_snooze_until(until: datetime) -> None:
    """Ask for a rest until a time."""
    raise Snooze(until=until)


@job
def raise_cancel() -> None:
    """End without success."""
    raise Cancel("no longer wanted")


@job
def leave() -> None:
    """Call sys.exit."""
    raise SystemExit(3)


@job
def context() -> list[Any]:
    """Return what the context tells."""
    now = current_job()
    assert now is not None
    now.check_time()
    return [now.id, now.attempts, now.queue, now.time_left > 0, now.claim_id]


@job
def sleep(seconds: float) -> None:
    """Sleep."""
    time.sleep(seconds)


@job
def break_transaction() -> None:
    """Leave the connection in a state that no other job must see."""
    from django.db import connection

    connection.set_autocommit(False)
    Document.objects.create(text="never committed")


@job(on_missing="fail")
def needs(video: Video) -> str:
    """Use a model instance."""
    return video.title


@job
def likes(video: Video) -> str:
    """Use a model instance, if it is still there."""
    return video.title


@job(atomic=True)
def write_then(document: Document, text: str, *, fails: bool) -> None:
    """Write, and perhaps fail after it."""
    document.append(text)
    if fails:
        raise Boom


@job(atomic=True)
def lose_own_claim(document: Document) -> None:
    """Write, while the job is given to somebody else."""
    document.append("lost")
    Job.objects.update(claim_id=uuid4())


@job(atomic=True, backoff=3600)
def write_and_catch(document: Document) -> None:
    """Swallow a database error, after which the transaction cannot commit."""
    document.append("lost")
    with suppress(Exception):
        Document.objects.create(pk=document.pk)


@job
async def fetch(number: int) -> int:
    """Await something, and use the database."""
    document = await Document.objects.acreate(text=str(number))
    return int(document.text) * 2


@job(ack="each")
def written_at_once(what: int) -> None:
    """Have its end written before the next job starts."""
    story.append(what)


class Hooked(Performable):
    """Tells of all its hooks."""

    max_attempts = 2

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def perform(self) -> None:
        story.append("perform")
        if self.fails:
            raise Boom("hooked")

    def before(self, job: Any) -> None:
        story.append(("before", job.attempts))

    def success(self, job: Any) -> None:
        story.append("success")

    def error(self, job: Any, exception: Exception) -> None:
        story.append(("error", str(exception)))

    def after(self, job: Any) -> None:
        story.append("after")

    def failure(self, job: Any) -> None:
        story.append("failure")


class FailsBefore(Hooked):
    """Its before hook raises."""

    def before(self, job: Any) -> None:
        raise Boom("before")


class AfterRaises(Hooked):
    """Its last hooks raise, which changes nothing."""

    def after(self, job: Any) -> None:
        raise Boom("after")

    def failure(self, job: Any) -> None:
        raise Boom("failure")


class OwnPause(Performable):
    """Says itself when to be tried again."""

    def perform(self) -> None:
        raise Boom

    def reschedule_at(self, now: datetime, attempts: int) -> datetime:
        return now + timedelta(minutes=attempts)


def told() -> Iterator[Any]:
    """Yield and forget the story."""
    while story:
        yield story.pop(0)
