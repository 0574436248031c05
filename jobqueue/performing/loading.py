"""From a claimed row to its performable."""

from __future__ import annotations

from jobqueue.handlers import open_handler
from jobqueue.handlers.loaded import Loaded
from jobqueue.rows import ClaimedJob


def load(job: ClaimedJob, worker: str = "") -> Loaded:
    """Return the performable of a job after its signature held; raises as ``open_handler`` does.

    Args:
        job: as claimed.
        worker: who performs it.
    """
    loaded = open_handler(
        job.handler,
        name=job.name,
        queue=job.queue,
        max_attempts=job.max_attempts,
        max_run_time=job.max_run_time,
    )
    if loaded.task is None:
        return loaded
    from jobqueue.performing.tasks import as_run

    return as_run(loaded, worker)
