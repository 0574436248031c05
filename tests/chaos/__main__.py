"""``python -m tests.chaos``: a run for people. Exit status 0 only if every rule held."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import run
from tests.chaos.scene import Options


def main() -> int:
    """Do it, and say how it went; the last line is a summary."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40.0, help="for how long faults happen")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two faults")
    parser.add_argument("--faults", nargs="*", default=(), help="only these, by name (see faults.py)")
    parser.add_argument("--lease", type=float, default=3.0, help="LEASE_SECONDS of the pools")
    parser.add_argument("--keep", type=Path, help="leave logs and journals in this new directory")
    words = vars(parser.parse_args())
    keep = words.pop("keep")
    options = Options(**{**words, "faults": tuple(words["faults"])})
    print(f"seed {options.seed}", flush=True)
    if keep is not None:
        keep.mkdir()
        return _report(options, keep.resolve())
    with tempfile.TemporaryDirectory(prefix="jobqueue-chaos-") as directory:
        return _report(options, Path(directory))


def _report(options: Options, directory: Path) -> int:
    report = run(options, directory)
    for line in report.lines():
        print(line)
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
