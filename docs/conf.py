"""Builds the pages with Sphinx: ``python3 dev.py docs``.

The pages are plain Markdown whose links are paths in the repository, so that they read as well where the code is
hosted. Sphinx reads them from the root of the repository for the same reason. What it adds is in ``_ext``.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import django  # noqa: E402 (the path comes first)
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

import jobqueue  # noqa: E402

settings.configure(
    INSTALLED_APPS=["jobqueue"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="documentation",  # noqa: S106 (nothing is signed here)
)
django.setup()
call_command("migrate", verbosity=0)  # autodoc looks at everything, querysets included

project = "jobqueue"
author = copyright = "jobqueue contributors"
version = release = jobqueue.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "house"]
root_doc = "README"
include_patterns = ["*.md", "deploy/README.md", "benchmarks/README.md", "docs/**.md"]
exclude_patterns = [".*", "jobqueue", "tests", "demo_site", "build", "dist"]
templates_path = ["_templates"]

myst_heading_anchors = 6
myst_links_external_new_tab = False
suppress_warnings = ["misc.highlighting_failure"]  # "…" in code stands for any text

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_ivar = True
napoleon_use_rtype = False

# Names of others cannot be looked up without the network. Of ours each must be found: what a public function returns
# has a row in reference/modules.md; not of interest there are type variables and these.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!jobqueue\.).*"),
    ("py:.*", r"jobqueue\..*\.([PRT]|Notes|\w+Marker|\w+Decorator|DeclaredFunction)"),
]

html_theme = "furo"
html_title = f"jobqueue {release}"
html_permalinks_icon = "#"
html_sourcelink_suffix = ""
html_theme_options = {"navigation_with_keys": True}
