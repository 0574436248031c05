"""What waits, and whether somebody takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from jobqueue.cli.banner import counted
from jobqueue.doctor.finding import Finding, error, hint, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.insight.scene import LANES, paused, takes
from jobqueue.models import Pool
from jobqueue.states import State
from jobqueue.stores.lanes import Lane, count_ready
from jobqueue.wording import age, few, span, up_to

#: Jobs are counted up to here.
MANY = 10_000
#: A ready job that waits for longer is worth a word.
OLD_SECONDS = 300.0
#: Maintenance makes due jobs ready within moments.
OVERDUE_SECONDS = 60.0
#: Queues that are told of one by one.
NAMED = 5


def queues(site: Site) -> Iterator[Finding]:
    """Report what waits, and what nobody takes."""
    lanes, takers = site.lanes, site.takers
    wanted = [lane for lane in site.awake if lane.queue not in site.pauses]
    found = [
        *resting(site),
        *resting_classes(site),
        *nobody(site, wanted, takers),
        *old(wanted, takers, site.now),
        *overdue(site),
    ]
    yield from found
    if len(lanes) == LANES:
        message = f"only the first {LANES:,} kinds of queue and priority were looked at"
        yield hint("queues.many", message, "Use few queues and few priorities; let run_at tell the order.")
    if not found:
        yield ok("queues", waiting(lanes, site.now))


def waiting(lanes: Sequence[Lane], now: datetime) -> str:
    """Return what waits, in words."""
    if not lanes:
        return "no job waits"
    return f"jobs wait in {few(_names(lanes), NAMED)}, the oldest for {_oldest(lanes, now)}"


def resting(site: Site) -> Iterator[Finding]:
    """Report the queues that are paused, and what waits in them."""
    for name, pause in list(site.pauses.items())[:NAMED]:
        mine = [lane for lane in site.lanes if lane.queue == name]
        waits = up_to(MANY, count_ready(site.alias, mine, MANY)) if mine else "none"
        message = f'"{name}" is {paused(pause, site.now)}; jobs that wait in it: {waits}'
        grade = warning if mine else hint
        yield grade("queues.paused", message, f"Resume it: python manage.py jobs resume {name}")


def resting_classes(site: Site) -> Iterator[Finding]:
    """Report the classes that are paused. Whether jobs of theirs wait is looked up among the first 10,000."""
    if not site.class_pauses:
        return
    waiting = set(site.jobs.in_state(State.READY).values_list("name", flat=True)[:MANY])
    for name, pause in list(site.class_pauses.items())[:NAMED]:
        waits = "jobs of it wait" if name in waiting else "no job of it waits"
        grade = warning if name in waiting else hint
        remedy = f"Resume it: python manage.py jobs resume-class {name}"
        yield grade("queues.resting", f'class "{name}" is {paused(pause, site.now)}; {waits}', remedy)


def nobody(site: Site, lanes: Sequence[Lane], takers: Sequence[Pool]) -> Iterator[Finding]:
    """Report lanes that no living pool takes; without any such pool another topic speaks."""
    lost = [lane for lane in lanes if not any(takes(pool, lane) for pool in takers)]
    names = _names(lost) if takers else []
    awake = bool(site.class_pauses)
    for name in names[:NAMED]:
        mine = [lane for lane in lost if lane.queue == name]
        count = up_to(MANY, count_ready(site.alias, mine, MANY, awake=awake))
        priorities = sorted(lane.priority for lane in mine)
        which = "" if _is_whole(mine, lanes) else f" of priority {few(priorities, NAMED)}"
        verb = "waits" if count == counted(1, "job") else "wait"
        waits = f'{count}{which} {verb} in "{name}", the oldest for {_oldest(mine, site.now)}'
        message = f"{waits}; living workers take: {taken_by(takers)}"
        yield error("queues.nobody", message, f"Start one: python manage.py jobworker --queue {name}")
    if len(names) > NAMED:
        message = f"no worker takes {few(names[NAMED:], NAMED)} either"
        yield error("queues.nobody", message, "Start one: python manage.py jobworker")


def taken_by(pools: Sequence[Pool]) -> str:
    """Return what pools take, in words: the queues, of which priorities."""
    return few(sorted({_choice(pool) for pool in pools}), NAMED)


def _choice(pool: Pool) -> str:
    queues = few(sorted(pool.queues), NAMED) or "all queues"
    low, high = pool.min_priority, pool.max_priority
    if low is None and high is None:
        return queues
    span = f"{'' if low is None else low}..{'' if high is None else high}"
    return f"{queues} of priority {span}"


def old(lanes: Sequence[Lane], takers: Sequence[Pool], now: datetime) -> Iterator[Finding]:
    """Report that workers cannot keep up."""
    taken = [lane for lane in lanes if any(takes(pool, lane) for pool in takers)]
    oldest = min(taken, key=lambda lane: lane.oldest, default=None)
    if oldest is not None and age(oldest.oldest, now) > OLD_SECONDS:
        waits = span(age(oldest.oldest, now))
        message = f'a job of priority {oldest.priority} in "{oldest.queue}" waits for {waits}'
        remedy = f"More workers: python manage.py jobworker -n 4 --queue {oldest.queue}"
        yield warning("queues.old", message, remedy)


def overdue(site: Site) -> Iterator[Finding]:
    """Report jobs whose time has come and that no maintenance has made ready."""
    late = site.now - timedelta(seconds=max(OVERDUE_SECONDS, 2 * site.settings.poll_seconds))
    first = site.jobs.scheduled().values_list("run_at", flat=True).first() if site.living else None
    if first is not None and first < late:
        count = up_to(MANY, site.jobs.scheduled().filter(run_at__lt=late)[:MANY].count())
        message = f"due and not made ready: {count}, the first for {span(age(first, site.now))}"
        yield error("queues.overdue", message, "Restart the workers: python manage.py jobworker restart")


def _names(lanes: Sequence[Lane]) -> list[str]:
    return list(dict.fromkeys(lane.queue for lane in lanes))


def _is_whole(mine: Sequence[Lane], lanes: Sequence[Lane]) -> bool:
    """Whether some lanes of a queue are all that the queue has."""
    return len(mine) == sum(lane.queue == mine[0].queue for lane in lanes)


def _oldest(lanes: Sequence[Lane], now: datetime) -> str:
    return span(max(age(min(lane.oldest for lane in lanes), now), 0.0))
