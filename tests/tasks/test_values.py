"""What goes into a task and comes out of it: JSON, as Django documents; what would come back as another is refused."""

from __future__ import annotations

import json
from collections import OrderedDict, UserList
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest

from jobqueue.djangotasks import TaskResultStatus
from jobqueue.exceptions import NotJSON, PayloadError
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import tasks

pytestmark = pytest.mark.django_db


HUGE = 10**5000


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    LARGE = 3


def through(value: Any) -> Any:
    """What a task is given for a value, by its own result."""
    result = tasks.echo.enqueue(value, key=value)
    assert result.args == [result.kwargs["key"]]
    work_off()
    result.refresh()
    [given], by_name = result.return_value
    assert by_name == {"key": given}
    assert result.args == [given]
    return given


class TestArguments:
    @pytest.mark.parametrize(
        "value",
        [
            None, True, 0, -(2**63), 10**400, 0.1, -0.0, 1e308, "", "grüße \U0001f40d", "line\nbreak\t\x7f\u2028", [],
            {}, [[], {}, [None]], {"a": {"b": [1, "2", 3.0, None, True]}}, {"": 1}, {"$": "date", "v": "2026-11-22"},
            {"$": {"$": 1}}, "x" * 20_000,
        ],
        ids=lambda value: ascii(value)[:20],
    )  # fmt: skip
    def test_what_json_has_comes_back_as_it_was(self, value: Any) -> None:
        given = through(value)
        assert given == value
        assert type(given) is type(value)
        assert json.dumps(given) == json.dumps(value)

    @pytest.mark.parametrize(
        ("value", "given"),
        [
            ((1, (2, 3)), [1, [2, 3]]),
            (range(3), [0, 1, 2]),
            (UserList([1]), [1]),
            (OrderedDict(a=1), {"a": 1}),
            (MappingProxyType({"a": (1,)}), {"a": [1]}),
            (b"gr\xc3\xbc\xc3\x9fe", "grüße"),
            (Colour.RED, "red"),
            (Size.LARGE, 3),
        ],
        ids=repr,
    )
    def test_what_django_turns_into_json_s_types_is_turned(self, value: Any, given: Any) -> None:
        assert through(value) == given
        assert type(through(value)) is type(given)

    @pytest.mark.parametrize(
        "value",
        [datetime(2026, 11, 22), Decimal(1), {1, 2}, object(), Job(), 1j, iter([1]), print],
        ids=lambda value: type(value).__name__,
    )
    def test_other_types_are_refused_as_django_refuses_them(self, value: Any) -> None:
        for payload, place in ((value, "args[0]"), ([1, {"in": value}], "args[0][1]['in']")):
            with pytest.raises(TypeError, match="Unsupported type") as caught:
                tasks.echo.enqueue(payload)
            assert isinstance(caught.value, NotJSON)
            assert str(caught.value).startswith(f"echo: {place} is a")
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            (float("nan"), "only finite numbers"),
            ([float("inf")], "only finite numbers"),
            ("a\0b", "NUL"),
            ({"a\0b": 1}, "NUL"),
            ("\ud800", "half a character"),
            ({"k": ["\udfff"]}, "half a character"),
            ({1: "one"}, "only str keys"),
            ({None: 1}, "only str keys"),
            ({True: 1}, "only str keys"),
            (b"\xff", "no UTF-8 text"),
            (HUGE, "more than 4300 digits"),
            ("x" * 1_500_000, "the limit is"),
        ],
        ids=lambda value: "" if value is HUGE else ascii(value)[:20],
    )
    def test_what_would_change_or_could_not_be_stored_is_refused(self, value: Any, why: str) -> None:
        for call in (lambda: tasks.echo.enqueue(value), lambda: tasks.echo.enqueue(key=value)):
            with pytest.raises(PayloadError, match=why):
                call()
        assert not Job.objects.exists()

    def test_what_contains_itself_is_refused(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        with pytest.raises(PayloadError, match="contains itself"):
            tasks.echo.enqueue(circle)

    def test_the_caller_s_values_stay_the_caller_s(self) -> None:
        mine = {"numbers": [1, 2]}
        result = tasks.echo.enqueue(mine)
        mine["numbers"].append(3)
        assert result.args == [{"numbers": [1, 2]}]


class TestResults:
    @pytest.mark.parametrize(
        ("kind", "returned"),
        [
            ("tuple", [1, [2, "drei"]]),
            ("dollar", {"$": "date", "v": "2026-11-22"}),
            ("large", "x" * 50_000),
            ("text", "grüße \U0001f40d"),
            ("nothing", None),
            ("float", 0.1),
            ("bytes", "plain"),
        ],
    )
    def test_they_come_back(self, kind: str, returned: Any) -> None:
        result = tasks.return_what.enqueue(kind)
        work_off()
        result.refresh()
        assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, returned)

    @pytest.mark.parametrize(
        "kind", ["object", "not a number", "NUL", "whole key", "half a character", "too much"]
    )
    def test_a_task_whose_result_cannot_be_stored_has_failed_as_django_has_it(self, kind: str) -> None:
        result = tasks.return_what.enqueue(kind)
        assert work_off().performed == 1, "it is not tried again: the work is done"
        result.refresh()
        assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
        [error] = result.errors
        assert issubclass(error.exception_class, TypeError)
        assert "result of tests.app.tasks.return_what" in error.traceback
