"""Figures of classes, and what the code says of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobqueue.conf import get_settings
from jobqueue.insight import classes as reader
from jobqueue.insight.classes import class_figures, classes, days, is_known, outstanding
from jobqueue.insight.declared import Declaration, declaration_of, declared_names
from jobqueue.insight.rollups import RANGES
from jobqueue.insight.scene import Scene
from jobqueue.models import ClassPause
from jobqueue.states import State
from tests.admin.planting import NAME, ended, rollup

DAY = RANGES["24h"]


def scene() -> Scene:
    return Scene(get_settings())


@pytest.mark.django_db
class TestFigures:
    def test_what_is_counted_known_or_paused_is_there(self) -> None:
        rollup(name="gone.from.code", succeeded=3, run_11=3)
        rollup(name="gone.from.code", failed=1, wait_02=1)
        ClassPause.objects.create(name="paused.one")
        found = {each.name: each for each in classes(scene(), DAY).shown}
        assert (found["gone.from.code"].counts.succeeded, found["gone.from.code"].counts.failed) == (3, 1)
        assert not found["gone.from.code"].is_declared
        assert found["paused.one"].pause is not None
        assert found[NAME].p95 is None
        assert found["gone.from.code"].p95 == pytest.approx(2.0, rel=0.1)

    def test_the_busiest_come_first_and_the_rest_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rollup(name="b", succeeded=3)
        rollup(name="a", succeeded=4)
        monkeypatch.setattr(reader, "SHOWN", 2)
        found = classes(scene(), DAY)
        assert [each.name for each in found.shown] == ["a", "b"]
        assert found.others == len(declared_names())

    def test_one_class_alone(self) -> None:
        rollup(succeeded=3)
        rollup(name="b", succeeded=3)
        assert class_figures(scene(), NAME, DAY).counts.succeeded == 3
        assert class_figures(scene(), "c", DAY).counts.succeeded == 0

    def test_days_without_anything_are_left_out(self) -> None:
        rollup(succeeded=1, run_00=1)
        rollup(ago=3 * 86_400, failed=2)
        found = days(scene(), NAME)
        assert [(day.figures.counts.succeeded, day.figures.counts.failed) for day in found] == [(1, 0), (0, 2)]
        assert found[0].began_at - found[1].began_at == timedelta(days=3)

    def test_jobs_that_stand_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "TOP", 2)
        slow, failed = ended(State.SUCCEEDED, took=50, ago=90), ended(State.FAILED, took=9, ago=60)
        ended(State.SUCCEEDED, took=1, ago=5)
        ended(State.SUCCEEDED, took=500, name="b")
        found = outstanding(scene(), NAME)
        assert [each.job.pk for each in found.slowest] == [slow.pk, failed.pk]
        assert [each.job.pk for each in found.failed] == [failed.pk]
        monkeypatch.setattr(reader, "ENDS", 1)
        assert slow.pk not in {each.job.pk for each in outstanding(scene(), NAME).slowest}

    def test_what_is_known(self) -> None:
        rollup(name="counted", ago=80 * 86_400)
        rollup(name="too.old", ago=100 * 86_400)
        ClassPause.objects.create(name="paused.one")
        known = {name: is_known(scene(), name) for name in (NAME, "counted", "paused.one", "too.old", "nonesuch")}
        assert known == {NAME: True, "counted": True, "paused.one": True, "too.old": False, "nonesuch": False}


def test_a_function_tells_what_it_takes() -> None:
    assert declaration_of(NAME) == Declaration("(left: int, right: int = 0) -> int", "A plain job function.", {})
    found = declaration_of("tests.app.jobs.send_receipt")
    assert found is not None
    assert found.options["queue"] == "mail"


def test_a_class_and_a_method_tell_it_too() -> None:
    found = declaration_of("tests.app.jobs.VideoWorker")
    assert found is not None
    assert found.doc == "A Performable with options."
    assert declaration_of("auth.User.set_password") is not None


@pytest.mark.parametrize(
    "name",
    ["", "a.b.c", "auth.User.nonesuch", "auth.User.objects", "auth.User._meta", "os.path", "auth..x", "..."],
)
def test_nothing_else_is_told_of(name: str) -> None:
    assert declaration_of(name) is None


def test_former_names_are_no_classes_of_their_own() -> None:
    assert "tests.app.jobs.send_receipt" in declared_names()
    assert "tests.app.jobs.mail_receipt" not in declared_names()
