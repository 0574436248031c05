"""Metrics for Prometheus, through its official client.

The page ``metrics/`` of ``jobqueue.urls`` has them. A project that already has such a page adds them to it::

    from prometheus_client import REGISTRY
    from jobqueue.integrations.prometheus import Collector

    REGISTRY.register(Collector())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector as Base

from jobqueue.gauges import Gauges, read_gauges, slots, workers
from jobqueue.models import Pool
from jobqueue.wording import age

#: Name, what it is, and its labels.
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "jobqueue_database_up": ("Whether the database of the jobs answers.", ()),
    "jobqueue_database_time_seconds": ("Its clock, in seconds since 1970.", ()),
    "jobqueue_jobs": ("Jobs by state, up to a limit; failed: within a day.", ("queue", "state")),
    "jobqueue_oldest_waiting_seconds": ("How long the oldest ready job waits.", ("queue",)),
    "jobqueue_queue_paused": ("Whether the queue rests.", ("queue",)),
    "jobqueue_class_paused": ("1 for each class that rests.", ("class",)),
    "jobqueue_pools": ("Living pools.", ("release",)),
    "jobqueue_heartbeat_age_seconds": ("How long ago the pool has given a sign of life.", ("pool",)),
    "jobqueue_processes": ("Worker processes that the pool is to have.", ("pool",)),
    "jobqueue_slots": ("Jobs that the pool performs at a time.", ("pool",)),
    "jobqueue_slots_busy": ("Of these, those in use at the latest heartbeat.", ("pool",)),
}
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "jobqueue_worker_jobs": ("Attempts since the worker began.", ("pool", "worker", "outcome")),
}


class Collector(Base):
    """Reads the figures anew for each scrape. Where the database does not answer, that alone is told."""

    def describe(self) -> Iterator[Metric]:
        """Yield what there is, without a look at the database: this is asked at import time."""
        yield from _families().values()

    def collect(self) -> Iterator[Metric]:
        """Yield what there is, with its values."""
        families = _families()
        try:
            found = read_gauges()
        except (DatabaseError, InterfaceError):
            families["jobqueue_database_up"].add_metric((), 0)
            yield families["jobqueue_database_up"]
            return
        _fill(families, found)
        yield from families.values()


def page(accept: str) -> tuple[bytes, str]:
    """Return the text for a scrape and its content type, in the form that the header ``Accept`` asks for."""
    registry = CollectorRegistry()
    registry.register(Collector())
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


def _families() -> dict[str, GaugeMetricFamily | CounterMetricFamily]:
    gauges = {name: GaugeMetricFamily(name, told, labels=labels) for name, (told, labels) in GAUGES.items()}
    counters = {name: CounterMetricFamily(name, told, labels=labels) for name, (told, labels) in COUNTERS.items()}
    return {**gauges, **counters}


def _fill(families: dict[str, GaugeMetricFamily | CounterMetricFamily], found: Gauges) -> None:
    families["jobqueue_database_up"].add_metric((), 1)
    families["jobqueue_database_time_seconds"].add_metric((), found.now.timestamp())
    for queue in found.queues:
        for state, counts in found.counts.items():
            families["jobqueue_jobs"].add_metric((queue, state.label), counts.get(queue, 0))
        families["jobqueue_oldest_waiting_seconds"].add_metric((queue,), max(found.oldest.get(queue, 0.0), 0.0))
        families["jobqueue_queue_paused"].add_metric((queue,), queue in found.paused)
    for name in sorted(found.paused_classes):
        families["jobqueue_class_paused"].add_metric((name,), 1)
    # Prometheus takes no name twice; two passes of work_off may be in one process.
    pools = {str(pool): pool for pool in found.pools}.values()
    for release, count in sorted(Counter(pool.release for pool in pools).items()):
        families["jobqueue_pools"].add_metric((release,), count)
    for pool in pools:
        _fill_pool(families, pool, max(age(pool.beat_at, found.now), 0.0))


def _fill_pool(families: dict[str, GaugeMetricFamily | CounterMetricFamily], pool: Pool, silent: float) -> None:
    name, at_work = str(pool), list(workers(pool))
    families["jobqueue_heartbeat_age_seconds"].add_metric((name,), silent)
    families["jobqueue_processes"].add_metric((name,), pool.processes)
    families["jobqueue_slots"].add_metric((name,), slots(pool))
    families["jobqueue_slots_busy"].add_metric((name,), sum(each.busy for each in at_work))
    for each in at_work:
        outcomes = {"succeeded": each.succeeded, "failed": each.failed}
        for outcome, count in outcomes.items():
            families["jobqueue_worker_jobs"].add_metric((name, str(each.pid), outcome), count)
