"""A small project in a folder of its own, as somebody has it who copies the files of ``deploy/``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import ROOT
from tests.docs.project import PATIENCE

DEPLOY = ROOT / "deploy"
SETTINGS = """
import os

DEBUG = False
ALLOWED_HOSTS = ["*"]
SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS += ["jobqueue", "shop"]
DATABASES["default"]["OPTIONS"] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL",
}
"""
JOBS = """
from pathlib import Path

from jobqueue import job


@job
def mark(name):
    Path(name).write_text("done")
"""


class Shop:
    """The project, and what is typed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("django-admin", "startproject", "mysite", ".")
        self.manage("startapp", "shop")
        with (folder / "mysite" / "settings.py").open("a") as settings:
            settings.write(SETTINGS)
        (folder / "shop" / "jobs.py").write_text(JOBS)
        (folder / "requirements.txt").write_text("jobqueue[postgres]\ngunicorn\n")
        self.manage("migrate", "-v", "0")

    @property
    def environment(self) -> dict[str, str]:
        """Programs of the environment in which jobqueue is installed, and a secret."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO", "PYTHON", "JOBQUEUE", "DATABASE_URL"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "SECRET_KEY": "only-for-the-tests-of-deploying-" * 2}

    def run(self, *words: str, ok: Sequence[int] = (0,), **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        program = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
        done = subprocess.run(
            [program, *words[1:]],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode in ok, f"{words}\n{done.stdout}{done.stderr}"
        return done

    def manage(self, *words: str) -> str:
        """Run ``manage.py``."""
        return self.run("python", "manage.py", *words).stdout

    def store(self, name: str) -> Path:
        """Store a job; return the file that is there when it is done."""
        self.manage("shell", "-v", "0", "-c", f"from shop.jobs import mark; mark.enqueue({name!r})")
        return self.folder / name
