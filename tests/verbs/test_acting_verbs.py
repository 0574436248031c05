"""The verbs that act: what they do, what they ask before, and what they leave alone."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from jobqueue import conf
from jobqueue.handlers.resolve import registry
from jobqueue.models import Attempt, Cancellation, ClassPause, Job, Pause, Pool
from jobqueue.states import State
from jobqueue.stores import get_store
from tests.app import jobs as declared
from tests.app import scripted
from tests.verbs.conftest import Said, job, pool

pytestmark = pytest.mark.django_db

Jobs = Callable[..., Said]


def state_of(pk: int) -> State:
    return State(Job.objects.get(pk=pk).state)


def refused(jobs: Jobs, *words: object, status: int = 2) -> str:
    with pytest.raises(CommandError) as caught:
        jobs(*words)
    assert caught.value.returncode == status
    return str(caught.value)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody at a terminal who types."""

    class Keyboard:
        def __init__(self, text: str) -> None:
            self.text = text

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self.text

    return lambda text: monkeypatch.setattr(sys, "stdin", Keyboard(f"{text}\n"))


class TestActs:
    def test_by_ids_and_by_search(self, jobs: Jobs) -> None:
        failed, later, ready = job(State.FAILED).pk, job(State.SCHEDULED).pk, job(State.READY).pk
        assert jobs("retry", failed).out == "Retried 1 job.\n"
        assert jobs("run-now", "state:scheduled").out == "Made ready 1 job.\n"
        assert {state_of(pk) for pk in (failed, later)} == {State.READY}
        assert jobs("postpone", ready, f"#{later}", "--in", "2h").out == "Postponed 2 jobs.\n"
        assert jobs("cancel", ready).out == "Cancelled 1 job.\n"
        assert (state_of(ready), state_of(later)) == (State.CANCELLED, State.SCHEDULED)

    def test_what_is_left_out_is_said_with_its_state(self, jobs: Jobs) -> None:
        job(State.FAILED)
        for state in (State.RUNNING, State.RUNNING, State.SUCCEEDED):
            job(state)
        said = jobs("retry", "queue:default")
        assert (said.out, said.status) == ("Retried 1 job.\n", 0)
        assert said.err == "Left out: 2 running, 1 succeeded. retry takes failed or cancelled jobs.\n"

    def test_of_cancelled_jobs_those_that_run_end_soon(self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOGNAME", "ann")
        running, waiting = job(State.RUNNING).pk, job(State.READY).pk
        job(State.SUCCEEDED)
        said = jobs("cancel", running)
        assert (said.out, said.err, said.status) == ("Ending soon: 1 running job.\n", "", 0)
        wish = Cancellation.objects.get()
        assert (wish.pk, wish.requested_by) == (running, "ann")
        said = jobs("cancel", "queue:default")
        assert said.out == "Cancelled 1 job.\nEnding soon: 1 running job.\n"
        assert said.err == "Left out: 1 succeeded. cancel takes scheduled, ready or running jobs.\n"
        assert (state_of(running), state_of(waiting)) == (State.RUNNING, State.CANCELLED)

    def test_a_dry_run_changes_nothing(self, jobs: Jobs) -> None:
        one = job(State.FAILED, call=declared.VideoWorker(1)).pk
        job(State.FAILED)
        job(State.FAILED)
        job(State.RUNNING)
        said = jobs("retry", "id:>0", "--dry-run")
        assert said.out == "Would retry 3 jobs: 2 add, 1 VideoWorker.\n"
        assert said.err == "Left out: 1 running. retry takes failed or cancelled jobs.\n"
        assert state_of(one) is State.FAILED

    def test_a_spread(self, jobs: Jobs) -> None:
        pks = [job(State.FAILED).pk for _ in range(4)]
        jobs("retry", "state:failed", "--spread", "4m")
        times = [Job.objects.get(pk=pk).run_at for pk in pks]
        assert times[3] - times[0] == timedelta(minutes=3)

    def test_beyond_twenty_it_asks(self, jobs: Jobs, answers: Callable[[str], None]) -> None:
        for _ in range(21):
            job(State.FAILED)
        assert refused(jobs, "retry", "state:failed") == (
            'Retry 21 jobs matching "state:failed"? Add --yes to do it without being asked.'
        )
        answers("n")
        assert refused(jobs, "retry", "state:failed", status=1) == "Nothing was done."
        answers("y")
        said = jobs("retry", "state:failed")
        assert said.err.startswith('Retry 21 jobs matching "state:failed"? [y/N] ')
        assert said.out == "Retried 21 jobs.\n"
        assert jobs("cancel", "state:ready", "--yes").out == "Cancelled 21 jobs.\n"

    def test_nothing_found_is_no_failure_of_a_search(self, jobs: Jobs) -> None:
        assert jobs("retry", "state:failed").status == 0
        said = jobs("retry", 4711)
        assert (said.status, said.out) == (1, "There is nothing to retry.\n")
        assert said.err.startswith("Left out: 1 not there.")

    def test_wrong_usage(self, jobs: Jobs) -> None:
        assert refused(jobs, "retry") == "Say which jobs: ids, or a search as state:failed."
        assert refused(jobs, "postpone", 7) == "Say when: --in 2h, or --at 2026-12-01T09:30."
        assert 'Did you mean "queue"?' in refused(jobs, "cancel", "kueue:mail")
        assert "is not a duration" in refused(jobs, "postpone", 7, "--in", "soon", status=1)
        assert "is not a time" in refused(jobs, "postpone", 7, "--at", "soon")
        assert "ten years" in refused(jobs, "postpone", job().pk, "--in", "9999d")

    def test_postponing_to_a_time(self, jobs: Jobs) -> None:
        pk = job().pk
        jobs("postpone", pk, "--at", "+3h")
        assert timedelta(hours=2) < Job.objects.get(pk=pk).run_at - timezone.now() <= timedelta(hours=3)


class TestEnqueue:
    def test_by_path_and_by_the_end_of_it(self, jobs: Jobs) -> None:
        for name in ("tests.app.jobs.VideoWorker", "jobs.VideoWorker", "VideoWorker"):
            said = jobs("enqueue", name, '{"video_id": 7}')
            stored = Job.objects.latest("pk")
            assert said.out == f"Stored #{stored.pk} tests.app.jobs.VideoWorker in queue video.\n"
            assert said.err == "No worker is running. In another terminal: python manage.py jobworker\n"

    def test_options(self, jobs: Jobs) -> None:
        said = jobs(
            "enqueue", "tests.app.jobs.add", "[1, 2]", "--queue", "slow", "--priority", -5, "--in", "2h", "--key", "k",
            "--json",
        )  # fmt: skip
        stored = Job.objects.get(pk=said.json["id"])
        assert (stored.queue, stored.priority, stored.key, stored.state) == ("slow", -5, "k", State.SCHEDULED)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["VidoWorker"], 'There is no job "VidoWorker". Did you mean "VideoWorker"?'),
            (["VideoWorker", "7"], 'The arguments must be a list or an object, as [7] or {"id": 7}. They are 7.'),
            (["VideoWorker", "{'a': 1}"], "The arguments are not JSON"),
            (["tests.app.jobs.add", "[]"], "add() missing a required argument: 'left'. Nothing was stored."),
            (["tests.app.jobs.add", '{"lefd": 1}'], "add() missing a required argument"),
            (["tests.app.jobs.add", "[1]", "--queue", "a b"], "queue must be"),
            (["tests.app.jobs.add", '["\\u0000"]'], "NUL"),
            (["tests.app.jobs.add", "[" * 3000], "not JSON"),
            (["os.system", '["id"]'], 'There is no job "os.system".'),
            (["tests.app.jobs.not_a_job"], 'There is no job "tests.app.jobs.not_a_job".'),
        ],
    )
    def test_what_is_wrong_is_one_message(self, jobs: Jobs, words: list[str], message: str) -> None:
        with pytest.raises(CommandError) as caught:
            jobs("enqueue", *words)
        assert message in str(caught.value)
        assert not Job.objects.exists()

    def test_a_name_of_two_jobs_names_both(self, jobs: Jobs, monkeypatch: Any) -> None:
        other = {**registry, "shop.jobs.VideoWorker": declared.PlainWorker}
        monkeypatch.setattr("jobqueue.handlers.known.registry", other)
        assert refused(jobs, "enqueue", "VideoWorker") == (
            '"VideoWorker" may be shop.jobs.VideoWorker or tests.app.jobs.VideoWorker.'
        )

    def test_a_line_of_a_file_is_a_job(self, jobs: Jobs, tmp_path: Path) -> None:
        file = tmp_path / "jobs.jsonl"
        file.write_text('[1]\n\n{"left": 2}\n[3, 4]\n')
        assert jobs("enqueue", "tests.app.jobs.add", "--file", file).out == "Stored 3 jobs.\n"
        assert Job.objects.count() == 3
        file.write_text("[1]\n[2]\nnonsense\n")
        message = refused(jobs, "enqueue", "tests.app.jobs.add", "--file", file, status=1)
        assert message.startswith(f"{file}:3: The arguments are not JSON")
        assert Job.objects.count() == 3
        assert "No such file" in refused(
            jobs, "enqueue", "tests.app.jobs.add", "--file", tmp_path / "none", status=1
        )


class TestHere:
    def test_it_is_claimed_performed_and_written(self, jobs: Jobs, capfd: Any) -> None:
        pk = job(State.SCHEDULED).pk
        said = jobs("run", pk, "--here")
        assert said.status == 0
        assert said.out.startswith("Succeeded in ")
        assert said.out.endswith("It returned 3\n")
        row = Job.objects.get(pk=pk)
        assert (row.state, row.attempts, row.result) == (State.SUCCEEDED, 1, 3)
        assert not Pool.objects.exists()

    def test_a_failure_shows_its_traceback_and_when_it_is_tried_again(self, jobs: Jobs) -> None:
        stored = scripted.fail.enqueue()
        said = jobs("run", stored.pk, "--here")
        assert said.status == 1
        assert "Traceback (most recent call last):" in said.out
        assert "Failed in " in said.out
        assert f"#{stored.pk} waits until " in said.err
        assert [each.outcome for each in Attempt.objects.filter(job=stored)] == ["failed"]

    def test_notifiers_are_told_of_a_failure_for_good(self, jobs: Jobs) -> None:
        told: list[int] = []
        with override_settings(JOBQUEUE={"NOTIFIERS": [lambda failed, error: told.append(failed.id)]}):
            jobs("run", scripted.fail.enqueue().pk, "--here")
            last = scripted.fail.using(max_attempts=1).enqueue().pk
            jobs("run", last, "--here")
        assert told == [last]

    def test_a_paused_queue_is_no_hindrance_and_a_held_job_is(self, jobs: Jobs) -> None:
        get_store().pauses.put("default", "", "")
        assert jobs("run", job().pk, "--here").status == 0
        held = job(State.RUNNING)
        assert "is held" in refused(jobs, "run", held.pk, "--here", status=1)
        assert not Pool.objects.exists()

    def test_a_failed_job_is_tried_again_only_if_asked_for(self, jobs: Jobs) -> None:
        pk = job(State.FAILED).pk
        assert f"Or here: python manage.py jobs run {pk} --here --retry" in refused(
            jobs, "run", pk, "--here", status=1
        )
        assert jobs("run", pk, "--here", "--retry").status == 0

    def test_it_must_be_said_that_it_is_here(self, jobs: Jobs) -> None:
        assert "By a worker: python manage.py jobs run-now 7" in refused(jobs, "run", 7)

    def test_the_debugger_opens_where_the_job_raised(self, jobs: Jobs, monkeypatch: Any) -> None:

        opened: list[Any] = []
        monkeypatch.setattr("pdb.post_mortem", opened.append)
        jobs("run", scripted.fail.enqueue().pk, "--here", "--pdb")
        [trace] = opened
        assert trace.tb_frame.f_code.co_filename == scripted.__file__


class TestPauses:
    def test_a_queue_rests_and_goes_on(self, jobs: Jobs) -> None:
        job(State.READY)
        said = jobs("pause", "default", "--reason", "deploy")
        assert said.out == "Queue default paused. 1 due job waits. Resume: python manage.py jobs resume default\n"
        row = Pause.objects.get()
        assert row.reason == "deploy"
        assert row.paused_by
        assert jobs("resume", "default").out == "Queue default resumed. 1 due job waits.\n"
        assert jobs("resume", "default").out == "Queue default was not paused.\n"

    def test_a_class_rests_and_goes_on(self, jobs: Jobs) -> None:
        said = jobs("pause-class", "tests.app.scripted.tell", "--reason", "deploy")
        assert (said.out, said.err) == (
            "Class tests.app.scripted.tell paused. "
            "Resume: python manage.py jobs resume-class tests.app.scripted.tell\n",
            "",
        )
        row = ClassPause.objects.get()
        assert row.reason == "deploy"
        assert row.paused_by
        assert jobs("resume-class", "tell").out == "Class tests.app.scripted.tell resumed.\n"
        assert jobs("resume-class", "tell").out == "Class tell was not paused.\n"

    def test_the_end_of_a_class_is_enough_if_it_is_the_only_one(self, jobs: Jobs) -> None:
        for name in ("shop.jobs.dunning", "shop.Order.dunning", "shop.jobs.thank_donor"):
            job(State.READY, name=name)
        assert jobs("pause-class", "thank_donor").out.startswith("Class shop.jobs.thank_donor paused.")
        assert jobs("pause-class", "Order.dunning").out.startswith("Class shop.Order.dunning paused.")
        assert '"dunning" may be shop.Order.dunning or shop.jobs.dunning.' in refused(
            jobs, "pause-class", "dunning"
        )

    def test_a_class_that_nobody_knows_rests_and_the_nearest_is_named(self, jobs: Jobs) -> None:
        job(State.READY, name="shop.jobs.dunning")
        said = jobs("pause-class", "shop.jobs.dunnign")
        assert said.out.startswith("Class shop.jobs.dunnign paused.")
        assert said.err == 'No job "shop.jobs.dunnign" is known here. Did you mean "shop.jobs.dunning"?\n'
        assert jobs("pause-class", "dunnign").err.endswith('Did you mean "shop.jobs.dunning"?\n')
        assert (
            jobs("resume-class", "dunning").out
            == 'Class dunning was not paused. Did you mean "shop.jobs.dunnign"?\n'
        )

    def test_bad_names_and_reasons(self, jobs: Jobs) -> None:
        for words in (("pause", "a b"), ("resume", "a b"), ("pause", "mail", "--reason", "x" * 201)):
            assert refused(jobs, *words)
        for words in (("pause-class", ""), ("resume-class", "x" * 256), ("pause-class", "a.b", "--reason", "\0")):
            assert refused(jobs, *words)


class TestWorkers:
    def test_a_pool_is_asked_by_name_address_number_or_id(self, jobs: Jobs) -> None:
        row = pool(name="mailer")
        other = pool(pk=2, host="hera", pid=977)
        for word, asked in (("mailer", row), ("atlas:4120", row), ("4120", row), ("977", other), ("2", other)):
            Pool.objects.update(wish="")
            assert jobs("quiet-worker", word).out == f"{asked} is to take no new jobs.\n"
            assert set(Pool.objects.exclude(wish="").values_list("pk", "wish")) == {(asked.pk, "quiet")}
        jobs("resume-worker", "mailer", "hera:977")
        assert set(Pool.objects.values_list("wish", flat=True)) == {"go on"}
        assert jobs("stop-worker", "2").out == "host:hera pid:977 is to stop when its running jobs have ended.\n"
        assert Pool.objects.get(pk=2).wish == "stop"

    def test_a_name_means_all_pools_of_that_name_and_a_number_only_one(self, jobs: Jobs) -> None:
        pool(name="mailer")
        pool(pk=2, host="hera", pid=4120, name="mailer")
        assert jobs("quiet-worker", "mailer", "hera:4120").out.count("\n") == 2
        assert '"4120" may be atlas:4120, hera:4120.' in refused(jobs, "stop-worker", "4120")

    def test_one_that_does_not_live_is_told_of_with_the_nearest(self, jobs: Jobs) -> None:
        pool(name="mailer", alive=False)
        assert 'No pool "mailer" is alive. Pools: none.' in refused(jobs, "stop-worker", "mailer", status=1)
        pool(pk=2, name="mailer")
        said = refused(jobs, "stop-worker", "maile\x1b[2Jr", status=1)
        assert 'Did you mean "mailer"?' in said
        assert "\x1b" not in said


class TestCare:
    def test_purge_takes_ended_jobs_of_that_age_and_state(self, jobs: Jobs) -> None:
        old = {state: job(state, ago=9 * 86_400).pk for state in State}
        young = job(State.SUCCEEDED).pk
        assert jobs("purge", "--older", "7d", "--dry-run").out.startswith(
            "Would purge 1 succeeded job that ended before"
        )
        assert jobs("purge", "--older", "7d").out.startswith("Purged 1 job in ")
        assert jobs("purge", "--older", "7d", "--state", "failed", "--state", "cancelled").out.startswith(
            "Purged 2 jobs"
        )
        left = set(Job.objects.values_list("pk", flat=True))
        assert left == {young, old[State.SCHEDULED], old[State.READY], old[State.RUNNING]}
        assert jobs("purge", "--older", "7d").out.startswith("There are no succeeded jobs that ended before")

    def test_a_span_without_a_unit_deletes_nothing(self, jobs: Jobs) -> None:
        job(State.SUCCEEDED, ago=60)
        assert refused(jobs, "purge", "--older", "7", status=1).endswith('"7" has no unit: 7s, 7m, 7h or 7d?')
        assert Job.objects.count() == 1

    def test_purge_of_one_queue_in_many_pages(self, jobs: Jobs, monkeypatch: Any) -> None:
        from jobqueue.cli.verbs import purge

        monkeypatch.setattr(purge, "PAGE", 7)
        moment = timezone.now() - timedelta(days=9)
        for number in range(30):
            job(State.SUCCEEDED, finished_at=moment + timedelta(seconds=number // 10), queue="mail")
        job(State.SUCCEEDED, finished_at=moment)
        assert "--yes" in refused(jobs, "purge", "--older", "7d", "--queue", "mail")
        assert jobs("purge", "--older", "7d", "--queue", "mail", "--yes").out.startswith("Purged 30 jobs in ")
        assert Job.objects.count() == 1

    def test_clear_asks_for_the_name(self, jobs: Jobs, answers: Callable[[str], None]) -> None:
        for state in State:
            job(state, queue="mail")
        job()
        assert "--yes" in refused(jobs, "clear", "mail")
        answers("y")
        assert refused(jobs, "clear", "mail", status=1) == "That is not its name. Nothing was done."
        assert jobs("clear", "mail", "--dry-run").out == 'Would delete 5 jobs of queue "mail".\n'
        answers("mail")
        said = jobs("clear", "mail")
        assert said.out == 'Deleted 5 jobs of queue "mail".\n'
        assert said.err.endswith("Left out: 1 job that run.\n")
        assert sorted(Job.objects.values_list("queue", "state")) == [("default", 1), ("mail", 2)]
        assert jobs("clear", "mail").out == 'There are no jobs in queue "mail" but such as run.\n'


class TestStart:
    def test_the_sample_has_every_setting_and_is_right(self, jobs: Jobs) -> None:
        out = jobs("init").out
        uncommented = re.sub(r'^    # ("[A-Z_]+": )', r"    \1", out, flags=re.MULTILINE)
        given = ast.literal_eval(uncommented.partition("JOBQUEUE = ")[2])
        assert given.keys() == conf.RULES.keys()
        settings, problems = conf.read(given)
        assert (settings, problems) == (conf.Settings(), [])
        assert all(len(line) <= 100 for line in out.splitlines())

    def test_groups_with_the_rights_that_they_need(self, jobs: Jobs) -> None:
        assert jobs("init", "--groups").out.count("Made: ") == 3
        assert jobs("init", "--groups").out.count("Brought up to date: ") == 3
        rights = {
            group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()
        }
        everything = set(
            Permission.objects.filter(content_type__app_label="jobqueue").values_list("codename", flat=True)
        )
        assert rights["Job admins"] == everything
        assert rights["Job viewers"] < rights["Job operators"] < everything
        assert "view_job_payload" not in rights["Job operators"]
        user = User.objects.create(username="ana")
        user.groups.add(Group.objects.get(name="Job operators"))
        assert user.has_perm("jobqueue.pause_queue")
        assert not user.has_perm("jobqueue.delete_job")

    def test_without_rights_or_users_it_says_what_to_do(self, jobs: Jobs, settings: Any) -> None:
        Permission.objects.filter(content_type__app_label="jobqueue").delete()
        assert refused(jobs, "init", "--groups", status=1).endswith("Run: python manage.py migrate")
        settings.INSTALLED_APPS = ["jobqueue"]
        assert "django.contrib.auth" in refused(jobs, "init", "--groups", status=1)

    def test_a_class_to_fill_in_and_nothing_overwritten(
        self, jobs: Jobs, tmp_path: Path, monkeypatch: Any
    ) -> None:
        from django.apps import apps

        monkeypatch.setattr(apps.get_app_config("app"), "path", str(tmp_path))
        said = jobs("startworker", "app.AudioWorker")
        file = tmp_path / "jobs.py"
        assert said.out == f"Wrote {file}. Fill in perform(), then: AudioWorker.enqueue(7)\n"
        written = file.read_text()
        compile(written, "jobs.py", "exec")
        again = jobs("startworker", "app.OtherWorker")
        assert again.status == 1
        assert "class OtherWorker(Performable):" in again.out
        assert "is there already and was left as it is" in again.err
        assert file.read_text() == written

    @pytest.mark.parametrize(
        "name", ["VideoWorker", "shop.VideoWorker", "app.7", "app.class", "app.", "..x", "a/b.C"]
    )
    def test_a_name_that_is_none_is_wrong_usage(self, jobs: Jobs, name: str) -> None:
        assert refused(jobs, "startworker", name)
