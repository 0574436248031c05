"""``python -m benchmarks drain --database postgresql``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib import import_module

from benchmarks.report import Figure
from benchmarks.stage import database

BENCHES = ("drain",)


def main() -> None:
    """Run the benchmarks that are asked for and print each figure as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "bench", nargs="*", choices=[*BENCHES, []], metavar="bench", help=f"{', '.join(BENCHES)}; all by default"
    )
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--jobs", type=int, default=50_000, help="jobs in a round (default: 50,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, whose median counts (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object for each figure")
    words = parser.parse_args()
    with database(words.database):
        for name in words.bench or BENCHES:
            run: Callable[[str, int, int], Iterator[Figure]] = import_module(f"benchmarks.{name}").run
            for figure in run(words.database, words.jobs, words.rounds):
                print(figure.as_json() if words.json else figure.as_line(), flush=True)


if __name__ == "__main__":
    main()
