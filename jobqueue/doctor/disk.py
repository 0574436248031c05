"""The SQLite file on its disk: who may read and write it, and whether the disk is a network's."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from jobqueue.doctor.finding import Finding, error, ok, warning
from jobqueue.doctor.site import Site

MOUNTS = Path("/proc/self/mountinfo")
#: How a space stands there.
OCTAL = re.compile(r"\\(\d{3})")
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3",
    "smbfs", "vboxsf",
}  # fmt: skip


def file(site: Site) -> Iterator[Finding]:
    """Report about the file of a database."""
    if site.file is None:
        return
    path = site.file.resolve()
    mounts = MOUNTS.read_text(errors="surrogateescape") if MOUNTS.exists() else ""
    found = [*network(path, mounts), *exposure(path)]
    yield from found
    if not found:
        yield ok("file", f"{shown(path)} is on a disk of this host, and nobody else's to read or write")


def network(path: Path, mounts: str) -> Iterator[Finding]:
    """Report a file on a network share.

    Args:
        path: the file.
        mounts: the text of /proc/self/mountinfo; empty where there is none.
    """
    kind = filesystem(path, mounts)
    if kind in NETWORK:
        message = f"{shown(path)} is on a network share ({kind}), where locks and WAL do not hold"
        yield error("file.network", message, "Move it to a disk of the one host that runs site and workers.")


def filesystem(path: Path, mounts: str) -> str | None:
    """Return the kind of file system that holds a path; None if that is unknown."""
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        kinds[Path(OCTAL.sub(lambda code: chr(int(code[1], 8)), place.split()[4]))] = rest.split()[0]
    return next((kinds[place] for place in (path, *path.parents) if place in kinds), None)


def exposure(path: Path) -> Iterator[Finding]:
    """Report what others on this host may do to a file."""
    if not _is_reachable(path):
        return
    files = [
        each for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))) if each.exists()
    ]
    mode = 0
    for each in files:
        mode |= each.stat().st_mode
    if mode & stat.S_IWOTH:
        message = f"everybody on this host may write {shown(path)}"
        yield error("file.writable", message, f"Type: chmod o-rw {_typed(files)}")
    elif mode & stat.S_IROTH:
        message = f"everybody on this host may read {shown(path)}, the arguments of jobs included"
        yield warning("file.readable", message, f"Type: chmod o-r {_typed(files)}")
    folder = path.parent.stat().st_mode
    if folder & stat.S_IWOTH:
        grade = warning if folder & stat.S_ISVTX else error
        message = f"everybody on this host may put files into {shown(path.parent)}, SQLite's journal among them"
        yield grade("file.folder", message, f"Move it to a folder of its own, or: chmod o-w {shown(path.parent)}")


def _is_reachable(path: Path) -> bool:
    """Whether others get as far as the file's folder."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)


def _typed(files: list[Path]) -> str:
    first, *others = files
    return f"{shown(first)}*" if others else shown(first)


def shown(path: Path) -> str:
    """Return a path as one types it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
