"""Why does a job not run? A pure function over what one look has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from jobqueue.insight.scene import address, listens, takes
from jobqueue.insight.workers import told_by
from jobqueue.logs import headline
from jobqueue.models import ClassPause, Job, Pause, Pool
from jobqueue.sentences import Sentence
from jobqueue.states import State
from jobqueue.stores.lanes import Lane
from jobqueue.wording import Amount, Moment, Span, age, few

#: Maintenance makes due jobs ready within moments.
OVERDUE_SECONDS = 60.0
#: Jobs in front are counted up to here.
MANY = 10_000
NAMED = 5


class Why(NamedTuple):
    """The reason of a job's state.

    Attributes:
        kind: the reason in a word, for programs.
        sentence: for people.
        advice: what the command does, as "Run it now", or a sentence without one; "" where nothing is to be done.
        command: what to type.
    """

    kind: str
    sentence: str
    advice: str = ""
    command: str = ""

    @property
    def remedy(self) -> str:
        """What to do about it, in one piece."""
        return f"{self.advice}: {self.command}" if self.command else self.advice

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".rstrip()


@dataclass(frozen=True)
class Snapshot:
    """What was found at one moment.

    Attributes:
        job_id: that was asked about.
        now: the database's time.
        job: its row; None if there is none.
        living: the pools that live.
        pause: why its queue rests, or its class; None if neither does.
        ahead: how many ready jobs come before it; 10,000 if so many or more.
        max_attempts: of jobs that do not say themselves.
        newest: the largest id of all jobs.
        kept: how long ended jobs stay, as the settings have it.
        cancelling: since when somebody wants it to end.
    """

    job_id: int
    now: datetime
    job: Job | None
    living: Sequence[Pool] = ()
    pause: Pause | ClassPause | None = None
    ahead: int = 0
    max_attempts: int = 25
    newest: int | None = None
    kept: float | None = None
    cancelling: datetime | None = None


def why(look: Snapshot) -> Why:
    """Return the reason why a job is where it is, and what to do about it."""
    job = look.job
    if job is None:
        return _gone(look)
    match State(job.state):
        case State.SCHEDULED:
            return _scheduled(look, job)
        case State.READY:
            return _ready(look, job)
        case State.RUNNING:
            return _running(look, job)
        case _:
            return _ended(look, job)


def _gone(look: Snapshot) -> Why:
    told: dict[str, object] = {"id": look.job_id}
    if look.newest is not None and look.job_id > look.newest:
        text = _(
            "There is no job #%(id)s: the largest id is %(newest)s. "
            "The transaction that stores it may still be open."
        )
        told["newest"] = look.newest
    elif look.kept is None:
        text = _("There is no job #%(id)s: it was rolled back, or it has ended and was deleted.")
    else:
        text = _(
            "There is no job #%(id)s: it was rolled back, or it has ended and was deleted "
            "(KEEP_SUCCEEDED is %(kept)s)."
        )
        told["kept"] = Span(look.kept) if look.kept else "0"
    return Why("gone", Sentence(text, **told))


def _scheduled(look: Snapshot, job: Job) -> Why:
    run_now = Sentence(_("Run it now")), f"python manage.py jobs run-now {job.pk}"
    if job.blocked_at is not None:
        text = _("#%(id)s waits for a release that knows %(name)s, for %(duration)s; after an hour it fails.")
        told = Sentence(text, id=job.pk, name=job.name, duration=Span(age(job.blocked_at, look.now)))
        return Why("blocked", told, Sentence(_("Deploy it, then")), "python manage.py jobworker restart")
    if job.run_at <= look.now:
        return _overdue(look, job)
    when = Moment(job.run_at)
    if job.attempts:
        told = Sentence(
            _("#%(id)s waits until %(when)s, in %(duration)s, after its try %(number)s of %(most)s%(error)s."),
            id=job.pk,
            when=when,
            duration=Span(-age(job.run_at, look.now)),
            number=job.attempts,
            most=_most(look, job),
            error=_error(job),
        )
        return Why("retrying", told, *run_now)
    return Why("scheduled", Sentence(_("#%(id)s waits until %(when)s (run_at)."), id=job.pk, when=when), *run_now)


def _overdue(look: Snapshot, job: Job) -> Why:
    late = age(job.run_at, look.now)
    if not look.living:
        return _nobody(job)
    if late < OVERDUE_SECONDS:
        text = _("#%(id)s is due since %(duration)s; it is made ready within moments.")
        return Why("due", Sentence(text, id=job.pk, duration=Span(late)))
    text = _("#%(id)s is due since %(duration)s, and no pool has made it ready.")
    restart = Sentence(_("Restart the workers")), "python manage.py jobworker restart"
    return Why("overdue", Sentence(text, id=job.pk, duration=Span(late)), *restart)


def _ready(look: Snapshot, job: Job) -> Why:
    if look.pause is not None:
        return _paused(look, job, look.pause)
    if not look.living:
        return _nobody(job)
    lane = Lane(job.queue, job.priority, job.run_at)
    takers = [pool for pool in look.living if takes(pool, lane)]
    if not takers:
        return _untaken(look, job)
    if all(pool.quiet for pool in takers):
        told = Sentence(_("#%(id)s waits: the workers of its queue were told to take no new jobs."), id=job.pk)
        command = f"python manage.py jobs resume-worker {address(takers[0])}"
        return Why("quiet", told, Sentence(_("Let them go on")), command)
    if look.ahead:
        return _behind(look, job)
    text = _('#%(id)s is the next in queue "%(queue)s": the first worker that is free takes it.')
    return Why("next", Sentence(text, id=job.pk, queue=job.queue))


def _behind(look: Snapshot, job: Job) -> Why:
    text = ngettext_lazy(
        '#%(id)s waits behind %(told)s job in queue "%(queue)s".',
        '#%(id)s waits behind %(told)s jobs in queue "%(queue)s".',
        "count",
    )
    told = Sentence(text, id=job.pk, count=look.ahead, told=Amount(look.ahead, MANY), queue=job.queue)
    command = f"python manage.py jobworker -n 4 --queue {job.queue}"
    return Why("behind", told, Sentence(_("More workers")), command)


def _paused(look: Snapshot, job: Job, pause: Pause | ClassPause) -> Why:
    verb, text, text_by = {
        Pause: (
            "resume",
            _('#%(id)s waits: queue "%(name)s" is paused for %(duration)s%(why)s.'),
            _('#%(id)s waits: queue "%(name)s" is paused by %(by)s for %(duration)s%(why)s.'),
        ),
        ClassPause: (
            "resume-class",
            _('#%(id)s waits: class "%(name)s" is paused for %(duration)s%(why)s.'),
            _('#%(id)s waits: class "%(name)s" is paused by %(by)s for %(duration)s%(why)s.'),
        ),
    }[type(pause)]
    told = Sentence(
        text_by if pause.paused_by else text,
        id=job.pk,
        name=str(pause),
        by=pause.paused_by,
        duration=Span(max(age(pause.since, look.now), 0.0)),
        why=f" ({pause.reason})" if pause.reason else "",
    )
    return Why("paused", told, Sentence(_("Resume it")), f"python manage.py jobs {verb} {pause}")


def _nobody(job: Job) -> Why:
    told = Sentence(_("#%(id)s waits: no worker is running."), id=job.pk)
    return Why("no worker", told, Sentence(_("Start one")), "python manage.py jobworker")


def _untaken(look: Snapshot, job: Job) -> Why:
    start = Sentence(_("Start one")), f"python manage.py jobworker --queue {job.queue}"
    if any(listens(pool, job.queue) for pool in look.living):
        text = _('#%(id)s waits: no worker of queue "%(queue)s" takes priority %(priority)s.')
        told = Sentence(text, id=job.pk, queue=job.queue, priority=job.priority)
        return Why("no worker for its priority", told, *start)
    text = _('#%(id)s waits: no worker listens to queue "%(queue)s"; live workers take: %(taken)s.')
    names = sorted({name for pool in look.living for name in pool.queues})
    told = Sentence(text, id=job.pk, queue=job.queue, taken=few(names, NAMED))
    return Why("no worker for its queue", told, *start)


def _running(look: Snapshot, job: Job) -> Why:
    told: dict[str, object] = {
        "id": job.pk,
        "worker": job.locked_by or Sentence(_("somebody")),
        "duration": Span(max(age(job.locked_at or look.now, look.now), 0.0)),
    }
    pool = next((pool for pool in look.living if pool.pk == job.pool_id), None)
    if pool is None:
        return _orphaned(
            look, Sentence(_("#%(id)s is held for %(duration)s by %(worker)s, which does not live."), **told)
        )
    if look.cancelling is not None:
        text = _("#%(id)s runs for %(duration)s by %(worker)s; it was asked to end %(wished)s ago.")
        return Why("cancelling", Sentence(text, **told, wished=Span(max(age(look.cancelling, look.now), 0.0))))
    if _is_only_claimed(job, pool):
        text = _("#%(id)s is claimed for %(duration)s by %(worker)s, and was not begun at its last heartbeat.")
        return Why("claimed", Sentence(text, **told))
    watch = Sentence(_("Watch it")), f"python manage.py jobs watch {job.pk}"
    return Why("running", Sentence(_("#%(id)s runs for %(duration)s by %(worker)s."), **told), *watch)


def _orphaned(look: Snapshot, told: Sentence) -> Why:
    if look.living:
        return Why("orphaned", told, Sentence(_("A living pool takes it back within a minute.")))
    return Why("orphaned", told, Sentence(_("A new pool takes it back")), "python manage.py jobworker")


def _is_only_claimed(job: Job, pool: Pool) -> bool:
    """Whether the pool's latest heartbeat, sent after the claim, knows nothing of it."""
    if job.locked_at is None or pool.beat_at <= job.locked_at:
        return False
    performed = {each["id"] for worker in told_by(pool) for each in worker["jobs"]}
    return job.pk not in performed


def _ended(look: Snapshot, job: Job) -> Why:
    ended = job.finished_at or job.updated_at
    told: dict[str, object] = {
        "id": job.pk,
        "duration": Span(max(age(ended, look.now), 0.0)),
        "error": _error(job),
    }
    again = Sentence(_("Again")), f"python manage.py jobs retry {job.pk}"
    if job.state == State.SUCCEEDED:
        return _succeeded(job, told)
    if job.state == State.CANCELLED:
        return Why("cancelled", Sentence(_("#%(id)s was cancelled %(duration)s ago%(error)s."), **told), *again)
    most = _most(look, job)
    text = _("#%(id)s failed %(duration)s ago, all %(most)s tries used%(error)s.")
    if job.attempts < most:
        text = _("#%(id)s failed %(duration)s ago, at its try %(number)s of %(most)s, for good%(error)s.")
    elif most == 1:
        text = _("#%(id)s failed %(duration)s ago, its only try used%(error)s.")
    return Why("failed", Sentence(text, **told, number=job.attempts, most=most), *again)


def _succeeded(job: Job, told: dict[str, object]) -> Why:
    if job.started_at is None or job.finished_at is None:
        return Why("succeeded", Sentence(_("#%(id)s succeeded %(duration)s ago."), **told))
    took = Span(max(age(job.started_at, job.finished_at), 0.0))
    return Why(
        "succeeded", Sentence(_("#%(id)s succeeded %(duration)s ago; it took %(took)s."), **told, took=took)
    )


def _most(look: Snapshot, job: Job) -> int:
    return job.max_attempts or look.max_attempts


def _error(job: Job) -> str:
    return f": {headline(job.error).rstrip('.')}" if job.error else ""
