"""The tasks for Fabric (DJ39), run by Fabric itself in a local folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.shop import DEPLOY, Shop
from tests.processes.harness import AS_ROOT, wait_until

Fab = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fab(shop: Shop) -> Iterator[Fab]:
    """Type ``fab TASK`` in the project; without hosts Fabric runs the command lines on this machine."""
    shutil.copy(DEPLOY / "fabric" / "fabfile.py", shop.folder)
    (shop.folder / "var").mkdir(exist_ok=True)

    def run(task: str, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        site = {
            "JOBWORKER_FOLDER": str(shop.folder),
            "JOBWORKER_PYTHON": "python",
            "JOBWORKER_OPTIONS": " ".join(["-n", "2", *AS_ROOT]),
        }
        return shop.run("fab", task, ok=ok, **site)

    yield run
    run("stop")


def test_each_task_does_what_it_says(fab: Fab, shop: Shop) -> None:
    assert "Not running" in fab("status", ok=(3,)).stdout
    assert "Started, pid " in fab("start").stdout
    assert "Running, pid " in (first := fab("status").stdout)
    wait_until(shop.store("by-fabric").exists, about=(shop.folder / "var" / "jobworker.log").read_text)
    assert "Already running" in fab("start", ok=(1,)).stderr
    assert "Started, pid " in fab("restart").stdout
    assert fab("status").stdout != first
    assert "Stopped, pid " in fab("stop").stdout
    assert "Not running" in fab("stop").stdout, "that is what was wanted"
    assert "Not running" in fab("status", ok=(3,)).stdout


def test_after_a_restart_the_new_code_runs(fab: Fab, shop: Shop) -> None:
    fab("start")
    jobs = shop.folder / "shop" / "jobs.py"
    old = jobs.read_text()
    try:
        jobs.write_text(old.replace('"done"', '"done anew"'))
        fab("restart")
        found = shop.store("by-new-code")
        wait_until(found.exists)
        wait_until(lambda: found.read_text() == "done anew")
    finally:
        jobs.write_text(old)


def test_the_tasks_are_listed_with_what_they_do(fab: Fab, shop: Shop) -> None:
    listed = shop.run("fab", "--list").stdout
    for task in ("start", "stop", "restart", "status"):
        assert f"  {task} " in listed
