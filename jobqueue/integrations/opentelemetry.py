"""Traces that go on in the worker, through the official API.

``JOBQUEUE = {"MIDDLEWARE": ["jobqueue.integrations.opentelemetry.Tracing"]}``

Storing is a producer's span, each attempt a consumer's span below it, with the attributes of the semantic conventions
for messaging. The trace travels in the headers, as W3C's ``traceparent``. Texts of errors are sent as jobqueue stores
them: without the values of sensitive arguments. Nothing is sent unless the project sets up OpenTelemetry's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

import jobqueue
from jobqueue.handlers.shown import mask_for
from jobqueue.middleware import Performing, Storing
from jobqueue.outcomes import FAILURES
from jobqueue.signals import worker_stopping

SYSTEM = {"messaging.system": "jobqueue"}
#: A worker that stops sends its last spans for so long.
FLUSH_MILLISECONDS = 2000


class Tracing:
    """One span round the storing of jobs, one round each attempt."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("jobqueue", jobqueue.__version__)
        worker_stopping.connect(_flush, dispatch_uid=__name__)

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        """Make a producer's span; many jobs of one call share it."""
        told = SYSTEM | _operation("send", call.queue)
        if call.name is not None:
            told["jobqueue.job.name"] = call.name
        with self._span("send", call.queue, SpanKind.PRODUCER, told) as span:
            propagate.inject(call.headers)
            try:
                yield
            except Exception as error:
                _fail(span, error, "")  # its text may show an argument
                raise
            if call.name is None:
                span.set_attribute("messaging.batch.message_count", len(call.ids))
            elif call.ids:
                span.set_attribute("messaging.message.id", str(call.ids[0]))

    @contextmanager
    def performing(self, attempt: Performing) -> Iterator[None]:
        """Make a consumer's span below that of the caller, whose baggage is there, too."""
        job = attempt.job
        told = SYSTEM | _operation("process", job.queue)
        told |= {
            "messaging.message.id": str(job.id),
            "jobqueue.job.name": job.name,
            "jobqueue.job.attempt": job.attempts,
        }
        token = context.attach(propagate.extract(attempt.headers))
        try:
            with self._span("process", job.queue, SpanKind.CONSUMER, told) as span:
                try:
                    yield
                finally:
                    _tell_end(span, attempt)
        finally:
            context.detach(token)

    def _span(self, verb: str, queue: str | None, kind: SpanKind, told: dict[str, Any]) -> Any:
        # What the library would record of an exception may show arguments.
        return self._tracer.start_as_current_span(
            f"{verb} {queue}" if queue else verb,
            kind=kind,
            attributes=told,
            record_exception=False,
            set_status_on_exception=False,
        )


def _operation(verb: str, queue: str | None) -> dict[str, Any]:
    told = {"messaging.operation.name": verb, "messaging.operation.type": verb}
    return told | {"messaging.destination.name": queue} if queue else told


def _tell_end(span: Span, attempt: Performing) -> None:
    """Tell how an attempt has ended."""
    outcome, state = attempt.outcome, attempt.state
    if outcome is None or state is None or not span.is_recording():
        return
    span.set_attributes({"jobqueue.outcome": type(outcome).__name__.lower(), "jobqueue.job.state": state.label})
    error = attempt.exception
    if error is not None:
        _fail(span, error, mask_for(attempt.job)(str(error)), getattr(outcome, "error", ""))
    elif isinstance(outcome, FAILURES):
        span.set_status(StatusCode.ERROR)


def _fail(span: Span, error: BaseException, message: str, stack: str = "") -> None:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    told = {"exception.type": name, "exception.message": message, "exception.stacktrace": stack}
    span.set_attribute("error.type", name)
    span.add_event("exception", {key: value for key, value in told.items() if value})
    span.set_status(StatusCode.ERROR, message or name)


def _flush(**_: Any) -> None:
    """Send what a worker still holds: it ends without the usual farewells of a process."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(FLUSH_MILLISECONDS)
