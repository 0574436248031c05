"""Libraries of others that the dashboard brings along: fetches them, and tells whether they are what they were.

Run by ``python3 dev.py vendor``. To take a newer version, write it into the manifest, with ``-`` for each hash.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "jobqueue" / "static" / "jobqueue" / "vendor"
MANIFEST = FOLDER / "manifest.txt"
#: In the place of a hash: take what comes, and note its hash.
ANY = "-"


class Vendored(NamedTuple):
    """One file: of which package and version, under which name there and here, with which SHA-256."""

    package: str
    version: str
    theirs: str
    ours: str
    hash: str


def vendored() -> list[Vendored]:
    """Return what the manifest names."""
    lines = (line.split() for line in MANIFEST.read_text().splitlines() if not line.startswith("#"))
    return [Vendored(*words) for words in lines if words]


def hash_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def main() -> None:
    """Fetch each file anew; leave if one is not what the manifest says."""
    if not shutil.which("npm"):
        sys.exit("This takes npm, which comes with Node.js: https://nodejs.org/ or apt install npm")
    fetched = list(fetch())
    for each, content in fetched:
        (FOLDER / each.ours).write_bytes(content)
    comments = [line for line in MANIFEST.read_text().splitlines() if line.startswith("#")]
    lines = [" ".join(each._replace(hash=hash_of(content))) for each, content in fetched]
    MANIFEST.write_text("\n".join([*comments, *lines]) + "\n")
    print(f"{len(fetched)} files are in {FOLDER.name}/, as the manifest says.")


def fetch() -> Iterator[tuple[Vendored, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        for each in vendored():
            content = member(pack(each, Path(folder)), each.theirs)
            if each.hash not in {ANY, hash_of(content)}:
                sys.exit(f"{each.ours} of {each.package} {each.version} is not what it was: {hash_of(content)}")
            yield each, content


def pack(each: Vendored, folder: Path) -> Path:
    """Return the package as npm's registry has it, fetched once."""
    archive = folder / f"{each.package}-{each.version}.tgz"
    if not archive.exists():
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{each.package}@{each.version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return archive


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as packed:
        found = packed.extractfile(f"package/{name}")
        assert found, f"{archive.name} has no {name}"
        return found.read()


if __name__ == "__main__":
    main()
