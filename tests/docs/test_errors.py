"""Every message on the page about errors is raised here by the mistake it is about."""

from __future__ import annotations

import json
import logging
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone

from jobqueue import exceptions, logs
from jobqueue.conf import Settings
from jobqueue.models import Job, Pool
from jobqueue.outcomes import Crashed
from jobqueue.performing.executor import limits_of
from jobqueue.policy.retry import decide
from jobqueue.pool import account
from jobqueue.pool.duties.rescue import VANISHED
from jobqueue.pool.words import crash
from jobqueue.release import RESTART, outdated
from jobqueue.stores.ears import POOLED
from jobqueue.stores.errors import wrong_with_table
from jobqueue.stores.privileges import says_lacking
from tests.docs.pages import DOCS, code, prose, rows
from tests.docs.project import Project

PAGE = DOCS / "reference" / "errors.md"

SETTINGS = """\
EMAIL_BACKEND = "jobqueue.mail.JobEmailBackend"
INSTALLED_APPS += ["jobqueue", "shop"]
DATABASES["jobs"] = {**DATABASES["default"], "NAME": BASE_DIR / "jobs.sqlite3"}
"""
NOWHERE = 'DATABASES["default"]["NAME"] = BASE_DIR / "nowhere" / "db.sqlite3"\n'
IN_MEMORY = 'DATABASES["default"]["NAME"] = ":memory:"\n'
MODELS = """\
from django.db import models


class Order(models.Model):
    def email_receipt(self): ...
"""
JOBS = """\
from jobqueue import Performable, job


@job
def send_receipt(order): ...


@job(max_run_time=0.05)
def never_ends():
    while True: ...


class VideoWorker(Performable):
    def perform(self): ...


class Basket:
    def clear(self): ...


def plain(): ...
"""
ENQUEUE = """
from shop.jobs import send_receipt
try:
    send_receipt.enqueue(1)
except Exception as error:
    print(error)
"""
AT_THE_CALL = """
import asyncio, datetime, json, logging, os, socket, sqlite3, warnings
from django.core import mail
from django.db import connection, transaction
from django.test import override_settings
from jobqueue import enqueue, enqueue_many, job, retry, send_later
from jobqueue.conf import get_settings
from jobqueue.doctor import Site
from jobqueue.doctor.queues import queues
from jobqueue.models import Job, Pool
from jobqueue.pool import preflight
from jobqueue.stores import get_store
from jobqueue.testing import travel_to, work_off
from shop.jobs import *
from shop.models import Order

said = []
listener = logging.Handler()
listener.emit = lambda record: said.append(record.getMessage())
logging.getLogger("jobqueue.job").addHandler(listener)

def mistake(make):
    try:
        make()
    except Exception as error:
        # before Python 3.12 what a decorator says about its class comes wrapped
        said.append(str(error.__cause__ if type(error) is RuntimeError else error))

def under(settings, make):
    with override_settings(JOBQUEUE=settings), transaction.atomic():
        make()

async def in_a_loop():
    send_receipt.enqueue(1)

def in_main():
    namespace = {"__name__": "__main__", "job": job}
    exec("@job\\ndef hello(): ...\\nhello.enqueue()", namespace)

def on_a_method():
    exec("class Basket:\\n    @job\\n    def clear(self): ...", {"__name__": "shop.models", "job": job})

def into_a_full_queue():
    enqueue_many([VideoWorker()] * 500, queue="mail")
    VideoWorker.using(queue="mail").enqueue()

def while_it_is_read_only():
    connection.cursor().execute("PRAGMA query_only = 1")
    try:
        send_receipt.enqueue(1)
    finally:
        connection.cursor().execute("PRAGMA query_only = 0")

def strictly():
    warnings.simplefilter("error")
    send_receipt(1)

def doctors():
    mine = {"host": socket.gethostname(), "pid": os.getppid(), "beat_at": get_store().now()}
    pool = Pool.objects.create(name="mailer", queues=["default"], **mine)
    send_receipt.using(queue="mail").enqueue(1)
    said.extend(each.message for each in queues(Site(get_settings())))
    mistake(lambda: preflight.check("default", forks=True, waits=False, name="mailer"))
    pool.delete()
    Job.objects.all().delete()

def after_an_error():
    with transaction.atomic():
        try:
            with transaction.atomic(savepoint=False):
                raise ValueError
        except ValueError:
            send_receipt.enqueue(1)

def while_it_is_locked():
    connection.cursor().execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")
    try:
        send_receipt.enqueue(1)
    finally:
        other.close()

def in_a_test(settings, make):
    block = transaction.atomic()
    block._from_testcase = True  # as a TestCase opens its own
    with override_settings(JOBQUEUE=settings), block:
        make()

order = Order.objects.create()
film = ("film.mp4", b"x" * 100_000, "video/mp4")
send_receipt.enqueue(1).delete()
logging.getLogger("jobqueue.job").removeHandler(listener)
doctors()
mistake(lambda: send_receipt.delay)
mistake(lambda: enqueue(send_receipt(1)))
mistake(lambda: send_receipt.enqueue(order, priority=5))
mistake(lambda: job("mail"))
mistake(lambda: under({"STRICT": True}, strictly))
mistake(lambda: under({"MAX_ATTEMPT": 3}, lambda: send_receipt.enqueue(1)))
mistake(lambda: under({"QUEUES": ["default", "mail"]}, lambda: send_receipt.using(queue="mial").enqueue(1)))
mistake(lambda: under({"DATABASE": "jbos"}, lambda: send_receipt.enqueue(1)))
mistake(lambda: under({"DATABASE": "jobs"}, lambda: send_receipt.enqueue(1).id))
mistake(lambda: send_receipt.enqueue())
mistake(lambda: send_receipt.using(queu="mail"))
mistake(lambda: job(sensitive=["ordr"])(send_receipt.function))
mistake(lambda: send_receipt.using(run_at=datetime.datetime(2026, 11, 22, 9)))
mistake(lambda: send_receipt.enqueue(Order()))
mistake(lambda: send_receipt.enqueue(open(os.devnull)))
mistake(lambda: send_receipt.enqueue({"lines": [Order.objects.all()]}))
mistake(lambda: send_receipt.enqueue("x" * 99_900))
mistake(lambda: under({"MAX_WAITING": 500}, into_a_full_queue))
mistake(lambda: enqueue(eval("lambda: 1", {"__name__": "shop.views"})))
mistake(in_main)
mistake(lambda: enqueue(plain))
mistake(lambda: enqueue(VideoWorker))
mistake(lambda: enqueue(Basket()))
mistake(lambda: send_later(order, "email_reciept"))
mistake(lambda: send_later(order, Order.email_receipt))
mistake(lambda: enqueue(order.email_receipt))
mistake(lambda: send_later(order, "email_receipt", args="av1"))
mistake(after_an_error)
mistake(while_it_is_locked)
mistake(while_it_is_read_only)
mistake(lambda: send_later(Basket(), "clear"))
mistake(on_a_method)
mistake(lambda: asyncio.run(in_a_loop()))
done = send_receipt.enqueue(1)
work_off()
mistake(lambda: retry(done))
mistake(lambda: retry(99))
mistake(lambda: retry("99"))
mistake(lambda: mail.EmailMessage("x", "x", to=["ada@example.com"], attachments=[film]).send())
mistake(lambda: mail.send_mail("x", "x", None, ["ada@example.com"], auth_user="ada"))
mistake(lambda: under({"DATABASE": "jobs"}, lambda: send_receipt.enqueue(1) and work_off()))
mistake(lambda: in_a_test({"DATABASE": "jobs"}, lambda: send_receipt.enqueue(1) and work_off()))
mistake(lambda: travel_to("tomorrow"))
mistake(lambda: Job.objects.filter(pk=done.pk).update(run_at=datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)))
print(json.dumps(said))
"""
RECORDER = """
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
recorder = MigrationRecorder(connection)
"""
IN_THE_WORKER = """
import json
from django.core.management import call_command
from django.test import override_settings
from jobqueue.handlers import sign
from jobqueue.handlers.signing import split
from jobqueue.models import Job
from shop.jobs import *
from shop.models import Order

def store(handler, name="shop.jobs.send_receipt", changed=False):
    row = send_receipt.enqueue(1)
    signed = sign(handler, name=name, queue="default", max_attempts=None, max_run_time=None)
    text = handler + "\\n" + split(row.handler)[1] if changed else signed
    Job.objects.filter(pk=row.pk).update(handler=text, name=name)

store('{"job":"shop.jobs.send_invoice","args":[1]}', "shop.jobs.send_invoice")
store('{"job":"shop.jobs.send_receipt","args":[1],"kwargs":{"total":2},"headers":{"release":"4f2a"}}')
store('{"job":"shop.jobs.send_receipt","args":[2]}', changed=True)
store('{"job":"shop.jobs.send_receipt","args":[3]')
store("enc1:1a2b3c4d:gAAAA")
never_ends.enqueue()
order = Order.objects.create(pk=7)
send_receipt.enqueue(order)
order.delete()
with override_settings(JOBQUEUE={"RELEASE": "9c1e"}):
    call_command("jobworker", "work_off", verbosity=0)
print(json.dumps([error for error in Job.objects.values_list("last_error", flat=True) if error]))
"""


def test_what_is_raised_is_on_the_page_and_nothing_else(messages: list[str]) -> None:
    shown = quotes()
    unknown = [text for text in messages if not any(matches(quote, text) for quote in shown)]
    never = [quote for quote in shown if not any(matches(quote, text) for text in messages)]
    assert (unknown, never) == ([], [])


def test_each_exception_is_on_the_page_with_its_base() -> None:
    listed = {}
    for cells in rows(PAGE, "Exceptions"):
        for name in re.findall(r"`(\w+)`", cells[0]):
            listed[name] = code(cells[1]) if cells[1] else "JobQueueError"
    classes = {name: each for name, each in vars(exceptions).items() if _is_ours(each)}
    assert listed.keys() == classes.keys()
    for name, base in listed.items():
        assert base in {each.__name__ for each in classes[name].__mro__}, name


def test_each_constraint_is_on_the_page() -> None:
    listed = {code(cells[0]) for cells in rows(PAGE, "When you write to the table yourself")}
    assert listed == {each.name for model in (Job, Pool) for each in model._meta.constraints}


def _is_ours(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseException) and found.__module__ == exceptions.__name__


def quotes() -> list[str]:
    """The messages that the page shows."""
    return re.findall(r"^> (.+)$", prose(PAGE), re.MULTILINE)


def matches(quote: str, message: str) -> bool:
    """Whether the message has a line that is the quote, after the name of its class if it has one."""
    text = ".*".join(re.escape(part) for part in quote.split("…"))
    return re.search(rf"^(?:[\w.]+: )?{text}$", message, re.MULTILINE) is not None


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a project in which everything is done wrong says."""
    return [*of_a_project(Project(tmp_path_factory.mktemp("mistakes"))), *of_processes()]


def of_a_project(project: Project) -> Iterator[str]:
    """Mistakes from the first minute on."""
    project.run("django-admin", "startproject", "mysite", ".")
    project.run("python", "manage.py", "startapp", "shop")
    project.write("shop/jobs.py", JOBS)
    yield project.shell(ENQUEUE)
    project.write("mysite/settings.py", SETTINGS)
    Path(project.folder, "shop", "models.py").write_text(MODELS)
    yield project.shell(ENQUEUE)
    yield project.manage("jobworker", status=1)
    yield project.manage("jobworker", "-e", "prod", status=2)
    project.manage("makemigrations", "shop")
    project.manage("migrate")
    for script in (AT_THE_CALL, IN_THE_WORKER):
        yield from json.loads(project.shell(script).splitlines()[-1])
    project.shell(RECORDER + "recorder.record_applied('jobqueue', '0002_of_tomorrow')")
    yield project.manage("jobworker", status=1)
    project.shell(RECORDER + "recorder.record_unapplied('jobqueue', '0002_of_tomorrow')")
    project.write("daemon.py", "raise ImportError\n")
    yield project.manage("jobworker", "start", status=1)
    Path(project.folder, "link.log").symlink_to("elsewhere.log")
    yield project.manage("jobworker", "--log", "link.log", status=1)
    project.write("mysite/settings.py", "DEBUG = False\n")
    yield project.manage("jobworker", status=1)
    project.write("mysite/settings.py", "DEBUG = True\n" + NOWHERE)
    yield project.manage("jobworker", "--fail-fast", status=1)
    project.write("mysite/settings.py", IN_MEMORY)
    yield project.manage("jobworker", status=1)


def of_processes() -> Iterator[str]:
    """What is said about processes and servers; tests/processes shows it happen."""
    killed = Crashed(crash("host:atlas pid:4120", -signal.SIGKILL))
    yield killed.error
    yield account.NEEDS_USER
    yield decide(killed, attempts=3, crashes=2, limits=limits_of(Settings())).error or ""
    yield VANISHED
    yield f"{outdated('This worker', '4f2a', timezone.now(), '9c1e')} {RESTART}"
    lines: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logs.worker_logger.addHandler(listener)
    logs.unreachable("default", ConnectionError("connection refused"), pause=5.0, failures=1)
    logs.held_up("default", OperationalError("canceling statement due to lock timeout"), failures=0)
    logs.refused(str(wrong_with_table(OperationalError("no such table: jobqueue_job"), "default")))
    logs.refused(says_lacking("shop_worker", {"jobqueue_job": ["UPDATE"]}, "default"))
    logs.say(logging.WARNING, "warn", POOLED.format(alias="default"))
    logs.worker_logger.removeHandler(listener)
    yield from (re.sub(r"^(wait|warn) ", "", line).strip() for line in lines)
