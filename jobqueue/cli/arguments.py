"""Arguments of ``jobworker``."""

from __future__ import annotations

import argparse
import shutil
import tomllib
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jobqueue.conf import LARGEST_PRIORITY, QUEUE_NAME

WIDTH = 100
ACTIONS = ("run", "start", "stop", "restart", "status", "work_off")

EPILOG = """\
examples:
  python manage.py jobworker                            one worker in the foreground
  python manage.py jobworker -n 4 --queue mail,default  four workers, two queues
  python manage.py jobworker start --pid run/jobs.pid   a daemon (needs [daemon])
  python manage.py jobworker work_off                   perform what is due, then leave

exit codes:                                signals:
  0  stopped as asked; work_off is done      TERM, INT    finish jobs and stop
  1  could not start, or crashed             again, QUIT  put jobs back and stop
  2  wrong usage                             USR1         take no new jobs
  3  stop, status: it is not running         USR2, TTIN   show jobs and stacks
  4  stopped; running jobs were put back     HUP          restart with new code
  5  work_off --fail-on-error: a job failed
"""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples and tables, and room for long flags."""

    def __init__(self, prog: str, **named: Any) -> None:
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
        super().__init__(prog, **{"max_help_position": 32, "width": width, **named})


def add_arguments(parser: ArgumentParser) -> None:
    """Add all arguments, in groups as people look for them."""
    parser.add_argument(
        "action",
        nargs="?",
        default="run",
        type=action,
        metavar="action",
        help="run (default), start, stop, restart, status or work_off",
    )
    _which_jobs(parser.add_argument_group("which jobs"))
    _how_many(parser.add_argument_group("how many"))
    _waiting(parser.add_argument_group("waiting"))
    _service(parser.add_argument_group("running as a service"))
    _output(parser.add_argument_group("output"))
    _development(parser.add_argument_group("development"))


def _which_jobs(group: Any) -> None:
    group.add_argument(
        "--queue", "--queues", dest="queues", type=queue_names, action="extend", default=[], metavar="A,B",
        help="only these queues (default: all)",
    )  # fmt: skip
    whole = whole_number(-LARGEST_PRIORITY, LARGEST_PRIORITY)
    group.add_argument("--min-priority", type=whole, metavar="N", help="only jobs of at least this priority")
    group.add_argument("--max-priority", type=whole, metavar="N", help="only jobs of at most this priority")
    group.add_argument(
        "--app-name", default="", type=app_name, metavar="NAME", help="name of this pool, shown with its jobs"
    )


def _how_many(group: Any) -> None:
    group.add_argument(
        "-n", "--number-of-workers", "--number_of_workers", "--workers", dest="processes", default=1,
        type=whole_number(1, 1000), metavar="N", help="worker processes (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=whole_number(1, 1000), default=1, metavar="N",
        help="jobs that each worker performs at a time, for jobs that wait a lot (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--async", dest="coroutines", type=whole_number(1, 10_000), default=1, metavar="N",
        help="async jobs that each worker performs at a time, on one event loop (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--max-jobs", type=whole_number(1, 10**9), metavar="N", help="replace a worker after so many jobs"
    )
    group.add_argument(
        "--max-memory",
        type=whole_number(16, 10**7),
        metavar="MB",
        help="replace a worker that has grown so big",
    )
    group.add_argument(
        "--timeout", type=number(0, 86_400), metavar="SECONDS",
        help="wait so long for running jobs when stopping (default: SHUTDOWN_SECONDS)",
    )  # fmt: skip
    group.add_argument("--limit", type=whole_number(1, 10**9), metavar="N", help="work_off: stop after N jobs")


def _waiting(group: Any) -> None:
    group.add_argument(
        "--sleep", type=number(0.05, 3600), metavar="SECONDS",
        help="look for jobs at least so often (default: POLL_SECONDS)",
    )  # fmt: skip
    group.add_argument("--no-listen", action="store_true", help="poll only; do not wait for NOTIFY")
    group.add_argument(
        "--fail-fast", action="store_true",
        help="exit 1 if the database cannot be reached at the start, instead of waiting for it",
    )  # fmt: skip


def _service(group: Any) -> None:
    group.add_argument("-d", "--daemon", action="store_true", help="the same as the action start")
    group.add_argument("--pid", type=Path, metavar="FILE", help="PID file (start: jobworker.pid)")
    group.add_argument("--user", metavar="NAME", help="perform jobs as this user (if started as root)")
    group.add_argument("--group", metavar="NAME", help="and as this group, instead of the user's own")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these options")
    group.add_argument(
        "-e", "--environment", metavar="NAME", help="use the settings of this name, e.g. production"
    )
    group.add_argument(
        "--exit-on-code-change", action="store_true",
        help="finish running jobs and exit 0 when the code changes, to be started again",
    )  # fmt: skip
    group.add_argument("--exit-on-complete", action="store_true", help="the same as the action work_off")
    group.add_argument("--fail-on-error", action="store_true", help="work_off: exit 5 if a job failed")


def _development(group: Any) -> None:
    group.add_argument(
        "--reload", action=argparse.BooleanOptionalAction, default=None,
        help="start anew when the code changes (default: in the foreground, if DEBUG is on)",
    )  # fmt: skip


def _output(group: Any) -> None:
    group.add_argument("-l", "--log", type=Path, metavar="FILE", help="log file (start: jobworker.log)")
    group.add_argument("--syslog", action="store_true", help="log to syslog")
    group.add_argument("--log-format", choices=("people", "logfmt", "json"), help="form of log lines")
    add_verbosity(group, "0 errors, 1 each job (default), 2 (or -v) claims and tracebacks, 3 (or -vv) all")


def add_verbosity(group: Any, text: str) -> None:
    """Add Django's option with room for a bare ``-v`` and for ``-vv``."""
    group.add_argument(
        "-v", "--verbosity", nargs="?", type=verbosity, const=2, default=1, metavar="0-3", help=text
    )


def read_config(path: Path, parser: ArgumentParser) -> list[str]:
    """Return a TOML file's entries as arguments, to be parsed in front of the command line's.

    Raises:
        CommandError: through ``parser.error``, if it cannot be read.
    """
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"--config {path}: {error}")
    flags = {flag for action in parser._actions for flag in action.option_strings}
    arguments = []
    for key, value in entries.items():
        flag = f"--{key.replace('_', '-')}"
        if flag not in flags:
            near = get_close_matches(flag, flags, n=1)
            hint = f" Did you mean {near[0][2:]}?" if near else ""
            parser.error(f'--config {path}: "{key}" is not an option.{hint}')
        if value is False:
            continue
        arguments.append(flag)
        if value is not True:
            arguments.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
    return arguments


# Types: from the word on the command line to the value, or an error that says what is wanted.


def action(word: str) -> str:
    """Return the action; the nearest one is named where it is none."""
    if word in ACTIONS:
        return word
    near = get_close_matches(word, ACTIONS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Actions: {', '.join(ACTIONS)}."
    raise ArgumentTypeError(f"{word!r} is not an action. {hint}")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return the type of a whole number within bounds."""

    def convert(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ArgumentTypeError(f"{word!r} is not a whole number from {low} to {high}")
        return value

    return convert


def number(low: float, high: float) -> Callable[[str], float]:
    """Return the type of a number within bounds."""

    def convert(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ArgumentTypeError(f"{word!r} is not a number from {low:g} to {high:g}")
        return value

    return convert


def queue_names(word: str) -> list[str]:
    """Return the names of a comma list of queues."""
    names = [name.strip() for name in word.split(",")]
    for name in names:
        if not QUEUE_NAME.fullmatch(name):
            raise ArgumentTypeError(f"{name!r} is not a queue name (1 to 64 of A-Z a-z 0-9 _ . : -)")
    return names


def app_name(word: str) -> str:
    """Return a pool's name; it becomes part of file names and of locked_by."""
    if word and not QUEUE_NAME.fullmatch(word):
        raise ArgumentTypeError(f"{word!r} is not a name (1 to 64 of A-Z a-z 0-9 _ . : -)")
    return word


def verbosity(word: str) -> int:
    """Return Django's verbosity; ``-vv`` reaches here as the word "v"."""
    if word and set(word) == {"v"}:
        return min(2 + len(word), 3)
    return whole_number(0, 3)(word)
