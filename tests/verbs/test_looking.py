"""The verbs that look: what they show to people, and to programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from jobqueue import enqueue, pause, pause_class
from jobqueue.insight import figures
from jobqueue.models import Attempt, Job, Report, Rollup
from jobqueue.models.rollup import minute_of
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.planting import attempt, rollup
from tests.app import secretive
from tests.app.jobs import VideoWorker
from tests.verbs.conftest import Said, job, pool

pytestmark = pytest.mark.django_db

Jobs = Callable[..., Said]

#: What must not reach a terminal.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\nforged"

READING = [
    ("status",), ("stats",), ("list",), ("list", "state:failed"), ("queues",), ("workers",), ("check",),
    ("classes",), ("failures",),
    ("show", "ID"), ("why", "ID"), ("watch", "ID", "--timeout", "0"),
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_each_says_one_object_for_programs(jobs: Jobs, words: tuple[str, ...]) -> None:
    job(State.READY)
    failed = job(State.FAILED)
    said = jobs(*(str(failed.pk) if word == "ID" else word for word in words), "--json")
    assert isinstance(said.json, dict)
    assert said.out.count("\n") == 1
    assert "\x1b" not in said.out


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_no_line_is_longer_than_80_columns(jobs: Jobs, words: tuple[str, ...]) -> None:
    pool(
        name="a-pool-with-a-name", host="a-host-with-a-long-name.example", release="f" * 40, queues=["x" * 64] * 3
    )
    for state in State:
        job(state, queue="q" * 64, name=f"shop.{'VeryLong' * 20}.encode_the_video")
    long = "A sentence that goes on and on. " * 20
    failed = job(State.FAILED, call=secretive.take.bind(["text " * 100]), last_error=f"ValueError: {long}")
    Attempt.objects.create(
        job=failed, number=1, outcome="failed", worker="w" * 200, ended_at=timezone.now(), stored_error=long
    )
    pause("p" * 64, long[:200], by="somebody")
    said = jobs(*(str(failed.pk) if word == "ID" else word for word in words))
    told = said.out.partition("Last error")[0] if words[0] == "show" else said.out
    if words[0] in {"why", "watch", "check"}:
        return  # one sentence
    copied = ("Resume: ", "Start one: ", "  Resume: ", "  Start one: ")
    assert [line for line in told.splitlines() if len(line) > 80 and not line.startswith(copied)] == []


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_text_from_the_database_steers_no_terminal(jobs: Jobs, words: tuple[str, ...]) -> None:
    pool(name=HOSTILE, host=HOSTILE, release=HOSTILE, queues=[HOSTILE])
    pool(pk=2, name=HOSTILE, alive=False)
    for state in (State.READY, State.RUNNING):
        job(state, queue=HOSTILE[:10])
    Job.objects.filter(state=State.RUNNING).update(locked_by=HOSTILE, pool_id=1)
    failed = job(
        State.FAILED, name=HOSTILE, last_error=f"{HOSTILE}\n\n{HOSTILE}", key=HOSTILE, stored_result=f'"{HOSTILE}"'
    )
    Report.objects.create(job=failed, done=1, stored_text=HOSTILE, stored_log=HOSTILE)
    Attempt.objects.create(
        job=failed, number=1, outcome="failed", worker=HOSTILE, ended_at=timezone.now(), stored_error=HOSTILE
    )
    attempt(failed, exception=HOSTILE, worker=HOSTILE)
    rollup(name=HOSTILE, queue=HOSTILE, succeeded=1, failed=1)
    pause("mail", HOSTILE.replace("\0", ""), by=HOSTILE)
    said = jobs(
        *(str(failed.pk) if word == "ID" else word for word in words), "--all" if words[0] == "list" else "-v1"
    )
    for char in "\x1b\x07":
        assert char not in said.out + said.err
    assert "\nforged" not in said.out + said.err


class TestStatus:
    def test_one_screen(self, jobs: Jobs) -> None:
        pool(queues=["default"], processes=2)
        for _ in range(3):
            job(State.READY, ago=200)
        job(State.READY, queue="mail", run_at=timezone.now() - timedelta(minutes=14))
        job(State.RUNNING)
        job(State.SCHEDULED)
        job(State.SCHEDULED, attempts=3)
        job(State.FAILED)
        Rollup.objects.create(minute=minute_of(timezone.now()), queue="default", name="a", run_11=1)
        said = jobs("status")
        assert said.out.splitlines()[:2] == [
            "Waiting 4   running 1   scheduled 1   retrying 1   failed 1 (24 h)",
            "oldest 14 min   workers 2",
        ]
        rows = [line.split() for line in said.out.splitlines()[2:5]]
        assert rows[0] == ["queue", "waiting", "running", "oldest", "p95", "run", "workers"]
        assert rows[1] == ["mail", "1", "0", "14", "min", "-", "0"]
        assert [rows[2][0], rows[2][1], *rows[2][-3:]] == ["default", "3", "2", "s", "2"]
        assert (
            "! mail: no worker listens to it.\n  Start one: python manage.py jobworker --queue mail\n" in said.out
        )

    def test_a_paused_queue_says_by_whom_and_is_not_the_oldest(self, jobs: Jobs) -> None:
        job(State.READY)
        pause("default", "deploy", by="ana")
        said = jobs("status")
        assert "nothing waits" in said.out
        assert "! default: paused by ana for " in said.out
        assert "Resume: python manage.py jobs resume default" in said.out

    def test_a_paused_class_says_by_whom_and_is_not_the_oldest(self, jobs: Jobs) -> None:
        rests = job(State.READY, run_at=timezone.now() - timedelta(minutes=10))
        pause_class(rests.name, "deploy", by="ana")
        said = jobs("status")
        assert "waiting 1 " in said.out.lower()
        assert "nothing waits" in said.out
        assert f"! class {rests.name}: paused by ana for " in said.out
        assert f"Resume: python manage.py jobs resume-class {rests.name}" in said.out
        told = jobs("status", "--json").json
        assert told["paused_classes"][rests.name]["reason"] == "deploy"
        assert [(each["waiting"], each["oldest_seconds"]) for each in told["queues"]] == [(1, None)]
        assert jobs("check").out == "No job waits.\n"
        job(State.READY, run_at=timezone.now() - timedelta(seconds=20), name="shop.jobs.other")
        assert "oldest 20 s" in jobs("status").out
        said = jobs("queues")
        assert f"class {rests.name}: paused by ana for " in said.out
        assert rests.name in jobs("queues", "--json").json["paused_classes"]

    def test_counting_has_an_end(self, jobs: Jobs, monkeypatch: Any) -> None:
        monkeypatch.setattr(figures, "MANY", 2)
        for state in (State.READY, State.RUNNING, State.SCHEDULED, State.FAILED):
            for _ in range(3):
                job(state)
        said = jobs("status")
        assert said.out.startswith("Waiting 2+   running 2+   scheduled 2+   retrying 0+   failed 2+ (24 h)")
        assert jobs("status", "--json").json["more_than_counted"] == [
            "failed", "retrying", "running", "scheduled", "waiting",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("condition", "status"),
        [
            ("waiting>1", 3),
            ("waiting>2", 0),
            ("age>5m", 3),
            ("age>1h,workers<1", 3),
            ("age>1h", 0),
            ("failed>=0", 3),
        ],
    )
    def test_conditions_decide_the_exit_status(self, jobs: Jobs, condition: str, status: int) -> None:
        for _ in range(2):
            job(State.READY, run_at=timezone.now() - timedelta(minutes=10))
        said = jobs("status", "--fail-if", condition)
        assert said.status == status
        assert (" holds: it is " in said.err) is bool(status)

    @pytest.mark.parametrize("condition", ["wating>1", "waiting", "waiting>x", "age>x", "waiting>1.5"])
    def test_a_condition_that_is_none_is_wrong_usage(self, jobs: Jobs, condition: str) -> None:
        with pytest.raises(CommandError, match="--fail-if") as caught:
            jobs("status", "--fail-if", condition)
        assert caught.value.returncode == 2

    def test_a_pool_that_is_asked_to_rest_still_counts(self, jobs: Jobs) -> None:
        pool(quiet=True, processes=3)
        assert jobs("status", "--json").json["workers"] == 3


class TestList:
    def test_the_newest_first_each_on_a_line(self, jobs: Jobs) -> None:
        one, two = job(State.FAILED, call=VideoWorker(23), ago=120), job(State.SCHEDULED)
        lines = jobs("list").out.splitlines()
        assert lines[1].split() == [
            f"#{two.pk}", "scheduled", "add", "default", "0/25", "in", "24", "h", "left=1", "right=2",
        ]  # fmt: skip
        assert lines[2].split()[:9] == [
            f"#{one.pk}", "failed", "VideoWorker", "video", "1/5", "2", "min", "ago", "ValueError:",
        ]  # fmt: skip

    def test_sensitive_arguments_are_hidden(self, jobs: Jobs) -> None:
        stored = secretive.log_in.enqueue("w", "s3cret")
        for words in (("list",), ("list", "--json"), ("show", stored.pk), ("show", stored.pk, "--json")):
            said = jobs(*words)
            assert "s3cret" not in said.out
            assert "****" in said.out

    def test_what_a_search_means_and_no_more_than_the_limit(self, jobs: Jobs) -> None:
        ids = [job(State.FAILED).pk for _ in range(3)]
        job(State.READY)
        said = jobs("list", "state:failed", "--limit", 2)
        assert [line.split()[0] for line in said.out.splitlines()[1:]] == [f"#{ids[2]}", f"#{ids[1]}"]
        assert said.err == "There are more: --limit 20\n"
        assert jobs("list", "state:failed", "queue:mail").out == "No such job.\n"
        assert [each["id"] for each in jobs("list", f"#{ids[0]}", ids[1], "--json").json["jobs"]] == [
            ids[1],
            ids[0],
        ]

    def test_what_the_shell_has_taken_off_is_put_back(self, jobs: Jobs) -> None:
        job(State.FAILED)
        job(State.FAILED, last_error="KeyError: stream, but no such")
        for words in (["error:no stream"], ['error:"no stream"'], ["state:failed", "no stream 0"]):
            assert len(jobs("list", *words, "--json").json["jobs"]) == 1, words

    def test_a_mistake_is_pointed_at(self, jobs: Jobs) -> None:
        with pytest.raises(CommandError) as caught:
            jobs("list", "state:failed", "kueue:mail")
        assert str(caught.value).splitlines()[1:] == ["  state:failed kueue:mail", "               ^"]
        assert caught.value.returncode == 2

    def test_a_row_that_nobody_can_read_is_shown_with_the_reason(self, jobs: Jobs) -> None:
        job(handler="{}")
        assert "(The handler is not signed" in jobs("list").out or "(The handler" in jobs("list").out


class TestShow:
    def test_all_that_is_known(self, jobs: Jobs) -> None:
        stored = job(State.FAILED, call=VideoWorker(23), key="inv-7", stored_result='{"seconds": 3}')
        moment = timezone.now()
        for number in (1, 2):
            Attempt.objects.create(
                job=stored, number=number, outcome="failed", worker="host:atlas pid:1",
                started_at=moment - timedelta(seconds=3), ended_at=moment, stored_error=f"OSError: try {number}",
            )  # fmt: skip
        Report.objects.create(
            job=stored, done=312, total=500, stored_text="frame 312/500", stored_log="one\ntwo\n"
        )
        out = jobs("show", stored.pk).out
        for wanted in (
            f"#{stored.pk} tests.app.jobs.VideoWorker  failed",
            f"Again: python manage.py jobs retry {stored.pk}",
            "queue       video, priority 0",
            "tries       1/5",
            "key         inv-7",
            "arguments   video_id=23",
            'result      {"seconds": 3}',
            "progress    62 % frame 312/500",
            "Log\n  one\n  two\n",
            "Last error\n  ValueError: no stream 0:1\n",
        ):
            assert wanted in out
        assert [line.split()[0] for line in out.splitlines() if "OSError: try" in line] == ["1", "2"]
        told = jobs("show", stored.pk, "--json").json
        assert [each["error"] for each in told["tries"]] == ["OSError: try 1", "OSError: try 2"]
        assert (told["result"], told["report"]["total"], told["why"]["why"]) == ({"seconds": 3}, 500, "failed")

    @pytest.mark.parametrize("word", ["x", "", "-1", "1.5", "9" * 30, "²"])
    def test_what_is_no_id_is_wrong_usage(self, jobs: Jobs, word: str) -> None:
        with pytest.raises(CommandError) as caught:
            jobs("show", "--", word)
        assert caught.value.returncode == 2

    def test_a_job_that_is_not_there_says_why(self, jobs: Jobs) -> None:
        with pytest.raises(CommandError, match="There is no job #4711") as caught:
            jobs("show", 4711)
        assert caught.value.returncode == 1


class TestWatch:
    def test_until_it_has_ended(self, jobs: Jobs) -> None:
        done, failed = job(State.SUCCEEDED), job(State.FAILED)
        assert jobs("watch", done.pk).status == 0
        assert jobs("watch", failed.pk).status == 3

    def test_it_says_why_it_waits_and_gives_up_in_time(self, jobs: Jobs) -> None:
        stored = job(State.READY)
        said = jobs("watch", stored.pk, "--timeout", 0.1)
        assert said.status == 3
        assert said.err.startswith(f"#{stored.pk} waits: no worker is running. Start one:")


class TestTheOthers:
    def test_why(self, jobs: Jobs) -> None:
        stored = job(State.SCHEDULED, run_at=timezone.now() + timedelta(days=3))
        assert f"Run it now: python manage.py jobs run-now {stored.pk}" in jobs("why", f"#{stored.pk}").out
        assert jobs("why", 4711).status == 1

    def test_workers(self, jobs: Jobs) -> None:
        assert jobs("workers").out == "No worker is running. Start one: python manage.py jobworker\n"
        pool(
            release="9c1e2f0",
            workers=[{"pid": 1, "memory": 3 << 20, "jobs": [{"id": 7, "seconds": 2}]}],
            processes=2,
            threads=2,
        )
        pool(pk=2, pid=4121, quiet=True, queues=["mail", "default"])
        pool(pk=3, pid=4122, alive=False)
        pool(pk=4, pid=4123, beat_at=timezone.now() - timedelta(minutes=5))
        told = {each["pid"]: each for each in jobs("workers", "--json").json["workers"]}
        assert {pid: each["state"] for pid, each in told.items()} == {
            4120: "ok", 4121: "quiet", 4122: "dead", 4123: "silent",
        }  # fmt: skip
        assert (told[4120]["busy"], told[4120]["slots"]) == (1, 4)
        assert (told[4120]["memory_bytes"], told[4121]["memory_bytes"]) == (3 << 20, None)
        out = jobs("workers").out
        assert "1/4" in out
        assert "3 MB" in out
        assert "mail,default" in out

    def test_queues_with_their_state(self, jobs: Jobs, settings: Any) -> None:
        assert jobs("queues").out == "No job waits or runs, and no queue is declared.\n"
        settings.JOBQUEUE = {"QUEUES": ["default", "mail", "empty"]}
        pool(queues=["default"])
        enqueue(VideoWorker(1), queue="default")
        enqueue(VideoWorker(1), queue="mail")
        pause("empty", "why not", by="ana")
        states = {line.split()[0]: line.split(maxsplit=6)[-1] for line in jobs("queues").out.splitlines()[1:4]}
        assert states["default"].endswith("ok")
        assert states["mail"].endswith("no worker")
        assert states["empty"].endswith("paused")

    def test_run_times_are_those_of_the_last_hour(self, jobs: Jobs) -> None:
        now = minute_of(timezone.now())
        for minutes, counts in ((1, {"run_05": 19}), (59, {"run_11": 1}), (70, {"run_20": 90})):
            Rollup.objects.create(minute=now - minutes, queue="default", name="a", **counts)
        job(State.READY)
        job(State.READY, queue="mail")
        run_times = {each["name"]: each["p95_run_seconds"] for each in jobs("queues", "--json").json["queues"]}
        assert run_times == {"default": pytest.approx(0.032), "mail": None}
        assert "32 ms" in jobs("queues").out

    def test_stats_in_all_and_by_class(self, jobs: Jobs) -> None:
        assert jobs("stats").out == "There are no jobs.\n"
        job(State.FAILED, call=VideoWorker(1))
        job(State.SUCCEEDED, ago=9 * 86_400)
        lines = jobs("stats").out.splitlines()
        assert lines[1].split() == ["tests.app.jobs.VideoWorker", "1", "0", "0", "1", "0"]
        assert lines[-1].split() == ["total", "2", "0", "1", "1", "0"]
        assert jobs("stats", "--days", 7, "--json").json["total"]["total"] == 1

    def test_check_is_for_monitoring(self, jobs: Jobs) -> None:
        assert (jobs("check").out, jobs("check").status) == ("No job waits.\n", 0)
        job(State.READY, run_at=timezone.now() - timedelta(minutes=10))
        late = jobs("check")
        assert (late.out, late.status) == ('A job in queue "default" waits for 10 min, more than 5 min.\n', 3)
        assert jobs("check", "--max-wait", 900).status == 0
        assert jobs("check", "--queue", "mail").status == 0
        pause("default")
        assert jobs("check").status == 0
        assert jobs("check", "--queue", "default").status == 3

    def test_check_sees_due_jobs_that_nobody_has_made_ready(self, jobs: Jobs) -> None:
        job(State.SCHEDULED, run_at=timezone.now() - timedelta(minutes=10))
        assert jobs("check").status == 3

    def test_top_shows_what_runs(self, jobs: Jobs) -> None:
        running = job(State.RUNNING, call=VideoWorker(23))
        said = jobs("top", "--count", 2, "--interval", 0.2)
        assert said.out.count("Waiting 0   running 1") == 2
        assert f"#{running.pk}" in said.out
        assert "video_id=23" in said.out


def test_after_work_has_been_done_the_figures_say_so(jobs: Jobs) -> None:
    enqueue(VideoWorker(1))
    work_off()
    assert jobs("stats", "--json").json["total"] == {
        "name": "total", "total": 1, "remaining": 0, "processed": 1, "failed": 0, "cancelled": 0,
    }  # fmt: skip


class TestClasses:
    def test_what_each_did(self, jobs: Jobs) -> None:
        rollup(
            name="shop.jobs.thank_donor", succeeded=4090, failed=10, run_seconds=7200, run_11=4100, wait_05=4100
        )
        pause_class("shop.jobs.thank_donor", "a fix", by="ana")
        said = jobs("classes")
        [line] = [line for line in said.out.splitlines() if line.startswith("thank_donor ")]
        assert line.split() == [
            "thank_donor", "4,090", "10", "0.2%", "2", "s", "2", "s", "2", "s", "31", "ms", "2", "h",
        ]  # fmt: skip
        assert "shop.jobs.thank_donor: paused by ana" in said.out
        assert "VideoWorker" in said.out  # known by the code alone

    def test_for_programs_and_of_another_time(self, jobs: Jobs) -> None:
        rollup(name="shop.jobs.thank_donor", succeeded=4, ago=2 * 86_400)
        for range_, there in (("1h", False), ("7d", True)):
            told = jobs("classes", "--range", range_, "--json").json
            assert told["range"] == range_
            assert ("shop.jobs.thank_donor" in {each["name"] for each in told["classes"]}) is there

    def test_a_range_that_is_none_is_wrong_usage(self, jobs: Jobs) -> None:
        with pytest.raises(CommandError, match="--range"):
            jobs("classes", "--range", "2h")


class TestFailures:
    def test_each_kind_on_a_line(self, jobs: Jobs) -> None:
        for _ in range(3):
            made = attempt()
        attempt(error="shop.errors.Odd: x", ago=7200)
        said = jobs("failures")
        first, second = said.out.splitlines()[1:3]
        assert first.split() == ["ValueError", "add", "3", "3", "3", "3", "60", "s", "3", made.fingerprint]
        assert second.split()[:6] == ["Odd", "add", "0", "1", "1", "1"]
        assert f"jobs list kind:{made.fingerprint}" in said.out

    def test_so_many_at_most(self, jobs: Jobs) -> None:
        attempt()
        attempt(error="Other: x")
        assert "1 more came less often." in jobs("failures", "--limit", 1).out

    def test_all_is_well(self, jobs: Jobs) -> None:
        assert jobs("failures").out == "No attempt has failed within 7 days. All is well.\n"

    def test_for_programs(self, jobs: Jobs) -> None:
        made = attempt()
        [told] = jobs("failures", "--json").json["failures"]
        assert (told["kind"], told["message"], told["within_hours"]["1"]) == (
            made.fingerprint,
            "no stream … in …",
            1,
        )
