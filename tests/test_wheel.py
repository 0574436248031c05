"""What people install is what stands in the tree: all of the package, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from email import message_from_bytes
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import jobqueue
from dev import PYTHONS
from tests.docs.pages import DOCS, LINK, code, rows
from tests.packages import ROOT, build_sdist, build_wheel
from tests.test_architecture import imports

EXTRAS = DOCS / "reference" / "extras.md"
#: What may be imported without an extra: Django and what it brings; a part of the standard library from 3.14 on;
#: pytest by the plugin that only pytest loads.
NEEDED = {"jobqueue", "django", "asgiref", "annotationlib", "pytest"}
#: Extras that no message needs to name, each with its reason.
UNSAID = {
    "postgres": "Django itself says that psycopg is missing, before anything of ours runs",
    "cli": "nothing is missing without it: bars become lines",
    "otel": "jobqueue.middleware names the extra of what it loads",
    "sentry": "jobqueue.middleware names the extra of what it loads",
}
SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|django-insecure-\w{10}|SECRET_KEY\s*=\s*[\"']|://\w+:[^@\s{]+@|AKIA[0-9A-Z]{16}"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    return ZipFile(build_wheel(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def tracked(*folders: str) -> set[str]:
    """Files in the tree, those that are about to be added included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this is no checkout: {done.stderr.strip()}")
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def test_it_holds_the_files_of_the_tree_as_they_are_and_no_others(wheel: ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == tracked("jobqueue")
    assert [name for name in packed if wheel.read(name) != (ROOT / name).read_bytes()] == []


def test_it_is_code_alone_without_tests_and_secrets(wheel: ZipFile) -> None:
    names = wheel.namelist()
    kinds = {Path(name).suffix for name in names if ".dist-info/" not in name}
    assert kinds <= {".py", ".typed", ".html", ".css", ".js", ".txt", ".po", ".mo", ".svg"}
    assert [
        name for name in names if re.search(r"(^|/)(tests?|conftest|demo_site|benchmarks)(/|\.|_)", name)
    ] == []
    assert [name for name in names if SECRETS.search(wheel.read(name))] == []
    assert "jobqueue/py.typed" in names


def test_it_says_what_it_is_and_needs_django_alone(wheel: ZipFile) -> None:
    about = metadata(wheel)
    assert (about["Name"], about["Version"]) == ("jobqueue", jobqueue.__version__)
    needed = [each for each in about.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert [re.split(r"\W", each)[0].lower() for each in needed] == ["django"]
    [licence] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_the_source_distribution_is_the_tree_and_makes_the_same_wheel(wheel: ZipFile, tmp_path: Path) -> None:
    source = build_sdist(tmp_path)
    packed = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert packed == tracked() | {"PKG-INFO"}
    again = ZipFile(build_wheel(tmp_path / "again", source))
    assert again.namelist() == wheel.namelist()
    assert [name for name in wheel.namelist() if again.read(name) != wheel.read(name)] == []


def test_its_description_renders_and_has_no_link_that_leads_nowhere(wheel: ZipFile) -> None:
    about = metadata(wheel)
    assert about["Description-Content-Type"] == "text/markdown"
    description = str(about.get_payload())
    assert "**Background jobs for Django in the database you already have.**" in description
    assert [link for link in LINK.findall(description) if not link.startswith("https://")] == []
    markdown = pytest.importorskip("readme_renderer.markdown", reason="pip install 'readme-renderer[md]'")
    html = markdown.render(description)
    assert "<h1" in html
    assert "<table>" in html
    assert "&lt;!--" not in html


def test_classifiers_are_those_of_the_index_and_name_what_is_tested(project: dict[str, Any]) -> None:
    known = pytest.importorskip("trove_classifiers", reason="comes with hatchling").classifiers
    assert set(project["classifiers"]) <= known
    ci = (ROOT / ".ci" / "run").read_text()
    assert {"3.11", "3.13"} <= set(re.findall(r"3\.1\d", ci))
    pythons = {each.rpartition(" ")[2] for each in project["classifiers"] if re.search(r"3\.\d+$", each)}
    assert pythons == set(PYTHONS)
    assert "Typing :: Typed" in project["classifiers"]


class TestExtras:
    def test_each_is_on_the_page_and_the_page_has_no_other(self, project: dict[str, Any]) -> None:
        listed = {code(cells[0]): re.findall(r"`([\w-]+)`", cells[1]) for cells in rows(EXTRAS)}
        wanted = {
            name: [re.split(r"[^\w-]", each)[0] for each in needs]
            for name, needs in project["optional-dependencies"].items()
        }
        wanted["dev"] = listed["dev"]
        assert listed == wanted

    def test_dev_has_them_all_so_that_the_tests_run_them(self, project: dict[str, Any]) -> None:
        [together] = [each for each in project["optional-dependencies"]["dev"] if each.startswith("jobqueue[")]
        named = set(together.removeprefix("jobqueue[").removesuffix("]").split(","))
        assert named == project["optional-dependencies"].keys() - {"dev"}

    def test_what_the_package_imports_beyond_django_is_of_an_extra(self, project: dict[str, Any]) -> None:
        needs = [need for name in at_run_time(project) for need in project["optional-dependencies"][name]]
        offered = {re.split(r"[^\w-]", need)[0].lower() for need in needs}
        homes = packages_distributions()
        strangers = {each.imported.partition(".")[0] for each in imports()} - NEEDED - set(sys.stdlib_module_names)
        assert {
            name
            for name in strangers
            if not offered & {home.lower().replace("_", "-") for home in homes.get(name, [])}
        } == set()

    def test_what_needs_one_names_it(self, project: dict[str, Any]) -> None:
        sources = "".join(path.read_text() for path in (ROOT / "jobqueue").rglob("*.py"))
        silent = {name for name in at_run_time(project) if f"jobqueue[{name}]" not in sources}
        assert silent <= UNSAID.keys()


def at_run_time(project: dict[str, Any]) -> set[str]:
    """The extras for those who use the package."""
    return set(project["optional-dependencies"]) - {"demo", "docs", "dev"}


def metadata(wheel: ZipFile) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(wheel.read(name))
