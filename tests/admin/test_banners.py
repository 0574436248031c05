"""What is wrong with the site as a whole, in sentences with what to type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.conf import get_settings
from jobqueue.insight.scene import Scene
from jobqueue.insight.warnings import Warn, warnings
from jobqueue.models import ClassPause, Job, Pause, Pool
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.app.jobs import add

URL = "/admin/jobqueue/dashboard/"


@pytest.fixture
def found(db: None, settings: Any) -> Callable[..., list[Warn]]:
    """Look, with some settings."""

    def found(**more: Any) -> list[Warn]:
        settings.JOBQUEUE = {"RELEASE": "9c1e", **more}
        return warnings(Scene(get_settings()))

    return found


def pool(**more: Any) -> Pool:
    return Pool.objects.create(**{"host": "atlas", "pid": 4120, "release": "9c1e", **more})


def put(queue: str, number: int = 1, **more: Any) -> None:
    for _ in range(number):
        enqueue(add.bind(1, 2), queue=queue, **more)


def test_where_all_is_well_there_is_none(found: Callable[..., list[Warn]]) -> None:
    pool()
    put("mail")
    assert found() == []


@pytest.mark.parametrize(("skew", "told"), [(3600, "3,600 s ahead of"), (-42, "42 s behind")])
def test_a_host_whose_clock_is_wrong(found: Callable[..., list[Warn]], skew: float, told: str) -> None:
    now = timezone.now()
    for number in range(2):
        pool(pid=number + 1, beat_at=now, workers=[{"pid": 7, "clock": now.timestamp() + skew, "jobs": []}])
    pool(host="right", beat_at=now, workers=[{"pid": 7, "clock": now.timestamp() + 4, "jobs": []}])
    pool(host="older", beat_at=now, workers=[{"pid": 7, "jobs": []}])
    [warn] = found()
    assert (warn.kind, warn.level, warn.command) == ("clock", "warning", "timedatectl")
    assert f"The clock of atlas is {told}" in warn.sentence


def test_where_jobs_are_performed_at_once_nobody_need_work(found: Callable[..., list[Warn]]) -> None:
    put("mail", run_at=timezone.now() + timedelta(hours=1))
    assert [each.kind for each in found(MODE="inline")] == ["inline"]
    Job.objects.update(state=State.READY, run_at=timezone.now())
    assert [each.kind for each in found(MODE="inline")] == ["no worker", "inline"]


def test_no_worker(found: Callable[..., list[Warn]]) -> None:
    [warn] = found()
    assert (warn.level, warn.sentence) == ("warning", "No worker is running.")
    put("mail", 2)
    pool(alive=False)
    [warn] = found()
    assert warn == Warn(
        "no worker", "danger", "2 jobs wait, and no worker is running.", "Start one", "python manage.py jobworker"
    )


def test_a_silent_worker_is_none(found: Callable[..., list[Warn]]) -> None:
    pool(beat_at=timezone.now() - timedelta(hours=1))
    assert [warn.kind for warn in found()] == ["no worker"]


def test_a_queue_that_nobody_takes(found: Callable[..., list[Warn]]) -> None:
    pool(queues=["default", "reports"])
    put("mail")
    [warn] = found()
    assert warn.level == "danger"
    assert (
        warn.sentence
        == '1 job waits in queue "mail", and no worker takes it; live workers take: default, reports.'
    )
    assert warn.command == "python manage.py jobworker --queue mail"


def test_a_priority_that_nobody_takes(found: Callable[..., list[Warn]]) -> None:
    pool(min_priority=0)
    put("mail", priority=-5)
    [warn] = found()
    assert warn.sentence == 'Jobs of priority -5 wait in queue "mail", and no worker takes that priority.'


def test_workers_that_take_no_jobs(found: Callable[..., list[Warn]]) -> None:
    pool(quiet=True)
    put("mail")
    assert "1 job waits, and all workers were told to take none." in [warn.sentence for warn in found()]


def test_a_paused_queue_in_which_jobs_wait(found: Callable[..., list[Warn]]) -> None:
    pool()
    Pause.objects.create(queue="mail", paused_by="ana", reason="printer is on fire")
    assert found() == []
    put("mail")
    [warn] = found()
    assert warn.sentence.startswith('1 job waits in queue "mail", which is paused by ana since ')
    assert warn.sentence.endswith(" (printer is on fire).")
    assert warn.command == "python manage.py jobs resume mail"


def test_a_paused_class(found: Callable[..., list[Warn]]) -> None:
    pool()
    ClassPause.objects.create(name="shop.jobs.charge_card", paused_by="ana")
    [warn] = found()
    assert warn.sentence.startswith("shop.jobs.charge_card is paused by ana since ")


def test_a_job_that_waits_for_long(found: Callable[..., list[Warn]]) -> None:
    pool()
    put("mail", 2)
    Job.objects.filter(pk=Job.objects.latest("pk").pk).update(run_at=timezone.now() - timedelta(minutes=14))
    [warn] = found()
    assert warn.sentence.replace("\N{NO-BREAK SPACE}", " ") == (
        'The oldest of 2 due jobs in queue "mail" has waited for 14 minutes.'
    )
    assert found(ALERT_AFTER=3600) == []


def test_workers_of_another_release(found: Callable[..., list[Warn]]) -> None:
    pool(release="4f2a")
    pool(release="")
    sentences = [warn.sentence for warn in found()]
    assert sentences[0].startswith("host:atlas pid:4120 runs release 4f2a since ")
    assert sentences[0].endswith("; the site runs 9c1e.")
    assert "runs no known release since " in sentences[1]


def test_workers_of_different_releases(found: Callable[..., list[Warn]], settings: Any) -> None:
    settings.BASE_DIR = "/nowhere"
    pool(release="4f2a")
    pool(release="9c1e")
    [warn] = found(RELEASE="")
    assert warn.sentence == "Workers run different releases: 4f2a, 9c1e."


@pytest.mark.parametrize("name", ["KEEP_SUCCEEDED", "DESTROY_FAILED_JOBS"])
def test_settings_by_which_lists_stay_empty(found: Callable[..., list[Warn]], name: str) -> None:
    pool()
    [warn] = found(**{name: 0 if name == "KEEP_SUCCEEDED" else True})
    assert warn.level == "info"
    assert name in warn.sentence


def test_of_many_queues_a_few_are_named(found: Callable[..., list[Warn]]) -> None:
    pool(queues=["default"])
    for number in range(7):
        put(f"queue-{number}")
    sentences = [warn.sentence for warn in found()]
    assert len(sentences) == 5
    assert sentences[-1] == "3 more queues are in trouble."


def test_the_worst_comes_first(found: Callable[..., list[Warn]]) -> None:
    pool(queues=["default"], release="4f2a")
    put("mail")
    assert [warn.level for warn in found(KEEP_SUCCEEDED=0)] == ["danger", "warning", "info"]


def test_they_stand_on_the_page_escaped_with_what_to_copy(sign_in: SignIn) -> None:
    pool(host="<svg onload=alert(1)>", release="<b>", queues=["default"])
    put("mail")
    page = sign_in("view_dashboard").get(URL, {"part": "banners"}).content.decode()
    assert "&lt;svg onload=alert(1)&gt;" in page
    assert "<svg onload" not in page
    assert 'data-copy="python manage.py jobworker --queue mail"' in page


def test_other_pages_tell_the_worst(sign_in: SignIn, settings: Any) -> None:
    settings.JOBQUEUE = {"RELEASE": "9c1e"}
    pool(queues=["default"])
    for number in range(4):
        put(f"queue-{number}")
    page = sign_in("view_job").get("/admin/jobqueue/job/").content.decode()
    assert page.count("and no worker takes it") == 2
    assert "2 more warnings on the dashboard." in page


def test_every_page_can_tell_them(sign_in: SignIn) -> None:
    page = sign_in("view_queue").get("/admin/jobqueue/queue/", {"part": "banners"}).content.decode()
    assert "No worker is running." in page


@pytest.mark.django_db(transaction=True)
def test_where_the_tables_are_missing_the_page_says_what_to_type(sign_in: SignIn) -> None:
    client = sign_in("view_dashboard")
    call_command("migrate", "jobqueue", "zero", verbosity=0)
    try:
        page = client.get(URL).content.decode()
    finally:
        call_command("migrate", "jobqueue", verbosity=0)
    assert "The table jobqueue_job is missing in database &quot;default&quot;." in page
    assert "Run: python manage.py migrate jobqueue" in page
    assert "jobqueue_job" in connection.introspection.table_names()
