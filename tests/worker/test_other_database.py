"""Jobs in a database of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import override_settings

from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import scripted
from tests.app.models import Document

pytestmark = pytest.mark.django_db(databases=["default", "other"], transaction=True)


@pytest.fixture(autouse=True)
def _jobs_elsewhere() -> Iterator[None]:
    scripted.story.clear()
    with override_settings(JOBQUEUE={"DATABASE": "other"}):
        yield


def test_they_are_stored_and_performed_there() -> None:
    enqueue_many(scripted.tell.bind(key) for key in range(3))
    scripted.fail.enqueue()
    assert (Job.objects.using("other").count(), Job.objects.using("default").count()) == (4, 0)
    tally = work_off()
    assert (tally.performed, tally.failed) == (4, 1)
    assert scripted.story == [0, 1, 2, "fail"]
    assert Job.objects.using("other").succeeded().count() == 3


def test_the_row_appears_with_the_commit_of_the_callers_data() -> None:
    with transaction.atomic():
        document = Document.objects.create()
        pending = scripted.tell.enqueue(document.text)
        assert not Job.objects.using("other").exists()
    assert Job.objects.using("other").get().pk == pending.pk


def test_a_rollback_takes_it_along() -> None:
    with transaction.atomic():
        Document.objects.create()
        scripted.tell.enqueue("never")
        transaction.set_rollback(True)
    assert not Job.objects.using("other").exists()
