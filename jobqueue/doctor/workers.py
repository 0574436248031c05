"""The pools: who lives, who is silent, who has died, and of which release they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from jobqueue.cli.banner import told_releases
from jobqueue.doctor.finding import Finding, error, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.insight.scene import address, slots
from jobqueue.insight.workers import SKEW_SECONDS, wrong_clocks
from jobqueue.models import Pool
from jobqueue.release import RESTART, outdated
from jobqueue.wording import age, counted, few, span

#: A death is news for so long.
LATELY_SECONDS = 3600.0
#: Pools that are told of one by one.
NAMED = 3


def workers(site: Site) -> Iterator[Finding]:
    """Report about all pools."""
    living = site.living
    if living:
        yield ok("workers", alive(living))
    else:
        yield error("workers.none", "none alive", "Start one: python manage.py jobworker")
    yield from (*silent(site), *dead(site), *early(site), *clocks(living), *quiet(living))
    yield from releases(living, site.release)


def alive(living: list[Pool]) -> str:
    """Return how many pools live and how many jobs they perform at a time, in words."""
    release = f", release {living[0].release}" if living[0].release else ""
    return f"{counted(len(living), 'pool')} alive with {counted(slots(living), 'slot')}{release}"


def silent(site: Site) -> Iterator[Finding]:
    """Report the pools whose heart has stopped, and that nobody has declared dead yet."""
    pools = [pool for pool in site.pools if pool.alive and site.is_silent(pool)]
    if pools:
        message = f"no heartbeat within the lease, so they count as dead: {_told(site, pools, 'ago')}"
        yield warning("workers.silent", message, f"Is it there? On {pools[0].host}: ps -p {pools[0].pid}")


def dead(site: Site) -> Iterator[Finding]:
    """Report the pools that others have declared dead lately."""
    pools = [pool for pool in site.pools if not pool.alive and age(pool.beat_at, site.now) < LATELY_SECONDS]
    if pools:
        message = f"declared dead, by their last heartbeats: {_told(site, pools, 'ago')}"
        remedy = f"Its log says why. Out of memory? On {pools[-1].host}: dmesg | grep -i kill"
        yield warning("workers.dead", message, remedy)


def early(site: Site) -> Iterator[Finding]:
    """Report heartbeats from the future: a clock was set back, or another host's is wrong."""
    pools = [pool for pool in site.pools if age(pool.beat_at, site.now) < -SKEW_SECONDS]
    if pools:
        message = f"a clock was set back, or is wrong; heartbeats from the future: {_told(site, pools, 'ahead')}"
        yield warning("clock.future", message, f"Set clocks by NTP. On {pools[0].host}: timedatectl")


def clocks(living: list[Pool]) -> Iterator[Finding]:
    """Report hosts whose clock is not the database's."""
    for host, skew in list(wrong_clocks(living).items())[:NAMED]:
        direction = "ahead of" if skew > 0 else "behind"
        message = f"that of {host} is {span(abs(skew))} {direction} the database's, by which jobs become due"
        yield warning("clock.worker", message, f"Set clocks by NTP. On {host}: timedatectl")


def quiet(living: list[Pool]) -> Iterator[Finding]:
    """Report pools that were told to take no new jobs."""
    resting = [pool for pool in living if pool.quiet]
    if resting:
        grade = error if len(resting) == len(living) else warning
        remedy = f"Let it go on: python manage.py jobs resume-worker {address(resting[0])}"
        yield grade("workers.quiet", f"told to take no new jobs: {few(resting, NAMED)}", remedy)


def releases(living: list[Pool], ours: str) -> Iterator[Finding]:
    """Report pools of different releases, or of another than this code."""
    others = [pool for pool in living if ours and pool.release != ours]
    for pool in others[:NAMED]:
        message = outdated(str(pool), pool.release, pool.started_at, ours)
        yield warning("workers.releases", message.rstrip("."), RESTART)
    counts = Counter(pool.release for pool in living)
    if len(others) > NAMED or (len(counts) > 1 and not ours):
        message = f"releases at work: {told_releases(counts)}; this is {ours or 'none'}"
        yield warning("workers.releases", message, RESTART)


def _told(site: Site, pools: list[Pool], direction: str) -> str:
    """Return pools with their last heartbeats."""
    told = [f"{pool} ({span(abs(age(pool.beat_at, site.now)))} {direction})" for pool in pools[:NAMED]]
    return few([*told, *pools[NAMED:]], NAMED)
