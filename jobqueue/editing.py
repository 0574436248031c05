"""A stored job gets other arguments, another queue, priority or time; never another class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from jobqueue import waking
from jobqueue.client import check_time
from jobqueue.exceptions import JobStateError
from jobqueue.handlers.edited import is_editable, with_arguments
from jobqueue.options import check_call, merge
from jobqueue.rows import When
from jobqueue.sentences import Sentence
from jobqueue.states import CHOICES, State
from jobqueue.stores import get_store
from jobqueue.stores.acts import ORIGINS, Act
from jobqueue.stores.edits import EDITABLE, Seen
from jobqueue.writing import writing

if TYPE_CHECKING:
    from jobqueue.models import Job

#: What to await instead in async code.
TWIN = "sync_to_async(edit)"


def seen(job: Job) -> Seen:
    """Return what a row must still be when its edit is written."""
    return Seen(*(getattr(job, name) for name in Seen._fields))


def edit(
    job: Job,
    arguments: Mapping[str, Any] | None = None,
    *,
    queue: str | None = None,
    priority: int | None = None,
    run_at: When | None = None,
) -> None:
    """Write a job anew: one that waits goes on waiting, one that failed or was cancelled is ready again.

    Args:
        job: the row as it was read; if it has changed since, nothing is written.
        arguments: new values by name of parameter or attribute; what is not named stays as it is.
        queue: None: as it is.
        priority: None: as it is.
        run_at: when it is due; None: of one that waits as it is, else now.

    Raises:
        JobStateError: if it runs, has succeeded, or has changed meanwhile.
        OptionError, PayloadError, TypeError: nothing is written then.
        BadSignature, CorruptHandler, UnknownPerformable: if its handler cannot be read.
    """
    store = get_store()
    _check(job)
    given = check_call({"queue": queue or job.queue, "priority": job.priority if priority is None else priority})
    options = merge({}, given) if queue and queue != job.queue else None
    columns = {"queue": options.queue if options else job.queue, "priority": given["priority"]}
    if arguments or columns["queue"] != job.queue:
        columns["handler"] = with_arguments(job, arguments or {}, columns["queue"])
    with writing(store, TWIN):
        due = None if run_at is None else check_time(run_at, store)
        again = job.state in ORIGINS[Act.RETRY]
        act = Act.RETRY if again else Act.POSTPONE if due is not None else None
        written = store.edit(seen(job), columns, act, due)
        is_ready = due is None or due <= store.now()
    if not written:
        raise JobStateError(Sentence(_("Job #%(id)s has changed meanwhile. Nothing was written."), id=job.pk))
    if (act is not None or job.state == State.READY) and is_ready:
        waking.made_ready(store, [job.pk], {columns["queue"]})


def _check(job: Job) -> None:
    if job.state not in EDITABLE:
        told = _("Job #%(id)s is %(state)s; only jobs that wait, failed or were cancelled can be edited.")
        raise JobStateError(Sentence(told, id=job.pk, state=Sentence(dict(CHOICES)[job.state])))
    if not is_editable(job):
        raise JobStateError(Sentence(_("Job #%(id)s is one of jobqueue's own, which are not edited."), id=job.pk))
