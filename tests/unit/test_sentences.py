"""Sentences: English for programs and the command line, the reader's own language in the dashboard."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from jobqueue import pause
from jobqueue.exceptions import OptionError, QueueFull
from jobqueue.options import check_call
from jobqueue.search import SearchError, parse
from jobqueue.sentences import Sentence, translated
from jobqueue.wording import Amount, Moment, Span, few
from tests.verbs.conftest import job, say

WAITS = "#7 waits: no worker is running."
WARTET = "#7 wartet: Es läuft kein Worker."


def waits() -> Sentence:
    return Sentence(_("#%(id)s waits: no worker is running."), id=7)


@pytest.fixture
def german() -> Any:
    with translation.override("de"):
        yield


class TestASentence:
    def test_is_english_whatever_language_is_active(self, german: None) -> None:
        assert waits() == WAITS
        assert f"{waits()}" == WAITS
        assert json.dumps(waits()) == f'"{WAITS}"'

    def test_is_told_in_the_active_language(self) -> None:
        said = waits()
        assert translated(said) == WAITS
        with translation.override("de"):
            assert translated(said) == WARTET
        with translation.override("ja"):
            assert translated(said) == "#7 は待機中です。稼働中のワーカーがありません。"

    def test_leaves_the_active_language_as_it_was(self, german: None) -> None:
        waits()
        assert translation.get_language() == "de"

    def test_takes_sentences_among_its_places(self, german: None) -> None:
        text = _("#%(id)s is claimed for %(duration)s by %(worker)s, and was not begun at its last heartbeat.")
        said = Sentence(text, id=7, duration=Span(90 * 3600), worker=Sentence(_("somebody")))
        assert said == "#7 is claimed for 4 days by somebody, and was not begun at its last heartbeat."
        assert "seit 4 d von jemandem" in translated(said)

    def test_counts_as_each_language_does(self, german: None) -> None:
        text = ngettext_lazy(
            '#%(id)s waits behind %(told)s job in queue "%(queue)s".',
            '#%(id)s waits behind %(told)s jobs in queue "%(queue)s".',
            "count",
        )
        one, many = (
            Sentence(text, id=7, count=each, told=Amount(each, 10_000), queue="q") for each in (1, 10_000)
        )
        assert (one, many) == ('#7 waits behind 1 job in queue "q".', '#7 waits behind 10,000+ jobs in queue "q".')
        assert translated(one) == "#7 wartet hinter 1 Job in Warteschlange „q“."
        assert translated(many) == "#7 wartet hinter 10.000+ Jobs in Warteschlange „q“."

    def test_leaves_what_is_filled_in_as_it_is(self, german: None) -> None:
        assert translated(Sentence(_("Run: %(command)s"), command="100 %(s) 7%")) == "Ausführen: 100 %(s) 7%"

    @pytest.mark.parametrize("travel", [copy.deepcopy, lambda said: pickle.loads(pickle.dumps(said))])
    def test_travels_as_english_text(self, travel: Any, german: None) -> None:
        for said, text in ((waits(), WAITS), (Span(3), "3 s"), (Amount(1000), "1,000")):
            assert (travel(said), type(travel(said))) == (text, str)


def test_places_speak_both_languages(german: None) -> None:
    moment = Moment(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    assert (moment, translated(moment)) == ("2026-11-21 12:00", "21. November 2026 12:00")
    assert (few("abc", 2), translated(few("abc", 2))) == ("a, b and 1 more", "a, b und 1 weitere")
    assert (few("ab", 2), translated(few("ab", 2))) == ("a, b", "a, b")


class TestAnError:
    """Of ours is raised, logged and stored in English; the page that shows it translates."""

    def test_of_a_call(self, german: None) -> None:
        with pytest.raises(OptionError) as raised:
            check_call({"priority": "x"})
        text = "priority must be a whole number from -2147483647 to 2147483647. It is 'x'."
        assert str(raised.value) == text
        assert translated(raised.value).startswith("priority muss eine ganze Zahl von")

    def test_of_a_search_says_where(self, german: None) -> None:
        with pytest.raises(SearchError) as raised:
            parse("state:faild", datetime(2026, 11, 21, tzinfo=UTC))
        assert str(raised.value) == '"faild" is not a state. Did you mean "failed"? (character 7)'
        assert translated(raised.value) == "„faild“ ist kein Status. Meinten Sie „failed“? (Zeichen 7)"

    def test_of_a_full_queue(self, german: None) -> None:
        error = QueueFull("mail", 5, 1, 5)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert "kein Platz für einen weiteren Job" in translated(error)

    def test_of_others_stays_as_it_is(self, german: None) -> None:
        assert translated(ValueError("no stream")) == "no stream"
        assert translated(KeyError("x")) == "'x'"
        assert translated(OSError(2, "gone")) == "[Errno 2] gone"


@pytest.mark.django_db
class TestTheCommandLine:
    """Is English, also in a project whose own language is another one: scripts read it."""

    def test_says_why_in_english(self, german: None) -> None:
        stored = job()
        assert say("why", stored.pk).out.startswith(f"#{stored.pk} waits: no worker is running. Start one: python")
        pause("default")
        assert say("why", stored.pk, "--json").json["remedy"] == "Resume it: python manage.py jobs resume default"

    @pytest.mark.parametrize(
        "words", [("list", "stat:x"), ("list", "after:x"), ("pause", "a b"), ("show", "77777")]
    )
    def test_refuses_in_english(self, words: tuple[str, ...]) -> None:
        assert refusal(words, "de") == refusal(words, "en")


def refusal(words: tuple[str, ...], language: str) -> str:
    with translation.override(language):
        try:
            said = say(*words)
        except Exception as error:
            return str(error)
        return said.out + said.err


def test_no_command_speaks_the_language_of_a_reader() -> None:
    """They are not to translate: what they say is English by itself."""
    package = Path(__file__).resolve().parents[2] / "jobqueue"
    english = [*(package / "cli").rglob("*.py"), *(package / "doctor").rglob("*.py"), package / "logs.py"]
    assert [
        path.name for path in english if "translated" in path.read_text() or "gettext" in path.read_text()
    ] == []
