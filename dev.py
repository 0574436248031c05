#!/usr/bin/env python3
"""Work on jobqueue with nothing but Python 3.11 or newer; each command sets up by itself what it needs.

    python3 dev.py demo [--once] [--postgresql] …   the demo site with a worker, and the dashboard with history
    python3 dev.py test [--sqlite | --postgresql | --setup NAME] [pytest arguments]
    python3 dev.py check                            lint, format, forbidden code, types, migrations, Django's checks
    python3 dev.py docs                             the documentation as a site, in build/docs
    python3 dev.py screenshots                      the documentation's pictures of the dashboard, taken from the demo
    python3 dev.py vendor                           the dashboard's libraries of others, anew
    python3 dev.py run ARGS…                        python ARGS… in the same environment

`--python X.Y` before or after the command chooses another Python, `--django X.Y` another Django than the newest that
this Python takes; each pair has its own environment, .venv-X.Y or .venv-X.Y-django-X.Y.
`test` runs on SQLite, then on PostgreSQL: that of DATABASE_URL, else one of its own for the time of the run.
`test --setup NAME` runs what concerns workers on PostgreSQL set up otherwise: serializable, repeatable-read, pgbouncer
or roles (least privileges); may be given several times.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo_site.servers import Stopped, call

ROOT = Path(__file__).resolve().parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
UV = shutil.which("uv")


def main(arguments: Sequence[str]) -> int:
    """Do one command; return its exit code."""
    chosen, rest = parse(arguments)
    return COMMANDS[chosen.command](environment(chosen.python, chosen.django), rest)


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split the command line into the command with its versions, and what belongs to the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    after = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for each in (parser, after):
        each.add_argument("--python", metavar="X.Y", default="{}.{}".format(*sys.version_info))
        each.add_argument("--django", metavar="X.Y")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="ARGS", help="handed on")
    chosen = parser.parse_args(arguments)
    ours = len(chosen.rest)
    if chosen.command == "run":  # a program that is run has options of its own
        ours = 0
        while ours < len(chosen.rest) and chosen.rest[ours].split("=")[0] in {"--python", "--django"}:
            ours += 1 if "=" in chosen.rest[ours] else 2
    _, rest = after.parse_known_args(chosen.rest[:ours], chosen)
    return chosen, rest + chosen.rest[ours:]


def environment(version: str, django: str | None) -> Path:
    """The Python of an environment in which the project, as it stands, is installed."""
    interpreter, folder = find_python(version), ROOT / f".venv-{version}{f'-django-{django}' if django else ''}"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    with (ROOT / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at the same time: one sets up, the other waits
        works = version_of(str(python), "sys") == version
        if not works or not stamp.exists() or stamp.read_text() != wanted:
            say(f"Setting up {folder.name} (about a minute, once) …")
            stamp.unlink(missing_ok=True)
            install(interpreter, folder, [f"Django=={django}.*"] if django else [])
            stamp.write_text(wanted)
    return python


def install(interpreter: str, folder: Path, others: Sequence[str]) -> None:
    """Make the environment if it is missing or broken; install the project into it, editable, beside others."""
    python = str(folder / "bin" / "python")
    if not version_of(python, "sys" if UV else "pip"):
        venv = [UV, "venv", "--python", interpreter] if UV else [interpreter, "-m", "venv"]
        quietly([*venv, "--clear", str(folder)])
    pip = [UV, "pip", "install", "--python", python] if UV else [python, "-m", "pip", "install"]
    quietly([*pip, "--quiet", "--editable", ".[dev]", *others])


def quietly(command: Sequence[str]) -> None:
    """Run a step of the set-up; only if it fails show the end of what it said, and leave."""
    with tempfile.TemporaryFile("w+") as output:
        code = call(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        output.seek(0)
        if code:
            sys.exit("".join([*output.readlines()[-15:], f"Set-up failed ({code}): {' '.join(command)}"]))


def find_python(version: str) -> str:
    """An interpreter of that version which can make environments; leaves with a message if there is none."""
    python = locate(version) if version in PYTHONS else None
    if python is None:
        found = ", ".join(filter(locate, PYTHONS)) or "none"
        sys.exit(
            f"No Python {version} to work with; jobqueue runs on {', '.join(PYTHONS)}. Found: {found}.\n"
            "(On Debian and Ubuntu a Python needs its package pythonX.Y-venv, too.)"
        )
    return python


def locate(version: str) -> str | None:
    module = "venv" if UV else "ensurepip"
    return next((path for path in candidates(version) if version_of(path, module) == version), None)


def candidates(version: str) -> Iterator[str]:
    yield sys.executable
    yield f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob(f"versions/{version}[.-]*/bin/python")), reverse=True)
    if UV:
        yield subprocess.run([UV, "python", "find", version], capture_output=True, text=True).stdout.strip()


def version_of(python: str, module: str) -> str:
    """X.Y if that is a Python that has the module, else nothing: a pyenv shim may be there and not work."""
    code = f"import sys, {module}; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def demo(python: Path, arguments: list[str]) -> int:
    """Hand over to the demo site."""
    os.chdir(ROOT)
    return run(python, ["-m", "demo_site.run", *arguments])


def run(python: Path, arguments: list[str]) -> int:
    """Become that Python: signals and exit code are then its own."""
    os.execv(python, [str(python), *arguments])  # noqa: S606 (what the caller asked for)


#: Tests of processes mostly wait, so two at a time; the slow ones come first (tests/conftest.py).
WHOLE_SUITE = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")


def test(python: Path, arguments: list[str]) -> int:
    """Run the suite on each database, what asks none of them once; fail if it fails on one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--sqlite", dest="on", action="append_const", const=test_on_sqlite)
    parser.add_argument("--postgresql", dest="on", action="append_const", const=test_on_postgresql)
    parser.add_argument("--setup", dest="setups", action="append", metavar="NAME")
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.setups:
        return call([python, "-m", "tests.setups", *chosen.setups, "--", *rest], cwd=ROOT)
    first, *others = chosen.on or (test_on_sqlite, test_on_postgresql)
    command = [str(python), "-m", "pytest", *(rest or WHOLE_SUITE)]
    codes = [first(command), *(test_on([*command, "--database-only"]) for test_on in others)]
    return max(codes)


def test_on_sqlite(command: list[str]) -> int:
    say("Tests on SQLite")
    return call(command, cwd=ROOT, env={k: v for k, v in os.environ.items() if k != "DATABASE_URL"})


def test_on_postgresql(command: list[str]) -> int:
    given = os.environ.get("DATABASE_URL", "").startswith("postgres")
    say(f"Tests on PostgreSQL, {'that of DATABASE_URL' if given else 'started for this run'}")
    return call(command if given else [command[0], "-m", "demo_site.servers", "--", *command], cwd=ROOT)


def check(python: Path, arguments: list[str]) -> int:
    """Run every check, whatever the others find; report them all."""
    django = "manage.py makemigrations --check --dry-run", "manage.py check"
    steps = "-m ruff check", "-m ruff format --check", "-m tests.gate", "-m mypy", *django
    report, started = {}, time.monotonic()
    for step in steps:
        say(step)
        report[step] = call([python, *step.split()], cwd=ROOT)
    for step, code in report.items():
        say(f"{'FAILED' if code else 'ok':7} {step}")
    say(f"in {time.monotonic() - started:.0f} s")
    return max(report.values())


def docs(python: Path, arguments: list[str]) -> int:
    """Make a site of the documentation; a warning is a failure."""
    pages = ROOT / "build" / "docs"
    strictly = ["-n", "-W", "--keep-going", "-q", "-c", "docs", "-d", str(ROOT / "build" / "doctrees")]
    code = call([python, "-m", "sphinx", *strictly, *arguments, ".", pages], cwd=ROOT)
    say(f"{'FAILED' if code else 'Open'}: {pages / 'index.html'}")
    return code


def screenshots(python: Path, arguments: list[str]) -> int:
    """Take the pictures anew."""
    os.chdir(ROOT)
    return run(python, ["-m", "demo_site.screenshots", *arguments])


def vendor(python: Path, arguments: list[str]) -> int:
    """Fetch the libraries that the dashboard brings along, as their manifest names them; it takes npm."""
    return call([python, "-m", "tests.vendored"], cwd=ROOT)


def messages(python: Path, arguments: list[str]) -> int:
    """Bring the catalogues of translations up to date, and compile them; it takes gettext."""
    return call([python, "-m", "tests.catalogues"], cwd=ROOT)


def say(text: str) -> None:
    """One line, apart from the output of the programs that are run."""
    print(text, file=sys.stderr, flush=True)


COMMANDS = {
    "demo": demo,
    "test": test,
    "check": check,
    "docs": docs,
    "screenshots": screenshots,
    "vendor": vendor,
    "messages": messages,
    "run": run,
}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stopped as stopped:
        sys.exit(stopped.code or 130)
    except KeyboardInterrupt:
        sys.exit(130)
