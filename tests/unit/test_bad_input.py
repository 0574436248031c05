"""Bad input at every door: one clear error that names the value and the limit, and no row is written."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.test import override_settings

from jobqueue import (
    PerformableMethod,
    adelay,
    aenqueue,
    aenqueue_many,
    asend_later,
    cancel,
    delay,
    enqueue,
    enqueue_many,
    handle_asynchronously,
    job,
    retry,
    run_now,
    send_later,
)
from jobqueue.exceptions import (
    JobQueueError,
    JobStateError,
    NotPerformable,
    OptionError,
    PayloadError,
    QueueNameError,
    shown,
)
from jobqueue.models import Job
from jobqueue.options import check_declaration
from tests.app import jobs
from tests.app.models import Document, Report, Video
from tests.unit.test_options import BAD

pytestmark = pytest.mark.django_db


class Mute:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def as_id(value: object) -> str:
    return re.sub(r" at 0x\w+", "", ascii(shown(value)))[:50]


def refused(act: Callable[[], Any], error: type[Exception], message: str) -> None:
    """Whether an act raises that, in words that fit on a screen, and stores nothing."""
    with pytest.raises(error) as caught, transaction.atomic():
        act()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert not Job.objects.exists()


# Values. Each is refused by every door, in the same words behind the name of what it was given for.

CANNOT = "and cannot be stored. Pass an id or a plain value. Storable: None, bool, int, float, str, list, dict,"
VALUES: dict[str, tuple[Any, str]] = {
    "lambda": (lambda: 1, " is a function and cannot be stored. Jobs are named by their decorator or class;"),
    "class": (int, " is a type and cannot be stored. Jobs are named by their decorator or class;"),
    "job": (jobs.add, " is a JobFunction and cannot be stored."),
    "object": (object(), f" is an object {CANNOT}"),
    "mute object": (Mute(), f" is a Mute {CANNOT}"),
    "generator": ((each for each in "ab"), f" is a generator {CANNOT}"),
    "range": (range(3), f" is a range {CANNOT}"),
    "bytearray": (bytearray(b""), f" is a bytearray {CANNOT}"),
    "complex": (1j, f" is a complex {CANNOT}"),
    "exception": (ValueError("x"), f" is a ValueError {CANNOT}"),
    "file": (io.BytesIO(), " is a BytesIO and cannot be stored. Pass a path or an id. Storable: "),
    "file inside": ([0, 1, 2, {"file": io.BytesIO()}], '[3]["file"] is a BytesIO and cannot be stored.'),
    "queryset": (Video.objects.all(), " is a QuerySet and cannot be stored. Pass its ids, for example list("),
    "manager": (Video.objects, " is a Manager and cannot be stored. Pass its ids, for example list("),
    "unsaved model": (Document(), " is an unsaved Document. The worker loads it by primary key, so call "),
    "NaN": (float("nan"), " is nan; only finite numbers can be stored."),
    "Infinity": (float("-inf"), " is -inf; only finite numbers can be stored."),
    "1e400": (1e400, " is inf; only finite numbers can be stored."),
    "decimal NaN": (Decimal("sNaN"), " is sNaN; only finite numbers can be stored."),
    "decimal infinity": (Decimal("Infinity"), " is Infinity; only finite numbers can be stored."),
    "5000 digits": (10**5000, " is a whole number of more than 4300 digits; that is the limit."),
    "minus 5000 digits": (-(10**5000), " is a whole number of more than 4300 digits; that is the limit."),
    "time in a zone": (time(2, 30, tzinfo=ZoneInfo("Europe/Paris")), " is a time of day in a zone whose offset"),
    "int key": ({1: "a"}, " has the key 1 (int); only str keys can be stored."),
    "None key": ({None: "a"}, " has the key None (NoneType); only str keys can be stored."),
    "bool key": ({True: "a"}, " has the key True (bool); only str keys can be stored."),
    "tuple key": ({(1, 2): "a"}, " has the key (1, 2) (tuple); only str keys can be stored."),
    "mute key": ({Mute(): "a"}, " has the key <Mute that cannot be shown> (Mute); only str keys"),
    "long key": ({b"x" * 10**6: "a"}, "... (bytes); only str keys can be stored."),
    "NUL": ("a\0", " contains a NUL character, which databases refuse. Remove it or pass bytes."),
    "NUL in a key": ({"a\0": 1}, '["a\\u0000"] contains a NUL character'),
    "half a character": ("\ud800", " contains half a character ('\\ud800'), which UTF-8 cannot hold."),
    "depth 33": (deep(33), "[0][0][0][0][0][0][0][0]… is nested deeper than 32 (or contains itself); that is the"),
    "depth 5000": (deep(5000), " is nested deeper than 32 (or contains itself); that is the limit."),
    "circular": (circular(), '["again"][0]["again"][0]'),
    "1001 keys": (
        dict.fromkeys(map(str, range(1001))),
        " has 1,001 keys; the limit is 1,000. Store the data and pass",
    ),
    "1 M keys": (dict.fromkeys(map(str, range(10**6))), " has 1,000,000 keys; the limit is 1,000."),
}
SIZES: dict[str, tuple[Any, str]] = {
    "64 kB": ("x" * 65_536, " are 64.0 kB; the limit is 64.0 kB. Store the data and pass its id."),
    "64 kB of two bytes each": ("é" * 32_768, " are 64.0 kB; the limit is 64.0 kB."),
    "64 MB": ("x" * 2**26, " are 64.0 MB; the limit is 64.0 kB."),
    "a million numbers": (list(range(10**6)), " are 6.6 MB; the limit is 64.0 kB."),
    "bytes, as which they are stored": (b"x" * 50_000, " are 65.2 kB; the limit is 64.0 kB."),
}
VALUE_DOORS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "enqueue": (lambda value: enqueue(jobs.import_rows.bind(value)), "import_rows: rows"),
    "by name": (lambda value: jobs.import_rows.enqueue(rows=value), "import_rows: rows"),
    "enqueue_many": (
        lambda value: enqueue_many([jobs.add.bind(1), jobs.import_rows.bind(value)]),
        "import_rows: rows",
    ),
    "using": (lambda value: jobs.import_rows.using(priority=1).enqueue_many([1, value]), "import_rows: rows"),
    "attribute": (lambda value: enqueue(jobs.PlainWorker(value)), "PlainWorker: number"),
    "class": (lambda value: jobs.VideoWorker.enqueue(value), "VideoWorker: video_id"),
    "send_later": (lambda value: send_later(jobs.Mailer("me"), "deliver", args=[value]), "deliver: to"),
    "receiver": (lambda value: jobs.Mailer(value).send_later("deliver", kwargs={"to": "x"}), "Mailer: sender"),
    "delay": (lambda value: delay(jobs.Mailer("me")).deliver(value), "deliver: to"),
    "asynchronous": (lambda value: Report.objects.create().build(colour=value), "build: colour"),
    "async": (lambda value: async_to_sync(aenqueue)(jobs.import_rows.bind(value)), "import_rows: rows"),
}


@pytest.mark.parametrize("door", VALUE_DOORS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_cannot_be_stored_is_refused_with_the_way_to_it(door: str, value: str) -> None:
    (store, owner), (bad, message) = VALUE_DOORS[door], VALUES[value]
    with pytest.raises(PayloadError) as caught, transaction.atomic():
        store(bad)
    text = str(caught.value)
    assert text.startswith((owner, f'{owner.split(": ")[0]}: argument "'))
    assert message in text
    assert len(text) < 1000
    assert not Job.objects.exists()


@pytest.mark.parametrize("door", VALUE_DOORS)
def test_too_much_is_refused_by_every_door_with_its_size_and_the_limit(door: str) -> None:
    store, _ = VALUE_DOORS[door]
    refused(
        lambda: store("x" * 65_536), PayloadError, " kB; the limit is 64.0 kB. Store the data and pass its id."
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_size_is_that_of_the_text_in_bytes(size: str) -> None:
    bad, message = SIZES[size]
    refused(lambda: jobs.import_rows.enqueue(bad), PayloadError, message)


@override_settings(JOBQUEUE={"MAX_PAYLOAD_BYTES": 1_048_576})
def test_the_limit_of_the_payload_is_a_setting() -> None:
    assert enqueue(jobs.import_rows.bind("x" * 1_000_000)).pk
    with pytest.raises(PayloadError, match=r"are 1.0 MB; the limit is 1.0 MB"):
        enqueue(jobs.import_rows.bind("x" * 1_048_576))


# Options. Each is refused by every door.

OPTION_DOORS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "enqueue": lambda video, given: enqueue(jobs.add.bind(1), **given),
    "enqueue_many": lambda video, given: enqueue_many([jobs.add.bind(1)], **given),
    "using, enqueue": lambda video, given: jobs.add.using(**given).enqueue(1),
    "using, enqueue_many": lambda video, given: jobs.add.using(**given).enqueue_many([1]),
    "class": lambda video, given: jobs.VideoWorker.using(**given).enqueue(1),
    "send_later": lambda video, given: send_later(video, "encode", **given),
    "mixin": lambda video, given: video.send_later("encode", **given),
    "delay": lambda video, given: delay(video, **given).encode(),
    "mixin's delay": lambda video, given: video.delay(**given).encode(),
    "aenqueue": lambda video, given: async_to_sync(aenqueue)(jobs.add.bind(1), **given),
    "aenqueue_many": lambda video, given: async_to_sync(aenqueue_many)([jobs.add.bind(1)], **given),
    "using, aenqueue": lambda video, given: async_to_sync(jobs.add.using(**given).aenqueue)(1),
    "asend_later": lambda video, given: async_to_sync(asend_later)(video, "encode", **given),
    "mixin's asend_later": lambda video, given: async_to_sync(video.asend_later)("encode", **given),
    "adelay": lambda video, given: async_to_sync(adelay(video, **given).encode)(),
}
OPTIONS: list[tuple[dict[str, Any], str]] = [
    *BAD,
    ({"priority": [1]}, "priority must be a whole number from -2147483647 to 2147483647. It is [1]."),
    ({"priority": Decimal(1)}, "priority must be a whole number"),
    (
        {"priority": Mute()},
        "priority must be a whole number from -2147483647 to 2147483647. It is <Mute that cannot",
    ),
    ({"priority": 10**5000}, "priority must be a whole number from -2147483647 to 2147483647. It is "),
    ({"queue": None, "que": None}, '"que" is not a job option. Did you mean "queue"?'),
    ({"queue": b"mail"}, "queue must be 1 to 64 of the characters"),
    ({"queue": "x" * 10**6}, "queue must be 1 to 64 of the characters"),
    ({"queue": "\ud800"}, "queue must be 1 to 64 of the characters"),
    ({"run_at": datetime.max}, "run_at 9999-12-31 23:59 has no time zone."),
    ({"run_at": datetime.max.replace(tzinfo=UTC)}, "run_at must lie between a year ago and ten years ahead."),
    ({"run_at": timedelta.min}, "run_at as a timedelta must lie between 0 and ten years from now."),
    ({"run_at": 5}, "run_at must be a datetime, or a timedelta from now. It is 5."),
    ({"run_at": "infinity"}, "run_at must be a datetime, or a timedelta from now. It is 'infinity'."),
    ({"run_at": time(9)}, "run_at must be a datetime, or a timedelta from now."),
    ({"max_attempts": float("inf")}, "max_attempts must be a whole number from 1 to 100000. It is inf."),
    ({"max_run_time": timedelta(0)}, "max_run_time must be more than 0"),
    ({"max_run_time": timedelta.max}, "max_run_time must be more than 0"),
    ({"accept_unsigned": True}, '"accept_unsigned" is said where the job is declared, not in a call.'),
    ({"aliases": []}, '"aliases" is said where the job is declared, not in a call.'),
]


@pytest.mark.parametrize(("given", "message"), OPTIONS, ids=as_id)
def test_a_bad_option_is_refused_by_every_door(given: dict[str, Any], message: str) -> None:
    video = Video.objects.create()
    for name, store in OPTION_DOORS.items():
        with pytest.raises(OptionError) as caught:
            store(video, given)
        assert str(caught.value).startswith(message), name
        assert len(str(caught.value)) < 1000
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            (given, message)
            for given, message in OPTIONS
            if not {"run_at", "backoff", "accept_unsigned", "aliases", "codec"} & {*given}
        ),
        ({"run_at": timedelta(1)}, '"run_at" is said in a call, not where the job is declared.'),
        ({"backoff": -1}, "backoff must be a callable, its dotted path, or a pause in seconds. It is -1."),
        ({"backoff": "shop.nowhere"}, "backoff cannot be imported: No module named 'shop'."),
        (
            {"backoff": Mute()},
            "backoff must be a callable, its dotted path, or a pause in seconds. It is <Mute that",
        ),
        ({"accept_unsigned": "yes"}, "accept_unsigned must be True or False. It is 'yes'."),
        ({"aliases": "shop.jobs.old"}, "aliases must be a list of dotted paths. It is 'shop.jobs.old'."),
        ({"aliases": ["old"]}, "aliases must be a list of dotted paths. It is ['old']."),
    ],
    ids=as_id,
)
def test_a_bad_option_is_refused_where_a_job_is_declared(given: dict[str, Any], message: str) -> None:
    for declare in (
        check_declaration,
        lambda options: job(**options)(deep),
        lambda options: handle_asynchronously(**options)(deep),
    ):
        with pytest.raises(OptionError) as caught:
            declare(given)
        assert str(caught.value).startswith(message)


@override_settings(JOBQUEUE={"QUEUES": ["default", "mail"]})
def test_an_undeclared_queue_is_refused_by_every_door() -> None:
    video = Video.objects.create()
    for store in OPTION_DOORS.values():
        with pytest.raises(QueueNameError) as caught:
            store(video, {"queue": "mial"})
        assert str(caught.value) == 'Unknown queue "mial". Declared: default, mail. Did you mean "mail"?'
    assert not Job.objects.exists()


def test_an_attribute_that_is_no_option_is_refused_when_the_job_is_stored() -> None:
    worker = jobs.VideoWorker(7)
    worker.queue = "a b"
    refused(lambda: enqueue(worker), QueueNameError, "queue must be 1 to 64 of the characters")


def test_a_time_that_clocks_skip_is_the_moment_that_python_means() -> None:
    year = datetime.now().year + 1
    spring = max(datetime(year, 3, day) for day in range(25, 32) if datetime(year, 3, day).weekday() == 6)
    skipped = spring.replace(hour=2, minute=30, tzinfo=ZoneInfo("Europe/Paris"))
    for stored in (
        enqueue(jobs.add.bind(1), run_at=skipped).pk,
        *enqueue_many([jobs.add.bind(1)], run_at=skipped),
    ):
        run_at = Job.objects.get(pk=stored).run_at
        assert run_at == skipped.astimezone(UTC)
        assert run_at.astimezone(ZoneInfo("Europe/Paris")).hour == 3


# Calls: what is handed over, and what it is called with.

NOT_PERFORMABLE: list[Any] = [5, 1.5, {}, [], b"", True]
NOT_ARGUMENTS: list[Any] = ["av1", b"av1", 7, {"codec": "av1"}, {"av1"}, None]
NOT_NAMED: list[Any] = ["av1", 7, ["av1"], {1: "av1"}]
CALLS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "missing argument": (
        lambda: jobs.send_receipt.enqueue(),  # type: ignore[call-arg]
        TypeError,
        "send_receipt() missing a required argument: 'order'",
    ),
    "extra argument": (
        lambda: jobs.add.enqueue(1, total=2),  # type: ignore[call-arg]
        TypeError,
        "add() got an unexpected keyword argument 'total'",
    ),
    "extra arguments of many": (
        lambda: jobs.add.using(priority=1).enqueue_many([1, (1, 2, 3)]),
        TypeError,
        "add() too many positional arguments",
    ),
    "no arguments": (lambda: enqueue(jobs.add), TypeError, "add() missing a required argument: 'left'"),
    "path": (
        lambda: enqueue("tests.app.jobs.add"),
        NotPerformable,
        "'tests.app.jobs.add' is text. Import the job",
    ),
    "plain function": (
        lambda: enqueue(jobs.not_a_job),
        NotPerformable,
        "not_a_job is a plain function. Decorate it",
    ),
    "lambda": (lambda: enqueue(lambda: 1), NotPerformable, "<lambda> at tests/unit/test_bad_input.py:"),
    "class": (lambda: enqueue(jobs.PlainWorker), NotPerformable, "PlainWorker is a class. Hand over an instance:"),
    "method": (
        lambda: enqueue(Video().encode),
        NotPerformable,
        'Video.encode is a method. Name it instead: send_later(…, "encode"), or delay(…).encode().',
    ),
    "coroutine": (
        lambda: enqueue(jobs.fetch(1)),
        NotPerformable,
        "fetch(…) has made a coroutine. Hand over the call: fetch.bind(…).",
    ),
    "options without arguments": (
        lambda: enqueue(jobs.add.using(priority=1)),
        NotPerformable,
        'Prepared has no method "perform".',
    ),
    "no perform": (lambda: enqueue(jobs.Idle()), NotPerformable, 'Idle has no method "perform".'),
    **{
        f"{value!r}": (partial(enqueue, value), NotPerformable, f'{type(value).__name__} has no method "perform".')
        for value in NOT_PERFORMABLE
    },
    "None": (lambda: enqueue(None), NotPerformable, "None is no job. Did the call run here? Hand over the job:"),
    "many of none": (
        lambda: enqueue_many(None),  # type: ignore[arg-type]
        TypeError,
        "enqueue_many takes jobs in a list or another iterable. It is None.",
    ),
    "many of one": (
        lambda: enqueue_many(jobs.add.bind(1)),  # type: ignore[arg-type]
        TypeError,
        "enqueue_many takes jobs in a list or another iterable. It is <call of tests.app.jobs.add>.",
    ),
    "many arguments of none": (
        lambda: jobs.add.using(priority=1).enqueue_many(None),  # type: ignore[arg-type]
        TypeError,
        "enqueue_many takes arguments in a list or another iterable, not NoneType.",
    ),
    "many, one bad": (lambda: enqueue_many([jobs.add.bind(1), lambda: 1]), NotPerformable, "<lambda> at"),
    "many letters": (lambda: enqueue_many("add"), NotPerformable, "'a' is text. Import the job"),
    "many, late": (
        lambda: enqueue_many(jobs.add.bind(1) if number < 15_000 else None for number in range(20_000)),
        NotPerformable,
        "None is no job. Did the call run here?",
    ),
    "unsaved receiver": (
        lambda: Video().send_later("encode"),
        PayloadError,
        "Video.encode: the object is an unsaved Video. ",
    ),
    "no receiver": (lambda: send_later(None, "encode"), NotPerformable, 'NoneType has no method "encode".'),
    "receiver not declared": (
        lambda: delay(jobs.Idle()).rest(),
        NotPerformable,
        "Idle is not declared for workers:",
    ),
    "unknown method": (
        lambda: delay(Video()).encod(),
        NotPerformable,
        'Video has no method "encod". Did you mean',
    ),
    "method that is none": (lambda: send_later(Video(), "title"), NotPerformable, 'Video has no method "title".'),
    "method of no name": (lambda: send_later(Video(), None), NotPerformable, 'Video has no method "None".'),  # type: ignore[arg-type]
    "special method": (
        lambda: send_later(Video(), "__init__"),
        NotPerformable,
        "Video.__init__ is no method for jobs",
    ),
    "instance method of a class": (
        lambda: send_later(Video, "encode"),
        NotPerformable,
        "Video.encode needs an instance",
    ),
    "method arguments": (
        lambda: enqueue(PerformableMethod(Video, "sweep")),
        TypeError,
        "sweep() missing a required",
    ),
    **{
        f"args={value!r}": (
            partial(send_later, Video(), "encode", args=value),
            TypeError,
            f"args must be a list or tuple of arguments, not {type(value).__name__}. Did you mean args=[…]?",
        )
        for value in NOT_ARGUMENTS
    },
    **{
        f"kwargs={value!r}": (
            partial(send_later, Video(), "encode", kwargs=value),
            TypeError,
            f"kwargs must be a dict from names to arguments, not {type(value).__name__}.",
        )
        for value in NOT_NAMED
    },
    "negative delay": (
        lambda: enqueue(jobs.add.bind(1), run_at=-timedelta(1)),
        OptionError,
        "run_at as a timedelta must lie between 0 and ten years from now. It is datetime.timedelta(days=-1).",
    ),
    "priority by position": (
        lambda: enqueue(jobs.add.bind(1), "high"),  # type: ignore[arg-type]
        OptionError,
        "priority must be a whole number from -2147483647 to 2147483647. It is 'high'.",
    ),
    "run_at by position": (
        lambda: enqueue(jobs.add.bind(1), 1, "now"),  # type: ignore[arg-type]
        OptionError,
        "run_at must be a datetime, or a timedelta from now. It is 'now'.",
    ),
}


@pytest.mark.parametrize(("act", "error", "message"), CALLS.values(), ids=CALLS)
def test_a_bad_call_is_refused_and_nothing_is_stored(
    act: Callable[[], Any], error: type[Exception], message: str
) -> None:
    refused(act, error, message)


@pytest.mark.parametrize("act", [retry, cancel, run_now])
class TestActs:
    @pytest.mark.parametrize(
        "wrong",
        ["x", "1", b"1", None, True, 1.5, [1], object(), Mute(), Job(), Video(id=1), jobs.add],
        ids=as_id,
    )
    def test_what_is_no_job_is_refused(self, act: Callable[[Any], None], wrong: Any) -> None:
        with pytest.raises(
            TypeError, match=rf"^{act.__name__} takes a stored job or its id, a whole number. It is "
        ):
            act(wrong)

    @pytest.mark.parametrize("wrong", [-1, 0, 2**31, 2**63 - 1, 2**63, 10**100])
    def test_an_id_that_no_job_has_does_not_exist(self, act: Callable[[Any], None], wrong: int) -> None:
        with pytest.raises(JobStateError, match=rf"^Job #{wrong} does not exist\.$"):
            act(wrong)

    def test_a_job_that_was_deleted_does_not_exist(self, act: Callable[[Any], None]) -> None:
        row = enqueue(jobs.add.bind(1))
        Job.objects.all().delete()
        with pytest.raises(JobStateError, match=rf"^Job #{row.pk} does not exist\.$"):
            act(row)


@pytest.mark.parametrize("error", [PayloadError, NotPerformable, OptionError])
def test_every_refusal_is_also_what_python_would_raise(error: type[JobQueueError]) -> None:
    assert issubclass(error, ValueError | TypeError)
