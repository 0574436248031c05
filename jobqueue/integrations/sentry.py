"""Errors and transactions for Sentry, through its SDK.

``JOBQUEUE = {"MIDDLEWARE": ["jobqueue.integrations.sentry.Reporting"]}``

Each attempt is a transaction that goes on with the caller's trace. A failure is captured when it is final, as Sentry's
own integrations of Celery and RQ do it. With an error neither arguments nor local variables are sent, and the values of
sensitive arguments are hidden. Nothing is sent unless the project calls ``sentry_sdk.init``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sentry_sdk
from sentry_sdk.crons import monitor
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.tracing import TransactionSource
from sentry_sdk.utils import event_from_exception

from jobqueue.handlers.shown import mask_for
from jobqueue.logs import headline
from jobqueue.middleware import Headers, Performing, Storing
from jobqueue.outcomes import FAILURES
from jobqueue.rows import ClaimedJob
from jobqueue.signals import worker_stopping
from jobqueue.states import State

ORIGIN = "auto.queue.jobqueue"
#: A job with this header checks in with the monitor of that slug.
MONITOR = "sentry-monitor-slug"
#: A worker that stops sends its last events for so long.
FLUSH_SECONDS = 2.0


class Reporting:
    """A span round the storing of jobs, and a transaction round each attempt."""

    #: Whether attempts that are followed by another are captured, too; for subclasses.
    captures_retries = False

    def __init__(self) -> None:
        # What it says of a failed job would be a second event about it.
        ignore_logger("jobqueue.job")
        worker_stopping.connect(_flush, dispatch_uid=__name__)

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        """Make a span, and let the trace travel with the job."""
        with sentry_sdk.start_span(op="queue.publish", name=call.name or "many jobs", origin=ORIGIN) as span:
            call.headers |= _trace_headers(call.headers)
            yield
            span.set_data("messaging.destination.name", call.queue)
            span.set_data("messaging.message.id", str(call.ids[0]) if len(call.ids) == 1 else None)

    @contextmanager
    def performing(self, attempt: Performing) -> Iterator[None]:
        """Make a transaction in a scope of its own, and capture the failure."""
        with sentry_sdk.isolation_scope() as scope, _checking_in(attempt.headers):
            _describe(scope, attempt.job)
            with _transaction(attempt) as transaction:
                try:
                    yield
                finally:
                    if isinstance(attempt.outcome, FAILURES):
                        transaction.set_status("internal_error")
                        self._capture(attempt)

    def _capture(self, attempt: Performing) -> None:
        if attempt.state is not State.FAILED and not self.captures_retries:
            return
        if attempt.exception is None:
            sentry_sdk.capture_message(headline(getattr(attempt.outcome, "error", "")), level="error")
            return
        event, hint = event_from_exception(
            attempt.exception,
            client_options=sentry_sdk.get_client().options,
            mechanism={"type": "jobqueue", "handled": False},
        )
        sentry_sdk.capture_event(event, hint=hint)


def _trace_headers(present: Headers) -> dict[str, str]:
    """Return the headers of the present trace; baggage of others is kept beside that of Sentry."""
    trace, baggage = sentry_sdk.get_traceparent(), sentry_sdk.get_baggage()
    own = {"sentry-trace": trace or ""}
    own["baggage"] = ",".join(each for each in (present.get("baggage"), baggage) if each)
    return {name: value for name, value in own.items() if value}


def _describe(scope: sentry_sdk.Scope, job: ClaimedJob) -> None:
    scope.clear_breadcrumbs()
    scope.set_tag("jobqueue.job", job.name)
    scope.set_tag("jobqueue.queue", job.queue)
    scope.set_context("jobqueue", {"id": job.id, "name": job.name, "queue": job.queue, "attempt": job.attempts})
    scope.add_event_processor(lambda event, hint: _without_arguments(event, job))


def _transaction(attempt: Performing) -> Any:
    job = attempt.job
    told = {
        "messaging.system": "jobqueue",
        "messaging.destination.name": job.queue,
        "messaging.message.id": str(job.id),
        "messaging.message.retry.count": job.attempts - 1,
    }
    transaction = sentry_sdk.continue_trace(
        dict(attempt.headers), op="queue.process", name=job.name, source=TransactionSource.TASK, origin=ORIGIN
    )
    for key, value in told.items():
        transaction.set_data(key, value)
    transaction.set_status("ok")
    return sentry_sdk.start_transaction(transaction, custom_sampling_context={"jobqueue_job": job.name})


def _checking_in(headers: Headers) -> AbstractContextManager[Any]:
    """Return what tells a monitor that a job begins, and how it has ended."""
    slug = headers.get(MONITOR)
    return monitor(monitor_slug=slug) if slug else nullcontext()


def _without_arguments(event: Any, job: ClaimedJob) -> Any:
    """Take out of an event what may show arguments, wherever it was captured within the attempt."""
    mask = mask_for(job)
    for error in event.get("exception", {}).get("values", ()):
        error["value"] = mask(str(error.get("value") or ""))
        for frame in (error.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    _mask_texts(event, mask)
    entry = event.get("logentry")
    if entry:
        entry.pop("params", None)
        _mask_texts(entry, mask)
    for crumb in (event.get("breadcrumbs") or {}).get("values", ()):
        crumb.pop("data", None)
        _mask_texts(crumb, mask)
    return event


def _mask_texts(told: dict[str, Any], mask: Callable[[str], str]) -> None:
    for key in ("message", "formatted"):
        if isinstance(told.get(key), str):
            told[key] = mask(told[key])


def _flush(**_: Any) -> None:
    """Send what a worker still holds: it ends without the usual farewells of a process."""
    sentry_sdk.flush(FLUSH_SECONDS)
