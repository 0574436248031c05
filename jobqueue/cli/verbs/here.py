"""``manage.py jobs run ID --here``: performs one job in this process, with its output and its traceback."""

from __future__ import annotations

import os
import pdb
import signal
import socket
from argparse import ArgumentParser
from types import FrameType, TracebackType
from typing import Any
from uuid import uuid4

from django.core.management.base import CommandError

from jobqueue.cli.choosing import one_id
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.exceptions import JobInterrupted
from jobqueue.insight.looking import why_of
from jobqueue.insight.scene import Scene
from jobqueue.logs import harmless, headline, short
from jobqueue.notifying import tell_at_once
from jobqueue.outcomes import Blocked, Cancelled, Corrupt, Failed, Lost, Outcome, Released, Snoozed, Succeeded
from jobqueue.performing.errors import OUR_FILES
from jobqueue.performing.executor import Ended, Executor
from jobqueue.rows import ClaimedJob, ClaimRequest
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.worker.workoff import Pulse

HELP = "perform one job in this process, with its output and its traceback"

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("id", metavar="ID", help="the job")
    parser.add_argument("--here", action="store_true", help="in this process; there is no other way yet")
    parser.add_argument("--pdb", action="store_true", help="if it fails, look around in Python's debugger")
    parser.add_argument(
        "--retry", action="store_true", help="also if it has failed or was cancelled: try it again"
    )


def run(words: dict[str, Any], say: Voice) -> int:
    """Claim it, perform it, tell how it went; return 0 if it succeeded, else 1."""
    job_id = one_id(words["id"])
    if not words["here"]:
        message = f"Add --here to perform it in this process. By a worker: python manage.py jobs run-now {job_id}"
        raise CommandError(message, returncode=EXIT_WRONG_USAGE)
    settings = get_settings()
    scene = Scene(settings)
    if words["retry"]:
        scene.store.retry(job_id)
    pools = PoolRegistry(scene.store)
    host, pid = socket.gethostname(), os.getpid()
    pool_id = pools.register(name="here", host=host, pid=pid, processes=0, quiet=True)
    pulse = Pulse(scene.store, pool_id, settings.heartbeat_seconds)
    try:
        request = ClaimRequest(uuid4(), pool_id, f"here host:{host} pid:{pid}", 1)
        job = scene.store.take(job_id, request)
        if job is None:
            raise CommandError(_not_to_be_had(job_id, scene), returncode=EXIT_FAILED)
        ended = _perform(job, scene.store, say)
    finally:
        pulse.stop()
        pools.retire(pool_id)
    if words["pdb"] and isinstance(ended.outcome, Failed) and ended.outcome.exception:
        _look_around(ended.outcome.exception.__traceback__)
    return 0 if isinstance(ended.outcome, Succeeded) else EXIT_FAILED


def _perform(job: ClaimedJob, store: Store, say: Voice) -> Ended:
    """Perform it, write how it ended, and say so."""
    say.note(f"{harmless(str(job))}, try {job.attempts}, here and now")
    usual = signal.signal(signal.SIGINT, _put_back)
    try:
        ended = Executor(store, get_settings()).perform(job)
    finally:
        signal.signal(signal.SIGINT, usual)
    lost = [] if ended.written else store.finish([ended.finish])
    tell_at_once([ended.finish], lost)
    say(harmless(_told(ended), but="\n\t"))
    if lost:
        say.note("Somebody else has taken the job meanwhile; nothing was written about it.")
    elif isinstance(ended.outcome, Failed):
        row = Scene(get_settings()).jobs.filter(pk=job.id).first()
        if row is not None and row.state != State.FAILED:
            say.note(harmless(str(why_of(job.id, Scene(get_settings())))))
    return ended


def _put_back(number: int, frame: FrameType | None) -> None:
    """End the job when somebody presses Ctrl+C; a worker may take it then."""
    raise JobInterrupted


def _told(ended: Ended) -> str:
    took = short(ended.ended - ended.started)
    outcome: Outcome = ended.outcome
    match outcome:
        case Succeeded():
            returned = "" if outcome.result is None else f" It returned {outcome.result}"
            return f"Succeeded in {took}.{returned}"
        case Failed():
            # As Python shows it: the error below its traceback.
            error, _, trace = outcome.error.partition("\n\n")
            return f"{trace.rstrip() or error}\nFailed in {took}."
        case Snoozed():
            return f"Snoozed in {took}."
        case Cancelled():
            return f"Cancelled in {took}: {outcome.reason}"
        case Blocked() | Corrupt():
            return f"Not performed. {headline(outcome.error)}"
        case Released():
            return f"Put back after {took}; the attempt does not count."
        case Lost():
            return "The claim was lost; nothing was written."
        case _:
            return f"{type(outcome).__name__} in {took}."


def _not_to_be_had(job_id: int, scene: Scene) -> str:
    reason = why_of(job_id, scene)
    again = f" Or here: python manage.py jobs run {job_id} --here --retry"
    return f"{reason}{again if reason.kind in {'failed', 'cancelled'} else ''}"


def _look_around(trace: TracebackType | None) -> None:
    """Open the debugger where the job raised; the frames of ours that lie before its own are left out."""
    while trace is not None and trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(OUR_FILES):
        trace = trace.tb_next
    pdb.post_mortem(trace)
