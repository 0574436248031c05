"""Start the demo: `python -m demo_site.run`.

Without options it serves the site with a worker beside it, on a database that is thrown away at the end. So that
the dashboard has something to show, two days of history are planted, and a shop is open that stores jobs all the time.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from demo_site.processes import BASE_DIR, answers, free_port, managing, stoppable
from demo_site.servers import ServerError, Stopped, carried_postgresql

KEPT = BASE_DIR / ".demo"
START_SECONDS = 30
USER = "demo"
#: All but one: the dashboard shows what becomes of jobs whose queue nobody listens to.
QUEUES = "default,mail,videos,payments,imports,reports,exports"
DASHBOARD = "admin/jobqueue/"
#: What the log says of scripts that keep pages up to date.
POLLING = re.compile(r'(/live/|[?&]part=[^ ]*|\.json[^ ]*) HTTP/1\.1" (200|304)')


def main(arguments: Sequence[str]) -> int:
    """Serve, or perform all scenarios once; return the exit code."""
    options = parse(arguments)
    try:
        with stoppable(), surroundings(options):
            prepare()
            if options.once:
                return once()
            if not options.plain:
                fill()
            return serve(free_port(options.port), options.plain)
    except Stopped as stopped:
        return int(str(stopped.code)) if options.once else 0
    except (ServerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="The demo site with a worker beside it.")
    parser.add_argument("--once", action="store_true", help="perform all scenarios without a site, check, leave")
    parser.add_argument("--postgresql", action="store_true", help="use a PostgreSQL of its own, not SQLite")
    parser.add_argument(
        "--port", type=int, metavar="N", help="port of the site (default: the next free from 8000)"
    )
    parser.add_argument("--keep", action="store_true", help="keep files and database in .demo/ for the next time")
    parser.add_argument("--plain", action="store_true", help="start empty: no history, and no shop that is open")
    options = parser.parse_args(arguments)
    if options.once and (options.keep or options.port or options.plain):
        parser.error("--once starts afresh and serves nothing: leave out --keep, --port and --plain")
    return options


@contextmanager
def surroundings(options: argparse.Namespace) -> Iterator[None]:
    """A directory and a database for this run, handed to Django and to the children by the environment."""
    with ExitStack() as stack:
        kept = str(KEPT) if options.keep else None
        var = kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="jobqueue-demo-"))
        os.environ |= {"DJANGO_SETTINGS_MODULE": "demo_site.settings", "DEMO_VAR": var}
        os.environ.pop("DATABASE_URL", None)
        if options.postgresql:
            directory = Path(var, "postgresql") if options.keep else None
            os.environ["DATABASE_URL"] = stack.enter_context(carried_postgresql(directory))
        yield


def prepare() -> None:
    """Make the tables, and the user for the admin."""
    django.setup()
    call_command("migrate", verbosity=0)
    # Late: models can be imported only after Django was set up.
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    if not users.filter(username=USER).exists():
        users.create_superuser(USER, "demo@example.com", USER)


def fill() -> None:
    """Plant the history."""
    # Late, for the same reason.
    from demo_site.history import plant

    plant()


def open_shop() -> None:
    """Have a job stored every few seconds, and what follows from it."""
    # Late, for the same reason.
    from demo_site.shop.jobs import keep_open

    keep_open()


def once() -> int:
    """Perform all scenarios; 0 if everything holds, else 5."""
    # Late, for the same reason.
    from demo_site.once import perform_all

    return 0 if perform_all() else 5


def serve(port: int, plain: bool) -> int:
    """Run site and worker until a signal comes, or until one of them ends by itself; unless `plain` with a shop."""
    site, pool = ["runserver", "--noreload", f"127.0.0.1:{port}"], ["jobworker", "-n", "3", "--queue", QUEUES]
    with (
        managing(site, prefixed("web   ")) as web,
        managing(pool, prefixed("worker"), DEBUG="0") as worker,
    ):
        if answers(port, web, START_SECONDS):
            address = f"http://127.0.0.1:{port}/"
            told = (f"Site       {address}", f"Dashboard  {address}{DASHBOARD}", f"Sign in    {USER} / {USER}")
            if not plain:
                open_shop()
            print(box(*told, "Ctrl+C stops everything"), flush=True)
        while web.poll() is None and worker.poll() is None:
            time.sleep(0.2)
    print("Site or worker ended by itself; see above.", file=sys.stderr)
    return 1


def prefixed(label: str) -> Callable[[str], None]:
    """What prints lines with a label before them, save those about the polling of the pages."""

    def tell(line: str) -> None:
        if not POLLING.search(line):
            print(f"{label} | {line}", flush=True)

    return tell


def box(*lines: str) -> str:
    """The lines in a frame."""
    width = max(map(len, lines))
    edge = "─" * (width + 2)
    inner = "\n".join(f"│ {line:{width}} │" for line in lines)
    return f"┌{edge}┐\n{inner}\n└{edge}┘"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
