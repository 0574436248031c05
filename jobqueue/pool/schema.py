"""Whether the tables in a database are those of this release, by Django's record of applied migrations."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext_lazy as _

from jobqueue.sentences import Sentence

APP = "jobqueue"
TABLE = "jobqueue_job"


class Trouble(NamedTuple):
    """What is wrong, and what to do."""

    message: str
    remedy: str


class Schema(NamedTuple):
    """How the tables of jobqueue in a database stand to this release, as names of migrations in order.

    Attributes:
        alias: the database.
        known: all that this release has.
        missing: those of them that the database has not.
        newer: those that the database has and this release does not know.
        exists: whether there is a table of jobs at all.
    """

    alias: str
    known: tuple[str, ...]
    missing: tuple[str, ...]
    newer: tuple[str, ...]
    exists: bool

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the tables; None if they are those of this release."""
        if self.newer:
            newer = _('The tables of jobqueue in database "%(alias)s" are of a newer release (%(release)s).')
            back = _("Upgrade jobqueue here, or go back with the newer one: %(command)s")
            command = self._migrate(self.known[-1:])
            told = Sentence(newer, alias=self.alias, release=self.newer[-1])
            return Trouble(told, Sentence(back, command=command))
        if not self.missing:
            return None
        told = Sentence(
            _('The table %(table)s is missing in database "%(alias)s".'), table=TABLE, alias=self.alias
        )
        if self.exists:
            old = _('The tables of jobqueue in database "%(alias)s" are out of date.')
            told = Sentence(old, alias=self.alias)
        return Trouble(told, Sentence(_("Run: %(command)s"), command=self._migrate()))

    def _migrate(self, target: tuple[str, ...] = ()) -> str:
        database = () if self.alias == "default" else ("--database", self.alias)
        return " ".join(("python manage.py migrate", APP, *target, *database))


def read_schema(alias: str) -> Schema:
    """Return how the tables in a database stand to this release.

    Raises:
        DatabaseError: if the database does not answer.
    """
    connection = connections[alias]
    executor = MigrationExecutor(connection)
    leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] == APP]
    return Schema(
        alias,
        known=tuple(sorted(name for app, name in executor.loader.graph.nodes if app == APP)),
        missing=tuple(migration.name for migration, _backwards in executor.migration_plan(leaves)),
        newer=_unknown(executor.loader),
        exists=TABLE in connection.introspection.table_names(),
    )


def _unknown(loader: MigrationLoader) -> tuple[str, ...]:
    """Return the applied migrations that are neither here nor replaced by one that is."""
    if APP in loader.unmigrated_apps:
        return ()  # MIGRATION_MODULES says that it has none
    replaced = {key for each in loader.disk_migrations.values() for key in each.replaces}
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations) - replaced
    return tuple(sorted(name for app, name in unknown if app == APP))
