"""What the built pages have beside the Markdown: their order, the API from the docstrings, versions, llms.txt.

One truth each: the order is that of the lists in ``docs/README.md`` and ``docs/decisions/README.md``; the modules
are those of the table in ``docs/reference/modules.md``; the versions are those of the environment that builds.
"""

from __future__ import annotations

import inspect
import platform
import posixpath
import re
import shutil
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import django
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import jobqueue

HOME, INDEX, DECISIONS, MODULES = "README", "docs/README", "docs/decisions/README", "docs/reference/modules"
PICTURES = "docs/_static"
CHAPTER = re.compile(r"^## (.+)\n\n((?:- .*\n)+)", re.MULTILINE)
ITEM = re.compile(r"^- \[([^\]]+)\]\(([\w./-]+)\.md\): (.+)$", re.MULTILINE)
DECISION = re.compile(r"^\| \[(\d+)\]\(([\w-]+)\.md\) \| (.+) \|$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([\w-]+)">')
DOCUMENTED = re.compile(r"^\| \[`([\w.]+)`\]", re.MULTILINE)


class Linked(NamedTuple):
    """A page as an index has it; ``page`` is a path from the root of the repository, without its suffix."""

    title: str
    page: str
    about: str


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to what Sphinx does."""
    app.connect("source-read", add_what_is_generated)
    app.add_transform(MakePlacesOfAnchors)
    app.connect("autodoc-skip-member", skip_borrowed)
    app.connect("html-page-context", tell_versions)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_what_is_generated(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page, before it is parsed, what is not written by hand."""
    if page == HOME:
        source[0] += "".join(tree(*chapter) for chapter in chapters(app).items())
    elif page == DECISIONS:
        source[0] += tree("", listed(DECISION, source[0], "docs/decisions"))
    elif page == MODULES:
        source[0] += "".join(map(docstrings, DOCUMENTED.findall(source[0])))


def chapters(app: Sphinx) -> dict[str, list[Linked]]:
    """The lists of the index."""
    index = (Path(app.srcdir) / f"{INDEX}.md").read_text()
    found = {heading: listed(ITEM, items, "docs") for heading, items in CHAPTER.findall(index)}
    return {"": [Linked("Documentation", INDEX, "every page, in one line")], **found}


def listed(pattern: re.Pattern[str], text: str, folder: str) -> list[Linked]:
    """The pages that a list in a folder links to."""
    found = pattern.findall(text)
    return [Linked(title, posixpath.normpath(f"{folder}/{path}"), about) for title, path, about in found]


def tree(caption: str, pages: list[Linked]) -> str:
    """A table of contents that only the sidebar shows."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "", "```{toctree}", *options, *(f"/{each.page}" for each in pages), "```", ""])


def docstrings(name: str) -> str:
    """The docstrings of a module, or of one class in it."""
    found = resolve_name(name)
    kind, options = "autoclass", [":members:"]
    if inspect.ismodule(found):
        kind, options = "automodule", [":members:", ":show-inheritance:", ":exclude-members: objects"]
    if hasattr(found, "__all__"):
        options.append(":imported-members:")
    directive = [f".. {kind}:: {name}", *(f"   {option}" for option in options)]
    return "\n".join(["", f"## `{name}`", "", "```{eval-rst}", *directive, "```", ""])


def skip_borrowed(app: Sphinx, what: str, name: str, found: Any, skip: bool, options: Any) -> bool | None:
    """Leave out classes within classes: they are described where they are at home, or are Django's."""
    return True if what == "class" and isinstance(found, type) else None


class MakePlacesOfAnchors(SphinxTransform):
    """Let links lead to ``<a id="…">``, as they do on code hosts."""

    default_priority = 878  # just before MyST resolves links within the page

    def apply(self, **kwargs: Any) -> None:
        """Put them among the places that MyST makes of headings."""
        slugs = self.env.metadata[self.env.docname].setdefault("myst_slugs", {})
        for raw in self.document.findall(nodes.raw):
            for anchor in ANCHOR.findall(raw.astext()):
                slugs[anchor] = (raw.line or 0, anchor, anchor)
        self.document.myst_slugs = slugs


def tell_versions(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Hand the versions to the foot of the page."""
    context["checked_with"] = checked_with()


def checked_with() -> str:
    """What the pages were last checked with: their code was run by the tests in this environment."""
    try:
        psycopg = f", psycopg {version('psycopg')}"
    except PackageNotFoundError:
        psycopg = ""
    return (
        f"jobqueue {jobqueue.__version__}, Django {django.get_version()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}{psycopg}"
    )


def finish(app: Sphinx, failed: Exception | None) -> None:
    """Give the site an entrance, and programs that read it a table of contents."""
    if failed is None and app.builder.name == "html":
        out = Path(app.outdir)
        shutil.copy(out / f"{HOME}.html", out / "index.html")
        # The README's picture is HTML, of which Sphinx knows nothing.
        shutil.copytree(Path(app.srcdir, PICTURES), out / PICTURES, dirs_exist_ok=True)
        (out / "llms.txt").write_text("\n".join(for_language_models(app)))


def for_language_models(app: Sphinx) -> list[str]:
    """The lines of llms.txt, after llmstxt.org: every page as Markdown, with what it is about."""
    lines = ["# jobqueue", "", f"> {jobqueue.__doc__}", "", f"Checked with {checked_with()}.", ""]
    for chapter, pages in chapters(app).items():
        lines += [f"## {chapter or 'Start'}", ""]
        lines += [f"- [{each.title}](_sources/{each.page}.md): {plain(each.about)}" for each in pages]
        lines.append("")
    return lines


def plain(text: str) -> str:
    """Markdown without links: they lead elsewhere from another page."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
