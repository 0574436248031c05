"""From the text of a failed attempt to Django's error."""

from __future__ import annotations

import pytest

from jobqueue.outcomes import Failed
from jobqueue.performing.errors import describe
from jobqueue.policy.backoff import backoff
from jobqueue.policy.retry import Limits, decide
from jobqueue.states import State
from jobqueue.taskresults import error_of


class Own(Exception):
    """Defined in a module of a project's."""


@pytest.mark.parametrize(
    ("outcome", "text", "path"),
    [
        ("failed", describe(ValueError("no\n\nnot at all")), "builtins.ValueError"),
        ("failed", describe(Own("x")), "tests.tasks.test_errors.Own"),
        ("failed", describe(Own()), "tests.tasks.test_errors.Own"),
        ("failed", "Retry: asked for a retry\n\nTraceback …", "jobqueue.exceptions.Retry"),
        ("failed", "nothing that begins with a class", "jobqueue.exceptions.JobQueueError"),
        ("failed", "", "jobqueue.exceptions.JobQueueError"),
        ("timed out", "JobTimeout: it ran longer than its max_run_time", "jobqueue.exceptions.JobTimeout"),
        ("timed out", "Killed at its hard time limit", "jobqueue.exceptions.JobTimeout"),
        ("crashed", "Worker host:atlas pid:7 died: signal 9", "jobqueue.exceptions.JobQueueError"),
        ("unknown", "This job needs shop.tasks.gone", "jobqueue.exceptions.UnknownPerformable"),
        ("corrupt", "BadSignature: The signature does not hold", "jobqueue.exceptions.BadSignature"),
        ("corrupt", "(no key opens it)", "jobqueue.exceptions.CorruptHandler"),
    ],
)
def test_the_class_can_be_imported(outcome: str, text: str, path: str) -> None:
    error = error_of(outcome, text)
    assert error.exception_class_path == path
    assert issubclass(error.exception_class, BaseException)
    assert error.traceback or not text


def test_what_must_not_be_tried_again_is_not() -> None:
    limits = Limits(max_attempts=25, max_crashes=3, backoff=backoff)
    assert decide(Failed("no", final=True), attempts=1, crashes=0, limits=limits).state is State.FAILED
    assert decide(Failed("no"), attempts=1, crashes=0, limits=limits).state is State.SCHEDULED
