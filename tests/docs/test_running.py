"""Each block of code of README, tutorial and how-to guides is run, as a reader would run it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import load_command_class
from psycopg.conninfo import conninfo_to_dict

from tests.docs.pages import DOCS, ROOT, Block, blocks, prose, section
from tests.docs.project import Project, commands, pattern

QUICKSTART = DOCS / "tutorial" / "quickstart.md"
POSTGRESQL = DOCS / "how-to" / "postgresql.md"
PAGES = [*sorted((DOCS / "tutorial").glob("*.md")), *sorted((DOCS / "how-to").glob("*.md"))]
GUIDES = [page for page in PAGES if page not in {QUICKSTART, POSTGRESQL}]
#: What a reader keeps in the environment.
VARIABLES = {"JOBS_KEYS": Fernet.generate_key().decode(), "PROBE_TOKEN": "0123456789abcdef"}
COMMAND = re.compile(r"manage\.py (\w+)([^\n|;&]*)")
OURS = {"jobworker", "jobs"}
STEPS = "Add it to your project"

MODELS = """\
from django.db import models


class Order(models.Model):
    email = models.EmailField()

    def email_receipt(self):
        print("Receipt for", self.email)
"""

ON_POSTGRESQL = bool(os.environ.get("DATABASE_URL"))
pytestmark = pytest.mark.timeout(300)
once = pytest.mark.skipif(ON_POSTGRESQL, reason="these pages are about SQLite; that run has tried them")


def follow(page: Path, project: Project, part: Sequence[Block] | None = None) -> None:
    """Do what a page, or a part of it, says, from top to bottom."""
    for block in part or blocks(page):
        try:
            project.follow(block)
        except AssertionError as error:
            raise AssertionError(f"{page.relative_to(ROOT)}:{block.line}: {error}") from None


@pytest.fixture(scope="module")
def after_quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the quickstart makes: the other pages go on from there."""
    folder = tmp_path_factory.mktemp("quickstart")
    follow(QUICKSTART, Project(folder))
    return folder


@once
def test_the_quickstart_does_what_it_shows(after_quickstart: Path) -> None:
    assert (after_quickstart / "shop" / "jobs.py").exists()


@once
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_does_what_it_shows(page: Path, after_quickstart: Path, tmp_path: Path) -> None:
    shutil.copytree(after_quickstart, tmp_path, dirs_exist_ok=True)
    follow(page, Project(tmp_path, VARIABLES))


@once
def test_the_readme_does_what_it_shows(tmp_path: Path) -> None:
    readme, project = ROOT / "README.md", Project(tmp_path)
    project.run("django-admin", "startproject", "mysite", ".")
    project.manage("startapp", "shop")
    project.write("shop/models.py", MODELS)
    steps = section(readme, STEPS)
    inside = [block for block in blocks(readme) if block.text in steps]
    others = [block for block in blocks(readme) if block not in inside]
    follow(readme, project, inside)
    project.write("mysite/settings.py", 'INSTALLED_APPS += ["shop"]\n')
    project.manage("makemigrations", "shop")
    project.manage("migrate")
    try:
        follow(readme, project, others)
    finally:
        project.leave()


@pytest.fixture
def server() -> Iterator[dict[str, str]]:
    """A database of its own on the server of this run, in the variables that the page reads."""
    url, name = os.environ["DATABASE_URL"], f"docs_{os.getpid()}"
    given = conninfo_to_dict(url)
    keys = {"DB_USER": "user", "DB_PASSWORD": "password", "DB_HOST": "host", "DB_PORT": "port"}
    variables = {variable: str(given.get(key) or "") for variable, key in keys.items()}
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield variables | {"DB_NAME": name}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.skipif(not ON_POSTGRESQL, reason="needs PostgreSQL")
def test_the_guide_to_postgresql_does_what_it_shows(server: dict[str, str], tmp_path: Path) -> None:
    project = Project(tmp_path, server)
    project.run("django-admin", "startproject", "mysite", ".")
    project.manage("startapp", "shop")
    follow(POSTGRESQL, project)


class TestWhatIsRun:
    """In tutorials and how-to guides nothing that looks like code goes untried without a reason."""

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
    def test_each_block_is_run_or_says_why_not(self, page: Path) -> None:
        silent = [
            block for block in blocks(page) if not block.is_run and not block.not_run and block.kind != "text"
        ]
        assert [f"{page.relative_to(ROOT)}:{block.line}: mark it <!-- not run: why -->" for block in silent] == []
        assert "```" not in prose(page), "each block names its language"

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
    def test_commands_that_are_not_run_are_at_least_understood(self, page: Path) -> None:
        shells = [block for block in blocks(page) if block.kind == "sh"]
        for name, arguments in COMMAND.findall("".join(block.text for block in shells)):
            if name in OURS:
                load_command_class("jobqueue", name).create_parser("manage.py", name).parse_args(
                    shlex.split(arguments, comments=True)
                )


class TestTheTypist:
    """What compares a page with the output must not take anything for anything."""

    def test_what_is_shown_must_be_printed(self) -> None:
        assert pattern("done  #1 send_receipt  took=1ms\n").fullmatch("done  #1 send_receipt  took=30ms\n")
        assert not pattern("done  #1 send_receipt\n").fullmatch("done  #2 send_receipt\n")
        assert not pattern("one\n").fullmatch("one\ntwo\n")

    def test_dots_stand_for_any_text_and_on_their_own_for_any_lines(self) -> None:
        assert pattern("one … three\n").fullmatch("one two three\n")
        assert not pattern("one … three\n").fullmatch("one\nthree\n")
        assert pattern("one\n…\nlast\n").fullmatch("one\ntwo\nthree\nlast\n")

    def test_times_and_processes_vary(self) -> None:
        shown = "12:04:07 *** Starting job worker host:atlas pid:4120\n"
        assert pattern(shown).fullmatch("23:59:59 *** Starting job worker host:here pid:1\n")

    def test_commands_are_told_from_their_output(self) -> None:
        typed = list(commands("$ one\n$ two\nprinted\n"))
        assert [tuple(each) for each in typed] == [("one", ""), ("two", "printed\n")]

    def test_a_command_that_prints_something_else_fails(self, tmp_path: Path) -> None:
        [typed] = commands("$ echo one\ntwo\n")
        with pytest.raises(AssertionError, match=r"(?s)the page shows\ntwo.*it prints\none"):
            Project(tmp_path).type(typed)
