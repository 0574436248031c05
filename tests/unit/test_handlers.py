"""From a performable to handler text and back."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from jobqueue import PerformableMethod
from jobqueue.exceptions import (
    BadSignature,
    CorruptHandler,
    MissingRow,
    NotPerformable,
    OptionError,
    PayloadError,
    UnknownPerformable,
)
from jobqueue.handlers import as_performable, dump, load, open_handler, sign
from jobqueue.handlers.resolve import path_of
from tests.app import jobs
from tests.app.models import Document, QuietReport, Report, Video, YearlyReport


def body(performable: Any, **options: Any) -> str:
    return dump(as_performable(performable), options)[1]


# What a handler says.


@pytest.mark.parametrize(
    ("performable", "name", "expected"),
    [
        (jobs.add.bind(7), "tests.app.jobs.add", {"job": "tests.app.jobs.add", "args": [7]}),
        (
            jobs.add.bind(7, right=8),
            "tests.app.jobs.add",
            {"job": "tests.app.jobs.add", "args": [7], "kwargs": {"right": 8}},
        ),
        (
            jobs.PlainWorker(23),
            "tests.app.jobs.PlainWorker",
            {"object": "tests.app.jobs.PlainWorker", "state": {"number": 23}},
        ),
        (
            PerformableMethod(jobs.Mailer("ana"), "deliver", ["bob"]),
            "tests.app.jobs.Mailer.deliver",
            {
                "method": "deliver",
                "of": {"$": "object", "v": "tests.app.jobs.Mailer", "state": {"sender": "ana"}},
                "args": ["bob"],
            },
        ),
        (
            PerformableMethod(Video, "sweep", [3]),
            "app.Video.sweep",
            {"method": "sweep", "of": {"$": "class", "v": "tests.app.models.Video"}, "args": [3]},
        ),
    ],
)
def test_dj04_a_handler_is_readable_text_that_names_the_class_and_its_data(
    performable: Any, name: str, expected: dict[str, Any]
) -> None:
    assert dump(performable, {}) == (name, json.dumps(expected, separators=(",", ":")))


@pytest.mark.django_db
def test_dj04_a_model_method_is_named_by_app_model_and_method() -> None:
    video = Video.objects.create()

    name, text = dump(PerformableMethod(video, "encode", ["av1"]), {"on_missing": "fail"})

    assert name == "app.Video.encode"
    assert json.loads(text) == {
        "method": "encode",
        "of": {"$": "model", "v": "app.video", "pk": video.pk},
        "args": ["av1"],
        "options": {"on_missing": "fail"},
    }


# What comes back.


@pytest.mark.parametrize(
    ("performable", "result", "sender"),
    [
        (jobs.add.bind(7, right=8), 15, jobs.add),
        (jobs.PlainWorker(23), 23, jobs.PlainWorker),
        (jobs.VideoWorker(7), 7, jobs.VideoWorker),
        (jobs.RubyWorker(1), (1, 2), jobs.RubyWorker),
        (PerformableMethod(jobs.Mailer("ana"), "deliver", ["bob"]), "ana to bob", jobs.Mailer),
        (PerformableMethod(jobs.Machine(), "run"), "ran", jobs.Machine),
        (PerformableMethod(Video, "sweep", kwargs={"keep": 3}), "Video keeps 3", Video),
        (PerformableMethod(Report, "outer_class", [1]), "Report 1", Report),
        (PerformableMethod(Report, "inner_class", [1]), "Report 1", Report),
        (PerformableMethod(QuietReport, "outer_class", [1]), "QuietReport 1", QuietReport),
        (PerformableMethod(QuietReport, "inner_class", [1]), "QuietReport 1", QuietReport),
        (PerformableMethod(Report, "outer_static", [1]), 2, Report),
        (PerformableMethod(QuietReport, "inner_static", [1]), 2, QuietReport),
    ],
)
def test_dj08_a_stored_performable_performs_as_it_would_have_here(
    performable: Any, result: Any, sender: Any
) -> None:
    assert performable.perform() == result

    loaded = load(body(performable))

    assert loaded.perform() == result
    assert loaded.sender is sender


def test_async_functions_and_methods_return_their_coroutine() -> None:
    assert asyncio.run(load(body(jobs.fetch.bind(4))).perform()) == 8
    assert asyncio.run(load(body(PerformableMethod(jobs.Mailer("a"), "adeliver", ["b"]))).perform()) == "a to b"


@pytest.mark.django_db
class TestModelMethods:
    def test_the_instance_is_read_again_and_its_method_called(self) -> None:
        video = Video.objects.create()

        load(body(PerformableMethod(video, "encode", ["av1"]))).perform()

        video.refresh_from_db()
        assert (video.encoded, video.codec) == (True, "av1")

    def test_a_saved_model_with_perform_is_a_performable_itself(self) -> None:
        document = Document.objects.create()
        assert load(body(document)).perform() == "read"

    @pytest.mark.parametrize("cls", [Report, QuietReport])
    def test_dj11_a_method_handled_asynchronously_is_performed_not_stored_again(self, cls: type[Report]) -> None:
        report = cls.objects.create()

        load(body(PerformableMethod(report, "build", ["red"]))).perform()

        report.refresh_from_db()
        assert report.built == "report red"

    def test_dj11_super_inside_a_performed_override_runs_at_once(self) -> None:
        report = YearlyReport.objects.create()

        load(body(PerformableMethod(report, "build"))).perform()

        report.refresh_from_db()
        assert report.built == "report gold yearly"

    def test_hooks_are_looked_up_on_a_model_only_if_it_mixes_in_send_later(self) -> None:
        video, document = Video.objects.create(), Document.objects.create()
        assert load(body(PerformableMethod(video, "encode"))).hooks == video
        assert load(body(PerformableMethod(document, "append", ["a"]))).hooks is None

    def test_a_gone_row_says_what_the_job_wanted_then(self) -> None:
        report, video = Report.objects.create(), Video.objects.create()
        bodies = [
            body(PerformableMethod(report, "build")),
            body(PerformableMethod(report, "build"), on_missing="cancel"),
            body(PerformableMethod(video, "encode")),
            body(jobs.send_receipt.bind(video)),
            body(jobs.add.bind(video)),  # type: ignore[arg-type]
            body(jobs.PlainWorker(video)),  # type: ignore[arg-type]
        ]
        Report.objects.all().delete()
        Video.objects.all().delete()
        wishes = []
        for text in bodies:
            with pytest.raises(MissingRow) as caught:
                load(text)
            wishes.append(caught.value.on_missing)
        assert wishes == ["fail", "cancel", "cancel", "fail", "cancel", "cancel"]


def test_hooks_of_objects_are_the_object_and_functions_have_none() -> None:
    assert isinstance(load(body(jobs.PlainWorker(1))).hooks, jobs.PlainWorker)
    assert load(body(jobs.add.bind(1))).hooks is None


def test_options_are_the_declared_ones_overlaid_by_those_of_the_call() -> None:
    loaded = load(body(jobs.send_receipt.bind(1), atomic=True))
    assert (loaded.options.on_missing, loaded.options.atomic, loaded.options.max_attempts) == ("fail", True, 5)
    assert load(body(jobs.VideoWorker(1))).options.max_attempts == 5
    assert load(body(jobs.RubyWorker(1))).options.queue == "ruby"


def test_init_is_not_called_again() -> None:
    class_path = "tests.app.jobs.VideoWorker"
    assert load(json.dumps({"object": class_path})).hooks.__dict__ == {}


def test_former_names_are_found_by_alias() -> None:
    assert load('{"job":"tests.app.jobs.mail_receipt","args":[1]}').sender is jobs.send_receipt
    assert load('{"object":"tests.app.jobs.OldVideoWorker","state":{"video_id":1}}').sender is jobs.VideoWorker


# What is refused on the caller's side.


def local_job() -> Any:
    def inner() -> None: ...

    return inner


MAIN = type("Hello", (), {"perform": lambda self: None, "__module__": "__main__"})


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (
            lambda: None,
            r"^<lambda> at tests/unit/test_handlers.py:\d+ cannot be found by a worker, "
            r"which imports jobs by name. Move it to module level, for example tests/jobs.py.$",
        ),
        (local_job(), r"^inner at tests/unit/test_handlers.py:\d+ cannot be found by a worker"),
        (jobs.not_a_job, r"^not_a_job is a plain function. Decorate it with @job"),
        (jobs.PlainWorker, r"^PlainWorker is a class. Hand over an instance: enqueue\(PlainWorker"),
        ("tests.app.jobs.add", r"^'tests.app.jobs.add' is text. Import the job"),
        (MAIN(), r"^Hello is defined in __main__; the worker cannot import it. Put it in an app's jobs.py.$"),
        (jobs.Idle(), r'^Idle has no method "perform".'),
        (object(), r'^object has no method "perform".'),
        (Video(), r'^Video has no method "perform".'),
        (None, r"^None is no job\."),
    ],
)
def test_what_no_worker_could_perform_is_refused(thing: Any, message: str) -> None:
    with pytest.raises(NotPerformable, match=message):
        body(thing)


def test_a_name_that_leads_to_something_else_is_refused() -> None:
    impostor = type("PlainWorker", (), {"perform": lambda self: None, "__module__": "tests.app.jobs"})
    with pytest.raises(NotPerformable, match=r"tests.app.jobs.PlainWorker leads to something else"):
        body(impostor())


@pytest.mark.parametrize(
    ("obj", "method", "message"),
    [
        (Video, "swep", 'Video has no method "swep". Did you mean "sweep"?'),
        (Video(), "encod", 'Video has no method "encod". Did you mean "encode"?'),
        (Video(), "title", 'Video has no method "title".'),
        (Video(), "__str__", "Video.__str__ is no method for jobs."),
        (Video(), 7, 'Video has no method "7".'),
        (Video, "encode", "Video.encode needs an instance, but Video is the class."),
        (Report, "build", "Report.build needs an instance, but Report is the class."),
        (jobs.Idle(), "rest", "Idle is not declared for workers: give it perform(), mix in SendLater, "),
        (jobs.Machine(), "stop", "Machine is not declared for workers"),
        ("text", "upper", "str is not declared for workers"),
    ],
)
def test_a_method_that_no_worker_could_call_is_refused(obj: Any, method: Any, message: str) -> None:
    with pytest.raises(NotPerformable) as caught:
        PerformableMethod(obj, method)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jobs.add.bind(), r"add\(\) missing a required argument: 'left'"),  # type: ignore[call-arg]
        (lambda: jobs.add.bind(1, 2, 3), r"add\(\) too many positional arguments"),  # type: ignore[call-arg]
        (lambda: jobs.add.bind(1, wrong=3), r"add\(\) got an unexpected keyword argument 'wrong'"),  # type: ignore[call-arg]
        (lambda: as_performable(jobs.add), r"add\(\) missing a required argument: 'left'"),
        (lambda: PerformableMethod(Video(), "encode", ["a", "b"]), r"encode\(\) too many positional arguments"),
        (lambda: PerformableMethod(Report(), "build", ["a", "b"]), r"build\(\) too many positional arguments"),
        (lambda: PerformableMethod(Document(), "append"), r"append\(\) missing a required argument: 'text'"),
        (lambda: PerformableMethod(Document(), "append", ["a", 3]), r"append\(\) too many positional arguments"),
        (
            lambda: PerformableMethod(Report, "outer_class"),
            r"outer_class\(\) missing a required argument: 'number'",
        ),
        (lambda: PerformableMethod(Report, "inner_static"), r"inner_static\(\) missing a required"),
        (lambda: PerformableMethod(Video(), "encode", "av1"), r"not str\. Did you mean args=\[…\]\?"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("performable", "message"),
    [
        (jobs.send_receipt.bind(object()), "send_receipt: order is an object and cannot be stored."),
        (jobs.send_receipt.bind(1, copy=object()), "send_receipt: copy is an object"),  # type: ignore[arg-type]
        (jobs.send_receipt.bind(Video()), 'send_receipt: argument "order" is an unsaved Video.'),
        (jobs.PlainWorker(object()), "PlainWorker: number is an object"),  # type: ignore[arg-type]
        (PerformableMethod(jobs.Mailer("a"), "deliver", [object()]), "deliver: to is an object"),
        (
            PerformableMethod(Video(), "encode"),
            "Video.encode: the object is an unsaved Video. The worker loads it",
        ),
        (
            jobs.import_rows.bind(["x" * 66_000]),
            "Arguments of tests.app.jobs.import_rows are 64.5 kB; the limit is 64.0 kB. "
            "Store the data and pass its id.",
        ),
        (jobs.import_rows.bind("é" * 33_000), "Arguments of tests.app.jobs.import_rows are 64.5 kB; the limit"),
        (jobs.import_rows.bind([0] * 1_000_000), "Arguments of tests.app.jobs.import_rows are 1.9 MB; the limit"),
    ],
)
def test_data_that_cannot_be_stored_is_refused_by_job_and_argument(performable: Any, message: str) -> None:
    with pytest.raises(PayloadError) as caught:
        body(performable)
    assert str(caught.value).startswith(message)


def test_a_name_longer_than_its_column_is_refused() -> None:
    name = "N" * 250
    worker = type(name, (), {"perform": lambda self: None, "__module__": "tests.app.jobs"})
    setattr(jobs, name, worker)
    try:
        with pytest.raises(NotPerformable, match="has 265 characters; at most 255"):
            body(worker())
    finally:
        delattr(jobs, name)


def test_job_on_a_method_says_what_to_use_instead() -> None:
    from jobqueue import job

    with pytest.raises((TypeError, RuntimeError)) as caught:

        class Wrong:
            @job
            def method(self) -> None: ...

    error = caught.value.__cause__ or caught.value
    assert "decorate it with @handle_asynchronously" in str(error)


# What is refused on the worker's side.


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "7",
        '"tests.app.jobs.add"',
        "{}",
        '{"args":[1]}',
        '{"job":7}',
        '{"job":null}',
        '{"job":"add"}',
        '{"job":"tests.app.jobs.add","args":{"left":1}}',
        '{"job":"tests.app.jobs.add","args":[1],"kwargs":[]}',
        '{"job":"tests.app.jobs.add","args":[1],"options":[]}',
        '{"job":"tests.app.jobs.add","args":[1],"options":{"queue":"x"}}',
        '{"job":"tests.app.jobs.add","args":[1],"options":{"atomic":"x"}}',
        '{"job":"tests.app.jobs.add","args":[1]} trailing',
        '{"job":"tests.app.jobs.not_a_job"}',
        '{"job":"tests.app.jobs.PlainWorker"}',
        '{"job":"os.system","args":["true"]}',
        '{"job":"builtins.exec","args":["1"]}',
        '{"job":"../etc/passwd"}',
        '{"object":"tests.app.jobs.Idle"}',
        '{"object":"tests.app.jobs.add"}',
        '{"object":"tests.app.models.Document"}',
        '{"object":"subprocess.Popen","state":{}}',
        '{"object":"tests.app.jobs.PlainWorker","state":[]}',
        '{"object":7}',
        '{"method":7,"of":{"$":"class","v":"tests.app.models.Video"}}',
        '{"method":"sweep"}',
        '{"method":"sweep","of":7}',
        '{"method":"sweep","of":{"$":"set","v":[]}}',
        '{"method":"sweep","of":{"$":"class","v":7}}',
        '{"method":"encode","of":{"$":"object","v":"tests.app.models.Video"}}',
        '{"job":"tests.app.jobs.add","args":' + "[" * 3000 + "]" * 3000 + "}",
    ],
    ids=lambda text: text[:60],
)
def test_a_handler_that_was_never_written_by_dump_is_corrupt(text: str) -> None:
    with pytest.raises(CorruptHandler):
        load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"job":"tests.app.jobs.SendReceipt"}',
            "This job needs tests.app.jobs.SendReceipt, which no longer exists. "
            "Nearest: tests.app.jobs.send_receipt. "
            'Add aliases=["tests.app.jobs.SendReceipt"] to it, deploy, then retry the job.',
        ),
        (
            '{"object":"tests.app.jobs.PlainWorkers"}',
            "This job needs tests.app.jobs.PlainWorkers, which no longer exists.",
        ),
        (
            '{"job":"tests.nowhere.zzz"}',
            "This job needs tests.nowhere.zzz, which no longer exists. Deploy the code",
        ),
        ('{"job":"nowhere.at.all"}', "This job needs nowhere.at.all, which no longer exists."),
        (
            '{"job":"tests.app.jobs.add","args":[1],"later":1}',
            "The handler has parts that this release does not know: later.",
        ),
    ],
)
def test_what_this_release_does_not_have_may_be_in_another(text: str, message: str) -> None:
    with pytest.raises(UnknownPerformable) as caught:
        load(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        '{"job":"tests.app.jobs.add","args":[1,2,3]}',
        '{"job":"tests.app.jobs.add","args":[1],"kwargs":{"total":2}}',
        '{"method":"sweep","of":{"$":"class","v":"tests.app.models.Video"}}',
    ],
)
def test_stored_arguments_that_no_longer_fit_say_so(text: str) -> None:
    with pytest.raises(TypeError, match=r"^\w+\(\) (too many positional|got an unexpected|missing a required)"):
        load(text)


def test_a_method_that_is_gone_is_unknown_here() -> None:
    with pytest.raises(UnknownPerformable, match=r'Video has no method "shrink"'):
        load('{"method":"shrink","of":{"$":"class","v":"tests.app.models.Video"}}')


# Unsigned rows.

COLUMNS: dict[str, Any] = {"name": "x", "queue": "default", "max_attempts": None, "max_run_time": None}


def test_an_unsigned_row_runs_only_a_job_that_accepts_it() -> None:
    assert open_handler('{"job":"tests.app.jobs.import_rows","args":[[1]]}', **COLUMNS).perform() == [1]


@pytest.mark.parametrize(
    "text",
    [
        '{"job":"tests.app.jobs.add","args":[1]}',
        '{"job":"os.system","args":["true"]}',
        '{"job":"tests.app.hidden.trap"}',
        '{"object":"tests.app.jobs.PlainWorker","state":{"number":1}}',
        '{"method":"sweep","of":{"$":"class","v":"tests.app.models.Video"},"args":[1]}',
    ],
)
def test_any_other_unsigned_row_is_refused_without_an_import(text: str) -> None:
    before = set(sys.modules)
    with pytest.raises(BadSignature, match="not signed"):
        open_handler(text, **COLUMNS)
    assert set(sys.modules) == before


def test_nothing_is_imported_before_the_signature_held() -> None:
    handler = sign('{"job":"antigravity.x"}', **COLUMNS)
    with pytest.raises(BadSignature):
        open_handler(handler.replace("antigravity", "antigravitx"), **COLUMNS)
    with pytest.raises(BadSignature):
        open_handler(handler, **{**COLUMNS, "queue": "mail"})
    assert "antigravity" not in sys.modules


# Declarations.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"que": "mail"}, '"que" is not a job option. Did you mean "queue"?'),
        ({"zzz": 1}, '"zzz" is not a job option. Options: '),
        ({"run_at": 1}, '"run_at" is said in a call, not where the job is declared.'),
        ({"queue": "a b"}, "queue must be 1 to 64 of the characters"),
        ({"backoff": "x"}, "backoff cannot be imported"),
        ({"aliases": "a.b"}, "aliases must be a list of dotted paths."),
        ({"accept_unsigned": 1}, "accept_unsigned must be True or False."),
    ],
)
def test_a_bad_option_of_a_declaration_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    from jobqueue import handle_asynchronously, job

    for declare in (job(**options), handle_asynchronously(**options)):
        with pytest.raises(OptionError) as caught:
            declare(jobs.not_a_job)
        assert str(caught.value).startswith(message)


def test_path_of_is_the_importable_path() -> None:
    assert path_of(jobs.add) == "tests.app.jobs.add"
