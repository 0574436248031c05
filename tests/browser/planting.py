"""Makes the database that these tests look at: the demo's history, people, and a pool at work.

Run in the site's own environment, `python -m tests.browser.planting`; what it made stands in `samples.json`.
With the word `nothing` there are people alone, on the first day of a site.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import Permission  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from demo_site.history import plant  # noqa: E402
from demo_site.shop.jobs import add_up, import_catalogue  # noqa: E402
from jobqueue import pause_class  # noqa: E402
from jobqueue.models import Attempt, Job, Pool, Report  # noqa: E402
from jobqueue.states import State  # noqa: E402
from tests.processes.harness import parent_of, processes  # noqa: E402

FOLDER = Path(os.environ["DEMO_VAR"])
#: As browsers know people: by the key of a session. Rights are those of `jobqueue`.
PEOPLE = {"ana": None, "looker": ("view_dashboard", "view_job", "view_queue", "view_worker")}
PATIENCE = 30.0


def main() -> None:
    """Make all of it, or people alone."""
    call_command("migrate", verbosity=0)
    samples: dict[str, Any] = {"sessions": {name: sign_in(name, rights) for name, rights in PEOPLE.items()}}
    if sys.argv[1:] != ["nothing"]:
        plant()
        pause_class(add_up.path, reason="Nobody has counted the returns", by="ana")
        work_and_vanish()
        samples |= found()
    (FOLDER / "samples.json").write_text(json.dumps(samples))


def sign_in(name: str, rights: tuple[str, ...] | None) -> str:
    """Make somebody of the staff with these rights, or with all; return the key of a session."""
    user = get_user_model().objects.create_user(name, password=name, is_staff=True, is_superuser=rights is None)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights or ()))
    session = SessionStore()
    backend = "django.contrib.auth.backends.ModelBackend"
    signed_in = {"id": str(user.pk), "backend": backend, "hash": user.get_session_auth_hash()}
    session.update({f"_auth_user_{name}": value for name, value in signed_in.items()})
    session.save()
    return str(session.session_key)


def work_and_vanish() -> None:
    """Have a pool perform a long job, and end it so hard that its row stays; it seems to live for a day."""
    long = import_catalogue.enqueue("Northwind", 100_000)
    words = ["manage.py", "jobworker", "-n", "2", "--queue", "imports"]
    root = ["--user", "root"] if os.geteuid() == 0 else []
    with subprocess.Popen(
        [sys.executable, *words, *root],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as pool:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (Report.objects.filter(pk=long.pk, done__gt=40).exists() and tells_of(long.pk)):
                assert pool.poll() is None, "the pool has ended by itself"
                assert time.monotonic() < deadline, "the pool has not begun its job"
                time.sleep(0.05)
        finally:
            end_at_once(pool)
    Pool.objects.update(beat_at=timezone.now() + timedelta(days=1))


def tells_of(job_id: int) -> bool:
    """Whether a pool's heartbeat has told that it performs a job."""
    workers = [worker for pool in Pool.objects.all() for worker in pool.workers]
    return any(job.get("id") == job_id for worker in workers for job in worker.get("jobs", ()))


def end_at_once(pool: subprocess.Popen[bytes]) -> None:
    """Leave neither the pool nor its workers the time to put anything back."""
    pool.send_signal(signal.SIGSTOP)
    for child in [pid for pid in processes() if parent_of(pid) == pool.pid]:
        os.kill(child, signal.SIGKILL)
    pool.kill()


def found() -> dict[str, Any]:
    """Return examples of what pages are about."""
    states = {"waiting": State.READY, **{state.label: state for state in State}}
    jobs = {word: Job.objects.filter(state=state).latest("id").pk for word, state in states.items()}
    retrying = Job.objects.scheduled().filter(attempts__gt=0)[0]
    failing = Attempt.objects.filter(fingerprint__gt="", job__state=State.FAILED)[0]
    return {
        "job": {**jobs, "retrying": retrying.pk, "imported": Report.objects.latest("updated_at").pk},
        "failure": {"any": failing.fingerprint},
        "jobclass": {"any": import_catalogue.path, "resume": add_up.path},
        "queue": {"any": "mail", "resume": "exports"},
        "worker": {"any": Pool.objects.all()[0].pk},
    }


if __name__ == "__main__":
    main()
