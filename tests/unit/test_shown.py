"""A row's arguments for people: by name, plain, the sensitive ones hidden, and only if the signature holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobqueue import enqueue, handle_asynchronously, job, send_later
from jobqueue.exceptions import (
    BadSignature,
    CorruptHandler,
    DecryptionError,
    JobQueueError,
    OptionError,
    UnknownPerformable,
)
from jobqueue.handlers import resolve, sender_for, sign
from jobqueue.handlers.shown import mask_for, masked_arguments
from jobqueue.models import Job
from jobqueue.performing.loading import load, opened
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.testing.stored import EnqueuedJob
from tests.app import secretive
from tests.app.jobs import Colour, Mailer, Money, PlainWorker, Point, RubyWorker, add, send_receipt
from tests.app.models import Report, Video
from tests.app.secretive import Door, Vault
from tests.keys import NEW, OLD, encrypting
from tests.stores.shelf import claim

pytestmark = pytest.mark.django_db

STARS = "********"
MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

#: What is stored, and how it is shown.
SHOWN: dict[str, tuple[Callable[[], Job], dict[str, Any]]] = {
    "positions have names": (lambda: add.enqueue(1, right=2), {"left": 1, "right": 2}),
    "none": (lambda: secretive.idle.enqueue(), {}),
    "hidden by name": (lambda: secretive.log_in.enqueue("w", "s3cret"), {"way": "w", "password": STARS}),
    "hidden as declared": (lambda: secretive.pay.enqueue("w", 1234), {"way": "w", "pin": STARS}),
    "the rest": (lambda: secretive.pay.enqueue("w", 1, 2, 3), {"way": "w", "pin": STARS, "cards": [2, 3]}),
    "within": (
        lambda: secretive.fetch.enqueue("w", {"headers": [{"X-Api-Key": "s3cret", "Accept": "*"}]}),
        {"way": "w", "request": {"headers": [{"X-Api-Key": STARS, "Accept": "*"}]}},
    ),
    "tags": (
        lambda: secretive.take.enqueue([(1, MOMENT), {Decimal("1.50")}]),
        {"rows": [[1, MOMENT], [Decimal("1.50")]]},
    ),
    "an enum and a flagged key": (
        lambda: secretive.take.enqueue([Colour.RED, {"$": 1, "token": 2}]),
        {"rows": ["tests.app.jobs.Colour RED", {"$": 1, "token": STARS}]},
    ),
    "fields": (
        lambda: secretive.take.enqueue([Money(3, notes=("x",)), Point(1)]),
        {"rows": [{"amount": 3, "currency": "EUR", "notes": ["x"]}, {"x": 1, "y": 0}]},
    ),
    "an object": (lambda: enqueue(PlainWorker(7)), {"number": 7}),
    "an object's attribute": (lambda: Vault.enqueue("w", "s3cret"), {"way": "w", "word": STARS}),
    "hidden attributes": (lambda: enqueue(RubyWorker(7)), {"number": 7, "_RubyWorker__secret": STARS}),
    "a method": (
        lambda: send_later(Mailer("a@example.com"), "deliver", args=["b@example.com"]),
        {"self": {"sender": "a@example.com"}, "to": "b@example.com"},
    ),
    "a sensitive object": (
        lambda: send_later(Door("s3cret"), "unlock", args=["w", "s3cret"]),
        {"self": {"secret_name": STARS}, "way": "w", "passphrase": STARS},
    ),
    "a handled method": (
        lambda: Door("s3cret").open("w", "s3cret"),
        {"self": {"secret_name": STARS}, "way": "w", "combination": STARS},
    ),
    "a handled class method": (
        lambda: Door.open_all("w", combination="s3cret"),
        {"self": "tests.app.secretive.Door", "way": "w", "combination": STARS},
    ),
    "a handled static method": (lambda: Report.outer_static(3), {"self": "tests.app.models.Report", "number": 3}),
    "a class method": (
        lambda: send_later(Video, "sweep", args=[3]),
        {"self": "tests.app.models.Video", "keep": 3},
    ),
}


@pytest.mark.parametrize(("make", "shown"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["plain", "encrypted"])
def test_arguments_are_shown_by_name(
    make: Callable[[], Job], shown: dict[str, Any], keys: tuple[str, ...]
) -> None:
    with encrypting(*keys):
        assert masked_arguments(make()) == shown


def test_models_are_shown_by_their_key_and_not_read(django_assert_num_queries: Any) -> None:
    video = Video.objects.create()
    rows = [send_receipt.enqueue(video), video.send_later("encode", args=["av1"])]
    Video.objects.all().delete()
    with django_assert_num_queries(0):
        shown = [masked_arguments(row) for row in rows]
    assert shown == [{"order": f"app.video {video.pk}"}, {"self": f"app.video {video.pk}", "codec": "av1"}]


def test_a_claimed_job_is_shown_as_its_row_is() -> None:
    secretive.log_in.enqueue("w", "s3cret")
    [claimed] = claim(get_store(), PoolRegistry(get_store()).register(host="here", pid=1))
    assert masked_arguments(claimed) == {"way": "w", "password": STARS}


class TestRefusals:
    def test_a_row_that_was_changed(self) -> None:
        row = secretive.log_in.enqueue("w", "s3cret")
        row.queue = "other"
        with pytest.raises(BadSignature):
            masked_arguments(row)

    def test_a_row_of_an_unlisted_key(self) -> None:
        with encrypting(OLD):
            row = secretive.log_in.enqueue("w", "s3cret")
        with encrypting(NEW), pytest.raises(DecryptionError):
            masked_arguments(row)

    def test_a_row_whose_declaration_is_gone(self) -> None:
        """So nobody knows which of them are sensitive."""
        for body, name in (
            ('{"job":"tests.app.jobs.gone","args":["s3cret"]}', "tests.app.jobs.gone"),
            ('{"method":"gone","of":{"$":"model","v":"app.video","pk":1}}', "app.Video.gone"),
        ):
            row = add.enqueue(1)
            row.name, row.handler = (
                name,
                sign(body, name=name, queue="default", max_attempts=None, max_run_time=None),
            )
            with pytest.raises(UnknownPerformable):
                masked_arguments(row)

    def test_a_row_without_signature(self) -> None:
        row = add.enqueue(1)
        row.handler = '{"job":"tests.app.jobs.add","args":[1]}'
        with pytest.raises(BadSignature):
            masked_arguments(row)

    def test_but_of_jobs_that_accept_it(self) -> None:
        row = secretive.take.enqueue(1)
        row.handler = '{"job":"tests.app.secretive.take","kwargs":{"rows":[{"token":"s3cret"}]}}'
        assert masked_arguments(row) == {"rows": [{"token": STARS}]}

    @pytest.mark.parametrize(
        "stored", ['{"$":"date","v":"never"}', '{"$":"date"}', '{"$":[]}', "[" * 40 + "]" * 40]
    )
    def test_a_row_of_nonsense(self, stored: str) -> None:
        row = secretive.take.enqueue(1)
        row.handler = f'{{"job":"tests.app.secretive.take","args":[{stored}]}}'
        with pytest.raises(CorruptHandler):
            masked_arguments(row)
        assert mask_for(row)("text") == "text"

    @pytest.mark.parametrize(
        "body",
        [
            '{"task":"tests.unit.never.imported"}',
            '{"object":"tests.unit.never.Imported"}',
            '{"method":"perform","of":{"$":"class","v":"tests.unit.never.Imported"}}',
            '{"job":"tests.unit.never.imported","args":[{"$":"dataclass","v":"tests.unit.never.X","fields":{}}]}',
            "{}",
        ],
        ids=["task", "object", "method", "job", "nothing"],
    )
    def test_of_an_unsigned_row_nothing_is_looked_up(self, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
        looked_up: list[str] = []
        monkeypatch.setattr(resolve, "_import", looked_up.append)
        row = add.enqueue(1)
        row.handler = body
        for read in (masked_arguments, sender_for, in_a_test):
            with pytest.raises(JobQueueError):
                read(row)
        assert looked_up == []

    @pytest.mark.parametrize(
        "body",
        [
            "{}",
            '{"method":"perform"}',
            '{"method":"perform","of":7}',
            '{"method":"perform","of":{}}',
            '{"method":"perform","of":{"$":"model"}}',
            '{"method":"perform","of":{"$":"model","v":"gone.model","pk":1}}',
            '{"of":{"$":"model","v":"app.video","pk":1}}',
        ],
    )
    def test_a_signed_row_that_does_not_say_whose_method(self, body: str) -> None:
        """As a newer release may write it."""
        row = add.enqueue(1)
        row.handler = sign(body, name=row.name, queue="default", max_attempts=None, max_run_time=None)
        for read in (masked_arguments, in_a_test):
            with pytest.raises((CorruptHandler, UnknownPerformable)):
                read(row)


def in_a_test(row: Job) -> Any:
    """Return the arguments as a test gets them; what is shown when it fails can always be made."""
    assert f"#{row.pk}" in str(EnqueuedJob(row))
    return EnqueuedJob(row).arguments


def test_a_test_reads_an_unsigned_row_as_a_worker_does() -> None:
    row = secretive.take.enqueue(1)
    row.handler = '{"job":"tests.app.secretive.take","kwargs":{"rows":[{"$":"tuple","v":[1]}]}}'
    assert EnqueuedJob(row).arguments == {"rows": [(1,)]}
    row.handler = '{"job":"tests.app.secretive.take","kwargs":{"rows":[{"$":"enum","v":"a.b","name":"c"}]}}'
    with pytest.raises(CorruptHandler, match="An unsigned handler may not hold"):
        EnqueuedJob(row).arguments  # noqa: B018


class TestDeclaring:
    def test_a_name_that_is_no_parameter_is_refused(self) -> None:
        with pytest.raises(OptionError) as caught:
            job(sensitive=["pasword"])(secretive.log_in.function)
        assert str(caught.value) == (
            'sensitive names "pasword", which is no parameter of log_in(). Did you mean "password"?'
        )

    def test_so_it_is_on_a_method(self) -> None:
        def build(self: object, colour: str) -> None: ...

        with pytest.raises(OptionError, match='sensitive names "color", which is no parameter of build'):
            handle_asynchronously(sensitive=["color"])(build)

    def test_where_anything_is_taken_anything_may_be_sensitive(self) -> None:
        def anything(**kwargs: Any) -> None: ...

        assert job(sensitive=["whatever"])(anything).options.sensitive == ("whatever",)

    @pytest.mark.parametrize("given", ["password", [7], [""], True, {"password"}])
    def test_it_is_a_list_of_names(self, given: Any) -> None:
        with pytest.raises(OptionError, match="sensitive must be a list of names of arguments"):
            job(sensitive=given)(secretive.log_in.function)

    def test_it_is_said_where_the_job_is_declared(self) -> None:
        with pytest.raises(OptionError, match="where the job is declared"):
            secretive.log_in.using(sensitive=["way"])


def test_no_repr_shows_an_argument() -> None:
    row = secretive.log_in.enqueue("w", "s3cret")
    [claimed] = claim(get_store(), PoolRegistry(get_store()).register(host="here", pid=1))
    things = [row, claimed, load(claimed, opened(claimed)), secretive.log_in.bind("w", "s3cret"), secretive.log_in]
    assert "s3cret" not in repr(things)
    assert repr(claimed) == f"<ClaimedJob #{row.pk} tests.app.secretive.log_in>"
    with pytest.raises(TypeError) as caught:
        send_later(Video(), "encode", args="s3cret")
    assert "s3cret" not in str(caught.value)
