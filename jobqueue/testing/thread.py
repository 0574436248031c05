"""A worker beside a test, for those that need one: tests through a browser, with pytest-django's ``live_server``."""

from __future__ import annotations

import threading
import time

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import Q

from jobqueue.conf import get_settings
from jobqueue.models import Job, JobQuerySet
from jobqueue.notifying import tell_at_once
from jobqueue.pool.preflight import is_in_memory
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.testing.running import Watching
from jobqueue.worker.workoff import WorkOff

#: How often it looks for jobs.
PAUSE_SECONDS = 0.02


class WorkerThread:
    """Performs jobs on a thread of its own, with connections of its own, soon after their commit.

    Attributes:
        errors: what jobs have raised.

    Raises:
        ImproperlyConfigured: on a database in memory, which has one connection.
    """

    def __init__(self) -> None:
        self._store = get_store()
        alias = self._store.alias
        if connections[alias].vendor == "sqlite" and is_in_memory(alias):
            raise ImproperlyConfigured(
                f'The test database "{alias}" is SQLite in memory, which one connection alone can use. '
                f'Set DATABASES["{alias}"]["TEST"] = {{"NAME": BASE_DIR / "test.sqlite3"}}, or use jobs.work_off().'
            )
        self._executor = Watching(self._store, get_settings(), stop=False)
        self.errors = self._executor.errors
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="test worker", daemon=True)
        self._thread.start()

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until no job is due or running.

        Raises:
            TimeoutError: if that takes longer; with the jobs that are left.
        """
        deadline = time.monotonic() + seconds
        while left := list(self._left()[:5]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"After {seconds:g} s there still are jobs: {', '.join(map(str, left))}.")
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """End the thread after the job that it performs."""
        self._over.set()
        self._thread.join()

    def _left(self) -> JobQuerySet:
        due = Q(state=State.SCHEDULED, run_at__lte=self._store.now())
        return Job.objects.using(self._store.alias).filter(due | Q(state__in=(State.READY, State.RUNNING)))

    def _run(self) -> None:
        try:
            while not self._over.wait(PAUSE_SECONDS):
                if self._store.promote().ready:
                    self._pass()
        finally:
            connections.close_all()

    def _pass(self) -> None:
        WorkOff(
            self._store,
            get_settings(),
            self._executor,
            is_asked_to_stop=self._over.is_set,
            tell=tell_at_once,
        ).run()
