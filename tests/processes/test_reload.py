"""Development: the pool starts anew when the code changes (``--reload``), and is otherwise as without it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.garage import Garage, family, name_of
from tests.processes.harness import AS_ROOT, MANAGE, Journal, Pool, environment, is_running, wait_until
from tests.processes.test_pool import states

Call = Callable[..., CompletedProcess[str]]
WAITING = "waiting for the next change"


@pytest.fixture
def garage(tmp_path: Path) -> Garage:
    return Garage(tmp_path)


@pytest.fixture
def start(start_pool: Callable[..., Pool], garage: Garage) -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def start_in_garage(*words: str, **settings: object) -> Pool:
        pools.append(start_pool(*words, variables=garage.variables, **settings))
        return pools[-1]

    yield start_in_garage
    for each in pools:  # in order, so that none of its descendants is left
        if each.process.poll() is None:
            each.signal(signal.SIGQUIT)
            each.wait()


def wait_for(pool: Pool, text: str, count: int = 1) -> None:
    wait_until(lambda: pool.text.count(text) >= count, about=lambda: pool.text)


def perform(journal: Journal, key: int, version: str) -> None:
    """Store a job; it must be performed by code of that version."""
    jobs.say_version.enqueue(key)
    wait_until(lambda: journal.of(key, f"version-{version}"), about=lambda: journal.path.read_text())


def pool_of(watcher: Pool) -> int:
    """The pool that runs for the process that watches the code."""
    [found] = wait_until(watcher.children)
    return int(found)


def test_changed_code_runs_and_the_running_job_is_finished_first(
    start: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    pool = start()
    perform(journal, 1, "one")
    jobs.say_version.enqueue(2, 2)
    wait_until(lambda: journal.of(2))
    garage.release("two")
    wait_for(pool, "garage/jobs.py has changed; restarting")
    perform(journal, 3, "two")
    assert len(journal.of(2)) == len(journal.of(2, "end")) == 1
    assert journal.of(2, "end")[0].at < journal.of(3)[0].at
    assert pool.stop() == 0
    assert states() == {"succeeded": 3}


def test_a_second_change_does_not_wait_for_the_running_job(
    start: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    job = jobs.say_version.enqueue(1, 60)
    pool = start()
    wait_until(lambda: journal.of(1, "version-one"), about=lambda: pool.text)
    garage.release("two")
    wait_for(pool, "still running")
    garage.release("three")
    wait_until(lambda: journal.of(1, "version-three"), about=lambda: pool.text)
    assert Job.objects.get(pk=job.pk).attempts == 1, "the attempt was given back"


def test_code_that_cannot_be_loaded_is_waited_with(
    start: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    pool = start()
    perform(journal, 1, "one")
    garage.write("jobs", "VERSION = = 2\n")
    wait_for(pool, WAITING)
    assert "SyntaxError" in pool.text
    garage.write(
        "jobs", "from django.core.exceptions import ImproperlyConfigured\nraise ImproperlyConfigured('no')\n"
    )
    wait_for(pool, WAITING, 2)
    assert "ImproperlyConfigured: no" in pool.text
    garage.release("two")
    perform(journal, 2, "two")
    assert pool.stop() == 0


def test_told_to_stop_while_it_waits_for_better_code_it_stops(start: Callable[..., Pool], garage: Garage) -> None:
    pool = start()
    wait_for(pool, "*** Starting job worker")
    garage.write("jobs", "VERSION = = 2\n")
    wait_for(pool, WAITING)
    assert pool.stop() == 0


@pytest.mark.parametrize("change", ["module", "template"])
def test_a_new_module_and_a_changed_template_count(
    start: Callable[..., Pool], garage: Garage, journal: Journal, change: str
) -> None:
    (garage.templates / "page.html").write_text("one")
    pool = start()
    perform(journal, 1, "one")
    if change == "module":
        garage.write("late", "")
    else:
        (garage.templates / "page.html").write_text("two")
    wait_for(pool, "has changed; restarting")
    wait_for(pool, "*** Starting job worker", 2)


def test_what_is_no_code_does_not_count(start: Callable[..., Pool], garage: Garage, journal: Journal) -> None:
    pool = start()
    perform(journal, 1, "one")
    (garage.folder / "garage" / ".jobs.py.swp").write_text("an editor's own")
    (garage.folder / "garage" / "notes.txt").write_text("not code")
    (garage.folder / "garage" / "node_modules").mkdir()
    (garage.folder / "garage" / "node_modules" / "gyp.py").write_text("not ours")
    garage.write("late", "")
    wait_for(pool, "has changed")
    assert "garage/late.py has changed" in pool.text


@pytest.mark.parametrize(("times", "code"), [(1, 0), (2, 4)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_and_exit_codes_go_through(
    start: Callable[..., Pool], journal: Journal, number: signal.Signals, times: int, code: int
) -> None:
    jobs.nap.enqueue(1, 2 if times == 1 else 60)
    pool = start()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    for count in range(times):
        pool.signal(number)
        if count == 0:
            wait_for(pool, "still running")
    assert pool.wait() == code
    assert len(journal.of(1, "end")) == (1 if times == 1 else 0)
    assert states() == ({"succeeded": 1} if times == 1 else {"ready": 1})


def test_a_pool_that_cannot_start_at_all_leaves_with_its_message(call: Call, garage: Garage) -> None:
    """As without watching: what is missing is not in the code."""
    done = call("--pid", "nowhere/jobs.pid", **garage.variables)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Cannot write the PID file")
    assert WAITING not in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, 128 + 9)])
def test_when_the_pool_ends_by_other_hands_so_does_the_watching(
    start: Callable[..., Pool], number: signal.Signals, code: int
) -> None:
    watcher = start()
    wait_for(watcher, "*** Starting job worker")
    wait_until(lambda: len(list(family(watcher.pid))) == 3)
    os.kill(pool_of(watcher), number)
    assert watcher.wait() == code


def test_killed_it_leaves_no_process_and_no_job_behind(start: Callable[..., Pool], journal: Journal) -> None:
    jobs.nap.enqueue(1, 60)
    watcher = start()
    wait_until(lambda: journal.of(1), about=lambda: watcher.text)
    left = list(family(watcher.pid))
    assert len(left) == 3
    watcher.process.kill()
    wait_until(lambda: not any(map(is_running, left)))
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.READY, 0)


def test_after_hup_the_code_is_still_watched_once(
    start: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    watcher = start()
    perform(journal, 1, "one")
    pool = pool_of(watcher)
    watcher.signal(signal.SIGHUP)
    wait_for(watcher, "*** Starting job worker", 2)
    assert pool_of(watcher) == pool
    garage.release("two")
    wait_for(watcher, "has changed; restarting")
    perform(journal, 2, "two")
    assert pool_of(watcher) != pool
    assert len(list(family(watcher.pid))) == 3
    assert watcher.text.count("has changed") == 1


def test_jobs_do_not_learn_who_watches(start: Callable[..., Pool], journal: Journal) -> None:
    start()
    jobs.look_around.enqueue(1)
    wait_until(lambda: journal.entries("around"))
    assert [entry.key for entry in journal.entries("around")] == ["nothing"]


def watches(pool: Pool) -> bool:
    """Whether that process only watches, once its pool is there."""
    wait_for(pool, "*** Starting job worker")
    wait_until(lambda: any(name_of(pid) == "job-worker" for pid in family(pool.pid)), about=lambda: pool.text)
    return not any(name_of(pid).startswith("job-") for pid in pool.children())


@pytest.mark.parametrize(
    ("debug", "words", "expected"),
    [
        (True, (), True),
        (True, ("--no-reload",), False),
        (True, ("--exit-on-code-change",), False),
        (False, (), False),
        (False, ("--reload",), True),
    ],
)
def test_it_watches_by_default_where_debug_is_on(
    start: Callable[..., Pool], garage: Garage, debug: bool, words: tuple[str, ...], expected: bool
) -> None:
    garage.debug(debug)
    assert watches(start(*words)) is expected


def test_under_a_service_manager_it_does_not_watch(
    start_pool: Callable[..., Pool], garage: Garage, tmp_path: Path
) -> None:
    pool = start_pool(variables=garage.variables | {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not watches(pool)


def test_daemons_and_passes_do_not_watch(call: Call, garage: Garage, journal: Journal) -> None:
    jobs.say_version.enqueue(1)
    assert call("work_off", **garage.variables).returncode == 0
    assert call("start", **garage.variables).returncode == 0
    try:
        jobs.say_version.enqueue(2)
        wait_until(lambda: journal.of(2))
    finally:
        assert call("stop", **garage.variables).returncode == 0
    assert states() == {"succeeded": 2}


@pytest.mark.parametrize(
    ("words", "variables", "text"),
    [
        (["start", "--reload"], {}, "--reload is for a pool in the foreground: jobworker --reload"),
        (["work_off", "--exit-on-code-change"], {}, "--exit-on-code-change is for a pool in the foreground"),
        (["--reload", "--exit-on-code-change"], {}, "take one of them"),
        (["--reload"], {"NOTIFY_SOCKET": "/run/x"}, "Take --exit-on-code-change."),
    ],
)
def test_what_does_not_go_together_is_refused(
    call: Call, words: list[str], variables: dict[str, str], text: str
) -> None:
    done = call(*words, **variables)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


class Terminal:
    """A pool at a terminal of its own."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        master, terminal = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            [sys.executable, str(MANAGE), "jobworker", *AS_ROOT],
            env=variables,
            cwd=folder,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self.master, 65_536):
                self.text += data.decode(errors="replace")

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> None:
        for child in [*family(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(transactional_db: None, garage: Garage, journal: Journal) -> Iterator[Terminal]:
    found = Terminal(garage.folder, environment(journal, QUICK) | garage.variables)
    yield found
    found.end()


def test_at_a_terminal_ctrl_c_reaches_the_pool_once(terminal: Terminal, journal: Journal) -> None:
    jobs.nap.enqueue(1, 3)
    wait_until(lambda: journal.of(1), about=lambda: terminal.text)
    terminal.press(b"\x03")
    assert terminal.process.wait(30) == 0
    assert len(journal.of(1, "end")) == 1
    assert states() == {"succeeded": 1}


def test_at_a_terminal_who_has_seen_the_introduction_does_not_see_it_again(
    terminal: Terminal, garage: Garage, journal: Journal
) -> None:
    perform(journal, 1, "one")
    assert "DEBUG on (restarts itself on code changes)" in terminal.text
    assert "kinds of jobs known" in terminal.text
    garage.release("two")
    wait_until(lambda: "has changed; restarting" in terminal.text)
    perform(journal, 2, "two")
    assert terminal.text.count("*** Starting job worker") == 2
    assert terminal.text.count("Ctrl+C once") == terminal.text.count("jobs known") == 1
    terminal.press(b"\x03")
    assert terminal.process.wait(30) == 0


def test_when_its_terminal_is_closed_it_ends_with_its_pool(terminal: Terminal, journal: Journal) -> None:
    jobs.nap.enqueue(1, 2)
    wait_until(lambda: journal.of(1), about=lambda: terminal.text)
    left = list(family(terminal.process.pid))
    os.close(terminal.master)
    assert terminal.process.wait(30) == 0
    wait_until(lambda: not any(map(is_running, left)))
    assert states() == {"succeeded": 1}
