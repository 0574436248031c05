"""``manage.py jobs startworker``: writes a class of jobs to fill in."""

from __future__ import annotations

import keyword
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError

from jobqueue.cli.voice import Voice

HELP = "write a class of jobs to fill in, into an app's jobs.py"

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

IMPORT = "from jobqueue import Performable\n"
CLASS = '''\
class {name}(Performable):
    """What it does. Store one: {name}.enqueue(7)"""

    queue = "default"

    def __init__(self, item_id):
        # Attributes are stored with the job: ids, plain values, saved models.
        self.item_id = item_id

    def perform(self):
        # A worker calls this, maybe twice: so let it bear that.
        raise NotImplementedError
'''


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("name", metavar="APP.NAME", help="app and class, as shop.VideoWorker")


def run(words: dict[str, Any], say: Voice) -> int:
    """Write it, unless there is a file already: then show what to add."""
    label, _, name = words["name"].rpartition(".")
    _check(label, name, words["name"])
    path = Path(apps.get_app_config(label).path) / "jobs.py"
    text = CLASS.format(name=name)
    try:
        with path.open("x") as file:
            file.write(f"{IMPORT}\n\n{text}")
    except FileExistsError:
        say.note(f"{path} is there already and was left as it is. Add to it:\n")
        say(f"{IMPORT}\n\n{text}")
        return EXIT_FAILED
    except OSError as error:
        raise CommandError(f"{path}: {error}", returncode=EXIT_FAILED) from None
    say(f"Wrote {path}. Fill in perform(), then: {name}.enqueue(7)")
    return 0


def _check(label: str, name: str, given: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CommandError(f'"{name}" cannot be the name of a class.', returncode=EXIT_WRONG_USAGE)
    if label not in apps.app_configs:
        listed = ", ".join(app for app in apps.app_configs if app != "jobqueue")
        message = f'"{given}" must name an app and a class, as shop.VideoWorker. Apps: {listed}.'
        raise CommandError(message, returncode=EXIT_WRONG_USAGE)
