"""What may travel with a job, and how it comes back."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from jobqueue.exceptions import CorruptHandler, MissingRow, NotPerformable, PayloadError, UnknownPerformable
from jobqueue.handlers.codec import decode, dumps, encode, loads
from tests.app import jobs
from tests.app.models import Document, Video

PARIS = ZoneInfo("Europe/Paris")


def there_and_back(value: Any) -> Any:
    return decode(loads(dumps(encode(value, "send_receipt", "value"))))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**63),
        10**4299,
        1.5,
        -0.0,
        "",
        "é\n\u2028😀\x7f",
        [1, [2, "3"]],
        {"a": {"b": [None]}},
        (1, (2,)),
        {1, 2},
        frozenset({"a"}),
        b"\x00\xff",
        datetime(2026, 11, 22, 9, 30, 0, 5),
        datetime(2026, 11, 22, 9, tzinfo=UTC),
        datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2026, 11, 22, 9, tzinfo=PARIS),
        date(2026, 11, 22),
        time(9, 30),
        time(9, 30, tzinfo=UTC),
        timedelta(days=-1, microseconds=3),
        Decimal("19.990"),
        Decimal("1e999"),
        uuid.UUID(int=7),
        jobs.Colour.RED,
        jobs.Colour.BLUE,
        jobs.Rights.READ,
        jobs.Rights.READ | jobs.Rights.WRITE,
        jobs.Level.LOW,
        jobs.Money(5, notes=("a", "b")),
        jobs.Point(1, 2),
        jobs.Pair([1], (2,)),
        {"$": "date", "v": "no tag but a dict of the caller's"},
        {"$": {"$": [1, {"$": None}]}},
        [{"a": (1, {"b": {Decimal(1)}})}],
    ],
    ids=repr,
)
def test_a_storable_value_comes_back_equal_and_of_its_type(value: Any) -> None:
    back = there_and_back(value)

    assert back == value
    assert type(back) is type(value)


def test_a_datetime_keeps_its_zone_even_in_the_hour_that_happens_twice() -> None:
    second = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=PARIS)

    back = there_and_back(second)

    assert back.tzinfo is PARIS
    assert back.utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (mark_safe("<b>"), "<b>"),
        (gettext_lazy("Hello"), "Hello"),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (SimpleLazyObject(lambda: {"a": 1}), {"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_close_relative_of_a_plain_type_comes_back_plain(value: Any, plain: Any) -> None:
    back = there_and_back(value)

    assert back == plain
    assert type(back) is type(plain)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def test_32_levels_are_stored() -> None:
    assert there_and_back(nested(32)) == nested(32)


@pytest.mark.parametrize("value", [nested(33), nested(5000), circular()], ids=["33", "5000", "circular"])
def test_what_is_nested_too_deeply_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match=r"is nested deeper than 32 \(or contains itself\)"):
        encode(value, "send_receipt", "value")


class Odd(str):
    """A str with a mind of its own."""

    def __str__(self) -> str:
        return "other"


def test_a_str_subclass_is_stored_by_its_content() -> None:
    assert there_and_back(Odd("content")) == "content"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "value is an object and cannot be stored. Pass an id or a plain value. Storable: None, bool"),
        (1j, "value is a complex and cannot be stored."),
        (lambda: None, "value is a function and cannot be stored. Jobs are named"),
        (int, "value is a type and cannot be stored. Jobs are named"),
        ([0, {"file": open(__file__)}], 'value[1]["file"] is a TextIOWrapper and cannot be stored. Pass a path'),  # noqa: SIM115
        (Video.objects.all(), "value is a QuerySet and cannot be stored. Pass its ids"),
        (bytearray(b"a"), "value is a bytearray and cannot be stored."),
        (float("nan"), "value is nan; only finite numbers can be stored."),
        ([float("inf")], "value[0] is inf; only finite numbers can be stored."),
        (Decimal("-Infinity"), "value is -Infinity; only finite numbers"),
        (Decimal("sNaN"), "value is sNaN; only finite numbers"),
        ({1: "a"}, "value has the key 1 (int); only str keys can be stored."),
        ({None: "a"}, "value has the key None (NoneType); only str keys"),
        ({True: "a"}, "value has the key True (bool); only str keys"),
        ({str(n): n for n in range(1001)}, "value has 1,001 keys; the limit is 1,000."),
        ("a\0b", "value contains a NUL character"),
        ({"a\0": 1}, 'value["a\\u0000"] contains a NUL character'),
        ("a\ud800", "value contains half a character ('\\ud800')"),
        (10**4300, "value is a whole number of more than 4300 digits"),
        (-(10**5000), "value is a whole number of more than 4300 digits"),
        ((1, {"a": {object()}}), 'value[1]["a"][0] is an object and cannot'),
        (jobs.Money(1, notes=(object(),)), "value.notes[0] is an object and cannot"),  # type: ignore[arg-type]
        (time(9, tzinfo=PARIS), "value is a time of day in a zone"),
        (
            Video(),
            'argument "value" is an unsaved Video. '
            "The worker loads it by primary key, so call value.save() first.",
        ),
        (Document(), 'argument "value" is an unsaved Document. The worker'),
        ([Video()], "value[0] is an unsaved Video. The worker loads it by primary key, so call its save() first."),
        (SimpleNamespace(), "value is a SimpleNamespace and cannot be stored."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_stored_is_refused_by_path_and_reason(value: Any, message: str) -> None:
    with pytest.raises(PayloadError) as caught:
        encode(value, "send_receipt", "value")

    assert str(caught.value).startswith(f"send_receipt: {message}")
    assert "\n" not in str(caught.value)


def test_the_class_of_a_value_must_be_importable() -> None:
    import enum

    class Hidden(enum.Enum):
        ONE = 1

    with pytest.raises(NotPerformable, match=r"Hidden at .* cannot be found by a worker"):
        encode(Hidden.ONE, "send_receipt", "value")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1] [2]",
        "[1],",
        "NaN",
        "[Infinity]",
        "1e400",
        "-1e400",
        "9" * 5000,
        "[" * 100_000,
        "'a'",
        "\x80\x04K\x01.",
        " " * 5_000_000,
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("signed", [True, False])
def test_text_that_is_not_exactly_one_json_value_is_corrupt(text: str, signed: bool) -> None:
    with pytest.raises(CorruptHandler):
        loads(text, signed=signed)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"b":{"a":1,"a":1}}'])
def test_what_others_have_written_may_not_give_a_key_twice(text: str) -> None:
    with pytest.raises(CorruptHandler, match="twice"):
        loads(text, signed=False)


@pytest.mark.parametrize(
    "data",
    [
        {"$": "pickle", "v": "gASVAA=="},
        {"$": None},
        {"$": ["tuple"]},
        {"$": "tuple"},
        {"$": "tuple", "v": 3},
        {"$": "dict", "v": [1]},
        {"$": "dict", "v": [[[], 1]]},
        {"$": "set", "v": [[]]},
        {"$": "date", "v": "2026-13-01"},
        {"$": "date"},
        {"$": "datetime", "v": [1]},
        {"$": "timedelta", "v": [10**12, 0, 0]},
        {"$": "decimal", "v": "x"},
        {"$": "uuid", "v": 7},
        {"$": "bytes", "v": "ä"},
        {"$": "enum", "v": 7, "name": "RED"},
        {"$": "enum", "v": "tests.app.jobs.Money", "name": "RED"},
        {"$": "enum", "v": "tests.app.jobs.not_a_job", "name": "RED"},
        {"$": "dataclass", "v": "tests.app.jobs.Money"},
        {"$": "dataclass", "v": "tests.app.jobs.Colour", "fields": {}},
        {"$": "model", "v": 7, "pk": 1},
        json.loads("[" * 100 + "]" * 100),
    ],
    ids=str,
)
def test_tagged_data_that_encode_never_writes_is_corrupt(data: Any) -> None:
    with pytest.raises(CorruptHandler):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        {"$": "enum", "v": "tests.app.jobs.Colour", "name": "GREEN"},
        {"$": "enum", "v": "tests.app.jobs.Shade", "name": "RED"},
        {"$": "model", "v": "app.novel", "pk": 1},
        {"$": "model", "v": "app.video", "pk": 1, "db": "nowhere"},
    ],
    ids=str,
)
def test_a_reference_that_this_release_does_not_know_is_not_called_corrupt(data: Any) -> None:
    with pytest.raises(UnknownPerformable):
        decode(data)


def test_a_dataclass_that_grew_a_field_takes_its_default_and_one_that_lost_a_field_says_so() -> None:
    stored = {"$": "dataclass", "v": "tests.app.jobs.Money", "fields": {"amount": 5}}
    assert decode(stored) == jobs.Money(5)

    with pytest.raises(TypeError, match=r"tests.app.jobs.Money has no field 'tax' any more"):
        decode({**stored, "fields": {"amount": 5, "tax": 1}})
    with pytest.raises(TypeError, match=r"tests.app.jobs.Money needs a field 'amount'"):
        decode({**stored, "fields": {}})


@pytest.mark.parametrize("tag", ["enum", "dataclass", "namedtuple", "model"])
def test_for_unsigned_data_nothing_is_imported_or_read(tag: str) -> None:
    with pytest.raises(CorruptHandler, match=f'may not hold a "{tag}"'):
        decode([{"$": tag, "v": "os.path"}], signed=False)


def test_unsigned_data_may_hold_plain_and_tagged_values() -> None:
    assert decode([{"$": "date", "v": "2026-11-22"}, {"$": "tuple", "v": [1]}], signed=False) == [
        date(2026, 11, 22),
        (1,),
    ]


@pytest.mark.django_db
class TestModels:
    def test_an_instance_travels_by_reference_and_is_read_again(self) -> None:
        video = Video.objects.create(title="before")
        data = encode([video], "send_receipt", "value")
        Video.objects.update(title="after")

        [back] = decode(data)

        assert data == [{"$": "model", "v": "app.video", "pk": video.pk}]
        assert back == video
        assert back.title == "after"

    def test_any_kind_of_primary_key_serves(self) -> None:
        document = Document.objects.create()
        assert there_and_back(document) == document

    def test_a_lazy_instance_such_as_request_user_is_what_it_stands_for(self) -> None:
        video = Video.objects.create()
        back = there_and_back(SimpleLazyObject(lambda: video))
        assert back == video
        assert type(back) is Video

    def test_a_row_that_is_gone_is_named(self) -> None:
        video = Video.objects.create()
        data = encode(video, "send_receipt", "value")
        pk = video.pk
        video.delete()
        with pytest.raises(MissingRow, match=f"Video {pk}, which this job needs, no longer exists"):
            decode(data)

    @pytest.mark.parametrize("pk", ["x", [1], 2**70, {"a": 1}], ids=str)
    def test_a_primary_key_of_the_wrong_kind_is_corrupt_or_missing(self, pk: Any) -> None:
        with pytest.raises((CorruptHandler, MissingRow)):
            decode({"$": "model", "v": "app.video", "pk": pk})


@pytest.mark.django_db(databases=["default", "other"])
def test_an_instance_of_another_database_is_read_from_there() -> None:
    video = Video.objects.using("other").create(title="elsewhere")

    data = encode(video, "send_receipt", "value")

    assert data["db"] == "other"
    assert decode(data).title == "elsewhere"
