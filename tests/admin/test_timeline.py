"""The timeline: what is read, where it is drawn, and its page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import pytest

from jobqueue.admin.charts.gantt import COLOURS, colour_of, gantt
from jobqueue.conf import get_settings
from jobqueue.insight import timeline
from jobqueue.insight.scene import Scene
from jobqueue.insight.timeline import HEAD, LANE, WIDTH, Story, Stretch, draw, packed, story
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.admin.planting import HOSTILE, attempt, ended
from tests.verbs.conftest import job, pool

URL = "/admin/jobqueue/worker/timeline/"
NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
SINCE = NOW - timedelta(seconds=1000)  # so that a second is one wide


def stretch(
    began: float, ended: float, worker: str = "a", end: str = "succeeded", name: str = "shop.send"
) -> Stretch:
    """An attempt from so many seconds to so many, of a thousand."""
    return Stretch(worker, 1, name, SINCE + timedelta(seconds=began), SINCE + timedelta(seconds=ended), end)


class TestLayout:
    def test_a_second_has_its_place(self) -> None:
        [lane] = draw([stretch(100, 250)], SINCE, NOW).lanes
        [block] = lane.blocks
        assert (block.x, block.width, block.y) == (100.0, 150.0, HEAD)
        assert lane.busy == pytest.approx(0.15)

    def test_each_worker_has_a_lane_and_each_slot_a_row(self) -> None:
        drawing = draw([stretch(0, 100), stretch(50, 150), stretch(100, 200), stretch(0, 9, "b")], SINCE, NOW)
        [one, two] = drawing.lanes
        assert (one.worker, one.rows, two.worker, two.rows) == ("a", 2, "b", 1)
        assert sorted((block.x, block.y) for block in one.blocks) == [(0, HEAD), (50, HEAD + LANE), (100, HEAD)]
        assert two.y == HEAD + 2 * LANE
        assert one.busy == pytest.approx(0.2)

    def test_nothing_lies_over_another(self) -> None:
        some = [stretch(begin % 700, begin % 700 + 3 + begin % 90) for begin in range(0, 9000, 37)]
        for row in packed(some):
            assert all(left.ended <= right.began for left, right in pairwise(row))

    def test_what_began_before_is_cut_at_the_edge(self) -> None:
        [lane] = draw([stretch(-500, 100), stretch(900, 1500)], SINCE, NOW).lanes
        assert [(block.x, block.width) for block in lane.blocks] == [(0, 100), (900, 100)]

    def test_short_ones_are_drawn_together_and_can_be_seen(self) -> None:
        [lane] = draw([stretch(at / 10, at / 10 + 0.05) for at in range(20)], SINCE, NOW).lanes
        assert [len(block.stretches) for block in lane.blocks] == [20]
        assert lane.blocks[0].width == timeline.NARROWEST

    def test_the_number_of_blocks_has_an_end(self) -> None:
        some = [stretch(at / 4, at / 4 + 0.2) for at in range(4000)]
        [lane] = draw(some, SINCE, NOW).lanes
        assert len(lane.blocks) <= WIDTH / timeline.NARROWEST * 1.5

    def test_a_block_at_the_end_stays_inside(self) -> None:
        [lane] = draw([stretch(999.9, 1000)], SINCE, NOW).lanes
        assert lane.blocks[0].x + lane.blocks[0].width <= WIDTH

    def test_too_many_workers_are_counted(self) -> None:
        drawing = draw([stretch(0, 9, f"{number:03}") for number in range(timeline.WORKERS + 5)], SINCE, NOW)
        assert (len(drawing.lanes), drawing.others) == (timeline.WORKERS, 5)

    def test_nothing_is_nothing(self) -> None:
        assert draw([], SINCE, NOW).lanes == []
        assert draw([], NOW, NOW).lanes == []


class TestDrawing:
    def test_words_fit_into_their_block(self) -> None:
        drawing = gantt(Story([stretch(0, 15), stretch(100, 140), stretch(200, 900)], SINCE, NOW, True), 15, str)
        assert [block.label for block in drawing.lanes[0].blocks] == ["", "send", "send"]
        [tick, *_] = drawing.ticks
        assert (tick.label, tick.x) == ("11:45 a.m.", 70.0)

    def test_a_failure_has_a_cross_and_is_told(self) -> None:
        drawing = gantt(Story([stretch(0, 15, end="failed")], SINCE, NOW, True), 15, lambda pk: f"/job/{pk}/")
        [block] = drawing.lanes[0].blocks
        assert (block.is_failed, block.url, block.title) == (True, "/job/1/", "#1 shop.send: failed, 15 s")

    def test_a_class_keeps_its_colour(self) -> None:
        assert colour_of("shop.send") == colour_of("shop.send")
        assert {colour_of(f"shop.{number}") for number in range(200)} == set(range(COLOURS))

    def test_the_legend_has_the_classes_that_came_most_often_first(self) -> None:
        found = [stretch(0, 15, name="shop.rare"), stretch(20, 30), stretch(40, 50)]
        drawing = gantt(Story(found, SINCE, NOW, True), 15, str)
        assert drawing.legend == [(colour_of("shop.send"), "send"), (colour_of("shop.rare"), "rare")]


@pytest.mark.django_db
class TestStory:
    def scene(self) -> Scene:
        return Scene(get_settings())

    def test_successes_failures_and_what_runs(self) -> None:
        one = ended(State.SUCCEEDED, ago=60, took=5)
        two = attempt(ended(State.FAILED, ago=30)).job_id
        three = job(State.RUNNING)
        ended(State.CANCELLED)
        ended(State.SUCCEEDED, ago=3000)
        pool(workers=[{"pid": 7, "jobs": [{"id": three.pk, "seconds": 4}]}])
        found = story(self.scene(), 15)
        assert {(each.job_id, each.end) for each in found.stretches} == {
            (one.pk, "succeeded"), (two, "failed"), (three.pk, "running"),
        }  # fmt: skip
        assert {each.worker for each in found.stretches} == {"host:atlas pid:1", "host:atlas pid:7"}
        assert found.is_whole

    def test_reading_has_an_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timeline, "NEWEST", 2)
        newest = [ended(State.SUCCEEDED, ago=10 * number) for number in range(1, 4)]
        found = story(self.scene(), 15)
        assert {each.job_id for each in found.stretches} == {each.pk for each in newest[:2]}
        assert not found.is_whole

    def test_what_ended_before_it_began_is_left_out(self) -> None:
        ended(State.SUCCEEDED, took=-5)
        assert story(self.scene(), 15).stretches == []


@pytest.mark.django_db
class TestPage:
    def test_it_draws_and_tells_the_same_in_a_table(self, sign_in: SignIn) -> None:
        attempt(ended(State.FAILED, ago=30))
        done = ended(State.SUCCEEDED, ago=60, took=30)
        response = sign_in("view_worker").get(URL)
        text = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert text.count('<g class="jq-block') == 2
        assert text.count("jq-cross") == 1
        assert f"#{done.pk}" in text.partition("<table")[2]

    @pytest.mark.parametrize("minutes", ["5", "15", "60", "x", "-1", "9" * 99, "\0", "5.0"])
    def test_any_number_of_minutes_is_answered(self, sign_in: SignIn, minutes: str) -> None:
        ended(State.SUCCEEDED, ago=600)
        text = sign_in("view_worker").get(URL, {"minutes": minutes}).content.decode()
        assert ("No attempt has ended" in text) is (minutes == "5")

    def test_hostile_text_is_but_text(self, sign_in: SignIn) -> None:
        attempt(ended(State.FAILED, ago=30, name=HOSTILE), worker=HOSTILE * 3)
        ended(State.SUCCEEDED, ago=60, took=300, name="\u202e" * 255, locked_by=HOSTILE)
        text = sign_in(is_superuser=True).get(URL).content.decode()
        assert "<svg onload" not in text
        assert "<script>alert" not in text

    def test_numbers_in_a_drawing_are_those_of_machines(self, sign_in: SignIn, settings: Any) -> None:
        settings.LANGUAGE_CODE = "de"
        ended(State.SUCCEEDED, ago=61.5, took=33.3)
        text = sign_in("view_worker").get(URL).content.decode().partition('<svg class="jq-timeline"')[2]
        drawing = text.partition("</svg>")[0]
        assert 'x="' in drawing
        assert not [
            value for value in drawing.split('"')[1::2] if value.replace(",", "").isdigit() and "," in value
        ]

    def test_the_number_of_queries_does_not_grow(
        self, sign_in: SignIn, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(30):
            attempt(ended(State.FAILED, ago=30 + number))
        client = sign_in(is_superuser=True)
        with django_assert_max_num_queries(16):
            client.get(URL)

    def test_where_successes_are_not_kept_it_says_so(self, sign_in: SignIn, settings: Any) -> None:
        settings.JOBQUEUE = {"KEEP_SUCCEEDED": 0}
        attempt(ended(State.FAILED, ago=30))
        assert "KEEP_SUCCEEDED is 0" in sign_in("view_worker").get(URL).content.decode()
