"""``manage.py jobs retry``, ``run-now``, ``cancel``, ``postpone``: acts on ids, or on all that a search means."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError

from jobqueue.acting import act_on
from jobqueue.cli.choosing import MANY, add_asking, add_which, chosen, confirm, note_of_window
from jobqueue.cli.progress import progress
from jobqueue.cli.times import add_time, duration, time_of
from jobqueue.cli.verbs.pausing import who
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.exceptions import OptionError
from jobqueue.insight.plans import Plan
from jobqueue.insight.scene import Scene
from jobqueue.insight.words import short_name
from jobqueue.logs import harmless
from jobqueue.stores.acts import TAKEN, Act
from jobqueue.wording import counted

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
#: Classes that are named one by one.
NAMED = 5


@dataclass
class ActVerb:
    """One of them.

    Args:
        act: what it does.
        HELP: that, in one line.
        words: how it is called: "retry", "Retrying", "Retried".
        timed: whether it is told a time.
        spreads: whether jobs can be made due one after another.
    """

    act: Act
    HELP: str
    words: tuple[str, str, str]
    timed: bool = False
    spreads: bool = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verb's own arguments."""
        add_which(parser)
        add_asking(parser)
        if self.timed:
            add_time(parser, "run them")
        if self.spreads:
            parser.add_argument(
                "--spread", type=duration, metavar="SPAN",
                help="let them become due one after another over so long, as 10m",
            )  # fmt: skip

    def run(self, words: dict[str, Any], say: Voice) -> int:
        """Choose, ask, do it, and say what was done and what was not."""
        scene = Scene(get_settings())
        if not words["which"]:
            raise CommandError("Say which jobs: ids, or a search as state:failed.", returncode=EXIT_WRONG_USAGE)
        when = time_of(words, scene) if self.timed else None
        if self.timed and when is None:
            raise CommandError("Say when: --in 2h, or --at 2026-12-01T09:30.", returncode=EXIT_WRONG_USAGE)
        search = chosen(words["which"], scene)
        plan = Plan.of(search, scene, self.act, all_rows=words["all_rows"])
        note_of_window(search, scene, say, all_rows=words["all_rows"])
        if words["dry_run"] or not plan.ids:
            say(f"Would {self.words[0]} {told(plan)}." if plan.ids else f"There is nothing to {self.words[0]}.")
            self._left_out(plan.left_out, say)
            return EXIT_FAILED if search.is_by_id and not plan.ids else 0
        if len(plan.ids) > MANY:
            question = f'{self.words[0].capitalize()} {counted(len(plan.ids), "job")} matching "{search.text}"?'
            confirm(harmless(question), say, yes=words["yes"])
        try:
            return self._do(plan, say, run_at=when, spread=words.get("spread"))
        except OptionError as error:
            raise CommandError(str(error), returncode=EXIT_WRONG_USAGE) from None

    def _do(self, plan: Plan, say: Voice, **when: Any) -> int:
        with progress(say, f"{self.words[1]} jobs", len(plan.ids)) as advance:
            acted = act_on(plan.ids, self.act, by=who(), tell=advance, **when)
        if acted.done or not acted.ending:
            say(f"{self.words[2]} {counted(len(acted.done), 'job')}.")
        if acted.ending:
            say(f"Ending soon: {counted(len(acted.ending), 'running job')}.")
        self._left_out(plan.left_out + Counter(acted.skipped.values()), say)
        return 0 if acted.done or acted.ending else EXIT_FAILED

    def _left_out(self, reasons: Counter[str], say: Voice) -> None:
        if reasons:
            reasons_told = ", ".join(f"{number:,} {why}" for why, number in sorted(reasons.items()))
            *most, last = (state.label for state in TAKEN[self.act])
            states = f"{', '.join(most)} or {last}" if most else last
            say.note(f"Left out: {reasons_told}. {self.words[0]} takes {states} jobs.")


def told(plan: Plan) -> str:
    """Return how many jobs a plan has, in all and by class."""
    common = plan.names.most_common(NAMED)
    more = len(plan.ids) - sum(number for _, number in common)
    kinds = [f"{number:,} {harmless(short_name(name))}" for name, number in common]
    return f"{counted(len(plan.ids), 'job')}: {_listed([*kinds, *([f'{more:,} others'] if more else [])])}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


RETRY = ActVerb(Act.RETRY, "try failed or cancelled jobs again", ("retry", "Retrying", "Retried"))
RUN_NOW = ActVerb(
    Act.RUN_NOW, "make scheduled jobs ready, whatever their time", ("run-now", "Hastening", "Made ready")
)
CANCEL = ActVerb(
    Act.CANCEL, "call off jobs, and have those end that run", ("cancel", "Cancelling", "Cancelled"), spreads=False
)
POSTPONE = ActVerb(
    Act.POSTPONE, "let jobs that wait run at another time", ("postpone", "Postponing", "Postponed"), timed=True
)
