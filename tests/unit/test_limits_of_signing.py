"""What a signature does not stop, as docs/explanation/security.md says, so that nobody relies on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.app import scripted

pytestmark = pytest.mark.django_db


def test_a_copy_of_a_genuine_row_is_performed_too() -> None:
    row = Job.objects.get(pk=scripted.answer.enqueue("once").pk)
    row.pk = None
    row.save(force_insert=True)
    assert work_off().performed == 2
    assert [job.result for job in Job.objects.succeeded()] == ["once", "once"]


def test_a_genuine_row_that_was_set_back_is_performed_again() -> None:
    scripted.answer.enqueue("again")
    work_off()
    Job.objects.update(state=State.READY, finished_at=None, attempts=0)
    assert work_off().performed == 1


def test_when_and_in_which_order_is_anybodys_choice_who_may_write() -> None:
    row = scripted.answer.using(run_at=timezone.now() + timedelta(days=1)).enqueue("now")
    Job.objects.filter(pk=row.pk).update(state=State.READY, run_at=timezone.now(), priority=9, attempts=3)
    assert work_off().performed == 1
    assert Job.objects.get().state == State.SUCCEEDED


def test_arguments_results_and_errors_can_be_read() -> None:
    scripted.answer.enqueue("an argument")
    scripted.fail.using(max_attempts=1).enqueue("an error")
    work_off()
    done, failed = Job.objects.succeeded().get(), Job.objects.failed().get()
    assert "an argument" in done.handler
    assert "an argument" in str(done.result)
    assert "an error" in str(failed.last_error)
