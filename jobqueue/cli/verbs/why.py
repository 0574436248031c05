"""``manage.py jobs why``: the reason why a job waits, and the remedy."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobqueue.cli.choosing import one_id
from jobqueue.cli.telling import say_json
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.looking import why_of
from jobqueue.insight.scene import Scene
from jobqueue.logs import harmless

HELP = "why a job waits, and what to do about it"

EXIT_FAILED = 1


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("id", metavar="ID", help="the job")
    parser.add_argument("--json", action="store_true", help="one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Say it; return 1 if there is no such job."""
    job_id = one_id(words["id"])
    found = why_of(job_id, Scene(get_settings()))
    if words["json"]:
        say_json(say, {"id": job_id, "why": found.kind, "sentence": found.sentence, "remedy": found.remedy})
    else:
        say(harmless(str(found)))
    return EXIT_FAILED if found.kind == "gone" else 0
