"""A project made from nothing, in an environment that holds Django and the built package, and nothing else."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path

import django
import pytest

import jobqueue
from tests.packages import bare_environment, build_wheel
from tests.processes.harness import AS_ROOT

pytestmark = pytest.mark.no_database  # the project has a SQLite file of its own

STARTING = re.compile(r"\*\*\* Starting job worker (\S+ )?host:\S+ pid:\d+")
PROCESSED = re.compile(r"\d+ jobs processed at \d+\.\d{4} j/s, \d+ failed \.\.\.")

JOBS = """\
from pathlib import Path
from jobqueue import job

@job
def write(text):
    Path("written").open("a").write(text + "\\n")
"""

APPS = """\
from pathlib import Path
from django.apps import AppConfig

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        Path("ready").open("a").write("ready\\n")
"""


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that can import Django, jobqueue as its wheel installs it, and nothing else."""
    wheel = build_wheel(tmp_path_factory.mktemp("dist"))
    return bare_environment(tmp_path_factory.mktemp("venv"), wheel)


class Project:
    """A fresh project and its manage.py."""

    def __init__(self, directory: Path, python: Path) -> None:
        self.directory = directory
        self.complaint = ""
        self.python = python
        self.run(python, "-m", "django", "startproject", "site_", directory)
        self.run(python, "manage.py", "startapp", "shop")
        (directory / "shop" / "jobs.py").write_text(JOBS)
        (directory / "shop" / "apps.py").write_text(APPS)
        settings = directory / "site_" / "settings.py"
        settings.write_text(
            settings.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n"jobqueue", "shop",')
        )

    def run(self, *words: object, status: int = 0) -> str:
        result = subprocess.run(
            [str(word) for word in words],
            cwd=self.directory,
            env={key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "PYTHON"))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == status, result.stdout + result.stderr
        self.complaint = result.stderr.splitlines()[-1] if result.stderr else ""
        return result.stdout

    def manage(self, *words: str, status: int = 0) -> str:
        more = AS_ROOT if words[0] == "jobworker" else ()
        return self.run(self.python, "manage.py", *words, *more, status=status)

    def forget_ready(self) -> None:
        (self.directory / "ready").unlink()

    def lines(self, name: str) -> list[str]:
        path = self.directory / name
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def project(tmp_path: Path, bare_python: Path) -> Project:
    return Project(tmp_path, bare_python)


def test_dj01_dj02_django_alone_stores_and_performs(project: Project) -> None:
    project.manage("migrate", "-v", "0")
    project.manage("shell", "-v", "0", "-c", "from shop.jobs import write; write.enqueue('one')")
    output = project.manage("jobworker", "work_off").splitlines()
    assert STARTING.fullmatch(output[0])
    assert PROCESSED.fullmatch(output[-1])
    assert project.lines("written") == ["one"]


def test_dj01_start_names_the_extra_that_is_missing(project: Project) -> None:
    project.manage("migrate", "-v", "0")
    project.manage("jobworker", "start", status=1)
    assert project.complaint == 'CommandError: jobworker start needs python-daemon: pip install "jobqueue[daemon]"'
    assert not list(project.directory.glob("jobworker.*"))


def test_dj18_dj19_the_lines_are_bare_and_nothing_is_said_when_idle(project: Project) -> None:
    project.manage("migrate", "-v", "0")
    output = project.manage("jobworker", "work_off", "--app-name", "mailer").splitlines()
    assert len(output) == 1
    assert STARTING.fullmatch(output[0])
    assert " mailer host:" in output[0]


def test_dj23_the_framework_is_loaded_once_for_all_jobs_of_all_workers(project: Project) -> None:
    project.manage("migrate", "-v", "0")
    code = "from shop.jobs import write; [write.enqueue(str(i)) for i in range(20)]"
    project.manage("shell", "-v", "0", "-c", code)
    project.forget_ready()
    pool = subprocess.Popen(
        [project.python, "manage.py", "jobworker", "-n", "4", "--no-reload"],
        cwd=project.directory,
        env={key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "PYTHON"))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert pool.stdout is not None
    for line in pool.stdout:
        if PROCESSED.fullmatch(line.strip()):
            break
    pool.terminate()
    assert pool.wait(30) == 0
    pool.stdout.close()
    assert sorted(project.lines("written"), key=int) == [str(i) for i in range(20)]
    assert project.lines("ready") == ["ready"]


def test_a_missing_table_is_said_before_anything_starts(project: Project) -> None:
    for action in ("run", "work_off"):
        assert project.manage("jobworker", action, status=1) == ""
        assert project.complaint == (
            'CommandError: The table jobqueue_job is missing in database "default". '
            "Run: python manage.py migrate jobqueue"
        )


def test_the_environment_is_as_bare_as_it_claims(bare_python: Path) -> None:
    code = (
        "import pkgutil, jobqueue, importlib.metadata as m; print(jobqueue.__file__); print(m.version('jobqueue'));"
        "print(sorted(x.name for x in pkgutil.iter_modules() if x.ispkg))"
    )
    path, version, packages = subprocess.check_output([bare_python, "-P", "-c", code], text=True).splitlines()
    assert Path(path).is_relative_to(bare_python.parents[1])
    assert version == jobqueue.__version__
    assert "psycopg" not in packages
    assert "'daemon'" not in packages
    assert importlib.metadata.version("Django") == django.get_version()
