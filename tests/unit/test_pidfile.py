"""The PID file: locked by a live process, never believed by its content alone."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue.pool.pidfile import AlreadyRunning, ForeignProcess, PidFile, has_ended, started

START = "import sys; from pathlib import Path; from jobqueue.pool.pidfile import *; file = PidFile(Path(sys.argv[1]))\n"
HOLD = START + "file.claim(); print('held', flush=True); sys.stdin.readline()"
LOCK_AND_WRITE = (
    START
    + """
import fcntl, os
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
print('locked', flush=True)
for line in sys.stdin:
    os.pwrite(descriptor, eval(line), 0)
    print('written', flush=True)
"""
)
TAKE_TURNS = (
    START
    + """
import os
for turn in range(150):
    try:
        descriptor = file.claim()
    except AlreadyRunning:
        continue
    os.close(os.open(sys.argv[1] + '.inside', os.O_CREAT | os.O_EXCL))
    os.unlink(sys.argv[1] + '.inside')
    file.release(descriptor)
    print(turn)
"""
)
LOOK = START + "print('looking', flush=True)\nwhile True: file.wait_until_held(-1)"

Run = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.pid"


@pytest.fixture
def run(path: Path) -> Iterator[Run]:
    """Run a program on the file in a process of its own."""
    running = []

    def start(program: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", program, str(path)]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


def content_of(pid: int) -> bytes:
    return f"{pid}\n{started(pid)}\n".encode()


class TestHeldByALiveProcess:
    def test_its_holder_is_that_process(self, path: Path, run: Run) -> None:
        process = run(HOLD)
        assert heard(process) == "held"
        assert PidFile(path).holder() == process.pid
        assert path.read_bytes() == content_of(process.pid)

    def test_nobody_else_can_claim_it_or_change_it(self, path: Path, run: Run) -> None:
        process = run(HOLD)
        heard(process)
        with pytest.raises(AlreadyRunning):
            PidFile(path).claim()
        assert PidFile(path).holder() == process.pid

    def test_killed_it_leaves_a_file_that_nobody_holds(self, path: Path, run: Run) -> None:
        process = run(HOLD)
        heard(process)
        process.kill()
        process.wait()
        assert path.exists()
        assert PidFile(path).holder() is None
        descriptor = PidFile(path).claim()
        assert path.read_bytes() == content_of(os.getpid())
        PidFile(path).release(descriptor)

    def test_waiting_for_it_to_be_gone_ends_when_it_is(self, path: Path, run: Run) -> None:
        process = run(HOLD)
        heard(process)
        assert not PidFile(path).wait_until_gone(process.pid, -1)
        tell(process, "leave")
        assert PidFile(path).wait_until_gone(process.pid, 30)
        assert has_ended(process.pid)

    def test_waiting_for_it_to_be_held_ends_when_it_is(self, path: Path, run: Run) -> None:
        assert not PidFile(path).wait_until_held(-1)
        run(HOLD)
        assert PidFile(path).wait_until_held(30)

    def test_of_many_that_claim_at_once_one_gets_it(self, path: Path, run: Run) -> None:
        claim = (
            START + "sys.stdin.readline()\ntry: file.claim(); print('got it', flush=True); sys.stdin.readline()\n"
        )
        processes = [run(claim + "except AlreadyRunning: print('taken', flush=True)") for _ in range(6)]
        for process in processes:
            tell(process, "now")
        answers = [heard(process) for process in processes]
        assert sorted(answers) == ["got it"] + ["taken"] * 5
        assert PidFile(path).holder() == processes[answers.index("got it")].pid

    def test_a_file_that_its_holder_just_removed_is_no_lock(self, run: Run) -> None:
        processes = [run(TAKE_TURNS) for _ in range(4)]
        turns = [process.communicate()[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4
        assert any(turns)

    def test_those_who_only_look_do_not_keep_anybody_from_claiming_it(self, path: Path, run: Run) -> None:
        path.touch()
        assert heard(run(LOOK)) == "looking"
        for _ in range(20):
            os.close(PidFile(path).claim())

    def test_a_holder_that_is_about_to_write_is_waited_for(self, path: Path, run: Run) -> None:
        process = run(LOCK_AND_WRITE)
        heard(process)
        found: list[int | None] = []
        look = threading.Thread(target=lambda: found.append(PidFile(path).holder()))
        look.start()
        tell(process, repr(content_of(process.pid)))
        look.join()
        assert found == [process.pid]


def repr_without_numbers(content: bytes) -> str:
    """The same id in each process that collects the tests."""
    return repr(content).replace(str(os.getpid()), "our pid")


class TestHeldByAnother:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"garbage\n",
            b"\xff\xfe\n1\n",
            b"1\n",
            "\N{SUPERSCRIPT TWO}\n1\n".encode(),
            f"{os.getpid()}\n1\n".encode(),
            b"999999999\n1\n",
        ],
        ids=repr_without_numbers,
    )
    def test_a_number_that_is_not_the_writer_s_is_never_returned(
        self, path: Path, run: Run, content: bytes
    ) -> None:
        process = run(LOCK_AND_WRITE)
        heard(process)
        tell(process, repr(content))
        assert heard(process) == "written"
        with pytest.raises(ForeignProcess, match=r"jobs\.pid"):
            PidFile(path).holder()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files and processes to others")
@pytest.mark.parametrize("theirs", [True, False])
def test_a_file_of_another_user_names_that_users_processes_and_no_others(
    path: Path, run: Run, theirs: bool
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    holder = run(LOCK_AND_WRITE)
    heard(holder)
    os.chown(path, nobody, -1)
    with subprocess.Popen(["sleep", "60"], user=nobody if theirs else None) as named:
        tell(holder, repr(content_of(named.pid)))
        assert heard(holder) == "written"
        if theirs:
            assert PidFile(path).holder() == named.pid
        else:
            with pytest.raises(ForeignProcess, match=r"jobs\.pid"):
                PidFile(path).holder()
        named.kill()


class TestHeldByNobody:
    def test_without_a_file_there_is_no_holder_and_none_is_made(self, path: Path) -> None:
        assert PidFile(path).holder() is None
        assert not path.exists()

    @pytest.mark.parametrize(
        "content", [b"", b"garbage", b"1\n1\n", content_of(os.getpid())], ids=["empty", "garbage", "init", "ours"]
    )
    def test_whatever_its_content_says(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        assert PidFile(path).holder() is None

    def test_long_stale_content_is_replaced_as_a_whole(self, path: Path) -> None:
        path.write_text("9" * 10_000)
        descriptor = PidFile(path).claim()
        assert path.read_bytes() == content_of(os.getpid())
        os.close(descriptor)

    def test_released_it_is_gone(self, path: Path) -> None:
        PidFile(path).release(PidFile(path).claim())
        assert not path.exists()

    def test_releasing_leaves_a_file_that_has_taken_its_place(self, path: Path) -> None:
        descriptor = PidFile(path).claim()
        path.unlink()
        path.write_text("another's")
        PidFile(path).release(descriptor)
        assert path.read_text() == "another's"

    def test_releasing_a_file_that_somebody_has_removed_is_no_error(self, path: Path) -> None:
        descriptor = PidFile(path).claim()
        path.unlink()
        PidFile(path).release(descriptor)


class TestTheFileItself:
    @pytest.mark.parametrize(("umask", "mode"), [(0, 0o640), (0o022, 0o640), (0o077, 0o600)])
    def test_nobody_else_may_write_it(self, path: Path, umask: int, mode: int) -> None:
        before = os.umask(umask)
        try:
            descriptor = PidFile(path).claim()
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        os.close(descriptor)

    @pytest.mark.parametrize("act", [PidFile.claim, PidFile.holder], ids=["claim", "holder"])
    @pytest.mark.parametrize("exists", [True, False])
    def test_a_symbolic_link_is_refused_and_its_target_untouched(
        self, path: Path, act: Callable[[PidFile], object], exists: bool
    ) -> None:
        target = path.with_name("target")
        if exists:
            target.write_text("precious")
        path.symlink_to(target)
        with pytest.raises(OSError, match="symbolic link"):
            act(PidFile(path))
        assert target.exists() == exists
        assert not exists or target.read_text() == "precious"

    def test_a_missing_directory_is_an_error_of_the_system(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            PidFile(path / "no" / "such").claim()

    def test_it_is_not_handed_on_to_programs_that_are_started(self, path: Path) -> None:
        descriptor = PidFile(path).claim()
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        os.close(descriptor)


class TestHandedOn:
    """The program that takes the holder's place holds it, too, and nobody could take it in between."""

    CLAIM_AGAIN = (
        START + "import time; time.sleep(0.3); file.claim(); print('claimed', flush=True); time.sleep(60)"
    )

    def test_the_next_program_of_the_process_claims_it_without_a_gap(self, path: Path, run: Run) -> None:
        process = run(
            START + "import os; file.hand_on(file.claim()); print('held', flush=True); sys.stdin.readline()\n"
            f"os.execv(sys.executable, [sys.executable, '-c', {self.CLAIM_AGAIN!r}, sys.argv[1]])"
        )
        assert heard(process) == "held"
        tell(process, "go on")
        found: set[int | None] = set()
        with process.stdout as output:  # type: ignore[union-attr]
            os.set_blocking(output.fileno(), False)
            while not output.readline():
                found.add(PidFile(path).holder())
                with pytest.raises(AlreadyRunning):
                    PidFile(path).claim()
        assert found == {process.pid}
        assert PidFile(path).holder() == process.pid

    def test_a_word_in_the_environment_that_is_not_so_is_no_lock(
        self, path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = run(HOLD)
        heard(process)
        for word in ("", "x", "999999", "0", "-1"):
            monkeypatch.setenv("JOBQUEUE_PID_FILE", word)
            with pytest.raises(AlreadyRunning):
                PidFile(path).claim()
            assert "JOBQUEUE_PID_FILE" not in os.environ

    def test_programs_that_are_started_later_get_nothing_of_it(self, path: Path) -> None:
        file = PidFile(path)
        descriptor = file.claim()
        file.hand_on(descriptor)
        assert file.claim() == descriptor
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        assert "JOBQUEUE_PID_FILE" not in os.environ
        file.release(descriptor)


def test_the_start_time_tells_two_processes_of_one_number_apart(run: Run) -> None:
    process = run(HOLD)
    assert started(process.pid) == started(process.pid) != started(os.getpid())
    process.kill()
    process.wait()
    assert started(process.pid) == "-"
