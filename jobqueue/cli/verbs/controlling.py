"""``manage.py jobs quiet-worker``, ``resume-worker``, ``stop-worker``: pools do as they are told, wherever they run."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.controlling import go_on, quiet, stop
from jobqueue.exceptions import PoolGone
from jobqueue.insight.scene import Scene
from jobqueue.logs import harmless
from jobqueue.models import Pool
from jobqueue.wording import few

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
#: Pools that are named at most.
NAMED = 5


class WorkerVerb:
    """Asks pools for something.

    Args:
        told: what it has them do, in words.
        wish: asks one for it.
    """

    def __init__(self, told: str, wish: Callable[[Pool], None]) -> None:
        self.HELP = f"have a pool {told}, wherever it runs"
        self._told = told
        self._wish = wish

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        told = "its name (all pools of that name), HOST:PID, the pid alone, or its id"
        parser.add_argument("pool", nargs="+", metavar="POOL", help=told)

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Ask, and say whom."""
        living = [pool for pool in Scene(get_settings()).pools if pool.alive]
        chosen = {pool.pk: pool for word in words["pool"] for pool in _meant(word, living)}
        for pool in chosen.values():
            try:
                self._wish(pool)
            except PoolGone as error:
                raise CommandError(harmless(str(error)), returncode=EXIT_FAILED) from None
            say(harmless(f"{pool} is to {self._told}."))
        return 0


def _meant(word: str, pools: Iterable[Pool]) -> list[Pool]:
    """Return the pools that a word names.

    Raises:
        CommandError: if it names none, or if several have this number.
    """
    ways = {pool: {pool.name, f"{pool.host}:{pool.pid}", str(pool.pid), str(pool.pk)} - {""} for pool in pools}
    found = [pool for pool, names in ways.items() if word in names]
    if len(found) > 1 and any(pool.name != word for pool in found):
        told = few([f"{pool.host}:{pool.pid}" for pool in found], NAMED)
        raise CommandError(harmless(f'"{word}" may be {told}.'), returncode=EXIT_WRONG_USAGE)
    if not found:
        known = sorted({pool.name or f"{pool.host}:{pool.pid}" for pool in ways})
        near = get_close_matches(word, {name for names in ways.values() for name in names}, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else f"Pools: {few(known, NAMED) or 'none'}."
        raise CommandError(harmless(f'No pool "{word}" is alive. {hint}'), returncode=EXIT_FAILED)
    return found


QUIET = WorkerVerb("take no new jobs", quiet)
RESUME = WorkerVerb("take jobs again", go_on)
STOP = WorkerVerb("stop when its running jobs have ended", stop)
