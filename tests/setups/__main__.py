"""``python -m tests.setups NAME… [-- PYTEST ARGUMENTS]``: run tests in these set-ups, one after another.

On the PostgreSQL that DATABASE_URL names, else on one that is started for the time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from demo_site.servers import ServerError, call, carried_postgresql
from tests.setups import Setup, setups

#: What depends on how the database is set up: not plans, nor what happens in a worker's memory. Tests of processes
#: mostly wait, so three at a time.
CONCERNED = (
    *("-n", "3", "tests/stores", "--ignore", "tests/stores/test_plans.py"),
    *(
        f"tests/worker/test_{name}.py"
        for name in ("performing", "contention", "settling", "other_database", "minutes")
    ),
    *(f"tests/processes/test_{name}.py" for name in ("pool", "outage", "locks", "figures")),
    *("-k", "not (slow_one or side_by_side or worn_out or blamed_once or come_and_go or told_apart)"),
)


def main(arguments: Sequence[str]) -> int:
    """Run, and return the worst exit status."""
    names, rest = _split(arguments)
    known = setups()
    if unknown := [name for name in names or ["nothing"] if not name or name not in known]:
        print(f"No set-up {unknown[0]}; there are {', '.join(filter(None, known))}.", file=sys.stderr)
        return 2
    try:
        return max(_run(name, known[name], rest or CONCERNED) for name in names)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = [*arguments, "--"]
    at = words.index("--")
    return words[:at], words[at + 1 : -1]


def _run(name: str, setup: Setup, words: Sequence[str]) -> int:
    print(f"== Set-up {name}", file=sys.stderr, flush=True)
    with _server() as url, setup.around(url) as environment:
        command = [sys.executable, "-m", "pytest", *words]
        return call(command, env=os.environ | environment | {"JOBQUEUE_TEST_SETUP": name})


@contextmanager
def _server() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
    else:
        with carried_postgresql() as url:
            yield url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
