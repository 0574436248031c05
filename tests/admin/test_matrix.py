"""Who gets where: every address of the dashboard, by every method, for everybody.

A new address fails until it is listed. To list one, add a line to ``ADDRESSES``; if what its path names must exist,
plant it in ``planted``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client, override_settings
from django.urls import URLPattern, reverse

from jobqueue.models import Job
from jobqueue.states import State
from tests.admin.conftest import SignIn, send
from tests.verbs.conftest import job, pool

pytestmark = pytest.mark.django_db


class Address(NamedTuple):
    """One address.

    Attributes:
        rights: all that it takes.
        acts: whether a POST changes something.
        data: what a POST sends, or a GET asks for.
        further: a right that ``data`` takes besides, though not the page itself.
        places: what is put into its path.
    """

    rights: tuple[str, ...]
    acts: bool = False
    data: dict[str, str] = {}
    further: tuple[str, ...] = ()
    places: dict[str, Any] = {}


CLASS = {"name": "tests.app.jobs.add"}
QUEUE = {"name": "mail"}

#: By name without ``jobqueue_``.
ADDRESSES: dict[str, Address] = {
    "dashboard_changelist": Address(("view_dashboard",)),
    "dashboard_series": Address(("view_dashboard",), places={"name": "traffic"}),
    "job_changelist": Address(("view_job",)),
    "job_object": Address(("view_job",)),
    "job_change": Address(("view_job",)),
    "job_history": Address(("view_job",)),
    "job_export": Address(("export_job", "view_job")),
    "job_retry": Address(("retry_job",), acts=True),
    "job_run_now": Address(("retry_job",), acts=True),
    "job_postpone": Address(("retry_job",), acts=True, data={"run_at": "+2h"}),
    "job_cancel": Address(("cancel_job",), acts=True),
    "job_delete": Address(("delete_job",), acts=True),
    "job_edit": Address(("change_job", "view_job_payload"), acts=True),
    "job_act": Address(("view_job",), acts=True, data={"act": "retry", "all": "1"}, further=("retry_job",)),
    "job_add": Address(("add_job",), acts=True, data={"name": "tests.app.jobs.add", "arg_left": "1"}),
    "failure_changelist": Address(("view_job",)),
    "failure_detail": Address(("view_job",), places={"fingerprint": "0" * 32}),
    "jobclass_changelist": Address(("view_dashboard",)),
    "jobclass_detail": Address(("view_dashboard",), places=CLASS),
    "jobclass_change": Address(("view_dashboard",), places=CLASS),
    "jobclass_history": Address(("view_dashboard",)),
    "jobclass_pause": Address(("pause_queue",), acts=True, places=CLASS),
    "jobclass_resume": Address(("pause_queue",), acts=True, places=CLASS),
    "queue_changelist": Address(("view_queue",)),
    "queue_change": Address(("view_queue",), places=QUEUE),
    "queue_history": Address(("view_queue",)),
    "queue_pause": Address(("pause_queue",), acts=True, places=QUEUE),
    "queue_resume": Address(("pause_queue",), acts=True, places=QUEUE),
    "worker_changelist": Address(("view_worker",)),
    "worker_change": Address(("view_worker",), places={"name": "1"}),
    "worker_history": Address(("view_worker",)),
    "worker_timeline": Address(("view_worker",)),
    "worker_detail": Address(("view_worker",)),
    "worker_quiet": Address(("control_worker",), acts=True),
    "worker_go_on": Address(("control_worker",), acts=True),
    "worker_stop": Address(("control_worker",), acts=True),
}

#: What is put into a path, by the name of the part, unless ``places`` says otherwise.
PLACES: dict[str, Any] = {"job_id": 1, "pk": 1, "pool_id": 1}

READING = ("get", "head")
WRITING = ("post", "put", "patch", "delete")
#: All that may come of a request that is let through: a page, a way on, or that this is not there.
THROUGH = {HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
#: What changes with everybody who signs in, and is told something.
ASIDE = {Session, User, Permission}


def patterns() -> dict[str, URLPattern]:
    """All addresses of ours in the admin, by name without ``jobqueue_``."""
    found: dict[str, URLPattern] = {}
    for each in _patterns(admin.site.urls[0]):
        if each.name and each.name.startswith("jobqueue_"):
            found[each.name.removeprefix("jobqueue_")] = each
    return found


def _patterns(resolvers: Any) -> Iterator[URLPattern]:
    for each in resolvers:
        if isinstance(each, URLPattern):
            yield each
        else:
            yield from _patterns(each.url_patterns)


def url_of(name: str) -> str:
    known = {**PLACES, **ADDRESSES[name].places}
    places = patterns()[name].pattern.converters
    return reverse(f"admin:jobqueue_{name}", kwargs={place: known[place] for place in places})


def all_rights() -> set[str]:
    found = Permission.objects.filter(content_type__app_label="jobqueue", content_type__model__in=MODELS)
    return set(found.values_list("codename", flat=True)) & USED


#: Those whose rights the pages ask for; other models of ours have Django's own, which open nothing.
MODELS = ("dashboard", "job", "queue", "worker", "failure", "jobclass")
USED = {right for each in ADDRESSES.values() for right in (*each.rights, *each.further)} | {
    "view_dashboard",
    "view_job",
    "view_job_payload",
    "add_job",
    "change_job",
    "delete_job",
    "retry_job",
    "cancel_job",
    "export_job",
    "view_queue",
    "pause_queue",
    "view_worker",
    "control_worker",
}


@pytest.fixture
def planted() -> None:
    """What paths name."""
    stored = job(State.FAILED)
    Job.objects.filter(pk=stored.pk).update(id=PLACES["job_id"])
    pool(pk=PLACES["pool_id"])


def ask(client: Client, method: str, name: str) -> Any:
    data = ADDRESSES[name].data
    if method == "post":
        return send(client, url_of(name), **data)
    return getattr(client, method)(url_of(name), data if method in READING else {})


def test_every_address_is_listed_and_no_other() -> None:
    assert set(patterns()) == set(ADDRESSES)


def test_every_right_is_documented_and_of_ours() -> None:
    codenames = set(
        Permission.objects.filter(content_type__app_label="jobqueue").values_list("codename", flat=True)
    )
    assert codenames >= USED


@pytest.mark.parametrize("name", ADDRESSES)
def test_strangers_are_led_to_the_door(planted: None, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for method in READING:
        response = ask(client, method, name)
        assert (response.status_code, response["Location"].partition("?")[0]) == (
            HTTPStatus.FOUND,
            "/admin/login/",
        )
    for method in WRITING:
        before = checksum()
        assert ask(client, method, name).status_code in {HTTPStatus.FOUND, HTTPStatus.FORBIDDEN}
        assert checksum() == before


@pytest.mark.parametrize("name", ADDRESSES)
def test_who_is_not_of_the_staff_is_led_there_too_whatever_rights_he_has(
    planted: None, sign_in: SignIn, name: str
) -> None:
    client = sign_in(*all_rights(), is_staff=False)
    before = checksum()
    for method in (*READING, "post"):
        assert ask(client, method, name)["Location"].startswith("/admin/login/")
    assert checksum() == before


@pytest.mark.parametrize("name", ADDRESSES)
def test_without_a_right_nothing_is_open(planted: None, sign_in: SignIn, name: str) -> None:
    client, before = sign_in(), checksum()
    for method in READING + WRITING:
        assert ask(client, method, name).status_code == HTTPStatus.FORBIDDEN
    assert checksum() == before


@pytest.mark.parametrize("name", ADDRESSES)
def test_one_right_opens_what_takes_that_right_alone(planted: None, sign_in: SignIn, name: str) -> None:
    address = ADDRESSES[name]
    for right in sorted(all_rights()):
        client, before = sign_in(right), checksum()
        is_enough = address.rights == (right,) and not address.further
        for method in (*READING, "post"):
            response = ask(client, method, name)
            wanted = HTTPStatus.FORBIDDEN
            if is_enough:
                wanted = HTTPStatus.METHOD_NOT_ALLOWED if method == "post" and not address.acts else None  # type: ignore[assignment]
            assert response.status_code in ({wanted} if wanted else THROUGH), (right, method)
        if not (is_enough and address.acts):
            assert checksum() == before, right


@pytest.mark.parametrize("name", ADDRESSES)
def test_all_rights_but_one_are_too_few(planted: None, sign_in: SignIn, name: str) -> None:
    address, before = ADDRESSES[name], checksum()
    for right in (*address.rights, *address.further):
        client = sign_in(*(all_rights() - {right}))
        for method in (*READING, "post"):
            assert ask(client, method, name).status_code == HTTPStatus.FORBIDDEN, (right, method)
    assert checksum() == before


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("who", ["superuser", "one with its rights"])
def test_who_may_gets_there(planted: None, sign_in: SignIn, name: str, who: str) -> None:
    address = ADDRESSES[name]
    is_superuser = who == "superuser"
    client = sign_in(*(() if is_superuser else (*address.rights, *address.further)), is_superuser=is_superuser)
    for method in READING:
        assert ask(client, method, name).status_code in THROUGH
    for method in ("put", "patch", "delete"):
        assert _with_token(client, method, name).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    posted = ask(client, "post", name).status_code
    assert posted in THROUGH if address.acts else posted == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("name", [name for name, each in ADDRESSES.items() if each.acts])
def test_where_people_only_read_nobody_acts(planted: None, sign_in: SignIn, name: str) -> None:
    client = sign_in(is_superuser=True)
    with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
        before = checksum()
        for method in READING + WRITING:
            assert ask(client, method, name).status_code == HTTPStatus.FORBIDDEN
        assert checksum() == before


@pytest.mark.parametrize("name", [name for name, each in ADDRESSES.items() if not each.acts])
def test_where_people_only_read_they_do(planted: None, sign_in: SignIn, name: str) -> None:
    with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
        assert ask(sign_in(is_superuser=True), "get", name).status_code in THROUGH


@pytest.mark.parametrize("name", ADDRESSES)
def test_to_look_changes_nothing(planted: None, sign_in: SignIn, name: str) -> None:
    client, before = sign_in(is_superuser=True), checksum()
    for data in ({}, ADDRESSES[name].data, {**ADDRESSES[name].data, "confirmed": "1"}):
        for method in READING:
            getattr(client, method)(url_of(name), data)
            assert checksum() == before, (method, data)


@pytest.mark.parametrize("name", ADDRESSES)
def test_what_has_no_token_changes_nothing(planted: None, sign_in: SignIn, name: str) -> None:
    client, before = sign_in(is_superuser=True), checksum()
    for data in (ADDRESSES[name].data, {**ADDRESSES[name].data, "csrfmiddlewaretoken": "b" * 32}):
        assert client.post(url_of(name), data).status_code == HTTPStatus.FORBIDDEN
    assert checksum() == before


def _with_token(client: Client, method: str, name: str) -> Any:
    client.cookies["csrftoken"] = "a" * 32
    return getattr(client, method)(url_of(name), headers={"X-CSRFToken": "a" * 32})


def checksum() -> str:
    """A digest of all rows of all tables, but for those that signing in writes."""
    digest = hashlib.sha256()
    for model in apps.get_models(include_auto_created=True):
        if model in ASIDE or not model._meta.managed or model._meta.auto_created:
            continue
        table, alias = model._meta.db_table, "default"
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connections[alias].ops.quote_name(table)} ORDER BY 1")
            digest.update(json.dumps([table, cursor.fetchall()], default=str).encode())
    return digest.hexdigest()
