"""What people see in forms and in the admin can be translated."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from gettext import GNUTranslations
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.apps import apps
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import to_language

from jobqueue.outcomes import FAILURE_WORDS
from jobqueue.states import CHOICES, State
from tests.catalogues import LANGUAGES, PACKAGE, collected, messages, path_of, read, texts

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


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    if shutil.which("xgettext") is None:
        pytest.skip("gettext is not installed: apt-get install gettext")
    return collected(tmp_path_factory.mktemp("texts"))


def test_makemessages_finds_what_the_models_say(found: Catalog) -> None:
    with translation.override(None):
        wanted = {str(CONFIG.verbose_name), *(str(label) for _, label in CHOICES)}
        for model in MODELS:
            wanted |= {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}
        for field in FIELDS:
            wanted |= {str(field.verbose_name), str(field.help_text)}
    assert wanted - {first(each) for each in messages(found)} == set()


def test_no_text_is_marked_by_a_name_that_makemessages_does_not_know() -> None:
    alias = re.compile(r"import \w*gettext\w* as (?!_$)\w+|^    \w*gettext\w* as (?!_,)\w+", re.MULTILINE)
    odd = [path.name for path in PACKAGE.rglob("*.py") if alias.search(path.read_text())]
    assert odd == []


in_each_language = pytest.mark.parametrize("language", LANGUAGES)


@in_each_language
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(language: str, found: Catalog) -> None:
    ours = {(each.context, each.id) for each in messages(read(path_of(language)))}
    assert ours == {(each.context, each.id) for each in messages(found)}, "run: python3 dev.py messages"


@in_each_language
def test_each_text_is_translated(language: str) -> None:
    catalogue = read(path_of(language))
    left = [each.id for each in messages(catalogue) if each.fuzzy or not all(texts(each))]
    assert left == []
    assert {len(texts(each)) for each in messages(catalogue) if each.pluralizable} == {catalogue.num_plurals}


@in_each_language
def test_a_translation_has_the_places_of_the_text(language: str) -> None:
    odd = [
        text
        for each in messages(read(path_of(language)))
        for text in texts(each)
        if places(text) != places(first(each)) and places(text) != places(last(each))
    ]
    assert odd == []


@in_each_language
def test_what_is_shipped_was_compiled_from_it(language: str) -> None:
    with path_of(language).with_suffix(".mo").open("rb") as stream:
        compiled = GNUTranslations(stream)
    for each in messages(read(path_of(language))):
        if not each.pluralizable:
            text = first(each)
            told = compiled.pgettext(each.context, text) if each.context else compiled.gettext(text)
            assert told == each.string, "run: python3 dev.py messages"


@in_each_language
def test_django_speaks_it(language: str) -> None:
    with translation.override(to_language(language)):
        assert str(CONFIG.verbose_name) != "Job queue"
        assert [str(label) for _, label in CHOICES] != [each.label for each in State]


def first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def last(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[-1]


def places(text: str) -> Counter[str]:
    """What is filled in later, or left as it is."""
    return Counter(re.findall(r"%\(\w+\)[sd]|%%|%[st]\b|\{\w+\}", text))
