"""Jobs with a crash behind them are held only while they are performed."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from jobqueue.policy.suspects import set_apart


class Held(NamedTuple):
    """A claimed job: its name and how often it has crashed."""

    name: str
    crashes: int


def jobs(text: str) -> list[Held]:
    """Capitals have crashed."""
    return [Held(name, int(name.isupper())) for name in text]


@pytest.mark.parametrize(
    ("claimed", "hungry", "kept", "put_back"),
    [
        ("abc", 1, "abc", ""),
        ("Abc", 1, "A", "bc"),
        ("ABc", 1, "A", "Bc"),
        ("ABc", 2, "AB", "c"),
        ("ABc", 0, "A", "Bc"),
        ("aBcD", 1, "ac", "BD"),
    ],
)
def test_who_is_kept(claimed: str, hungry: int, kept: str, put_back: str) -> None:
    keep, rest = set_apart(jobs(claimed), hungry)
    assert ("".join(job.name for job in keep), "".join(job.name for job in rest)) == (kept, put_back)
