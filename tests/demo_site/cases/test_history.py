"""The planted history: readable, of one piece, and the same every time."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import time_machine
from django.test import TestCase

from demo_site.history import SEED, plant
from demo_site.history.lives import KINDS, SPAN, lives
from demo_site.run import QUEUES
from demo_site.shop.jobs import charge_card, keep_open, open_door, send_newsletter
from jobqueue import retry
from jobqueue.conf import get_settings
from jobqueue.handlers.shown import masked_arguments
from jobqueue.insight.rollups import RANGES, Rollups
from jobqueue.models import Attempt, Job, Pause, Report, Rollup
from jobqueue.testing import work_off

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)


def test_it_is_planted_in_a_moment(db):
    began = time.process_time()
    plant()
    assert time.process_time() - began < 10  # half of it where nothing else runs


class TestPlanted(TestCase):
    @classmethod
    def setUpTestData(cls):
        assert plant(NOW)

    def test_jobs_are_in_every_state_but_running(self):
        states = Counter(Job.objects.values_list("state", flat=True))
        assert set(states) == {0, 1, 3, 4, 5}
        assert states[3] > 1000
        assert states[4] > 50

    def test_every_handler_is_signed_and_readable(self):
        for job in Job.objects.order_by("?")[:200]:
            assert isinstance(masked_arguments(job), dict)

    def test_what_is_sensitive_is_masked(self):
        job = charge_card.jobs.order_by("?")[0]
        assert set(masked_arguments(job)["card_token"]) == {"*"}

    def test_failures_are_of_several_kinds_and_have_frames(self):
        kinds = set(Attempt.objects.values_list("exception", "fingerprint"))
        assert len(kinds) >= 6
        raised = Attempt.objects.filter(outcome="failed")
        assert all("demo_site/shop/outside.py" in each.error for each in raised)
        assert not any("demo_site/history" in each.error for each in raised)

    def test_figures_and_rows_agree(self):
        since = NOW - SPAN
        failed = Rollups("default", RANGES["7d"], NOW).total().failed
        assert 0 < Job.objects.failed().filter(finished_at__gte=since).count() < failed
        minutes = Rollup.objects.filter(minutes=1)
        assert sum(minutes.values_list("failed", flat=True)) == Job.objects.failed().count()

    def test_figures_go_back_three_months(self):
        days = Rollups("default", RANGES["90d"], NOW).series()
        assert sum(day.succeeded > 0 for day in days) >= 89

    def test_something_is_wrong_that_the_dashboard_can_tell(self):
        assert Pause.objects.get().queue == "exports"
        unheard = set(Job.objects.ready().values_list("queue", flat=True)) - set(QUEUES.split(","))
        assert unheard == {send_newsletter.options.queue}
        assert Job.objects.scheduled().filter(attempts__gt=0).exists()
        assert Report.objects.exclude(stored_log="").exists()

    def test_what_is_planted_can_be_performed(self):
        article = Job.objects.failed().filter(name__endswith="sync_stock")[0]
        with time_machine.travel(NOW):
            retry(article)
            work_off("default")
        article.refresh_from_db()
        assert article.state == 3

    def test_it_is_planted_once(self):
        assert not plant(NOW)

    def test_it_ends_now(self):
        assert Job.objects.filter(finished_at__gt=NOW - timedelta(minutes=10)).exists()


def test_it_is_the_same_every_time():
    assert list(lives(Random(SEED), NOW)) == list(lives(Random(SEED), NOW))


def test_queues_of_the_history_are_declared():
    assert {kind.queue for kind in KINDS} <= set(get_settings().queues)


def test_the_door_is_opened_once_and_stores_its_successor(db):
    keep_open()
    keep_open()
    assert open_door.jobs.count() == 1
    work_off("default")
    assert [job.state for job in open_door.jobs.order_by("id")] == [3, 0]
