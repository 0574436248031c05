"""What waits, and whether somebody takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from jobqueue.doctor.finding import Finding, error, hint, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.doctor.words import age, at_most, span
from jobqueue.models import Pool
from jobqueue.stores.lanes import Lane, count_ready, read_lanes

#: Queues and priorities that are looked at.
LANES = 1000
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
    lanes = read_lanes(site.alias, LANES)
    takers = [pool for pool in site.living if not pool.quiet]
    found = [*nobody(site, lanes, takers), *old(lanes, takers, site.now), *overdue(site)]
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
    names = list(dict.fromkeys(lane.queue for lane in lanes))
    oldest = span(max(age(min(lane.oldest for lane in lanes), now), 0.0))
    return f"jobs wait in {', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}, the oldest for {oldest}"


def nobody(site: Site, lanes: Sequence[Lane], takers: Sequence[Pool]) -> Iterator[Finding]:
    """Report lanes that no living pool takes; without any living pool another topic speaks."""
    lost = [lane for lane in lanes if not any(takes(pool, lane) for pool in takers)]
    names = list(dict.fromkeys(lane.queue for lane in lost)) if takers else []
    for name in names[:NAMED]:
        mine = [lane for lane in lost if lane.queue == name]
        count = at_most(count_ready(site.alias, mine, MANY), MANY)
        oldest = span(max(age(min(lane.oldest for lane in mine), site.now), 0.0))
        which = "" if len(mine) == sum(lane.queue == name for lane in lanes) else _priorities(mine)
        message = f'{count} jobs{which} wait in "{name}" and no worker takes them; the oldest for {oldest}'
        yield error("queues.nobody", message, f"Start one: python manage.py jobworker --queue {name}")
    if len(names) > NAMED:
        others = ", ".join(names[NAMED:])
        yield error("queues.nobody", f"no worker takes {others} either", "Start one: python manage.py jobworker")


def takes(pool: Pool, lane: Lane) -> bool:
    """Whether a pool performs the jobs of a lane."""
    low, high = pool.min_priority, pool.max_priority
    in_bounds = (low is None or lane.priority >= low) and (high is None or lane.priority <= high)
    return in_bounds and (not pool.queues or lane.queue in pool.queues)


def old(lanes: Sequence[Lane], takers: Sequence[Pool], now: datetime) -> Iterator[Finding]:
    """Report that workers cannot keep up."""
    taken = [lane for lane in lanes if any(takes(pool, lane) for pool in takers)]
    oldest = min(taken, key=lambda lane: lane.oldest, default=None)
    if oldest is not None and age(oldest.oldest, now) > OLD_SECONDS:
        message = (
            f'a job of priority {oldest.priority} in "{oldest.queue}" waits for {span(age(oldest.oldest, now))}'
        )
        remedy = f"More workers: python manage.py jobworker -n 4 --queue {oldest.queue}"
        yield warning("queues.old", message, remedy)


def overdue(site: Site) -> Iterator[Finding]:
    """Report jobs whose time has come and that no maintenance has made ready."""
    late = site.now - timedelta(seconds=OVERDUE_SECONDS)
    first = site.jobs.scheduled().values_list("run_at", flat=True).first() if site.living else None
    if first is not None and first < late:
        count = at_most(site.jobs.scheduled().filter(run_at__lt=late)[:MANY].count(), MANY)
        message = f"{count} jobs are due and not made ready, one for {span(age(first, site.now))}"
        yield error("queues.overdue", message, "Restart the workers: python manage.py jobworker restart")


def _priorities(lanes: Sequence[Lane]) -> str:
    priorities = sorted({lane.priority for lane in lanes})
    few = ", ".join(map(str, priorities[:NAMED]))
    return f" of priority {few}{' …' if len(priorities) > NAMED else ''}"
