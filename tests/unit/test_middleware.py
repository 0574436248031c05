"""What travels with a job, and what stands round its storing and its attempts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

from jobqueue import Cancel, Snooze, aenqueue, current_job, enqueue, enqueue_many, job
from jobqueue.exceptions import PayloadError
from jobqueue.handlers import contents, sign
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.app import jobs, middleware

pytestmark = pytest.mark.django_db

HERE = "tests.app.middleware"
seen: list[Any] = []


@job
def look() -> None:
    """Note what a job can see."""
    current = current_job()
    assert current is not None
    seen.append((middleware.tenant.get(), translation.get_language(), dict(current.headers)))


@job
async def look_twice() -> None:
    """The same, from a coroutine."""
    look()


@job(max_attempts=2)
def end(how: str) -> None:
    """End as it is told."""
    errors: dict[str, BaseException] = {
        "raise": ValueError("no"),
        "exit": SystemExit(1),
        "snooze": Snooze(60),
        "cancel": Cancel("enough"),
    }
    if how in errors:
        raise errors[how]


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    seen.clear()
    middleware.told.clear()
    token = middleware.tenant.set(None)
    yield
    middleware.tenant.reset(token)


@pytest.fixture
def use(settings: Any) -> Any:
    def put(*names: str, **more: Any) -> None:
        settings.JOBQUEUE = {"MIDDLEWARE": [f"{HERE}.{name}" for name in names], **more}

    return put


def headers(row: Job) -> Any:
    return contents(Job.objects.get(pk=row.pk))[0].get("headers")


class TestLanguage:
    def test_a_job_has_the_language_of_the_one_who_stored_it(self) -> None:
        with translation.override("fr"):
            row = look.enqueue()
        assert headers(row)["language"] == "fr"
        with translation.override("es"):
            work_off()
            assert translation.get_language() == "es"
        assert seen[0][1] == "fr"

    def test_so_have_many_jobs_and_coroutines(self) -> None:
        with translation.override("fr"):
            enqueue_many([look.bind(), look_twice.bind()])
        work_off()
        assert [language for _, language, _ in seen] == ["fr", "fr"]

    def test_so_has_one_that_is_stored_by_async_code(self) -> None:
        async def store() -> None:
            with translation.override("fr"):
                await aenqueue(look.bind())

        async_to_sync(store)()
        work_off()
        assert seen[0][1] == "fr"

    def test_the_usual_language_is_not_stored(self, settings: Any) -> None:
        settings.JOBQUEUE = {"RELEASE": "1"}
        with translation.override(settings.LANGUAGE_CODE):
            assert headers(look.enqueue()) == {"release": "1"}
        with translation.override(None):
            assert headers(look.enqueue()) == {"release": "1"}

    @pytest.mark.parametrize("language", ["xx-none", "../../etc", ""])
    def test_an_unknown_language_is_none(self, language: str) -> None:
        data = {"job": "tests.app.jobs.import_rows", "args": [[]], "headers": {"language": language}}
        Job.objects.create(handler=json.dumps(data), name="tests.app.jobs.import_rows")
        assert work_off().failed == 0


class TestHeaders:
    def test_a_job_without_any_has_no_part_for_them(self, settings: Any) -> None:
        settings.BASE_DIR = None
        assert "headers" not in contents(look.enqueue())[0]

    def test_a_middleware_adds_some_and_they_are_there_when_it_is_performed(self, use: Any) -> None:
        use("Tenants", RELEASE="9c1e")
        middleware.tenant.set("acme")
        row = look.enqueue()
        enqueue_many([look.bind(), look_twice.bind()])
        middleware.tenant.set("other")
        work_off()
        assert headers(row) == {"release": "9c1e", "tenant": "acme"}
        assert seen == [("acme", "en-us", {"release": "9c1e", "tenant": "acme"})] * 3
        assert middleware.tenant.get() == "other"

    def test_what_cannot_travel_is_left_out_and_logged(self, use: Any, caplog: Any) -> None:
        use("Careless", RELEASE="1")
        assert headers(look.enqueue()) == {"release": "1", "good": "grün"}
        assert "headers left out" in caplog.text
        assert "'number', 'long', 'nul'" in caplog.text

    def test_they_do_not_count_as_arguments(self, use: Any) -> None:
        use("Tenants", MAX_PAYLOAD_BYTES=256)
        middleware.tenant.set("x" * 2000)
        assert len(look.enqueue().handler) > 2000
        with pytest.raises(PayloadError, match=r"are 2\d\d bytes; the limit is 256"):
            enqueue(jobs.import_rows.bind("x" * 220))

    @pytest.mark.parametrize("headers", ["[]", '"x"', '{"a":1}'])
    def test_others_than_texts_are_refused(self, headers: str) -> None:
        handler = f'{{"job":"tests.app.jobs.import_rows","args":[[]],"headers":{headers}}}'
        row = Job.objects.create(handler=handler, name="tests.app.jobs.import_rows")
        assert work_off().failed == 1
        row.refresh_from_db()
        assert (row.state, row.error) == (
            State.FAILED,
            "CorruptHandler: The handler's headers must be an object of texts.",
        )


class TestRounds:
    def test_a_middleware_learns_what_was_stored(self, use: Any) -> None:
        use("Witness")
        row = look.enqueue()
        ids = enqueue_many([look.bind(), look.bind()], queue="mail")
        assert middleware.told == [
            ("stored", f"{__name__}.look", "default", [row.pk]),
            ("stored", None, "mail", ids),
        ]

    def test_and_what_was_not(self, use: Any) -> None:
        use("Witness", MAX_WAITING=1)
        look.enqueue()
        middleware.told.clear()
        with pytest.raises(Exception, match="no room"):
            look.enqueue()
        [(what, name, why)] = middleware.told
        assert (what, name) == ("not stored", f"{__name__}.look")
        assert "no room" in why

    @pytest.mark.parametrize(
        ("how", "attempts", "seen"),
        [
            ("", 0, ("Succeeded", State.SUCCEEDED)),
            ("raise", 0, ("no", State.SCHEDULED)),
            ("raise", 1, ("no", State.FAILED)),
            ("snooze", 0, ("Snoozed", State.SCHEDULED)),
            ("cancel", 0, ("Cancelled", State.CANCELLED)),
        ],
    )
    def test_and_how_an_attempt_has_ended(self, use: Any, how: str, attempts: int, seen: Any) -> None:
        use("Witness")
        row = end.enqueue(how)
        Job.objects.update(attempts=attempts)
        work_off()
        assert middleware.told[1:] == [(row.pk, *seen)]

    def test_it_stands_round_the_loading_too(self, use: Any) -> None:
        use("Witness")
        row = jobs.add.enqueue(1)
        Job.objects.update(handler=signed_like(row, {"job": "tests.app.jobs.add", "args": [1, 2, 3]}))
        work_off()
        assert middleware.told[1][1].startswith("add() too many positional arguments. Job #")

    @pytest.mark.parametrize("place", ["begin", "end"])
    @pytest.mark.parametrize("how", ["", "raise", "exit"])
    def test_its_own_errors_are_logged_and_change_nothing(
        self, use: Any, caplog: Any, monkeypatch: Any, place: str, how: str
    ) -> None:
        use("Witness", "Clumsy", "Tenants")
        monkeypatch.setattr(middleware.Clumsy, "place", place)
        row = end.enqueue(how)
        assert "middleware tests.app.middleware.Clumsy" in caplog.text
        assert "raised round storing" in caplog.text
        work_off()
        row.refresh_from_db()
        assert row.state == (State.SCHEDULED if how else State.SUCCEEDED)
        assert "raised round performing" in caplog.text
        assert (row.error is None) or "cannot" not in row.error

    @pytest.mark.parametrize(
        ("path", "library", "extra"),
        [("opentelemetry.Tracing", "opentelemetry", "otel"), ("sentry.Reporting", "sentry_sdk", "sentry")],
    )
    def test_one_of_ours_without_its_library_says_what_to_type(
        self, settings: Any, monkeypatch: Any, path: str, library: str, extra: str
    ) -> None:
        monkeypatch.delitem(sys.modules, f"jobqueue.integrations.{path.partition('.')[0]}", raising=False)
        monkeypatch.setitem(sys.modules, library, None)
        settings.JOBQUEUE = {"MIDDLEWARE": [f"jobqueue.integrations.{path}"]}
        with pytest.raises(ImproperlyConfigured) as caught:
            look.enqueue()
        assert str(caught.value).endswith(f'It needs: pip install "jobqueue[{extra}]"')

    def test_one_that_cannot_be_had_is_a_clear_error(self, settings: Any) -> None:
        for name, message in {
            f"{HERE}.Nobody": 'does not define a "Nobody" attribute',
            f"{HERE}.Neither": 'has no method "storing" or "performing"',
            "tests.nowhere.Nobody": "No module named",
        }.items():
            settings.JOBQUEUE = {"MIDDLEWARE": [name]}
            with pytest.raises(ImproperlyConfigured, match=message):
                look.enqueue()
        assert not Job.objects.exists()


class TestMisfits:
    @pytest.mark.parametrize(
        ("theirs", "ours", "told"),
        [
            ("4f2a", "9c1e", "was stored by release 4f2a, this worker runs 9c1e."),
            ("9c1e", "9c1e", "was stored by the same release, 9c1e, whose code has changed since."),
        ],
    )
    def test_arguments_that_no_longer_fit_name_the_releases(
        self, settings: Any, theirs: str, ours: str, told: str
    ) -> None:
        settings.JOBQUEUE = {"RELEASE": theirs}
        row = jobs.add.enqueue(1)
        data = {**contents(row)[0], "kwargs": {"total": 2}}
        Job.objects.update(handler=signed_like(row, data))
        settings.JOBQUEUE = {"RELEASE": ours}
        work_off()
        row.refresh_from_db()
        assert row.error is not None
        assert row.error.split("\n")[0] == (
            f"TypeError: add() got an unexpected keyword argument 'total'. Job #{row.pk} {told} "
            "Let add() take the stored arguments, deploy, then retry the job."
        )

    def test_so_do_attributes_that_no_longer_fit(self, settings: Any) -> None:
        settings.JOBQUEUE = {"RELEASE": "4f2a"}
        row = enqueue(jobs.RubyWorker(1))
        data = contents(row)[0]
        data["state"]["size"] = 3
        Job.objects.update(handler=signed_like(row, data))
        settings.JOBQUEUE = {"RELEASE": "9c1e"}
        work_off()
        row.refresh_from_db()
        assert row.error is not None
        assert "RubyWorker no longer takes the stored attribute 'size'" in row.error
        assert f"Job #{row.pk} was stored by release 4f2a, this worker runs 9c1e." in row.error


def signed_like(row: Job, data: dict[str, Any]) -> str:
    """A handler with other content for a row."""
    columns = {name: getattr(row, name) for name in ("name", "queue", "max_attempts", "max_run_time")}
    return sign(json.dumps(data, separators=(",", ":")), **columns)
