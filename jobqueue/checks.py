"""System checks: ``manage.py check`` reports every mistake in the settings. Each id is explained in
docs/reference/checks.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from jobqueue import conf, handlers
from jobqueue.exceptions import OptionError
from jobqueue.middleware import middleware
from jobqueue.options import check_call
from jobqueue.stores import STORES, sharing

TAG = "jobqueue"
#: A random key of so many characters cannot be guessed.
SHORTEST_KEY = 32
#: What Kubernetes and Heroku wait, less the moment between the last signal and the kill.
LONGEST_SHUTDOWN = 28
MANAGERS = "Kubernetes and Heroku wait 30 s, Docker 10 s, systemd 90 s. Have yours wait longer, then silence this."
#: How startproject marks a key that stands in the settings file, and so in every copy of the project.
PUBLIC_KEY = "django-insecure-"
MAKE_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
INSTALL_PSYCOPG = 'pip install "psycopg[binary]"'
#: Backends of Django's task framework that leave nothing to workers, and what becomes of a task there.
WORKERLESS = {
    f"{framework}.backends.{name}": fate
    for framework in ("django.tasks", "django_tasks")
    for name, fate in (
        ("immediate.ImmediateBackend", "runs tasks inside the request"),
        ("dummy.DummyBackend", "runs no task at all"),
    )
}
DEFAULT_BACKEND = "django_tasks.backends.immediate.ImmediateBackend"
TASKS_IMPORTED = re.compile(r"^\s*(?:from|import)\s+django[._]tasks\b", re.MULTILINE)
#: What PostgreSQL must have switched on to keep what it has confirmed.
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
UNSAFE = "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = 'off'"


@register(TAG)
def check_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E001: every unknown, ill-typed or contradictory key of ``JOBQUEUE``."""
    settings, problems = _read()
    errors: list[CheckMessage] = [Error(each.message, hint=each.hint, id="jobqueue.E001") for each in problems]
    try:
        check_call(settings.email_options)
    except OptionError as error:
        message = f'JOBQUEUE["EMAIL_OPTIONS"] is not valid: {error}'
        errors.append(Error(message, hint="They are options of a call.", id="jobqueue.E001"))
    return errors


@register(TAG)
def check_database(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E002, E003, W010: whether the database can hold jobs, as far as its settings tell."""
    alias = _read()[0].database
    if alias not in connections.settings:
        return [_unknown_alias(alias, connections.settings)]
    try:
        connection = connections[alias]
    except ImproperlyConfigured as error:
        hint = INSTALL_PSYCOPG if "psycopg" in str(error) else None
        return [Error(str(error).split("\n")[0], hint=hint, id="jobqueue.E003")]
    rule = RULES.get(connection.vendor, _unsupported)
    return list(rule(connection))


@register(TAG)
def check_routers(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E020, E021, W022: whether the routers let the jobs be where ``DATABASE`` says."""
    alias = _read()[0].database
    return [] if alias not in connections.settings else [*_misrouted(alias), *_never_migrated(alias)]


@register(TAG)
def check_keys(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E004: signing keys that are none."""
    try:
        handlers.check_keys()
    except ImproperlyConfigured as error:
        return [] if _read()[1] else [Error(str(error), hint="Jobs are signed with them.", id="jobqueue.E004")]
    return []


@register(TAG)
def check_middleware(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E005: middleware that cannot be had."""
    try:
        middleware()
    except ImproperlyConfigured as error:
        hint = "Name classes that take no arguments and have a method storing or performing."
        return [] if _read()[1] else [Error(str(error), hint=hint, id="jobqueue.E005")]
    return []


@register(TAG)
def check_tasks(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """W012: tasks of Django's framework that no worker will see."""
    backends = getattr(django_settings, "TASKS", None) or {"default": {"BACKEND": DEFAULT_BACKEND}}
    if any("jobqueue" in _path(each) for each in backends.values()) or not _has_tasks():
        return []
    hint = 'To use workers: "BACKEND": "jobqueue.backends.DatabaseBackend".'
    fates = ((alias, WORKERLESS.get(_path(backends[alias]))) for alias in backends)
    return [Warning(f'TASKS["{alias}"] {fate}.', hint=hint, id="jobqueue.W012") for alias, fate in fates if fate]


@register(TAG, deploy=True)
def check_shutdown(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """W016: a pool that may take longer to stop than it will be given."""
    seconds = _read()[0].shutdown_seconds
    if seconds <= LONGEST_SHUTDOWN:
        return []
    message = f'JOBQUEUE["SHUTDOWN_SECONDS"] is {seconds:g}: the pool may be killed while it stops.'
    return [Warning(message, hint=MANAGERS, id="jobqueue.W016")]


@register(TAG, deploy=True)
def check_debug(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """W013: DEBUG."""
    if not django_settings.DEBUG:
        return []
    message = "DEBUG is on: workers record every SQL query and become slow and large."
    return [Warning(message, hint="Set DEBUG = False where workers run.", id="jobqueue.W013")]


@register(TAG, deploy=True)
def check_mode(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """W017: no worker performs the jobs."""
    if _read()[0].mode != conf.INLINE or django_settings.DEBUG:
        return []
    message = 'JOBQUEUE["MODE"] is "inline" and DEBUG is off: jobs run in the request that stores them.'
    return [Warning(message, hint="Leave MODE out where workers run.", id="jobqueue.W017")]


@register(TAG, deploy=True)
def check_signing(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E014, W014: a signing key that is no secret, or that can be guessed."""
    settings = _read()[0]
    keys = settings.signing_keys or [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    public = [str(key).startswith(PUBLIC_KEY) for key in keys]
    if public[0] and not django_settings.DEBUG:
        name = 'JOBQUEUE["SIGNING_KEYS"][0]' if settings.signing_keys else "SECRET_KEY"
        message = f'{name} is "{PUBLIC_KEY}…", so jobs can be forged.'
        hint = f"DEBUG is off, so set it to what this prints: {MAKE_KEY}"
        return [Error(message, hint=hint, id="jobqueue.E014")]
    if not any(public) and all(len(str(key)) >= SHORTEST_KEY for key in keys):
        return []
    message = "Jobs are signed with a key that can be guessed, so they can be forged."
    hint = 'Set SECRET_KEY, or the list JOBQUEUE["SIGNING_KEYS"], to random strings of 50 characters.'
    return [Warning(message, hint=hint, id="jobqueue.W014")]


@register(TAG)
def check_durability(app_configs: Any, databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """W015: whether PostgreSQL may lose what it has confirmed. Asks the database, when that is wanted."""
    alias = _read()[0].database
    if alias not in (databases or ()):
        return []
    try:
        off = _switched_off(connections[alias])
    except (DatabaseError, InterfaceError, ImproperlyConfigured):
        return []  # others report that, and a worker waits for a database that is away
    if not off:
        return []
    message = f'Database "{alias}" may lose jobs: {", ".join(off)} {"is" if len(off) == 1 else "are"} off.'
    return [Warning(message, hint="Switch it on in postgresql.conf, or for this role.", id="jobqueue.W015")]


def _read() -> tuple[conf.Settings, list[conf.Problem]]:
    return conf.read(getattr(django_settings, "JOBQUEUE", {}))


# Django's task framework


def _path(backend: Any) -> str:
    return str(backend.get("BACKEND")) if isinstance(backend, Mapping) else ""


def _has_tasks() -> bool:
    """Whether an app has a module of such tasks; it is not imported for the question."""
    return any(TASKS_IMPORTED.search(_source(f"{app.name}.tasks")) for app in apps.get_app_configs())


def _source(module: str) -> str:
    try:
        found = find_spec(module)
        return Path(found.origin).read_text(errors="replace") if found and found.origin else ""
    except (ImportError, OSError, ValueError):
        return ""


# Databases


def _unknown_alias(alias: str, known: Mapping[str, Any]) -> CheckMessage:
    near = get_close_matches(alias, known, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"DATABASES has: {', '.join(known)}."
    return Error(f'JOBQUEUE["DATABASE"] is "{alias}", which DATABASES lacks.', hint=hint, id="jobqueue.E002")


def _unsupported(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    message = f'Database "{connection.alias}" is {connection.vendor}; jobs are kept in {" or ".join(STORES)}.'
    yield Error(message, hint='Name another alias in JOBQUEUE["DATABASE"].', id="jobqueue.E003")


def _postgresql(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    if find_spec("psycopg") is None:
        message = f'Database "{connection.alias}" is used through psycopg2; jobqueue needs psycopg 3.'
        yield Error(message, hint=INSTALL_PSYCOPG, id="jobqueue.E003")


def _sqlite(connection: Any) -> Iterator[CheckMessage]:
    if connection.is_in_memory_db():
        return
    if wrong := list(sharing.lacking(connection.settings_dict["OPTIONS"])):
        message = f'SQLite "{connection.alias}" will be locked often: {", ".join(wrong)}.'
        yield Warning(message, hint=sharing.remedy(connection.alias), id="jobqueue.W010")


def _switched_off(connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(UNSAFE, [list(DURABLE)])
        return sorted(name for (name,) in cursor.fetchall())


RULES: Mapping[str, Callable[[Any], Iterator[CheckMessage]]] = {"postgresql": _postgresql, "sqlite": _sqlite}


# Routers


def _misrouted(alias: str) -> Iterator[CheckMessage]:
    model = apps.get_model("jobqueue", "Job")
    name, chosen = _verdict("db_for_write", model)
    if name is not None and chosen != alias:
        message = f'Router {name} writes jobqueue.Job to "{chosen}" but JOBQUEUE["DATABASE"] is "{alias}".'
        yield Error(message, hint=f'Let it return "{alias}" for app_label "jobqueue".', id="jobqueue.E020")
    elif name is None and alias != "default":
        message = f'Jobs are in "{alias}", but Job.objects reads "default": no router says otherwise.'
        hint = f'Add a router whose db_for_read and db_for_write return "{alias}" for app_label "jobqueue".'
        yield Warning(message, hint=hint, id="jobqueue.W022")


def _never_migrated(alias: str) -> Iterator[CheckMessage]:
    name, allowed = _verdict("allow_migrate", alias, "jobqueue", model_name="job")
    if name is not None and not allowed:
        message = f'Router {name} refuses to migrate jobqueue on "{alias}", so its tables would never exist.'
        hint = f'Let its allow_migrate return True for app_label "jobqueue" on "{alias}".'
        yield Error(message, hint=hint, id="jobqueue.E021")


def _verdict(question: str, *arguments: Any, **hints: Any) -> tuple[str | None, Any]:
    """Return the name of the first router that answers, as Django asks them, and its answer."""
    for each in router.routers:
        answer = getattr(each, question)(*arguments, **hints) if hasattr(each, question) else None
        if answer is not None:
            return f"{type(each).__module__}.{type(each).__qualname__}", answer
    return None, None
