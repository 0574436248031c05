import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

from demo_site.front.cards import CARDS
from demo_site.front.templatetags.demo import distance, reason
from demo_site.hello.jobs import greet
from demo_site.videos.models import Video
from jobqueue.testing import work_off

DEMO = Path(__file__).resolve().parent.parent.parent.parent / "demo_site"
PAGES = ["/", "/hello/", "/videos/", "/videos/library/", "/reports/", "/payments/", "/flaky/"]


class Offences(HTMLParser):
    """What a strict content security policy would stop, and what leaves this host."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        inline = tag == "style" or (tag == "script" and "src" not in given)
        handlers = [name for name in given if name == "style" or name.startswith("on")]
        hosts = [value for value in given.values() if value and re.match(r"(https?:)?//", value)]
        if inline or handlers or hosts:
            self.found.append((tag, given))


@pytest.fixture
def busy(client, make_video, upload):
    """A site on which everything has happened once."""
    upload()
    upload(content=b"words")
    client.post("/payments/", {"email": "visitor@example.com", "card_accepted": "False"})
    for path in ("/reports/build/", "/flaky/works-at-last/", "/flaky/never-works/"):
        client.post(path)
    greet.enqueue("world")
    work_off()


@pytest.mark.parametrize("path", PAGES)
def test_pages_stand_while_nothing_has_happened(client, db, path):
    assert client.get(path).status_code == 200
    assert client.get(f"{path}live/").status_code == 200


@pytest.mark.usefixtures("busy")
def test_pages_need_no_inline_code_and_no_other_host(client):
    videos = [video.get_absolute_url() for video in Video.objects.all()]
    for path in [*PAGES, *videos]:
        for url in (path, f"{path}live/"):
            offences = Offences()
            offences.feed(client.get(url).content.decode())
            assert offences.found == [], url


@pytest.mark.parametrize("file", ["demo.css", "live.js"])
def test_style_and_script_name_no_other_host(file):
    text = (DEMO / "front/static/demo_site" / file).read_text()
    assert not re.search(r"https?:|data:|url\(|@import|[\"'(]//", text)


def test_the_front_page_counts_jobs_by_state(client, db):
    greet.enqueue("world")
    page = client.get("/live/").content.decode()
    assert re.findall(r"<b>(\d+)</b>", page) == ["0", "1", "0", "0", "0", "0"]
    work_off()
    page = client.get("/live/").content.decode()
    assert re.findall(r"<b>(\d+)</b>", page) == ["0", "0", "0", "1", "0", "0"]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_the_code_on_a_card_stands_in_its_file(card):
    for sample in card.samples:
        source = (DEMO / sample.file).read_text()
        missing = [line for line in sample.code.splitlines() if line.strip() not in source]
        assert missing == []


@pytest.mark.parametrize("file", sorted(DEMO.glob("*/views.py")), ids=lambda file: file.parent.name)
def test_no_view_is_longer_than_15_lines(file):
    functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > 15} == {}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "now"),
        (6, "in 6 seconds"),
        (-1, "1 second ago"),
        (-200, "3 minutes ago"),
        (86_399, "in 1 day"),
        (9.6 * 86_400, "in 10 days"),
    ],
)
def test_times_are_said_in_words(seconds, words):
    assert distance(seconds) == words


def test_an_error_is_told_in_one_line():
    assert reason("shop.errors.Broken: no stream 0:1\n\nTraceback …") == "Broken: no stream 0:1"
    assert reason(None) == ""


def test_changes_need_a_token_and_a_post(db):
    strict = Client(enforce_csrf_checks=True)
    for path in ("/videos/library/encode/", "/reports/build/", "/flaky/never-works/"):
        assert strict.post(path).status_code == 403
        assert strict.get(path).status_code == 405


def test_the_admin_shows_what_the_scenarios_made(admin_client, make_video):
    make_video(title="Sample clip")
    assert "Sample clip" in admin_client.get("/admin/videos/video/").content.decode()


def test_monitors_find_their_pages(admin_client):
    assert admin_client.get("/jobqueue/health/").json()["ok"] is False
    assert admin_client.get("/jobqueue/health/ready/").status_code == 503
