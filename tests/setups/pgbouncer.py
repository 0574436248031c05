"""A PgBouncer of one's own, in transaction mode, as long as a block runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from demo_site.servers import ServerError, scratch_directory, unprivileged
from tests.setups import Setup

PORT = 6432
START_SECONDS = 10
#: Fewer than the clients, so that they share.
SERVER_CONNECTIONS = 8

CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user} {password}

[pgbouncer]
pool_mode = transaction
auth_type = any
unix_socket_dir = {scratch}
listen_port = {listen_port}
default_pool_size = {size}
max_client_conn = 500
logfile = {scratch}/log
pidfile = {scratch}/pid
"""


class BehindPgBouncer(Setup):
    """Every transaction may be handed to another server process."""

    @contextmanager
    def around(self, url: str) -> Iterator[dict[str, str]]:
        """Put PgBouncer in front of the server."""
        with pgbouncer(url) as pooled:
            yield {"DATABASE_URL": pooled, "JOBQUEUE_TEST_DIRECT_URL": url}

    def configure(self, entry: dict[str, Any]) -> None:
        """Do as Django's documentation advises."""
        entry["DISABLE_SERVER_SIDE_CURSORS"] = True

    def end(self, connection: Any) -> None:
        """Have the pooler's own connections ended: nobody may be connected to a database that is dropped."""
        import psycopg

        name = connection.settings_dict["NAME"]
        connection.close()
        with psycopg.connect(os.environ["JOBQUEUE_TEST_DIRECT_URL"], autocommit=True) as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Start PgBouncer in front of the server of a URL, yield the URL to use instead, stop it at the end.

    It lets everybody in as the user of ``url``, through a socket in a directory of its own.

    Raises:
        ServerError: if it is not installed or does not start.
    """
    account = unprivileged()
    with scratch_directory(account) as scratch:
        configuration = scratch / "pgbouncer.ini"
        configuration.write_text(_configuration(url, scratch))
        with (scratch / "output").open("wb") as output:
            process = subprocess.Popen(
                [_program(), configuration],
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **account,
            )
        try:
            _await_ready(process, scratch)
            parts = urlsplit(url)
            yield f"postgresql://{parts.username or ''}@{parts.path}?host={scratch}&port={PORT}"
        finally:
            process.terminate()
            process.wait()


def _program() -> str:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise ServerError("PgBouncer is not here. Install it with: apt-get install pgbouncer")
    return program


def _configuration(url: str, scratch: Path) -> str:
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return CONFIGURATION.format(
        host=options.get("host") or parts.hostname or "localhost",
        port=options.get("port") or parts.port or 5432,
        user=parts.username or "postgres",
        password=f"password={parts.password}" if parts.password else "",
        scratch=scratch,
        listen_port=PORT,
        size=SERVER_CONNECTIONS,
    )


def _await_ready(process: subprocess.Popen[bytes], scratch: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(scratch / f".s.PGSQL.{PORT}"):
        if process.poll() is not None or time.monotonic() > deadline:
            said = "".join(path.read_text() for path in (scratch / "output", scratch / "log") if path.exists())
            raise ServerError(f"PgBouncer did not start:\n{said[-2000:]}")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
