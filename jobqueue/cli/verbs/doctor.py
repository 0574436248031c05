"""``manage.py jobs doctor``: is everything well? Each finding comes with its remedy."""

from __future__ import annotations

import json
import os
import textwrap
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings as django_settings

from jobqueue import conf
from jobqueue.cli.voice import Voice
from jobqueue.doctor import Finding, Level, Site, examine
from jobqueue.logs import harmless
from jobqueue.release import release
from jobqueue.wording import counted

HELP = "is everything well? settings, database, workers, queues, jobs"

EXIT_SOMETHING_IS_WRONG = 3
WIDTH = 100
#: For a stream that has them, and for any.
MARKS = {Level.OK: "✓", Level.HINT: "·", Level.WARNING: "!", Level.ERROR: "✗"}
PLAIN_MARKS = {Level.OK: "+", Level.HINT: "-", Level.WARNING: "!", Level.ERROR: "x"}
COLOURS = {Level.OK: "SUCCESS", Level.HINT: "HTTP_INFO", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}
NOUNS = {Level.ERROR: "error", Level.WARNING: "warning", Level.HINT: "hint"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("--json", action="store_true", help="one object for programs: ok and findings")
    parser.add_argument(
        "--fail-on", choices=("error", "warning", "hint"), default="error", metavar="LEVEL",
        help="exit 3 from this level on: error (default), warning or hint",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="ID",
        help="say nothing of this finding; may be repeated (-v 2 shows the ids)",
    )  # fmt: skip
    parser.add_argument(
        "--thorough", action="store_true", help="check a SQLite file of any size, however long it takes"
    )


def run(words: dict[str, Any], say: Voice) -> int:
    """Examine everything, report, and return 0, or 3 if something is wrong."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")  # libpq's own patience is two minutes
    settings, _ = conf.read(getattr(django_settings, "JOBQUEUE", {}))
    site = Site(settings, thorough=words["thorough"], strict=words["traceback"], release=release())
    findings = [each for each in examine(site) if each.id not in words["ignore"]]
    failed = any(each.level >= Level[words["fail_on"].upper()] for each in findings)
    if words["json"]:
        say(_as_json(findings, ok=not failed))
    else:
        for line in report(findings, words["verbosity"], say):
            say(line)
    return EXIT_SOMETHING_IS_WRONG if failed else 0


def report(findings: Sequence[Finding], verbosity: int, voice: Voice) -> Iterator[str]:
    """Yield lines for people: one finding a line, its remedy below.

    Args:
        findings: what to tell.
        verbosity: 0 leaves warnings and errors only, 2 adds the ids of what is not well.
        voice: knows the colours and the characters.
    """
    marks = MARKS if voice.can_say("".join(MARKS.values())) else PLAIN_MARKS
    column = max((len(each.title) for each in findings), default=0)
    shown = [each for each in findings if verbosity > 0 or each.level >= Level.WARNING]
    for each in shown:
        first, *others = _lines(each, verbosity, indent=column + 4)
        mark = voice.coloured(COLOURS[each.level], f"{marks[each.level]} {each.title:<{column}}")
        yield f"{mark}  {first}"
        yield from (f"{'':{column + 4}}{line}" for line in others)
    if shown or verbosity > 0:
        yield _summary(shown)


def _lines(finding: Finding, verbosity: int, indent: int) -> Iterator[str]:
    """Yield the message, wrapped, and the remedy, which may have to be copied, on a line of its own."""
    id = f" [{finding.id}]" if verbosity > 1 and finding.level is not Level.OK else ""
    message = harmless(finding.message + id)
    yield from textwrap.wrap(message, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    if finding.remedy:
        yield harmless(finding.remedy)


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(each.level for each in findings)
    told = [counted(counts[level], noun) for level, noun in NOUNS.items() if counts[level]]
    return f"{', '.join(told)}." if told else "All is well."


def _as_json(findings: Sequence[Finding], *, ok: bool) -> str:
    told = [each._asdict() | {"level": each.level.label} for each in findings]
    return json.dumps({"ok": ok, "findings": told})
