"""A copy of the planted site, served by a process of its own; workers beside it where a test wants them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from demo_site.processes import BASE_DIR, answers, managing, stop

START_SECONDS = 30
#: A worker wants to be told.
AS_ROOT = ("--user", "root") if os.geteuid() == 0 else ()


class Site:
    """What is served from one folder.

    Args:
        var: the folder, with database and samples.
        port: where it is served.
    """

    def __init__(self, var: Path, port: int) -> None:
        self.var = var
        self.url = f"http://127.0.0.1:{port}"
        self.samples: dict[str, Any] = json.loads((var / "samples.json").read_text())
        self.output: list[str] = []

    def reports(self) -> list[str]:
        """What browsers have complained about: breaches of the policy."""
        path = self.var / "csp-reports"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *words: str) -> str:
        """Run Python in the site's environment; return what it prints."""
        return run(self.var, *words)

    def manage(self, *words: str) -> str:
        """Run `manage.py` with these words; return what it prints."""
        return run(self.var, "manage.py", *words)

    def show(self, job_id: int) -> dict[str, Any]:
        """Return what the command line tells of a job."""
        told: dict[str, Any] = json.loads(self.manage("jobs", "show", str(job_id), "--json"))
        return told

    def enqueue(self, name: str, *arguments: Any, **named: Any) -> int:
        """Store a job; return its id."""
        words = ["jobs", "enqueue", name, json.dumps(named or list(arguments)), "--json"]
        told = json.loads(self.manage(*words))
        return int(told["id"] if "id" in told else told["ids"][0])

    @contextmanager
    def working(self, *words: str) -> Iterator[None]:
        """A pool that performs jobs for as long as the block runs."""
        with managing(["jobworker", *words, *AS_ROOT], self.output.append, **environment(self.var)) as pool:
            yield
            stop(pool)


@contextmanager
def served(template: Path, var: Path, port: int) -> Iterator[Site]:
    """Serve a copy of what is planted in `template`."""
    shutil.copytree(template, var)
    with ExitStack() as stack:
        site = Site(var, port)
        words = ["runserver", "--noreload", f"127.0.0.1:{port}"]
        web = stack.enter_context(managing(words, site.output.append, **environment(var)))
        assert answers(port, web, START_SECONDS), "\n".join(site.output)
        yield site


def plant(var: Path, *words: str) -> None:
    """Make database and samples in a folder; with the word "nothing" of a site where nothing has happened yet."""
    var.mkdir()
    run(var, "-m", "tests.browser.planting", *words)


def run(var: Path, *words: str) -> str:
    """Run Python in the site's environment; return what it prints."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=BASE_DIR,
        env=os.environ | environment(var),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def environment(var: Path) -> dict[str, str]:
    """What its processes have in their environment; its database is always a file of SQLite."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "PYTHONPATH": str(BASE_DIR),
        "DEMO_VAR": str(var),
        "DATABASE_URL": "",
        "DEBUG": "1",
        "BROWSER_UNFOLD": os.environ.get("BROWSER_UNFOLD", ""),
    }
