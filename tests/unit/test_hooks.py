"""Delayed Job's hooks: which a performable has, and with what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from jobqueue.performing.hooks import NAMES, call, hooks_of

JOB: Any = object()


class AllHooks:
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def before(self, job: Any) -> None:
        self.calls.append(("before", job))

    def success(self, job: Any) -> None:
        self.calls.append(("success", job))

    def error(self, job: Any, exception: BaseException) -> None:
        self.calls.append(("error", job, exception))

    def after(self, job: Any) -> None:
        self.calls.append(("after", job))

    def failure(self, job: Any) -> None:
        self.calls.append(("failure", job))


class OneHook:
    """Has one hook, and an attribute with the name of another."""

    success = "a great one"

    def __init__(self) -> None:
        self.called = 0

    def after(self, job: Any) -> None:
        self.called += 1


class Inherited(OneHook):
    """Has the hook of its base."""


def test_the_hooks_are_those_of_delayed_job() -> None:
    assert NAMES == ("before", "success", "error", "after", "failure")
    assert hooks_of(AllHooks) == set(NAMES)


@pytest.mark.parametrize("kind", [OneHook, Inherited])
def test_only_what_can_be_called_is_a_hook(kind: type) -> None:
    assert hooks_of(kind) == {"after"}


def test_each_is_called_with_the_job_and_error_with_the_exception_too() -> None:
    target, error = AllHooks(), ValueError("no")
    for name in NAMES:
        call(target, name, JOB, *([error] if name == "error" else []))
    assert target.calls == [
        ("before", JOB),
        ("success", JOB),
        ("error", JOB, error),
        ("after", JOB),
        ("failure", JOB),
    ]


@pytest.mark.parametrize("target", [OneHook(), object(), None])
@pytest.mark.parametrize("name", ["before", "success", "failure"])
def test_a_hook_that_is_not_there_is_not_called(target: object, name: str) -> None:
    call(target, name, JOB)


def test_an_instance_s_attribute_does_not_make_a_hook() -> None:
    target: Any = OneHook()
    target.before = lambda job: pytest.fail("called")
    call(target, "before", JOB)


def test_an_inherited_hook_is_called_once() -> None:
    target = Inherited()
    call(target, "after", JOB)
    assert target.called == 1


def test_what_a_hook_raises_reaches_the_caller() -> None:
    class Broken:
        def before(self, job: Any) -> None:
            raise LookupError

    with pytest.raises(LookupError):
        call(Broken(), "before", JOB)
