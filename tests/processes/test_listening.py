"""Nothing of a pool listens: neither on the network nor on the machine."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from jobqueue import enqueue_many
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_pool import all_succeeded, states

StartPool = Callable[..., Pool]

LISTENING = "0A"
ACCEPTS = 0x10000


def doors(pids: Iterable[int]) -> list[str]:
    """The sockets of processes that anybody could send something to."""
    return [f"{pid} {each}" for pid in pids for inode, each in open_doors(pid) if inode in sockets(pid)]


def sockets(pid: int) -> set[str]:
    """The sockets that a process has, by their numbers in the kernel."""
    found = (re.fullmatch(r"socket:\[(\d+)\]", link(entry)) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return {each[1] for each in found if each}


def link(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except FileNotFoundError:  # closed meanwhile
        return ""


def open_doors(pid: int) -> Iterator[tuple[str, str]]:
    """The numbers and names of all sockets in a process's network that take connections or datagrams."""
    for kind in ("tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6"):
        for words in table(pid, kind):
            if not kind.startswith("tcp") or words[3] == LISTENING:
                yield words[9], f"{kind} {words[1]}"
    for words in table(pid, "unix"):
        if int(words[3], 16) & ACCEPTS:
            yield words[6], f"unix {words[-1]}"


def table(pid: int, kind: str) -> Iterator[list[str]]:
    path = Path(f"/proc/{pid}/net/{kind}")
    if path.exists():
        yield from (line.split() for line in path.read_text().splitlines()[1:])


@pytest.mark.parametrize("words", [(), ("--threads", "4", "--async", "4")], ids=["plain", "side by side"])
def test_nothing_of_a_working_pool_listens(
    start_pool: StartPool, journal: Journal, words: tuple[str, ...]
) -> None:
    pool = start_pool("-n", "2", *words)
    enqueue_many(jobs.async_nap.bind(key, 0.3) for key in range(4))
    enqueue_many(jobs.nap.bind(key, 0.3) for key in range(4, 8))
    wait_until(lambda: journal.counts(), about=lambda: pool.text)
    children = wait_until(lambda: len(found := pool.children()) == 3 and found)
    assert doors([pool.pid, *children]) == []
    wait_until(lambda: all_succeeded(8), about=lambda: f"{states()} {pool.text}")
    assert doors([pool.pid, *children]) == []


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_STREAM),
    ],
)
def test_what_listens_would_be_seen(tmp_path: Path, family: int, kind: int) -> None:
    assert doors([os.getpid()]) == []
    with socket.socket(family, kind) as door:
        door.bind(str(tmp_path / "door") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            door.listen()
        assert len(doors([os.getpid()])) == 1
    assert doors([os.getpid()]) == []
