"""The Procfile, run by honcho as Heroku and its like run it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from demo_site.processes import free_port
from jobqueue.conf import Settings
from tests.deploy.shop import DEPLOY, Shop
from tests.processes.harness import wait_until

#: What Heroku gives a process between TERM and KILL.
GRACE = 30

LINES = dict(
    line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines() if not line.startswith("#")
)


def test_it_names_the_processes_of_a_site() -> None:
    assert list(LINES) == ["release", "web", "worker"]
    assert Settings().shutdown_seconds < GRACE


def test_the_release_migrates(shop: Shop) -> None:
    assert "No migrations to apply" in shop.run(*LINES["release"].split()).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_web_and_worker_run_and_end_together(shop: Shop, tmp_path: Path, number: signal.Signals) -> None:
    shutil.copy(DEPLOY / "Procfile", shop.folder)
    port, output = free_port(None), tmp_path / "output"
    with output.open("w") as stream:
        process = subprocess.Popen(
            ["honcho", "start", "--port", str(port), "web", "worker"],
            cwd=shop.folder,
            env=shop.environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_until(lambda: "*** Starting job worker" in output.read_text(), about=output.read_text)
        wait_until(shop.store(f"by-honcho-{number.name}").exists, about=output.read_text)
        wait_until(lambda: answers(port), about=output.read_text)
        process.send_signal(number)
        process.wait(GRACE)
    finally:
        process.kill()
        process.wait()
    assert re.search(r"worker.* stop  done: 1 ok, 0 failed, 0 put back", output.read_text())


def answers(port: int) -> bool:
    """Whether the site is there; a page it does not have is an answer, too."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/") as answer:
            return bool(answer.status)
    except HTTPError as error:
        return error.code == 404
    except OSError:
        return False
