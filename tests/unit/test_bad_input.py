"""Bad input at the door: one clear error that names the value and the limit, and no row is written."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from jobqueue import PerformableMethod, enqueue, enqueue_many
from jobqueue.exceptions import JobQueueError, NotPerformable, OptionError, PayloadError, QueueNameError
from jobqueue.models import Job
from tests.app import jobs
from tests.app.models import Document, Video
from tests.unit.test_options import BAD

pytestmark = pytest.mark.django_db


def rows(value: Any) -> Callable[[], Any]:
    return lambda: enqueue(jobs.import_rows.bind(value))


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


CASES: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("lambda as value", rows(lambda: 1), PayloadError, "import_rows: rows is a function and cannot be stored."),
    ("class as value", rows(int), PayloadError, "import_rows: rows is a type and cannot be stored."),
    (
        "file inside",
        rows([0, 1, 2, {"file": io.BytesIO()}]),
        PayloadError,
        'import_rows: rows[3]["file"] is a BytesIO and cannot be stored. Pass a path or an id. Storable: ',
    ),
    ("NaN", rows(float("nan")), PayloadError, "import_rows: rows is nan; only finite numbers can be stored."),
    ("Infinity", rows(float("inf")), PayloadError, "import_rows: rows is inf; only finite numbers"),
    ("1e400", rows(1e400), PayloadError, "import_rows: rows is inf; only finite numbers"),
    (
        "int key",
        rows({1: "a"}),
        PayloadError,
        "import_rows: rows has the key 1 (int); only str keys can be stored.",
    ),
    ("None key", rows({None: "a"}), PayloadError, "import_rows: rows has the key None (NoneType)"),
    ("bool key", rows({True: "a"}), PayloadError, "import_rows: rows has the key True (bool)"),
    ("NUL", rows("a\0"), PayloadError, "import_rows: rows contains a NUL character"),
    ("surrogate", rows("\ud800"), PayloadError, "import_rows: rows contains half a character"),
    ("depth 33", rows(deep(33)), PayloadError, "import_rows: rows[0]"),
    ("depth 5000", rows(deep(5000)), PayloadError, "import_rows: rows[0]"),
    ("circular", rows(circular()), PayloadError, 'import_rows: rows["again"][0]'),
    ("5000 digits", rows(10**5000), PayloadError, "import_rows: rows is a whole number of more than 4300 digits"),
    (
        "64 kB + 1",
        rows("x" * 65_536),
        PayloadError,
        "Arguments of tests.app.jobs.import_rows are 64.0 kB; the limit",
    ),
    (
        "64 MB",
        rows("x" * 2**26),
        PayloadError,
        "Arguments of tests.app.jobs.import_rows are 64.0 MB; the limit is",
    ),
    (
        "1 M keys",
        rows({str(n): 0 for n in range(10**6)}),
        PayloadError,
        "import_rows: rows has 1,000,000 keys; the limit is",
    ),
    (
        "missing argument",
        lambda: jobs.send_receipt.enqueue(),  # type: ignore[call-arg]
        TypeError,
        "send_receipt() missing a required argument: 'order'",
    ),
    (
        "extra argument",
        lambda: jobs.add.enqueue(1, total=2),  # type: ignore[call-arg]
        TypeError,
        "add() got an unexpected keyword argument 'total'",
    ),
    ("string path", lambda: enqueue("tests.app.jobs.add"), NotPerformable, "'tests.app.jobs.add' is text."),
    (
        "plain function",
        lambda: enqueue(jobs.not_a_job),
        NotPerformable,
        "not_a_job is a plain function. Decorate it",
    ),
    ("lambda", lambda: enqueue(lambda: 1), NotPerformable, "<lambda> at tests/unit/test_bad_input.py:"),
    (
        "unsaved receiver",
        lambda: Video().send_later("encode"),
        PayloadError,
        "Video.encode: the object is an unsaved Video. ",
    ),
    ("unsaved argument", rows(Document()), PayloadError, 'import_rows: argument "rows" is an unsaved Document.'),
    (
        "unknown method",
        lambda: Video().send_later("encod"),
        NotPerformable,
        'Video has no method "encod". Did you mean',
    ),
    (
        "year 1",
        lambda: enqueue(jobs.add.bind(1), run_at=datetime(1, 1, 1, tzinfo=UTC)),
        OptionError,
        "run_at must lie",
    ),
    (
        "negative delay",
        lambda: enqueue(jobs.add.bind(1), run_at=-timedelta(1)),
        OptionError,
        "run_at as a timedelta",
    ),
    ("many, one bad", lambda: enqueue_many([jobs.add.bind(1), lambda: 1]), NotPerformable, "<lambda> at"),
    ("many, no list", lambda: enqueue_many(jobs.add.bind(1)), TypeError, "'BoundCall' object is not iterable"),  # type: ignore[arg-type]
    (
        "method arguments",
        lambda: enqueue(PerformableMethod(Video, "sweep")),
        TypeError,
        "sweep() missing a required",
    ),
]


@pytest.mark.parametrize(
    ("act", "error", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_input_is_refused_and_nothing_is_stored(
    act: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        act()

    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 1000
    assert not Job.objects.exists()


@pytest.mark.parametrize(("given", "message"), BAD, ids=lambda value: str(value)[:50])
def test_a_bad_option_is_refused_and_nothing_is_stored(given: dict[str, Any], message: str) -> None:
    for act in (enqueue, lambda call, **options: enqueue_many([call], **options)):
        with pytest.raises(OptionError) as caught:
            act(jobs.add.bind(1), **given)
        assert str(caught.value).startswith(message)
    assert not Job.objects.exists()


@override_settings(JOBQUEUE={"QUEUES": ["default", "mail"]})
def test_an_undeclared_queue_is_refused_and_nothing_is_stored() -> None:
    with pytest.raises(
        QueueNameError, match=r'Unknown queue "mial". Declared: default, mail. Did you mean "mail"'
    ):
        enqueue(jobs.add.bind(1), queue="mial")
    assert not Job.objects.exists()


@override_settings(JOBQUEUE={"MAX_PAYLOAD_BYTES": 1_048_576})
def test_the_limit_of_the_payload_is_a_setting() -> None:
    assert enqueue(jobs.import_rows.bind("x" * 1_000_000)).pk
    with pytest.raises(PayloadError, match=r"are 1.0 MB; the limit is 1.0 MB"):
        enqueue(jobs.import_rows.bind("x" * 1_048_576))


@pytest.mark.parametrize("error", [PayloadError, NotPerformable, OptionError])
def test_every_refusal_is_also_what_python_would_raise(error: type[JobQueueError]) -> None:
    assert issubclass(error, ValueError | TypeError)
