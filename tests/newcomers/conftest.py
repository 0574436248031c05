"""A newcomer's project: as ``startproject`` makes it, with one app, one model and one job."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.project import Project

MODELS = """\
from django.db import models


class Order(models.Model):
    total = models.IntegerField(default=0)
"""
JOBS = """\
from jobqueue import job


@job
def send_receipt(order): ...
"""
INSTALLED = 'INSTALLED_APPS += ["jobqueue", "shop"]\n'
TRY = """
import json, sys
sys.stderr = sys.stdout
from jobqueue import *
from shop.jobs import *
from shop.models import *
try:
    {code}
except Exception as error:
    print(json.dumps(str(error)))
"""


class Newcomer(Project):
    """Writes down what a project says of mistakes."""

    def set(self, line: str) -> None:
        """Go on with the settings."""
        self.write("mysite/settings.py", line)

    def rewrite(self, path: str, text: str) -> None:
        """Put something else into a file."""
        Path(self.folder, path).write_text(text)

    def raised(self, code: str) -> str:
        """Return what a statement raises."""
        return str(json.loads(self.shell(TRY.format(code=code)).splitlines()[-1]))

    def said(self, code: str) -> str:
        """Return what is printed while statements run, standard error included."""
        return self.shell(f"import sys; sys.stderr = sys.stdout\n{code}").strip()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``startproject`` and ``startapp`` make, with a model and a job."""
    project = Newcomer(tmp_path_factory.mktemp("fresh"))
    project.run("django-admin", "startproject", "mysite", ".")
    project.manage("startapp", "shop")
    project.rewrite("shop/models.py", MODELS)
    project.rewrite("shop/jobs.py", JOBS)
    return project.folder


@pytest.fixture(scope="session")
def migrated(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with jobqueue, and with tables."""
    project = _copy(fresh, tmp_path_factory.mktemp("migrated"))
    project.set(INSTALLED)
    project.manage("makemigrations", "-v", "0", "shop")
    project.manage("migrate", "-v", "0")
    return project.folder


@pytest.fixture
def empty(fresh: Path, tmp_path: Path) -> Newcomer:
    """A project that does not know jobqueue yet."""
    return _copy(fresh, tmp_path)


@pytest.fixture
def installed(empty: Newcomer) -> Newcomer:
    """A project whose tables are not made yet."""
    empty.set(INSTALLED)
    return empty


@pytest.fixture
def project(migrated: Path, tmp_path: Path) -> Newcomer:
    """A project that works."""
    return _copy(migrated, tmp_path)


def _copy(source: Path, target: Path) -> Newcomer:
    shutil.copytree(source, target, dirs_exist_ok=True)
    return Newcomer(target)


@pytest.fixture
def refusal() -> Callable[[Callable[[], object]], str]:
    """What a call in this process raises, as text."""

    def of(act: Callable[[], object]) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011 (its text is what is tested)
            act()
        return str(caught.value)

    return of
