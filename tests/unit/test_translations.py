"""What people see in forms and in the admin can be translated."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import translation
from django.utils.functional import Promise

from jobqueue.outcomes import FAILURE_WORDS
from jobqueue.states import CHOICES, State

ROOT = Path(__file__).resolve().parents[2]
CONFIG = apps.get_app_config("jobqueue")
MODELS = [*CONFIG.get_models()]
FIELDS = [field for model in MODELS for field in model._meta.concrete_fields if not field.auto_created]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_names_of_each_model_can_be_translated(model: Any) -> None:
    assert isinstance(model._meta.verbose_name, Promise)
    assert isinstance(model._meta.verbose_name_plural, Promise)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_name_help_and_choices_of_each_field_can_be_translated(field: Any) -> None:
    assert isinstance(field._verbose_name, Promise), "as the first argument: _(…)"
    assert isinstance(field.help_text, Promise)
    assert all(isinstance(label, Promise) for _, label in field.choices or ())


def test_the_name_of_the_app_can_be_translated() -> None:
    assert isinstance(CONFIG.verbose_name, Promise)


def test_in_english_the_words_are_those_of_the_code() -> None:
    with translation.override("en"):
        assert [(State(number), str(label)) for number, label in CHOICES] == [(each, each.label) for each in State]
        [outcome] = [field for field in FIELDS if field.name == "outcome"]
        assert [(word, str(label)) for word, label in outcome.flatchoices] == [
            (word, word) for word in FAILURE_WORDS
        ]


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed: apt-get install gettext")
def test_makemessages_finds_them_all(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "jobqueue", tmp_path / "jobqueue", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "jobqueue" / "locale").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "eo", "--verbosity", "0"]
    subprocess.run(command, cwd=tmp_path / "jobqueue", check=True, capture_output=True, timeout=60)
    found = (tmp_path / "jobqueue" / "locale" / "eo" / "LC_MESSAGES" / "django.po").read_text()
    found = found.replace('"\n"', "")
    with translation.override(None):
        wanted = {str(CONFIG.verbose_name), *(str(label) for _, label in CHOICES)}
        for model in MODELS:
            wanted |= {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}
        for field in FIELDS:
            wanted |= {str(field.verbose_name), str(field.help_text)}
    assert {text for text in wanted if f'msgid "{text}"' not in found} == set()
