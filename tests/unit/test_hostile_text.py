"""Text that would end a quoted string somewhere stays text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobqueue import cancel, enqueue, retry, run_now
from jobqueue.exceptions import QueueNameError
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import scripted

pytestmark = pytest.mark.django_db

HOSTILE = [
    "'; DELETE FROM jobqueue_job; --",
    "' OR '1'='1",
    '" OR ""="',
    "%s",
    "%(queue)s",
    "100%",
    "\\'; SELECT 1; --",
    "default'||'",
    "$$",
    "{0}",
    "default) OR (1=1",
    "a,b",
]


@pytest.mark.parametrize("text", HOSTILE)
class TestQueues:
    def test_none_is_called_that(self, text: str) -> None:
        with pytest.raises(QueueNameError):
            scripted.tell.using(queue=text).enqueue(1)
        with pytest.raises(QueueNameError):
            enqueue(scripted.tell.bind(1), queue=text)
        assert not Job.objects.exists()

    def test_asked_for_it_finds_none(self, text: str) -> None:
        scripted.tell.enqueue("bystander")
        assert work_off(text).performed == 0
        assert not Job.objects.filter(queue=text).exists()
        assert not Job.objects.ready().filter(name__contains=text, last_error__startswith=text).exists()
        assert work_off(text, "default").performed == 1

    def test_a_row_that_somebody_gave_such_a_queue_holds_up_no_other(self, text: str) -> None:
        row = scripted.tell.enqueue("theirs")
        Job.objects.filter(pk=row.pk).update(queue=text)
        scripted.tell.enqueue("ours")
        assert work_off().performed == 2
        assert Job.objects.succeeded().get().queue == "default"
        assert "BadSignature" in str(Job.objects.failed().get(queue=text).last_error)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("act", [retry, cancel, run_now])
def test_as_a_jobs_number_it_is_no_number(act: Callable[[Any], None], text: str) -> None:
    scripted.tell.enqueue("bystander")
    before = list(Job.objects.values())
    for wrong in (text, Job(pk=text)):
        with pytest.raises(TypeError, match="takes a stored job or its id, a whole number"):
            act(wrong)
    assert list(Job.objects.values()) == before


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_job_is_given_returns_and_raises_is_stored_as_it_is(text: str) -> None:
    scripted.answer.enqueue(text)
    scripted.fail.using(max_attempts=1).enqueue(text)
    work_off()
    assert Job.objects.succeeded().get().result == text
    assert text in str(Job.objects.failed().get().last_error)
