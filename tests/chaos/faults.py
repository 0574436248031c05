"""What is done to the pools and their database. Each fault notes what it did, so that its effects are explained."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg

from jobqueue.pool.maintenance import LEAST_PATIENCE
from tests.chaos.pools import Pool, send
from tests.chaos.scene import Scene

Fault = Callable[[Scene], None]


# Processes


def kill_worker(scene: Scene) -> None:
    """SIGKILL one worker."""
    victim = _child(scene)
    if victim is not None and not victim[0].is_maintenance(victim[1]):
        _kill(scene, victim[1])


def kill_child(scene: Scene) -> None:
    """SIGKILL a worker or maintenance."""
    victim = _child(scene)
    if victim is not None:
        _kill(scene, victim[1])


def stop_child(scene: Scene) -> None:
    """Stop one child for a while, and let it go on."""
    victim = _child(scene)
    if victim is not None:
        pool, pid = victim
        # If it is maintenance, the whole pool is silent.
        silent = pool.family() if pool.is_maintenance(pid) else [pid]
        _stop(scene, [pid], silent, scene.chance.uniform(0.1, 1.5 * scene.options.lease))


def stop_pool(scene: Scene) -> None:
    """Stop a whole pool for more than two leases, as a machine that sleeps, and let it go on."""
    pool = _pool(scene)
    if pool is not None:
        family = pool.family()
        _stop(scene, family, family, 2.2 * scene.options.lease)


def kill_pool(scene: Scene) -> None:
    """Take a whole pool away, as with its machine; another one starts."""
    pool = _pool(scene)
    if pool is not None:
        send([pool.pid], signal.SIGSTOP)  # so that it forks nobody whom we do not know
        scene.record.died(pool.family())
        send([pool.pid], signal.SIGKILL)
        pool.process.wait()
        scene.retire(pool)
        scene.start_pool()


def end_pool(scene: Scene) -> None:
    """Ask a pool to leave, gracefully or at once; another one takes its place."""
    pool = _pool(scene)
    if pool is not None:
        scene.record.leave(pool.family())
        send([pool.pid], scene.chance.choice([signal.SIGTERM, signal.SIGQUIT]))
        scene.retire(pool)
        scene.in_background(lambda: _replace(scene, pool))


def restart_pool(scene: Scene) -> None:
    """Have a pool start afresh under the same number, as a deployment does."""
    pool = _pool(scene)
    if pool is not None and "***" in pool.log.read_text():  # before it has begun, this signal ends a process
        scene.record.leave(pool.family())
        send([pool.pid], signal.SIGHUP)


def _pool(scene: Scene) -> Pool | None:
    running = [pool for pool in scene.pools if pool.is_running]
    return scene.chance.choice(running) if running else None


def _child(scene: Scene) -> tuple[Pool, int] | None:
    pool = _pool(scene)
    children = pool.children() if pool else []
    return (pool, scene.chance.choice(children)) if pool and children else None


def _kill(scene: Scene, pid: int) -> None:
    scene.record.died([pid])
    send([pid], signal.SIGKILL)


def _stop(scene: Scene, pids: list[int], silent: list[int], seconds: float) -> None:
    def run() -> None:
        since = time.time()
        send(pids, signal.SIGSTOP)
        time.sleep(seconds)
        scene.record.stopped(silent, since)
        send(pids, signal.SIGCONT)

    scene.in_background(run)


def _replace(scene: Scene, pool: Pool) -> None:
    pool.wait(60)
    scene.start_pool()


# Connections


def terminate_backends(scene: Scene) -> None:
    """End a few of the server's sessions."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3) AS victims"
        )


def reset_connections(scene: Scene) -> None:
    """Reset all connections between."""
    assert scene.proxy is not None
    scene.proxy.reset_all()


def drop_answers(scene: Scene) -> None:
    """Throw answers of the server away for a while, one in fifty, each with its connection."""
    proxy = scene.proxy
    assert proxy is not None

    def run() -> None:
        proxy.drop = 0.02
        time.sleep(3)
        proxy.drop = 0.0

    scene.in_background(run)


def freeze_network(scene: Scene) -> None:
    """Let nothing pass for a while; then everything arrives late."""
    proxy = scene.proxy
    assert proxy is not None

    def run() -> None:
        proxy.hold()
        time.sleep(scene.chance.uniform(0.2, scene.options.lease / 2))
        proxy.let_pass()

    scene.in_background(run)


def lose_connections(scene: Scene) -> None:
    """Make black holes of the present connections: they stay open, and nothing passes any more."""
    proxy = scene.proxy
    assert proxy is not None

    def run() -> None:
        since = time.time()
        families = [pid for pool in scene.pools for pid in pool.family()]
        proxy.hold()
        proxy.lose_held()
        # With a short lease there is no time to find out.
        time.sleep(LEAST_PATIENCE + scene.options.lease)
        scene.record.stopped(families, since)

    scene.in_background(run)


# The server


def crash_server(scene: Scene) -> None:
    """Stop the server as a crash does, for a moment or for longer than the lease."""
    _outage(scene, signal.SIGQUIT, scene.chance.choice([0.5, 1.4 * scene.options.lease]))


def restart_server(scene: Scene) -> None:
    """Restart the server in good order."""
    _outage(scene, signal.SIGINT, 0.2)


def _outage(scene: Scene, how: signal.Signals, seconds: float) -> None:
    server = scene.server
    assert server is not None

    def run() -> None:
        with scene.server_lock:
            server.stop(how)
            time.sleep(seconds)
            scene.start_server()

    scene.in_background(run)


# Locks


def lock_rows(scene: Scene) -> None:
    """Hold locks on rows, as somebody does who looks at them in a shell and goes to lunch."""

    def run() -> None:
        try:
            with psycopg.connect(scene.url) as connection:
                connection.execute(
                    "SELECT 1 FROM jobqueue_job WHERE state IN (1, 2) LIMIT 20 FOR UPDATE SKIP LOCKED"
                )
                time.sleep(2)
        except psycopg.OperationalError:
            return  # the server went away meanwhile

    scene.in_background(run)


def lock_file(scene: Scene) -> None:
    """Hold SQLite's one write lock."""

    def run() -> None:
        connection = sqlite3.connect(urlsplit(scene.url).path, isolation_level=None, timeout=20)
        try:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(2)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    scene.in_background(run)


#: How often each happens, in proportion.
OF_PROCESSES: dict[Fault, int] = {
    kill_worker: 8, kill_child: 4, stop_child: 4, stop_pool: 1, kill_pool: 1, end_pool: 1, restart_pool: 1,
}  # fmt: skip
OF_POSTGRESQL: dict[Fault, int] = {
    **OF_PROCESSES,
    terminate_backends: 4, reset_connections: 3, drop_answers: 4, freeze_network: 2, lose_connections: 1,
    crash_server: 1, restart_server: 1, lock_rows: 2,
}  # fmt: skip
OF_SQLITE: dict[Fault, int] = {**OF_PROCESSES, lock_file: 2}


def known(database: str) -> dict[Fault, int]:
    """Return the faults that a database can have, with their weights."""
    return OF_POSTGRESQL if database == "postgresql" else OF_SQLITE
