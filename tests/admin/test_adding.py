"""A form stores a job: its inputs are those of the signature, and what is wrong is said at the input."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from html import unescape
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from django.utils import timezone

from jobqueue.handlers.known import known_jobs
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.conftest import SignIn, send
from tests.app import typed
from tests.app.jobs import add
from tests.app.models import Video

pytestmark = pytest.mark.django_db

URL = "/admin/jobqueue/job/add/"
TYPED = typed.typed.path
ADD = add.path


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in("view_job", "add_job")


def said(response: Any) -> tuple[str, str]:
    assert response.status_code == HTTPStatus.FOUND, errors(response)
    message = list(get_messages(response.wsgi_request))[-1]
    return message.level_tag, str(message)


def errors(response: Any) -> str:
    """What is said, each after the input that it belongs to."""
    found = re.findall(r'class="jq-wrong"(?: id="id_(\w+)_error")?>([^<]*)', response.content.decode())
    return unescape("; ".join(f"{name}: {words}" for name, words in found))


def test_the_form_asks_first_which(client: Client) -> None:
    page = client.get(URL).content.decode()
    for path in (ADD, TYPED, "tests.app.jobs.VideoWorker"):
        assert f'<option value="{path}">' in page
        assert f'href="?name={path}"' in page
    assert "OldVideoWorker" not in page  # a former name
    assert "jobqueue.jobs" not in page


def test_a_name_that_nobody_has_is_asked_for_again(client: Client) -> None:
    for name in ("nonesuch", "os.system", "jobqueue.jobs.act_on_many", '"><svg onload=1>', "x" * 5000):
        page = client.get(URL, {"name": name}).content.decode()
        assert "There is no job" in page
        assert "<svg onload" not in page


def test_a_job_is_stored_and_noted(client: Client) -> None:
    response = send(
        client, URL, name=ADD, arg_left="40", arg_right="2", queue="mail", priority="3", max_attempts="9"
    )
    stored = Job.objects.get()
    assert said(response) == ("success", f"Stored job #{stored.pk}.")
    assert (stored.queue, stored.priority, stored.max_attempts) == ("mail", 3, 9)
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.action_flag) == (str(stored.pk), ADDITION)
    assert work_off().performed == 1
    assert Job.objects.get().result == 42


def test_what_is_left_empty_is_left_to_the_function(client: Client) -> None:
    said(send(client, URL, name=ADD, arg_left="1"))
    assert '"right"' not in Job.objects.get().handler


def test_each_type_has_its_input(client: Client) -> None:
    video, ident = Video.objects.create(), uuid4()
    data = {
        "number": "7",
        "ratio": "1.5",
        "word": " a ",
        "when": "2026-12-01T09:30",
        "day": "2026-12-01",
        "price": "9.90",
        "ident": str(ident),
        "colour": "RED",
        "is_copy": "false",
        "video": str(video.pk),
        "rows": "[1, 2]",
        "maybe": "",
        "size": "",
        "more": "",
        "flag": "",
        "note": "",
        "rest": '{"further": [null]}',
    }
    said(send(client, URL, name=TYPED, **{f"arg_{name}": value for name, value in data.items()}))
    assert work_off().performed == 1
    assert Job.objects.get().result == {
        "number": "7",
        "ratio": "1.5",
        "word": " a ",
        "when": "2026-12-01 09:30:00+00:00",
        "day": "2026-12-01",
        "price": "9.90",
        "ident": str(ident),
        "colour": "Colour.RED",
        "is_copy": "False",
        "video": str(video),
        "rows": "[1, 2]",
        "maybe": "None",
        "size": "7",
        "more": "()",
        "flag": "True",
        "note": "none",
        "rest": "{'further': [None]}",
    }


def test_what_is_wrong_is_said_at_the_input(client: Client) -> None:
    data = {
        "number": "x",
        "ratio": "NaN",
        "word": "",
        "when": "soon",
        "day": "2026-13-01",
        "price": "x",
        "ident": "x",
        "colour": "GREEN",
        "is_copy": "",
        "video": "999",
        "rows": "[1",
        "more": "{}",
        "rest": "[]",
    }
    response = send(client, URL, name=TYPED, **{f"arg_{name}": value for name, value in data.items()})
    assert response.status_code == HTTPStatus.OK
    told = errors(response)
    for name in data:
        assert f"arg_{name}: " in told, (name, told)
    assert "There is no video 999." in told
    assert "This is not JSON" in told
    assert Job.objects.count() == 0


@pytest.mark.parametrize("key", ["x", "1e99", "9" * 50, "-1", "\0", "None"])
def test_any_key_of_a_row_is_looked_up(client: Client, key: str) -> None:
    response = send(client, URL, name=TYPED, arg_video=key)
    assert "arg_video: " in errors(response)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"queue": "bad queue"}, "queue: queue must be"),
        ({"priority": "x"}, "priority: "),
        ({"priority": "99999999999"}, "priority: priority must be a whole number"),
        ({"run_at": "soon"}, 'run_at: "soon" is not a time'),
        ({"run_at": "2900-01-01"}, "run_at: run_at must lie between"),
        ({"key": "a\tb"}, "key: key must be"),
        ({"max_attempts": "0"}, "max_attempts: max_attempts must be"),
        ({"arg_left": '"' + "x" * 70_000 + '"'}, "the limit is"),
        ({"arg_left": "[" * 40 + "]" * 40}, "nested deeper"),
    ],
)
def test_options_are_checked_as_in_a_call(client: Client, data: dict[str, str], words: str) -> None:
    response = send(client, URL, **{"name": "tests.app.jobs.import_rows", "arg_rows": "1", **_rows(data)})
    assert words in errors(response)
    assert Job.objects.count() == 0


def _rows(data: dict[str, str]) -> dict[str, str]:
    return {name.replace("arg_left", "arg_rows"): value for name, value in data.items()}


def test_a_queue_that_is_not_declared_or_full_is_refused(client: Client) -> None:
    with override_settings(JOBQUEUE={"QUEUES": {"default": 0}, "MAX_WAITING": 1}):
        assert 'Unknown queue "mail"' in errors(send(client, URL, name=ADD, arg_left="1", queue="mail"))
        said(send(client, URL, name=ADD, arg_left="1"))
        assert "has no room" in errors(send(client, URL, name=ADD, arg_left="1"))
    assert Job.objects.count() == 1


def test_a_class_that_refuses_is_told_and_its_words_stay_text(client: Client) -> None:
    path = "tests.app.typed.Fussy"
    response = send(client, URL, name=path, arg_number="-1")
    assert "RuntimeError: no <b>negative</b> number" in errors(response)
    said(send(client, URL, name=path, arg_number="1"))
    assert work_off().performed == 1


def test_types_that_are_not_there_are_typed_as_json(client: Client) -> None:
    said(send(client, URL, name="tests.app.typed.missing", arg_thing='"x"'))
    assert Job.objects.get().handler.startswith('{"job":"tests.app.typed.missing","kwargs":{"thing":"x"}')


def test_a_key_that_is_taken_stores_nothing(client: Client) -> None:
    said(send(client, URL, name=ADD, arg_left="1", key="a"))
    level, words = said(send(client, URL, name=ADD, arg_left="2", key="a"))
    assert (level, words) == ("warning", f"Job #{Job.objects.get().pk} has this key already. Nothing was stored.")
    assert LogEntry.objects.count() == 1


def test_a_time_is_of_the_readers_zone(client: Client) -> None:
    with override_settings(TIME_ZONE="Europe/Paris"):
        at = (timezone.localtime() + timedelta(days=1)).replace(microsecond=0)
        said(send(client, URL, name=ADD, arg_left="1", run_at=at.strftime("%Y-%m-%dT%H:%M:%S")))
    stored = Job.objects.get()
    assert (stored.run_at, stored.state) == (at.astimezone(UTC), State.SCHEDULED)


def test_what_may_be_stored_is_what_the_command_takes() -> None:
    assert known_jobs()[ADD] is add
    assert not [path for path in known_jobs() if path.startswith("jobqueue.")]


def test_every_known_job_has_a_form(client: Client) -> None:
    for path in known_jobs():
        assert client.get(URL, {"name": path}).status_code == HTTPStatus.OK, path


def test_the_admins_index_leads_there(sign_in: SignIn) -> None:
    link = f'href="{URL}"'
    assert link in sign_in("view_job", "add_job").get("/admin/").content.decode()
    assert link not in sign_in("view_job").get("/admin/").content.decode()
    with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
        assert link not in sign_in(is_superuser=True).get("/admin/").content.decode()
