"""What a job says of how far it is, and the log lines that are kept with it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from jobqueue import Performable, current_job, job, progress, track
from jobqueue.exceptions import JobCalledOff, OptionError
from jobqueue.models import Job, Report
from jobqueue.options import check_declaration
from jobqueue.outcomes import CalledOff
from jobqueue.performing import context
from jobqueue.performing.context import CurrentJob
from jobqueue.performing.notes import LONGEST_LINE, LONGEST_LOG, MOST_LINES, Notes
from jobqueue.performing.recording import Recorder
from jobqueue.performing.teller import MOST_FAILURES, PAUSE_SECONDS, Teller
from jobqueue.rows import ClaimedJob
from jobqueue.signals import job_finished
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.reports import Reports
from jobqueue.testing import work_off
from tests.app.models import Document

pytestmark = pytest.mark.django_db

logger = logging.getLogger("shop.mail")


def claimed(**fields: Any) -> ClaimedJob:
    now = timezone.now()
    return ClaimedJob(7, "mail", "shop.jobs.send", 0, 1, "{}", now, now, 0, None, None, None, uuid4())._replace(
        **fields
    )


@pytest.fixture
def current() -> Iterator[CurrentJob]:
    """A present job, whose words go nowhere."""
    present = CurrentJob(claimed(), 0.0, {})
    token = context.enter(present)
    yield present
    context.leave(token)


def said(present: CurrentJob) -> tuple[float | None, float | None, str]:
    told = present.told().told()
    return told.done, told.total, told.text


class TestProgress:
    def test_outside_of_a_job_it_does_nothing(self) -> None:
        progress(1, 2, "halfway")
        assert list(track([1, 2])) == [1, 2]

    @pytest.mark.parametrize(
        ("given", "noted"),
        [
            ((1, 2, "halfway"), (1.0, 2.0, "halfway")),
            ((7,), (7.0, None, "")),
            ((Decimal("1.5"), Decimal(2)), (1.5, 2.0, "")),
            ((-1, 0), (-1.0, 0.0, "")),
            ((1, 2, "x" * 300), (1.0, 2.0, "x" * 200)),
            ((1, 2, "a\x1b[31m\0\ud800\n"), (1.0, 2.0, "a\\x1b[31m\\x00\\ud800\\n")),
            ((1, 2, 3), (1.0, 2.0, "3")),
        ],
    )
    def test_it_is_noted(self, current: CurrentJob, given: Any, noted: Any) -> None:
        progress(*given)
        assert said(current) == noted

    @pytest.mark.parametrize(
        "given", [("1", 2), (None, 2), (1, "2"), (float("nan"), 2), (1, float("inf")), (10**400, 2), ([], {})]
    )
    def test_what_is_no_number_is_logged_and_the_job_goes_on(
        self, current: CurrentJob, given: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        progress(1, 2, "before")
        progress(*given)
        assert said(current) == (1.0, 2.0, "before")
        assert "shop.jobs.send: progress() takes numbers; not noted: " in caplog.text

    def test_a_text_that_cannot_be_said_does_not_fail_the_job(self, current: CurrentJob) -> None:
        class Mute:
            def __str__(self) -> str:
                raise RuntimeError

        progress(1, 2, Mute())  # type: ignore[arg-type]

    def test_other_threads_and_coroutines_are_part_of_the_job(self, current: CurrentJob) -> None:
        async def tell() -> None:
            progress(1)
            await sync_to_async(lambda: progress(2, 3), thread_sensitive=False)()

        asyncio.run(tell())
        assert said(current) == (2.0, 3.0, "")

    def test_it_raises_once_when_the_job_was_called_off(self, current: CurrentJob) -> None:
        current.call_off()
        assert current.cancelled
        with pytest.raises(JobCalledOff, match="cancelled while it was running"):
            progress(1)
        progress(2)
        with pytest.raises(JobCalledOff):
            current.check_cancelled()


class TestTrack:
    def test_it_says_before_each_how_many_are_done(self, current: CurrentJob) -> None:
        seen = [(item, said(current)) for item in track("ab", "letters")]
        assert seen == [("a", (0.0, 2.0, "letters")), ("b", (1.0, 2.0, "letters"))]
        assert said(current) == (2.0, 2.0, "letters")

    def test_of_an_iterator_nobody_knows_the_total_unless_it_is_said(self, current: CurrentJob) -> None:
        assert list(track(iter("ab"))) == ["a", "b"]
        assert said(current) == (2.0, None, "")
        assert list(track(iter("ab"), total=2)) == ["a", "b"]
        assert said(current) == (2.0, 2.0, "")

    def test_what_cannot_be_iterated_over_is_refused_at_once(self) -> None:
        with pytest.raises(TypeError, match=r"track takes a list or another iterable. It is 7"):
            track(7)  # type: ignore[arg-type]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class TestTeller:
    @pytest.fixture
    def held(self) -> ClaimedJob:
        row = Job.objects.create(handler="{}", name="nothing", state=State.READY)
        claim_id = uuid4()
        Job.objects.filter(pk=row.pk).update(state=State.RUNNING, claim_id=claim_id, pool=1)
        return claimed(id=row.pk, claim_id=claim_id)

    def test_at_most_once_a_second_and_once_at_the_end(self, held: ClaimedJob) -> None:
        clock = Clock()
        teller, notes = Teller(get_store(), clock), Notes(held)
        assert teller.due_in() is None
        written = []
        for step in range(30):
            notes.note(step, 30, "")
            teller.note(notes)
            if teller.due_in() == 0:
                teller.write()
                written.append(step)
            clock.now += PAUSE_SECONDS / 8
        assert written == [0, 8, 16, 24]
        notes.end(kept=True)
        teller.note(notes)
        assert teller.due_in() == 0
        teller.write()
        assert Report.objects.get().done == 29.0
        assert teller.due_in() is None

    def test_of_a_row_that_is_deleted_at_once_nothing_is_written(self, held: ClaimedJob) -> None:
        teller, notes = Teller(get_store()), Notes(held)
        notes.note(1, 2, "")
        notes.end(kept=False)
        teller.note(notes)
        teller.write()
        assert not Report.objects.exists()

    def test_a_database_that_is_away_loses_no_more_than_progress(
        self, held: ClaimedJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> None:
            raise OperationalError("server closed the connection unexpectedly")

        clock = Clock()
        teller, notes = Teller(get_store(), clock), Notes(held)
        with monkeypatch.context() as patch:
            patch.setattr(Reports, "tell", away)
            notes.note(1, 2, "")
            teller.note(notes)
            teller.write()
        assert teller.due_in() == PAUSE_SECONDS, "it is tried again"
        clock.now += PAUSE_SECONDS
        teller.write()
        assert Report.objects.get().done == 1.0

    def test_last_words_that_cannot_be_written_keep_nobody_busy(
        self, held: ClaimedJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise OperationalError("database or disk is full")

        clock = Clock()
        teller, notes = Teller(get_store(), clock), Notes(held)
        monkeypatch.setattr(Reports, "tell", refuse)
        notes.end(kept=True)
        teller.note(notes)
        tries = 0
        while (due := teller.due_in()) is not None:
            assert due == (PAUSE_SECONDS if tries else 0.0), "not at once again and again"
            clock.now += due
            teller.write()
            tries += 1
        assert tries == MOST_FAILURES


@job
def tell_in_a_transaction(fails: bool) -> None:
    """Tell inside of a transaction that may come to nothing."""
    with transaction.atomic():
        Document.objects.create(text="one")
        progress(1, 2, "halfway")
        if fails:
            raise ValueError


@job(atomic=True, max_attempts=1)
def tell_atomically(fails: bool) -> str:
    """Tell in the transaction of the job itself."""
    progress(1, 2, "halfway")
    progress(2, 2, "nearly")
    if fails:
        raise ValueError
    return "fine"


@job
async def tell_from_a_loop() -> None:
    """Tell where no database may be asked."""
    for _ in track("ab", "letters"):
        await asyncio.sleep(0)


@job
def tell_from_threads() -> None:
    """Tell on a thread that has no job, and so do nothing; on this one it counts."""
    thread = threading.Thread(target=lambda: progress(9, 9))
    thread.start()
    thread.join()
    progress(1, 1, "here")


class TestWithoutAClerk:
    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize(("told", "text"), [(tell_in_a_transaction, "halfway"), (tell_atomically, "nearly")])
    def test_the_last_words_are_kept_whatever_becomes_of_the_transaction(
        self, told: Any, text: str, fails: bool
    ) -> None:
        row = told.enqueue(fails)
        work_off()
        row.refresh_from_db()
        assert row.report.text == text
        assert row.state == (State.SUCCEEDED if not fails else row.state)

    def test_from_an_event_loop(self) -> None:
        row = tell_from_a_loop.enqueue()
        assert work_off().failed == 0
        assert (row.report.done, row.report.text) == (2.0, "letters")

    def test_from_other_threads(self) -> None:
        row = tell_from_threads.enqueue()
        assert work_off().failed == 0
        assert row.report.text == "here"

    @override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0})
    def test_nothing_is_left_of_a_job_that_is_not_kept(self) -> None:
        tell_atomically.enqueue(False)
        tell_from_a_loop.enqueue()
        work_off()
        assert not Job.objects.exists()
        assert not Report.objects.exists()


# Log lines.


@job(capture_log=True, backoff=0, max_attempts=2, sensitive=["password"])
def log_and_fail(password: str) -> None:
    """Log, and raise."""
    logger.warning("signing in with %s", password)
    progress(1, 2, f"as {password}")
    try:
        raise KeyError(password)
    except KeyError:
        logger.exception("of no use")
    raise ValueError


@job(capture_log="ERROR")
def log_much(lines: int, width: int = 10) -> None:
    """Log many lines."""
    logger.warning("not asked for")
    for number in range(lines):
        logger.error("%05d %s", number, "x" * width)


@job(capture_log=True)
async def log_from_everywhere() -> None:
    """Log in a coroutine, on a thread of its own, and on one that is no part of the job."""
    logger.error("coroutine")
    await sync_to_async(logger.error, thread_sensitive=False)("thread")
    await asyncio.create_task(asyncio.to_thread(logger.error, "task"))
    stranger = threading.Thread(target=logger.error, args=("stranger",))
    stranger.start()
    stranger.join()


@job(capture_log=True)
def log_badly() -> None:
    """Log what steers terminals and forges lines."""
    logger.error("a\x1b[31m\0\n12:00:00 ERROR shop forged")
    logger.error("after all")


@job
def log_quietly() -> None:
    """Log, and keep nothing of it."""
    logger.error("nobody asked")


class LogsItself(Performable):
    """A class with its own logger."""

    capture_log = True

    def perform(self) -> None:
        """Log in both ways."""
        self.logger.error("self")
        present = current_job()
        assert present
        present.logger.error("current")


def lines(row: Job) -> list[str]:
    return [line for line in row.report.log.splitlines() if not line.startswith("---")]


class TestLog:
    def test_each_attempt_has_a_heading_and_no_line_a_secret(self) -> None:
        row = log_and_fail.enqueue("hunter22")
        work_off()
        log = row.report.log
        assert log.count("WARNING shop.mail signing in with ********") == 2
        assert [line[:13] for line in log.splitlines() if line.startswith("---")] == [
            "--- attempt 1",
            "--- attempt 2",
        ]
        assert "    KeyError: '********'" in log
        assert row.report.text == "as ********"
        assert "hunter22" not in log

    def test_only_of_the_level_that_is_asked_for(self) -> None:
        row = log_much.enqueue(3)
        work_off()
        assert [line.split(" ", 1)[1] for line in lines(row)] == [
            f"ERROR shop.mail {number:05d} xxxxxxxxxx" for number in range(3)
        ]

    @pytest.mark.parametrize(("count", "width"), [(1000, 10), (1000, 600), (250, 10**5)])
    def test_the_last_lines_are_kept_within_limits(self, count: int, width: int) -> None:
        row = log_much.enqueue(count, width)
        work_off()
        found = row.report.log.splitlines()
        assert len(found) <= MOST_LINES
        assert len(row.report.log) <= LONGEST_LOG
        assert max(map(len, found)) <= LONGEST_LINE
        assert f" {count - 1:05d} x" in found[-1]

    def test_wherever_the_code_of_the_job_runs(self) -> None:
        row = log_from_everywhere.enqueue()
        work_off()
        assert {line.rsplit(" ", 1)[1] for line in lines(row)} == {"coroutine", "thread", "task"}

    def test_hostile_text_is_harmless(self) -> None:
        row = log_badly.enqueue()
        assert work_off().failed == 0
        first, second, last = lines(row)
        assert first.endswith(r"a\x1b[31m\x00")
        assert second == "    12:00:00 ERROR shop forged"
        assert last.endswith("after all")

    def test_a_lone_surrogate_is_written_so_that_every_database_takes_it(self, current: CurrentJob) -> None:
        recorder = Recorder(current, True)
        # Not by way of a logger: what pytest captures of it could not travel to its other processes.
        recorder.emit(logging.LogRecord("shop", logging.ERROR, __file__, 1, "a\ud800", (), None))
        assert current.told().told().log.endswith(r"ERROR shop a\ud800")

    def test_a_call_that_cannot_be_formatted_fails_no_job(self, current: CurrentJob, capsys: Any) -> None:
        recorder = Recorder(current, True)
        recorder.emit(logging.LogRecord("shop", logging.ERROR, __file__, 1, "%d", ("no number",), None))
        assert "Logging error" in capsys.readouterr().err
        recorder.emit(logging.LogRecord("shop", logging.ERROR, __file__, 1, "after all", (), None))
        assert current.told().told().log.endswith("ERROR shop after all")

    def test_nothing_is_kept_that_nobody_asked_for(self) -> None:
        log_quietly.enqueue()
        before = list(logging.getLogger().handlers)
        work_off()
        assert not Report.objects.exists()
        assert logging.getLogger().handlers == before

    @override_settings(JOBQUEUE={"CAPTURE_LOG": "WARNING"})
    def test_the_setting_asks_for_all(self) -> None:
        row = log_quietly.enqueue()
        work_off()
        assert "ERROR shop.mail nobody asked" in row.report.log

    def test_loggers_of_jobs(self) -> None:
        row = LogsItself.enqueue()
        work_off()
        name = f"{__name__}.LogsItself"
        assert [line.split(" ", 1)[1] for line in lines(row)] == [f"ERROR {name} self", f"ERROR {name} current"]

    @pytest.mark.parametrize("wrong", ["info", 1, "NOTSET", []])
    def test_a_level_that_is_none_is_refused(self, wrong: Any) -> None:
        with pytest.raises(OptionError, match="capture_log must be True, False, or DEBUG"):
            check_declaration({"capture_log": wrong})


# Called off, without a pool.


@job(max_attempts=5)
def be_called_off(how: str) -> str:
    """Do as a job does that somebody cancels while it runs."""
    present = current_job()
    assert present
    present.call_off()
    match how:
        case "heeds":
            present.check_cancelled()
        case "fails":
            raise ValueError(how)
    return how


class TestCalledOff:
    @pytest.mark.parametrize(
        ("how", "state"), [("heeds", State.CANCELLED), ("fails", State.CANCELLED), ("ends", State.SUCCEEDED)]
    )
    def test_it_is_cancelled_unless_it_succeeds(self, how: str, state: State) -> None:
        outcomes: list[Any] = []

        def note(outcome: Any, **_: Any) -> None:
            outcomes.append(outcome)

        row = be_called_off.enqueue(how)
        job_finished.connect(note)
        try:
            work_off()
        finally:
            job_finished.disconnect(note)
        row.refresh_from_db()
        assert row.state == state
        assert isinstance(outcomes[0], CalledOff) == (how == "heeds")
        assert row.tries.count() == (how == "fails")


def test_it_is_told_on_the_connection_of_the_jobs() -> None:
    assert get_store().alias == connection.alias
