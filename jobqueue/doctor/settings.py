"""The system checks, asked here so that one command tells all."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, run_checks

from jobqueue import checks
from jobqueue.doctor.finding import Finding, Level, ok
from jobqueue.doctor.site import Site

#: Looked at by topics of their own, where the database itself is asked.
ELSEWHERE = {"jobqueue.W010", "jobqueue.W015"}
#: With these there is no database to look at.
FATAL = {"jobqueue.E002", "jobqueue.E003"}


def settings(site: Site) -> Iterator[Finding]:
    """Report what the system checks of jobqueue say, those for deployment included."""
    messages = sorted(run_checks(tags=[checks.TAG], include_deployment_checks=True), key=_number)
    found = [each for each in messages if each.id in FATAL or not (each.id in ELSEWHERE or each.is_silenced())]
    yield from (_as_finding(each, "settings") for each in found)
    if not found:
        yield ok("settings", "the system checks find nothing wrong")


def durability(site: Site) -> Iterator[Finding]:
    """Report whether PostgreSQL may lose what it has confirmed."""
    found = [each for each in checks.check_durability(None, databases=[site.alias]) if not each.is_silenced()]
    yield from (_as_finding(each, "durability") for each in found)
    if not found:
        yield ok("durability", f"{', '.join(checks.DURABLE[:-1])} and {checks.DURABLE[-1]} are on")


def _number(message: CheckMessage) -> str:
    """Return what to sort by: Django keeps checks in a set, whose order changes."""
    return message.id or ""


def _as_finding(message: CheckMessage, title: str) -> Finding:
    level = Level.ERROR if message.is_serious() else Level.WARNING
    return Finding(str(message.id), level, title, str(message.msg), message.hint or "")
