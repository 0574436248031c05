"""Background jobs for Django, in the database you already have."""

from jobqueue.client import (
    acancel,
    aenqueue,
    aenqueue_many,
    apostpone,
    aretry,
    arun_now,
    cancel,
    enqueue,
    enqueue_many,
    postpone,
    retry,
    run_now,
)
from jobqueue.declaring import Performable, job
from jobqueue.exceptions import Cancel, Retry, Snooze
from jobqueue.handlers import PerformableMethod
from jobqueue.pausing import (
    apause,
    apause_class,
    aresume,
    aresume_class,
    pause,
    pause_class,
    resume,
    resume_class,
)
from jobqueue.performing.context import current_job
from jobqueue.performing.progress import progress, track
from jobqueue.sending import SendLater, adelay, asend_later, delay, handle_asynchronously, send_later

__version__ = "0.1.0"

__all__ = [
    "Cancel",
    "Performable",
    "PerformableMethod",
    "Retry",
    "SendLater",
    "Snooze",
    "acancel",
    "adelay",
    "aenqueue",
    "aenqueue_many",
    "apause",
    "apause_class",
    "apostpone",
    "aresume",
    "aresume_class",
    "aretry",
    "arun_now",
    "asend_later",
    "cancel",
    "current_job",
    "delay",
    "enqueue",
    "enqueue_many",
    "handle_asynchronously",
    "job",
    "pause",
    "pause_class",
    "postpone",
    "progress",
    "resume",
    "resume_class",
    "retry",
    "run_now",
    "send_later",
    "track",
]
