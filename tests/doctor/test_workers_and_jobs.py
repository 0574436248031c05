"""What the doctor says of pools, queues and jobs, on whatever database the suite runs on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from jobqueue import pause, pause_class
from jobqueue.conf import Settings
from jobqueue.doctor import Level, Site, jobs, queues, workers
from jobqueue.insight import scene
from jobqueue.insight.scene import takes
from jobqueue.models import Job, Pool
from jobqueue.rows import ClaimRequest
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.lanes import Lane, count_ready, read_lanes
from tests.doctor.conftest import one, pool, problems
from tests.processes.harness import wait_until
from tests.stores.shelf import stored


def ready(count: int = 1, *, ago: float = 0, **fields: Any) -> list[int]:
    """Store jobs that have been ready for so many seconds; return their ids."""
    run_at = timezone.now() - timedelta(seconds=ago)
    return [stored(get_store(), run_at=run_at, **fields).pk for _ in range(count)]


def change(ids: Iterable[int], **fields: Any) -> None:
    assert Job.objects.filter(pk__in=ids).update(**fields)


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


class TestWorkers:
    def test_none(self, site: Site) -> None:
        [finding] = workers.workers(site)
        assert (finding.id, finding.level, finding.message) == ("workers.none", Level.ERROR, "none alive")
        assert finding.remedy == "Start one: python manage.py jobworker"

    def test_those_that_live_are_counted(self, site: Site) -> None:
        pool(processes=2, threads=4, release="9c1e")
        pool(processes=1, coroutines=100, threads=2, release="9c1e")
        [finding] = workers.workers(site)
        assert finding.message == "2 pools alive with 108 slots, release 9c1e"

    def test_one_that_is_silent_does_not_live(self, site: Site) -> None:
        pool(name="mailer", beat=31)
        findings = list(workers.workers(site))
        assert problems(findings) == ["workers.none", "workers.silent"]
        assert findings[1].message.endswith(" dead: mailer host:atlas pid:4120 (31 s ago)")

    def test_the_lease_says_how_long_one_may_be_silent(self, db: None) -> None:
        pool(beat=31)
        assert problems(workers.workers(Site(Settings(lease_seconds=60)))) == []

    def test_one_declared_dead_lately(self, site: Site) -> None:
        pool()
        pool(beat=600, alive=False)
        pool(beat=7200, alive=False)
        finding = one(workers.workers(site), "workers.dead")
        assert finding.message == "declared dead, by their last heartbeats: host:atlas pid:4120 (10 min ago)"

    def test_many_are_told_together(self, site: Site) -> None:
        for pid in range(5):
            pool(pid=pid, beat=600, alive=False)
        finding = one(workers.workers(site), "workers.dead")
        assert finding.message.endswith("pid:1 (10 min ago), host:atlas pid:2 (10 min ago) and 2 more")

    def test_quiet_ones(self, site: Site) -> None:
        pool(pid=1, quiet=True)
        assert one(workers.workers(site), "workers.quiet").level is Level.ERROR
        pool(pid=2)
        finding = one(workers.workers(Site(Settings())), "workers.quiet")
        assert (finding.level, finding.message) == (
            Level.WARNING,
            "told to take no new jobs: host:atlas pid:1",
        )

    def test_mixed_releases(self, site: Site) -> None:
        pool(release="4f2a")
        pool(release="9c1e")
        pool(release="9c1e")
        finding = one(workers.workers(site), "workers.releases")
        assert finding.message == "releases at work: 4f2a (1 pool), 9c1e (2 pools); this is none"

    def test_another_release_than_this_code(self, db: None) -> None:
        pool(release="4f2a", started_at=timezone.now() - timedelta(days=30))
        finding = one(workers.workers(Site(Settings(), release="9c1e")), "workers.releases")
        assert re.fullmatch(
            r"host:atlas pid:4120 runs release 4f2a since \d{4}-\d\d-\d\d; the site runs 9c1e", finding.message
        )
        assert finding.remedy == "Restart: python manage.py jobworker restart"
        assert problems(workers.workers(Site(Settings(), release="4f2a"))) == []

    def test_many_pools_of_other_releases(self, db: None) -> None:
        for release in ("1", "1", "2", "", "9c1e"):
            pool(release=release)
        *named, last = [
            each.message
            for each in workers.workers(Site(Settings(), release="9c1e"))
            if each.id == "workers.releases"
        ]
        assert len(named) == 3
        assert last == "releases at work: 1 (2 pools), 2 (1 pool), none (1 pool), 9c1e (1 pool); this is 9c1e"

    def test_a_heartbeat_from_the_future(self, site: Site) -> None:
        pool(beat=-3600)
        finding = one(workers.workers(site), "clock.future")
        assert finding.message.endswith("heartbeats from the future: host:atlas pid:4120 (60 min ahead)")

    def test_a_host_whose_clock_is_wrong(self, site: Site) -> None:
        beat_at = timezone.now()
        pool(beat_at=beat_at, workers=[{"pid": 7, "clock": beat_at.timestamp() - 90, "jobs": []}])
        pool(host="right", beat_at=beat_at, workers=[{"pid": 7, "clock": beat_at.timestamp() + 1, "jobs": []}])
        finding = one(workers.workers(site), "clock.worker")
        assert finding.message == "that of atlas is 90 s behind the database's, by which jobs become due"
        assert finding.remedy == "Set clocks by NTP. On atlas: timedatectl"


class TestQueues:
    def test_nothing_waits(self, site: Site) -> None:
        [finding] = queues.queues(site)
        assert finding.message == "no job waits"

    def test_what_waits_for_a_moment_is_well(self, site: Site) -> None:
        pool()
        ready(ago=3, queue="mail")
        ready(ago=12)
        [finding] = queues.queues(site)
        assert finding.message == "jobs wait in default, mail, the oldest for 12 s"

    def test_a_queue_that_nobody_takes(self, site: Site) -> None:
        pool(queues=["default"])
        ready(12, ago=840, queue="mail")
        [finding] = queues.queues(site)
        assert (finding.id, finding.level) == ("queues.nobody", Level.ERROR)
        assert finding.message == '12 jobs wait in "mail", the oldest for 14 min; living workers take: default'
        assert finding.remedy == "Start one: python manage.py jobworker --queue mail"

    def test_priorities_that_nobody_takes(self, site: Site) -> None:
        pool(queues=["mail"], min_priority=0)
        pool(max_priority=-5, queues=["mail", "video"])
        for priority in (5, 0, -1, -3, -5, -7):
            ready(2, queue="mail", priority=priority)
        [finding] = queues.queues(site)
        assert finding.message.startswith('4 jobs of priority -3, -1 wait in "mail", the oldest for ')
        assert finding.message.endswith("take: mail of priority 0.., mail, video of priority ..-5")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, True),
            ({"queues": ["mail", "video"]}, True),
            ({"queues": ["video"]}, False),
            ({"min_priority": 3, "max_priority": 3}, True),
            ({"min_priority": 4}, False),
            ({"max_priority": 2}, False),
            ({"queues": ["mail"], "max_priority": 2}, False),
        ],
    )
    def test_what_a_pool_takes(self, fields: dict[str, Any], expected: bool) -> None:
        assert takes(Pool(**fields), Lane("mail", 3, timezone.now())) is expected

    @pytest.mark.parametrize("fields", [{"quiet": True}, {"beat": 60}, {"alive": False}])
    def test_a_pool_that_takes_nothing_is_none(self, site: Site, fields: dict[str, Any]) -> None:
        pool(queues=["default"])
        pool(**fields)
        ready(queue="mail")
        assert problems(queues.queues(site)) == ["queues.nobody"]

    def test_without_any_pool_the_workers_are_the_matter(self, site: Site) -> None:
        ready(queue="mail")
        assert problems(queues.queues(site)) == []

    def test_many_queues_are_told_together(self, site: Site) -> None:
        pool(queues=["default"])
        for number in range(7):
            ready(queue=f"q{number}")
        findings = list(queues.queues(site))
        assert len(findings) == 6
        assert findings[-1].message == "no worker takes q5, q6 either"

    def test_workers_that_cannot_keep_up(self, site: Site) -> None:
        pool()
        ready(ago=400, priority=-3)
        ready(ago=4)
        finding = one(queues.queues(site), "queues.old")
        assert finding.message == 'a job of priority -3 in "default" waits for 7 min'

    def test_jobs_that_are_due_and_not_made_ready(self, site: Site) -> None:
        pool()
        change(ready(3), state=State.SCHEDULED, run_at=ago(600))
        finding = one(queues.queues(site), "queues.overdue")
        assert finding.message == "due and not made ready: 3 jobs, the first for 10 min"

    def test_too_many_kinds_are_said_to_be_too_many(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queues, "LANES", 3)
        monkeypatch.setattr(scene, "LANES", 3)
        pool()
        for priority in range(4):
            ready(priority=priority)
        assert problems(queues.queues(site)) == ["queues.many"]

    def test_a_queue_that_rests_is_told_with_who_and_why_and_not_as_nobodys(self, site: Site) -> None:
        pool(queues=["default"])
        ready(queue="mail", ago=600)
        pause("mail", "deploy", by="ana")
        pause("empty")
        found = {each.message: each for each in queues.queues(site)}
        [empty, mail] = found.values()
        assert (empty.id, empty.level, mail.id, mail.level) == (
            "queues.paused",
            Level.HINT,
            "queues.paused",
            Level.WARNING,
        )
        assert mail.message.startswith('"mail" is paused by ana for ')
        assert mail.message.endswith("(deploy); jobs that wait in it: 1 job")
        assert mail.remedy == "Resume it: python manage.py jobs resume mail"

    def test_a_class_that_rests_is_told_and_its_jobs_are_neither_late_nor_nobodys(self, site: Site) -> None:
        pool(queues=["default"])
        [rests] = Job.objects.filter(pk__in=ready(queue="mail", ago=600))
        pause_class(rests.name, "deploy", by="ana")
        pause_class("shop.jobs.other")
        other, mine = queues.queues(site)
        assert (mine.id, mine.level, other.id, other.level) == (
            "queues.resting",
            Level.WARNING,
            "queues.resting",
            Level.HINT,
        )
        assert mine.message.startswith(f'class "{rests.name}" is paused by ana for ')
        assert mine.message.endswith("(deploy); jobs of it wait")
        assert other.message.endswith("no job of it waits")
        assert mine.remedy == f"Resume it: python manage.py jobs resume-class {rests.name}"


class TestLanes:
    def test_each_queue_and_priority_with_its_oldest_job(self, db: None) -> None:
        for queue, priority, seconds in [
            ("b", 0, 5),
            ("a", -1, 3),
            ("b", 7, 2),
            ("b", 0, 9),
            ("a", -1, 4),
            ("c", 1, 1),
        ]:
            ready(queue=queue, priority=priority, ago=seconds)
        lanes = read_lanes("default", 100)
        assert [(lane.queue, lane.priority) for lane in lanes] == [("a", -1), ("b", 7), ("b", 0), ("c", 1)]
        waits = [round((timezone.now() - lane.oldest).total_seconds()) for lane in lanes]
        assert waits == [4, 2, 9, 1]
        assert read_lanes("default", 2) == lanes[:2]

    def test_only_ready_jobs_count(self, db: None) -> None:
        change(ready(), state=State.SUCCEEDED)
        stored(get_store(), run_at=timezone.now() + timedelta(hours=1))
        assert read_lanes("default", 100) == []

    def test_counting_stops_at_the_limit(self, db: None) -> None:
        ready(5, queue="a")
        ready(5, queue="b", priority=2)
        lanes = read_lanes("default", 100)
        assert [count_ready("default", lanes, limit) for limit in (4, 7, 100)] == [4, 7, 10]


class TestJobs:
    def test_nothing_wrong(self, site: Site) -> None:
        ready()
        [finding] = jobs.jobs(site)
        assert finding.level is Level.OK

    def test_failed_ones(self, site: Site) -> None:
        old, *lately = ready(3, name="shop.jobs.VideoWorker")
        change([old], state=State.FAILED, finished_at=ago(90_000))
        change(
            lately, state=State.FAILED, finished_at=ago(600), last_error="FFmpegError: no stream 0:1\n\nTraceback"
        )
        change(ready(1), state=State.SUCCEEDED, finished_at=ago(5))
        finding = one(jobs.jobs(site), "jobs.failed")
        assert finding.message.startswith("2 jobs failed within a day, the latest #")
        assert finding.message.endswith(" shop.jobs.VideoWorker: FFmpegError: no stream 0:1")
        assert "python manage.py jobs retry " in finding.remedy

    @pytest.mark.parametrize("state", [State.SCHEDULED, State.READY])
    def test_blocked_ones(self, site: Site, state: State) -> None:
        first, second = ready(2, name="shop.jobs.SendInvoice")
        change([second], state=state, run_at=ago(-40), blocked_at=ago(60))
        change([first], state=state, run_at=ago(-40), blocked_at=ago(1200))
        finding = one(jobs.jobs(site), "jobs.blocked")
        oldest = f"#{first} shop.jobs.SendInvoice waits for 20 min"
        assert finding.message == f"no worker has the code for 2 jobs; {oldest}, after an hour it fails"

    @pytest.mark.parametrize("fields", [{"alive": False}, {"beat": 60}, None])
    def test_ones_held_by_a_pool_that_does_not_live(self, site: Site, fields: dict[str, Any] | None) -> None:
        holder = pool(**(fields or {}))
        change(ready(2), state=State.RUNNING, pool=holder, claim_id=uuid4())
        if fields is None:
            holder.delete()
        finding = one(jobs.jobs(site), "jobs.orphaned")
        assert finding.message == "held by a pool that does not live: 2 jobs"
        assert finding.remedy == "A new pool takes them back: python manage.py jobworker"

    def test_ones_held_by_a_living_pool_are_well(self, site: Site) -> None:
        ready(2)
        assert len(get_store().claim(ClaimRequest(uuid4(), pool().pk, "host:atlas pid:4121", 10))) == 2
        assert problems(jobs.jobs(site)) == []


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="the tests watch processes through /proc")
class TestRealPools:
    """The same, of a pool that runs."""

    def test_one_that_works_and_one_that_was_stopped_in_its_tracks(self, start_pool: Callable[..., Any]) -> None:
        running = start_pool("--queue", "default")
        wait_until(lambda: Pool.objects.exclude(workers=[]).exists(), about=lambda: running.text)
        ready(queue="mail")
        quick = Settings(lease_seconds=2)
        assert problems([*workers.workers(Site(quick)), *queues.queues(Site(quick))]) == ["queues.nobody"]
        processes = [running.pid, *running.children()]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: problems(workers.workers(Site(quick))) == ["workers.none", "workers.silent"])
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def test_one_told_to_take_nothing(self, start_pool: Callable[..., Any]) -> None:
        running = start_pool()
        wait_until(lambda: Pool.objects.exists(), about=lambda: running.text)
        running.signal(signal.SIGUSR1)
        wait_until(lambda: problems(workers.workers(Site(Settings()))) == ["workers.quiet"])
