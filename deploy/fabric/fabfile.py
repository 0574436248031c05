"""Workers on other machines, by Fabric 3: copy it beside manage.py, change SITE, then for example

    fab --hosts www.example.com restart

Without --hosts the tasks work on this machine.
"""

from __future__ import annotations

import os
import shlex
from pathlib import PurePosixPath

from fabric import task
from invoke.context import Context
from invoke.exceptions import Exit

#: Changed for your project; each of these also comes from the environment, as JOBWORKER_FOLDER and so on.
SITE = {
    "folder": "/srv/shop",
    "python": "venv/bin/python",
    "options": "-n 2",
    # relative to the folder; the log is named like it
    "pid": "var/jobworker.pid",
}


@task
def start(c: Context) -> None:
    """Start the workers."""
    _jobworker(c, "start")


@task
def stop(c: Context) -> None:
    """Stop the workers: they finish what they run, and put back what takes too long."""
    _jobworker(c, "stop", ok=(0, 3))


@task
def restart(c: Context) -> None:
    """Start the workers again, with the code as it is now: after each deploy."""
    _jobworker(c, "restart")


@task
def status(c: Context) -> None:
    """Say whether the workers run."""
    _jobworker(c, "status")


def _jobworker(c: Context, action: str, ok: tuple[int, ...] = (0,)) -> None:
    """Run ``manage.py jobworker`` in the project's folder; leave with its exit code unless that is as good as 0."""
    site = {name: os.environ.get(f"JOBWORKER_{name.upper()}", value) for name, value in SITE.items()}
    files = ["--pid", site["pid"], "--log", str(PurePosixPath(site["pid"]).with_suffix(".log"))]
    words = [site["python"], "manage.py", "jobworker", action, *shlex.split(site["options"]), *files]
    with c.cd(shlex.quote(site["folder"])):
        done = c.run(shlex.join(words), warn=True)
    if done is not None and done.exited not in ok:
        raise Exit(code=done.exited)
