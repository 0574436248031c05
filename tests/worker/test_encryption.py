"""With ENCRYPTION_KEYS the table shows neither arguments nor results nor errors; without, all is as before."""

from __future__ import annotations

import logging

import pytest
from django.db import connection

from jobqueue import enqueue_many, retry, send_later
from jobqueue.exceptions import PayloadError
from jobqueue.models import Job
from jobqueue.outcomes import Decision
from jobqueue.rows import Finish
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.testing import work_off
from tests.app import secretive
from tests.app.models import Document
from tests.app.secretive import MARKER
from tests.keys import NEW, OLD, encrypting, id_of
from tests.stores.shelf import claim

pytestmark = pytest.mark.django_db


def dump_of_the_table() -> str:
    """All that the table holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM jobqueue_job ORDER BY id")
        return "\n".join(map(str, cursor.fetchall()))


def test_the_table_shows_no_argument_no_result_and_no_error() -> None:
    with encrypting(NEW, MAX_ATTEMPTS=2):
        for make in (secretive.give_back, secretive.fail_with):
            make.enqueue(MARKER)
            enqueue_many(make.bind(MARKER) for _ in range(3))
        secretive.fail_with.using(max_attempts=1).enqueue(MARKER)
        send_later(Document.objects.create(), "append", args=[MARKER])
        secretive.give_back_atomically.enqueue(MARKER)
        assert work_off().performed == 11
        table = dump_of_the_table()
        assert Job.objects.succeeded().count() == 6
    for part in (MARKER, "Tr0ub4dor", "not welcome", "ValueError", "Traceback"):
        assert part not in table
    assert table.count(f"enc1:{id_of(NEW)}:gAAAA") == 11 + 5 + 5


def test_without_keys_the_table_shows_all_three() -> None:
    secretive.give_back.enqueue(MARKER)
    secretive.fail_with.enqueue(MARKER)
    work_off()
    table = dump_of_the_table()
    assert "enc1:" not in table
    assert table.count("Tr0ub4dor") >= 4


def test_those_who_have_the_key_read_result_and_error() -> None:
    with encrypting(NEW):
        good, bad = secretive.give_back.enqueue(MARKER), secretive.fail_with.enqueue(MARKER)
        work_off()
        good.refresh_from_db()
        bad.refresh_from_db()
        assert good.result == MARKER
        assert str(bad.error).startswith(f"ValueError: not welcome: {MARKER}\n\nTraceback")


def test_the_name_and_the_queue_stay_readable() -> None:
    with encrypting(NEW):
        row = secretive.give_back.using(queue="mail").enqueue(MARKER)
    assert (row.name, row.queue) == ("tests.app.secretive.give_back", "mail")


def test_the_workers_log_is_readable(caplog: pytest.LogCaptureFixture) -> None:
    with encrypting(NEW), caplog.at_level(logging.INFO, "jobqueue"):
        secretive.fail_with.enqueue("someone")
        work_off()
    assert "ValueError: not welcome: someone" in caplog.text
    assert "enc1:" not in caplog.text


def test_what_maintenance_writes_is_encrypted_too() -> None:
    store = get_store()
    pool = PoolRegistry(store).register(host="here", pid=1)
    with encrypting(NEW):
        row = secretive.give_back.enqueue(MARKER)
        [job] = claim(store, pool)
        assert store.rescue(lambda job: Decision(State.FAILED, error="Crashed: gone")) == []
        PoolRegistry(store).retire(pool)
        [rescued] = store.rescue(lambda job: Decision(State.FAILED, error="Crashed: gone"))
        assert rescued == Finish(job, Decision(State.FAILED, error="Crashed: gone"))
        row.refresh_from_db()
        assert str(row.last_error).startswith(f"enc1:{id_of(NEW)}:")
        assert row.error == "Crashed: gone"


class TestOnAndOff:
    """Rows of before are performed whatever the settings say now, as long as their keys are listed."""

    def test_rows_that_wait_when_it_is_switched_on_are_performed(self) -> None:
        row = secretive.give_back.enqueue(MARKER)
        with encrypting(NEW):
            assert work_off().failed == 0
            row.refresh_from_db()
            assert row.result == MARKER
        assert MARKER not in str(row.stored_result)

    def test_so_are_those_that_wait_when_it_is_switched_off(self) -> None:
        with encrypting(OLD):
            row = secretive.give_back.enqueue(MARKER)
        with encrypting(None, OLD):
            later = secretive.give_back.enqueue(MARKER)
            assert work_off().failed == 0
            row.refresh_from_db()
            assert row.result == MARKER
        assert row.handler.startswith(f"enc1:{id_of(OLD)}:")
        assert later.handler.startswith("{")

    def test_so_are_those_under_an_older_key(self) -> None:
        with encrypting(OLD):
            secretive.give_back.enqueue(MARKER)
        with encrypting(NEW, OLD):
            secretive.give_back.enqueue(MARKER)
            assert (work_off().failed, Job.objects.succeeded().count()) == (0, 2)

    def test_rows_of_other_programs_are_performed_unencrypted(self) -> None:
        row = secretive.take.enqueue([])
        Job.objects.filter(pk=row.pk).update(handler='{"job":"tests.app.secretive.take","args":[[1]]}')
        with encrypting(NEW):
            work_off()
            row.refresh_from_db()
            assert row.result == [1]

    @pytest.mark.parametrize("now", [(NEW,), (None, NEW), ()], ids=["another", "off", "none"])
    def test_a_row_that_no_listed_key_opens_is_parked_with_the_id_of_its_key(
        self, now: tuple[str | None, ...]
    ) -> None:
        with encrypting(OLD):
            row = secretive.give_back.enqueue(MARKER)
            stored = row.handler
        with encrypting(*now):
            tally = work_off()
            assert (tally.performed, tally.failed) == (1, 1)
            assert work_off().performed == 0
            row.refresh_from_db()
            assert row.error == (
                f"DecryptionError: encrypted with key {id_of(OLD)}, which is not among ENCRYPTION_KEYS"
            )
        assert (row.state, row.handler) == (State.FAILED, stored)
        with encrypting(NEW, OLD):
            retry(row)
            assert work_off().failed == 0

    def test_a_ciphertext_that_was_changed_does_not_pass_the_signature(self) -> None:
        with encrypting(NEW):
            row, other = secretive.give_back.enqueue("one"), secretive.give_back.enqueue("two")
            body, tag = row.handler.split("\n")
            Job.objects.filter(pk=row.pk).update(handler=f"{other.handler.split(chr(10))[0]}\n{tag}")
            Job.objects.filter(pk=other.pk).update(handler=body)
            assert work_off().failed == 2
            assert {str(each.error).partition(":")[0] for each in Job.objects.all()} == {
                "BadSignature",
                "CorruptHandler",
            }


def test_the_size_that_is_limited_is_that_of_the_plain_arguments() -> None:
    with encrypting(NEW, MAX_PAYLOAD_BYTES=1000):
        secretive.give_back.enqueue("x" * 900)
        with pytest.raises(PayloadError, match="the limit is 1,000 bytes"):
            secretive.give_back.enqueue("x" * 1000)
        assert work_off().failed == 0
        assert len(Job.objects.get().handler) > 1000
