"""Jobs that need somebody's eye: failed, unknown to every worker, or held by nobody who lives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef

from jobqueue.doctor.finding import Finding, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.logs import headline
from jobqueue.models import Pool
from jobqueue.policy.retry import BLOCKED_PAUSE
from jobqueue.states import State
from jobqueue.wording import age, counted, span, up_to

#: Rows of one kind that are looked at.
MANY = 10_000
ERROR_LENGTH = 120


def jobs(site: Site) -> Iterator[Finding]:
    """Report jobs of these kinds."""
    found = [*failed(site), *blocked(site), *orphaned(site)]
    yield from found
    if not found:
        yield ok("jobs", "none failed within a day, none is blocked, none is held by a dead pool")


def failed(site: Site) -> Iterator[Finding]:
    """Report what has failed for good within a day."""
    lately = site.jobs.failed().filter(finished_at__gte=site.now - timedelta(days=1)).order_by("-finished_at")
    if latest := lately.first():
        seen = max(lately.values("finished_at")[:MANY].count(), 1)
        why = headline(latest.error or "")[:ERROR_LENGTH]
        count = ("at least " if seen == MANY else "") + counted(seen, "job")
        message = f"{count} failed within a day, the latest {latest}: {why}"
        remedy = f"Mended? Again: python manage.py jobs retry {latest.pk}"
        yield warning("jobs.failed", message, remedy)


def blocked(site: Site) -> Iterator[Finding]:
    """Report what no worker knows how to perform: such jobs are tried again each minute, for an hour."""
    soon = site.now + timedelta(seconds=2 * BLOCKED_PAUSE)
    looked_at = (site.jobs.scheduled().filter(run_at__lt=soon), site.jobs.in_state(State.READY))
    waiting = [
        (since, pk, name)
        for rows in looked_at
        for since, pk, name in rows.values_list("blocked_at", "pk", "name")[:MANY]
        if since is not None
    ]
    if waiting:
        since, pk, name = min(waiting)
        oldest = f"#{pk} {name} waits for {span(age(since, site.now))}"
        message = f"no worker has the code for {counted(len(waiting), 'job')}; {oldest}, after an hour it fails"
        remedy = "Deploy the release that has it: python manage.py jobworker restart"
        yield warning("jobs.blocked", message, remedy)


def orphaned(site: Site) -> Iterator[Finding]:
    """Report jobs that are marked as running and whose pool does not live."""
    lease = site.store.ago(site.settings.lease_seconds)
    living = Pool.objects.using(site.alias).filter(pk=OuterRef("pool_id"), alive=True, beat_at__gte=lease)
    count = site.jobs.running().filter(~Exists(living))[:MANY].count()
    if count:
        message = f"held by a pool that does not live: {up_to(MANY, count)}"
        soon = "A living pool takes them back within a minute. If not: python manage.py jobworker restart"
        remedy = soon if site.living else "A new pool takes them back: python manage.py jobworker"
        yield warning("jobs.orphaned", message, remedy)
