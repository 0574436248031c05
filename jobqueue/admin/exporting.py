"""Jobs as a file: CSV or JSON Lines, written while it is sent."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import QueryDict, StreamingHttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobqueue.admin.joblists import Asked
from jobqueue.admin.looks import look_of
from jobqueue.handlers.masking import masked
from jobqueue.handlers.shown import mask_for, masked_arguments
from jobqueue.insight import joblist
from jobqueue.insight.reading import Unreadable
from jobqueue.insight.scene import Scene
from jobqueue.logs import headline
from jobqueue.models import Job
from jobqueue.search import Search

#: Jobs that are read at a time.
BATCH = 1000
#: A cell that begins so would be a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

FORMATS = (("csv", "CSV"), ("jsonl", "JSON Lines"))


class Column(NamedTuple):
    """A column of the file.

    Attributes:
        key: its name in the file.
        label: for people.
        value: of a job.
        is_payload: whether it takes the right to see arguments, results and errors.
    """

    key: str
    label: str | Promise
    value: Callable[[Job], Any]
    is_payload: bool = False


class Chosen(NamedTuple):
    """What somebody wants to have."""

    columns: list[Column]
    format: str


COLUMNS = (
    Column("id", _("id"), lambda job: job.pk),
    Column("state", _("state"), lambda job: look_of(job).key),
    Column("job", _("job"), lambda job: job.name),
    Column("queue", _("queue"), lambda job: job.queue),
    Column("priority", _("priority"), lambda job: job.priority),
    Column("attempts", _("attempts"), lambda job: job.attempts),
    Column("max_attempts", _("max attempts"), lambda job: job.max_attempts),
    Column("key", _("key"), lambda job: job.key),
    Column("worker", _("worker"), lambda job: job.locked_by),
    Column("created_at", _("created at"), lambda job: job.created_at),
    Column("run_at", _("run at"), lambda job: job.run_at),
    Column("started_at", _("started at"), lambda job: job.started_at),
    Column("finished_at", _("finished at"), lambda job: job.finished_at),
    Column("arguments", _("arguments"), masked_arguments, is_payload=True),
    Column("error", _("error"), lambda job: mask_for(job)(job.error) if job.error else None, is_payload=True),
    Column("result", _("result"), lambda job: masked(job.result), is_payload=True),
)


def columns_for(*, with_payload: bool) -> list[Column]:
    """Return the columns that somebody may have."""
    return [each for each in COLUMNS if with_payload or not each.is_payload]


def chosen(given: QueryDict, columns: Iterable[Column]) -> Chosen | None:
    """Return what an address asks for; None if no format or no column is named."""
    wanted = set(given.getlist("column"))
    found = [each for each in columns if each.key in wanted]
    kind = given.get("format", "")
    return Chosen(found, kind) if found and kind in dict(FORMATS) else None


def is_complete(scene: Scene, asked: Asked, search: Search | None) -> bool:
    """Whether the file has all jobs in question, not only the newest 100,000."""
    return joblist.is_complete(scene, asked.wanted(search, with_payload=False))


def file_of(scene: Scene, asked: Asked, search: Search | None, chosen: Chosen) -> StreamingHttpResponse:
    """Return the file."""
    write = _as_csv if chosen.format == "csv" else _as_lines
    kind = "text/csv" if chosen.format == "csv" else "application/jsonl"
    lines = write(_rows(scene, asked, search, chosen), chosen)
    # A row spoilt by hand may have half a character.
    told = (line.encode("utf-8", "backslashreplace") for line in lines)
    response = StreamingHttpResponse(told, content_type=f"{kind}; charset=utf-8")
    name = "-".join(filter(None, ("jobs", asked.tab.key, f"{timezone.localdate(scene.now):%Y-%m-%d}")))
    response["Content-Disposition"] = f'attachment; filename="{name}.{chosen.format}"'
    return response


def _rows(scene: Scene, asked: Asked, search: Search | None, chosen: Chosen) -> Iterator[list[Any]]:
    """Yield the values of each job; of one that cannot be read its id."""
    needs_payload = any(each.is_payload for each in chosen.columns)
    wanted = replace(asked.wanted(search, with_payload=needs_payload), size=BATCH, before=None, after=None)
    for batch in joblist.in_batches(scene, replace(wanted, with_result=needs_payload)):
        for job in batch:
            yield [_value(each, job) for each in chosen.columns]


def _value(column: Column, job: Job | Unreadable) -> Any:
    if isinstance(job, Unreadable):
        return job.pk if column.key == "id" else None
    try:
        return column.value(job)
    except Exception as error:  # of a row that was spoilt by hand, or that no key opens
        return f"({headline(str(error))})" if column.is_payload else None


class _Echo:
    """What ``csv`` writes to: it hands each line on."""

    def write(self, text: str) -> str:
        return text


def _as_csv(rows: Iterable[list[Any]], chosen: Chosen) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow([each.key for each in chosen.columns])
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _as_lines(rows: Iterable[list[Any]], chosen: Chosen) -> Iterator[str]:
    keys = [each.key for each in chosen.columns]
    for row in rows:
        yield f"{json.dumps(dict(zip(keys, row, strict=True)), default=_plain, ensure_ascii=False)}\n"


def _cell(value: Any) -> Any:
    """Return a value for a spreadsheet, in which no text is a formula."""
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else _text(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(value: Any) -> str:
    return (
        value.isoformat() if isinstance(value, datetime) else json.dumps(value, default=_plain, ensure_ascii=False)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
