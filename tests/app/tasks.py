"""Tasks of Django's, for the tests."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import wraps
from typing import Any

from jobqueue import Cancel, Snooze, current_job
from jobqueue.djangotasks import task as _task

#: Django's own stubs know no further arguments.
task: Any = _task

#: What the tasks of this process have done.
story: list[Any] = []


@task
def echo(*args, **kwargs):
    return [list(args), kwargs]


@task(priority=7, queue_name="mail")
def tell(what):
    story.append(what)


@task
async def add_slowly(a, b):
    return a + b


@task
def answer():
    return 42


@task(takes_context=True)
def context_of(context, expected=1):
    result = context.task_result
    assert context.attempt == expected, context.attempt
    return [result.id, context.attempt, str(result.status), result.args, result.kwargs, result.worker_ids]


@task(takes_context=True)
def succeed_at(context, attempt):
    story.append((context.attempt, len(context.task_result.errors)))
    if context.attempt < attempt:
        raise ValueError(f"not before attempt {attempt}\n\nthis is only {context.attempt}")
    return context.attempt


@task(takes_context=True)
async def context_of_async(context):
    return context.attempt


@task
def fail(message="no stream 0:1", password=None):
    raise ValueError(message)


class Outer:
    """Holds a class of exceptions."""

    class Boom(Exception):
        """With a name of two parts."""


@task
def fail_otherwise(how):
    if how == "system exit":
        raise SystemExit("enough")
    if how == "keyboard":
        raise KeyboardInterrupt
    if how == "nested class":
        raise Outer.Boom("bang")
    if how == "group":
        raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])
    if how == "syntax":
        compile("1 +", "<text>", "eval")
    if how == "cause":
        try:
            raise KeyError("first")
        except KeyError as error:
            raise RuntimeError("then") from error
    if how == "no message":
        raise ValueError
    raise AssertionError(how)


@task
def return_what(kind):
    values = {
        "object": object(),
        "not a number": float("nan"),
        "NUL": "a\0b",
        "whole key": {1: "one"},
        "half a character": ["\ud800"],
        "too much": "x" * 2_000_000,
        "tuple": (1, (2, "drei")),
        "dollar": {"$": "date", "v": "2026-11-22"},
        "large": "x" * 50_000,
        "text": "grüße \U0001f40d",
        "nothing": None,
        "float": 0.1,
        "bytes": b"plain",
    }
    return values[kind]


@task
def where():
    job = current_job()
    assert job is not None
    return [job.name, os.getpid(), threading.current_thread() is threading.main_thread()]


@task
def cancel_itself():
    raise Cancel("no longer wanted")


@task
def snooze_once():
    story.append("snoozed")
    if len(story) == 1:
        raise Snooze(0)


@task
async def last_for(seconds):
    await asyncio.sleep(seconds)


def no_pause(attempts):
    return 0


def with_number(function):
    """Decorate a function: it is called with a number that its callers do not give."""

    @wraps(function)
    def numbered(*args, **kwargs):
        return function(7, *args, **kwargs)

    return numbered


@task
@with_number
def numbered(number, text):
    return [number, text]


def _renamed():
    return "found"


#: A worker that looks for app.tasks._renamed finds the function.
renamed = task(_renamed)
