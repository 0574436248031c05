"""Log lines of a job, kept with it where that is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from jobqueue.exceptions import JobTimeout
from jobqueue.logs import harmless
from jobqueue.performing.context import CurrentJob, current_job

#: In front of what goes on from the line before, so that nothing but a line of ours begins like one.
INDENT = "    "


@contextmanager
def recording(job: CurrentJob, level: str | bool) -> Iterator[None]:
    """Keep what is logged by the code of a job, on whatever thread or loop.

    Args:
        job: the present one.
        level: name of the least level; True keeps all that ``LOGGING`` lets through.
    """
    root, recorder = logging.getLogger(), Recorder(job, level)
    root.addHandler(recorder)
    try:
        yield
    finally:
        root.removeHandler(recorder)


class Recorder(logging.Handler):
    """Notes the records of one job."""

    def __init__(self, job: CurrentJob, level: str | bool) -> None:
        super().__init__(logging.NOTSET if level is True else str(level))
        self._job = job
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record; whatever is wrong with it, the job goes on."""
        if current_job() is not self._job:
            return
        try:
            first, *others = self._text(record).splitlines() or [""]
            notes = self._job.told()
            moment = datetime.fromtimestamp(record.created)
            notes.log(f"{moment:%H:%M:%S} {record.levelname} {harmless(record.name)} {harmless(first)}")
            for line in others:
                notes.log(f"{INDENT}{harmless(line)}")
            self._job.pass_on()
        except JobTimeout:
            raise
        except Exception:
            self.handleError(record)

    def _text(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text}\n{self._formatter.formatException(record.exc_info)}"
        return self._job.told().mask(text)
