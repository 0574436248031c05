"""The pages build without a warning into a site that needs no other: each link in it leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT, pages

pytestmark = [pytest.mark.timeout(400), pytest.mark.no_database]


class Page(HTMLParser):
    """What a page of the site links to, loads and offers as places to link to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.loaded, self.places = list[str](), list[str](), set[str]()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        found = {name: value for name, value in attrs if value}
        self.places.update(value for name, value in found.items() if name in {"id", "name"})
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in {"script", "img", "link", "iframe"}:
            self.loaded += [found[name] for name in ("src", "href") if name in found]


class Site:
    """The built site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def pages(self) -> dict[Path, Page]:
        return {path: Page(path) for path in sorted(self.folder.rglob("*.html"))}

    def leads_somewhere(self, start: Path, link: str) -> bool:
        """Whether a link from a page to another place in the site is there."""
        url = urlsplit(link)
        target = (start.parent / unquote(url.path)).resolve() if url.path else start
        if target not in self.pages:
            return target.is_file()
        return not url.fragment or unquote(url.fragment) in self.pages[target].places


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    pytest.importorskip("sphinx", reason='the documentation is built by Sphinx: pip install -e ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-c", "docs"]
    trees = ["-d", str(folder / "trees"), ".", str(folder / "html")]
    done = subprocess.run([*command, *trees], cwd=ROOT, capture_output=True, text=True, check=False, timeout=380)
    assert (done.returncode, done.stderr) == (0, "")
    return Site(folder / "html")


def test_each_link_and_anchor_of_the_site_leads_somewhere(site: Site) -> None:
    lost = [
        f"{path.relative_to(site.folder)}: {link}"
        for path, page in site.pages.items()
        for link in page.links
        if not re.match(r"https?:|mailto:", link) and not site.leads_somewhere(path, link)
    ]
    assert lost == []


def test_it_loads_nothing_from_elsewhere(site: Site) -> None:
    loaded = {link for page in site.pages.values() for link in page.loaded}
    assert [link for link in loaded if urlsplit(link).netloc] == []
    styles = "".join(path.read_text() for path in site.folder.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import )[\"']?https?:", styles) == []


def test_it_has_every_page_and_each_says_what_it_was_checked_with(site: Site) -> None:
    for page in pages():
        built = site.folder / page.relative_to(ROOT).with_suffix(".html")
        assert built.exists()
        assert re.search(r"Last checked with jobqueue \S+, Django \S+, Python \S+, SQLite \S+", built.read_text())


def test_the_entrance_is_the_readme_and_the_sidebar_has_the_chapters(site: Site) -> None:
    entrance = (site.folder / "index.html").read_text()
    assert "Background jobs for Django in the database you already have." in entrance
    chapters = re.findall(r'class="caption-text">([^<]+)<', entrance)
    assert chapters == ["Learn", "Do", "Move here", "Look up", "Understand", "Project"]


def test_the_docstrings_of_public_words_are_in_it(site: Site) -> None:
    places = site.pages[site.folder / "docs" / "reference" / "modules.html"].places
    words = "enqueue_many exceptions.QueueFull testing.work_off models.JobQuerySet.failed signals.job_failed"
    assert {f"jobqueue.{word}" for word in words.split()} <= places


def test_programs_find_every_page_by_llms_txt(site: Site) -> None:
    text = (site.folder / "llms.txt").read_text()
    assert text.startswith("# jobqueue\n\n> Background jobs for Django")
    linked = {site.folder / link for link in re.findall(r"\]\(([^)]+)\)", text)}
    assert [link for link in linked if not link.exists()] == []
    below = {path for path in (site.folder / "_sources").rglob("*.md") if path.parent.name != "decisions"}
    assert below - linked == {site.folder / "_sources" / "README.md"}
