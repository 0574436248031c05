"""Perform every scenario with a real worker and without a browser, then print expected against got."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.test import Client

from demo_site.flaky.scenario import Flaky
from demo_site.front.views import count_by_state
from demo_site.hello.scenario import Hello
from demo_site.payments.scenario import Payments
from demo_site.processes import managing, stop
from demo_site.reports.scenario import Reports
from demo_site.scenario import Check, Scenario
from demo_site.videos.scenario import Library, Upload

DEADLINE_SECONDS = 90
BAR = 24
WIDTHS = (32, 32, 40)


def perform_all() -> bool:
    """Arrange all scenarios, let a worker perform them, check; return whether everything holds."""
    started = time.monotonic()
    visitor, scenarios = Client(), [Upload(), Library(), Hello(), Reports(), Payments(), Flaky()]
    for scenario in scenarios:
        say(f"arrange   {scenario.title}")
        scenario.arrange(visitor)
    output: deque[str] = deque(maxlen=60)
    code = work(scenarios, output)
    results = [(scenario.title, list(checked(scenario, visitor))) for scenario in scenarios]
    results.append(("Worker", [Check("exit code after TERM", 0, code), *front(visitor)]))
    print_table(results)
    holds = all(check.ok for _, checks in results for check in checks)
    if not holds:
        say("\n".join(["", "The worker said at last:", *output]))
    say(f"{'Everything holds' if holds else 'Not everything holds'}, {time.monotonic() - started:.1f} s")
    return holds


def work(scenarios: Sequence[Scenario], output: deque[str]) -> int:
    """Run a worker until all is finished or the time is up; return its exit code."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    with managing(["jobworker", "-n", "2"], output.append, DEBUG="0") as worker:
        while worker.poll() is None and time.monotonic() < deadline:
            unfinished = [scenario.title for scenario in scenarios if not scenario.is_finished()]
            show_bar(len(scenarios) - len(unfinished), len(scenarios), ", ".join(unfinished))
            if not unfinished:
                break
            time.sleep(0.1)
        return stop(worker)


def checked(scenario: Scenario, visitor: Client) -> Iterator[Check]:
    """The scenario's checks; one that cannot even be made counts as failed."""
    try:
        yield from scenario.checks(visitor)
    except Exception as error:  # whatever is missing, the table is to be printed whole
        yield Check("the other checks", "made", f"{type(error).__name__}: {error}")


def front(visitor: Client) -> Iterator[Check]:
    """The front page stands, and nothing is left half-way."""
    yield Check("front page", 200, visitor.get("/").status_code)
    running = sum(number for state, number in count_by_state() if state.name == "RUNNING")
    yield Check("jobs left running", 0, running)


# --- output -------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    print(text, flush=True)


def show_bar(done: int, total: int, rest: str) -> None:
    """How far the worker is, on one line of a terminal."""
    if sys.stdout.isatty():
        filled = BAR * done // total
        line = f"perform   {'█' * filled}{'░' * (BAR - filled)} {done}/{total}  {rest}"
        end = "\n" if done == total else ""
        print(f"\r{line[:79]:79}", end=end, flush=True)


def print_table(results: Sequence[tuple[str, Sequence[Check]]]) -> None:
    """Scenario, what must hold, expected, got, and whether they agree."""
    say(row("", "", "expected", "got"))
    for title, checks in results:
        say(title)
        for check in checks:
            say(row("✓" if check.ok else "✗", check.what, words(check.expected), words(check.got)))


def row(sign: str, *cells: str) -> str:
    """One line; what is too long is cut, except where it does not agree."""
    fitted = cells if sign == "✗" else [shorten(cell, width) for cell, width in zip(cells, WIDTHS, strict=True)]
    padded = [f"{cell:{width}}" for cell, width in zip(fitted, WIDTHS, strict=True)]
    return " ".join(["", f"{sign:1}", *padded]).rstrip()


def words(value: object) -> str:
    """A value as the table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return ", ".join(map(words, value)) if isinstance(value, list) else str(value)


def shorten(text: str, width: int) -> str:
    """The text, or as much of it as fits."""
    return text if len(text) <= width else text[: width - 1] + "…"
