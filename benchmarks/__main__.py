"""Benchmarks of jobqueue: ``python -m benchmarks drain --database postgresql``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module

from benchmarks.report import Figure, heading
from benchmarks.scale import TINY, USUAL, Scale
from benchmarks.stage import database

#: The one that leaves the server most to tidy up comes last.
BENCHES = ("drain", "enqueue", "pickup", "idle", "memory", "start", "waiting", "fairness", "growth")
DATABASES = ("postgresql", "sqlite")
#: Fewer could not be divided as some benchmarks do.
LEAST_JOBS = 100

Run = Callable[[str, Scale], Iterator[Figure]]


def main() -> None:
    """Run the benchmarks that are asked for and print each figure as it comes."""
    words = _parser().parse_args()
    if words.database == "both":
        sys.exit(any(_run_in_turn()))
    if not words.json:
        print(heading(), flush=True)
    with database(words.database):
        for name in words.bench or BENCHES:
            run: Run = import_module(f"benchmarks.{name}").run
            for figure in run(words.database, _scale(words)):
                print(figure.as_json() if words.json else figure.as_line(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("bench", nargs="*", type=_bench, help=f"{', '.join(BENCHES)}; all by default")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="postgresql")
    parser.add_argument("--jobs", type=_jobs, metavar="N", help=f"jobs in a round (default: {USUAL.jobs:,})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"their median counts (default: {USUAL.rounds})")
    parser.add_argument("--tiny", action="store_true", help="as little as possible, to see that all of it works")
    parser.add_argument("--json", action="store_true", help="one JSON object for each figure")
    return parser


def _bench(word: str) -> str:
    if word not in BENCHES:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(BENCHES)}")
    return word


def _jobs(word: str) -> int:
    if not word.isdecimal() or int(word) < LEAST_JOBS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of at least {LEAST_JOBS}")
    return int(word)


def _scale(words: argparse.Namespace) -> Scale:
    scale = TINY if words.tiny else USUAL
    return replace(scale, jobs=words.jobs or scale.jobs, rounds=words.rounds or scale.rounds)


def _run_in_turn() -> list[int]:
    """Run on each database, in a process of its own, since Django is set up once; return the exit codes."""
    command = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
    return [subprocess.call([*command, "--database", each]) for each in DATABASES]


if __name__ == "__main__":
    main()
