"""Whoever reads the dashboard in another language finds no English there, but for data and what is typed.

Each text that is translated gets marks here, but for the places in it: what is shown without marks never was. So a
sentence that is built without ``gettext``, or a ``Sentence`` that is shown without ``translated``, is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone, translation

from jobqueue import pause, pause_class
from jobqueue.handlers.resolve import registry
from jobqueue.models import Attempt, Cancellation, Job, Pool
from jobqueue.states import State
from tests.admin.conftest import SignIn, send
from tests.admin.planting import attempt, rollup
from tests.admin.test_matrix import ADDRESSES, url_of
from tests.verbs.conftest import job, pool

pytestmark = pytest.mark.django_db

#: What is filled in, or is no text at all.
PLACE = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]*>)")
MARKED = re.compile(r"〖[^〗]*〗")
WORD = re.compile(r"[^\W\d_][\w.:=/\"'-]+")
#: Names have a dot, colon, underscore or digit within.
NAME = re.compile(r"\w+([._:=/-]\w+)+|\w*\d\w*")
#: Elements with what is typed, or is told by programs, as it is.
AS_IT_IS = {"code", "pre", "kbd", "textarea", "script", "style", "datalist", "bdi"}
SHOWN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt"}

#: What others say: Python, a docstring, a job, Django about an address that is none; and an example of a search.
OTHERS = (
    "Expecting value: line 1 column 1 (char 0)",
    "A plain job function.",
    "no stream",
    "The requested resource was not found on this server.",
    "Not Found",
    "JSON Lines",
    'queue:mail class:VideoWorker after:-2h "no stream"',
)
#: Data that is planted here, words of searches, and names of what calls take.
DATA = """
    de inf maul zzz left right nobody ana atlas hera zeus ares default mail noon App CSV ValueError
    language release state queue class id worker priority error kind after before key now
    faild failed soon run_at reason name stat foo max_attempts
    scheduled ready running succeeded cancelled waiting retrying blocked
"""


def marked(text: str) -> str:
    parts = PLACE.split(text)
    return "".join(part if at % 2 or not part.strip() else f"〖{part}〗" for at, part in enumerate(parts))


def marking(original: Callable[..., str], texts: slice) -> Callable[..., str]:
    """Return a function of gettext's that marks what it is given, unless translations are switched off."""

    def translate(*given: Any) -> str:
        if translation.get_language() is None:
            return original(*given)
        one, *more = given[texts]
        return marked(str(one if not more or given[-1] == 1 else more[0]))

    return translate


@pytest.fixture(autouse=True)
def marks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language in which each text is the English one, marked."""
    texts = {"gettext": slice(0, 1), "ngettext": slice(0, 2), "pgettext": slice(1, 2), "npgettext": slice(1, 3)}
    translations: Any = translation._trans  # type: ignore[attr-defined]
    for name, which in texts.items():
        monkeypatch.setattr(translations, name, marking(getattr(translations, name), which))
    with translation.override("de"):
        yield


class Texts(HTMLParser):
    """All texts that a page shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value]
        if tag in AS_IT_IS:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.found.append(data)


def english(page: str) -> set[str]:
    """Return the texts of a page that have words which were not translated."""
    return {" ".join(text.split()) for text in Texts(page).found if untranslated(text)}


def untranslated(text: str) -> list[str]:
    left = MARKED.sub(" ", text)
    for other in sorted(OTHERS, key=len, reverse=True):
        left = left.replace(other, " ")
    words = (word.strip(".:\"'-") for word in WORD.findall(left))
    known = {*DATA.split(), *(part for path in registry for part in path.split("."))}
    return [word for word in words if len(word) > 1 and word not in known and not NAME.fullmatch(word)]


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in(is_superuser=True)


@pytest.fixture
def planted() -> dict[str, Job]:
    """Jobs in each state, as ``why`` tells them apart, and pools in each."""
    now, error = timezone.now(), "ValueError: no stream 0:1"
    pool(pk=1, queues=["default", "q2", "q3", "q4", "q5", "q6", "q7"])
    pool(pk=2, host="hera", quiet=True, release="r7")
    pool(pk=3, host="zeus", beat_at=now - timedelta(minutes=5))
    pool(pk=4, host="ares", alive=False)
    found = {state.label: job(state) for state in State}
    found |= {
        "failed": job(State.FAILED, last_error=error),
        "once": job(State.FAILED, max_attempts=1, last_error=error),
        "exhausted": job(State.FAILED, attempts=25, last_error=error),
        "retrying": job(State.SCHEDULED, attempts=2, last_error=error),
        "blocked": job(State.SCHEDULED, blocked_at=now, attempts=1),
        "due": job(State.SCHEDULED, run_at=now),
        "overdue": job(State.SCHEDULED, run_at=now - timedelta(hours=1)),
        "orphaned": job(State.RUNNING, pool_id=99),
        "cancelling": job(State.RUNNING),
        "behind": job(run_at=now + timedelta(seconds=1)),
        "low": job(queue="mail"),
        "unreadable": job(handler="x"),
        "unsigned": job(handler='{"object":"x.Y"}'),
        "tampered": job(queue="tampered"),
    }
    Job.objects.filter(pk=found["tampered"].pk).update(queue="q2")
    Cancellation.objects.create(pk=found["cancelling"].pk, requested_at=now)
    attempt(found["failed"], error=error)
    rollup()
    return found


def at(page: str, *args: object) -> str:
    return reverse(f"admin:jobqueue_{page}", args=args)


def no_english(response: Any) -> None:
    assert response.status_code < 500
    assert english(response.content.decode()) == set()


@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() - {"dashboard_series"}))
def test_a_page_shows_nothing_that_was_not_translated(name: str, planted: Any, client: Client) -> None:
    no_english(client.get(url_of(name), ADDRESSES[name].data, follow=True))


@pytest.mark.parametrize("pools", ["all", "others", "none"])
def test_a_job_says_why_it_is_where_it_is(pools: str, planted: dict[str, Job], client: Client) -> None:
    if pools != "all":
        Pool.objects.exclude(pk=2 if pools == "others" else 0).delete()
    for each in planted.values():
        no_english(client.get(at("job_change", each.pk)))
        no_english(client.get(at("job_edit", each.pk), follow=True))
    no_english(client.get(at("job_change", 77_777)))


def test_what_rests_and_who_works_is_translated(planted: dict[str, Job], client: Client) -> None:
    for by in ("", "ana"):
        pause("mail", by=by)
        pause("default", "noon", by=by)
        for page in (at("job_change", planted["low"].pk), at("queue_changelist"), at("dashboard_changelist")):
            no_english(client.get(page))
        pause_class("tests.app.jobs.add", by=by)
        for page in (at("job_change", planted["unsigned"].pk), at("jobclass_detail", "tests.app.jobs.add")):
            no_english(client.get(page))
    for pk in (1, 2, 3, 4):
        no_english(client.get(at("worker_detail", pk)))
    no_english(client.get(at("failure_detail", Attempt.objects.get().fingerprint)))


SEARCHES = [
    "stat:x", "zzz:x", "state:x", "state:faild", "id:x", "after:x", '"x', "a:,", ",", "queue:", 'a"b', "args:3",
    "args.:3", "7 " * 60, "7" * 1001, "\0",
]  # fmt: skip


@pytest.mark.parametrize("search", SEARCHES)
def test_a_mistaken_search_is_told_of_in_the_readers_language(search: str, client: Client) -> None:
    no_english(client.get(at("job_changelist"), {"q": search}))
    no_english(client.get(at("job_act"), {"act": "retry", "all": "1", "q": search}, follow=True))


def test_a_search_that_takes_another_right_says_so(sign_in: SignIn) -> None:
    no_english(sign_in("view_job").get(at("job_changelist"), {"q": "error:x"}))


ARGUMENTS = {"name": "tests.app.jobs.add", "arg_left": "1", "arg_right": "2"}
OPTIONS = [
    {"queue": "a b"}, {"priority": "x"}, {"priority": "9" * 12}, {"run_at": "soon"}, {"run_at": "+9999d"},
    {"max_attempts": "0"}, {"key": "\x01"}, {"arg_left": "x"}, {"arg_left": ""}, {"arg_left": '"\\u0000"'},
    {"arg_left": '"\\ud800"'}, {"arg_left": "1e999"}, {"arg_left": "[" * 40 + "]" * 40},
    {"arg_left": "{" + ",".join(f'"{each}":1' for each in range(1001)) + "}"}, {"key": "k1"},
]  # fmt: skip


@pytest.mark.parametrize("given", OPTIONS, ids=lambda given: repr(given)[:40])
def test_a_form_says_what_is_wrong(given: dict[str, str], client: Client, planted: dict[str, Job]) -> None:
    for _twice in range(2):  # the second with a key that is taken
        no_english(send(client, at("job_add"), **ARGUMENTS, **given) if "key" in given else added(client, given))
    edit = at("job_edit", planted["failed"].pk)
    seen = re.search(r'name="seen" value="(\w+)"', client.get(edit).content.decode())
    assert seen
    sent = {"queue": "default", "priority": "0", "arg_left": "1", "arg_right": "2", **given, "seen": seen[1]}
    no_english(told(client, edit, **sent))
    no_english(told(client, edit, **{**sent, "seen": "0" * 32}))


def added(client: Client, given: dict[str, str]) -> Any:
    return told(client, at("job_add"), **{**ARGUMENTS, **given})


def told(client: Client, url: str, **data: str) -> Any:
    """Send a form; return the page that then says how it went."""
    response = send(client, url, **data)
    return client.get(response["Location"]) if response.status_code == 302 else response


@pytest.mark.parametrize(
    "limits", [{"MAX_PAYLOAD_BYTES": 1024}, {"MAX_WAITING": 1}, {"QUEUES": {"mail": 0}}], ids=str
)
def test_a_limit_of_the_settings_is_told(limits: dict[str, Any], client: Client) -> None:
    job()
    with override_settings(JOBQUEUE=limits):
        for queue in ("default", "maul"):
            no_english(added(client, {"arg_left": f'"{"7" * 2000}"', "queue": queue}))
            no_english(added(client, {"queue": queue}))


@pytest.mark.parametrize("state", ["ready", "running", "failed"])
def test_what_is_said_after_an_act_is_translated(state: str, client: Client) -> None:
    given = job(next(each for each in State if each.label == state))
    for page, moment in (("postpone", "x"), ("postpone", "+9999d"), ("postpone", "+2h")):
        no_english(told(client, at(f"job_{page}", given.pk), run_at=moment))
    for page in ("run_now", "cancel", "retry", "delete", "delete"):
        no_english(told(client, at(f"job_{page}", given.pk)))


def test_what_is_said_of_wishes_and_pauses_is_translated(client: Client) -> None:
    pool(), pool(pk=2, alive=False)
    for wish in ("quiet", "go_on", "stop"):
        no_english(told(client, at(f"worker_{wish}", 1)))
        no_english(told(client, at(f"worker_{wish}", 2)))
    for model, name in (("queue", "mail"), ("queue", "a b"), ("jobclass", "tests.app.jobs.add")):
        no_english(told(client, at(f"{model}_pause", name), reason="7" * 201))
        for page in ("pause", "resume", "resume"):
            no_english(told(client, at(f"{model}_{page}", name)))


@pytest.mark.parametrize("act", ["retry", "run_now", "postpone", "cancel", "delete"])
def test_acts_on_many_are_told_of(act: str, client: Client) -> None:
    asked = {"act": act, "ids": ",".join(str(job(state).pk) for state in State)}
    no_english(client.get(at("job_act"), asked))
    no_english(told(client, at("job_act"), **asked, **CONFIRMED, run_at="+2h"))


CONFIRMED = {"confirmed": "1", "at": "2026-11-20T00:00:00+00:00", "newest": "7", "beyond": "0"}
MISTAKES = [
    {"act": "x"}, {"act": "postpone", "run_at": "x"}, {"pace": "spread", "minutes": "0"},
    {"ids": "x"}, {"ids": ""}, {"ids": ",".join(map(str, range(2000)))},
    {"ids": "", "all": "1"}, {"ids": "", "all": "1", "at": "2026-99"}, {"ids": "", "all": "1", "newest": "x"},
    {"ids": "", "all": "1", "state": "x"}, {"ids": "", "all": "1", "q": "7" * 1001},
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: repr(mistake)[:40])
def test_a_mistake_about_many_is_told_of(mistake: dict[str, str], client: Client) -> None:
    no_english(told(client, at("job_act"), **{"act": "retry", "ids": "1", **CONFIRMED, **mistake}))


def test_the_marks_find_what_they_are_for() -> None:
    assert english("<p>〖It waits: 〗no worker<code>ls</code></p>") == {"〖It waits: 〗no worker"}
    assert english(f"<p title='Later'>{marked('Job #%(id)s waits.') % {'id': 7}}</p>") == {"Later"}
