"""The values of sensitive arguments are in no column and no line of a log, however a job fails."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from jobqueue import logs, send_later
from jobqueue.models import Job
from jobqueue.signals import job_finished
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.app import secretive
from tests.app.models import Document
from tests.app.secretive import SECRETS, WAYS, Door, Vault
from tests.keys import NEW, encrypting

pytestmark = pytest.mark.django_db

MAKERS: dict[str, Callable[[str, Any], object]] = {
    "by its name": secretive.log_in.enqueue,
    "as a keyword": lambda way, secret: secretive.log_in.enqueue(way, password=secret),
    "by declaration": secretive.pay.enqueue,
    "within an argument": lambda way, secret: secretive.fetch.enqueue(way, {"headers": [{"X-Api-Key": secret}]}),
    "an attribute": lambda way, secret: Vault.enqueue(way, secret),
    "of a method": lambda way, secret: send_later(Door(""), "unlock", args=[way, secret]),
    "of the object": lambda way, secret: send_later(Door(secret), "unlock", args=[way]),
    "of a handled method": lambda way, secret: Door("").open(way, secret),
    "of a class method": lambda way, secret: Door.open_all(way, combination=secret),
}


@pytest.fixture(params=["people", "logfmt", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged, at the most talkative."""
    root = logging.getLogger("jobqueue")
    before = root.handlers[:], root.level, root.propagate
    root.propagate = False
    root.handlers.clear()
    stream = io.StringIO()
    logs.configure(2, stream, request.param)
    yield stream
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def parts(secret: str) -> list[str]:
    """What would tell the secret, or a line of it."""
    return [line.strip() for line in secret.splitlines()]


def dump_of_the_table() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM jobqueue_job")
        return "\n".join(str(value) for row in cursor.fetchall() for value in row)


@pytest.mark.parametrize("secret", SECRETS, ids=["plain", "special", "long"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_is_nowhere(log: io.StringIO, make: Callable[[str, Any], object], secret: str) -> None:
    with encrypting(NEW):
        for way in WAYS:
            make(way, secret)
        assert work_off().performed == len(WAYS)
        errors = [str(job.error) for job in Job.objects.exclude(last_error=None)]
        said = {"errors": "\n".join(errors), "log": log.getvalue(), "table": dump_of_the_table()}
    assert [(where, part) for where, text in said.items() for part in parts(secret) if part in text] == []
    assert sum("********" in error for error in errors) == len(WAYS) - 2
    assert "Traceback" in log.getvalue()


def test_without_encryption_it_is_in_the_column_of_arguments_alone() -> None:
    secretive.log_in.enqueue("said_plainly", SECRETS[0])
    work_off()
    [row] = Job.objects.values()
    assert [column for column, value in row.items() if SECRETS[0] in str(value)] == ["handler"]


def test_what_is_not_sensitive_is_told() -> None:
    secretive.fail_with.enqueue(SECRETS[0])
    work_off()
    assert str(Job.objects.get().last_error).startswith(f"ValueError: not welcome: {SECRETS[0]}\n")


def test_a_row_that_is_gone_is_not_told_by_a_key_that_is_a_secret() -> None:
    document = Document.objects.create()
    row = secretive.log_in.enqueue("said_plainly", document)
    document.delete()
    work_off()
    row.refresh_from_db()
    gone = "Document ********, which this job needs, no longer exists."
    assert row.state == State.CANCELLED
    assert row.last_error == f'{gone} Cancelled (on_missing="cancel"; with "fail" it fails).'


@override_settings(JOBQUEUE={"MAX_ATTEMPTS": 1})
def test_the_last_failure_masks_too_with_its_hooks() -> None:
    Vault.enqueue("said_plainly", SECRETS[0])
    work_off()
    row = Job.objects.get()
    assert row.state == State.FAILED
    assert str(row.last_error).startswith("ValueError: wrong: ********\n\nTraceback")


def test_the_outcome_that_receivers_get_is_masked() -> None:
    outcomes: list[Any] = []

    def note(outcome: Any, **_: Any) -> None:
        outcomes.append(outcome)

    job_finished.connect(note)
    try:
        secretive.log_in.enqueue("said_plainly", SECRETS[0])
        work_off()
    finally:
        job_finished.disconnect(note)
    [outcome] = outcomes
    assert SECRETS[0] not in outcome.error
