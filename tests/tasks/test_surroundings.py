"""Tasks where the jobs live elsewhere, before the apps are ready, where the app is missing, and under system checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django import VERSION
from django.db import transaction
from django.test import override_settings

from jobqueue.djangotasks import TaskResultDoesNotExist, TaskResultStatus, task_backends
from jobqueue.exceptions import JobNotStored
from jobqueue.handlers import is_coroutine
from jobqueue.handlers.shown import masked_arguments
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import tasks
from tests.app.models import Document
from tests.tasks.conftest import Sent
from tests.test_architecture import ROOT

BACKEND = "jobqueue.backends.DatabaseBackend"
FRAMEWORK = "django.tasks" if VERSION >= (6, 0) else "django_tasks"


@pytest.mark.django_db(databases=["default", "other"], transaction=True)
class TestJobsInAnotherDatabase:
    @pytest.fixture(autouse=True)
    def _jobs_elsewhere(self) -> Iterator[None]:
        with override_settings(JOBQUEUE={"DATABASE": "other"}):
            yield

    def test_the_result_has_no_id_before_the_commit(self, sent: list[Sent]) -> None:
        with transaction.atomic():
            Document.objects.create()
            result = tasks.answer.enqueue()
            assert (result.status, result.enqueued_at) == (TaskResultStatus.READY, None)
            assert repr(result) == "<result of a job that is not stored yet>"
            for look in (lambda: result.id, result.refresh):
                with pytest.raises(JobNotStored, match="still open"):
                    look()
            assert sent == []
        assert Job.objects.using("other").get().pk == int(result.id)
        assert [(each.name, each.result) for each in sent] == [("enqueued", result)]
        assert result.enqueued_at is not None
        work_off()
        result.refresh()
        assert (result.return_value, result.attempts) == (42, 1)
        assert tasks.answer.get_result(result.id).status == TaskResultStatus.SUCCESSFUL

    def test_a_rollback_takes_it_along(self) -> None:
        with transaction.atomic():
            Document.objects.create()
            result = tasks.answer.enqueue()
            transaction.set_rollback(True)
        assert not Job.objects.using("other").exists()
        with pytest.raises(JobNotStored):
            _ = result.id

    def test_without_a_transaction_it_is_stored_at_once(self) -> None:
        result = tasks.fail.enqueue()
        work_off()
        result.refresh()
        assert len(result.errors) == 1


class TestImports:
    """In a process of its own, in which nothing is set up yet."""

    @staticmethod
    def run(code: str, tmp_path: Path, **variables: str) -> str:
        (tmp_path / "early.py").write_text(
            "from django.conf import settings\n"
            "settings.configure(SECRET_KEY='x' * 50, USE_TZ=True, INSTALLED_APPS=['jobqueue'],\n"
            f"    TASKS={{'default': {{'BACKEND': '{BACKEND}', 'QUEUES': []}}}})\n"
            f"from {FRAMEWORK} import task\n"
            "@task\n"
            "def early(a): return a\n"
            "later = early.using(priority=5)\n"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"} | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def test_decorating_touches_no_model_and_no_database(self, tmp_path: Path) -> None:
        code = (
            "import early, sys\n"
            "from django.apps import apps\n"
            "assert not apps.models_ready\n"
            "assert 'jobqueue.models' not in sys.modules\n"
            "print(early.later.priority, early.early.call(3))\n"
        )
        assert self.run(code, tmp_path) == "5 3\n"

    def test_without_tasks_the_framework_is_not_imported(self, tmp_path: Path) -> None:
        code = (
            "import sys\n"
            "from django.conf import settings\n"
            "settings.configure(SECRET_KEY='x', INSTALLED_APPS=['jobqueue'])\n"
            "import django\n"
            "django.setup()\n"
            "import jobqueue, jobqueue.testing\n"
            f"print([name for name in sys.modules if name.startswith(('{FRAMEWORK}.', 'django_tasks'))])\n"
        )
        assert self.run(code, tmp_path) == "[]\n"

    def test_a_table_that_is_not_installed_is_said_so(self, tmp_path: Path) -> None:
        code = (
            "import early, django\n"
            "from django.conf import settings\n"
            "settings.INSTALLED_APPS = []\n"
            "django.setup()\n"
            "from jobqueue.djangotasks import task_backends\n"
            "print(*[(each.id, each.msg) for each in task_backends['default'].check()])\n"
            "try: early.early.enqueue(1)\n"
            "except Exception as error: print(error)\n"
        )
        told = self.run(code, tmp_path).splitlines()
        assert "jobqueue.E040" in told[0]
        assert told[1] == 'Add "jobqueue" to INSTALLED_APPS in settings.py, then run: python manage.py migrate'

    @pytest.mark.skipif(VERSION >= (6, 0), reason="from Django 6.0 on the framework is always there")
    def test_without_the_package_it_is_said_what_to_install(self, tmp_path: Path) -> None:
        code = (
            "import sys\n"
            "sys.modules['django_tasks'] = None\n"
            "from django.conf import settings\n"
            "settings.configure()\n"
            "try: import jobqueue.backends\n"
            "except ImportError as error: print(error)\n"
        )
        told = self.run(code, tmp_path)
        assert (
            told == 'Before Django 6.0, tasks come from the package django-tasks: pip install "jobqueue[tasks]"\n'
        )


class TestChecks:
    @staticmethod
    def found(jobs: dict[str, Any] | None = None, **params: Any) -> list[tuple[str, str]]:
        entry = {"BACKEND": BACKEND, "QUEUES": [], **params}
        with override_settings(TASKS={"default": entry}, JOBQUEUE=jobs or {}):
            return [(each.id, each.msg) for each in task_backends["default"].check()]

    def test_a_sound_backend_has_none(self) -> None:
        assert self.found() == []
        assert self.found(QUEUES=["default", "mail"], OPTIONS={"max_attempts": 3}) == []
        assert self.found({"QUEUES": ["default", "mail"]}, QUEUES=["mail"]) == []

    def test_queues_that_jobs_do_not_have(self) -> None:
        [(number, message)] = self.found({"QUEUES": ["default", "mail"]}, QUEUES=["mail", "reports"])
        assert number == "jobqueue.E042"
        assert message == 'TASKS["default"] takes the queue "reports", which JOBQUEUE["QUEUES"] lacks.'

    def test_queues_with_names_that_none_may_have(self) -> None:
        [(number, message)] = self.found(QUEUES=["two words"])
        assert (number, "must be 1 to 64 of the characters" in message) == ("jobqueue.E042", True)

    def test_options_that_are_none(self) -> None:
        assert self.found(OPTIONS={"max_atempts": 3})[0][0] == "jobqueue.E041"
        assert self.found(OPTIONS=["max_attempts"])[0][0] == "jobqueue.E041"

    def test_results_that_are_not_kept(self) -> None:
        assert self.found({"KEEP_SUCCEEDED": 0})[0][0] == "jobqueue.W043"


@pytest.mark.django_db
class TestAmongJobs:
    def test_their_arguments_are_shown_by_name_and_secrets_hidden(self) -> None:
        tasks.fail.enqueue("m", password="open sesame")
        tasks.context_of.enqueue(expected=1)
        shown = [masked_arguments(job) for job in Job.objects.order_by("id")]
        assert shown == [{"message": "m", "password": "********"}, {"expected": 1}]

    def test_async_ones_are_known_once_met(self) -> None:
        tasks.add_slowly.enqueue(1, 2)
        tasks.answer.enqueue()
        assert is_coroutine("tests.app.tasks.add_slowly")
        assert not is_coroutine("tests.app.tasks.answer")

    def test_encrypted_ones_have_results_and_errors(self) -> None:
        with override_settings(JOBQUEUE={"ENCRYPTION_KEYS": [Fernet.generate_key().decode()], "MAX_ATTEMPTS": 1}):
            good, bad = tasks.echo.enqueue("secret"), tasks.fail.enqueue("no secret")
            work_off()
            for result in (good, bad):
                result.refresh()
            assert good.return_value == [["secret"], {}]
            assert bad.errors[0].traceback.endswith("ValueError: no secret\n")
            assert not any("secret" in job.handler + str(job.stored_result) for job in Job.objects.all())
        with pytest.raises(TaskResultDoesNotExist):
            good.refresh()

    def test_in_inline_mode_the_result_is_there_at_once(self, sent: list[Sent]) -> None:
        with override_settings(JOBQUEUE={"MODE": "inline", "MAX_ATTEMPTS": 1}):
            good, bad = tasks.context_of.enqueue(), tasks.fail.enqueue()
        assert (good.status, good.attempts, good.return_value[2]) == (TaskResultStatus.SUCCESSFUL, 1, "RUNNING")
        assert (bad.status, bad.errors[0].exception_class) == (TaskResultStatus.FAILED, ValueError)
        assert [each.name for each in sent] == ["enqueued", "started", "finished"] * 2
        assert sent[0].result.id == good.id
