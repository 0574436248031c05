"""The ready-made notifiers, each against what it talks to."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from jobqueue import job, notifiers
from jobqueue.exceptions import JobCrashed
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app.scripted import Boom, fail

pytestmark = pytest.mark.django_db


@job(sensitive=["card"], max_attempts=1, queue="mail")
def charge(card: str, shop: str) -> None:
    """Fail with a secret in the message."""
    raise Boom(f"card {card} refused\nby {shop}")


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """Keeps what it is sent in ``got``; answers with ``status``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(here.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(HTTPServer):
        got: list[Any] = []
        status = 204

    here = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=here.serve_forever, daemon=True)
    thread.start()
    yield here
    here.shutdown()
    here.server_close()


def fail_with(*using: Any, **settings: Any) -> Job:
    with override_settings(JOBQUEUE={"NOTIFIERS": list(using)}, **settings):
        stored = charge.enqueue("4111-1111", shop="corner")
        work_off()
        return stored


def told(stored: Job) -> dict[str, Any]:
    return {
        "id": stored.pk,
        "name": f"{__name__}.charge",
        "queue": "mail",
        "attempts": 1,
        "exception": "tests.app.scripted.Boom",
        "message": "card ******** refused\nby corner",
    }


class TestLog:
    def test_one_line_for_its_own_logger(self, caplog: pytest.LogCaptureFixture) -> None:
        stored = fail_with("jobqueue.notifiers.log")
        [record] = [each for each in caplog.records if each.name == "jobqueue.notifiers"]
        assert (record.levelno, vars(record)["jq_queue"]) == (logging.ERROR, "mail")
        assert record.getMessage() == (
            f"#{stored.pk} {__name__}.charge has failed for good after 1 attempts: "
            r"tests.app.scripted.Boom: card ******** refused\nby corner"
        )


class TestMailAdmins:
    def test_without_arguments(self) -> None:
        stored = fail_with("jobqueue.notifiers.mail_admins", ADMINS=[("Ana", "ana@example.com")])
        [message] = mail.outbox
        assert message.to == ["ana@example.com"]
        assert message.subject.endswith(f"Job failed: #{stored.pk} {__name__}.charge")
        assert message.body == "\n".join(f"{name}: {value}" for name, value in told(stored).items())

    def test_it_is_no_job_even_where_mails_are(self) -> None:
        locmem = "django.core.mail.backends.locmem.EmailBackend"
        settings = {"NOTIFIERS": ["jobqueue.notifiers.mail_admins"], "EMAIL_BACKEND": locmem}
        with override_settings(
            JOBQUEUE=settings, EMAIL_BACKEND="jobqueue.mail.JobEmailBackend", ADMINS=[("Ana", "ana@example.com")]
        ):
            fail.using(max_attempts=1).enqueue()
            assert work_off().performed == 1
        assert len(mail.outbox) == 1


class TestPost:
    def test_json_without_arguments(self, server: Any) -> None:
        post = notifiers.Post(
            f"http://127.0.0.1:{server.server_port}/hook?key=1", headers={"Authorization": "Bearer x"}
        )
        stored = fail_with(post)
        [(path, headers, body)] = server.got
        assert (path, body) == ("/hook?key=1", told(stored))
        assert headers["Content-Type"] == "application/json"
        assert headers["Authorization"] == "Bearer x"

    @pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
    def test_another_answer_is_an_error(self, server: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
        server.status = status
        fail_with(notifiers.Post(f"http://127.0.0.1:{server.server_port}/"))
        assert len(server.got) == 1
        assert f"notifier jobqueue.notifiers.Post of #1 {__name__}.charge raised".replace("#1 ", "#") in (
            caplog.text.replace(f"#{Job.objects.get().pk} ", "#")
        )
        assert f"HTTP Error {status}" in caplog.text

    def test_a_server_that_says_nothing_is_given_up(self, caplog: pytest.LogCaptureFixture) -> None:
        silent = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        with silent.socket:
            fail_with(notifiers.Post(f"http://127.0.0.1:{silent.server_port}/", timeout=0.1))
        assert "timed out" in caplog.text

    @pytest.mark.parametrize("url", ["ftp://example.com/x", "file:///etc/passwd", "example.com", "", "https://"])
    def test_other_urls_are_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="begins with http:// or https://"):
            notifiers.Post(url)

    def test_it_does_not_show_its_url(self) -> None:
        assert repr(notifiers.Post("https://example.com/secret")) == "<Post to example.com>"

    def test_it_may_be_made_in_the_settings(self) -> None:
        code = "from jobqueue.notifiers import Post; print(Post('https://example.com/'))"
        done = subprocess.run(
            [sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True, cwd="."
        )
        assert done.stdout == "<Post to example.com>\n"


class TestSummary:
    def test_of_exceptions_without_a_message_or_that_cannot_be_told(self) -> None:
        class Sulking(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        stored: Any = fail_with()
        for error, message in ((KeyError(), ""), (Sulking(), "<exception str() failed>"), (JobCrashed("x"), "x")):
            assert notifiers.summary(stored, error)["message"] == message
        assert notifiers.summary(stored, ValueError("x" * 9000))["message"] == f"{'x' * 2000}…"
        refused = json.JSONDecodeError("m", "", 0)
        assert notifiers.summary(stored, refused)["exception"] == "json.decoder.JSONDecodeError"
