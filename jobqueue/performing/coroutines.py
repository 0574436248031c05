"""Runs ``async def`` jobs on one event loop that lives as long as the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import CORO_CLOSED, getcoroutinestate
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import close_old_connections

from jobqueue.performing.context import current_job
from jobqueue.performing.timeouts import too_long


class LoopRunner:
    """Keeps the loop, so that clients bound to it (HTTP sessions, pools) survive from job to job."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
        """Run a coroutine to its end; raise JobTimeout inside it after so many seconds."""
        runner, self._runner = self._runner or asyncio.Runner(), None
        bounded = _bounded(coroutine, seconds)
        try:
            # By itself a runner keeps the context of its first run, and with it that run's current job.
            return runner.run(bounded, context=copy_context())
        finally:
            # Torn out by a signal, the coroutine is left in the loop: no later job may go on with it.
            if getcoroutinestate(bounded) == CORO_CLOSED:
                self._runner = runner


class SharedLoop:
    """One event loop, on a thread of its own, for the coroutines of many performers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="coroutines", daemon=True).start()

    def __call__(self, coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
        """Run a coroutine to its end while the calling thread waits; raise JobTimeout inside it after so long."""
        # It runs in a copy of the caller's context, and so knows its current job.
        return asyncio.run_coroutine_threadsafe(_bounded(coroutine, seconds), self._loop).result()


async def _bounded(coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
    try:
        return await within(coroutine, seconds)
    finally:
        # Database work of a coroutine happens on another thread, with connections of its own.
        await sync_to_async(close_old_connections)()


async def within(coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """Await a coroutine for at most so many seconds, or until somebody calls the job off."""
    job = current_job()
    try:
        async with asyncio.timeout(seconds) as limit:
            if job is not None:
                job.let_end_by(partial(_end_soon, asyncio.get_running_loop(), limit))
            return await coroutine
    except TimeoutError:
        if limit.expired():
            if job is not None and job.cancelled:
                job.check_cancelled()
            raise too_long(seconds) from None
        raise
    finally:
        if job is not None:
            job.let_end_by(None)


def _end_soon(loop: asyncio.AbstractEventLoop, limit: asyncio.Timeout) -> None:
    """Have the time of a coroutine end now. From any thread, and from signal handlers."""
    with suppress(RuntimeError):  # the loop has just been closed
        loop.call_soon_threadsafe(_end_now, loop, limit)


def _end_now(loop: asyncio.AbstractEventLoop, limit: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # it has just ended by itself
        limit.reschedule(loop.time())


def run_on_calling_thread(coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """Run a coroutine whose database work stays on this thread and so inside a test's transaction."""
    return async_to_sync(within)(coroutine, seconds)
