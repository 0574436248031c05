"""What a starting pool tells about itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap

import django
from django.conf import settings as django_settings
from django.db import DatabaseError, InterfaceError, connections

import jobqueue
from jobqueue.conf import Settings
from jobqueue.handlers.known import is_own
from jobqueue.handlers.resolve import registry
from jobqueue.models import Job, Pool
from jobqueue.pool.options import PoolOptions
from jobqueue.release import release
from jobqueue.stores.base import Store
from jobqueue.wording import counted

__all__ = ["counted", "details", "starting_line", "summary"]

#: Room for the list of known jobs.
WIDTH, LINES = 100, 20
VENDORS = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def starting_line(options: PoolOptions, pid: int) -> str:
    """Return Delayed Job's first line."""
    return f"*** Starting job worker {options.signature(pid)}"


def summary(options: PoolOptions, settings: Settings, store: Store) -> str:
    """Return what a log says of a starting pool, where no terminal shows the details."""
    return f"{_versions(settings)}; {'; '.join(_parts(options, store))}"


def details(options: PoolOptions, settings: Settings, store: Store, *, restarts: bool = False) -> Iterator[str]:
    """Yield the lines under it, for people at a terminal; ``restarts``: with new code, whenever there is some."""
    yield f"    {_versions(settings)}{' (restarts itself on code changes)' if restarts else ''}"
    yield f"    {'   '.join(_parts(options, store))}"
    known = known_jobs()
    try:
        counts, others = _counts(store), _other_releases(store)
    except (DatabaseError, InterfaceError):
        counts, others = "the database does not answer yet", ""
    yield f"    {counts}; {counted(sum(map(len, known.values())), 'kind')} of jobs known{':' if known else ''}"
    yield from _listed(known)
    if others:
        yield f"    other releases at work: {others}"
    yield "    Ctrl+C once: finish running jobs and stop. Twice: put them back and stop."


def _listed(known: dict[str, list[str]]) -> Iterator[str]:
    """Yield the names of jobs by module, as far as there is room."""
    listed = [
        line
        for module, names in known.items()
        for line in wrap(f"{module}: {', '.join(names)}", WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 8)
    ]
    yield from listed[:LINES]
    if len(listed) > LINES:
        yield "      …"


def known_jobs() -> dict[str, list[str]]:
    """Return the names of all jobs that are declared in loaded modules, by module, without former names and our own."""
    found: dict[str, list[str]] = {}
    for path, declared in sorted(registry.items()):
        named = getattr(declared, "func", declared)  # a task of Django's has no name of its own
        module, name = named.__module__, named.__qualname__
        if path == f"{module}.{name}" and not is_own(path):
            found.setdefault(module, []).append(name)
    return found


def _parts(options: PoolOptions, store: Store) -> list[str]:
    worker, selection = options.worker, options.worker.selection
    low, high = selection.min_priority, selection.max_priority
    span = (
        "all" if low is None and high is None else f"{'' if low is None else low}..{'' if high is None else high}"
    )
    slots = options.processes * worker.performers
    each = counted(worker.threads, "thread")
    if worker.coroutines > 1:
        each = f"{worker.coroutines} async, {each}"
    return [
        f"queues {','.join(selection.queues) or 'all'}",
        f"priorities {span}",
        f"slots {slots} = {counted(options.processes, 'process')} x {each}",
        f"poll {options.poll_seconds:g} s{_bell(options, store)}",
    ]


def _versions(settings: Settings) -> str:
    connection = connections[settings.database]
    name = str(connection.settings_dict["NAME"])
    database = f'{VENDORS.get(connection.vendor, connection.vendor)} "{name.rpartition("/")[2]}"'
    parts = [f"jobqueue {jobqueue.__version__}", f"Django {django.get_version()}", database]
    if release():
        parts.append(f"release {release()}")
    if django_settings.DEBUG:
        parts.append("DEBUG on")
    return ", ".join(parts)


def _bell(options: PoolOptions, store: Store) -> str:
    if not options.listen:
        return ""
    return ", woken by NOTIFY" if store.can_notify else ", woken by changes of the file"


def _counts(store: Store) -> str:
    jobs = Job.objects.using(store.alias)
    due, later = jobs.ready()[:10_000].count(), jobs.scheduled()[:10_000].count()
    return f"{counted(due, 'job')} due, {later:,} later"


def _other_releases(store: Store) -> str:
    """Return the other releases that living pools run, in words."""
    living = Pool.objects.using(store.alias).filter(alive=True).exclude(release=release())
    return told_releases(Counter(living.values_list("release", flat=True)[:1000])) if release() else ""


def told_releases(counts: Counter[str]) -> str:
    """Return releases and how many pools run each: ``4f2a (1 pool), 9c1e (2 pools)``."""
    return ", ".join(f"{name or 'none'} ({counted(count, 'pool')})" for name, count in counts.items())
