"""What was made by others is as they made it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"


def test_vendored_files_are_as_they_were_fetched() -> None:
    lines = [line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {path.name for path in VENDOR.iterdir()} - {"README.md", "SHA256SUMS"}
    assert [name for digest, name in lines if sha256((VENDOR / name).read_bytes()).hexdigest() != digest] == []
