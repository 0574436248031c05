"""``manage.py jobs show``: all that is known of one job."""

from __future__ import annotations

import json
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.choosing import one_id
from jobqueue.cli.progress import share_of
from jobqueue.cli.tables import Column, say_table
from jobqueue.cli.telling import as_object, clock, say_json, state_cell
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.exceptions import CorruptHandler, DecryptionError
from jobqueue.insight.looking import why_of
from jobqueue.insight.scene import Scene
from jobqueue.insight.why import Why
from jobqueue.insight.words import arguments_of, tries_of
from jobqueue.logs import harmless, headline
from jobqueue.models import Attempt, Job, Report
from jobqueue.sealing import unseal
from jobqueue.wording import age, span

HELP = "all that is known of one job: arguments, tries, error, progress, log"

EXIT_FAILED = 1
#: Tries that are shown, the newest ones; log lines; characters of a value.
TRIES = 25
LOG_LINES = 200
LONGEST = 2000
COLUMN = 11
COLUMNS = (
    Column("try", right=True),
    Column("outcome"),
    Column("ended"),
    Column("took", right=True),
    Column("worker", elastic=True),
    Column("error", elastic=True),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("id", metavar="ID", help="the job")
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Show it."""
    scene, job_id = Scene(get_settings()), one_id(words["id"])
    job = scene.jobs.filter(pk=job_id).select_related("report").first()
    reason = why_of(job_id, scene)
    if job is None:
        raise CommandError(str(reason), returncode=EXIT_FAILED)
    tries = list(reversed(job.tries.order_by("-id")[:TRIES]))
    if words["json"]:
        say_json(say, whole_object(job, tries, reason))
    else:
        show(job, tries, reason, scene, say)
    return 0


def show(job: Job, tries: list[Attempt], reason: Why, scene: Scene, say: Voice) -> None:
    """Say it to people."""
    state = state_cell(job)
    word = say.coloured(state.role, state.text) if state.role else state.text
    say(f"#{job.pk} {harmless(job.name)}  {word}")
    for line in textwrap.wrap(harmless(reason.sentence), say.width):
        say(line)
    if reason.remedy:
        say(reason.remedy)  # in one piece, to be copied
    say("")
    for name, value in facts(job, scene):
        lines = textwrap.wrap(harmless(value), say.width - COLUMN - 1) or [""]
        say(f"{name:<{COLUMN}} {lines[0]}")
        for line in lines[1:]:
            say(f"{'':<{COLUMN}} {line}")
    if tries:
        say("")
        say_table(say, COLUMNS, [_row(each) for each in tries])
    for title, text in (("Log", log_of(report_of(job))), ("Last error", job.error or "")):
        if text:
            say(f"\n{title}")
            for line in harmless(text, but="\n\t").strip("\n").split("\n")[-LOG_LINES:]:
                say(f"  {line}".rstrip())


def facts(job: Job, scene: Scene) -> Iterator[tuple[str, str]]:
    """Yield names and values."""
    yield "queue", f"{job.queue}, priority {job.priority}"
    yield "tries", tries_of(job, scene.settings.max_attempts)
    yield "stored", clock(job.created_at)
    yield "run at", clock(job.run_at)
    if job.started_at:
        yield "started", clock(job.started_at)
    if job.finished_at:
        yield "ended", clock(job.finished_at)
    if job.locked_by:
        since = f", since {clock(job.locked_at)}" if job.locked_at else ""
        yield "worker", f"{job.locked_by}{since}"
    if job.key:
        yield "key", job.key
    if job.max_run_time:
        yield "time limit", span(job.max_run_time)
    if job.crashes:
        yield "crashes", str(job.crashes)
    yield from _arguments(job)
    if job.stored_result is not None:
        yield "result", result_of(job)[:LONGEST]
    report = report_of(job)
    if report is not None and (report.done is not None or report.text):
        yield "progress", f"{share_of(report.done or 0.0, report.total)} {report.text}".strip()


def _arguments(job: Job) -> Iterator[tuple[str, str]]:
    found = arguments_of(job)
    if isinstance(found, str):
        yield "arguments", f"({found})"
    elif not found:
        yield "arguments", "none"
    else:
        for number, (name, value) in enumerate(found.items()):
            told = json.dumps(value, default=str, ensure_ascii=False)[:LONGEST]
            yield "" if number else "arguments", f"{name}={told}"


def result_of(job: Job) -> str:
    """Return what it returned, as JSON; or why it cannot be read."""
    try:
        return json.dumps(job.result, default=str, ensure_ascii=False)
    except (CorruptHandler, ValueError) as error:
        return f"({headline(str(error))})"


def report_of(job: Job) -> Report | None:
    """Return what it tells of itself, if anything."""
    return getattr(job, "report", None)


def log_of(report: Report | None) -> str:
    """Return its log lines; or which key it would take to read them."""
    try:
        return "" if report is None else unseal(report.log)
    except DecryptionError as error:
        return f"({error})"


def _row(attempt: Attempt) -> list[str]:
    took = "-" if attempt.started_at is None else span(max(age(attempt.started_at, attempt.ended_at), 0.0))
    error = headline(attempt.error) if attempt.error else ""
    return [str(attempt.number), attempt.outcome, clock(attempt.ended_at), took, attempt.worker, error]


def whole_object(job: Job, tries: list[Attempt], reason: Why) -> dict[str, Any]:
    """Return all of it for programs."""
    report, result = report_of(job), None
    if job.stored_result is not None:
        try:
            result = job.result
        except (CorruptHandler, ValueError):
            result = None
    columns = ("number", "outcome", "worker", "started_at", "ended_at", "error")
    told = None
    if report is not None:
        told = {"done": report.done, "total": report.total, "text": report.text, "log": log_of(report)}
    return {
        **as_object(job),
        "traceback": job.error,
        "result": result,
        "why": {"why": reason.kind, "sentence": reason.sentence, "remedy": reason.remedy},
        "tries": [{name: getattr(each, name) for name in columns} for each in tries],
        "report": told,
    }
