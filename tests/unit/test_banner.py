"""What a starting pool tells about itself (DJ18)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from jobqueue.cli.banner import WIDTH, details, known_jobs, starting_line
from jobqueue.conf import get_settings
from jobqueue.handlers.resolve import registry
from jobqueue.models import Pool
from jobqueue.pool.options import PoolOptions
from jobqueue.stores import get_store
from jobqueue.worker.clerk import Selection
from jobqueue.worker.loop import WorkerOptions
from tests.app import jobs


def options(
    name: str = "", processes: int = 1, listen: bool = True, poll_seconds: float = 5.0, **worker: Any
) -> PoolOptions:
    given = WorkerOptions(**{"selection": Selection(), **worker})
    return PoolOptions(given, processes=processes, name=name, poll_seconds=poll_seconds, listen=listen)


def told(asked: PoolOptions) -> list[str]:
    return list(details(asked, get_settings(), get_store()))


@pytest.mark.parametrize("name", ["", "mailer"])
def test_the_first_line_is_delayed_job_s_to_the_letter(name: str) -> None:
    line = starting_line(options(name), 4120)
    assert re.fullmatch(r"\*\*\* Starting job worker (\S+ )?host:\S+ pid:\d+", line)
    assert line.endswith(" pid:4120")
    assert (" mailer " in line) == bool(name)


@pytest.mark.django_db
class TestDetails:
    @override_settings(BASE_DIR=None)
    def test_what_runs_on_what(self) -> None:
        line = told(options())[0]
        assert re.match(r"    jobqueue \d+\.\d+\.\d+, Django \d+\.\d+", line)
        vendor = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[connection.vendor]
        name = str(connection.settings_dict["NAME"]).rpartition("/")[2]
        assert line.endswith(f'{vendor} "{name}"')

    @override_settings(DEBUG=True, JOBQUEUE={"RELEASE": "4f2a"})
    def test_the_release_and_debug_are_named(self) -> None:
        assert told(options())[0].endswith(", release 4f2a, DEBUG on")

    @override_settings(JOBQUEUE={"RELEASE": "9c1e"})
    def test_other_releases_at_work_are_named(self) -> None:
        Pool.objects.create(host="here", pid=1, release="9c1e")
        assert not any("other releases" in line for line in told(options()))
        for release in ("4f2a", "4f2a", ""):
            Pool.objects.create(host="here", pid=2, release=release)
        Pool.objects.create(host="here", pid=3, release="dead", alive=False)
        [line] = [line for line in told(options()) if "other releases" in line]
        assert line in {
            "    other releases at work: 4f2a (2 pools), none (1 pool)",
            "    other releases at work: none (1 pool), 4f2a (2 pools)",
        }

    def test_which_jobs_it_takes(self) -> None:
        assert "queues all   priorities all   slots 1 = 1 process x 1 thread   poll 5 s" in told(options())[1]
        selection = Selection(("mail", "default"), -5, 10)
        line = told(options(processes=4, threads=8, selection=selection, poll_seconds=0.5))[1]
        assert "queues mail,default   priorities -5..10   slots 32 = 4 processes x 8 threads   poll 0.5 s" in line

    @pytest.mark.parametrize(("low", "high", "span"), [(0, None, "0.."), (None, 0, "..0"), (1, 1, "1..1")])
    def test_a_bound_may_be_open(self, low: int | None, high: int | None, span: str) -> None:
        assert f"priorities {span} " in told(options(selection=Selection((), low, high)))[1]

    def test_what_wakes_it(self) -> None:
        bell = {"postgresql": ", woken by NOTIFY", "sqlite": ", woken by changes of the file"}[connection.vendor]
        assert told(options())[1].endswith(bell)
        assert told(options(listen=False))[1].endswith("poll 5 s")

    def test_how_much_there_is_to_do(self) -> None:
        for number in range(3):
            jobs.add.enqueue(number)
        jobs.add.using(run_at=timezone.now() + timedelta(hours=1)).enqueue(1)
        assert told(options())[2].startswith("    3 jobs due, 1 later; ")

    def test_which_jobs_are_known_by_the_modules_they_are_in(self) -> None:
        total = sum(map(len, known_jobs().values()))
        line, *listed = told(options())[2:-1]
        assert line.endswith(f"; {total} kinds of jobs known:")
        assert max(map(len, listed)) <= WIDTH
        shown = " ".join(" ".join(listed).split())
        assert f"tests.app.jobs: {', '.join(known_jobs()['tests.app.jobs'])}" in shown
        assert "add" in known_jobs()["tests.app.jobs"]

    def test_former_names_are_no_further_kinds(self) -> None:
        kinds = [f"{module}.{name}" for module, names in known_jobs().items() for name in names]
        assert len({id(registry[path]) for path in kinds}) == len(kinds) <= len({id(e) for e in registry.values()})
        assert set(kinds) <= set(registry)

    def test_of_very_many_jobs_not_all_are_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobqueue.cli.banner.LINES", 0)
        assert told(options())[3:-1] == ["      …"]

    @override_settings(DEBUG=True)
    def test_that_it_restarts_itself(self) -> None:
        [line, *_] = details(options(), get_settings(), get_store(), restarts=True)
        assert line.endswith(", DEBUG on (restarts itself on code changes)")

    def test_how_to_stop_it(self) -> None:
        assert (
            told(options())[-1] == "    Ctrl+C once: finish running jobs and stop. Twice: put them back and stop."
        )
