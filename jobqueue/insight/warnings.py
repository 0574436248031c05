"""What is wrong with the site as a whole: sentences for people, each with what to type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from jobqueue.conf import INLINE
from jobqueue.insight.scene import MOST_READY, Scene, listens, takes
from jobqueue.insight.workers import wrong_clocks
from jobqueue.models import ClassPause, Pause, Pool
from jobqueue.release import release
from jobqueue.sentences import translated
from jobqueue.wording import age, few, rounded

#: Queues, classes and pools that are warned of one by one.
NAMED = 4
#: Warnings on pages that are about something else.
SHOWN_BRIEFLY = 2

Level = Literal["danger", "warning", "info"]


class Warn(NamedTuple):
    """One thing that somebody should know.

    Attributes:
        kind: in a word, for programs and tests.
        level: how bad it is.
        sentence: for people.
        advice: what the command does, as "Start one"; "" where nothing is to be typed.
        command: what to type.
    """

    kind: str
    level: Level
    sentence: str
    advice: str = ""
    command: str = ""


def warnings(scene: Scene) -> list[Warn]:
    """Return all that is wrong, the worst first."""
    found = [
        *_of_workers(scene),
        *_of_queues(scene),
        *_of_classes(scene),
        *_of_releases(scene),
        *_of_clocks(scene),
        *_of_settings(scene),
    ]
    return sorted(found, key=lambda each: ("danger", "warning", "info").index(each.level))


def briefly(found: Sequence[Warn]) -> list[Warn]:
    """Return the worst, and how many more there are, for pages that are about something else."""
    grave = [each for each in found if each.level != "info"]
    more = len(grave) - SHOWN_BRIEFLY
    if more <= 0:
        return grave
    text = ngettext("%(count)s more warning on the dashboard.", "%(count)s more warnings on the dashboard.", more)
    return [*grave[:SHOWN_BRIEFLY], Warn("more", "warning", text % {"count": number_format(more)})]


def _of_workers(scene: Scene) -> Iterator[Warn]:
    if not scene.living:
        if not scene.needs_workers:
            return
        sentence = _("No worker is running.")
        if scene.oldest:
            jobs = _jobs_wait(sum(scene.waiting.values()))
            sentence = _("%(jobs)s, and no worker is running.") % {"jobs": jobs}
        start = _("Start one"), "python manage.py jobworker"
        yield Warn("no worker", "danger" if scene.oldest else "warning", sentence, *start)
    elif scene.oldest and not scene.takers:
        jobs = _jobs_wait(sum(scene.waiting.values()))
        yield Warn(
            "quiet", "danger", _("%(jobs)s, and all workers were told to take none.") % {"jobs": jobs},
            _("Let them start anew"), "python manage.py jobworker restart",
        )  # fmt: skip


def _of_queues(scene: Scene) -> Iterator[Warn]:
    """Count only where something is wrong, and what is told."""
    found = [tell for queue in sorted(scene.oldest) if (tell := _trouble(scene, queue))]
    yield from (tell() for tell in found[:NAMED])
    if len(found) > NAMED:
        more = len(found) - NAMED
        text = ngettext("%(count)s more queue is in trouble.", "%(count)s more queues are in trouble.", more)
        yield Warn("more queues", "warning", text % {"count": number_format(more)})


def _trouble(scene: Scene, queue: str) -> Callable[[], Warn] | None:
    """Return what tells why nobody performs the jobs that wait in a queue; None if all is well."""
    if pause := scene.pauses.get(queue):
        return lambda: _of_pause(scene, queue, pause)
    if not scene.living:
        return None
    if not any(listens(pool, queue) for pool in scene.living):
        return lambda: _of_nobody(scene, queue)
    lanes = [lane for lane in scene.lanes if lane.queue == queue]
    if left := [lane.priority for lane in lanes if not any(takes(pool, lane) for pool in scene.living)]:
        return lambda: _of_priorities(queue, left)
    if age(scene.oldest[queue], scene.now) > scene.settings.alert_after:
        return lambda: _of_age(scene, queue)
    return None


def _of_pause(scene: Scene, queue: str, pause: Pause) -> Warn:
    text = _('%(jobs)s in queue "%(queue)s", which is paused%(by)s since %(since)s%(why)s.')
    sentence = text % {"jobs": _jobs_wait(scene.waiting_in(queue)), "queue": queue, **_paused(pause)}
    return Warn("paused", "warning", sentence, _("Resume it"), f"python manage.py jobs resume {queue}")


def _of_nobody(scene: Scene, queue: str) -> Warn:
    text = _('%(jobs)s in queue "%(queue)s", and no worker takes it; live workers take: %(taken)s.')
    jobs = _jobs_wait(scene.waiting_in(queue))
    sentence = text % {"jobs": jobs, "queue": queue, "taken": _taken(scene.living)}
    start = _("Start one"), f"python manage.py jobworker --queue {queue}"
    return Warn("no worker for queue", "danger", sentence, *start)


def _of_priorities(queue: str, left: Sequence[int]) -> Warn:
    text = _('Jobs of priority %(priorities)s wait in queue "%(queue)s", and no worker takes that priority.')
    sentence = text % {"priorities": translated(few(left, NAMED)), "queue": queue}
    return Warn(
        "no worker for priority", "danger", sentence, _("Start one"), f"python manage.py jobworker --queue {queue}"
    )


def _of_age(scene: Scene, queue: str) -> Warn:
    text = _('The oldest of %(count)s due jobs in queue "%(queue)s" has waited for %(duration)s.')
    waited = timesince(scene.oldest[queue], scene.now, depth=1)
    sentence = text % {"count": _count(scene.waiting_in(queue)), "queue": queue, "duration": waited}
    return Warn(
        "oldest", "warning", sentence, _("More workers"), f"python manage.py jobworker -n 4 --queue {queue}"
    )


def _of_classes(scene: Scene) -> Iterator[Warn]:
    pauses = list(scene.class_pauses.values())
    for pause in pauses[:NAMED]:
        text = _("%(name)s is paused%(by)s since %(since)s%(why)s: its jobs wait, in whatever queue they are.")
        command = f"python manage.py jobs resume-class {pause.name}"
        sentence = text % {"name": pause.name, **_paused(pause)}
        yield Warn("paused class", "warning", sentence, _("Resume it"), command)
    if len(pauses) > NAMED:
        more = len(pauses) - NAMED
        text = ngettext("%(count)s more job class is paused.", "%(count)s more job classes are paused.", more)
        yield Warn("more classes", "warning", text % {"count": number_format(more)})


def _of_releases(scene: Scene) -> Iterator[Warn]:
    ours = release()
    restart = _("Restart"), "python manage.py jobworker restart"
    others = [pool for pool in scene.living if ours and pool.release != ours]
    for pool in others[:NAMED]:
        text = _("%(pool)s runs %(theirs)s since %(since)s; the site runs %(ours)s.")
        theirs = _("release %(name)s") % {"name": pool.release} if pool.release else _("no known release")
        names = {"pool": pool, "theirs": theirs, "since": moment(pool.started_at), "ours": ours}
        yield Warn("release", "warning", text % names, *restart)
    releases = sorted({pool.release for pool in scene.living})
    if len(others) > NAMED or (len(releases) > 1 and not ours):
        text = _("Workers run different releases: %(releases)s.")
        told = translated(few([each or pgettext("release", "unknown") for each in releases], NAMED))
        yield Warn("releases", "warning", text % {"releases": told}, *restart)


def _of_clocks(scene: Scene) -> Iterator[Warn]:
    for host, skew in list(wrong_clocks(scene.living).items())[:NAMED]:
        text = _("The clock of %(host)s is %(seconds)s s ahead of the database's, by which jobs become due.")
        if skew < 0:
            text = _("The clock of %(host)s is %(seconds)s s behind the database's, by which jobs become due.")
        sentence = text % {"host": host, "seconds": rounded(abs(skew))}
        yield Warn("clock", "warning", sentence, _("Set clocks by NTP; on that host"), "timedatectl")


def _of_settings(scene: Scene) -> Iterator[Warn]:
    if scene.settings.mode == INLINE:
        text = _(
            "Jobs are performed at once, where they are stored (MODE is inline); those for later need a worker."
        )
        yield Warn("inline", "info", text)
    if scene.settings.keep_succeeded == 0:
        text = _("Finished jobs are deleted at once (KEEP_SUCCEEDED is 0). Figures are kept.")
        yield Warn("keep succeeded", "info", text)
    if scene.settings.destroy_failed_jobs:
        text = _(
            "Failed jobs are deleted at once (DESTROY_FAILED_JOBS is True). Figures are kept, errors are not."
        )
        yield Warn("destroy failed", "info", text)


# Words


def _jobs_wait(number: int) -> str:
    return ngettext("%(count)s job waits", "%(count)s jobs wait", number) % {"count": _count(number)}


def _count(number: int) -> str:
    told = rounded(number)
    return f"{told}+" if number >= MOST_READY else told


def _paused(pause: Pause | ClassPause) -> dict[str, str]:
    """Return by whom, since when and why, in words."""
    return {
        "by": _(" by %(name)s") % {"name": pause.paused_by} if pause.paused_by else "",
        "since": moment(pause.since),
        "why": f" ({pause.reason})" if pause.reason else "",
    }


def _taken(pools: Sequence[Pool]) -> str:
    return translated(few(sorted({str(queue) for pool in pools for queue in pool.queues}), NAMED))


def moment(when: datetime) -> str:
    """Return a time as people name it: the hour alone if it is of today."""
    local, today = _local(when), _local(timezone.now())
    return date_format(local, "TIME_FORMAT" if local.date() == today.date() else "SHORT_DATETIME_FORMAT")


def _local(when: datetime) -> datetime:
    return timezone.localtime(when) if timezone.is_aware(when) else when
