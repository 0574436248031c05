"""Is everything well? Topics look at one thing each and report findings; none of them changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jobqueue.doctor import (
    database,
    disk,
    jobs,
    queues,
    rights,
    session,
    settings,
    snapshots,
    sqlite,
    table,
    workers,
)
from jobqueue.doctor.finding import Finding, Level, error
from jobqueue.doctor.site import Site
from jobqueue.logs import headline

Topic = Callable[[Site], Iterator[Finding]]

#: The longest that one topic may take.
SECONDS = 2.0
#: Behind these there is nothing to look at.
LAST_WORDS = {
    *settings.FATAL,
    "database.unreachable",
    "database.version",
    "migrations.missing",
    "migrations.newer",
}

#: These look before there is a connection.
UNCONNECTED: tuple[Topic, ...] = (settings.settings, database.database)
SERVER: dict[str, tuple[Topic, ...]] = {
    "postgresql": (settings.durability, session.session, session.clock, snapshots.snapshots),
    "sqlite": (sqlite.sqlite, disk.file, sqlite.integrity),
}
TABLES: dict[str, tuple[Topic, ...]] = {
    "postgresql": (table.table, table.ids),
    "sqlite": (table.sqlite_ids,),
}
JOBS: tuple[Topic, ...] = (workers.workers, queues.queues, jobs.jobs, rights.rights)


def examine(site: Site) -> list[Finding]:
    """Return what is found, in the order of looking."""
    found: list[Finding] = []
    for topic in _topics(site):
        found += _ask(topic, site)
        if any(each.id in LAST_WORDS for each in found):
            break
    return found


def _topics(site: Site) -> Iterator[Topic]:
    """Yield the topics; those of a kind of database only when it is known to answer."""
    yield from UNCONNECTED
    vendor = site.connection.vendor
    yield from SERVER[vendor]
    yield database.migrations
    yield from TABLES[vendor]
    yield from JOBS


def _ask(topic: Topic, site: Site) -> list[Finding]:
    """Return what a topic finds; that it cannot look is a finding, too."""
    if topic in UNCONNECTED:
        return list(topic(site))
    try:
        with site.store.looking(SECONDS):
            return list(topic(site))
    except Exception as found:  # whatever is odd there, the others shall be looked at
        if site.strict:
            raise
        name = topic.__name__.rpartition("_")[2]
        message = f"could not be examined: {type(found).__name__}: {headline(str(found))}"
        return [error(f"{name}.unknown", message, "See where: python manage.py jobs doctor --traceback")]


__all__ = ["Finding", "Level", "Site", "examine"]
