"""Acts on many jobs, by querysets and by ids; pauses; figures by class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import FieldError
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from jobqueue import (
    acancel,
    apause,
    apause_class,
    apostpone,
    aresume,
    aresume_class,
    aretry,
    arun_now,
    enqueue,
    pause,
    pause_class,
    postpone,
    resume,
    resume_class,
    signals,
    waking,
)
from jobqueue.acting import act_on
from jobqueue.exceptions import JobStateError, OptionError, QueueFull, QueueNameError
from jobqueue.models import Attempt, Cancellation, ClassPause, ClassStats, Job, Pause, Report
from jobqueue.ringing import Ringer
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.acts import Act
from jobqueue.stores.ears import SCHEDULE
from jobqueue.testing import work_off
from tests.app.jobs import VideoWorker, add
from tests.app.scripted import tell
from tests.verbs.conftest import job

pytestmark = pytest.mark.django_db


def one_of_each() -> dict[State, int]:
    return {state: job(state).pk for state in State}


def states() -> dict[int, State]:
    return {pk: State(state) for pk, state in Job.objects.values_list("pk", "state")}


class TestActs:
    def test_a_queryset_is_retried_as_far_as_its_jobs_allow_it(self) -> None:
        ids = one_of_each()
        acted = Job.objects.all().retry()
        assert sorted(acted.done) == [ids[State.FAILED], ids[State.CANCELLED]]
        assert acted.skipped == {
            pk: state.label for state, pk in ids.items() if state not in {State.FAILED, State.CANCELLED}
        }
        again = Job.objects.get(pk=ids[State.FAILED])
        assert (again.state, again.attempts, again.failed_at, again.finished_at) == (State.READY, 0, None, None)

    def test_the_other_acts(self) -> None:
        ids = one_of_each()
        assert Job.objects.all().run_now().done == [ids[State.SCHEDULED]]
        assert sorted(Job.objects.all().postpone(timedelta(hours=1)).done) == [
            ids[State.SCHEDULED],
            ids[State.READY],
        ]
        assert states()[ids[State.READY]] is State.SCHEDULED
        assert sorted(Job.objects.filter(state=State.SCHEDULED).cancel().done) == [
            ids[State.SCHEDULED],
            ids[State.READY],
        ]

    def test_of_those_that_are_cancelled_what_runs_ends_soon(self) -> None:
        ids = one_of_each()
        acted = Job.objects.all().cancel(by="b\x1bob")
        assert sorted(acted.done) == [ids[State.SCHEDULED], ids[State.READY]]
        assert acted.ending == [ids[State.RUNNING]]
        assert not {*acted.done, *acted.ending} & acted.skipped.keys()
        assert list(Cancellation.objects.values_list("pk", "requested_by")) == [(ids[State.RUNNING], r"b\x1bob")]
        assert Job.objects.running().cancel(by="eve").ending == acted.ending, "it may be repeated"
        with pytest.raises(TypeError, match="cancel takes a name as by"):
            Job.objects.all().cancel(by=7)  # type: ignore[arg-type]

    def test_in_inline_mode_what_is_made_ready_is_performed(self) -> None:
        done = [job(State.FAILED).pk, job(State.CANCELLED).pk]
        later, waiting = job(State.SCHEDULED).pk, job(State.SCHEDULED).pk
        with override_settings(JOBQUEUE={"MODE": "inline"}):
            Job.objects.filter(pk__in=done).retry()
            Job.objects.filter(pk=later).run_now()
            Job.objects.filter(pk=waiting).postpone(timedelta(hours=1))
        assert {pk for pk, state in states().items() if state is State.SUCCEEDED} == {*done, later}

    def test_the_manager_acts_on_nothing(self) -> None:
        for name in ("retry", "cancel", "run_now", "postpone"):
            assert not hasattr(Job.objects, name)

    def test_what_is_not_there_is_said(self) -> None:
        assert act_on([4711], "retry").skipped == {4711: "not there"}
        assert act_on([], Act.RETRY).done == []

    def test_deleting_leaves_what_runs_and_nothing_behind(self) -> None:
        ids = one_of_each()
        failed = ids[State.FAILED]
        Attempt.objects.create(
            job_id=failed, number=1, outcome="failed", ended_at=timezone.now(), stored_error="x"
        )
        Report.objects.create(job_id=failed, done=1)
        acted = act_on(ids.values(), Act.DELETE)
        assert acted.skipped == {ids[State.RUNNING]: "running"}
        assert states() == {ids[State.RUNNING]: State.RUNNING}
        assert not Attempt.objects.exists()
        assert not Report.objects.exists()

    def test_a_spread_makes_them_due_one_after_another(self) -> None:
        ids = [job(State.FAILED).pk for _ in range(5)]
        before = get_store().now()
        told: list[int] = []
        act_on(ids, Act.RETRY, spread=timedelta(minutes=10), tell=told.append)
        times = [Job.objects.get(pk=pk).run_at for pk in ids]
        assert all(later - sooner == timedelta(minutes=2) for sooner, later in pairwise(times))
        assert before <= times[0] <= get_store().now()
        assert times[-1] < before + timedelta(minutes=10)
        assert [states()[pk] for pk in ids] == [State.READY, *[State.SCHEDULED] * 4]
        assert told == [1, 2, 3, 4, 5]

    def test_many_thousands_are_spread_in_steps(self, monkeypatch: Any) -> None:
        from jobqueue import acting

        monkeypatch.setattr(acting, "STEPS", 2)
        ids = [job(State.FAILED).pk for _ in range(4)]
        act_on(ids, Act.RETRY, spread=timedelta(minutes=10))
        assert len(set(Job.objects.values_list("run_at", flat=True))) == 2

    @pytest.mark.parametrize("spread", [timedelta(0), timedelta(days=-1), timedelta(days=36_500)])
    def test_a_spread_that_cannot_be_is_refused(self, spread: timedelta) -> None:
        pk = job(State.FAILED).pk
        with pytest.raises(OptionError, match=r"spread must be|run_at must lie"):
            act_on([pk], Act.RETRY, spread=spread)
        assert states()[pk] is State.FAILED

    def test_workers_are_rung_after_the_commit(
        self, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        store, rung = get_store(), list[Any]()
        monkeypatch.setattr(store, "can_notify", True)
        monkeypatch.setattr(store, "notify", rung.append)
        monkeypatch.setattr(waking, "ringer", Ringer())
        ids = [job(State.FAILED, queue="a").pk, job(State.FAILED, queue="b").pk]
        with django_capture_on_commit_callbacks(execute=True):
            act_on(ids, Act.RETRY)
            assert rung == []
        assert rung == [{"a", "b"}]

    def test_it_is_a_few_statements_however_many_there_are(self, django_assert_max_num_queries: Any) -> None:
        ids = [job(State.FAILED).pk for _ in range(30)]
        with django_assert_max_num_queries(6):
            assert len(act_on(ids, Act.RETRY).done) == 30


class TestPostpone:
    def test_to_later_and_to_sooner(self) -> None:
        stored = enqueue(add.bind(1))
        postpone(stored, timedelta(hours=2))
        row = Job.objects.get(pk=stored.pk)
        assert (row.state, row.run_at > timezone.now() + timedelta(hours=1)) == (State.SCHEDULED, True)
        postpone(stored.pk, timedelta(0))
        assert states()[stored.pk] is State.READY

    def test_what_runs_or_has_ended_is_refused(self) -> None:
        for state in (State.RUNNING, State.FAILED):
            with pytest.raises(
                JobStateError, match=f"is {state.label}; postpone takes only a scheduled or ready job"
            ):
                postpone(job(state), timedelta(hours=1))

    @pytest.mark.parametrize("when", [None, "tomorrow", datetime(2026, 1, 1), datetime(2900, 1, 1, tzinfo=UTC)])
    def test_what_is_no_time_is_refused(self, when: Any) -> None:
        with pytest.raises(OptionError, match="run_at"):
            postpone(enqueue(add.bind(1)), when)


@pytest.mark.django_db(transaction=True)
def test_the_twins_act_from_async_code() -> None:
    async def main() -> None:
        await apostpone(ids[0], timedelta(hours=1))
        await arun_now(ids[0])
        await acancel(ids[0])
        await aretry(ids[0])
        await apause("mail", "why", "ana")
        assert await aresume("mail")
        await apause_class("shop.jobs.charge", "why", "ana")
        assert await aresume_class("shop.jobs.charge")

    ids = [enqueue(add.bind(1)).pk]
    async_to_sync(main)()
    assert states() == {ids[0]: State.READY}


class TestPauses:
    def test_a_paused_queue_rests_until_it_is_resumed(self) -> None:
        enqueue(add.bind(1), queue="mail")
        enqueue(add.bind(1))
        pause("mail", "the provider is down", by="ana")
        row = Pause.objects.get()
        assert (row.queue, row.reason, row.paused_by) == ("mail", "the provider is down", "ana")
        assert work_off().performed == 1
        assert resume("mail")
        assert work_off().performed == 1
        assert not resume("mail")

    def test_pausing_anew_says_anew_why(self) -> None:
        pause("mail", "one")
        pause("mail", "two", by="ben")
        assert [(row.reason, row.paused_by) for row in Pause.objects.all()] == [("two", "ben")]

    def test_listeners_learn_of_it(self) -> None:
        heard: list[Any] = []

        def listen(signal: Any, **told: Any) -> None:
            heard.append((told["queue"], told["reason"], told["by"]))

        for signal in (signals.queue_paused, signals.queue_resumed):
            signal.connect(listen)
        try:
            pause("mail", "why", by="ana")
            resume("mail", by="ben")
            resume("mail")
        finally:
            for signal in (signals.queue_paused, signals.queue_resumed):
                signal.disconnect(listen)
        assert heard == [("mail", "why", "ana"), ("mail", "", "ben")]

    @pytest.mark.parametrize("queue", [None, "", "a b", "x" * 65, 7])
    def test_what_is_no_queue_is_refused(self, queue: Any) -> None:
        for verb in (pause, resume):
            with pytest.raises(OptionError):
                verb(queue)

    @override_settings(JOBQUEUE={"QUEUES": ["default", "mail"]})
    def test_an_undeclared_queue_names_the_nearest_but_a_resting_one_can_be_resumed(self) -> None:
        with pytest.raises(QueueNameError, match=r'Unknown queue "mial".* Did you mean "mail"\?'):
            pause("mial")
        with pytest.raises(QueueNameError):
            resume("mial")
        get_store().pauses.put("old", "", "")
        assert resume("old")

    @pytest.mark.parametrize("text", ["x" * 201, "\0", 7])
    def test_a_reason_that_cannot_be_stored_is_refused(self, text: Any) -> None:
        with pytest.raises(OptionError, match="reason must be text of at most 200 characters"):
            pause("mail", text)

    def test_workers_are_rung_when_it_goes_on(
        self, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        store, rung = get_store(), list[Any]()
        monkeypatch.setattr(store, "can_notify", True)
        monkeypatch.setattr(store, "notify", rung.append)
        monkeypatch.setattr(waking, "ringer", Ringer())
        with django_capture_on_commit_callbacks(execute=True):
            pause("mail")
            resume("mail")
        assert rung == [{"mail"}]

    @override_settings(JOBQUEUE={"MAX_WAITING": 1})
    def test_a_full_queue_says_that_it_is_paused(self) -> None:
        enqueue(add.bind(1))
        pause("default")
        with pytest.raises(
            QueueFull, match=r"It is paused\. Resume it: python manage\.py jobs resume default"
        ) as caught:
            enqueue(add.bind(1))
        assert caught.value.paused


class TestPausesOfClasses:
    def test_a_paused_class_rests_until_it_is_resumed(self) -> None:
        rests = enqueue(add.bind(1), queue="mail")
        tell.enqueue("one")
        pause_class(rests.name, "the provider is down", by="ana")
        row = ClassPause.objects.get()
        assert (row.name, row.reason, row.paused_by) == (rests.name, "the provider is down", "ana")
        assert work_off().performed == 1
        assert resume_class(rests.name)
        assert work_off().performed == 1
        assert not resume_class(rests.name)

    def test_pausing_anew_says_anew_why(self) -> None:
        pause_class("shop.jobs.charge", "one")
        pause_class("shop.jobs.charge", "two", by="ben")
        assert [(row.reason, row.paused_by) for row in ClassPause.objects.all()] == [("two", "ben")]

    def test_listeners_learn_of_it(self) -> None:
        heard: list[Any] = []

        def listen(signal: Any, **told: Any) -> None:
            heard.append((told["name"], told["reason"], told["by"]))

        for signal in (signals.class_paused, signals.class_resumed):
            signal.connect(listen)
        try:
            pause_class("shop.jobs.charge", "why", by="ana")
            resume_class("shop.jobs.charge", by="ben")
            resume_class("shop.jobs.charge")
        finally:
            for signal in (signals.class_paused, signals.class_resumed):
                signal.disconnect(listen)
        assert heard == [("shop.jobs.charge", "why", "ana"), ("shop.jobs.charge", "", "ben")]

    @pytest.mark.parametrize("name", [None, "", "a\0b", "x" * 256, 7, "a\x1b[1m"])
    def test_what_can_be_no_name_is_refused(self, name: Any) -> None:
        for verb in (pause_class, resume_class):
            with pytest.raises(OptionError, match="name must be that of a job's class"):
                verb(name)

    @pytest.mark.parametrize("text", ["x" * 201, "\0", 7])
    def test_a_reason_that_cannot_be_stored_is_refused(self, text: Any) -> None:
        with pytest.raises(OptionError, match="reason must be text of at most 200 characters"):
            pause_class("shop.jobs.charge", text)

    def test_whoever_promotes_is_rung_when_it_goes_on(
        self, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        store, rung = get_store(), list[Any]()
        monkeypatch.setattr(store, "can_notify", True)
        monkeypatch.setattr(store, "notify", rung.append)
        monkeypatch.setattr(waking, "ringer", Ringer())
        with django_capture_on_commit_callbacks(execute=True):
            pause_class("shop.jobs.charge")
            resume_class("shop.jobs.charge")
        assert rung == [{SCHEDULE}]


class TestStats:
    def test_dj37_figures_equal_a_hand_count(self) -> None:
        for state, number in {State.READY: 2, State.SUCCEEDED: 3, State.FAILED: 1, State.RUNNING: 1}.items():
            for _ in range(number):
                job(state)
        job(State.CANCELLED, call=VideoWorker(1))
        job(State.SCHEDULED, call=VideoWorker(1))
        counted = Job.objects.stats()
        rows = list(Job.objects.all())
        by_hand = [
            ClassStats(
                name,
                sum(row.name == name for row in rows),
                sum(row.name == name and row.state in {0, 1, 2} for row in rows),
                sum(row.name == name and row.state == 3 for row in rows),
                sum(row.name == name and row.state == 4 for row in rows),
                sum(row.name == name and row.state == 5 for row in rows),
            )
            for name in sorted({row.name for row in rows})
        ]
        assert counted == by_hand
        assert counted[1] == ClassStats("tests.app.jobs.add", 7, 3, 3, 1, 0)

    def test_dates_bound_what_is_counted(self) -> None:
        job(ago=3 * 86_400)
        job(ago=60)
        since, until = timezone.now() - timedelta(days=2), timezone.now() - timedelta(days=1)
        assert [row.total for row in Job.objects.stats(since)] == [1]
        assert [row.total for row in Job.objects.stats(until=until)] == [1]
        assert Job.objects.stats(since, until) == []

    def test_it_counts_what_a_queryset_shows(self) -> None:
        job(State.FAILED)
        job()
        assert [row.total for row in Job.objects.failed().order_by("-pk").stats()] == [1]
        with pytest.raises(FieldError):
            Job.objects.filter(nothing=1).stats()  # type: ignore[misc]


@pytest.mark.django_db(transaction=True)
def test_what_somebody_keeps_locked_is_left_alone() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows")
    pk = job(State.FAILED).pk
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM jobqueue_job WHERE id = %s FOR UPDATE", [pk])
            assert act_on([pk], Act.RETRY).skipped == {pk: "locked by somebody"}
    finally:
        other.close()
