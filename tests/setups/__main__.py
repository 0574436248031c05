"""``python -m tests.setups NAME… [-- PYTEST ARGUMENTS]``: run tests in these set-ups, one after another.

On the PostgreSQL that DATABASE_URL names, else on one that is started for the time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from demo_site.servers import ServerError, call, carried_postgresql
from tests.setups import Setup, setups

#: What depends on how the database is set up. Tests of processes mostly wait, so two at a time.
CONCERNED = (
    *("-n", "2", "--dist", "loadscope"),
    *("tests/stores", "tests/worker", "tests/processes/test_pool.py", "tests/processes/test_outage.py"),
)


def main(arguments: Sequence[str]) -> int:
    """Run, and return the worst exit status."""
    names, _, rest = _split(arguments)
    known = setups()
    if not names or not set(names) <= known.keys():
        print(f"usage: python -m tests.setups NAME… [-- PYTEST ARGUMENTS]; {_told(known)}", file=sys.stderr)
        return 2
    try:
        return max(_run(name, known[name], rest or CONCERNED) for name in names)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


def _split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    words = list(arguments)
    if "--" not in words:
        return words, False, []
    at = words.index("--")
    return words[:at], True, words[at + 1 :]


def _told(known: Mapping[str, Setup]) -> str:
    return f"names: {', '.join(filter(None, known))}"


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
