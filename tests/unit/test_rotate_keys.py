"""``manage.py jobs rotate-keys``: what it says and how it ends."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from tests.app import secretive
from tests.keys import NEW, OLD, encrypting
from tests.stores.shelf import claim

pytestmark = pytest.mark.django_db


def rotate(*words: str) -> tuple[str, int]:
    """What it says, and the exit status."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("jobs", "rotate-keys", *words, stdout=out, stderr=err)
    except SystemExit as ended:
        status = int(str(ended.code))
    return re.sub(r"in \S+\.", "in 1s.", out.getvalue() + err.getvalue()), status


def store_some(count: int, *keys: str) -> list[int]:
    with encrypting(*keys):
        return enqueue_many(secretive.give_back.bind("a") for _ in range(count))


def test_all_well() -> None:
    store_some(3, OLD)
    store_some(1, NEW)
    with encrypting(NEW, OLD):
        done = "Renewed 3 of 4 jobs in 1s.\nAll are under the first keys: jobs need no others any more.\n"
        assert rotate() == (done, 0)
        assert rotate() == (done.replace("3 of", "0 of"), 0)
    with encrypting(NEW):
        assert rotate("--batch", "1")[1] == 0


def test_a_dry_run_writes_nothing() -> None:
    store_some(3, OLD)
    before = list(Job.objects.values())
    with encrypting(NEW, OLD):
        assert rotate("--dry-run") == ("Would renew 3 of 3 jobs in 1s.\n", 0)
    assert list(Job.objects.values()) == before


def test_what_cannot_be_opened_is_named() -> None:
    ids = store_some(7, OLD)
    with encrypting(NEW):
        assert rotate() == (
            "Renewed 0 of 7 jobs in 1s.\n"
            f"Left 7 jobs that no listed key verifies and opens: {', '.join(f'#{each}' for each in ids[:5])} ….\n",
            3,
        )


def test_what_is_running_is_told() -> None:
    store_some(2, OLD)
    with encrypting(NEW, OLD):
        claim(get_store(), PoolRegistry(get_store()).register(host="here", pid=1), 1)
        assert rotate("--wait", "0.5") == (
            "Renewed 1 of 2 jobs in 1s.\n"
            "Left 1 job that workers hold: what these write may be under an old key. "
            "Type the same again when they have ended.\n",
            3,
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--batch", "0"), "argument --batch: '0' is not a whole number from 1 to 10000"),
        (("--wait", "-1"), "argument --wait"),
    ],
)
def test_bad_words_are_one_message(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        rotate(*words)


@pytest.mark.parametrize("keys", [["nonsense"], [OLD, OLD]])
def test_bad_keys_are_one_message_that_does_not_show_them(keys: list[str]) -> None:
    with encrypting(*keys), pytest.raises(CommandError) as caught:
        rotate()
    assert str(caught.value).startswith('JOBQUEUE["ENCRYPTION_KEYS"] ')
    assert not any(key in str(caught.value) for key in keys)
