"""Django signals that features and applications may listen to.

``sender`` is the performable's class (or the job function), ``job`` the claimed or stored job. Those about a worker
are sent in its process, before its first job and after its last, with its ``name``; their sender is its class.
Those about a queue have its name as ``queue``, those about a class as ``name``; ``reason`` and ``by``, and no sender.
They are sent robustly: a receiver that raises is logged and changes nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

#: A job was stored; the commit may be still to come.
job_enqueued = Signal()
#: A worker begins an attempt.
job_started = Signal()
#: An attempt has ended; with its ``outcome``.
job_finished = Signal()
#: An attempt has failed, and another will be made; with the ``exception``.
job_retrying = Signal()
#: A job has failed for good; with the ``exception``.
job_failed = Signal()
#: In a worker, before its first job.
worker_started = Signal()
#: In a worker that ends well, after its last job.
worker_stopping = Signal()
queue_paused = Signal()
queue_resumed = Signal()
class_paused = Signal()
class_resumed = Signal()
#: Ours alone: in inline mode, jobs were stored and are to be performed; the sender is the store.
stored_inline = Signal()

logger = logging.getLogger("jobqueue.job")


def send(signal: Signal, sender: Any, **named: Any) -> None:
    """Send robustly, at no cost when nobody listens."""
    if not signal.receivers:
        return
    for receiver, response in signal.send_robust(sender, **named):
        if isinstance(response, Exception):
            logger.error("signal receiver %r raised", receiver, exc_info=response)
