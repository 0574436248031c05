"""The search: what it means, what it refuses, and that no text of whatever kind breaks it."""

from __future__ import annotations

import random
import string
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from jobqueue import enqueue, search
from jobqueue.models import Attempt, Job
from jobqueue.sealing import seal
from jobqueue.search import SearchError, parse
from jobqueue.search.moments import moment_of, span_of
from jobqueue.search.words import LONGEST, MOST_TERMS, terms
from jobqueue.states import State
from tests.app import secretive
from tests.app.jobs import VideoWorker, import_rows, send_receipt
from tests.keys import NEW, encrypting
from tests.verbs.conftest import job

NOW = timezone.now()


def found(text: str, **how: Any) -> list[int]:
    """The ids of the jobs that a search means, the newest first."""
    return [each.pk for each in parse(text, timezone.now()).find(Job.objects.all(), **how)]


def found_or_place(text: str) -> None:
    """Search; a refusal must point into the text."""
    try:
        found(text, limit=3)
    except SearchError as error:
        refused = error
    else:
        return
    assert 1 <= refused.position <= len(text) + 1, text


def refusal(text: str) -> tuple[str, int]:
    with pytest.raises(SearchError) as caught:
        parse(text, NOW)
    return caught.value.message, caught.value.position


def test_a_term_has_a_field_values_and_a_place() -> None:
    [state, mail, text] = terms('state:failed,cancelled  -queue:mail "no \\"stream\\""')
    assert (state.field, [word.text for word in state.values], state.negated) == (
        "state",
        ["failed", "cancelled"],
        False,
    )
    assert (mail.field, mail.values[0].text, mail.negated, mail.position) == ("queue", "mail", True, 25)
    assert (text.field, text.values[0].text) == ("", 'no "stream"')


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("kueue:mail", 'Unknown field "kueue". Did you mean "queue"? Text with a colon goes in quotes.', 1),
        ("state:faild", '"faild" is not a state. Did you mean "failed"?', 7),
        ("queue:mail  id:x", '"x" is not a whole number, as 7 or >7.', 16),
        ("after:soon", '"soon" is not a time. Examples: -2h, +30m, 2026-11-20, 2026-11-20T09:30.', 7),
        ("state:", 'There must be something after "state:".', 7),
        ("state:failed,", 'There must be something after "state:".', 14),
        ('error:"no', "The closing quote is missing.", 7),
        ('"a"b', "A space is missing.", 4),
        ("-", "There must be something after a comma or minus.", 2),
        ("a\0b", "'\\x00' is in no stored text.", 2),
        ("args:7", 'Say which argument: "args.order_id:7".', 1),
        ("x" * (LONGEST + 1), "A search has at most 1,000 characters; this one has 1,001.", LONGEST + 1),
        ("a " * (MOST_TERMS + 1), "A search has at most 50 terms.", 2 * MOST_TERMS + 1),
        ("id:99999999999999999999", '"99999999999999999999" is not a whole number, as 7 or >7.', 4),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, message: str, position: int) -> None:
    assert refusal(text) == (message, position)


@pytest.mark.django_db
class TestMeaning:
    def test_each_field(self) -> None:
        one = job(State.FAILED, priority=5, key="inv-7", queue="mail", ago=7200)
        two = job(State.RUNNING, call=VideoWorker(23))
        three = job(State.SCHEDULED, attempts=2)
        meant = {
            "": [three.pk, two.pk, one.pk],
            "state:failed": [one.pk],
            "state:failed,running": [two.pk, one.pk],
            "-state:failed": [three.pk, two.pk],
            "state:retrying": [three.pk],
            "queue:mail": [one.pk],
            "class:VideoWorker": [two.pk],
            "class:tests.app.jobs.VideoWorker": [two.pk],
            "class:Worker": [],
            f"id:{one.pk},{two.pk}": [two.pk, one.pk],
            f"id:>{one.pk} id:<{three.pk}": [two.pk],
            "worker:atlas": [two.pk],
            "priority:>0": [one.pk],
            "priority:>=-3 priority:<=0": [three.pk, two.pk],
            "key:inv-7": [one.pk],
            "error:stream": [one.pk],
            'error:"no stream"': [one.pk],
            "-error:stream": [three.pk, two.pk],
            "after:-1h": [three.pk, two.pk],
            "before:-1h": [one.pk],
            "stream": [one.pk],
            "videoworker": [two.pk],
            "INV-7": [one.pk],
            f"#{two.pk}": [two.pk],
            "state:failed queue:mail stream": [one.pk],
            "state:failed queue:default": [],
        }
        assert {text: found(text) for text in meant} == meant

    def test_the_case_of_letters_does_not_matter(self) -> None:
        other, mine = job(State.READY), job(State.FAILED, last_error="OSError: Größe of the STREAM")
        for text in ("stream", "oserror", "error:Stream", "größe", "Größe"):
            assert found(text) == [mine.pk], text
        assert found("-stream") == [other.pk]
        assert found("-größe") == [other.pk]

    def test_a_kind_of_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one, two, three = (job(State.FAILED) for _ in range(3))
        for of, fingerprint in ((one, "a" * 16), (one, "a" * 16), (two, "b" * 16), (three, "a" * 16)):
            Attempt.objects.create(job=of, number=1, ended_at=timezone.now(), fingerprint=fingerprint)
        Job.objects.filter(pk=three.pk).update(state=State.SUCCEEDED)
        meant = {
            f"kind:{'a' * 16}": [three.pk, one.pk],
            f"kind:{'a' * 16} state:failed": [one.pk],
            f"kind:{'a' * 16},{'b' * 16}": [three.pk, two.pk, one.pk],
            f"-kind:{'a' * 16}": [two.pk],
            "kind:nonesuch": [],
        }
        assert {text: found(text) for text in meant} == meant
        monkeypatch.setattr(search, "WINDOW", 1)
        assert found(f"kind:{'a' * 16}") == [three.pk, one.pk]

    def test_arguments_by_name_and_within(self) -> None:
        one = enqueue(send_receipt.bind({"id": 7, "tags": ["a", "b"]}, copy=True))
        two = enqueue(VideoWorker(23))
        meant = {
            "args.order.id:7": [one.pk],
            "args.order.tags:b": [one.pk],
            "args.order.tags.0:a": [one.pk],
            "args.copy:true": [one.pk],
            "args.video_id:23,24": [two.pk],
            "-args.video_id:23": [one.pk],
            "args.video_id:2": [],
            "args.nothing:7": [],
        }
        assert {text: found(text) for text in meant} == meant

    def test_what_is_hidden_cannot_be_searched_for(self) -> None:
        secretive.log_in.enqueue("w", "s3cret")
        assert found("args.password:s3cret") == []
        assert found("args.way:w") != []

    def test_rows_that_nobody_can_read_are_passed_over(self) -> None:
        bad = job(handler="{}")
        assert found("args.left:1") == []
        assert found("-args.left:1") == [bad.pk]

    def test_encrypted_arguments_and_errors_are_searched_row_by_row(self) -> None:
        with encrypting(NEW):
            one = job(State.FAILED, call=send_receipt.bind(7), last_error=seal("ValueError: no stream"))
            job(State.FAILED, call=send_receipt.bind(8), last_error=seal("KeyError"))
            for text in ("args.order:7", "error:stream", "stream", "-error:KeyError"):
                assert found(text) == [one.pk], text

    def test_only_the_newest_rows_are_looked_at_unless_all_are_asked_for(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(search, "WINDOW", 3)
        monkeypatch.setattr(search, "CHUNK", 2)
        ids = [job(State.FAILED).pk for _ in range(8)][::-1]
        parsed = parse("state:failed", NOW)
        assert found("state:failed") == ids[:3]
        assert not parsed.is_complete(Job.objects.all())
        assert found("state:failed", all_rows=True) == ids
        assert found("state:failed", all_rows=True, limit=5) == ids[:5]
        assert found("args.left:1", all_rows=True) == ids
        assert found(f"id:{ids[-1]}") == [ids[-1]]

    def test_any_text_at_all_means_something_or_is_refused_with_its_place(self) -> None:
        """Whatever somebody types: jobs, or a refusal that points into the text; nothing else."""
        enqueue(import_rows.bind([1]))
        dice = random.Random(20261121)
        pieces = [
            "state:", "queue:", "id:", "priority:>", "args.rows:", "after:", "before:", "error:", "key:", "worker:",
            "class:", "-", ",", '"', "\\", ":", " ", "\n", "'", ";", "--", "%", "_", "*", "(", ")", "é", "☃", "\u202e",
            "\x1b[2J", "DROP TABLE jobqueue_job", "1 OR 1=1", "9" * 30, "-2h", "2026-11-20", "ready", "failed",
            "٣", "²",
        ]  # fmt: skip
        pieces += list(string.printable)
        for _ in range(600):
            text = "".join(dice.choices(pieces, k=dice.randint(0, 12)))
            found_or_place(text)
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("value", ["a b", 'say "hi"', "back\\slash", "a,b", "-x", "x:y", "é☃"])
    def test_what_stands_in_quotes_is_what_is_meant(self, value: str) -> None:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        [term] = terms(f'key:"{quoted}"')
        assert [word.text for word in term.values] == [value]
        one = job(key=value)
        assert found(f'key:"{quoted}"') == [one.pk]


class TestTimes:
    def test_spans_and_moments(self) -> None:
        assert span_of("90") == span_of("90s") == span_of("1.5m") == timedelta(seconds=90)
        assert span_of("2w") == timedelta(days=14)
        assert moment_of("-2h", NOW) == NOW - timedelta(hours=2)
        assert moment_of("+1d", NOW) == NOW + timedelta(days=1)
        assert moment_of("now", NOW) == NOW
        assert moment_of("2026-11-20T09:30+02:00", NOW).isoformat() == "2026-11-20T09:30:00+02:00"
        with override_settings(TIME_ZONE="Europe/Paris"):
            assert moment_of("2026-11-20", NOW).isoformat() == "2026-11-20T00:00:00+01:00"

    @pytest.mark.parametrize(
        "text", ["", "2", "h", "-", "-h", "9999999999d", "-99999999w", "0001-01-01", "9999-12-31"]
    )
    def test_what_is_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is not a time\. Examples"):
            moment_of(text, NOW)
