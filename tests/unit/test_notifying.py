"""Notifiers are told once of each job that has failed for good, by whom nobody else is held up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from jobqueue import conf, signals
from jobqueue.exceptions import BadSignature, JobCrashed, JobTimeout, UnknownPerformable
from jobqueue.models import Job
from jobqueue.notifying import MOST_WAITING, Background, background, tell_at_once
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.app.jobs import add
from tests.app.scripted import Boom, fail, tell
from tests.processes.harness import wait_until

Told = list[tuple[str, BaseException]]


@pytest.fixture
def told() -> Iterator[Told]:
    found: Told = []

    def note(job: ClaimedJob, exception: BaseException) -> None:
        found.append((job.name.rpartition(".")[2], exception))

    with override_settings(JOBQUEUE={"NOTIFIERS": [note]}):
        yield found


def ended(job: Any, error: str = "Boom: no", cause: BaseException | None = None, **decision: Any) -> Finish:
    return Finish(job, Decision(decision.pop("state", State.FAILED), error=error, cause=cause, **decision))


@pytest.fixture
def job(db: None) -> ClaimedJob:
    row = tell.enqueue("x")
    held: Any = {name: getattr(row, name) for name in ClaimedJob._fields}
    return ClaimedJob(**held)


@pytest.mark.django_db
class TestWhenAJobIsPerformed:
    def test_of_the_last_attempt_and_of_no_other(self, told: Told) -> None:
        fail.using(max_attempts=2).enqueue("no")
        tell.enqueue("fine")
        work_off()
        assert told == []
        work_off(scheduled=True)
        assert [(name, type(error), str(error)) for name, error in told] == [("fail", Boom, "no")]
        assert told[0][1].__traceback__ is not None

    def test_of_a_job_that_is_deleted_when_it_fails(self, told: Told) -> None:
        settings = {"DESTROY_FAILED_JOBS": True, "NOTIFIERS": list(conf.get_settings().notifiers)}
        with override_settings(JOBQUEUE=settings):
            fail.using(max_attempts=1).enqueue()
            work_off()
        assert len(told) == 1
        assert not Job.objects.exists()

    def test_of_a_row_that_was_changed(self, told: Told) -> None:
        add.enqueue(1)
        Job.objects.update(handler=Job.objects.get().handler.replace("1", "2"))
        work_off()
        assert [type(error) for _, error in told] == [BadSignature]

    def test_of_a_job_that_no_release_has_known_for_long(
        self, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobqueue.policy.retry.BLOCKED_LIMIT", 0.0)
        add.enqueue(1)
        monkeypatch.setattr("jobqueue.handlers.functions.find", raise_unknown)
        work_off()
        assert [type(error) for _, error in told] == [UnknownPerformable]

    def test_the_signal_is_sent_for_these_too_without_a_sender(self, told: Told) -> None:
        sent: list[Any] = []

        def receive(sender: Any, exception: BaseException, **_: Any) -> None:
            sent.append((sender, type(exception)))

        signals.job_failed.connect(receive)
        try:
            add.enqueue(1)
            Job.objects.update(handler=Job.objects.get().handler.replace("1", "2"))
            fail.using(max_attempts=1).enqueue()
            work_off()
        finally:
            signals.job_failed.disconnect(receive)
        assert sent == [(None, BadSignature), (fail, Boom)]


def raise_unknown(path: str) -> Any:
    raise UnknownPerformable(f"{path} is gone")


class TestWhatTheyAreTold:
    def test_why_it_crashed(self, job: ClaimedJob, told: Told) -> None:
        tell_at_once([ended(job, "Crashed: host:a pid:1 was killed by SIGKILL")])
        [(_, error)] = told
        assert (type(error), str(error)) == (JobCrashed, "host:a pid:1 was killed by SIGKILL")

    def test_the_cause_where_it_is_known(self, job: ClaimedJob, told: Told) -> None:
        cause = JobTimeout("late")
        tell_at_once([ended(job, cause=cause)])
        assert told == [("tell", cause)]

    def test_nothing_of_what_was_not_written_or_is_tried_again(self, job: ClaimedJob, told: Told) -> None:
        lost = ended(job)
        tell_at_once([lost], [lost])
        tell_at_once([ended(job, state=State.SCHEDULED), ended(job, state=State.SUCCEEDED)])
        assert told == []

    def test_the_signal_goes_first_where_no_worker_has_sent_it(self, job: ClaimedJob) -> None:
        order: list[Any] = []

        def receive(sender: Any, **_: Any) -> None:
            order.append(sender)

        signals.job_failed.connect(receive)
        try:
            with override_settings(JOBQUEUE={"NOTIFIERS": [lambda *_: order.append("notifier")]}):
                tell_at_once([ended(job)], signal=True)
                tell_at_once([ended(job)])
                tell_at_once([ended(job._replace(handler="{}"))], signal=True)
        finally:
            signals.job_failed.disconnect(receive)
        assert order == [tell, "notifier", "notifier", None, "notifier"]


def notify(*notifiers: Callable[..., Any]) -> Any:
    return override_settings(JOBQUEUE={"NOTIFIERS": list(notifiers)})


class TestInTheBackground:
    def test_one_that_raises_is_logged_and_hides_nothing(
        self, job: ClaimedJob, caplog: pytest.LogCaptureFixture
    ) -> None:
        told: list[int] = []

        def raising(failed: ClaimedJob, exception: BaseException) -> None:
            raise SystemExit("mine")

        with notify(raising, lambda failed, _: told.append(failed.id)):
            here = Background()
            here.tell([ended(job), ended(job)])
            assert here.drain() == 0
        assert told == [job.id, job.id]
        said = [record.getMessage() for record in caplog.records if "raising" in record.getMessage()]
        assert len(said) == 2
        assert f"of #{job.id} tests.app.scripted.tell raised SystemExit: mine" in said[0]

    def test_one_that_hangs_holds_up_nobody(self, job: ClaimedJob, caplog: pytest.LogCaptureFixture) -> None:
        released, told = threading.Event(), list[int]()
        with notify(lambda *_: released.wait(30), lambda failed, _: told.append(failed.id)):
            here = Background()
            for _ in range(3):
                here.tell([ended(job)])
            wait_until(lambda: len(told) == 3)
            assert here.drain(0.05) == 3
            assert "notifiers took too long; 3 calls are left undone" in caplog.text
            released.set()
            assert here.drain() == 0

    def test_where_too_many_wait_the_rest_is_dropped_and_that_is_said(
        self, job: ClaimedJob, caplog: pytest.LogCaptureFixture
    ) -> None:
        released = threading.Event()
        with notify(lambda *_: released.wait(30)):
            here = Background()
            here.tell([ended(job)] * (MOST_WAITING + 10))
            released.set()
            assert here.drain() == 0
        assert "does not keep up: 1 failures untold" in caplog.text

    def test_threads_begin_with_the_first_failure(self, job: ClaimedJob) -> None:
        here = Background()
        with notify(lambda *_: None):
            before = threading.active_count()
            here.tell([ended(job, state=State.SUCCEEDED)] * 100)
            assert threading.active_count() == before
            here.tell([ended(job)])
            assert here.drain() == 0
            assert threading.active_count() == before + 1

    def test_a_forked_process_begins_with_none(self, job: ClaimedJob) -> None:
        with notify(lambda *_: threading.Event().wait(0.2)):
            background.tell([ended(job)])
            child = os.fork()
            if not child:
                os._exit(background.drain(0.0))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert background.drain() == 0

    def test_without_any_nothing_is_done(self, job: ClaimedJob) -> None:
        here = Background()
        here.tell([ended(job)])
        assert here.drain() == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("jobqueue.notifiers.log", "must be a list"),
        (["jobqueue.notifiers.lgo"], "cannot be imported"),
        ([3], "has 3, which cannot be called"),
        (["jobqueue.notifiers.Post"], "names the class Post; give an instance: Post(…)"),
    ],
)
def test_what_is_no_notifier_is_refused(given: Any, said: str) -> None:
    [problem] = conf.read({"NOTIFIERS": given})[1]
    assert problem.key == "NOTIFIERS"
    assert said in problem.message


def test_they_are_named_by_path() -> None:
    settings, problems = conf.read({"NOTIFIERS": ["jobqueue.notifiers.log", "jobqueue.notifiers.mail_admins"]})
    assert (problems, len(settings.notifiers)) == ([], 2)
