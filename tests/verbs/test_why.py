"""Why a job does not run: each reason with its remedy, from what one look has found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from jobqueue import pause, pause_class, resume
from jobqueue.conf import Settings
from jobqueue.insight.looking import why_of
from jobqueue.insight.scene import Scene
from jobqueue.insight.why import Snapshot, why
from jobqueue.models import ClassPause, Job, Pause, Pool
from jobqueue.states import State
from tests.verbs.conftest import job, pool

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
ALIVE = Pool(pk=1, host="atlas", pid=4120, beat_at=NOW)
OF_DEFAULT = Pool(pk=2, host="atlas", pid=4121, queues=["default"], beat_at=NOW)
BEAT = Pool(pk=1, host="atlas", pid=4120, beat_at=NOW, workers=[{"pid": 1, "jobs": [{"id": 7, "seconds": 1}]}])
QUIET = Pool(pk=1, host="atlas", pid=4120, quiet=True, beat_at=NOW)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def row(state: State, **columns: Any) -> Job:
    given: dict[str, Any] = {"pk": 4840, "state": state, "name": "shop.jobs.VideoWorker", "run_at": ago(minutes=3)}
    if state is State.RUNNING:
        given |= {
            "claim_id": uuid4(),
            "pool_id": 1,
            "locked_by": "host:atlas pid:4122",
            "locked_at": ago(minutes=3),
        }
    return Job(**(given | columns))


def look(of: Job | None, *living: Pool, **more: Any) -> Snapshot:
    return Snapshot(4840, NOW, of, living=living, **more)


ERROR = "FFmpegError: no stream 0:1\n\nTraceback"
START = "Start one: python manage.py jobworker"
AGAIN = "Again: python manage.py jobs retry 4840"

REASONS: dict[str, tuple[Snapshot, str, str]] = {
    "scheduled": (
        look(row(State.SCHEDULED, run_at=LATER)),
        "#4840 waits until 2026-12-01 00:00 (run_at).",
        "Run it now: python manage.py jobs run-now 4840",
    ),
    "retrying": (
        look(row(State.SCHEDULED, run_at=NOW + timedelta(seconds=6), attempts=2, last_error=ERROR)),
        "#4840 waits until 2026-11-21 12:00:06, in 6 s, after its try 2 of 25: FFmpegError: no stream 0:1.",
        "Run it now: python manage.py jobs run-now 4840",
    ),
    "blocked": (
        look(row(State.SCHEDULED, run_at=LATER, blocked_at=ago(minutes=5))),
        "#4840 waits for a release that knows shop.jobs.VideoWorker, for 5 min; after an hour it fails.",
        "Deploy it, then: python manage.py jobworker restart",
    ),
    "due": (
        look(row(State.SCHEDULED, run_at=ago(seconds=2)), ALIVE),
        "#4840 is due since 2 s; it is made ready within moments.",
        "",
    ),
    "overdue": (
        look(row(State.SCHEDULED), ALIVE),
        "#4840 is due since 3 min, and no pool has made it ready.",
        "Restart the workers: python manage.py jobworker restart",
    ),
    "paused": (
        look(
            row(State.READY),
            ALIVE,
            pause=Pause(queue="default", reason="noon", paused_by="ana", since=ago(minutes=9)),
        ),
        '#4840 waits: queue "default" is paused by ana for 9 min (noon).',
        "Resume it: python manage.py jobs resume default",
    ),
    "no worker": (look(row(State.READY)), "#4840 waits: no worker is running.", START),
    "no worker for its queue": (
        look(row(State.READY, queue="mail"), OF_DEFAULT),
        '#4840 waits: no worker listens to queue "mail"; live workers take: default.',
        f"{START} --queue mail",
    ),
    "no worker for its priority": (
        look(row(State.READY, priority=-5), Pool(pk=1, min_priority=0, beat_at=NOW)),
        '#4840 waits: no worker of queue "default" takes priority -5.',
        f"{START} --queue default",
    ),
    "quiet": (
        look(row(State.READY), QUIET),
        "#4840 waits: the workers of its queue were told to take no new jobs.",
        "Let them go on: python manage.py jobs resume-worker atlas:4120",
    ),
    "behind": (
        look(row(State.READY), ALIVE, ahead=1204),
        '#4840 waits behind 1,204 jobs in queue "default".',
        "More workers: python manage.py jobworker -n 4 --queue default",
    ),
    "next": (
        look(row(State.READY), ALIVE),
        '#4840 is the next in queue "default": the first worker that is free takes it.',
        "",
    ),
    "running": (
        look(row(State.RUNNING, pk=7), BEAT),
        "#7 runs for 3 min by host:atlas pid:4122.",
        "Watch it: python manage.py jobs watch 7",
    ),
    "claimed": (
        look(row(State.RUNNING), BEAT),
        "#4840 is claimed for 3 min by host:atlas pid:4122, and was not begun at its last heartbeat.",
        "",
    ),
    "cancelling": (
        look(row(State.RUNNING), BEAT, cancelling=ago(seconds=5)),
        "#4840 runs for 3 min by host:atlas pid:4122; it was asked to end 5 s ago.",
        "",
    ),
    "orphaned": (
        look(row(State.RUNNING)),
        "#4840 is held for 3 min by host:atlas pid:4122, which does not live.",
        "A new pool takes it back: python manage.py jobworker",
    ),
    "succeeded": (
        look(row(State.SUCCEEDED, started_at=ago(seconds=12), finished_at=ago(seconds=10))),
        "#4840 succeeded 10 s ago; it took 2 s.",
        "",
    ),
    "failed": (
        look(row(State.FAILED, attempts=25, finished_at=ago(minutes=2), last_error=ERROR)),
        "#4840 failed 2 min ago, all 25 tries used: FFmpegError: no stream 0:1.",
        AGAIN,
    ),
    "cancelled": (look(row(State.CANCELLED, finished_at=ago(hours=3))), "#4840 was cancelled 3 h ago.", AGAIN),
    "gone": (
        look(None, newest=5000, kept=0.0),
        "There is no job #4840: it was rolled back, or it has ended and was deleted (KEEP_SUCCEEDED is 0).",
        "",
    ),
}


@pytest.mark.parametrize("kind", REASONS)
def test_each_reason_has_its_sentence_and_its_remedy(kind: str) -> None:
    found, sentence, remedy = REASONS[kind]
    reason = why(found)
    assert (reason.kind, reason.sentence, reason.remedy) == (kind, sentence, remedy)


def test_other_ways_to_fail_are_told_apart() -> None:
    once = row(State.FAILED, attempts=1, max_attempts=1, finished_at=NOW)
    early = row(State.FAILED, attempts=3, finished_at=NOW)
    assert "its only try used" in why(look(once)).sentence
    assert "at its try 3 of 25, for good" in why(look(early)).sentence


def test_an_id_that_was_never_given_out_may_be_of_an_open_transaction() -> None:
    assert why(look(None, newest=12)).sentence == (
        "There is no job #4840: the largest id is 12. The transaction that stores it may still be open."
    )


def test_a_job_claimed_after_the_latest_heartbeat_may_well_run() -> None:
    assert why(look(row(State.RUNNING, locked_at=NOW + timedelta(seconds=1)), BEAT)).kind == "running"


def test_a_class_that_rests_says_so() -> None:
    resting = ClassPause(name="shop.jobs.VideoWorker", reason="noon", paused_by="ana", since=ago(minutes=9))
    assert str(why(look(row(State.READY), ALIVE, pause=resting))) == (
        '#4840 waits: class "shop.jobs.VideoWorker" is paused by ana for 9 min (noon). '
        "Resume it: python manage.py jobs resume-class shop.jobs.VideoWorker"
    )


@pytest.mark.django_db
class TestTheLook:
    def kind(self, of: Job) -> str:
        return why_of(of.pk, Scene(Settings())).kind

    def test_it_finds_what_the_reasons_need(self) -> None:
        ready = job()
        assert self.kind(ready) == "no worker"
        pool(queues=["default"])
        assert self.kind(ready) == "next"
        assert self.kind(job(queue="mail")) == "no worker for its queue"
        assert self.kind(job(State.RUNNING)) == "claimed"
        pause("default")
        assert self.kind(ready) == "paused"
        resume("default")
        pause_class(ready.name)
        assert self.kind(ready) == "paused"
        assert why_of(4711, Scene(Settings())).kind == "gone"

    def test_a_dead_or_silent_pool_is_no_worker(self) -> None:
        pool(alive=False)
        pool(pk=2, beat_at=timezone.now() - timedelta(minutes=5))
        assert self.kind(job()) == "no worker"

    def test_it_counts_who_comes_first(self) -> None:
        pool()
        moment = timezone.now() - timedelta(minutes=1)
        first = [job(priority=5), job(run_at=moment - timedelta(seconds=1)), job(run_at=moment)]
        mine = job(run_at=moment)
        job(run_at=moment)
        job(priority=-1)
        job(queue="mail", priority=9)
        assert f"behind {len(first)} jobs" in why_of(mine.pk, Scene(Settings())).sentence
        assert self.kind(first[0]) == "next"
