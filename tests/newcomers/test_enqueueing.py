"""Mistakes where a job is stored: what the call raises, and what is said by the way."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from jobqueue import Performable, delay, enqueue, job, models, send_later
from jobqueue.hints import Lookout
from jobqueue.states import State
from jobqueue.stores import get_store
from tests.app.jobs import add, fetch, import_rows, send_receipt
from tests.app.models import Document, Video
from tests.newcomers.conftest import Newcomer

Refusal = Callable[[Callable[[], object]], str]

STORABLE = (
    "Storable: None, bool, int, float, str, list, dict, tuple, set, bytes, date and time types, Decimal, UUID, Enum, "
    "dataclasses, saved models."
)
NO_WORKER = "stored but no worker is running. In another terminal: python manage.py jobworker"

pytestmark = pytest.mark.django_db


def test_03_no_worker_runs(project: Newcomer) -> None:
    said = project.said(
        "from shop.jobs import send_receipt\nfrom django.db import transaction\n"
        "with transaction.atomic():\n    send_receipt.enqueue(1)\n    print('not yet')\n"
        "print('now')\nsend_receipt.enqueue(2)"
    )
    assert said.splitlines() == ["not yet", f"Job #1 shop.jobs.send_receipt is {NO_WORKER}", "now"]


def test_03_many_jobs_and_no_worker(project: Newcomer) -> None:
    said = project.said(
        "from shop.jobs import send_receipt\nfrom jobqueue import enqueue_many\n"
        "enqueue_many(send_receipt.bind(n) for n in range(1204))"
    )
    assert said == f"1,204 jobs are {NO_WORKER}"


@pytest.mark.parametrize(
    ("debug", "beat"),
    [(False, None), (True, timedelta()), (True, timedelta(minutes=5))],
    ids=["not in production", "not with a worker", "a dead worker is none"],
)
@pytest.mark.django_db(transaction=True)
def test_03_it_is_said_when_it_is_true(
    debug: bool,
    beat: timedelta | None,
    caplog: pytest.LogCaptureFixture,
    django_assert_num_queries: Any,
) -> None:
    store, lookout = get_store(), Lookout()
    if beat is not None:
        models.Pool.objects.create(host="atlas", pid=1, beat_at=store.now() - beat)
    with override_settings(DEBUG=debug), caplog.at_level(logging.WARNING, "jobqueue.job"):
        lookout.stored_many(store, [1])
        with django_assert_num_queries(0):
            lookout.stored_many(store, [2])
    assert caplog.messages == ([f"Job #1 is {NO_WORKER}"] if beat else [])


def test_05_a_queue_is_misspelt(refusal: Refusal) -> None:
    with override_settings(JOBQUEUE={"QUEUES": ["default", "mail"]}):
        said = refusal(lambda: add.using(queue="mial").enqueue(1))
    assert said == 'Unknown queue "mial". Declared: default, mail. Did you mean "mail"?'


def test_06_a_model_is_not_saved(refusal: Refusal) -> None:
    said = refusal(lambda: send_receipt.enqueue(Video()))
    advice = "The worker loads it by primary key, so call order.save() first."
    assert said == f'send_receipt: argument "order" is an unsaved Video. {advice}'
    assert refusal(lambda: delay(Video()).encode()).endswith(
        "is an unsaved Video. The worker loads it by primary key, so call its save() first."
    )


def test_07_a_value_cannot_be_stored(refusal: Refusal) -> None:
    with open(os.devnull, "rb") as file:
        said = refusal(lambda: import_rows.enqueue([1, 2, 3, {"file": file}]))
    what = 'import_rows: rows[3]["file"] is a BufferedReader and cannot be stored.'
    assert said == f"{what} Pass a path or an id. {STORABLE}"


def test_08_too_much_data(refusal: Refusal) -> None:
    said = refusal(lambda: import_rows.enqueue("x" * 4_400_000))
    advice = "Store the data and pass its id."
    assert said == f"Arguments of tests.app.jobs.import_rows are 4.2 MB; the limit is 64.0 kB. {advice}"


def test_09_a_lambda_or_a_function_inside_another(refusal: Refusal) -> None:
    @job
    def inner() -> None: ...

    for made, name in ((lambda: enqueue(lambda: 1), "<lambda>"), (inner.enqueue, "inner")):
        said = refusal(made)
        assert said.startswith(f"{name} at tests/newcomers/test_enqueueing.py:")
        assert said.endswith(
            " cannot be found by a worker, which imports jobs by name. "
            "Move it to module level, for example tests/jobs.py."
        )


def test_10_a_job_of_a_script_or_of_the_shell(project: Newcomer) -> None:
    define = "from jobqueue import job\n@job\ndef hello(): ...\n"
    define += "try:\n    hello.enqueue()\nexcept Exception as error:\n    print(error)"
    advice = "the worker cannot import it. Put it in an app's jobs.py."
    assert project.said(define) == f"hello is defined in the shell; {advice}"
    setup = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'\ndjango.setup()\n"
    project.write("script.py", setup + define)
    assert project.run("python", "script.py").strip() == f"hello is defined in __main__; {advice}"


class Idle(Performable):
    """Has nothing to do."""


def test_11_no_perform_and_an_unknown_method(refusal: Refusal) -> None:
    assert refusal(Idle.enqueue) == 'Idle has no method "perform".'
    said = 'Video has no method "encod". Did you mean "encode"?'
    video = Video.objects.create()
    assert refusal(lambda: send_later(video, "encod")) == said
    assert refusal(lambda: delay(video).encod()) == said


def test_15_enqueueing_inside_a_transaction_is_safe(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "jobqueue.job"), transaction.atomic():
        stored = add.enqueue(1)
    [line] = caplog.messages
    assert line == f'stored #{stored.pk} tests.app.jobs.add  queue=default visible="at commit"'


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_15_with_jobs_in_another_database(refusal: Refusal) -> None:
    with override_settings(JOBQUEUE={"DATABASE": "other"}):
        with transaction.atomic():
            stored = add.enqueue(1)
            said = refusal(lambda: stored.id)
        assert stored.state == State.READY
    assert said == 'Job not stored yet: the transaction on "default" is still open.'


def test_23_a_time_without_a_zone_and_one_that_is_over(refusal: Refusal) -> None:
    said = refusal(lambda: add.using(run_at=datetime(2026, 11, 22, 9)).enqueue(1))
    assert said == "run_at 2026-11-22 09:00 has no time zone. Use timezone.now() + timedelta(hours=2)."
    assert add.using(run_at=timezone.now() - timedelta(days=1)).enqueue(1).state == State.READY


@override_settings(JOBQUEUE={"STRICT": True})
def test_28_a_call_instead_of_an_enqueue() -> None:
    with pytest.warns(RuntimeWarning) as caught:
        assert add(1, 2) == 3
    assert str(caught[0].message) == "add(…) runs now, in this process. For a worker: add.enqueue(…)"
    assert caught[0].filename == __file__


def test_28_only_with_strict() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert add(1, 2) == 3


@override_settings(JOBQUEUE={"STRICT": True})
@pytest.mark.django_db(transaction=True)
def test_28_a_worker_calls_without_a_warning() -> None:
    add.enqueue(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_command("jobworker", "work_off", verbosity=0)
    assert models.Job.objects.get().state == State.SUCCEEDED


def test_28_a_forgotten_await(project: Newcomer) -> None:
    said = project.said(
        "import asyncio\nfrom shop.jobs import send_receipt\n"
        "async def view():\n    send_receipt.aenqueue(1)\nasyncio.run(view())"
    )
    assert "RuntimeWarning: coroutine 'JobFunction.aenqueue' was never awaited" in said


@pytest.mark.parametrize("name", ["delay", "apply_async", "perform_later", "send"])
def test_habits_from_elsewhere_are_met(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(fetch, name)
    said = f"<job tests.app.jobs.fetch> has no attribute {name!r}. To have a worker run it: fetch.enqueue(…)"
    assert str(caught.value) == said
    assert not hasattr(fetch, "anything")


def test_the_result_of_a_call_is_no_job(refusal: Refusal) -> None:
    assert refusal(lambda: enqueue(None)).startswith("None is no job. Did the call run here? Hand over the job: ")
    assert (
        refusal(lambda: enqueue(Document)) == "Document is a class. Hand over an instance: enqueue(Document(…))."
    )


def test_an_option_stands_among_the_arguments(refusal: Refusal) -> None:
    told = refusal(lambda: send_receipt.enqueue(1, run_at=timedelta(1), queue="mail"))  # type: ignore[call-arg]
    assert told.endswith(" Options go before: send_receipt.using(run_at=…, queue=…).enqueue(…)")


def test_an_option_has_no_name(refusal: Refusal) -> None:
    told = "@job is given options by name, as @job(queue='mail'). It has no other arguments."
    assert refusal(lambda: job("mail")) == told  # type: ignore[call-overload]


def test_a_method_is_handed_over_instead_of_its_name(refusal: Refusal) -> None:
    video = Video.objects.create()
    told = 'A method is named by a text, so that it can be stored: "encode" instead of Video.encode.'
    assert refusal(lambda: send_later(video, Video.encode)) == told  # type: ignore[arg-type]


def test_storing_by_hand_says_once_that_no_worker_runs(project: Newcomer) -> None:
    call = "call_command('jobs', 'enqueue', 'send_receipt', '[1]')"
    said = project.said(f"from django.core.management import call_command\n{call}")
    assert said.count("o worker is running") == 1
