"""What the tests of tasks share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from jobqueue.djangotasks import task_enqueued, task_finished, task_started
from tests.app import tasks


class Sent(NamedTuple):
    """One of Django's signals, as a receiver got it."""

    name: str
    sender: Any
    result: Any
    status: str


@pytest.fixture(autouse=True)
def _new_story() -> None:
    tasks.story.clear()


@pytest.fixture
def sent() -> Iterator[list[Sent]]:
    """Every signal about tasks, with the status that its result had then."""
    heard: list[Sent] = []
    receivers = []
    signals = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}
    for name, signal in signals.items():

        def receive(sender: Any, task_result: Any, name: str = name, **_: Any) -> None:
            heard.append(Sent(name, sender, task_result, str(task_result.status)))

        receivers.append(receive)
        signal.connect(receive)
    yield heard
    for signal, receive in zip(signals.values(), receivers, strict=True):
        signal.disconnect(receive)
